"""Runs found by what they are (agent, state, person, time, words of the goal) and by what they came to, a page at a time, among
any number of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, LiteralString
from uuid import UUID

from psycopg.rows import class_row

from remit.errors import UserError
from remit.journal.facts import sizes
from remit.journal.index import RunRow
from remit.store.store import Store

OPEN = ("running", "waiting", "paused")
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MOST_AGENTS = 200
COLUMNS: LiteralString = (
    "select id, agent, goal, person, status, created_at, updated_at, "
    "case when marks is not null then coalesce(cost, 0) end as cost, "
    "coalesce('simulated' = any(string_to_array(marks, e'\\n')), false) as simulated from runs"
)
# As the index of words has it, letter by letter, so that the planner knows it again
IS_OPEN: LiteralString = "status in ('running', 'waiting', 'paused')"
HAS_ENDED: LiteralString = "status not in ('running', 'waiting', 'paused')"
MARKS: LiteralString = "string_to_array(marks, e'\\n')"
STATES: Mapping[str, LiteralString] = {
    "running": "status = 'running'",
    "waiting": "status = 'waiting'",
    "paused": "status = 'paused'",
    "met": "status = 'met'",
    "not met": "status = 'not met'",
    "cannot verify": "status = 'cannot verify'",
    "refused": "status = 'refused'",
    "cancelled": "status = 'cancelled'",
    "failed": "status = 'failed'",
}
WORDS: Sequence[LiteralString] = (  # so many are looked for
    "goal ilike %(word0)s",
    "goal ilike %(word1)s",
    "goal ilike %(word2)s",
    "goal ilike %(word3)s",
    "goal ilike %(word4)s",
    "goal ilike %(word5)s",
)


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is looked for; what is empty matters not. `since` is included, `until` is not."""

    status: tuple[str, ...] = ()
    agent: str = ""
    person: str = ""
    words: str = ""  # each stands somewhere in the goal
    since: datetime | None = None
    until: datetime | None = None
    happened: tuple[str, ...] = ()  # all of these, of `facts.HAPPENED`
    tool: str = ""  # that it used
    least: Decimal | None = None  # what it cost, in US dollars, both included
    most: Decimal | None = None


@dataclass(frozen=True, slots=True)
class Place:
    """Between which runs a page begins: it can be shared, and stays right while runs come."""

    at: datetime
    run: UUID

    def __str__(self) -> str:
        return f"{(self.at - EPOCH) // timedelta(microseconds=1)}-{self.run.hex}"


def place(text: str) -> Place:
    """Raises UserError for what is no place."""
    at, _, run = text.partition("-")
    try:
        return Place(EPOCH + timedelta(microseconds=int(at)), UUID(run))
    except (ValueError, OverflowError) as error:
        raise UserError(f"{text!r} is no place in the list of runs; begin at its first page") from error


@dataclass(frozen=True, slots=True)
class Found:
    """A page, newest first, and where those next to it begin."""

    rows: Sequence[RunRow]
    newer: Place | None = None
    older: Place | None = None


async def search(
    store: Store,
    wanted: Wanted,
    *,
    older: Place | None = None,
    newer: Place | None = None,
    limit: int = 50,
) -> Found:
    """The newest, or the page just `older` or just `newer` than a place."""
    upward = newer is not None
    if store.agents is not None and not store.agents:
        return Found(())
    query, values = query_of(wanted, older, newer, sorted(store.agents or ()))
    values = {**values, "workspace": store.workspace, "limit": limit + 1}
    # Found by Remit itself, and seen by whoever asks: conditions on words and the like may not be tried on rows before it is
    # known that these may be seen, so that an index of them is no help to a guest.
    async with (
        store.as_owner().pool.connection() as connection,
        connection.cursor(row_factory=class_row(RunRow)) as cursor,
    ):
        rows = await (await cursor.execute(query, values, prepare=False)).fetchall()
    if store.guest:
        rows = await _seen(store, rows)
    more, rows = len(rows) > limit, rows[:limit]
    if upward:
        rows.reverse()
    if not rows:
        return Found(())
    first, last = Place(rows[0].created_at, rows[0].id), Place(rows[-1].created_at, rows[-1].id)
    return Found(
        rows,
        first if (more if upward else older is not None) else None,
        last if upward or more else None,
    )


async def _seen(store: Store, rows: Sequence[RunRow]) -> list[RunRow]:
    """Those that whoever has the store may see, in their order."""
    async with store.pool.connection() as connection:
        found = await connection.execute(
            "select id from runs where id = any(%s)", ([row.id for row in rows],)
        )
        seen = {run for (run,) in await found.fetchall()}
    return [row for row in rows if row.id in seen]


def query_of(
    wanted: Wanted, older: Place | None, newer: Place | None, seen: Sequence[str] = ()
) -> tuple[LiteralString, Mapping[str, Any]]:
    """Only what is asked for stands in it, so that each question is planned for the index that answers it. `seen`: of which
    agents alone whoever asks sees runs, where that is not all: the newest of each are found in its part of the index."""
    parts: list[LiteralString] = ["workspace = %(workspace)s"]
    values: dict[str, Any] = {}
    if wanted.agent:
        parts.append("agent = %(agent)s")
        values["agent"] = wanted.agent
    if wanted.person:
        parts.append("person <> '' and lower(person) = lower(%(person)s)")
        values["person"] = wanted.person
    if wanted.since:
        parts.append("created_at >= %(since)s")
        values["since"] = wanted.since
    if wanted.until:
        parts.append("created_at < %(until)s")
        values["until"] = wanted.until
    if wanted.words:
        for number, word in enumerate(wanted.words.split()[: len(WORDS)]):
            parts.append(WORDS[number])
            values[f"word{number}"] = f"%{_literally(word)}%"
    if marks := [*wanted.happened, *([f"@{wanted.tool}"] if wanted.tool else [])]:
        parts.append(f"{MARKS} @> %(marks)s::text[]")
        values["marks"] = marks
    if _costs(wanted):
        parts.append(f"{MARKS} && %(sizes)s::text[] and coalesce(cost, 0) between %(least)s and %(most)s")
        values |= {"sizes": sizes(wanted.least, wanted.most)}
        values |= {
            "least": wanted.least or Decimal(0),
            "most": Decimal("infinity") if wanted.most is None else wanted.most,
        }
    if at := newer or older:
        parts.append(
            "(created_at, id) > (%(at)s, %(id)s)" if newer else "(created_at, id) < (%(at)s, %(id)s)"
        )
        values |= {"at": at.at, "id": at.run}
    ways: list[list[LiteralString]] = [[*parts, *more] for more in _states(wanted)]
    order: LiteralString = "order by created_at, id" if newer else "order by created_at desc, id desc"
    each = [f"({COLUMNS} where {' and '.join(way)} {order} limit %(limit)s)" for way in ways]
    if seen:
        values["seen"] = list(seen)
        own: LiteralString = "unnest(%(seen)s::text[]) as own (name) cross join lateral"
        each = [
            f"(select newest.* from {own} ({COLUMNS} where agent = own.name and {' and '.join(way)} {order} limit %(limit)s) as newest)"
            for way in ways
        ]
    return f"select * from ({' union all '.join(each)}) as found {order} limit %(limit)s", values


def _costs(wanted: Wanted) -> bool:
    return wanted.least is not None or wanted.most is not None


def _states(wanted: Wanted) -> list[tuple[LiteralString, ...]]:
    """The conditions of each part of the question: a state a part, as only one at a time stands in order in its index. Words
    and marks have an index of what has ended, and none of what is open."""
    if wanted.status:
        return [(STATES[one], *(() if one in OPEN else (HAS_ENDED,))) for one in dict.fromkeys(wanted.status)]
    sought = wanted.words or wanted.happened or wanted.tool or _costs(wanted)
    return [(IS_OPEN,), (HAS_ENDED,)] if sought else [()]


def _literally(word: str) -> str:
    return word.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")


async def agents_known(store: Store) -> list[str]:
    """Names of agents that ever had a run, from one to the next by the index."""
    query = """
        with recursive known as (
            (select agent from runs where workspace = %(workspace)s order by agent limit 1)
            union all
            select (select agent from runs where workspace = %(workspace)s and agent > known.agent order by agent limit 1)
            from known where known.agent is not null
        )
        select agent from known where agent is not null limit %(limit)s
    """
    if store.agents is not None:
        query = """
            select name from unnest(%(seen)s::text[]) as own (name)
            where exists (select from runs where workspace = %(workspace)s and agent = name) order by name limit %(limit)s
        """
    seen = sorted(store.agents or ())
    values = {"workspace": store.workspace, "limit": MOST_AGENTS, "seen": seen}
    async with store.pool.connection() as connection:
        return [row[0] for row in await (await connection.execute(query, values)).fetchall()]


async def descendants(store: Store, run: UUID, limit: int = 200) -> list[tuple[UUID, RunRow]]:
    """The runs that a run has delegated parts of its goal to, and theirs, each with its parent; parents come first."""
    query = """
        with recursive below as (
            select id, parent, 1 as depth, created_at from runs where parent = %(run)s
            union all
            select runs.id, runs.parent, depth + 1, runs.created_at from runs join below on runs.parent = below.id
        )
        select below.parent, runs.id, agent, goal, person, status, runs.created_at, updated_at,
            case when marks is not null then coalesce(cost, 0) end, case when marks is not null then coalesce(seconds, 0) end
        from below join runs on runs.id = below.id order by depth, below.created_at, below.id limit %(limit)s
    """
    async with store.pool.connection() as connection:
        rows = await (await connection.execute(query, {"run": run, "limit": limit})).fetchall()
    return [(parent, RunRow(*rest)) for parent, *rest in rows]
