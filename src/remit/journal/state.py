"""What a run is now: a pure fold of its journal. Everything shown, judged or decided about a run starts here."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Literal
from uuid import UUID

from remit.journal.events import (
    Acted,
    Amended,
    Answered,
    Asked,
    Call,
    Checked,
    Delegated,
    Endorsed,
    Event,
    Finished,
    Granted,
    HandedOver,
    Intended,
    Json,
    Judged,
    Narrowed,
    Nudged,
    Paused,
    Planned,
    Replied,
    Reserved,
    Resumed,
    Returned,
    Slept,
    Started,
    UndoWanted,
    Woken,
)

Status = Literal[
    "new", "running", "waiting", "paused", "met", "not met", "cannot verify", "refused", "cancelled", "failed"
]


@dataclass(slots=True)
class CallState:
    """One tool call, from the model's wish to what came of it."""

    call: Call
    seq: int  # of the answer that holds it
    judged: Judged | None = None
    asked: Asked | None = None
    replied: Replied | None = None
    endorsed: tuple[Endorsed, ...] = ()  # yeses that were not enough by themselves
    approved: Replied | None = None  # whose yes this call used up; single use
    intended: Intended | None = None
    begun: datetime | None = None  # when it was first intended
    acted: Acted | None = None
    delegated: Delegated | None = None
    returned: Returned | None = None
    slept: Slept | None = None  # the last time
    woken: bool = False  # what its tool slept for has come
    undoes: CallState | None = None  # the effect that this one takes back
    undone: bool = False
    wanted_by: str = ""  # who wants it, where that is a person and not the model
    proposed: Call | None = (
        None  # as the model wrote it, where a person has changed it since: `call` is what it is now
    )
    amended: tuple[Amended, ...] = ()  # by whom, first first
    mark: int = field(default=0, compare=False)  # a hash of the call, kept by whoever made it

    @property
    def doubtful(self) -> bool:
        """Intended, and nothing known of the outcome."""
        return self.intended is not None and self.acted is None

    @property
    def changed(self) -> dict[str, str]:
        """The arguments that people gave it, or took from it, each with whoever did so last."""
        found = {name: one.by for one in self.amended for name in (*one.args, *one.without)}
        was = self.proposed.args if self.proposed else {}
        return {name: by for name, by in found.items() if name in was or name in self.call.args}

    @property
    def approved_by(self) -> str:
        """Whose yes it was, of all who had to say it; empty where nobody was asked."""
        if self.approved is None:
            return ""
        words: list[Endorsed | Replied] = [
            *(one for one in self.endorsed if one.ask_id == self.approved.ask_id),
            self.approved,
        ]
        return " and ".join(
            f"{word.by} (for {', '.join(word.instead)})" if word.instead else word.by for word in words
        )


@dataclass(slots=True)
class State:
    """The fold. Money in US dollars, time in seconds."""

    run: UUID | None = None
    seq: int = 0
    started: Started | None = None
    finished: Finished | None = None
    stopped: bool = False  # by a person, until one lets it go on
    over: int | None = None  # the takeover that it waits for
    back: int = 0  # seq at which the conversation was the agent's again: what it wanted before, it wanted without a colleague's words
    back_by: str = ""
    timers: dict[str, datetime] = field(
        default_factory=dict
    )  # call id ("" is the run) -> until when it sleeps
    children: dict[str, Delegated] = field(default_factory=dict)  # call id -> not yet returned
    plan: Planned | None = None
    calls: dict[str, CallState] = field(default_factory=dict)  # call id -> …, in order
    open: dict[str, CallState] = field(default_factory=dict)  # not yet acted
    waits: dict[str, Asked] = field(default_factory=dict)  # ask id -> not yet replied
    replies: dict[str, Replied] = field(default_factory=dict)
    amended: dict[str, Amended] = field(default_factory=dict)  # ask id -> by what the call is another now
    asked_at: dict[str, datetime] = field(default_factory=dict)  # ask id -> since when it waits
    short: Slept | None = None  # the run sleeps until a budget has room
    waited: float = 0.0  # seconds that people took to answer, all together
    handed: dict[str, dict[str, str]] = field(default_factory=dict)  # ask id -> by whom -> to whom
    asked: dict[str, Asked] = field(default_factory=dict)
    effects: list[CallState] = field(default_factory=list)  # egress and destroy that happened
    counts: dict[str, int] = field(default_factory=dict)  # tool -> how often it succeeded, but for reading
    checks: list[Checked] = field(default_factory=list)
    nudges: list[Nudged] = field(default_factory=list)
    steps: int = 0  # answers that act
    tokens: int = 0
    money: Decimal = Decimal(0)
    below_money: Decimal = Decimal(0)  # of that, what runs below it spent
    below_tokens: int = 0
    reserved: Decimal = Decimal(0)  # set aside and never settled: counts as spent
    seconds: float = 0.0  # of work, not of waiting
    extensions: int = 0  # how often a person granted the budget again
    grant: dict[str, int] | None = None  # tool -> how often it may act; None: no limit but the remit
    narrowed: list[Json] = field(default_factory=list)  # rules of the workspace that came while it went on
    untrusted: bool = False  # words of somebody unverified have been read
    last: Answered | None = None  # the last answer that acts
    reflected: bool = False

    @property
    def paused(self) -> bool:
        return self.stopped or self.over is not None

    @property
    def status(self) -> Status:
        if self.started is None:
            return "new"
        if self.finished is not None:
            return self.finished.status
        if self.paused:
            return "paused"
        return "waiting" if self.waits or self.timers or self.children else "running"

    @property
    def sleeping(self) -> datetime | None:
        """When the first timer is due."""
        return min(self.timers.values(), default=None)

    @property
    def spent(self) -> Decimal:
        """With what is set aside for the model call under way and for children."""
        return self.money + self.reserved + sum((c.money for c in self.children.values()), Decimal(0))


def fold(events: Iterable[Event], state: State | None = None) -> State:
    """The state after `events`; with `state`, going on from there (it is changed and returned).

    fold(a + b) equals fold(b, fold(a)): `tests/journal/test_state.py` holds it for any events.
    """
    state = state or State()
    for event in events:
        apply(state, event)
    return state


def apply(state: State, event: Event) -> None:
    """Take one event in. Unknown call or ask ids are passed over: they cannot be ours."""
    state.run, state.seq = event.run, event.seq
    match event.body:  # the commonest first
        case Answered() as body:
            _answered(state, body, event.seq)
        case Acted() as body:
            _acted(state, body)
        case Judged() as body:
            if call := state.calls.get(body.call_id):
                call.judged = body
        case Intended() as body:
            _intended(state, body, event.at)
        case Reserved() as body:
            state.reserved += body.amount
        case Asked() | Amended() | Endorsed() | Replied() | HandedOver() as body:
            _by_people(state, body, event.at)
        case Slept() | Woken() | Delegated() | Returned() as body:
            _waited(state, body)
        case Planned() as body:
            state.plan = body
        case Nudged() as body:
            state.nudges.append(body)
            state.reflected |= body.reason == "reflect"
        case Checked() as body:
            state.checks.append(body)
        case UndoWanted() as body:
            _undo_wanted(state, body, event.seq)
        case Started() | Granted() | Narrowed() | Paused() | Resumed() | Finished() as body:
            _as_a_whole(state, body, event.seq)


def _by_people(state: State, body: Asked | Amended | Endorsed | Replied | HandedOver, at: datetime) -> None:
    """What people are asked, and their words on it."""
    match body:
        case Asked():
            state.waits[body.ask_id] = state.asked[body.ask_id] = body
            state.asked_at[body.ask_id] = at
            if call := state.calls.get(body.call_id):
                call.asked, call.replied = body, None
        case Amended():
            _amended(state, body, at)
        case Endorsed():
            asked = state.waits.get(body.ask_id)
            if asked is not None and (call := state.calls.get(asked.call_id)):
                call.endorsed += (body,)
        case Replied():
            _replied(state, body, at)
        case HandedOver():
            hands = state.handed.setdefault(body.ask_id, {})
            hands.pop(body.by, None)
            if body.to:
                hands[body.by] = body.to


def _waited(state: State, body: Slept | Woken | Delegated | Returned) -> None:
    """For a time, or for a child."""
    match body:
        case Slept():
            state.timers[body.call_id] = body.until
            if call := state.calls.get(body.call_id):
                call.slept = body
                if body.limit and call.intended is not None:
                    _not_begun(state, call)
            elif not body.call_id and body.limit:
                state.short = body
        case Woken():
            _woken(state, body)
        case Delegated():
            state.children[body.call_id] = body
            if call := state.calls.get(body.call_id):
                call.delegated = body
        case Returned():
            _returned(state, body)


def _not_begun(state: State, call: CallState) -> None:
    """What was intended has not happened, as whoever was asked for it says: it waits its turn again, and a yes to it counts still."""
    call.intended = None
    if call.approved is not None:
        call.asked, call.replied, call.approved = state.asked.get(call.approved.ask_id), call.approved, None


def _as_a_whole(
    state: State, body: Started | Granted | Narrowed | Paused | Resumed | Finished, seq: int
) -> None:
    """What holds for all of the run."""
    match body:
        case Started():
            state.started = body
            state.untrusted = bool(body.quoted) or body.untrusted
            state.grant = body.grant
            state.counts = dict(body.counts)
        case Granted():
            state.grant = dict(body.tools)
        case Narrowed():
            state.narrowed += body.rules
        case Paused() | Resumed() if body.over is None:
            state.stopped = isinstance(body, Paused)
        case Paused():
            state.over = body.over
        case Resumed() if body.over == state.over:
            state.over, state.back, state.back_by = None, seq, body.by
        case Finished():
            state.finished = body
            state.waits.clear()
            state.asked_at.clear()
            state.timers.clear()
            state.short = None
            state.children.clear()


def _answered(state: State, body: Answered, seq: int) -> None:
    state.tokens += body.input_tokens + body.output_tokens
    state.money += body.cost or Decimal(0)
    state.reserved = Decimal(0)
    state.seconds += body.seconds
    if body.purpose != "act":
        return
    state.steps += 1
    state.last = body
    for call in body.calls:
        state.calls[call.id] = state.open[call.id] = CallState(call, seq)


def _intended(state: State, body: Intended, at: datetime) -> None:
    call = state.calls.get(body.call_id)
    if call is None:
        return
    call.intended, call.begun = body, call.begun or at
    if call.replied is not None:  # the yes is used up: a crash from here on is a doubt of its own
        call.approved, call.asked, call.replied = call.replied, None, None


def _acted(state: State, body: Acted) -> None:
    state.seconds += body.seconds
    if body.status == "ok" and body.integrity in ("untrusted", "member"):
        state.untrusted = True
    call = state.calls.get(body.call_id)
    if call is None:
        return
    call.acted = body
    state.open.pop(body.call_id, None)
    if call.undoes is not None:
        call.undoes.undone |= body.status == "ok"
    elif body.status == "ok" and body.effect != "read":
        state.counts[body.tool] = state.counts.get(body.tool, 0) + 1
        if body.effect in ("egress", "destroy"):
            state.effects.append(call)


def _amended(state: State, body: Amended, at: datetime) -> None:
    asked, call = state.waits.get(body.ask_id), state.calls.get(body.call_id)
    if asked is None or call is None or asked.call_id != body.call_id:
        return
    _closed(state, body.ask_id, at)
    state.amended[body.ask_id] = body
    call.proposed, call.amended = call.proposed or call.call, (*call.amended, body)
    call.call = with_changes(call.call, (body,))
    call.judged = call.asked = call.replied = None
    call.mark = 0


def with_changes(call: Call, changes: Iterable[Amended]) -> Call:
    """A call as people have made it."""
    args = call.args
    for one in changes:
        args = {name: value for name, value in args.items() if name not in one.without} | one.args
    return call.model_copy(update={"args": args})


def _closed(state: State, ask_id: str, at: datetime) -> None:
    """It waits no more; how long it did counts."""
    del state.waits[ask_id]
    state.waited += max((at - state.asked_at.pop(ask_id, at)).total_seconds(), 0.0)


def _replied(state: State, body: Replied, at: datetime) -> None:
    asked = state.waits.get(body.ask_id)
    if asked is None:
        return
    _closed(state, body.ask_id, at)
    state.replies[body.ask_id] = body
    call = state.calls.get(asked.call_id)
    if (
        call is not None and call.asked is not None and call.asked.ask_id == body.ask_id
    ):  # not to one asked before
        call.replied = body
    if asked.kind == "budget" and body.decision == "approve":
        state.extensions += 1


def _woken(state: State, body: Woken) -> None:
    state.timers.pop(body.call_id, None)
    if not body.call_id:
        state.short = None
    if call := state.calls.get(body.call_id):
        call.woken = call.woken or not (call.slept and call.slept.limit)


def _returned(state: State, body: Returned) -> None:
    state.children.pop(body.call_id, None)
    state.money += body.money
    state.tokens += body.tokens
    state.below_money += body.money
    state.below_tokens += body.tokens
    state.seconds += body.seconds
    for tool, times in body.counts.items():
        state.counts[tool] = state.counts.get(tool, 0) + times
    if call := state.calls.get(body.call_id):
        call.returned = body


def _undo_wanted(state: State, body: UndoWanted, seq: int) -> None:
    effect, name = state.calls.get(body.call_id), f"undo:{body.call_id}"
    if effect is None or name in state.open:
        return
    call = Call(id=name, tool=effect.call.tool, args=effect.call.args)
    state.calls[name] = state.open[name] = CallState(call, seq, undoes=effect, wanted_by=body.by)
