"""What must hold after any disaster: each run's journal read again, its fold compared with the books of the world outside.

- Every run has ended (or waits, where the test says that it may), once; its events are numbered without a gap.
- An effect happened at most once under its key, exactly once where the journal says that it succeeded, and not at all
  where the journal says that it was denied, refused or left undone.
- Nothing happened outside that the journal does not intend; nothing was intended that the gate had not allowed, or
  asked about and a person approved.
- The index of runs and the inbox say what the journals say.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from remit.app import App
from remit.journal.events import (
    Acted,
    AnyBody,
    Asked,
    Event,
    Finished,
    Intended,
    Judged,
    Replied,
    Started,
    UndoWanted,
)
from remit.journal.state import State, fold
from tests.chaos import effects

Json = Any
OUTWARD = ("egress", "destroy")
OPEN = ("new", "running", "waiting", "paused")


@dataclass
class Tally:
    """What was counted, and every violation in words."""

    counts: Counter[str] = field(default_factory=Counter)
    statuses: Counter[str] = field(default_factory=Counter)
    violations: list[str] = field(default_factory=list)

    def must(self, holds: bool, words: str) -> None:
        if not holds:
            self.violations.append(words)

    @property
    def wrong(self) -> str:
        """The first violations, a line each; empty: all is well."""
        return "\n".join(self.violations[:20])

    def table(self, **more: Json) -> str:
        """As text, a line a figure."""
        rows = {**more, **self.counts, **{f"ended: {k}": v for k, v in self.statuses.items()}}
        rows["violations"] = len(self.violations)
        return "\n".join(f"{name:<28}{value:>12}" for name, value in rows.items())


async def examine(app: App, url: str, *, may_wait: Iterable[UUID] = ()) -> Tally:
    """Compare every run of the database with the books of the services at `url`."""
    tally, waiting = Tally(), set(may_wait)
    books = Books.of(await effects.log(url))
    async with app.store.pool.connection() as connection:
        index = dict(await (await connection.execute("select id, status from runs")).fetchall())
        asks = await (await connection.execute("select run, ask_id from asks")).fetchall()
    open_asks: dict[UUID, set[str]] = defaultdict(set)
    for run, ask_id in asks:
        open_asks[run].add(ask_id)
    keys: set[str] = set()
    for run, status in index.items():
        events = await app.journal.read(run)
        state = fold(events)
        _whole(tally, run, events)
        _ended(tally, run, state, status, run in waiting)
        tally.must(
            open_asks[run] == set(state.waits),
            f"{run}: the inbox has {open_asks[run]}, not {set(state.waits)}",
        )
        _allowed(tally, run, events)
        keys |= _once(tally, run, state, events, books)
    for key in books.effective.keys() - keys:
        tally.must(False, f"{key}: happened outside, and no journal intends it")
    tally.counts["runs"] = len(index)
    tally.counts["effects requested"] = sum(books.requested.values())
    tally.counts["effects effective"] = sum(books.effective.values())
    tally.counts["effects deduped by key"] = sum(books.requested.values()) - sum(books.effective.values())
    for name in (
        "effects repeated",
        "effects missing",
        "effects unexpected",
        "outcomes unknown",
        "lost runs",
    ):
        tally.counts.setdefault(name, 0)
    return tally


@dataclass(frozen=True)
class Books:
    """What the services wrote down, by key."""

    requested: Mapping[str, int]
    effective: Mapping[str, int]

    @classmethod
    def of(cls, log: Sequence[Mapping[str, Json]]) -> Books:
        return cls(
            Counter(entry["key"] for entry in log),
            Counter(entry["key"] for entry in log if not entry["deduped"]),
        )


def _whole(tally: Tally, run: UUID, events: Sequence[Event]) -> None:
    """The journal itself: numbered without a gap, begun once, ended at most once, each call's outcome written once."""
    tally.counts["events"] += len(events)
    numbers = [event.seq for event in events]
    tally.must(numbers == list(range(1, len(events) + 1)), f"{run}: events are numbered {numbers}")
    begun = [e.seq for e in events if isinstance(e.body, Started)]
    tally.must(begun == [1], f"{run}: it was started at {begun}")
    ends = [e.seq for e in events if isinstance(e.body, Finished)]
    tally.must(len(ends) <= 1, f"{run}: it ended at {ends}")
    after = [e.body.type for e in events if ends and e.seq > ends[0] and not _may_follow(e.body)]
    tally.must(not after, f"{run}: after its end came {after}")
    outcomes = Counter(e.body.call_id for e in events if isinstance(e.body, Acted))
    twice = [name for name, times in outcomes.items() if times > 1]
    tally.must(not twice, f"{run}: two outcomes for {twice}")
    replies = Counter(e.body.ask_id for e in events if isinstance(e.body, Replied))
    tally.must(max(replies.values(), default=0) <= 1, f"{run}: answered twice: {replies}")
    tally.counts["doubts asked"] += sum(isinstance(e.body, Asked) and e.body.kind == "doubt" for e in events)
    ours = events[0].body
    tally.counts["children"] += isinstance(ours, Started) and ours.parent is not None


def _may_follow(body: AnyBody) -> bool:
    """What may come after the end: the outcome of what was under way, and the taking back of what was done."""
    return isinstance(body, Acted | UndoWanted) or getattr(body, "call_id", "").startswith("undo:")


def _ended(tally: Tally, run: UUID, state: State, status: str, may_wait: bool) -> None:
    tally.statuses[state.status] += 1
    over = state.status not in OPEN or (may_wait and state.status == "waiting")
    if not over:
        tally.counts["lost runs"] += 1
    tally.must(over, f"{run}: it is {state.status} after event {state.seq}: {_open(state)}")
    tally.must(status == state.status, f"{run}: the index says {status!r}, the journal {state.status!r}")


def _open(state: State) -> str:
    return ", ".join(f"{c.call.id} {c.call.tool}" for c in state.open.values()) or "no call open"


def _allowed(tally: Tally, run: UUID, events: Sequence[Event]) -> None:
    """Each intent follows a verdict that allows it, or one that asks and a person's yes."""
    verdicts: dict[str, str] = {}
    asked: dict[str, tuple[str, str]] = {}
    for event in events:
        match event.body:
            case Judged() as body:
                verdicts[body.call_id] = body.decision
            case Replied() as body:
                call_id, kind = asked.get(body.ask_id, ("", ""))
                if kind == "approval" and body.decision == "approve" and verdicts.get(call_id) == "ask":
                    verdicts[call_id] = "allow"
            case Intended() as body:
                verdict = verdicts.get(body.call_id, "none")
                tally.must(
                    verdict == "allow", f"{run}: {body.call_id} was intended under the verdict {verdict!r}"
                )
            case Asked() as body:
                asked[body.ask_id] = (body.call_id, body.kind)
            case _:
                pass


def _once(tally: Tally, run: UUID, state: State, events: Sequence[Event], books: Books) -> set[str]:
    """Each effect of the run against the books; returns its keys."""
    keys: dict[str, str] = {}
    for event in events:
        if isinstance(event.body, Intended):
            known = keys.setdefault(event.body.call_id, event.body.key)
            tally.must(known == event.body.key, f"{run}: {event.body.call_id} changed its key")
            tally.counts["effects tried again"] += event.body.attempt > 1
    for call_id, call in state.calls.items():
        acted = call.acted
        if acted is None or acted.effect not in OUTWARD:
            continue
        said = acted.status if call_id in keys or acted.status != "ok" else "ok, never intended"
        happened = books.effective.get(keys.get(call_id, f"{run}:{call_id}"), 0)
        name = f"{run} {call_id} {call.call.tool}: the journal says {said}, and it happened {happened} times"
        if said in ("failed", "unknown"):
            tally.counts["outcomes unknown"] += 1
            good = happened <= 1
        else:
            good = happened == (1 if said == "ok" else 0)
        tally.counts["effects repeated"] += max(0, happened - 1)
        tally.counts["effects missing"] += said == "ok" and happened == 0
        tally.counts["effects unexpected"] += said not in ("ok", "failed", "unknown") and happened > 0
        tally.must(good and said != "ok, never intended", name)
    for call_id, key in keys.items():
        happened = books.effective.get(key, 0)
        if state.calls[call_id].acted is None:
            tally.must(happened <= 1, f"{run} {call_id}: in doubt, and it happened {happened} times")
    return set(keys.values())
