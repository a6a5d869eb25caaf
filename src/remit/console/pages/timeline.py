"""The timeline of a run as a page shows it: for each event what it says, and beneath it, unfolded, exactly what it holds."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from remit.console.show import plain
from remit.gist import Step, Steps
from remit.journal.events import (
    Acted,
    Amended,
    Answered,
    Asked,
    Checked,
    Delegated,
    Event,
    Finished,
    Intended,
    Json,
    Judged,
    Returned,
    Screened,
    Started,
)
from remit.journal.refs import proposed
from remit.journal.state import State
from remit.said import Part, said
from remit.triggers.words import began_by
from remit.waiting import vouching

MOST = 100  # events on a page
LOUD = ("asked", "amended", "replied", "nudged")  # what the eye should find


@dataclass(frozen=True, slots=True)
class Detail:
    """What an event holds, exactly."""

    label: str
    value: Json
    note: str = ""


@dataclass(frozen=True, slots=True)
class Entry:
    """One event of a timeline."""

    run: UUID
    seq: int
    at: datetime
    kind: str  # step: what begins one; loud; effect: what was changed outside; else quiet
    parts: Sequence[Part]
    details: Sequence[Detail] = ()
    call: str = ""  # whose why can be asked
    child: UUID | None = None


@dataclass(frozen=True, slots=True)
class Window:
    """Which of a run's events a page shows, first and last included."""

    first: int
    last: int
    top: int  # the run's last

    @property
    def before(self) -> int | None:
        """Where the window before this one begins."""
        return max(self.first - MOST, 1) if self.first > 1 else None

    @property
    def after(self) -> int | None:
        return self.last + 1 if self.last < self.top else None


def window(top: int, first: int = 0, around: int = 0, until: int = 0) -> Window:
    """From event `first` on, or so that event `around` is in it; without either the end, which is what people come for. Not
    beyond `until`."""
    if around > 0:
        first = min(max(around - MOST // 4, 1), max(top - MOST + 1, 1))
    begin = max(top - MOST + 1, 1) if first <= 0 else min(first, max(top, 1))
    return Window(begin, min(begin + MOST - 1, until if until > 0 else top, top), top)


def entries(events: Sequence[Event], state: State) -> list[Entry]:
    """`state` has the calls of these events, and what those refer to: a call is told with what its references stand for."""
    return [entry(event, state) for event in events]


def entry(event: Event, state: State) -> Entry:
    body = event.body
    return Entry(
        event.run,
        event.seq,
        event.at,
        _kind(event),
        said(event),
        tuple(detail for detail in _details(event, state) if detail.value not in ("", None, [], {})),
        body.call_id if isinstance(body, Judged | Acted) and body.call_id in state.calls else "",
        body.child if isinstance(body, Delegated | Returned) else None,
    )


def _kind(event: Event) -> str:
    body = event.body
    if (isinstance(body, Answered) and body.purpose == "act") or isinstance(
        body, Started | Finished | Checked
    ):
        return "step"
    if isinstance(body, Acted) and body.effect in ("egress", "destroy") and body.status == "ok":
        return "effect"
    return "loud" if body.type in LOUD else "quiet"


def _details(event: Event, state: State) -> Iterator[Detail]:
    body = event.body
    match body:
        case Started():
            yield Detail("goal", body.goal)
            yield Detail("what began it", began_by(body.began) if body.began else "")
            yield Detail("what came with it", body.inputs)
            yield Detail("others' words that came with it", body.quoted, "data, never the person's words")
            yield Detail("task", body.task, "in the words of the agent that delegated it")
        case Answered():
            yield from _answer(body, state)
        case Judged():
            yield from _verdict(body)
        case Acted():
            yield Detail(
                "result", body.result, f"{body.integrity}: {body.origin or body.source or body.tool} says so"
            )
            yield Detail("allowed by", body.rule)
            yield Detail("took", f"{body.seconds:.1f} s" if body.seconds >= 0.05 else "")
        case Asked():
            yield Detail("asks", body.text)
            yield Detail("who may decide", ", ".join(body.by) or "anybody")
        case Amended():
            yield from _change(body, state)
        case Intended():
            yield Detail("key", body.key, "by which it happens once")
        case Screened():
            yield Detail("form", body.form)
        case Checked():
            yield Detail("detail", body.detail)
        case Finished():
            yield Detail("why", body.why)
            yield Detail("report", body.report)
            yield Detail("output", body.output)
        case _:
            yield Detail(
                body.type, body.model_dump(mode="json", exclude_defaults=True, exclude={"type", "spec"})
            )


def _answer(body: Answered, state: State) -> Iterator[Detail]:
    for wish in body.calls:
        call = state.calls.get(wish.id)
        told = proposed(state, call) if call else wish.args
        yield Detail(f"{wish.id} {wish.tool}", told)
        if told != wish.args:
            yield Detail(f"{wish.id} as written", wish.args, "with references to results")
    yield Detail("text", body.text)
    yield Detail("data", body.data)
    cached = f", {body.cached_tokens} of them cached" if body.cached_tokens else ""
    yield Detail("model", f"{body.model}: {body.input_tokens} tokens in{cached}, {body.output_tokens} out")


def _change(body: Amended, state: State) -> Iterator[Detail]:
    call = state.calls.get(body.call_id)
    was = proposed(state, call) if call else {}
    for name in (*body.args, *body.without):
        before = plain(was[name]) if name in was else "not given"
        now = body.args.get(name, "left out")
        yield Detail(name, now, f"the agent's: {before}")


def _verdict(body: Judged) -> Iterator[Detail]:
    yield Detail("rule", " ".join(body.rule.split()))
    yield Detail("reasons", "; ".join(body.reasons))
    for name in body.evidence:
        yield Detail(f"evidence for {name}", " ".join(vouching(name, body) or ()))
    yield Detail("records looked at", body.records)


@dataclass(frozen=True, slots=True)
class Bar:
    """A step of a chart, or several side by side."""

    name: str
    tokens: int
    cost: Decimal
    seconds: float


@dataclass(frozen=True, slots=True)
class Chart:
    bars: Sequence[Bar]

    @property
    def most(self) -> int:
        return max((bar.tokens for bar in self.bars), default=0)

    @property
    def cost(self) -> Decimal:
        return sum((bar.cost for bar in self.bars), Decimal(0))


def chart(steps: Steps) -> Chart:
    """Tokens, money and time by step; what stands beside a step (a guardian, a check, its tools) counts with it."""
    return Chart([_bar(steps, at, group) for at, group in enumerate(steps.groups)])


def _bar(steps: Steps, at: int, group: Step) -> Bar:
    first, last = at * steps.wide + 1, min((at + 1) * steps.wide, steps.count)
    name = f"step {first}" if first == last else f"steps {first} to {last}"
    return Bar(name, group.tokens, group.cost, group.seconds)
