"""What led to a call of a run, read from its journal: the answer that wanted it, the verdict, who approved it, and where each
of its values was seen before. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from pydantic_core import to_json

from remit.errors import UnknownName
from remit.journal.events import Acted, Amended, Event, Json, Replied, Screened, Started
from remit.journal.refs import given, proposed
from remit.journal.state import CallState, fold
from remit.said import brief, screened


@dataclass(frozen=True, slots=True)
class Source:
    """An event in which a value stood before the call. `integrity`: who says so."""

    seq: int
    what: str
    integrity: str

    def __str__(self) -> str:
        return f"{self.what} (event {self.seq})"


@dataclass(frozen=True, slots=True)
class Value:
    """An argument of a call. `written` is what the model wrote, a reference where it is not the value itself."""

    name: str
    value: Json
    written: Json
    evidence: str
    sources: tuple[Source, ...]
    by: str = ""  # who put it there, where that is a person who changed the call
    was: Json = None  # what the model had there then


@dataclass(frozen=True, slots=True)
class Why:
    """What led to a call."""

    started: Started
    call: CallState
    values: tuple[Value, ...]
    read: dict[str, str]  # through the airlock before: call id -> the form in words

    @property
    def outcome(self) -> str:
        return self.call.acted.status if self.call.acted else "not yet"

    @property
    def verdict(self) -> str:
        """What the gate said of it; empty where it was not asked yet."""
        return self.call.judged.decision if self.call.judged else "allow" if self.rule else ""

    @property
    def rule(self) -> str:
        """By which rule."""
        acted = self.call.acted
        return self.call.judged.rule if self.call.judged else acted.rule if acted else ""

    def as_data(self) -> dict[str, object]:
        judged = self.call.judged
        return {
            "call": self.call.call.id,
            "tool": self.call.call.tool,
            "args": {value.name: value.value for value in self.values},
            "outcome": self.outcome,
            "goal": self.started.goal,
            "asked by": self.started.person.email or self.started.person.id,
            "the model's answer": f"event {self.call.seq}",
            "verdict": self.verdict,
            "rule": self.rule,
            "reasons": "; ".join(judged.reasons) if judged else "",
            "approved by": self.call.approved_by,
            "read": self.read,
            "values": {
                one.name: {
                    "value": one.value,
                    **({"as": one.written} if one.written != one.value else {}),
                    "evidence": one.evidence,
                    "from": [str(source) for source in one.sources],
                    **({"changed by": one.by, "was": one.was} if one.by else {}),
                }
                for one in self.values
            },
        }


def why(events: Sequence[Event], step: str) -> Why:
    """What led to a call, named by its id or by the number of an event of it. Raises UnknownName where there is none."""
    state = fold(events)
    by_seq = {str(e.seq): getattr(e.body, "call_id", "") for e in events}
    call = state.calls.get(step) or state.calls.get(by_seq.get(step, ""))
    if call is None or state.started is None:
        run = f"run {events[0].run}" if events else "a run without events"
        raise UnknownName("step", step, state.calls, run)
    evidence = call.judged.evidence if call.judged else {}
    texts: dict[int, str] = {}
    was = proposed(state, call)
    values = tuple(
        Value(
            name,
            value,
            call.call.args.get(name),
            evidence.get(name, ""),
            (*_of_person(events, call, name), *sources(value, events, call.seq, texts)),
            call.changed.get(name, ""),
            was.get(name) if name in call.changed else None,
        )
        for name, value in given(state, call).items()
    )
    read = {
        e.body.call_id: screened(e.body) for e in events if isinstance(e.body, Screened) and e.seq < call.seq
    }
    return Why(state.started, call, values, read)


def _of_person(events: Sequence[Event], call: CallState, name: str) -> list[Source]:
    """The event in which a person put that argument there, where one did."""
    found = [e for e in events if isinstance(e.body, Amended) and e.body.call_id == call.call.id]
    last = next((e for e in reversed(found) if isinstance(e.body, Amended) and name in e.body.args), None)
    if last is None or not isinstance(last.body, Amended):
        return []
    return [Source(last.seq, f"{last.body.by}, who changed it", "person")]


def explain(events: Sequence[Event], step: str) -> dict[str, object]:
    """The same as data."""
    return why(events, step).as_data()


def _as_json(text: str) -> str:
    """As `brief` would have it where it stands inside a value."""
    return " ".join(to_json(text).decode()[1:-1].split()).casefold()


def sought(value: object) -> list[str]:
    """What all stands in an event in which the value stands; nothing: it is looked for nowhere."""
    items = value if isinstance(value, list) else [value]
    return [_as_json(str(item).lstrip("#")) for item in items if str(item).strip()]


def sources(
    value: object, events: Sequence[Event], before: int, texts: dict[int, str] | None = None
) -> Iterator[Source]:
    """The earlier events in which a value stands: the goal, a tool's result, or a person's answer. `texts`: what they say, by
    their numbers, as far as it is known; what is found out is added."""
    texts = {} if texts is None else texts
    wanted = sought(value)
    for event in events:
        body = event.body
        if event.seq >= before:
            return
        if not isinstance(body, Started | Acted | Replied):
            continue
        text = texts.get(event.seq)
        if text is None:
            text = brief(body.model_dump(mode="json", exclude={"spec"}), 10**7).casefold()
            texts[event.seq] = text
        if not wanted or not all(item in text for item in wanted):
            continue
        match body:
            case Started():
                yield Source(event.seq, "the goal", "grant")
            case Replied():
                yield Source(event.seq, "a person's answer", "person")
            case Acted():
                yield Source(event.seq, body.origin or body.tool, body.integrity)
