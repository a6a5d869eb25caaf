"""A run as a file: its journal for programs, or a page to read and keep; and what a search found, as a table."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator
from typing import Literal
from uuid import UUID

from fastapi import APIRouter, Request
from fastapi.responses import Response, StreamingResponse

from remit.agents.report import effects
from remit.console.cells import row
from remit.console.pages.runs import asked_for, wanted
from remit.console.pages.timeline import entries
from remit.console.show import ENVIRONMENT, here, needs_of_agent
from remit.gate.unseen import shown
from remit.journal.events import Event
from remit.journal.index import RunRow
from remit.journal.search import Place, Wanted, search
from remit.journal.state import fold
from remit.journal.window import between, top_of
from remit.store.store import Store

router = APIRouter(dependencies=[needs_of_agent("runs:read")])
AT_ONCE = 500  # runs read in one go
TOGETHER = 500  # events of a run
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
    events = await app.journal.read(run)
    state = fold(events)
    text = ENVIRONMENT.get_template("export.html").render(
        run=run,
        state=state,
        started=state.started,
        events=events,
        entries=entries(events, state),
        did=effects(state),
    )
    return Response(text, headers=name, media_type="text/html; charset=utf-8")


async def _lines(store: Store, run: UUID) -> AsyncGenerator[str]:
    """As many events at a time as are held; of a run that goes on, those up to now."""
    top = await top_of(store, run)
    last = top.seq if top else 0
    step = last if top and top.archived else TOGETHER  # an archive is unpacked whole
    for after in range(0, last, step or 1):
        yield "".join(_line(event) for event in await between(store, run, after, min(after + step, last)))


def _line(event: Event) -> str:
    said = {"run": str(event.run), "seq": event.seq, "at": event.at.isoformat()}
    body = event.body.model_dump(mode="json", exclude={"big"})
    return json.dumps({**said, "body": body}, ensure_ascii=False) + "\n"


def _named(name: str) -> dict[str, str]:
    return {"Content-Disposition": f'attachment; filename="{name}"'}
