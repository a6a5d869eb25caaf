"""Signing in by a provider: the way there, and the way back."""

from __future__ import annotations

import logging

from fastapi import APIRouter, Request
from fastapi.responses import RedirectResponse, Response

from remit.access.audit import record
from remit.access.identities import admit
from remit.access.oidc import SKEW, NotTrusted, Told, address_for, redeem
from remit.access.providers import Provider, provider_of, secret_of
from remit.access.tries import forgive, try_from
from remit.console.errand import COOKIE, LASTS, Errand, back, end, send
from remit.console.pages.sign_in import door
from remit.console.show import here, page
from remit.console.signing import address_here, address_of, let_in_by, local, named, session_of
from remit.errors import Busy, UnknownName, UserError
from remit.gate.unseen import shown

router = APIRouter()
LOG = logging.getLogger(__name__)


@router.get("/sign-in/with/{workspace}/{name}")
async def there(request: Request, workspace: str, name: str, next: str = "/", again: str = "") -> Response:
    """Off to a provider. A link of another site sends nobody there: that is asked of by a page of ours."""
    if request.headers.get("sec-fetch-site", "same-origin") != "same-origin":
        return RedirectResponse("/sign-in", 303)
    store = here(request).store
    try:
        provider = await provider_of(store, workspace, name)
        tries = await try_from(store, address_of(request))
    except UnknownName:
        return await door(request, workspace, wrong="There is no such provider.", status=404)
    except Busy as error:
        return await door(request, workspace, wrong=str(error), status=429)
    who = request.state.who or "" if again else ""
    session = session_of(request) if who else ""
    to = f"{address_here(request)}/sign-in/back/{provider.workspace}/{provider.name}"
    kept = request.cookies.get(named(request, COOKIE), "")
    sent = await send(store, provider, kept, to, local(next), tries, who, session)
    try:
        address = await address_for(
            request.app.state.issuers,
            provider,
            state=sent.state,
            nonce=sent.nonce,
            verifier=sent.verifier,
            back=to,
            again=bool(who),
            hint=who if "@" in who else "",
        )
    except NotTrusted as error:
        LOG.warning("provider %s of %s: %s", provider.name, provider.workspace, error)
        return await door(
            request, workspace, wrong=f"{provider.title} cannot be asked now. {_log()}", status=502
        )
    response = RedirectResponse(address, 303)
    # Lax: the provider's page sends them back, and is another site
    response.set_cookie(
        named(request, COOKIE),
        sent.browser,
        max_age=int(LASTS.total_seconds()),
        httponly=True,
        samesite="lax",
        secure=request.app.state.secure,
        path="/",
    )
    return response


@router.get("/sign-in/back/{workspace}/{name}")
async def returned(
    request: Request,
    workspace: str,
    name: str,
    state: str = "",
    code: str = "",
    iss: str = "",
    error: str = "",
) -> Response:
    """Back from a provider, with a code or without."""
    store = here(request).store
    errand = await back(store, state, request.cookies.get(named(request, COOKIE), "")) if state else None
    if errand is None or (errand.workspace, errand.provider) != (workspace, name):
        words = (
            "This way back was used already, took too long, or did not begin in this browser. Begin again."
        )
        return await door(request, workspace, wrong=words, status=400)
    try:
        provider = await provider_of(store, workspace, name)
        told = await _told(request, provider, errand, code, iss, error)
        who = await admit(request.app.state.remit.within(provider.workspace).store, provider, told)
    except NotTrusted as wrong:
        LOG.warning("provider %s of %s, from %s: %s", name, workspace, address_of(request), shown(str(wrong)))
        return await door(
            request, workspace, wrong=f"What came back is not to be trusted. {_log()}", status=401
        )
    except UserError as wrong:
        LOG.warning("a sign-in by %s of %s was refused, from %s", name, workspace, address_of(request))
        return await door(request, workspace, wrong=str(wrong), status=403)
    if errand.who and errand.who.casefold() != who.casefold():
        async with store.keeper.pool.connection() as connection:
            detail = {"address": address_of(request), "after": provider.how}
            await record(connection, errand.who, "session.refused", errand.who, detail)
        return await door(request, workspace, wrong=f"That was {who}, and not {errand.who}.", status=403)
    await forgive(store, errand.tries)
    if errand.session:
        await end(store, errand.session)
    # A page, not a redirect: cookies that are for this site only go along with what this site asks for
    landing = page(request, "landed.html", onward=local(errand.onward))
    return await let_in_by(request, who, provider, told.token, landing)


async def _told(
    request: Request, provider: Provider, errand: Errand, code: str, iss: str, error: str
) -> Told:
    """Raises NotTrusted, and UserError where the provider says no."""
    if error or not code:
        if iss and iss != provider.issuer:
            raise NotTrusted(f"the answer comes from {iss[:200]!r}")
        raise UserError(
            f"{provider.title} did not let you in ({shown(error)[:60] or 'it does not say why'})."
        )
    try:
        secret = secret_of(here(request).store, provider)
    except UserError as missing:
        raise NotTrusted(f"the client's secret cannot be opened: {missing}") from missing
    told = await redeem(
        request.app.state.issuers,
        provider,
        secret,
        code=code,
        nonce=errand.nonce,
        verifier=errand.verifier,
        back=errand.back,
        said=iss,
    )
    if errand.who and told.proved_at < errand.began_at.timestamp() - SKEW:
        raise NotTrusted("it does not say that they have shown it just now who they are (auth_time)")
    return told


def _log() -> str:
    return "The server's log says why."
