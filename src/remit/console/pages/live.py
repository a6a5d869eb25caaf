"""A run's page while it goes on: its new events, how it stands, and the runs below it, sent as they come."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from uuid import UUID

from fastapi import APIRouter, Request
from fastapi.responses import Response

from remit.app import App
from remit.console.pages.runs import head
from remit.console.pages.timeline import entries
from remit.console.show import ENVIRONMENT, here, needs_of_agent
from remit.console.signing import session_of
from remit.console.stream import seen_by, streamed
from remit.console.stream import sent as sent_of
from remit.journal.events import Event
from remit.journal.state import State
from remit.tail import Tail

router = APIRouter(dependencies=[needs_of_agent("runs:read")])
PARTS = ("standing.html", "steps.html", "below.html")


@router.get("/runs/{run}/live")
async def live(request: Request, run: UUID, after: int = 0) -> Response:
    """Server-sent events from the one after `after` on. Who comes back says by Last-Event-ID what they have."""
    app = here(request)
    await app.find(str(run))
    return streamed(sent(app, run, seen_by(request, after), session_of(request)))


def sent(app: App, run: UUID, seen: int, token: str) -> AsyncGenerator[str]:
    return sent_of(app, token, app.tails.watched(run, fragment), seen, Tail.since, _stands)


def fragment(event: Event, state: State) -> str:
    return ENVIRONMENT.get_template("timeline.html").render(entries=entries([event], state))


def _stands(tail: Tail) -> str:
    return tail.head(_head)


def _head(tail: Tail) -> str:
    assert tail.gist is not None
    values = head(tail.gist, tail.state) | {"queued": tail.queued, "below": tail.below, "oob": True}
    return "".join(ENVIRONMENT.get_template(name).render(values) for name in PARTS)
