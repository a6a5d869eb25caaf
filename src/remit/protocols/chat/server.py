"""`/v1` as OpenAI's clients know it: a model is an agent, a completion is a run.

A request begins one run, and its answer is that run's report; where the run waits for a person, the answer says so, and the
same completion, asked for later, has the report. A client that asks again by itself, as OpenAI's do where a line breaks, gets
the run that it began before.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator, Sequence
from contextlib import aclosing
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Header, Request
from fastapi.responses import JSONResponse, Response, StreamingResponse

from remit.api.agents import list_agents
from remit.api.begin import begun, forget, hand_to_workers, named
from remit.api.guard import Caller, Looks, Reads, Served, Writes
from remit.api.problems import FieldError, Refused, Sent, printable
from remit.api.runs import KEY, events_of
from remit.api.schemas import Begin
from remit.api.tokens import token_of
from remit.app import App
from remit.feed import Feed, Said
from remit.journal.state import fold
from remit.protocols.chat import body, told
from remit.protocols.chat.body import Completion
from remit.protocols.chat.told import PREFIX, Frame
from remit.protocols.speech import Piece, Speech

LONGEST = 570.0  # seconds that an answer is waited for: OpenAI's clients wait ten minutes
CODES = {
    401: "invalid_api_key",
    403: "insufficient_permissions",
    404: "not_found",
    409: "conflict",
    429: "rate_limit_exceeded",
}
OF_PARAMETERS = {"/agent": "model_not_found", "/previous_response_id": "previous_response_not_found"}
router = APIRouter()
Key = Annotated[str | None, Header(alias="Idempotency-Key", min_length=1, max_length=200, pattern=KEY)]
Again = Annotated[int | None, Header(alias="x-stainless-retry-count")]


def shaped(
    status: int, detail: str, errors: Sequence[FieldError] = (), headers: Sent | None = None
) -> JSONResponse:
    """An error as OpenAI's clients read it."""
    where = errors[0].pointer if errors else ""
    status = 404 if where == "/agent" else 400 if status == 422 else status
    error = {
        "message": printable(detail.replace("/agent: ", "")),
        "type": "server_error" if status >= 500 else "invalid_request_error",
        "param": "model" if where == "/agent" else body.named(where) or None,
        "code": OF_PARAMETERS.get(where) or CODES.get(status),
    }
    return JSONResponse({"error": error}, status, dict(headers or {}))


@router.get("/models")
async def list_models(app: Served, caller: Looks) -> dict[str, Any]:
    """The agents at hand."""
    return {"object": "list", "data": [_model(one.name) for one in (await list_agents(app, caller)).agents]}


@router.get("/models/{name}")
async def get_model(app: Served, caller: Looks, name: str) -> dict[str, Any]:
    await named(app, name)
    return _model(name)


@router.post("/chat/completions")
async def complete(
    app: Served, caller: Writes, request: Request, wanted: Completion, key: Key = None, again: Again = None
) -> Response:
    """Begin a run and answer with its report, or with pieces of it as they come."""
    run, new = await begun_once(app, caller, request, body.wanted(wanted), key, again)
    first = (await events_of(app, run))[0]
    frame = Frame(run, wanted.model, first.at, site(request), wanted.as_json)
    headers = {"X-Remit-Run": str(run)} | ({} if new else {"Idempotent-Replayed": "true"})
    if wanted.stream:
        usage = wanted.stream_options is not None and wanted.stream_options.include_usage
        pieces = streamed(app, frame, usage, secret_of(request))
        return StreamingResponse(pieces, media_type="text/event-stream", headers=headers)
    async with app.feeds.watched(run) as feed:
        await hand_to_workers(app, run)
        await settled(request, feed)
        answer = told.whole(feed.state, feed.events, frame, wanted.metadata or {})
    return JSONResponse(answer, headers=headers)


@router.get("/chat/completions/{completion}")
async def get_completion(app: Served, caller: Reads, request: Request, completion: str) -> Response:
    """How the run of a completion stands by now."""
    try:
        run = UUID(completion.removeprefix(PREFIX))
    except ValueError as error:
        raise Refused(404, f"there is no completion {completion[:80]!r}; they begin with {PREFIX}") from error
    events = await events_of(app, run)
    state = fold(events)
    assert state.started is not None
    as_json = state.started.spec.get("output") is not None
    frame = Frame(run, state.started.agent, events[0].at, site(request), as_json)
    return JSONResponse(told.whole(state, events, frame, {}))


async def begun_once(
    app: App, caller: Caller, request: Request, begin: Begin, key: str | None, again: int | None
) -> tuple[UUID, bool]:
    """The run, and whether it is new. `again`: how often a client that tells its tries apart, and sends no key of its own, has
    sent this before."""
    if key is None and again is not None:
        key = "body:" + hashlib.sha256(await request.body()).hexdigest()
        if again == 0:
            await forget(app.store, caller, key)
    return await begun(app, caller, begin, key)


async def settled(request: Request, feed: Feed, after: int = 0) -> None:
    """Wait until the run has ended or rests with a person, after that event; not for ever, and not for nobody."""
    try:
        async with asyncio.timeout(LONGEST), aclosing(feed.follow(after)) as following:
            async for one in following:
                rests = feed.rests and feed.state.seq > after
                if rests or (one is None and await request.is_disconnected()):
                    return
    except TimeoutError:
        return


async def streamed(app: App, frame: Frame, usage: bool, secret: str) -> AsyncIterator[str]:
    """What the agent says as it says it, then its report."""
    async with app.feeds.watched(frame.run) as feed:
        await hand_to_workers(app, frame.run)
        yield told.chunk(frame, {"role": "assistant", "content": ""})
        speech = Speech()
        async with aclosing(feed.follow()) as following:
            async for one in following:
                if piece := joined(speech.of(one)):
                    yield told.chunk(frame, {"content": piece})
                if one is None:
                    if secret and await token_of(app.store, secret) is None:
                        return
                    yield ": still here\n\n"
                if feed.rests and not isinstance(one, Said) and (one is None or one.seq == feed.state.seq):
                    break
        if piece := joined(speech.end(told.content(feed.state, frame))):
            yield told.chunk(frame, {"content": piece})
        yield told.chunk(frame, {}, "stop", remit=told.about(feed.state, frame))
        if usage:
            yield told.chunk(frame, None, usage=told.usage(feed.events))
    yield "data: [DONE]\n\n"


def joined(piece: Piece) -> str:
    """As it stands in one text with what was said before."""
    return "\n\n" + piece.text if piece.another else piece.text


def secret_of(request: Request) -> str:
    """The token that was sent, for who looks again later whether it still holds."""
    return request.headers.get("authorization", "").partition(" ")[2].strip()


def site(request: Request) -> str:
    """Where the console is, by the name that the caller knows it by."""
    return f"{request.url.scheme}://{request.url.netloc}"


def _model(name: str) -> dict[str, Any]:
    return {"id": name, "object": "model", "created": 0, "owned_by": "remit"}
