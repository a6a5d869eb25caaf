"""What people say of who is one person: two are made one, parted again, and what is doubtful is answered. Nothing is rewritten:
each word is a link, and taking it back withdraws it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from psycopg.rows import class_row

from remit.access.audit import record
from remit.errors import UserError
from remit.graph.ingest import enter
from remit.graph.join import settle
from remit.graph.people import person_of
from remit.store.store import Store

Said = Literal["same", "apart"]
SIDE = 12  # things that are known of somebody, beside what is known of somebody else


@dataclass(frozen=True, slots=True)
class Question:
    """Are these one person? `held`: why nothing but a person can say; the evidence that raises it, how likely it makes it, and how often it
    came; `reasons`: what of those that are alike speaks for it and against, in bits."""

    a: int
    b: int
    called_a: str
    called_b: str
    held: str
    how: str
    source: str
    event: str
    at: datetime
    seen: int
    confidence: float
    reasons: list[tuple[str, float]] | None


@dataclass(frozen=True, slots=True)
class Compared:
    """What is known of two, of one kind: an identifier, their name, what was said of them."""

    what: str
    a: tuple[str, ...]
    b: tuple[str, ...]
    same: bool


async def questions(store: Store, after: tuple[int, int] = (0, 0), limit: int = 50) -> list[Question]:
    """What is doubtful and waits for a person."""
    query = """
        select distinct on (l.ask_a, l.ask_b) l.ask_a as a, l.ask_b as b, a.kind || ':' || a.value as called_a,
            b.kind || ':' || b.value as called_b, l.held, l.how, l.source, l.event, l.at, l.seen,
            l.confidence, l.reasons
        from graph_links l join graph_profiles a on a.id = l.ask_a join graph_profiles b on b.id = l.ask_b
        where l.workspace = %s and l.ask_a is not null and l.withdrawn_at is null and (l.ask_a, l.ask_b) > (%s, %s)
        order by l.ask_a, l.ask_b, l.how <> 'alike', l.at limit %s
    """
    async with (
        store.pool.connection() as connection,
        connection.cursor(row_factory=class_row(Question)) as cursor,
    ):
        return await (await cursor.execute(query, (store.workspace, *after, limit))).fetchall()


async def compared(store: Store, asked: Sequence[Question]) -> list[list[Compared]]:
    """Of each question what is known of one and of the other, what both have first."""
    query = """
        select asked.id, p.kind, p.value, p.name, p.about from graph_profiles asked
        cross join lateral (select kind, value, name, about from graph_profiles where person = asked.person order by id limit %(most)s) as p
        where asked.workspace = %(here)s and asked.id = any(%(ids)s)
    """
    ids = sorted({end for one in asked for end in (one.a, one.b)})
    known: dict[int, dict[str, list[str]]] = {one: {} for one in ids}
    async with store.pool.connection() as connection:
        values = {"here": store.workspace, "ids": ids, "most": SIDE}
        for end, kind, value, name, about in await (await connection.execute(query, values)).fetchall():
            said = {kind: value, **({"name": name} if name else {})}
            for key, one in {**{key: str(said[0]) for key, said in about.items()}, **said}.items():
                if one not in (there := known[end].setdefault(key, [])):
                    there.append(one)
    return [_side_by_side(known[one.a], known[one.b]) for one in asked]


def _side_by_side(a: Mapping[str, list[str]], b: Mapping[str, list[str]]) -> list[Compared]:
    def alike(what: str) -> bool:
        return bool({one.casefold() for one in a.get(what, ())} & {one.casefold() for one in b.get(what, ())})

    rows = [
        Compared(what, tuple(a.get(what, ())), tuple(b.get(what, ())), alike(what)) for what in {**a, **b}
    ]
    return sorted(rows, key=lambda one: (not one.same, not (one.a and one.b)))[:SIDE]


async def count_questions(store: Store) -> int:
    query = """
        select count(distinct (ask_a, ask_b)) from graph_links
        where workspace = %s and ask_a is not null and withdrawn_at is null
    """
    async with store.pool.connection() as connection:
        row = await (await connection.execute(query, (store.workspace,))).fetchone()
    return int(row[0]) if row else 0


async def say(store: Store, a: int, b: int, said: Said, who: str) -> None:
    """That two profiles are one person's (`same`), or are not (`apart`), whatever else speaks for or against it. Raises UserError."""
    a, b = sorted((a, b))
    if a == b:
        raise UserError("these are one and the same already: name two")
    for one in (a, b):
        await person_of(store, one)
    query = """
        insert into graph_links (workspace, a, b, how, confidence, source, event, at, last_at, by)
        values (%(workspace)s, %(a)s, %(b)s, %(said)s, 1, '', '', clock_timestamp(), clock_timestamp(), %(who)s)
        on conflict (a, b, how) do update set by = excluded.by, at = excluded.at, last_at = excluded.at, withdrawn_at = null, withdrawn_by = null
    """
    taken_back = """
        update graph_links set withdrawn_at = clock_timestamp(), withdrawn_by = %(who)s
        where a = %(a)s and b = %(b)s and how = %(other)s and withdrawn_at is null
    """
    other = "apart" if said == "same" else "same"
    values = {"workspace": store.workspace, "a": a, "b": b, "said": said, "other": other, "who": who}
    async with store.pool.connection() as connection, connection.transaction():
        await enter(connection, store.workspace)
        await connection.execute(query, values)
        await connection.execute(taken_back, values)
        await settle(connection, store.workspace, (a, b))
        await record(connection, who, f"graph.{said}", f"{a} {b}", {})


async def withdraw(store: Store, link: int, who: str) -> None:
    """Let a link count for nothing: what it joined parts again, if nothing else joins it. Raises UserError."""
    await _hold(store, link, who, True)


async def restore(store: Store, link: int, who: str) -> None:
    """Let a link that was withdrawn count again. Raises UserError."""
    await _hold(store, link, who, False)


async def _hold(store: Store, link: int, who: str, withdrawn: bool) -> None:
    query = """
        update graph_links set withdrawn_at = case when %(gone)s then clock_timestamp() end, withdrawn_by = case when %(gone)s then %(who)s end
        where id = %(link)s and workspace = %(workspace)s and (withdrawn_at is null) = %(gone)s returning a, b
    """
    values = {"gone": withdrawn, "who": who, "link": link, "workspace": store.workspace}
    async with store.pool.connection() as connection, connection.transaction():
        await enter(connection, store.workspace)
        ends = await (await connection.execute(query, values)).fetchone()
        if ends is None:
            there = "that counts" if withdrawn else "that was withdrawn"
            raise UserError(
                f"there is no link {link} {there}; `remit graph person WHO --json` lists those of a person"
            )
        await settle(connection, store.workspace, ends)
        what = "graph.withdrawn" if withdrawn else "graph.restored"
        await record(connection, who, what, str(link), {"a": ends[0], "b": ends[1]})
