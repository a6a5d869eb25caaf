"""What came of decisions, from what the graph heard: once their window has closed, and again whenever something came late.

Outcomes are interactions that a goal of the playbook counts. What followed and should not have is noted at once, for the guardrails.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, LiteralString

from psycopg import AsyncConnection
from psycopg.rows import class_row

from remit.decisions.action import Playbook
from remit.decisions.attribute import Outcome, Taken, Window, due
from remit.decisions.kept import Version, versions
from remit.decisions.log import IDLE
from remit.store.store import Store

Connection = AsyncConnection[Any]
CLOSED = 2_000  # decisions whose window has closed, looked at in one transaction
HEARD = 10_000  # interactions
CLOSING: LiteralString = """
    select d.id, d.person, d.version, d.at, d.does, coalesce(p.person, d.person) as who from decisions d left join graph_profiles p on p.id = d.person
    where d.workspace = %s and d.playbook = %s and d.id > %s order by d.id limit %s
"""
AROUND: LiteralString = """
    select d.id, d.person, d.version, d.at, d.does, of.who from unnest(%s::bigint[]) as of (who)
    cross join lateral (select id from graph_profiles where person = of.who and workspace = %s offset 0) as p
    cross join lateral (
        select * from decisions where workspace = %s and playbook = %s and person = p.id and at between %s and %s
            and stage <> 'shadow' and (chosen or holdout or after is not null) offset 0
    ) as d
"""
CAME: LiteralString = """
    select i.id, of.who, i.at, i.kind, i.channel, i.value, i.currency from unnest(%s::bigint[]) as of (who)
    cross join lateral (select id from graph_profiles where person = of.who and workspace = %s offset 0) as p
    cross join lateral (
        select * from graph_interactions where profile = p.id and at between %s and %s and direction = 'in' and kind = any(%s) offset 0
    ) as i
"""
NEW: LiteralString = """
    select i.id, p.person as who, i.at, i.kind, i.channel, i.value, i.currency from graph_interactions i join graph_profiles p on p.id = i.profile
    where i.workspace = %s and i.id > %s and i.id <= %s and i.direction = 'in' and i.kind = any(%s) order by i.id
"""


@dataclass(frozen=True, slots=True)
class Of:
    """A decision as far as what came of it goes. `who`: whose it is, as people are known now."""

    id: int
    person: int
    version: int
    at: datetime
    does: str
    who: int


@dataclass(frozen=True, slots=True)
class Came:
    """An interaction that may count."""

    id: int
    who: int
    at: datetime
    kind: str
    channel: str
    value: Decimal | None
    currency: str


def worth(book: Playbook, one: Came) -> float:
    """What an interaction counts, all goals together. Pure."""
    found = 0.0
    for goal in book.goals.values():
        for count in goal.counts:
            if (
                count.kind == one.kind
                and count.channel in ("", one.channel)
                and count.currency in ("", one.currency)
            ):
                found += goal.weight * count.worth * (float(one.value or 0) if count.currency else 1.0)
    return found


async def credit(store: Store, playbook: str, now: datetime) -> int:
    """Look at some of what has closed and some of what was heard since; how much that was. As many processes as like may do so at once, and
    one of them does."""
    known = {one.version: one for one in await versions(store, playbook)}
    async with store.pool.connection() as connection, connection.transaction():
        query = (
            "select heard, closed from playbooks where workspace = %s and name = %s for update skip locked"
        )
        row = await (await connection.execute(query, (store.workspace, playbook))).fetchone()
        if row is None:
            return 0
        here = (store.workspace, playbook)
        heard, late = await _listen(connection, here, known, row[0], row[1])
        closing = await _closing(connection, here, known, row[1], now)
        closed = closing[-1].id if closing else row[1]
        await _settle(connection, here, known, [*closing, *late])
        query = "update playbooks set heard = %s, closed = %s where workspace = %s and name = %s"
        await connection.execute(query, (heard, closed, *here))
    return len(closing) + heard - int(row[0])


async def _closing(
    connection: Connection, here: tuple[str, str], known: Mapping[int, Version], after: int, now: datetime
) -> list[Of]:
    """Decisions of which all that can come has had its time, in their order, up to the first of which it has not."""
    async with connection.cursor(row_factory=class_row(Of)) as cursor:
        rows = await (await cursor.execute(CLOSING, (*here, after, CLOSED))).fetchall()
    found = []
    for one in rows:
        if one.at + timedelta(days=known[one.version].book.window) >= now:
            break
        found.append(one)
    return found


async def _listen(
    connection: Connection, here: tuple[str, str], known: Mapping[int, Version], heard: int, closed: int
) -> tuple[int, list[Of]]:
    """How far was listened, and the decisions that were closed and of which something has come late. What followed and should not have is
    written down."""
    bound = "select max(id) from (select id from graph_interactions where workspace = %s and id > %s order by id limit %s) as page"
    row = await (await connection.execute(bound, (here[0], heard, HEARD))).fetchone()
    if row is None or row[0] is None:
        return heard, []
    books = [one.book for one in known.values()]
    kinds = {kind for book in books for rail in book.guardrails for kind in rail.kinds} | _counted(books)
    async with connection.cursor(row_factory=class_row(Came)) as cursor:
        came = await (await cursor.execute(NEW, (here[0], heard, row[0], list(kinds)))).fetchall()
    taken = await _around(connection, here, known, came)
    late: dict[int, Of] = {}
    for one in came:
        before = [each for each in taken.get(one.who, ()) if _within(known, each, one.at)]
        late |= {each.id: each for each in before if each.id <= closed}
        acting = [each for each in before if each.does not in IDLE]
        if acting:
            await _followed(connection, here[0], known, max(acting, key=lambda each: (each.at, each.id)), one)
    return row[0], list(late.values())


async def _followed(
    connection: Connection, workspace: str, known: Mapping[int, Version], decision: Of, came: Came
) -> None:
    query = """
        insert into decision_followed (workspace, decision, guardrail, interaction, at, playbook, version) values (%s, %s, %s, %s, %s, %s, %s)
        on conflict do nothing
    """
    for rail in known[decision.version].book.guardrails:
        if came.kind in rail.kinds:
            of = (known[decision.version].playbook, decision.version)
            await connection.execute(query, (workspace, decision.id, rail.name, came.id, came.at, *of))


async def _settle(
    connection: Connection, here: tuple[str, str], known: Mapping[int, Version], wanted: Sequence[Of]
) -> None:
    """Write down what these are due, where it is new or another than it was."""
    by_version: dict[int, list[Of]] = defaultdict(list)
    for one in wanted:
        by_version[one.version].append(one)
    for version, some in by_version.items():
        book = known[version].book
        found = await _due(connection, here, known, book, some) if book.counted else {}
        if found:
            query = """
                insert into decision_credits (workspace, playbook, decision, value, was)
                select %(here)s, %(playbook)s, new.decision, new.value, old.value
                from unnest(%(ids)s::bigint[], %(values)s::float8[]) as new (decision, value)
                left join lateral (select value from decision_credits where workspace = %(here)s and decision = new.decision
                                   order by n desc limit 1) as old on true
                where old.value is distinct from new.value order by new.decision
            """
            values = {
                "here": here[0],
                "playbook": here[1],
                "ids": list(found),
                "values": list(found.values()),
            }
            await connection.execute(query, values)


async def _due(
    connection: Connection,
    here: tuple[str, str],
    known: Mapping[int, Version],
    book: Playbook,
    wanted: Sequence[Of],
) -> dict[int, float]:
    window = timedelta(days=book.window)
    first, last = min(one.at for one in wanted), max(one.at for one in wanted) + window
    persons = sorted({one.who for one in wanted})
    async with connection.cursor(row_factory=class_row(Of)) as cursor:
        values = (persons, here[0], *here, first - window, last)
        taken = await (await cursor.execute(AROUND, values)).fetchall()
    async with connection.cursor(row_factory=class_row(Came)) as cursor:
        between = (persons, here[0], first, last, list(_counted([book])))
        came = await (await cursor.execute(CAME, between)).fetchall()
    outcomes = [Outcome(str(one.id), str(one.who), one.at, worth(book, one), one.at) for one in came]
    made = [Taken(one.id, str(one.who), one.at, 0.0 if one.does in IDLE else 1.0) for one in taken]
    half = timedelta(days=book.half_life) if book.half_life else None
    found = due(made, outcomes, Window(window, half))
    return {
        one.id: round(found[one.id], 6) for one in sorted(wanted, key=lambda one: one.id) if one.id in found
    }


async def _around(
    connection: Connection, here: tuple[str, str], known: Mapping[int, Version], came: Collection[Came]
) -> Mapping[int, list[Of]]:
    """What was decided for these people around then, by person."""
    found: dict[int, list[Of]] = defaultdict(list)
    if not came:
        return found
    longest = timedelta(days=max(one.book.window for one in known.values()))
    first, last = min(one.at for one in came) - longest, max(one.at for one in came)
    values = (sorted({one.who for one in came}), here[0], *here, first, last)
    async with connection.cursor(row_factory=class_row(Of)) as cursor:
        for one in await (await cursor.execute(AROUND, values)).fetchall():
            found[one.who].append(one)
    return found


def _within(known: Mapping[int, Version], one: Of, at: datetime) -> bool:
    return one.at <= at <= one.at + timedelta(days=known[one.version].book.window)


def _counted(books: Iterable[Playbook]) -> set[str]:
    return {count.kind for book in books for goal in book.goals.values() for count in goal.counts}
