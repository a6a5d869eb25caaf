"""A run's page while it goes on: its new events, and how it stands, sent as they come."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from uuid import UUID

from fastapi import APIRouter, Request
from fastapi.responses import Response, StreamingResponse

from remit.app import App
from remit.console.pages.runs import standing
from remit.console.pages.timeline import chart, entries
from remit.console.session import holds
from remit.console.show import ENVIRONMENT, here, needs
from remit.console.signing import session_of
from remit.feed import Feed
from remit.journal.events import Event
from remit.journal.state import State

router = APIRouter(dependencies=[needs("runs:read")])
QUIET = 15.0  # seconds after which a line says that the connection still lives
TOGETHER = 200  # events in one message
END = "event: over\ndata:\n\n"  # the browser closes the stream on it, and does not come back


@router.get("/runs/{run}/live")
async def live(request: Request, run: UUID, after: int = 0) -> Response:
    """Server-sent events from the one after `after` on. Who comes back says by Last-Event-ID what they have."""
    app = here(request)
    last = request.headers.get("last-event-id", "")
    seen = int(last) if last.isascii() and last.isdigit() and len(last) < 10 else after
    await app.find(str(run))
    events = sent(app, run, seen, session_of(request))
    return StreamingResponse(events, media_type="text/event-stream")


async def sent(app: App, run: UUID, seen: int, token: str) -> AsyncGenerator[str]:
    async with app.feeds.watched(run) as feed:
        yield "retry: 1000\n\n"
        while await holds(app.store, token):
            changed = feed.changed
            if fresh := feed.events[seen : seen + TOGETHER]:
                seen = fresh[-1].seq
                yield _message(feed, fresh)
                continue  # by then they may be signed out
            if feed.over:
                yield END
                return
            try:
                await asyncio.wait_for(changed.wait(), QUIET)
            except TimeoutError:
                yield ": still here\n\n"


def _message(feed: Feed, fresh: list[Event]) -> str:
    """The events, and how the run stands after all of them."""
    lines = "".join(feed.fragment(event, fragment) for event in fresh)
    stands = feed.head(_head)
    data = "\n".join(f"data: {line}" for line in (lines + stands).splitlines() if line.strip())
    return f"id: {fresh[-1].seq}\n{data}\n\n"


def fragment(event: Event, state: State) -> str:
    return ENVIRONMENT.get_template("timeline.html").render(entries=entries([event], state))


def _head(feed: Feed) -> str:
    values = standing(feed.run, feed.events, feed.state, feed.queued)
    values |= {"oob": True, "chart": chart(feed.events)}
    return "".join(ENVIRONMENT.get_template(name).render(values) for name in ("standing.html", "steps.html"))
