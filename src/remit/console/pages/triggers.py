"""What begins runs of an agent without a person at a keyboard: how each trigger stands, what it heard, and what people do to it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from pydantic_core import from_json

from remit.agents.triggers import Trigger
from remit.catalogue import kept as store_of
from remit.console.show import here, needs, needs_of_agent, page, require_sure
from remit.errors import UserError
from remit.journal.index import find_run
from remit.triggers import firing, kept
from remit.triggers.ended import Ended, followed
from remit.triggers.firing import Firing
from remit.triggers.kept import Standing
from remit.triggers.mailboxes import Box, read_of
from remit.triggers.refusals import Refusal, list_refusals
from remit.triggers.words import ahead, begins

router = APIRouter(dependencies=[needs_of_agent("agents:read")])
MOST = 10  # events of a trigger on the page
OPERATES = needs_of_agent("runs:write")


@dataclass(frozen=True, slots=True)
class Shown:
    """A trigger, with what is told of it."""

    one: Standing
    trigger: Trigger
    begins: str
    ahead: list[datetime]
    heard: list[Firing]
    refused: list[Refusal]
    ended: list[Ended]  # of which it could be told now
    read: Box | None  # how far its mailbox was read


@router.get("/agents/{name}/triggers")
async def triggers(request: Request, name: str) -> HTMLResponse:
    return await _page(request, name)


@router.post("/agents/{name}/triggers/{trigger}/pause", dependencies=[OPERATES])
async def pause(request: Request, name: str, trigger: str) -> Response:
    await kept.pause(here(request).store, name, trigger, request.state.who)
    return _back(name)


@router.post("/agents/{name}/triggers/{trigger}/resume", dependencies=[OPERATES])
async def resume(request: Request, name: str, trigger: str) -> Response:
    await kept.resume(here(request).store, name, trigger, request.state.who)
    return _back(name)


@router.post("/agents/{name}/triggers/{trigger}/fire", dependencies=[OPERATES])
async def fire(request: Request, name: str, trigger: str) -> Response:
    store, form = here(request).store, await request.form()
    known = await kept.get_trigger(store, name, trigger)
    typed = str(form.get("body", ""))
    try:
        body = from_json(typed, allow_inf_nan=False) if known.kind == "webhook" else None
        chosen = str(form.get("run", ""))
        run = await find_run(store, chosen) if chosen else None
        await firing.fire(store, name, trigger, request.state.who, body, run)
    except (UserError, ValueError) as error:
        words = str(error) if isinstance(error, UserError) else f"is not JSON: {error}"
        return await _page(request, name, {trigger: words}, {trigger: typed}, status=422)
    return _back(name)


@router.post("/agents/{name}/triggers/{trigger}/secret", dependencies=[needs("connections:write")])
async def secret(request: Request, name: str, trigger: str) -> Response:
    """It is on this page and nowhere else."""
    require_sure(request)
    made = await kept.make_secret(here(request).store, name, trigger, request.state.who)
    return await _page(request, name, secret=(trigger, made))


def _back(name: str) -> Response:
    return RedirectResponse(f"/agents/{name}/triggers", 303)


async def _page(
    request: Request,
    name: str,
    wrong: dict[str, str] | None = None,
    typed: dict[str, str] | None = None,
    *,
    secret: tuple[str, str] | None = None,
    status: int = 200,
) -> HTMLResponse:
    store = here(request).store
    now = await store_of.kept(store, name)
    found = []
    for one in await kept.list_triggers(store, name):
        trigger = one.trigger
        times = ahead(trigger, datetime.now(UTC)) if one.paused_at is None else []
        heard = await firing.list_firings(store, name, one.name, limit=MOST)
        refused = await list_refusals(store, name, one.name) if one.path else []
        ended = await followed(store, trigger) if one.kind == "after" else []
        read = await read_of(store, name, one.name) if one.kind == "mail" else None
        found.append(Shown(one, trigger, begins(trigger), times, heard, refused, ended, read))
    return page(
        request,
        "agent_triggers.html",
        status,
        name=name,
        kept=now,
        triggers=found,
        wrong=wrong or {},
        typed=typed or {},
        operates="runs:write" in request.state.access.on(name),
        secret=secret,
        sure=request.state.session.sure,
        address=request.app.state.public_url or f"{request.url.scheme}://{request.url.netloc}",
        tab="triggers",
    )
