"""A run's journal, by page and as a stream that can be taken up where it broke off."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Header, Query, Request, Response
from fastapi.responses import StreamingResponse
from pydantic import TypeAdapter

from remit.api.guard import Reads, Served, documented
from remit.api.problems import Refused
from remit.api.runs import events_of
from remit.api.schemas import EventOut, EventPage
from remit.api.tokens import token_of
from remit.app import App
from remit.journal.events import Event, Finished

router = APIRouter(tags=["events"])
POLL = 0.5  # seconds between looks at the journal
BEAT = 20  # looks after which a silent stream says that it lives, and looks whether its token still holds
After = Annotated[int, Query(ge=0, le=2**31 - 1, description="Only those after this number.")]
EVENT: TypeAdapter[EventOut] = TypeAdapter(EventOut)
SENT = {
    "type": "object",
    "properties": {
        "id": {"type": "string", "description": "The event's number."},
        "event": {"type": "string", "description": "Its type."},
        "data": {
            "type": "string",
            "contentMediaType": "application/json",
            "contentSchema": {"$ref": "#/components/schemas/EventOut"},
        },
    },
    "required": ["id", "event", "data"],
}
STREAM: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "Each event as `id: <seq>`, `event: <type>` and `data: <Event as JSON>`. The stream ends with the run.",
        "content": {"text/event-stream": {"schema": SENT}},
    },
    204: {"description": "The run has ended and nothing comes after that number: do not reconnect."},
}


def out(event: Event) -> EventOut:
    return EventOut(run=event.run, seq=event.seq, at=event.at, body=event.body)


@router.get("/runs/{run}/events", summary="Read events", **documented("runs:read", 404))
async def list_events(
    app: Served, caller: Reads, run: UUID, after: After = 0, limit: Annotated[int, Query(ge=1, le=1000)] = 200
) -> EventPage:
    """Everything that happened in a run, in its order."""
    events = await events_of(app, run, after)
    page = events[:limit]
    return EventPage(
        events=[out(event) for event in page], next=page[-1].seq if len(events) > limit else None
    )


STREAMED = documented("runs:read", 404)
STREAMED["responses"] = STREAM | STREAMED["responses"]


@router.get("/runs/{run}/stream", summary="Follow a run", response_class=StreamingResponse, **STREAMED)
async def stream_events(
    app: Served,
    caller: Reads,
    request: Request,
    run: UUID,
    after: After = 0,
    last: Annotated[
        int | None,
        Header(
            alias="Last-Event-ID",
            ge=0,
            le=2**31 - 1,
            description="As `after`; what an EventSource sends by itself.",
        ),
    ] = None,
) -> Response:
    """The events of a run as they happen (server-sent events), from any of them on."""
    seen = after if last is None else last
    ended = await _ended(app, run)
    events = await events_of(app, run, seen)
    if not events and ended:
        return Response(status_code=204)
    secret = request.headers.get("authorization", "").partition(" ")[2].strip()
    return StreamingResponse(lines(app, run, seen, events, ended, secret), media_type="text/event-stream")


async def lines(
    app: App, run: UUID, seen: int, events: list[Event], ended: bool, secret: str
) -> AsyncIterator[str]:
    """What a stream says, until its run has ended, its reader is gone or its token holds no more."""
    silent = 0
    while True:
        for event in events:
            seen, silent = event.seq, 0
            data = EVENT.dump_json(out(event)).decode()
            yield f"id: {seen}\nevent: {event.body.type}\ndata: {data}\n\n"
        if ended or any(isinstance(event.body, Finished) for event in events):
            return
        await asyncio.sleep(POLL)
        events = await app.journal.read(run, seen)
        silent += 1
        if silent % BEAT == 0:
            if secret and await token_of(app.store, secret) is None:
                return
            yield ": still here\n\n"


async def _ended(app: App, run: UUID) -> bool:
    """Whether nothing comes any more. Raises Refused where the run is gone."""
    query = "select status not in ('running', 'waiting', 'paused') from runs where id = %s"
    async with app.store.pool.connection() as connection:
        row = await (await connection.execute(query, (run,))).fetchone()
    if row is None:
        raise Refused(404, f"there is no run {run}")
    return bool(row[0])
