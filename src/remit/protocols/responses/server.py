"""`/v1/responses`: a response is a run, or what came of it after a word on what it asked.

Nothing of a response is kept beside its run. What a client named in its request and no run has (metadata, instructions) is said
back once; asked for later, a response has what the journal has.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterable
from contextlib import aclosing, suppress
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import APIRouter, Query, Request
from fastapi.responses import JSONResponse, Response, StreamingResponse

from remit.api.begin import hand_to_workers
from remit.api.guard import Caller, Reads, Served, Writes
from remit.api.problems import FieldError, Refused
from remit.api.runs import events_of
from remit.api.tokens import token_of
from remit.app import App
from remit.errors import NotWaiting
from remit.feed import Said
from remit.gate.approval import seal
from remit.journal.events import Endorsed, Event, Replied
from remit.journal.state import State, fold
from remit.protocols.asked import questions
from remit.protocols.chat.server import Again, Key, secret_of, settled, site
from remit.protocols.responses import body, told
from remit.protocols.responses.body import Wanted
from remit.protocols.responses.place import NAMED, place_of
from remit.protocols.responses.told import Frame, Teller

router = APIRouter(prefix="/responses")


@router.post("")
async def create_response(
    app: Served, caller: Writes, request: Request, wanted: Wanted, key: Key = None, again: Again = None
) -> Response:
    """Begin a run, or say a word on what one asks, and answer with what comes of it."""
    asked_for = body.read(wanted)
    place = await place_of(app, caller, request, wanted, asked_for, key, again)
    first = (await events_of(app, place.run))[0]
    state = fold([first])
    assert state.started is not None
    told_back = {
        "background": bool(wanted.background),
        "instructions": wanted.instructions,
        "previous_response_id": wanted.previous_response_id,
        "metadata": wanted.metadata or {},
        "user": wanted.user,
    }
    frame = Frame(
        place.run, state.started.agent, first.at, site(request), wanted.as_json, place.after, told_back
    )
    headers = {"X-Remit-Run": str(place.run)} | ({} if place.new else {"Idempotent-Replayed": "true"})
    if wanted.stream:
        live = not wanted.background
        pieces = streamed(app, caller, frame, secret_of(request), live=live, hand=place.after == 0)
        return StreamingResponse(pieces, media_type="text/event-stream", headers=headers)
    async with app.feeds.watched(place.run) as feed:
        if not place.after:
            await hand_to_workers(app, place.run)
        if not wanted.background:
            await settled(request, feed, place.after)
    return JSONResponse(await _whole(app, caller, frame), headers=headers)


@router.get("/{response}")
async def get_response(
    app: Served,
    caller: Reads,
    request: Request,
    response: str,
    stream: bool = False,
    starting_after: Annotated[int, Query(ge=-1)] = -1,
) -> Response:
    """How it stands by now; as a stream, what has happened in it and what happens still, after the event of that number."""
    frame = await _frame(app, request, response)
    if stream:
        pieces = streamed(app, caller, frame, secret_of(request), beyond=starting_after)
        return StreamingResponse(pieces, media_type="text/event-stream")
    return JSONResponse(await _whole(app, caller, frame))


@router.post("/{response}/cancel")
async def cancel_response(app: Served, caller: Writes, request: Request, response: str) -> Response:
    """End its run; of one that has ended, nothing changes."""
    frame = await _frame(app, request, response)
    with suppress(NotWaiting):
        await app.cancel(frame.run, caller.who, "by its client")
    return JSONResponse(await _whole(app, caller, frame))


@router.get("/{response}/input_items")
async def list_input_items(
    app: Served,
    caller: Reads,
    request: Request,
    response: str,
    limit: Annotated[int, Query(ge=1, le=100)] = 20,
    order: Literal["asc", "desc"] = "desc",
    after: Annotated[str, Query(max_length=200)] = "",
) -> dict[str, Any]:
    """What it was begun with: the conversation as the agent reads it, and the goal; or the words on what was asked."""
    frame = await _frame(app, request, response)
    items = list(_given(frame, await events_of(app, frame.run)))
    items = items if order == "asc" else items[::-1]
    names = [one["id"] for one in items]
    if after and after not in names:
        raise Refused(
            400, "after: is no item of this response", [FieldError(pointer="/after", detail="is none")]
        )
    rest = items[names.index(after) + 1 :] if after else items
    page = rest[:limit]
    return {
        "object": "list",
        "data": page,
        "first_id": page[0]["id"] if page else "",
        "last_id": page[-1]["id"] if page else "",
        "has_more": len(rest) > limit,
    }


async def streamed(
    app: App,
    caller: Caller,
    frame: Frame,
    secret: str,
    *,
    live: bool = False,
    hand: bool = False,
    beyond: int = -1,
) -> AsyncIterator[str]:
    """Typed events, numbered. `live`: words as the model says them, which are numbered as they come; else by the journal, which has the same numbers
    however often it is asked."""
    teller = Teller(frame)

    def written(events: Iterable[dict[str, Any]]) -> str:
        fresh = [one for one in events if one["sequence_number"] > beyond]
        return "".join(
            f"event: {one['type']}\ndata: {json.dumps(one, ensure_ascii=False)}\n\n" for one in fresh
        )

    async with app.feeds.watched(frame.run) as feed:
        if hand:
            await hand_to_workers(app, frame.run)
        events = await events_of(app, frame.run)
        yield written(teller.begin(fold(events[: max(1, frame.after)])))
        async with aclosing(feed.follow(frame.after)) as following:
            async for one in following:
                if one is None:
                    if secret and await token_of(app.store, secret) is None:
                        return
                    yield ": still here\n\n"
                elif live or not isinstance(one, Said):
                    yield written(teller.of(one))
                seen = feed.state.seq if one is None or isinstance(one, Said) else one.seq
                if feed.rests and seen == feed.state.seq > frame.after and not isinstance(one, Said):
                    break
        asked = await _asked(app, caller, feed.state)
        yield written(teller.end(feed.state, feed.events[frame.after :], asked))


async def _frame(app: App, request: Request, name: str) -> Frame:
    """Raises Refused."""
    named = NAMED.fullmatch(name)
    if named is None:
        raise Refused(404, f"there is no response {name[:80]!r}; they begin with {told.PREFIX}")
    run, after = UUID(named[1]), int(named[2] or 0)
    events = await events_of(app, run)
    state = fold(events)
    if after >= state.seq or state.started is None:
        raise Refused(404, f"there is no response {name}")
    as_json = state.started.spec.get("output") is not None
    return Frame(run, state.started.agent, events[0].at, site(request), as_json, after)


async def _whole(app: App, caller: Caller, frame: Frame) -> dict[str, Any]:
    events = await events_of(app, frame.run)
    state = fold(events)
    asked = await _asked(app, caller, state)
    whole: dict[str, Any] = Teller(frame).whole(state, events[frame.after :], asked)
    return whole


async def _asked(app: App, caller: Caller, state: State) -> list[Any]:
    """What they may decide here."""
    if state.run is None or state.finished is not None or not state.waits:
        return []
    return await questions(app, caller, state.run)


def _given(frame: Frame, events: list[Event]) -> Iterable[dict[str, Any]]:
    """Items as they were given, oldest first."""
    name = frame.id.removeprefix(told.PREFIX)
    started = fold(events[:1]).started
    assert started is not None
    if not frame.after:
        for mark, role, text in (("before", "developer", started.quoted), ("goal", "user", started.goal)):
            if text:
                yield _message(f"msg_{name}_{mark}", role, text)
        return
    state = fold(events)
    for event in events[frame.after :]:
        one = event.body
        if not isinstance(one, Replied | Endorsed):
            break
        if isinstance(one, Replied) and one.decision == "answer":
            yield _message(f"msg_{name}_{event.seq}", "user", one.text)
        else:
            yield {
                "id": f"mcpa_{name}_{event.seq}",
                "type": body.ANSWER,
                "approval_request_id": f"mcpr_{frame.run.hex}_{one.ask_id}_{seal(state.asked[one.ask_id])[-12:]}",
                "approve": isinstance(one, Endorsed) or one.decision == "approve",
                "reason": one.text or None,
            }


def _message(name: str, role: str, text: str) -> dict[str, Any]:
    content = [{"type": "input_text", "text": text}]
    return {"id": name, "type": "message", "role": role, "status": "completed", "content": content}
