"""Settings: which models there are, what they cost, who uses them, and the keys of their providers, which are only ever written."""

from __future__ import annotations

import os
import time
from typing import Annotated

from fastapi import APIRouter, Form, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from remit.agents.yaml import plain, read
from remit.api.catalog import without_password
from remit.catalogue.kept import list_kept
from remit.console.show import here, needs, page, require_sure
from remit.errors import RemitError, SpecError, UnknownName, UserError
from remit.models.keys import KEYED, environment_with, list_keys, remove_key, set_key, why_default
from remit.models.model import Message
from remit.models.model import Request as Ask
from remit.models.registry import AUTO, known_models, split_names
from remit.store.store import Store

router = APIRouter()
WRITE = [needs("settings:write")]
Typed = Annotated[str, Form()]


@router.get("/settings/models", dependencies=[needs("agents:read")])
async def models(request: Request) -> HTMLResponse:
    return await _page(request)


@router.post("/settings/models/keys", dependencies=WRITE)
async def keep(request: Request, provider: Typed = "", key: Typed = "") -> Response:
    """What was typed is not shown again, even where it is no key."""
    require_sure(request)
    app = here(request)
    try:
        await set_key(app.store, provider, key, request.state.who)
    except UserError as error:
        field = "provider" if isinstance(error, UnknownName) else "key"
        return await _page(request, {field: str(error)}, provider, status=422)
    app.keys.forget()
    return RedirectResponse("/settings/models", 303)


@router.post("/settings/models/keys/{name}/remove", dependencies=WRITE)
async def forget(request: Request, name: str) -> Response:
    require_sure(request)
    app = here(request)
    await remove_key(app.store, name, request.state.who)
    app.keys.forget()
    return RedirectResponse("/settings/models", 303)


@router.post("/settings/models/test", dependencies=WRITE)
async def try_out(request: Request, model: Typed = "") -> HTMLResponse:
    """Whether one of those that stand on the page answers, how fast, and for how much."""
    app = here(request)
    keys = await app.keys.of(app.store.workspace)
    found = await known_models(app.settings, environment=environment_with(keys))
    began = time.monotonic()
    answer, why = None, ""
    try:
        named = {AUTO: AUTO} | {without_password(one.name): one.name for one in found}
        if model not in named:
            raise UnknownName("model", model, named)
        question = Message("user", "Say in five words or fewer that you are ready.")
        answer = await (await app.model(named[model])).request(
            Ask("Answer shortly.", [question], max_tokens=60)
        )
    except RemitError as error:
        why = str(error)
    seconds = time.monotonic() - began
    return page(request, "model_tried.html", name="", why=why, answer=answer, seconds=seconds)


async def _page(
    request: Request, wrong: dict[str, str] | None = None, provider: str = "", status: int = 200
) -> HTMLResponse:
    app = here(request)
    keys = await app.keys.of(app.store.workspace)
    found = await known_models(app.settings, environment=environment_with(keys))
    default = why_default(app.settings, keys)
    if default is None and (first := next((one for one in found if one.available), None)):
        default = first.name, "nobody has chosen, and no provider's key is there"
    users = await _users(app.store)
    listed = {AUTO, *(without_password(one.name) for one in found)}
    return page(
        request,
        "models.html",
        status,
        usable=[(without_password(one.name), one) for one in found if one.available],
        closed=[(without_password(one.name), one) for one in found if not one.available],
        default=(without_password(default[0]), default[1]) if default else None,
        users=users,
        others={name: agents for name, agents in users.items() if name not in listed},
        keys=await list_keys(app.store),
        given=[name for name, one in KEYED.items() if one.unlocked(os.environ)],
        providers=list(KEYED),
        chosen=provider,
        wrong=wrong or {},
        sure=request.state.session.sure,
    )


async def _users(store: Store) -> dict[str, list[str]]:
    """By model the agents that name it; under `auto` those that leave it open."""
    users: dict[str, list[str]] = {}
    for kept in await list_kept(store, archived=False):
        for name in _named(kept.published or ""):
            users.setdefault(without_password(name), []).append(kept.name)
    return users


def _named(text: str) -> list[str]:
    try:
        data = plain(read(text, "agent"))
        named = data.get("model", AUTO) if isinstance(data, dict) else AUTO
        return split_names(named if isinstance(named, list | tuple) else str(named))
    except (SpecError, UserError):
        return []
