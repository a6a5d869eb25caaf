"""Runs: found among any number of them; one of them with what it did, said and cost, and what may be done to it."""

from __future__ import annotations

import re
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from functools import cache
from typing import Annotated, Any
from urllib.parse import urlencode
from uuid import UUID

from fastapi import APIRouter, Form, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from remit.agents.report import effects
from remit.app import App
from remit.console.pages import timeline
from remit.console.pages.files import files_of
from remit.console.pages.timeline import chart, entries, window
from remit.console.show import here, needs_of_agent, page
from remit.dispatch import open_dispatch
from remit.errors import NotWaiting, UnknownName, UserError
from remit.gist import Gist, around
from remit.gist import standing as stands
from remit.journal.facts import HAPPENED, simulates
from remit.journal.limits import in_line
from remit.journal.search import OPEN, STATES, Found, Place, Wanted, agents_known, place, search
from remit.journal.state import State
from remit.journal.window import between
from remit.tail import tree
from remit.tools.registry import installed, resolve

router = APIRouter(dependencies=[needs_of_agent("runs:read")])
ACTS = [needs_of_agent("runs:write")]
FIELDS = ("q", "agent", "status", "person", "from", "until", "happened", "tool", "least", "most")
MORE = FIELDS[3:]  # of these, those that are folded away while nobody uses them
DEEDS = ("pause", "resume", "cancel")


@router.get("/runs")
async def runs(request: Request, older: str = "", newer: str = "") -> HTMLResponse:
    app = here(request)
    asked = asked_for(request)
    wrong = {name: why for name in ("least", "most") if (why := _unusable(asked[name]))}
    found = Found(())
    if not wrong:
        at = (place(older) if older else None, place(newer) if newer else None)
        found = await search(app.store, wanted(asked), older=at[0], newer=at[1])
    filters = {name: value for name, value in asked.items() if value}
    return page(
        request,
        "runs.html",
        422 if wrong else 200,
        found=found,
        wrong=wrong,
        happened=HAPPENED,
        tools=tools_known(),
        more=any(asked[name] for name in MORE),
        asked=asked,
        filtered=bool(filters),
        states=("open", *STATES),
        agents=await agents_known(app.store),
        queued=await in_line(app.store, [row.id for row in found.rows if row.status == "running"]),
        export="/runs.csv" + (f"?{urlencode(filters)}" if filters else ""),
        first="/runs" + (f"?{urlencode(filters)}" if filters else ""),
        at_first=not older and not newer,
        filters=filters,
        since=Place(found.rows[0].created_at, found.rows[0].id) if found.rows else None,
        to_newer=found.newer and f"/runs?{urlencode({**filters, 'newer': found.newer})}",
        to_older=found.older and f"/runs?{urlencode({**filters, 'older': found.older})}",
    )


def asked_for(request: Request) -> dict[str, str]:
    """The filters as they were typed."""
    return {name: request.query_params.get(name, "").replace("\0", "").strip() for name in FIELDS}


def wanted(asked: dict[str, str]) -> Wanted:
    """Raises UserError for a state or a day that is none."""
    status = asked["status"]
    if status and status != "open" and status not in STATES:
        raise UnknownName("state", status, STATES, "the filter")
    if (happened := asked["happened"]) and happened not in HAPPENED:
        raise UnknownName("happening", happened, HAPPENED, "the filter")
    until = day(asked["until"])
    return Wanted(
        status=OPEN if status == "open" else (status,) if status else (),
        agent=asked["agent"],
        person=asked["person"],
        words=asked["q"],
        since=day(asked["from"]),
        until=until + timedelta(days=1) if until else None,
        happened=(happened,) if happened else (),
        tool=asked["tool"],
        least=money(asked["least"]),
        most=money(asked["most"]),
    )


def money(text: str) -> Decimal | None:
    """US dollars as they are typed. Raises UserError for what is no amount."""
    if not text:
        return None
    if not re.fullmatch(r"\$? ?\d{1,9}([.,]\d{1,9})?", text, re.ASCII):
        raise UserError("write an amount in dollars, as 0.50")
    return Decimal(text.lstrip("$ ").replace(",", "."))


def _unusable(text: str) -> str:
    try:
        money(text)
    except UserError as error:
        return str(error)
    return ""


@cache
def tools_known() -> list[str]:
    """Names of tools that are installed; others are found too, when they are typed."""
    return sorted(tool.name for tool in resolve(["*"], installed()))


def day(text: str) -> datetime | None:
    """The beginning of a day as the server's clock on the wall has it."""
    if not text:
        return None
    try:
        return datetime.combine(date.fromisoformat(text), time()).astimezone()
    except (ValueError, OverflowError) as error:
        raise UserError(f"{text!r} is no day: write it as 2026-11-21") from error


@router.get("/runs/newer")
async def newer_runs(request: Request, since: str) -> HTMLResponse:
    """How many runs that the filters find began since the list was shown: asked now and then by a page that is open."""
    app, asked = here(request), asked_for(request)
    found = await search(app.store, wanted(asked), newer=place(since))
    filters = {name: value for name, value in asked.items() if value}
    return page(
        request,
        "newer.html",
        since=since,
        filters=filters,
        count=len(found.rows),
        more=found.newer is not None,
    )


@router.get("/runs/{prefix}")
async def run(
    request: Request, prefix: str, events: int = 0, until: int = 0, event: int = 0, part: str = ""
) -> Response:
    """`events`: from which event on, `until` which, where there are more than a page holds; `event`: one that is to be among
    them. `part`: only these, put before or behind what a page shows already."""
    app = here(request)
    found = await app.find(prefix)
    if str(found) != prefix:
        return RedirectResponse(f"/runs/{found}", 303)
    async with app.gists.of(found) as gist:
        seen = window(gist.state.seq, events, event, until)
        shown = await between(app.store, found, seen.first - 1, seen.last)
        values: dict[str, Any] = {
            "run": found,
            "part": seen,
            "entries": entries(shown, await around(app.store, gist, shown)),
            "live": not seen.after and gist.state.finished is None,
            "appends": gist.state.finished is not None or seen.top > seen.last + timeline.MOST,
        }
        if part in ("before", "after"):
            return page(request, "window.html", **values, side=part)
        values |= head(gist, await stands(app.store, gist))
        values["queued"] = (await in_line(app.store, [found])).get(found, "")
        started = gist.state.started
        values["files"] = await files_of(app, found, started)
        values["can"] = request.state.access.on(started.agent if started else "")
        below = gist.delegated
        values["below"] = await tree(app.store, app.gists, found) if below else ()
        return page(request, "run.html", **values, side="")


def head(gist: Gist, state: State) -> dict[str, Any]:
    """What the head of the page needs, which changes while the run goes on."""
    return {
        "run": gist.run,
        "state": state,
        "simulated": simulates(state),
        "started": state.started,
        "begun_at": gist.begun_at,
        "last_at": gist.last_at,
        "earlier": len(gist.effects) - len(state.effects),
        "chart": chart(gist.steps),
        "did": [(call.call.id, did) for call, did in zip(state.effects, effects(state), strict=True)],
        "deeds": possible(state),
        "oob": False,
        "queued": "",
    }


def possible(state: State) -> tuple[str, ...]:
    """What people may do to it now."""
    if state.started is None or state.finished is not None:
        return ()
    return ("resume", "cancel") if state.paused else ("pause", "cancel")


@router.get("/runs/{prefix}/{deed}/sure", dependencies=ACTS)
async def ask_whether_sure(request: Request, prefix: str, deed: str) -> HTMLResponse:
    app = here(request)
    found = await app.find(prefix)
    state = await app.state(found)
    if deed not in possible(state):
        raise NotWaiting(f"run {str(found)[:8]} is {state.status}: it cannot be told to {deed}")
    return page(request, "sure.html", run=found, state=state, started=state.started, deed=deed)


@router.post("/runs/{prefix}/{deed}", dependencies=ACTS)
async def steer(request: Request, prefix: str, deed: str, why: Annotated[str, Form()] = "") -> Response:
    app = here(request)
    found = await app.find(prefix)
    await do(app, found, deed, request.state.who, why)
    return RedirectResponse(f"/runs/{found}", 303)


async def do(app: App, run: UUID, deed: str, who: str, why: str = "") -> None:
    """Raises NotWaiting where the run has ended, UnknownName for what nobody can do to a run."""
    match deed:
        case "pause":
            await app.pause(run, who)
        case "resume":
            await app.resume(run, who)
            async with open_dispatch(app.root.store) as dispatch:
                await dispatch.enqueue(run)
        case "cancel":
            await app.cancel(run, who, why.strip()[:500])
        case _:
            raise UnknownName("deed", deed, DEEDS, "the page of a run")
