"""What a run has come to, without holding its events: how it stands, what it cost by step, where what it changed is told. A page
of a run with a hundred thousand events needs that and the few events that it shows. It is folded once, of the types that matter,
and brought up to date by the events that came since."""

from __future__ import annotations

import asyncio
import re
from collections import OrderedDict
from collections.abc import AsyncGenerator, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal
from typing import Any, LiteralString
from uuid import UUID

from pydantic_core import from_json, to_json

from remit.journal.archive import Row
from remit.journal.events import (
    Acted,
    Amended,
    Answered,
    Asked,
    Delegated,
    Endorsed,
    Event,
    Judged,
    Replied,
    UndoWanted,
)
from remit.journal.state import State, apply, fold
from remit.journal.window import fitting, of_types, single, top_of
from remit.store.store import Store

FOLDED = (  # of which the state is folded; the others are only counted
    "started", "granted", "asked", "amended", "endorsed", "replied", "handed_over", "paused", "resumed", "slept", "woken", "delegated",
    "returned", "undo_wanted", "checked", "finished",
)  # fmt: skip
COUNTED = ("reserved", "answered", "acted", "intended")
TOGETHER = 2_000  # event numbers that are read at a time
KEPT = 64  # runs
SHOWN = 20  # of what a run changed
BARS = 60  # in a chart; more steps than that share one
VERDICTS: LiteralString = """
    select seq, at, type, body::text from events
    where run = %(run)s and seq > %(after)s and type = 'judged' and remit_field(body, 'call_id') = any (%(calls)s) order by seq
"""
REFERENCE = re.compile(rb'\$ref\\*":\s*\\*"([0-9]+\.[0-9]+)')
_ZERO = Decimal(0)


@dataclass(slots=True)
class Step:
    """What a step took, or several side by side. Cost in US dollars."""

    tokens: int = 0
    cost: Decimal = _ZERO
    seconds: float = 0.0

    def add(self, other: Step) -> None:
        self.tokens += other.tokens
        self.cost += other.cost
        self.seconds += other.seconds


@dataclass(slots=True)
class Steps:
    """What each step took; `wide` steps share one, so that there are never many."""

    groups: list[Step] = field(default_factory=list)
    count: int = 0
    wide: int = 1

    def begin(self) -> None:
        if self.count == len(self.groups) * self.wide:
            if len(self.groups) == BARS:
                for at in range(0, BARS, 2):
                    self.groups[at].add(self.groups[at + 1])
                self.groups, self.wide = self.groups[::2], 2 * self.wide
            self.groups.append(Step())
        self.count += 1

    def add(self, taken: Step) -> None:
        """To the step that is under way."""
        if self.groups:
            self.groups[-1].add(taken)


@dataclass(slots=True)
class Gist:
    """A run up to its event `state.seq`. The state has no calls: `around` has those that are shown."""

    run: UUID
    state: State = field(default_factory=State)
    begun_at: datetime | None = None
    last_at: datetime | None = None
    answers: list[int] = field(default_factory=list)  # the event of each answer that acts, by step
    acted: dict[str, int] = field(default_factory=dict)  # call -> the event that tells what came of it
    undos: dict[str, int] = field(default_factory=dict)  # `undo:` and a call -> the event that wants it
    undone: set[str] = field(default_factory=set)
    about: dict[str, list[int]] = field(default_factory=dict)  # open call -> events about it
    effects: list[tuple[str, tuple[int, ...]]] = field(default_factory=list)  # call -> events about it
    steps: Steps = field(default_factory=Steps)
    delegated: bool = False
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)

    def count(self, seq: int, kind: str, body: dict[str, Any]) -> None:
        """Take money that is set aside, an answer, an intention or an outcome in."""
        if kind == "answered":
            self._answered(seq, body)
        elif kind == "reserved":
            self.state.reserved += Decimal(str(body["amount"]))
        elif kind == "intended":
            self.about.setdefault(body["call_id"], []).append(seq)
        else:
            self._acted(seq, body)

    def take(self, event: Event) -> None:
        """Take one of the others in."""
        body = event.body
        if isinstance(body, Asked):
            self.about.setdefault(body.call_id, []).append(event.seq)
        elif isinstance(body, Replied | Endorsed) and (asked := self.state.waits.get(body.ask_id)):
            self.about.setdefault(asked.call_id, []).append(event.seq)
        elif isinstance(body, Amended):
            self._amended(event.seq, body)
        elif isinstance(body, UndoWanted):
            self.undos[f"undo:{body.call_id}"] = event.seq
        self.delegated |= isinstance(body, Delegated)
        self.begun_at = self.begun_at or event.at
        apply(self.state, event)

    def _amended(self, seq: int, body: Amended) -> None:
        """What the fold does with its call, which the state here has not."""
        asked = self.state.waits.get(body.ask_id)
        if asked is not None and asked.call_id == body.call_id:
            self.about.setdefault(body.call_id, []).append(seq)
            del self.state.waits[body.ask_id]
            self.state.asked_at.pop(body.ask_id, None)
            self.state.amended[body.ask_id] = body

    def _answered(self, seq: int, body: dict[str, Any]) -> None:
        tokens = body.get("input_tokens", 0) + body.get("output_tokens", 0)
        taken = Step(tokens, Decimal(str(body.get("cost") or 0)), body.get("seconds", 0.0))
        acts = body.get("purpose", "act") == "act"
        if acts or not self.steps.count:
            self.steps.begin()
        self.steps.add(taken)
        self.state.tokens += taken.tokens
        self.state.money += taken.cost
        self.state.reserved = _ZERO
        self.state.seconds += taken.seconds
        if acts:
            self.state.steps += 1
            self.answers.append(seq)

    def _acted(self, seq: int, body: dict[str, Any]) -> None:
        call, seconds = body["call_id"], body.get("seconds", 0.0)
        self.steps.add(Step(seconds=seconds))
        self.state.seconds += seconds
        self.acted[call] = seq
        before = self.about.pop(call, [])
        if body.get("status", "ok") != "ok":
            return
        if call in self.undos:
            self.undone.add(call.removeprefix("undo:"))
        elif body.get("effect") in ("egress", "destroy"):
            self.effects.append((call, (*before, seq)))

    def wanted_in(self, call: str) -> set[int]:
        """The events that hold a call: the answer that wants it, or the wish that it be undone."""
        found = {self.undos[call]} if call in self.undos else set()
        step = call.removeprefix("undo:").partition(".")[0]
        if step.isascii() and step.isdigit() and 0 < int(step[:9]) <= len(self.answers):
            found.add(self.answers[int(step[:9]) - 1])
        return found


@dataclass
class Gists:
    """Those of runs that were looked at lately, in this process."""

    store: Store
    kept: OrderedDict[UUID, Gist] = field(default_factory=OrderedDict)

    @asynccontextmanager
    async def of(self, run: UUID) -> AsyncGenerator[Gist]:
        """As the run is now; it stays so until it is left."""
        gist = self.kept.setdefault(run, Gist(run))
        self.kept.move_to_end(run)
        while len(self.kept) > KEPT:
            self.kept.popitem(last=False)
        async with gist.lock:
            await _update(self.store, gist)
            yield gist


async def _update(store: Store, gist: Gist) -> None:
    top = await top_of(store, gist.run)
    if top is None or top.seq <= gist.state.seq:
        return
    step = top.seq if top.archived else TOGETHER  # an archive is unpacked whole
    while (after := gist.state.seq) < top.seq:
        until = min(after + step, top.seq)
        rows, events = await of_types(store, gist.run, after, until, FOLDED, COUNTED)
        _take(gist, rows, {one.seq: one for one in events})
        gist.state.run, gist.state.seq = gist.run, until
        gist.last_at = rows[-1][1] if top.archived and rows else top.at


def _take(gist: Gist, rows: Iterable[Row], events: dict[int, Event]) -> None:
    for seq, _, kind, body in rows:
        if seq in events:
            gist.take(events[seq])
        else:
            gist.count(seq, kind, from_json(body))


async def around(store: Store, gist: Gist, shown: Sequence[Event]) -> State:
    """What these events speak of: their calls, with what these refer to."""
    calls = {body.call_id for one in shown if isinstance(body := one.body, Judged | Acted | Amended)}
    return await _folded(store, gist, shown, {seq for call in calls for seq in gist.wanted_in(call)})


async def standing(store: Store, gist: Gist) -> State:
    """How the run stands, with the last of what it changed."""
    return await changed(store, gist, max(len(gist.effects) - SHOWN, 0), len(gist.effects))


async def changed(store: Store, gist: Gist, begin: int, end: int) -> State:
    """The same with some of what it changed, in the place of its last."""
    effects = gist.effects[begin:end]
    about = {seq for call, seqs in effects for seq in (*seqs, *gist.wanted_in(call))}
    there = await _folded(store, gist, (), about) if effects else State()
    found = [there.calls[call] for call, _ in effects if call in there.calls]
    for call in found:
        call.undone = call.call.id in gist.undone
    return replace(gist.state, calls=there.calls, effects=found)


async def waiting(store: Store, gist: Gist) -> State:
    """How the run stands, with the calls that it asks about."""
    calls = {asked.call_id for asked in gist.state.waits.values()} - {""}
    wanted = {seq for call in calls for seq in gist.wanted_in(call)}
    if not wanted:
        return replace(gist.state)
    values = {"after": min(wanted), "calls": list(calls)}
    verdicts = await fitting(
        store,
        gist.run,
        VERDICTS,
        values,
        lambda row: row[2] == "judged" and from_json(row[3])["call_id"] in calls,
    )
    about = {seq for call in calls for seq in gist.about.get(call, ())}
    return replace(gist.state, calls=(await _folded(store, gist, verdicts, wanted | about)).calls)


async def _folded(store: Store, gist: Gist, shown: Sequence[Event], more: set[int]) -> State:
    events = {one.seq: one for one in shown}
    events |= {one.seq: one for one in await single(store, gist.run, (more | {1}) - events.keys())}
    named = {call for one in events.values() for call in _referred(one)}
    told = {gist.acted[call] for call in named if call in gist.acted}
    told |= {seq for call in named for seq in gist.wanted_in(call)}
    events |= {one.seq: one for one in await single(store, gist.run, told - events.keys())}
    return fold(events[seq] for seq in sorted(events))


def _referred(event: Event) -> set[str]:
    """The calls to whose results an answer refers."""
    if not isinstance(event.body, Answered):
        return set()
    return {found.decode() for call in event.body.calls for found in REFERENCE.findall(to_json(call.args))}
