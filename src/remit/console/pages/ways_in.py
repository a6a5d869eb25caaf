"""Settings: by what people sign in."""

from __future__ import annotations

import re
from typing import Annotated

from fastapi import APIRouter, Form, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from pydantic import BaseModel

from remit.access.factor import require, required
from remit.access.oidc import Issuers, NotTrusted, document_of
from remit.access.people import list_members
from remit.access.providers import (
    MAY_GIVE,
    Provider,
    keep,
    list_providers,
    provider_of,
    remove_provider,
)
from remit.access.roles import MEANS
from remit.console.show import here, needs, page, require_sure
from remit.console.signing import address_here
from remit.errors import FieldError

router = APIRouter()
READ, WRITE = [needs("settings:read")], [needs("settings:write")]
NEW = "new"
Typed = Annotated[str, Form()]


class Draft(BaseModel):
    """What was typed about a provider. `secret` is never shown again."""

    name: str = ""
    title: str = ""
    issuer: str = ""
    client: str = ""
    secret: str = ""
    domains: str = ""
    role: str = ""
    required: str = ""
    inner_net: str = ""


@router.get("/settings/sign-in", dependencies=READ)
async def ways_in(request: Request) -> HTMLResponse:
    store = here(request).store
    people = [one for one in await list_members(store) if not one.disabled_at]
    return page(
        request,
        "ways_in.html",
        required=await required(store),
        have=sum(one.factor for one in people),
        all=len(people),
        providers=await list_providers(store, store.workspace),
        door=f"/sign-in?workspace={store.workspace}" if store.workspace != "default" else "/sign-in",
        sure=request.state.session.sure,
    )


@router.post("/settings/sign-in/second", dependencies=WRITE)
async def ask_second(request: Request, required: Typed = "") -> Response:
    require_sure(request)
    await require(here(request).store, request.state.who, required == "yes")
    return RedirectResponse("/settings/sign-in", 303)


@router.get("/settings/sign-in/{name}", dependencies=WRITE)
async def provider(request: Request, name: str) -> HTMLResponse:
    if name == NEW:
        return _page(request, Draft(), NEW)
    store = here(request).store
    one = await provider_of(store, store.workspace, name)
    draft = Draft(
        name=one.name,
        title=one.title,
        issuer=one.issuer,
        client=one.client,
        domains=" ".join(one.domains),
        role=one.role or "",
        required="yes" if one.required else "",
        inner_net="yes" if one.inner_net else "",
    )
    return _page(request, draft, name, sealed=one.sealed is not None)


@router.post("/settings/sign-in/{name}", dependencies=WRITE)
async def save(request: Request, name: str, draft: Annotated[Draft, Form()]) -> Response:
    """Whoever it is, it is asked first what it says of itself."""
    require_sure(request)
    store = here(request).store
    draft = draft.model_copy(update={"name": draft.name.strip() if name == NEW else name})
    domains = tuple(one.removeprefix("@").lower() for one in re.split(r"[\s,]+", draft.domains) if one)
    one = Provider(
        store.workspace,
        draft.name,
        draft.title.strip(),
        draft.issuer.strip(),
        draft.client.strip(),
        domains,
        draft.role or None,
        draft.required == "yes",
        draft.inner_net == "yes",
    )
    listed = {each.name for each in await list_providers(store, store.workspace)}
    try:
        if name == NEW and draft.name in listed:
            raise FieldError("name", "There is one of that name.")
        await keep(store, request.state.who, one, draft.secret.strip(), ask=_ask)
    except FieldError as error:
        return _page(request, draft, name, error, name in listed)
    return RedirectResponse("/settings/sign-in", 303)


@router.post("/settings/sign-in/{name}/remove", dependencies=WRITE)
async def remove(request: Request, name: str) -> Response:
    require_sure(request)
    store = here(request).store
    await remove_provider(store, request.state.who, store.workspace, name)
    return RedirectResponse("/settings/sign-in", 303)


async def _ask(one: Provider) -> None:
    try:
        await document_of(Issuers(), one)
    except NotTrusted as error:
        raise FieldError("issuer", f"It does not answer as one: {error}") from error


def _page(
    request: Request, draft: Draft, name: str, wrong: FieldError | None = None, sealed: bool = False
) -> HTMLResponse:
    store = here(request).store
    at = address_here(request)
    return page(
        request,
        "provider.html",
        422 if wrong else 200,
        draft=draft,
        name=name,
        sealed=sealed,
        left=f"{at}/sign-in",
        back=f"{at}/sign-in/back/{store.workspace}/{draft.name or 'NAME'}",
        roles={role: MEANS[role] for role in MAY_GIVE},
        wrong={wrong.field: str(wrong)} if wrong else {},
        sure=request.state.session.sure,
    )
