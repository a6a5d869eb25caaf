"""What a run was told and what it did, for running it again: the results of its tools, the words of people, the
answers of its model, each found by the call that they belong to."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Generic, TypeVar
from uuid import UUID

from remit.agents.delegate import NAME as DELEGATE
from remit.agents.recheck import HERE
from remit.agents.spec import Agent, Check
from remit.errors import Mend
from remit.gate.rules import Rules
from remit.journal.append import Append
from remit.journal.events import (
    Acted,
    Amended,
    Answered,
    AnyBody,
    Asked,
    Checked,
    Delegated,
    Event,
    Finished,
    Intended,
    Judged,
    Replied,
    Started,
)
from remit.journal.facts import Facts
from remit.journal.journal import Journal
from remit.journal.lease import Leases
from remit.journal.refs import given
from remit.journal.state import CallState, State, apply, with_changes
from remit.models.model import Answer, Price, Request, ToolCall, Usage
from remit.tools.tool import Json, Settle, Tool, ToolContext

if TYPE_CHECKING:
    from remit.agents.check import Claim

T = TypeVar("T")
EFFECTS = ("egress", "destroy")
NOT_RECORDED = "not recorded: this replay reads nothing anew; use what you have already read"
NO_RECORD = (
    "not recorded: the gate would have to look at {name}, and this replay reads nothing anew (--live-reads)"
)


class UsedUp(Exception):
    """The recorded answers of the model have all been given, and the run goes on."""


@dataclass(slots=True)
class Tape(Generic[T]):
    """What came of the same call, in order; the last goes for every later time."""

    items: list[T] = field(default_factory=list)
    next: int = 0

    def play(self) -> T:
        item = self.items[min(self.next, len(self.items) - 1)]
        self.next += 1
        return item


@dataclass(frozen=True, slots=True)
class Ending:
    """What a run claimed when a check was made, and what the check said."""

    claim: str
    verdict: str
    detail: str


@dataclass(slots=True)
class Recording:
    """A run's journal by what was asked. What came before event `since` is given only where nothing came after it."""

    tools: Mapping[str, Tool]
    outcomes: dict[str, Tape[Acted]] = field(default_factory=dict)
    replies: dict[str, Tape[Replied | Amended]] = field(default_factory=dict)
    children: dict[str, Tape[UUID]] = field(default_factory=dict)
    checks: dict[str, list[Ending]] = field(default_factory=dict)
    answers: list[Answered] = field(default_factory=list)  # after `since`
    records: dict[str, Tape[Json]] = field(default_factory=dict)
    chosen: dict[str, Acted] = field(
        default_factory=dict
    )  # call id of the replay -> the outcome it is to have

    def key(self, tool: str, args: Mapping[str, Json]) -> str:
        """The same for the same call: by the arguments as the tool understands them."""
        known = self.tools.get(tool)
        if known is not None and known.validate is not None and "$invalid" not in args:
            with suppress(Mend):
                args = known.validate(args)
        return json.dumps([tool, args], sort_keys=True, default=str)

    def outcome(self, tool: str, args: Mapping[str, Json]) -> Acted | None:
        tape = self.outcomes.get(self.key(tool, args))
        return tape.play() if tape else None

    def reply(self, state: State, asked: Asked) -> Replied | Amended | None:
        """What a person said to the same question: about the same call, or in the same words; or made of the call."""
        tape = self.replies.get(self._question(state, asked))
        return tape.play() if tape else None

    def verdict(self, name: str, claim: Claim) -> tuple[str, str] | None:
        """What the check said of a run that had done, and claimed, the same."""
        done = [[e["tool"], e["args"]] for e in claim.effects]
        mine = _claim(done, claim.report, claim.output)
        found = [e for e in self.checks.get(name, ()) if e.claim == mine]
        return (found[-1].verdict, found[-1].detail) if found else None

    def _question(self, state: State, asked: Asked) -> str:
        call = state.calls.get(asked.call_id)
        if call is None:
            return json.dumps([asked.kind, asked.text])
        return self._about(asked.kind, state, call)

    def _about(self, kind: str, state: State, call: CallState) -> str:
        return f"{kind} {self.key(call.call.tool, given(state, call))}"

    def take(self, state: State, event: Event, new: bool) -> None:
        """Take in an event that `state` has already; `new`: the replay goes through it again."""
        body = event.body
        match body:
            case Acted() if body.source and body.status in ("ok", "mend", "failed", "simulated"):
                if call := state.calls.get(body.call_id):
                    key = self.key(call.call.tool, given(state, call))
                    _record(self.outcomes, key, body, new)
            case Replied() if body.ask_id in state.replies:
                asked = state.asked[body.ask_id]
                if asked.kind != "doubt":
                    _record(self.replies, self._question(state, asked), body, new)
            case Amended() if body.ask_id in state.amended:
                if (call := state.calls.get(body.call_id)) and call.proposed:
                    was = with_changes(call.proposed, call.amended[:-1])
                    kind = state.asked[body.ask_id].kind
                    _record(self.replies, self._about(kind, state, replace(call, call=was)), body, new)
            case Delegated():
                if call := state.calls.get(body.call_id):
                    _record(self.children, self.key(call.call.tool, given(state, call)), body.child, new)
            case Judged():
                if call := state.calls.get(body.call_id):
                    same = self.key(call.call.tool, given(state, call))
                    for name, value in body.records.items():
                        key = f"{name} {same}"
                        _record(self.records, key, value, new)
            case Checked():
                report, output = _said(state)
                done = [[c.call.tool, given(state, c)] for c in state.effects]
                ending = Ending(_claim(done, report, output), body.verdict, body.detail)
                self.checks.setdefault(body.check, []).append(ending)
            case Answered() if new:
                self.answers.append(body)


def record(events: Sequence[Event], since: int, tools: Mapping[str, Tool]) -> Recording:
    """A run's recording, to be played from event `since` on."""
    recording, state = Recording(tools), State()
    for event in events:
        apply(state, event)
        recording.take(state, event, event.seq > since)
    return recording


def _record(tapes: dict[str, Tape[T]], key: str, item: T, new: bool) -> None:
    tape = tapes.setdefault(key, Tape())
    tape.items.append(item)
    tape.next += not new


def _said(state: State) -> tuple[str, Json]:
    """The report and the output that a run is about to end with."""
    if state.last is None:
        return "", None
    finish = next((c.args for c in state.last.calls if c.tool == "finish"), None)
    return (
        (state.last.text.strip(), None)
        if finish is None
        else (str(finish.get("report", "")), finish.get("output"))
    )


def _claim(done: Json, report: str, output: Json) -> str:
    return json.dumps([done, report, output], sort_keys=True, default=str)


def harmless(tool: Tool, rules: Rules, recording: Recording, live_reads: bool) -> Tool:
    """The tool, answering from the recording. It cannot have an effect: it holds nothing that has one."""
    look = tool.call if live_reads and tool.effect not in EFFECTS else None

    async def call(context: ToolContext, args: Mapping[str, Json]) -> Json:
        recorded = recording.outcome(tool.name, args)
        if recorded is not None:
            recording.chosen[context.call_id] = recorded
            return None
        if tool.effect in EFFECTS:
            return "ok (simulated: nothing was changed)"
        if look is None:
            raise Mend(NOT_RECORDED)
        return await look(context, args)

    records = {
        name: _looked_at(tool.name, name, read if live_reads else None, recording)
        for name, read in tool.records.items()
        if live_reads or rules.asks_about(tool.name, name)  # only what a rule wants to know has to be known
    }
    return replace(tool, call=call, settle=Settle("ask"), undo=None, records=records)


Read = Callable[[ToolContext, Mapping[str, Json]], Awaitable[Json]]


def _looked_at(tool: str, name: str, look: Read | None, recording: Recording) -> Read:
    """How the gate reads a record: as it was when the same call was judged."""

    async def read(context: ToolContext, args: Mapping[str, Json]) -> Json:
        tape = recording.records.get(f"{name} {recording.key(tool, args)}")
        if tape is not None:
            return tape.play()
        if look is None:
            raise Mend(NO_RECORD.format(name=name))
        return await look(context, args)

    return read


def rechecked(spec: Agent) -> Agent:
    """The agent with those of its checks that look at the world answered from the recording."""
    checks = tuple(
        Check(name=check.name, code=f"{HERE}:{check.name}") if check.sql or check.code else check
        for check in spec.checks
    )
    return spec.model_copy(update={"checks": checks})


class RecordedModel:
    """Gives the recorded answers in their order, whatever it is asked. Raises UsedUp after the last."""

    price: Price | None = None

    def __init__(self, answers: Sequence[Answered], name: str) -> None:
        self.name, self.window = name, 1_000_000_000
        self.small = name.startswith("local:")
        self._acts = [a for a in answers if a.purpose == "act"]
        self._checks = [a for a in answers if a.purpose != "act"]

    async def request(self, request: Request, stream: Callable[[str], None] | None = None) -> Answer:
        left = self._acts if request.schema is None else self._checks
        if not left:
            raise UsedUp
        answer = left.pop(0)
        if stream is not None and answer.text:
            stream(answer.text)
        return Answer(
            text=answer.text,
            calls=tuple(ToolCall(call.id, call.tool, call.args) for call in answer.calls),
            data=answer.data,
            usage=Usage(answer.input_tokens, answer.output_tokens, answer.cached_tokens, Decimal(0)),
            model=answer.model,
            finish=answer.finish,  # type: ignore[arg-type]
        )


class Unshared(Leases):
    """Of a run that no other process knows yet."""

    def check(self, run: UUID) -> None:
        return

    @asynccontextmanager
    async def effect(self, run: UUID) -> AsyncIterator[None]:
        yield


@dataclass
class Draft(Journal):
    """The journal of a replay, in memory until it has ended. No intents: nothing is about to happen. A child run is
    the one of the same task that is recorded; none is begun."""

    recording: Recording = field(kw_only=True)
    written: list[Event] = field(default_factory=list)
    children: dict[UUID, list[Event]] = field(default_factory=dict)

    def submit(
        self, run: UUID, after: int, bodies: Sequence[AnyBody], behind: Append | None = None
    ) -> Append:
        now = datetime.now(UTC)
        told = [self._as_recorded(body) for body in bodies if not isinstance(body, Intended)]
        events = [Event(run, seq, now, body) for seq, body in enumerate(told, after + 1)]
        self.written += events
        done: asyncio.Future[list[Event]] = asyncio.get_running_loop().create_future()
        done.set_result(events)
        return Append(run, [], events, {}, False, done)

    async def append(
        self, run: UUID, after: int, bodies: Sequence[AnyBody], facts: Facts | None = None
    ) -> list[Event]:
        """Instead of beginning a child run: find the recorded one."""
        started = bodies[0]
        assert isinstance(started, Started)
        args = {"agent": started.agent, "task": started.task}
        tape = self.recording.children.get(self.recording.key(DELEGATE, args))
        events = await super().read(tape.play()) if tape else []
        if not any(isinstance(event.body, Finished) for event in events):
            ended = Finished(status="cannot verify", why="not recorded: a replay begins no other agent")
            now = datetime.now(UTC)
            events = [Event(run, 1, now, started), Event(run, 2, now, ended)]
        self.children[run] = events
        return events

    async def read(self, run: UUID, after: int = 0) -> list[Event]:
        return self.children.get(run, [])

    def _as_recorded(self, body: AnyBody) -> AnyBody:
        recorded = self.recording.chosen.pop(body.call_id, None) if isinstance(body, Acted) else None
        if recorded is None:
            return body
        same = {
            name: getattr(recorded, name)
            for name in (
                "status",
                "result",
                "integrity",
                "fields",
                "confidential",
                "values",
                "source",
                "origin",
            )
        }
        if (
            recorded.status == "simulated"
        ):  # of a replay: as if it had happened, like all effects until it is written
            same["status"] = "ok"
        return body.model_copy(update=same)


def as_simulated(body: AnyBody) -> AnyBody:
    """An event of a replay as it goes into the journal: what seemed to happen did not."""
    match body:
        case Acted() if body.effect in EFFECTS and body.status == "ok":
            return body.model_copy(update={"status": "simulated"})
        case Finished():
            why = "; ".join(part for part in (body.why, "a replay: effects are only simulated") if part)
            return body.model_copy(update={"why": why})
    return body
