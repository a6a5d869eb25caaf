"""Settings: tokens by which programs call in somebody's name, for no more than that person may."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from remit.access.roles import RIGHTS
from remit.api.tokens import Token, add_token, list_tokens, revoke_token
from remit.catalogue.find import names_known, require_known
from remit.console.show import here, page, require_sure
from remit.errors import Forbidden, UnknownName, UserError

router = APIRouter()
LASTING = {"7": "a week", "30": "30 days", "90": "90 days", "365": "a year"}
NEW = {"name": "", "scopes": ["runs:read"], "agents": [], "lasts": "90"}


@router.get("/settings/tokens")
async def tokens(request: Request) -> HTMLResponse:
    return await _page(request, NEW)


@router.post("/settings/tokens")
async def add(request: Request) -> Response:
    """In the name of whoever is signed in; it is on this page and nowhere else."""
    require_sure(request)
    form = await request.form()
    typed: dict[str, Any] = {
        "name": str(form.get("name", "")).strip(),
        "scopes": [str(scope) for scope in form.getlist("scope")],
        "agents": [str(agent) for agent in form.getlist("agent")],
        "lasts": str(form.get("lasts", "")),
    }
    if typed["lasts"] not in LASTING:
        return await _page(request, typed, {"lasts": "Choose one of these."}, status=422)
    try:
        lasts = timedelta(days=int(str(typed["lasts"])))
        scopes, agents = list(typed["scopes"]), list(typed["agents"])
        store, name = here(request).store, str(typed["name"])
        await require_known(store, agents)
        made, secret = await add_token(store, name, request.state.who, scopes, lasts, agents=agents)
    except UserError as error:
        about_scopes = not typed["scopes"] or isinstance(error, UnknownName | Forbidden)
        said = str(error).replace(", by --scope", "").removeprefix("--scope: ")
        return await _page(request, typed, {"scope" if about_scopes else "name": said}, status=422)
    return await _page(request, NEW, made=made, secret=secret)


@router.post("/settings/tokens/{name}/revoke")
async def revoke(request: Request, name: str) -> Response:
    """One's own; an owner anybody's."""
    store, who = here(request).store, request.state.who
    if name not in (names := [one.name for one in await _theirs(request)]):
        raise UnknownName("token", name, names)
    await revoke_token(store, name, who)
    return RedirectResponse("/settings/tokens", 303)


async def _theirs(request: Request) -> list[Token]:
    found = await list_tokens(here(request).store)
    everybodys = "settings:write" in request.state.rights
    return [one for one in found if everybodys or one.who.casefold() == request.state.who.casefold()]


async def _page(
    request: Request,
    typed: Mapping[str, object],
    wrong: dict[str, str] | None = None,
    *,
    made: Token | None = None,
    secret: str = "",
    status: int = 200,
) -> HTMLResponse:
    app = here(request)
    return page(
        request,
        "tokens.html",
        status,
        tokens=await _theirs(request),
        now=await app.now(),
        scopes={name: what for name, what in RIGHTS.items() if name in request.state.access.any},
        agents=await names_known(app.store),
        lasting=LASTING,
        typed=typed,
        wrong=wrong or {},
        made=made,
        secret=secret,
        sure=request.state.session.sure,
    )
