"""A run as a file: its journal for programs, or a page to read and keep; and what a search found, as a table."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from fastapi import APIRouter, Request
from fastapi.responses import Response, StreamingResponse

from remit.agents.report import effects
from remit.app import App
from remit.console.cells import row
from remit.console.pages.runs import asked_for, wanted
from remit.console.pages.timeline import entries
from remit.console.show import ENVIRONMENT, here, needs_of_agent
from remit.gate.unseen import shown
from remit.gist import around, changed
from remit.journal.events import Event
from remit.journal.index import RunRow
from remit.journal.search import Place, Wanted, search
from remit.journal.state import State, fold
from remit.journal.window import in_parts, top_of
from remit.store.store import Store
from remit.tools.thread import in_thread

router = APIRouter(dependencies=[needs_of_agent("runs:read")])
AT_ONCE = 500  # runs read in one go
TOGETHER = 500  # events of a run
SHOWN = 100  # of those, in one piece of a page
HEADS = ("run", "goal", "state", "agent", "for", "cost in $", "begun", "changed")


@router.get("/runs.csv")
async def listed(request: Request) -> StreamingResponse:
    """All that the filters find, newest first. Raises UserError for a filter that is none."""
    rows = _table(here(request).store, wanted(asked_for(request)))
    return StreamingResponse(rows, headers=_named("runs.csv"), media_type="text/csv; charset=utf-8")


async def _table(store: Store, sought: Wanted) -> AsyncGenerator[str]:
    yield row(HEADS)
    older: Place | None = None
    while True:
        found = await search(store, sought, older=older, limit=AT_ONCE)
        yield "".join(row(_cells(one)) for one in found.rows)
        older = found.older
        if older is None:
            return


def _cells(one: RunRow) -> list[str]:
    cost = "" if one.cost is None else f"{one.cost:f}"
    times = (one.created_at.isoformat(), one.updated_at.isoformat())
    return [str(one.id), shown(one.goal), one.status, shown(one.agent), shown(one.person), cost, *times]


@router.get("/runs/{prefix}/export")
async def export(request: Request, prefix: str, form: Literal["jsonl", "html"] = "jsonl") -> Response:
    """Its journal, an event a line; or a page by itself, that needs nothing else to be read."""
    app = here(request)
    run = await app.find(prefix)
    name = _named(f"run-{str(run)[:8]}.{form}")
    if form == "jsonl":
        return StreamingResponse(_lines(app.store, run), headers=name, media_type="application/jsonl")
    return StreamingResponse(_page(app, run), headers=name, media_type="text/html; charset=utf-8")


async def _page(app: App, run: UUID) -> AsyncGenerator[str]:
    """In pieces, none of which holds all of it; of a run that goes on, what there is up to now."""
    parts: Any = ENVIRONMENT.get_template("export.html").module
    top = await top_of(app.store, run)
    told = await (_packed(app, run) if top and top.archived else _some(app, run))
    yield parts.head(run, told.state, told.state.started, told.begun_at)
    yield "<ul>\n" if told.effects else "<p>It changed nothing.</p>\n"
    async for some in told.did:
        yield parts.did(effects(some))
    yield "</ul>\n<h2>Timeline</h2>\n<ol>\n" if told.effects else "<h2>Timeline</h2>\n<ol>\n"
    async for events, there in told.timeline:
        for at in range(0, len(events), SHOWN):
            yield parts.timeline(entries(events[at : at + SHOWN], there))
    yield "</ol>\n</body>\n</html>\n"


@dataclass(frozen=True, slots=True)
class _Told:
    """What a page is made of: how the run stands, and piece by piece states with what it changed, and its events with the state that
    has their calls."""

    state: State
    begun_at: datetime | None
    effects: int
    did: AsyncGenerator[State]
    timeline: AsyncGenerator[tuple[Sequence[Event], State]]


async def _some(app: App, run: UUID) -> _Told:
    """Between two pieces others have their turn, who look at the same run."""
    async with app.gists.of(run) as gist:
        state, begun_at, count = replace(gist.state), gist.begun_at, len(gist.effects)

    async def did() -> AsyncGenerator[State]:
        for begin in range(0, count, TOGETHER):
            async with app.gists.of(run) as gist:
                some = await changed(app.store, gist, begin, min(begin + TOGETHER, count))
            yield some

    async def timeline() -> AsyncGenerator[tuple[Sequence[Event], State]]:
        async for events in in_parts(app.store, run, TOGETHER, state.seq):
            async with app.gists.of(run) as gist:
                there = await around(app.store, gist, events)
            yield events, there

    return _Told(state, begun_at, count, did(), timeline())


async def _packed(app: App, run: UUID) -> _Told:
    """Of an archive, which is unpacked whole: once."""
    events = await app.journal.read(run)
    state = await in_thread(lambda: fold(events))

    async def did() -> AsyncGenerator[State]:
        for begin in range(0, len(state.effects), TOGETHER):
            yield replace(state, effects=state.effects[begin : begin + TOGETHER])

    async def timeline() -> AsyncGenerator[tuple[Sequence[Event], State]]:
        yield events, state

    return _Told(state, events[0].at, len(state.effects), did(), timeline())


async def _lines(store: Store, run: UUID) -> AsyncGenerator[str]:
    """Of a run that goes on, those up to now."""
    async for events in in_parts(store, run, TOGETHER):
        for at in range(0, len(events), TOGETHER):
            yield "".join(_line(event) for event in events[at : at + TOGETHER])


def _line(event: Event) -> str:
    said = {"run": str(event.run), "seq": event.seq, "at": event.at.isoformat()}
    body = event.body.model_dump(mode="json", exclude={"big"})
    return json.dumps({**said, "body": body}, ensure_ascii=False) + "\n"


def _named(name: str) -> dict[str, str]:
    return {"Content-Disposition": f'attachment; filename="{name}"'}
