"""Two runs event by event: what is the same, what only one of them has, and where they part. Pure.

Events are equal by what they say: ids, times, costs, and who a model or a person was do not count. A run is cut into
turns, each a model's answer with what came of it; turns are aligned like lines of text, and inside a pair of turns
each event stands beside the one that plays its part (the verdict on the same call, its outcome, …).
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from itertools import zip_longest
from typing import Any, Literal
from uuid import UUID

from remit.journal.events import Acted, Amended, Answered, Asked, Call, Checked, Event, Replied, Reserved
from remit.journal.state import State, fold

Json = Any
Kind = Literal["same", "a", "b", "differs"]
Slot = Any  # what an event is about, in words that both runs share
Place = tuple[int | None, int | None]  # indices into a and b of what stands side by side

# What two events may differ in and still be the same
_APART = {
    *(
        "v",
        "big",
        "call_id",
        "ask_id",
        "key",
        "attempt",
        "lease",
        "child",
        "parent",
        "fork_of",
        "fork_seq",
        "fork_by",
        "upto",
    ),
    *("at", "until", "expires", "seconds", "cost", "amount", "money", "tokens"),
    *(
        "input_tokens",
        "output_tokens",
        "cached_tokens",
        "model",
        "by",
        "persons",
        "escalates",
        "to",
        "source",
        "digest",
        "evidence",
        "reasons",
        "records",
    ),
}
_APART_OF = {"finished": {"why"}, "delegated": {"spec"}}
# What is no part of what a run decided: its spec, its bookkeeping, and waiting
ASIDE = {"started", "reserved", "intended", "compacted", "paused", "resumed", "slept", "woken", "endorsed"}
_DEEP = 4  # levels of a JSON value that a difference is looked for in
_CELLS = 4_000_000  # of the table that aligns turns; runs longer than that are aligned by position


@dataclass(frozen=True, slots=True)
class Change:
    """One value that differs: `where` is its path, as `calls.cancel.order`; None where it is missing."""

    where: str
    a: Json
    b: Json


@dataclass(frozen=True, slots=True)
class Row:
    """Two events side by side, or one alone. `aside`: of no weight for where the runs part."""

    kind: Kind
    a: Event | None
    b: Event | None
    changes: tuple[Change, ...] = ()
    aside: bool = False
    note: str = ""


@dataclass(frozen=True, slots=True)
class Totals:
    """What a run came to. `cost` in US dollars, `seconds` of work."""

    run: UUID | None
    status: str
    steps: int
    tokens: int
    cost: Decimal
    seconds: float
    effects: int  # that happened
    simulated: int
    denied: int
    asked: int  # approvals


@dataclass(frozen=True, slots=True)
class Divergence:
    """Where two runs part: in each the event, or the last one before it where only the other has one."""

    a: int
    b: int
    row: Row


@dataclass(frozen=True, slots=True)
class Comparison:
    """Every event of both runs, once."""

    rows: tuple[Row, ...]
    a: Totals
    b: Totals

    @property
    def same(self) -> bool:
        """Nothing differs, not even aside."""
        return all(row.kind == "same" for row in self.rows)

    @property
    def divergence(self) -> Divergence | None:
        """The first row of weight that is not the same."""
        a = b = 0
        for row in self.rows:
            a, b = row.a.seq if row.a else a, row.b.seq if row.b else b
            if row.kind != "same" and not row.aside:
                return Divergence(a, b, row)
        return None


@dataclass(slots=True)
class _Turn:
    """A model's answer and what follows it; the first one is what comes before any answer."""

    events: list[Event] = field(default_factory=list)
    calls: list[Call] = field(default_factory=list)
    text: str = ""

    @property
    def mark(self) -> str:
        """The same for turns that do the same."""
        return _text([[c.tool, c.args] for c in self.calls] or self.text)

    @property
    def tools(self) -> list[str]:
        return sorted(call.tool for call in self.calls)


def compare(a: Sequence[Event], b: Sequence[Event]) -> Comparison:
    """Align two journals. `compare(b, a)` has the same pairs the other way round."""
    turns_a, turns_b = _turns(a), _turns(b)
    paired = _align(turns_a, turns_b)
    about_a, about_b = _about(turns_a, turns_b, paired)
    rows: list[Row] = []
    for i, j in paired:
        one = turns_a[i].events if i is not None else []
        two = turns_b[j].events if j is not None else []
        rows += _rows(one, two, about_a, about_b)
    return Comparison(tuple(rows), totals(a), totals(b))


def totals(events: Sequence[Event]) -> Totals:
    state: State = fold(events)
    outcomes = [e.body.status for e in events if isinstance(e.body, Acted)]
    return Totals(
        run=state.run,
        status=state.status,
        steps=state.steps,
        tokens=state.tokens,
        cost=state.spent,
        seconds=round(state.seconds, 3),
        effects=len(state.effects),
        simulated=outcomes.count("simulated"),
        denied=outcomes.count("denied"),
        asked=sum(isinstance(e.body, Asked) and e.body.kind == "approval" for e in events),
    )


def _turns(events: Sequence[Event]) -> list[_Turn]:
    turns, opened = [_Turn()], False  # opened: by what is reserved for an answer, which comes next
    for event, after in zip_longest(events, events[1:]):
        if _acts(event) and not opened:
            turns.append(_Turn())
        opened = isinstance(event.body, Reserved) and after is not None and _acts(after)
        if opened:
            turns.append(_Turn())
        turns[-1].events.append(event)
        if isinstance(event.body, Answered) and _acts(event):
            turns[-1].calls, turns[-1].text = event.body.calls, event.body.text
    return turns


def _acts(event: Event) -> bool:
    return isinstance(event.body, Answered) and event.body.purpose == "act"


def _align(a: Sequence[_Turn], b: Sequence[_Turn]) -> list[Place]:
    """Which turn stands beside which, in order. The beginnings always do."""
    marks_a, marks_b = [turn.mark for turn in a[1:]], [turn.mark for turn in b[1:]]
    if marks_a > marks_b:  # so that a tie is broken the same whichever comes first
        return [(j, i) for i, j in _align(b, a)]
    n, m, head = len(marks_a), len(marks_b), 0
    while head < min(n, m) and marks_a[head] == marks_b[head]:
        head += 1
    tail = 0
    while tail < min(n, m) - head and marks_a[n - 1 - tail] == marks_b[m - 1 - tail]:
        tail += 1
    inner = _best(a[1 + head : 1 + n - tail], b[1 + head : 1 + m - tail])
    shift = 1 + head
    return [
        *((i, i) for i in range(shift)),
        *((None if i is None else i + shift, None if j is None else j + shift) for i, j in inner),
        *((1 + n - tail + k, 1 + m - tail + k) for k in range(tail)),
    ]


def _best(a: Sequence[_Turn], b: Sequence[_Turn]) -> list[Place]:
    """The alignment of the most likeness: 3 for turns that do the same, 2 for the same tools, 1 for any two."""
    n, m = len(a), len(b)
    if n * m > _CELLS:
        return [(i if i < n else None, i if i < m else None) for i in range(max(n, m))]
    marks_a, marks_b = [t.mark for t in a], [t.mark for t in b]
    tools_a, tools_b = [t.tools for t in a], [t.tools for t in b]

    def likeness(i: int, j: int) -> int:
        if marks_a[i] == marks_b[j]:
            return 3
        return 2 if tools_a[i] and tools_a[i] == tools_b[j] else 1

    best = [[0] * (m + 1) for _ in range(n + 1)]  # of what is left from (i, j) on
    for i in range(n - 1, -1, -1):
        for j in range(m - 1, -1, -1):
            best[i][j] = max(best[i + 1][j + 1] + likeness(i, j), best[i + 1][j], best[i][j + 1])
    path: list[Place] = []
    i = j = 0
    while i < n or j < m:
        if i < n and j < m and best[i][j] == best[i + 1][j + 1] + likeness(i, j):
            path.append((i, j))
            i, j = i + 1, j + 1
        elif i < n and (j == m or best[i][j] == best[i + 1][j]):
            path.append((i, None))
            i += 1
        else:
            path.append((None, j))
            j += 1
    return path


def _about(
    a: Sequence[_Turn], b: Sequence[_Turn], paired: Sequence[Place]
) -> tuple[dict[str, Slot], dict[str, Slot]]:
    """For each run what its call ids and ask ids stand for, in names that both share."""
    one: dict[str, Slot] = {}
    two: dict[str, Slot] = {}
    for number, (i, j) in enumerate(paired):
        calls_a, calls_b = a[i].calls if i is not None else [], b[j].calls if j is not None else []
        left_a, left_b = list(calls_a), list(calls_b)
        for by_args in (True, False):  # the same call first, then another call of the same tool
            for call in list(left_a):
                twin = next((c for c in left_b if _alike(c, call, by_args)), None)
                if twin is not None:
                    one[call.id] = two[twin.id] = (number, calls_a.index(call), calls_b.index(twin))
                    _drop(left_a, call)
                    _drop(left_b, twin)
        one.update((call.id, (number, "a", k)) for k, call in enumerate(left_a))
        two.update((call.id, (number, "b", k)) for k, call in enumerate(left_b))
    for turns, known in ((a, one), (b, two)):
        asks = [e.body for turn in turns for e in turn.events if isinstance(e.body, Asked)]
        known.update(
            (f"ask {ask.ask_id}", (ask.kind, _slot(ask.call_id, known) or ask.ask_id)) for ask in asks
        )
    return one, two


def _alike(one: Call, two: Call, by_args: bool) -> bool:
    return one.tool == two.tool and (not by_args or _text(one.args) == _text(two.args))


def _drop(calls: list[Call], call: Call) -> None:
    """Take out this very call: another may be equal to it."""
    del calls[next(i for i, other in enumerate(calls) if other is call)]


def _slot(call_id: str, about: Mapping[str, Slot]) -> Slot:
    if call_id.startswith("undo:"):
        return ("undo", _slot(call_id.removeprefix("undo:"), about))
    return about.get(call_id, call_id)


def _part(event: Event, about: Mapping[str, Slot]) -> Slot:
    """The part that an event plays in its turn."""
    body = event.body
    match body:
        case Answered():
            return (body.type, body.purpose)
        case Replied() | Amended():
            return (body.type, about.get(f"ask {body.ask_id}", body.ask_id))
        case Checked():
            return (body.type, body.check)
        case Asked():
            return (body.type, about[f"ask {body.ask_id}"])
    call_id = getattr(body, "call_id", "")
    return (body.type, _slot(call_id, about) if call_id else "")


def _rows(
    a: Sequence[Event], b: Sequence[Event], about_a: Mapping[str, Slot], about_b: Mapping[str, Slot]
) -> Iterator[Row]:
    """The events of two turns side by side, in the order of `a`, with what only `b` has where it stood there."""
    free: defaultdict[Slot, list[int]] = defaultdict(list)
    for j, event in enumerate(b):
        free[_part(event, about_b)].append(j)
    twins = [free[part].pop(0) if free[part := _part(event, about_a)] else None for event in a]
    alone = sorted(j for left in free.values() for j in left)
    for event, twin in zip(a, twins, strict=True):
        if twin is None:
            yield Row("a", event, None, aside=event.body.type in ASIDE)
            continue
        while alone and alone[0] < twin:
            yield _only_b(b[alone.pop(0)])
        yield _pair(event, b[twin], about_a, about_b)
    for j in alone:
        yield _only_b(b[j])


def _only_b(event: Event) -> Row:
    return Row("b", None, event, aside=event.body.type in ASIDE)


def _pair(a: Event, b: Event, about_a: Mapping[str, Slot], about_b: Mapping[str, Slot]) -> Row:
    one, two = _says(a, about_a), _says(b, about_b)
    note = ""
    if {one.get("status"), two.get("status")} == {"ok", "simulated"}:
        note = f"only simulated in {'A' if one['status'] == 'simulated' else 'B'}"
        one["status"] = two["status"]
    changes = tuple(differences(one, two))
    aside = a.body.type in ASIDE
    if isinstance(a.body, Answered) and one.get("calls") and one["calls"] == two.get("calls"):
        aside = True  # other words for doing the same
    return Row("differs" if changes else "same", a, b, changes, aside, note)


def _says(event: Event, about: Mapping[str, Slot]) -> dict[str, Json]:
    """What counts in an event."""
    body = event.body
    apart = _APART | _APART_OF.get(body.type, set())
    said = {name: value for name, value in body.model_dump(mode="json").items() if name not in apart}
    if isinstance(body, Answered):
        said["calls"] = {}
        for call in body.calls:
            name = call.tool
            while name in said["calls"]:
                name += "'"
            said["calls"][name] = {"args": call.args}
    return said


def differences(a: Json, b: Json, where: str = "", deep: int = _DEEP) -> Iterator[Change]:
    """Where two JSON values differ, as deep inside as `deep` levels."""
    if _text(a) == _text(b):
        return
    if not (isinstance(a, dict) and isinstance(b, dict) and deep):
        yield Change(where, a, b)
        return
    for name in sorted({*a, *b}, key=str):
        path = f"{where}.{name}" if where else str(name)
        if name not in a or name not in b:
            yield Change(path, a.get(name), b.get(name))
        else:
            yield from differences(a[name], b[name], path, deep - 1)


def _text(value: Json) -> str:
    """The canonical text of a JSON value: 1 and true are not the same."""
    return json.dumps(value, sort_keys=True, ensure_ascii=False, default=str)
