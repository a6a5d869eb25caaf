"""Two runs side by side, where they may be too long to be read whole: a fork shares most of its events with the run that it comes
from, and these the database finds to be the same. Read are a few of the first, and all from the turns on in which the two part."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from typing import LiteralString
from uuid import UUID

from remit.gist import Gists
from remit.journal.compare import ASIDE, Comparison, Totals, compare
from remit.journal.events import Event
from remit.journal.state import State, fold
from remit.journal.window import between, in_parts, top_of
from remit.store.store import Store
from remit.tools.thread import in_thread

FIRST = 3  # events that are read whatever is the same
TOGETHER = 500  # events that are read at a time
PART: LiteralString = """
    select a.seq from events as a join events as b on b.run = %(b)s and b.seq = a.seq
    where a.run = %(a)s and a.seq > 1 and (a.type <> b.type or a.body::text <> b.body::text) order by a.seq limit 1
"""
TURNS: LiteralString = """
    select seq from events
    where run = %s and seq < %s and type = 'answered' and coalesce(body ->> 'purpose', 'act') = 'act'
    order by seq desc limit 2
"""
KIND: LiteralString = "select type from events where run = %s and seq = %s"
COUNTS: LiteralString = """
    select count(*) filter (where type = 'acted' and body ->> 'status' = 'simulated'),
        count(*) filter (where type = 'acted' and body ->> 'status' = 'denied'),
        count(*) filter (where type = 'asked' and body ->> 'kind' = 'approval')
    from events where run = %s and seq <= %s and type in ('acted', 'asked')
"""
WITHIN: LiteralString = """
    select seq, type = any(%(aside)s) or (type = 'answered' and body -> 'calls' is not null)
    from events where run = %(run)s and seq > %(after)s and seq <= %(until)s order by seq
"""


@dataclass(frozen=True, slots=True)
class Side:
    """One of the two, and how it stands."""

    run: UUID
    state: State


@dataclass(frozen=True, slots=True)
class Beside:
    """`found` has all events of both but the `hidden` ones that stand after its first `after` rows, the same in both and of the same
    numbers."""

    a: Side
    b: Side
    found: Comparison
    after: int = 0
    hidden: int = 0


async def side_by_side(store: Store, gists: Gists, a: UUID, b: UUID, first: int = FIRST) -> Beside:
    """As `compare` of the whole runs has it. `first`: how many events are read of what is the same."""
    tops = [await top_of(store, run) for run in (a, b)]
    lasts = [top.seq if top else 0 for top in tops]
    if any(top is not None and top.archived for top in tops):  # unpacked whole anyway
        one, two = [await _all(store, run, 0, last) for run, last in zip((a, b), lasts, strict=True)]
        sides = [Side(run, await in_thread(partial(fold, of))) for run, of in ((a, one), (b, two))]
        return Beside(sides[0], sides[1], await in_thread(partial(compare, one, two)))
    begins = await _parting(store, a, b, min(lasts))
    first = min(max(first, 1), begins - 1)
    heads = [await between(store, run, 0, first) for run in (a, b)]
    rests = [await _all(store, run, begins - 1, last) for run, last in zip((a, b), lasts, strict=True)]
    head = compare(heads[0], heads[1])
    rest = await in_thread(partial(compare, *rests))
    sides, totals = [], []
    for run, last in zip((a, b), lasts, strict=True):
        state, came_to = await _standing(store, gists, run, last)
        sides.append(Side(run, state))
        totals.append(came_to)
    found = Comparison((*head.rows, *rest.rows), totals[0], totals[1])
    return Beside(sides[0], sides[1], found, len(head.rows), begins - 1 - first)


async def hidden_rows(store: Store, beside: Beside) -> list[tuple[int, bool]]:
    """The number of each event that is hidden, in both runs, and whether it is aside."""
    if not beside.hidden:
        return []
    last = beside.found.rows[beside.after - 1].a
    after = last.seq if last else 0
    values = {"run": beside.a.run, "after": after, "until": after + beside.hidden, "aside": list(ASIDE)}
    async with store.pool.connection() as connection:
        return await (await connection.execute(WITHIN, values)).fetchall()


async def _parting(store: Store, a: UUID, b: UUID, last: int) -> int:
    """The event with which the turn before the one begins in which they part; whatever comes before is the same in both, but for the
    first event."""
    async with store.pool.connection() as connection:
        row = await (await connection.execute(PART, {"a": a, "b": b})).fetchone()
        turns = await (await connection.execute(TURNS, (a, row[0] if row else last + 1))).fetchall()
        if len(turns) < 2:
            return 2
        begins: int = turns[1][0]
        before = await (await connection.execute(KIND, (a, begins - 1))).fetchone()
    return begins - 1 if before == ("reserved",) and begins > 2 else begins


async def _all(store: Store, run: UUID, after: int, last: int) -> list[Event]:
    """Those after one, some at a time, so that others have their turn."""
    return [event async for some in in_parts(store, run, TOGETHER, last, after) for event in some]


async def _standing(store: Store, gists: Gists, run: UUID, last: int) -> tuple[State, Totals]:
    async with gists.of(run) as gist:
        state, effects = replace(gist.state), len(gist.effects)
    async with store.pool.connection() as connection:
        row = await (await connection.execute(COUNTS, (run, last))).fetchone()
    assert row is not None
    seconds = round(state.seconds, 3)
    return state, Totals(run, state.status, state.steps, state.tokens, state.spent, seconds, effects, *row)
