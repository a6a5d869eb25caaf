"""`POST /ag-ui/{agent}`: an input of AG-UI begins a run, or carries the answers to what one asked; the answer is its events."""

from __future__ import annotations

import hashlib
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import aclosing
from uuid import UUID

from ag_ui.core import (
    AssistantMessage,
    FunctionCall,
    Message,
    MessagesSnapshotEvent,
    ResumeEntry,
    RunAgentInput,
    RunStartedEvent,
    ToolCall,
)
from ag_ui.encoder import EventEncoder
from fastapi import APIRouter, FastAPI, Request
from fastapi.responses import StreamingResponse
from pydantic import TypeAdapter, ValidationError

from remit.api.begin import begun, hand_to_workers
from remit.api.guard import Caller, Served, Writes, require
from remit.api.problems import FieldError, Refused, at, pointer
from remit.api.routes import routes_of
from remit.api.runs import events_of
from remit.api.schemas import Begin
from remit.api.server import guarded
from remit.api.tokens import token_of
from remit.app import App
from remit.protocols.agui.told import Teller
from remit.protocols.asked import Word, answer, questions
from remit.protocols.chat.server import secret_of, site

VERSION = "1.0"
LONGEST = 190_000  # characters of what is quoted: of more, the latest
INPUT: TypeAdapter[RunAgentInput] = TypeAdapter(RunAgentInput)
router = APIRouter()
write = EventEncoder().encode
ROUTES = routes_of(router)


def make_agui(app: App) -> FastAPI:
    """To be mounted at /ag-ui."""
    agui = guarded(app, "Remit, for user interfaces that speak AG-UI", VERSION)
    agui.router.routes += ROUTES
    return agui


@router.post("/{agent}")
async def run_agent(app: Served, caller: Writes, request: Request, agent: str) -> StreamingResponse:
    """What is wrong with an input is said before anything begins; what goes wrong later, by the stream."""
    wanted = _read(await request.body())
    if wanted.resume:
        require(caller, "runs:read", "going on with a run")
        run, seen = run_of(wanted.resume), 0
        events = await events_of(app, run)
        seen = events[-1].seq
    else:
        key = "ag-ui:" + hashlib.sha256(f"{wanted.thread_id}\0{wanted.run_id}".encode()).hexdigest()
        try:
            run, _ = await begun(app, caller, begin_of(agent, wanted), key)
        except Refused as error:
            if [one.pointer for one in error.errors] != ["/agent"]:
                raise
            raise Refused(404, error.detail.removeprefix("/agent: ")) from error  # the address names it
        seen, events = 0, []
    teller = Teller(run, wanted.thread_id, wanted.run_id, f"{site(request)}/runs/{run}")
    teller.past(events)
    told = stream(app, caller, teller, wanted, seen, secret_of(request))
    return StreamingResponse(told, media_type="text/event-stream", headers={"X-Remit-Run": str(run)})


async def stream(
    app: App, caller: Caller, teller: Teller, wanted: RunAgentInput, seen: int, secret: str
) -> AsyncIterator[str]:
    """The events of one run as the client counts them: until it has ended, or a person must decide."""
    yield write(RunStartedEvent(thread_id=teller.thread, run_id=teller.number, protocol_version=VERSION))
    if wanted.resume:
        yield write(MessagesSnapshotEvent(messages=_known(wanted.messages, teller)))
    for event in teller.begin():
        yield write(event)
    if wanted.resume and (refused := await _answer(app, caller, teller.run, wanted.resume)):
        for event in teller.fail(refused, "resume_refused"):
            yield write(event)
        return
    async with app.feeds.watched(teller.run) as feed:
        await hand_to_workers(app, teller.run)
        async with aclosing(feed.follow(seen)) as following:
            async for one in following:
                if one is None:
                    if secret and await token_of(app.store, secret) is None:
                        return
                    yield ": keep-alive\n\n"
                else:
                    for event in teller.of(one):
                        yield write(event)
                if feed.rests and teller.state.seq == feed.state.seq:
                    break
    for event in teller.end(await questions(app, caller, teller.run)):
        yield write(event)


def begin_of(agent: str, wanted: RunAgentInput) -> Begin:
    """The last message of the user is the goal; the conversation before it and what surrounds it is quoted. Raises Refused."""
    if not wanted.messages or wanted.messages[-1].role != "user":
        raise at("/messages", "the last one is the goal of the run, and must be the user's")
    *before, last = wanted.messages
    lines = [f"{one.role}: {text_of(one).strip()}" for one in before if text_of(one).strip()]
    about = [f"{one.description}: {one.value}" for one in wanted.context or []]
    parts = [("The conversation before:", lines), ("What the application says beside it:", about)]
    quoted = "\n\n".join("\n\n".join((title, *said)) for title, said in parts if said)[-LONGEST:]
    if not text_of(last).strip():
        raise at(f"/messages/{len(before)}/content", "there is no goal: say what should be reached")
    try:
        return Begin(agent=agent, goal=text_of(last), quoted=quoted)
    except ValidationError as error:
        where = f"/messages/{len(before)}/content"
        raise at(where, str(error.errors()[0]["msg"])) from error


def text_of(message: Message) -> str:
    """What of a message is text."""
    content = getattr(message, "content", None)
    if isinstance(content, str):
        return content
    return "\n".join(str(part.text) for part in content or () if getattr(part, "type", "") == "text")


def run_of(entries: Sequence[ResumeEntry]) -> UUID:
    """The run whose questions these answer. Raises Refused."""
    named = {one.interrupt_id.partition(":")[0] for one in entries}
    try:
        (only,) = {UUID(name) for name in named}
    except ValueError as error:
        what = "answer the interrupts of one run, each by the id that it had"
        raise at("/resume", what) from error
    return only


async def _answer(app: App, caller: Caller, run: UUID, entries: Sequence[ResumeEntry]) -> str:
    """Say the words that came. Returns why one could not be said; empty where all were. A question that was put aside is
    still asked."""
    for entry in entries:
        key = entry.interrupt_id.partition(":")[2]
        found = {one.key: one for one in await questions(app, caller, run)}
        if key not in found:
            return f"{entry.interrupt_id} is asked no more, asks for something else by now, or is not yours to decide"
        question = found[key]
        if entry.status == "cancelled":
            word = None if question.in_words else Word("reject", "put aside by the person who was asked")
        else:
            word = _word(entry.payload, question.in_words)
            if word is None:
                wanted = '{"answer": "…"}' if question.in_words else '{"approved": true or false}'
                return f"{entry.interrupt_id}: its payload must be {wanted}, as the interrupt's responseSchema says"
        if word is not None and (why := await answer(app, caller, run, question, word)):
            return why
    return ""


def _word(payload: object, in_words: bool) -> Word | None:
    """What a payload says; None where it says nothing that fits."""
    said = payload if isinstance(payload, dict) else {"answer": payload, "approved": payload}
    if in_words:
        text = said.get("answer")
        return Word("answer", text) if isinstance(text, str) and text.strip() else None
    approved, reason = said.get("approved"), said.get("reason", "")
    changes = said.get("changes") or {}
    if not isinstance(approved, bool) or not isinstance(reason, str) or not isinstance(changes, dict):
        return None
    return Word("approve", reason, changes) if approved else Word("reject", reason)


def _known(messages: Sequence[Message], teller: Teller) -> list[Message]:
    """The conversation as the client sent it, with the calls that are still open, whose results come now."""
    made: list[ToolCall] = []
    for call in teller.state.open.values():
        function = FunctionCall(name=call.call.tool, arguments=json.dumps(call.call.args, ensure_ascii=False))
        made.append(ToolCall(id=f"{teller.run}-{call.call.id}", function=function))
    have = {call.id for one in messages for call in getattr(one, "tool_calls", None) or ()}
    missing = [call for call in made if call.id not in have]
    if not missing:
        return list(messages)
    return [*messages, AssistantMessage(id=f"{teller.run}-{teller.number}-calls", tool_calls=missing)]


def _read(body: bytes) -> RunAgentInput:
    """Raises Refused with each part that cannot be used."""
    try:
        return INPUT.validate_json(body)
    except ValidationError as error:
        found = error.errors()
        if found[0]["type"] == "json_invalid":
            raise Refused(400, "the body is not JSON") from error
        wrong = [FieldError(pointer=pointer(("body", *one["loc"])), detail=one["msg"]) for one in found[:20]]
        raise Refused(422, f"no input of AG-UI: {wrong[0].pointer}: {wrong[0].detail}", wrong) from error
