"""Rolling sums of effects: read and set aside as one, settled when it is known what came of the effect.

A row of `sums` is written before its effect, in the transaction in which the call is judged, and removed when the effect does
not come about. The journal is the truth: whoever
advances a run settles its rows by its state; those of a run that has ended, or that nobody has touched for long, are
settled from its events by whoever reads next. A row of a run that may go on stays: its process may be dead, but what it
set aside is its successor's.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, LiteralString
from uuid import UUID

import psycopg
from psycopg.types.json import Jsonb

from remit.errors import JournalError, StoreError
from remit.journal.events import Acted
from remit.journal.journal import Journal
from remit.journal.rolling import Sum, counts
from remit.journal.state import fold
from remit.store.store import Store

Json = Any
LONG = (
    3600  # seconds after which what nobody holds and was never begun is given back, though its run may go on
)

SET_ASIDE: LiteralString = """
    select place, number, total, unread, units
    from remit_set_aside(%s, %s, %s, %s, %s, %s, %s, %s, %s, %s::text[], %s::text[], %s::float8[], %s::text[])
"""
# Not settled, and nobody is about to: the run has ended, or it is long ago and no living process has the run. What was
# looked up once is looked up again only when its journal has grown.
LEFT: LiteralString = """
    select s.run, s.call, s.tool, s.at from sums as s join runs on runs.id = s.run
    where not s.settled and s.workspace = %(workspace)s and s.tool = any(%(tools)s) and s.run <> %(run)s
      and (runs.status not in ('running', 'waiting', 'paused') or (
               s.at < now() - make_interval(secs => %(long)s)
               and not exists (select from leases join workers on workers.id = leases.worker where leases.run = s.run)))
      and (select max(seq) from events where events.run = s.run) is distinct from s.seen
"""
# `at` is the row's as it was looked up: what was set aside anew since is another's.
SETTLE: LiteralString = """
    with looked as materialized (  -- what a crash takes back is settled again
        select t.*, set_config('synchronous_commit', 'off', true)
        from unnest(%s::uuid[], %s::text[], %s::timestamptz[], %s::boolean[], %s::timestamptz[], %s::integer[])
            as t (run, call, was, counts, ended, seen)
    ), gone as (
        delete from sums using looked as t
        where sums.run = t.run and sums.call = t.call and (t.was is null or sums.at = t.was) and t.counts = false
    )
    update sums set settled = coalesce(t.counts, false), seen = t.seen,
        at = case when t.counts then greatest(sums.at, least(coalesce(t.ended, clock_timestamp()), clock_timestamp()))
                  else sums.at end
    from looked as t
    where sums.run = t.run and sums.call = t.call and (t.was is null or sums.at = t.was)
      and t.counts is distinct from false and not sums.settled
"""


@dataclass(frozen=True, slots=True)
class Aside:
    """A call that is to be judged, as far as sums go by it."""

    workspace: str
    run: UUID
    call: str
    tool: str
    agent: str
    person: str
    email: str
    amounts: Mapping[str, Mapping[str, str]]  # argument -> n, unit


@dataclass(frozen=True, slots=True)
class Found:
    """What a sum came to, the call itself left out. `unread`: of how many calls the argument is no number."""

    number: int
    total: Decimal
    unread: int
    units: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Settled:
    """What came of a call that was set aside. `counts`: whether its effect happened; None: not known yet."""

    run: UUID
    call: str
    counts: bool | None
    was: Any = None  # the row's `at`; None: whichever
    ended: Any = None  # when the effect was over
    seen: int = 0


async def set_aside(
    journal: Journal, call: Aside, sums: Sequence[Sum], decide: Callable[[list[Found]], bool] | None
) -> list[Found]:
    """Read the sums, let the call be judged by them, and set it aside where `decide` says so: in one transaction, under
    locks of the sums concerned. Where it says no, and something was left over by others, it is asked once more without that.
    Without `decide` the sums are only read. Raises StoreError."""
    about = (call.run, call.call, call.tool, call.agent, call.person, call.email, Jsonb(call.amounts))
    columns = zip(*((one.tool, one.argument, float(one.seconds), one.scope) for one in sums), strict=True)
    asked = [list(column) for column in columns] or [[], [], [], []]
    values = (call.workspace, decide is not None, *about, *asked)
    try:
        if decide is None:
            await tidy(journal, call, asked[0])
        found, kept = await _set_aside(journal.store, values, decide)
        if not kept and decide is not None and await tidy(journal, call, asked[0]):
            found, _ = await _set_aside(journal.store, values, decide)
    except (psycopg.Error, OSError) as error:
        raise StoreError(f"sums could not be read: {str(error).strip() or type(error).__name__}") from error
    return found


async def _set_aside(
    store: Store, values: Sequence[Any], decide: Callable[[list[Found]], bool] | None
) -> tuple[list[Found], bool]:
    kept = False
    async with store.pool.connection() as connection, connection.transaction():
        rows = await (await connection.execute(SET_ASIDE, values, prepare=True)).fetchall()
        found = [
            Found(number, total, unread, tuple(units or ()))
            for _, number, total, unread, units in sorted(rows)
        ]
        kept = decide is not None and decide(found)
        if not kept:
            raise psycopg.Rollback
    return found, kept


async def set_aside_of(store: Store, run: UUID) -> dict[str, tuple[str, bool]]:
    """What is set aside for a run: call -> its tool, and whether it is settled."""
    try:
        async with store.pool.connection() as connection:
            found = await connection.execute("select call, tool, settled from sums where run = %s", (run,))
            return {call: (tool, settled) for call, tool, settled in await found.fetchall()}
    except (psycopg.Error, OSError) as error:
        raise StoreError(f"sums could not be read: {str(error).strip() or type(error).__name__}") from error


async def settle(store: Store, *several: Settled) -> None:
    """Write down what came of calls. Raises StoreError."""
    if not several:
        return
    rows = [(one.run, one.call, one.was, one.counts, one.ended, one.seen) for one in several]
    try:
        async with store.pool.connection() as connection:
            await connection.execute(
                SETTLE, [list(column) for column in zip(*rows, strict=True)], prepare=True
            )
    except (psycopg.Error, OSError) as error:
        raise StoreError(
            f"sums could not be settled: {str(error).strip() or type(error).__name__}"
        ) from error


async def tidy(journal: Journal, call: Aside, tools: Sequence[str]) -> bool:
    """Settle from the journal what other runs have left; whether there was any."""
    values = {"workspace": call.workspace, "tools": list(tools), "run": call.run, "long": LONG}
    async with journal.store.pool.connection() as connection:
        found = await connection.execute(LEFT, values, prepare=True)
        rows = await found.fetchall()
    for left in {row[0] for row in rows}:
        await settle(journal.store, *await _looked_up(journal, [row for row in rows if row[0] == left]))
    return bool(rows)


async def _looked_up(journal: Journal, rows: Sequence[tuple[UUID, str, str, Any]]) -> list[Settled]:
    """What the journal of a run says of its calls."""
    try:
        events = await journal.read(rows[0][0])
    except JournalError:  # damaged, or newer than we are: what cannot be read counts
        return []
    state = fold(events)
    ended = {event.body.call_id: event.at for event in events if isinstance(event.body, Acted)}
    found = []
    for run, call, tool, was in rows:
        known = state.calls.get(call)
        happened = counts(known, tool)
        if happened is None and known is not None and known.intended is None:
            happened = False  # it was never begun
        found.append(Settled(run, call, happened, was, ended.get(call), state.seq))
    return found
