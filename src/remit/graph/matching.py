"""Who in the graph is alike by what is said of them, as links: found by `match.py` in one go over all records, and taken back where it no
longer finds them. A record is what is known of those who are one for another reason."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from psycopg import AsyncConnection
from pydantic_core import to_json

from remit.access.audit import record
from remit.graph.identity import Link, Node, resolve
from remit.graph.ingest import enter
from remit.graph.join import settle
from remit.graph.match import Pair, match
from remit.graph.records import Record, spelled, told
from remit.store.store import Store

Json = Any
Connection = AsyncConnection[Any]
BY = "remit match"  # who takes such a link back where nothing finds it any more
SAID = 3  # things that must be said of somebody to be compared
PAIRS = 2_000  # that are written at once
IDENTIFIERS = {"email": "email", "phone": "phone", "national": "national_id"}


@dataclass(frozen=True, slots=True)
class Profile:
    id: int
    person: int
    kind: str
    value: str
    shared: bool
    about: Mapping[str, list[Json]]  # of each field what, when and by which source


@dataclass(frozen=True, slots=True)
class Matched:
    """What came of it. `asked`: pairs that only people can decide; `held`: that something speaks against; `gone`: no longer found."""

    records: int
    joined: int
    asked: int
    held: int
    gone: int


async def match_all(store: Store, who: str) -> Matched:
    """Compare everybody of whom enough is said, and keep who is alike as links. Raises UserError where the records are too few, or
    say too little, to learn from."""
    records = await records_of(store)
    pairs = await asyncio.to_thread(match, records)
    return await keep(store, len(records), pairs, who)


async def records_of(store: Store) -> list[Record]:
    """Everybody of whom enough is said to be compared."""
    return [one for one in _records(await _profiles(store)) if len(one.values) >= SAID]


async def keep(store: Store, records: int, pairs: Sequence[Pair], who: str) -> Matched:
    """Those who are alike, by the numbers of their records, as links; whoever is not any more is taken back."""
    before = await _kept(store)
    found = {(min(ends), max(ends)): one for one in pairs if (ends := (int(one.left), int(one.right)))}
    gone = await _take_back(store, [link for ends, link in before.items() if ends not in found])
    keys = sorted(found)
    for start in range(0, len(keys), PAIRS):
        await _keep(store, {key: found[key] for key in keys[start : start + PAIRS]})
    joined, asked, held = await _standing(store)
    async with store.pool.connection() as connection:
        told_ = {"records": records, "joined": joined, "asked": asked, "gone": gone}
        await record(connection, who, "graph.matched", "", told_)
    return Matched(records, joined, asked, held, gone)


async def _profiles(store: Store) -> list[Profile]:
    """Of everybody of whom something is said, each with who they are where nobody is alike."""
    query = """
        select id, person, kind, value, shared <> '', about, verified from graph_profiles where workspace = %(here)s
            and person in (select person from graph_profiles where workspace = %(here)s and about <> '{}')
    """
    joined = """
        select a.person from graph_links l join graph_profiles a on a.id = l.a join graph_profiles b on b.id = l.b
        where l.workspace = %s and l.how = 'alike' and l.withdrawn_at is null and a.person = b.person
    """
    links = """
        select id, a, b, how, at, source, event from graph_links
        where a = any(%(ids)s) and b = any(%(ids)s) and how <> 'alike' and withdrawn_at is null
    """
    async with store.pool.connection() as connection:
        rows = await (await connection.execute(query, {"here": store.workspace})).fetchall()
        mixed = {one for (one,) in await (await connection.execute(joined, (store.workspace,))).fetchall()}
        nodes = {row[0]: Node(row[0], row[2], row[3], row[6], row[4]) for row in rows if row[1] in mixed}
        between = await (await connection.execute(links, {"ids": list(nodes)})).fetchall()
    apart = resolve(nodes, [Link(*one) for one in between]).person
    return [Profile(row[0], apart.get(row[0], row[1]), *row[2:6]) for row in rows]


def _records(profiles: Iterable[Profile]) -> Iterator[Record]:
    """One of each person, by the number of the profile that says what they are called, or of their first."""
    persons: dict[int, list[Profile]] = {}
    for one in profiles:
        if not one.shared:
            persons.setdefault(one.person, []).append(one)
    for theirs in persons.values():
        theirs.sort(key=lambda one: one.id)
        about: dict[str, list[Json]] = {}
        for one in theirs:
            for key, said in one.about.items():
                if key not in about or said[1:] > about[key][1:]:
                    about[key] = said
        named = next(
            (one.id for one in theirs if about and one.about.get("name") == about.get("name")), theirs[0].id
        )
        values = {IDENTIFIERS[one.kind]: one.value for one in reversed(theirs) if one.kind in IDENTIFIERS}
        values |= {role: str(said[0]) for key, said in about.items() if (role := _role(key))}
        values = _names(str(about["name"][0]) if "name" in about else "") | values
        plain = {role: made for role, value in values.items() if (made := spelled(role, value))}
        yield Record(str(named), plain)


@lru_cache(maxsize=1_000)
def _role(field: str) -> str:
    return next(iter(told([field]).roles), "")


def _names(name: str) -> dict[str, str]:
    """A whole name as its two parts, where it has them."""
    first, _, last = name.strip().rpartition(" ")
    return {"given_name": first, "surname": last} if first else {}


async def _kept(store: Store) -> dict[tuple[int, int], int]:
    query = "select a, b, id from graph_links where workspace = %s and how = 'alike' and withdrawn_at is null"
    async with store.pool.connection() as connection:
        rows = await (await connection.execute(query, (store.workspace,))).fetchall()
    return {(a, b): id_ for a, b, id_ in rows}


async def _take_back(store: Store, links: Sequence[int]) -> int:
    query = """
        update graph_links set withdrawn_at = clock_timestamp(), withdrawn_by = %s
        where id = any(%s) and withdrawn_at is null returning a, b
    """
    async with store.pool.connection() as connection, connection.transaction():
        await enter(connection, store.workspace)
        rows = await (await connection.execute(query, (BY, list(links)))).fetchall()
        await settle(connection, store.workspace, {end for ends in rows for end in ends})
    return len(rows)


async def _keep(store: Store, found: Mapping[tuple[int, int], Pair]) -> None:
    """What a person has taken back stays so."""
    query = """
        insert into graph_links as l (workspace, a, b, how, confidence, source, event, at, last_at, reasons)
        select %s, c.a, c.b, 'alike', c.confidence, 'match', '', clock_timestamp(), clock_timestamp(), c.reasons
        from json_to_recordset(%s::json) as c (a bigint, b bigint, confidence real, reasons jsonb)
        on conflict (a, b, how) do update set confidence = excluded.confidence, reasons = excluded.reasons, last_at = excluded.last_at,
            withdrawn_at = case when l.withdrawn_by <> %s then l.withdrawn_at end, withdrawn_by = nullif(l.withdrawn_by, %s)
    """
    rows = [
        {"a": a, "b": b, "confidence": round(one.probability, 4), "reasons": [[why.words, why.bits] for why in one.reasons]}
        for (a, b), one in found.items()
    ]  # fmt: skip
    async with store.pool.connection() as connection, connection.transaction():
        await enter(connection, store.workspace)
        await connection.execute(query, (store.workspace, to_json(rows).decode(), BY, BY))
        await settle(connection, store.workspace, {end for ends in found for end in ends})


async def _standing(store: Store) -> tuple[int, int, int]:
    """Links of those that are alike: that join, that are asked about, that neither do."""
    query = """
        select count(*) filter (where held = ''), count(*) filter (where ask_a is not null),
            count(*) filter (where held <> '' and ask_a is null)
        from graph_links where workspace = %s and how = 'alike' and withdrawn_at is null
    """
    async with store.pool.connection() as connection:
        row = await (await connection.execute(query, (store.workspace,))).fetchone()
    return row or (0, 0, 0)
