"""Signing out: here at once, and at the provider by which somebody came where they want that too."""

from __future__ import annotations

import asyncio
import logging

from fastapi import APIRouter, Request
from fastapi.responses import RedirectResponse, Response

from remit.access.oidc import NotTrusted, end_address
from remit.access.providers import Provider, provider_of, token_of
from remit.console.session import Ended, sign_out
from remit.console.show import here, page
from remit.console.signing import address_here, let_go, session_of
from remit.errors import UserError

router = APIRouter()
LOG = logging.getLogger(__name__)
SECONDS = 3.0  # that a provider has to say where people sign out there


@router.post("/leave")
async def leave(request: Request) -> Response:
    """Whatever the provider says: here they are signed out before it is asked."""
    ended = await sign_out(here(request).store, session_of(request))
    if ended and ended.provided_by and (found := await _there(request, ended)):
        provider, address = found
        request.state.who = request.state.session = None  # the page is a stranger's
        return let_go(request, page(request, "left.html", title=provider.title, address=address))
    return let_go(request, RedirectResponse("/sign-in", 303))


async def _there(request: Request, ended: Ended) -> tuple[Provider, str] | None:
    """Where they can sign out at the provider too; None where it offers that to nobody, or cannot be asked now."""
    store = here(request).store
    try:
        provider = await provider_of(store, str(ended.provided_by), ended.how.partition(" ")[2])
        token = token_of(store, provider, ended.who, ended.id_token)
        back = f"{address_here(request)}/sign-in"
        async with asyncio.timeout(SECONDS):
            address = await end_address(request.app.state.issuers, provider, token, back)
    except (NotTrusted, UserError, TimeoutError) as error:
        LOG.warning("nobody is sent to sign out at %s: %s", ended.how, error or "it does not answer")
        return None
    return (provider, address) if address else None
