"""The chat of a site: /chat/WORKSPACE/AGENT. Whoever calls from another site than those of the trigger is told that there is nothing. A
visitor is known by a token that their browser was given, and who they are by what the site's server has signed."""

from __future__ import annotations

import asyncio
import json
import time
from collections import OrderedDict, deque
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated
from uuid import UUID

import psycopg
from fastapi import FastAPI, Query, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response, StreamingResponse
from pydantic import BaseModel, ConfigDict, Field
from starlette.exceptions import HTTPException

from remit import chatting
from remit.access.tries import network
from remit.api.problems import Refused, away, fault, http, invalid, problem, refused, told
from remit.app import App
from remit.chat import kept
from remit.chat.identity import NotSigned, Visitor, visitor_of
from remit.chat.kept import LONGEST, Message, Session
from remit.errors import Busy, RemitError, UserError
from remit.store.guest import NAME
from remit.triggers.kept import Standing, keys, list_triggers

Next = Callable[[Request], Awaitable[Response]]
WIDGET = Path(__file__).parent.parent / "chat" / "widget.js"
NOWHERE = "there is no chat here for this site"
EVERY = 1.0  # seconds between looks for what is new
LASTS = 600.0  # seconds of a stream; who wants more asks again
STREAMS = 500  # at once in a process
LARGEST = 20_000  # bytes of a body
CACHED = "public, max-age=300"
ALLOWED = {
    "Access-Control-Allow-Methods": "GET, POST, OPTIONS",
    "Access-Control-Allow-Headers": "authorization, content-type",
    "Access-Control-Max-Age": "600",
}


class Sent(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Hello(Sent):
    """A browser comes. `device`: by which it is known again, where its visitor has agreed to that."""

    device: UUID
    identity: Annotated[str, Field(max_length=8_000)] = ""


class Words(Sent):
    """`id`: the browser's own, by which they are taken once."""

    id: UUID
    text: Annotated[str, Field(min_length=1, max_length=LONGEST)]


class View(Sent):
    """A page was looked at."""

    id: UUID
    page: Annotated[str, Field(min_length=1, max_length=500)]
    title: Annotated[str, Field(max_length=200)] = ""


@dataclass
class Often:
    """How often somebody did something lately, as far as this process knows; of so many at most."""

    most: int
    seconds: float
    known: int = 10_000
    _times: OrderedDict[str, deque[float]] = field(default_factory=OrderedDict)

    def note(self, who: str) -> None:
        """Raises Refused where it is too often."""
        now = time.monotonic()
        times = self._times.setdefault(who, deque())
        self._times.move_to_end(who)
        while times and times[0] < now - self.seconds:
            times.popleft()
        if len(times) >= self.most:
            wait = str(max(1, int(times[0] + self.seconds - now)))
            raise Refused(429, "that is too much at once: wait a moment", headers={"Retry-After": wait})
        times.append(now)
        while len(self._times) > self.known:
            self._times.popitem(last=False)


@dataclass(frozen=True, slots=True)
class Place:
    """Where a request belongs to."""

    app: App
    trigger: Standing
    origin: str


def make_chat(app: App) -> FastAPI:
    """The chats, to be mounted at /chat."""
    chat = FastAPI(openapi_url=None, docs_url=None, redoc_url=None, redirect_slashes=False)
    chat.middleware("http")(_guarded)
    begins, writes, of_address, looks = Often(10, 60), Often(20, 60), Often(60, 60), Often(60, 60)
    streams: set[int] = set()

    @chat.get("/{workspace}/{agent}.js")
    async def widget(workspace: str, agent: str) -> Response:
        headers = {"Cache-Control": CACHED, "Cross-Origin-Resource-Policy": "cross-origin"}
        return Response(WIDGET.read_bytes(), media_type="text/javascript", headers=headers)

    @chat.options("/{workspace}/{agent}/{what}")
    async def preflight(request: Request, workspace: str, agent: str, what: str) -> Response:
        await _place(app, request, workspace, agent)
        return Response(status_code=204, headers=ALLOWED)

    @chat.post("/{workspace}/{agent}/sessions")
    async def begin(request: Request, workspace: str, agent: str, hello: Hello) -> Response:
        place = await _place(app, request, workspace, agent)
        begins.note(_address(request))
        visitor = await _visitor(place, hello.identity)
        session, token = await kept.begin(
            place.app.store, agent, place.trigger.name, place.origin, str(hello.device), visitor
        )
        said = {"token": token, "known": bool(session.subject), "name": session.name}
        return JSONResponse(said, 201)

    @chat.post("/{workspace}/{agent}/messages")
    async def write(request: Request, workspace: str, agent: str, words: Words) -> Response:
        place = await _place(app, request, workspace, agent)
        session = await _session(place, request, agent)
        of_address.note(_address(request))
        writes.note(str(session.id))
        if place.trigger.paused_at is not None:
            raise Refused(503, "nobody answers in this chat for now", headers={"Retry-After": "300"})
        text = words.text.replace("\0", "�")
        if not text.strip():
            raise Refused(422, "say something")
        try:
            made = await chatting.written(place.app, place.trigger, session, text, str(words.id))
        except Busy as error:
            wait = str(int(error.retry_after) + 1)
            raise Refused(429, str(error), headers={"Retry-After": wait}) from error
        return JSONResponse(_told(made), 202)

    @chat.post("/{workspace}/{agent}/views")
    async def view(request: Request, workspace: str, agent: str, seen: View) -> Response:
        place = await _place(app, request, workspace, agent)
        session = await _session(place, request, agent)
        looks.note(str(session.id))
        await kept.viewed(place.app.store, session, str(seen.id), seen.page, seen.title, datetime.now(UTC))
        return Response(status_code=204)

    @chat.get("/{workspace}/{agent}/events")
    async def follow(
        request: Request, workspace: str, agent: str, after: Annotated[int, Query(ge=0, le=2**62)] = 0
    ) -> Response:
        place = await _place(app, request, workspace, agent)
        session = await _session(place, request, agent)
        if len(streams) >= STREAMS:
            raise Refused(503, "too many follow their chats now", headers={"Retry-After": "10"})
        lines = _lines(place.app, session, after, streams)
        return StreamingResponse(lines, media_type="text/event-stream")

    for kind, handler in (
        (Refused, refused),
        (RequestValidationError, invalid),
        (HTTPException, http),
        (RemitError, told),
        (psycopg.OperationalError, away),
        (Exception, fault),
    ):
        chat.add_exception_handler(kind, handler)
    return chat


async def _lines(app: App, session: Session, after: int, streams: set[int]) -> AsyncIterator[str]:
    """What is said, and how it stands, as long as somebody reads it."""
    loop, me, before = asyncio.get_running_loop(), id(object()), None
    streams.add(me)
    try:
        ends = loop.time() + LASTS
        while loop.time() < ends:
            for one in await kept.messages(app.store, session.id, after):
                after = one.id
                yield f"id: {one.id}\nevent: message\ndata: {json.dumps(_told(one))}\n\n"
            now = await kept.standing(app.store, session.id)
            yield f"event: state\ndata: {json.dumps(now)}\n\n" if now != before else ": \n\n"
            before = now
            await asyncio.sleep(EVERY)
    finally:
        streams.discard(me)


def _told(one: Message) -> dict[str, object]:
    return {"id": one.id, "at": one.at.isoformat(), "by": one.side, "text": one.text}


async def _place(app: App, request: Request, workspace: str, agent: str) -> Place:
    """Raises Refused where the request comes from a site that has no chat of this agent."""
    origin = request.headers.get("origin", "").lower()
    if NAME.fullmatch(workspace) and "\0" not in agent:
        here = app.within(workspace)
        for one in await list_triggers(here.store, agent):
            if one.kind == "chat" and origin in (one.trigger.chat or ()):
                request.state.origin = origin
                return Place(here, one, origin)
    raise Refused(404, NOWHERE)


async def _session(place: Place, request: Request, agent: str) -> Session:
    """Raises Refused where the browser has no token of this chat."""
    how, _, token = request.headers.get("authorization", "").partition(" ")
    found = await kept.by_token(place.app.store, agent, token.strip()) if how.lower() == "bearer" else None
    if found is None or found.origin != place.origin:
        raise Refused(401, "begin a chat first")
    return found


async def _visitor(place: Place, identity: str) -> Visitor:
    """Raises Refused for an identity that does not hold."""
    if not identity:
        return Visitor()
    try:
        known = await keys(place.app.store, place.trigger.agent, place.trigger.name)
        return visitor_of(identity, known, place.trigger.agent, time.time())
    except NotSigned as error:
        raise Refused(422, str(error)) from error
    except UserError as error:
        raise Refused(503, "who you are cannot be checked now") from error


async def _guarded(request: Request, call_next: Next) -> Response:
    """Nothing large is read; and a page of a site that may have the chat may read the answer, whatever it is."""
    said = request.headers.get("content-length", "")
    if request.method == "POST" and not (said.isascii() and said.isdigit() and int(said[:12]) <= LARGEST):
        return problem(413, f"say how long the body is; it has at most {LARGEST:,} bytes")
    response = await call_next(request)
    if origin := getattr(request.state, "origin", ""):
        response.headers["Access-Control-Allow-Origin"], response.headers["Vary"] = origin, "Origin"
        response.headers["Cross-Origin-Resource-Policy"] = "cross-origin"
        response.headers["Cache-Control"] = "no-store"
    return response


def _address(request: Request) -> str:
    return network(request.client.host if request.client else "")
