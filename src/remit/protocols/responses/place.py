"""Which run a request for a response is about: a new one, or one that asked and is told something."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from fastapi import Request

from remit.api.guard import Caller, require
from remit.api.problems import FieldError, Refused
from remit.app import App
from remit.gate.approval import Decision, seal
from remit.journal.events import Asked, Endorsed, Event, Replied
from remit.journal.state import State, fold
from remit.protocols.asked import MAY, Word, answer, questions, theirs
from remit.protocols.chat.body import wrong
from remit.protocols.chat.server import begun_once
from remit.protocols.responses.body import Decided, Spoken, Wanted, conversation, goal_of
from remit.protocols.responses.told import id_of

NAMED = re.compile(r"resp_([0-9a-f]{32})(?:_([1-9][0-9]{0,8}))?")


@dataclass(frozen=True, slots=True)
class Place:
    """Where a response is: a run, after one of its events."""

    run: UUID
    after: int = 0
    new: bool = True  # workers have not heard of it yet


@dataclass(frozen=True, slots=True)
class Before:
    """The response that another goes on from."""

    run: UUID
    state: State
    events: list[Event]  # its own


async def place_of(
    app: App,
    caller: Caller,
    request: Request,
    wanted: Wanted,
    asked_for: Spoken | list[Decided],
    key: str | None,
    again: int | None,
) -> Place:
    """The run that is begun, or gone on with. Raises Refused."""
    previous = wanted.previous_response_id
    before = await previous_of(app, caller, previous) if previous else None
    if isinstance(asked_for, list):
        return await _decide(app, caller, asked_for, before)
    if before is not None and (said := _answered(before.events, caller, asked_for)):
        return Place(before.run, said - 1, new=False)
    if before is not None and before.state.finished is None:
        return await _answer(app, caller, before, asked_for)
    earlier = conversation(before.state) if before is not None else []
    run, new = await begun_once(app, caller, request, goal_of(wanted, asked_for, earlier), key, again)
    return Place(run, new=new)


async def previous_of(app: App, caller: Caller, name: str, where: str = "/previous_response_id") -> Before:
    """One of the caller's own, or any that they may read. Raises Refused."""
    named = NAMED.fullmatch(name)
    events = await app.journal.read(UUID(named[1])) if named else []
    state = fold(events)
    if named is None or not (theirs(state, caller) or (state.started and "runs:read" in caller.scopes)):
        what = f"{where[1:]}: there is no response {name[:80]!r}"
        raise Refused(400, what, [FieldError(pointer=where, detail="is of none")])
    return Before(UUID(named[1]), state, events[int(named[2] or 0) :])


async def _decide(app: App, caller: Caller, words: list[Decided], before: Before | None) -> Place:
    """Say each word in the caller's name, to exactly what was shown. What they have said before is not said again, but told what
    came of it. Raises Refused."""
    run = words[0].run
    if len({one.run for one in words}) > 1 or (before is not None and before.run != run):
        raise wrong("input", "answers requests of several runs: answer those of one response")
    require(caller, MAY, "a word on what a run asks")
    events = (await previous_of(app, caller, id_of(run), "/input")).events
    said = []
    for word in words:
        if not (when := _decided(events, caller, word)):
            found = {one.key: one for one in await questions(app, caller, run)}
            if word.key not in found:
                what = "it is asked no more, asks for something else by now, or is not yours to decide"
                raise Refused(409, what, [FieldError(pointer="/input", detail=what)])
            decision: Decision = "approve" if word.approve else "reject"
            if why := await answer(app, caller, run, found[word.key], Word(decision, word.reason)):
                raise Refused(409, why)
            events = await app.journal.read(run)
            when = _decided(events, caller, word)
        said.append(when)
    return Place(run, min(said) - 1)


async def _answer(app: App, caller: Caller, before: Before, spoken: Spoken) -> Place:
    """The user's words to a question that wants words. They decide nothing else. Raises Refused."""
    waits = before.state.waits
    where = [FieldError(pointer="/previous_response_id", detail="has not ended")]
    if len(waits) != 1 or [one.kind for one in waits.values() if one.call_id] != ["question"]:
        what = (
            "waits for a decision, and words are none: send mcp_approval_response, or decide in the inbox"
            if waits
            else "goes on: ask for it again once it has ended"
        )
        raise Refused(409, f"the run of previous_response_id {what}", where)
    require(caller, MAY, "an answer to what a run asks")
    found = [one for one in await questions(app, caller, before.run) if one.in_words]
    if not found:
        raise Refused(409, "what the run asks is not yours to answer", where)
    if why := await answer(app, caller, before.run, found[0], Word("answer", spoken.words)):
        raise Refused(409, why, where)
    return Place(before.run, _answered(await app.journal.read(before.run), caller, spoken) - 1)


def _decided(events: Sequence[Event], caller: Caller, word: Decided) -> int:
    """The event in which they have said that; 0: they have not."""
    ask, _, mark = word.key.partition(":")
    asked = next((e.body for e in events if isinstance(e.body, Asked) and e.body.ask_id == ask), None)
    if asked is None or not seal(asked).endswith(mark):
        return 0
    for event in events:
        one = event.body
        if isinstance(one, Replied | Endorsed) and (one.ask_id, one.by) == (ask, caller.who):
            decision = one.decision if isinstance(one, Replied) else "approve"
            if decision == ("approve" if word.approve else "reject"):
                return event.seq
    return 0


def _answered(events: Sequence[Event], caller: Caller, spoken: Spoken) -> int:
    """The event in which they have answered so; 0: they have not. A client that heard nothing of it says it again."""
    for event in events:
        one = event.body
        said = isinstance(one, Replied) and (one.decision, one.by, one.text)
        if said == ("answer", caller.who, spoken.words):
            return event.seq
    return 0
