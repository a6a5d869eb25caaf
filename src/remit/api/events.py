"""A run's journal, by page and as a stream that can be taken up where it broke off."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Header, Query, Request, Response
from fastapi.responses import StreamingResponse
from pydantic import TypeAdapter

from remit.api.guard import Reads, Served, documented
from remit.api.runs import end_of
from remit.api.schemas import EventOut, EventPage
from remit.api.tokens import token_of
from remit.app import App
from remit.following import follow, has_ended
from remit.journal.events import Event
from remit.journal.window import between

router = APIRouter(tags=["events"])
BEAT = 10.0  # seconds after which a stream says that it lives, and looks whether its token still holds
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
    end = await end_of(app, run)
    last = min(after + limit, end)
    events = await between(app.store, run, after, last)
    return EventPage(events=[out(event) for event in events], next=last if after < last < end else None)


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
    end = await end_of(app, run)
    if seen >= end and await has_ended(app, run):
        return Response(status_code=204)
    secret = request.headers.get("authorization", "").partition(" ")[2].strip()
    return StreamingResponse(lines(app, run, seen, secret), media_type="text/event-stream")


async def lines(app: App, run: UUID, seen: int, secret: str) -> AsyncIterator[str]:
    """What a stream says, until its run has ended, its reader is gone or its token holds no more."""
    async for events in follow(app, run, seen, beat=BEAT):
        for event in events:
            data = EVENT.dump_json(out(event)).decode()
            yield f"id: {event.seq}\nevent: {event.body.type}\ndata: {data}\n\n"
        if not events:
            if secret and await token_of(app.store, secret) is None:
                return
            yield ": still here\n\n"
