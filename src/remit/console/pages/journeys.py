"""Journeys: what people did after what, drawn from what really happened; and what happens right now, as it comes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from datetime import UTC, datetime, timedelta

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, Response

from remit.app import App
from remit.console.flows import flows
from remit.console.session import holds
from remit.console.show import ENVIRONMENT, here, needs, page
from remit.console.signing import session_of
from remit.console.stream import message, streamed
from remit.graph.journeys import PEOPLE, journeys
from remit.graph.lately import Place, lately, newest
from remit.graph.segments import list_segments, segment_of

router = APIRouter(dependencies=[needs("persons:read")])
SPANS = (7, 30, 90, 365)  # days
EACH = 1.0  # seconds between two looks at what is new
QUIET = 15  # looks after which a line says that the connection still lives


@router.get("/people/journeys")
async def ways(request: Request, days: str = "90", start: str = "", segment: str = "") -> HTMLResponse:
    """From step to step, with how many went on, how many stopped, and how long it took."""
    store, now = here(request).store, datetime.now(UTC)
    span = int(days) if days in map(str, SPANS) else 90
    chosen = (await segment_of(store, segment)).segment if segment else None
    found = await journeys(store, now - timedelta(days=span), now, start.strip()[:40], chosen)
    return page(
        request,
        "journeys.html",
        found=found,
        drawing=flows(found.moves),
        days=span,
        spans=SPANS,
        start=start.strip()[:40],
        segment=segment,
        segments=[one.name for one in await list_segments(store)],
        most=PEOPLE,
    )


@router.get("/people/live")
async def live(request: Request, channel: str = "", kind: str = "", paused: str = "") -> HTMLResponse:
    """What came last, and then what comes."""
    store = here(request).store
    since = await newest(store)
    return page(
        request,
        "people_live.html",
        rows=await lately(store, Place(), channel=channel[:40], kind=kind[:40]),
        since=since,
        channel=channel[:40],
        kind=kind[:40],
        paused=bool(paused),
    )


@router.get("/people/live/stream")
async def stream(request: Request, since: str = "", channel: str = "", kind: str = "") -> Response:
    """Server-sent events of what came in, was decided and was sent since then."""
    place = Place.read(request.headers.get("last-event-id", "") or since)
    return streamed(_told(here(request), session_of(request), place, channel[:40], kind[:40]))


async def _told(app: App, token: str, since: Place, channel: str, kind: str) -> AsyncGenerator[str]:
    yield "retry: 1000\n\n"
    look = 0
    while await holds(app.store, token):
        if rows := await lately(app.store, since, channel=channel, kind=kind):
            since = since.after(rows)
            markup = ENVIRONMENT.get_template("people_live_rows.html").render(rows=rows)
            yield f"id: {since}\n{message(markup)}"
        elif (look := look + 1) % QUIET == 0:
            yield ": still here\n\n"
        await asyncio.sleep(EACH)
