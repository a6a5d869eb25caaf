"""People like somebody: by what they do, where and how much of it these days, how they stand with us, and what they want.

Each is a sparse vector: what decays by half in the long half-life, on a logarithmic scale, and what is rare among those compared counts more (Spärck
Jones 1972). Alike is the cosine between two. Up to SOME people all are compared; of more those who were heard of last, those who wanted the same, and
others taken evenly, and it is said how many that were.
"""

from __future__ import annotations

import asyncio
import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from remit.graph.people import Person, terms_of
from remit.graph.state import AWAY, DAY, DORMANT
from remit.graph.wants import Want, intents_of_all
from remit.store.store import Store

Features = Mapping[str, float]
SOME = 10_000  # people who are compared
NEAR = 200  # of whom it is looked at what they want
LIKE = 0.05  # less alike is not
TOLD = 4  # things in common that are told


@dataclass(frozen=True, slots=True)
class Similar:
    """`likeness`: 0 to 1; `shared`: in what, what counts most first."""

    person: int
    likeness: float
    shared: tuple[str, ...]
    wants: tuple[Want, ...]


@dataclass(frozen=True, slots=True)
class Likes:
    people: tuple[Similar, ...]
    compared: int  # with how many


async def similar(store: Store, person: Person, now: datetime, limit: int = 10) -> Likes:
    """Who is most like them, among those of whom anything was heard by now."""
    others = await _others(store, person, now)
    known = await _features(store, [person.id, *others], now)
    own = known.pop(person.id, {})
    near = await asyncio.to_thread(_nearest, own, known, NEAR)
    wants = await intents_of_all(store, [person.id, *(one for one, _, _ in near)], now)
    by_want = {one: {**known[one], **_wanted(wants.get(one, ()))} for one, _, _ in near}
    found = _nearest({**own, **_wanted(wants.get(person.id, ()))}, by_want, limit)
    made = (Similar(one, round(like, 3), shared, tuple(wants.get(one, ()))) for one, like, shared in found)
    return Likes(tuple(made), len(known))


async def _others(store: Store, person: Person, now: datetime) -> list[int]:
    """Whom to compare with."""
    lately = """
        select distinct p.person from (
            select profile from graph_interactions where workspace = %(here)s and at <= %(now)s order by id desc limit %(some)s
        ) as i join graph_profiles p on p.id = i.profile limit %(some)s
    """
    same = """
        with own as (
            select distinct coalesce(f.corrected, f.intent) as intent from graph_interactions i
            join graph_inferred f on f.workspace = %(here)s and f.interaction = i.id where i.profile = any(%(ids)s)
        )
        select distinct p.person from (
            select interaction, coalesce(corrected, intent) as intent from graph_inferred where workspace = %(here)s
            order by interaction desc limit %(some)s
        ) as f join own on own.intent = f.intent and f.intent <> ''
        join graph_interactions i on i.workspace = %(here)s and i.id = f.interaction join graph_profiles p on p.id = i.profile
    """
    evenly = """
        with ends as (select min(id) as first, max(id) as last from graph_profiles)
        select distinct p.person from ends, generate_series(first, last, greatest(1, (last - first) / %(some)s)) as n (id)
        join graph_profiles p on p.id = n.id and p.workspace = %(here)s
    """
    values = {"here": store.workspace, "now": now, "some": SOME // 2, "ids": person.ids}
    found: dict[int, None] = {}
    async with store.pool.connection() as connection:
        for query in (lately, same, evenly):
            found |= dict.fromkeys(
                one for (one,) in await (await connection.execute(query, values)).fetchall()
            )
    return [one for one in found if one != person.id]


async def _features(store: Store, persons: Sequence[int], now: datetime) -> dict[int, dict[str, float]]:
    query = """
        select p.person, s.direction, s.kind, s.channel, sum(s.lasting * remit_decay(s.last, %(now)s, %(lasting)s)), min(s.first), max(s.last),
            sum(s.worth * remit_decay(s.last, %(now)s, %(lasting)s)) filter (where s.kind = 'purchase')
        from unnest(%(persons)s::bigint[]) as of (who)
        cross join lateral (select id, person from graph_profiles where person = of.who and workspace = %(here)s offset 0) as p
        join graph_state s on s.profile = p.id where s.first <= %(now)s group by 1, 2, 3, 4
    """
    values = {
        "persons": list(persons),
        "here": store.workspace,
        "now": now,
        "lasting": (await terms_of(store)).lasting,
    }
    async with store.pool.connection() as connection:
        rows = await (await connection.execute(query, values)).fetchall()
    return await asyncio.to_thread(_vectors, rows, now)


def _vectors(rows: Iterable[tuple[Any, ...]], now: datetime) -> dict[int, dict[str, float]]:
    found: dict[int, dict[str, float]] = {}
    heard: dict[int, tuple[datetime, datetime]] = {}
    for person, direction, kind, channel, mass, first, last, worth in rows:
        theirs = found.setdefault(person, {})
        to = " to them" if direction == "out" else ""
        theirs[f"{kind.replace('_', ' ')} on {channel}{to}"] = math.log1p(max(0.0, mass))
        if worth and worth > 0:
            theirs["money spent"] = theirs.get("money spent", 0.0) + math.log1p(worth) / 3
        if direction == "in":
            was = heard.get(person, (first, last))
            heard[person] = (min(was[0], first), max(was[1], last))
    for person, (first, last) in heard.items():
        found[person][_stage(first, last, now)] = 1.0
    return found


def _stage(first: datetime, last: datetime, now: datetime) -> str:
    silent = (now - last).total_seconds() / DAY
    if silent >= AWAY:
        return "dormant" if silent >= DORMANT else "quiet"
    return "new" if (now - first).total_seconds() / DAY < AWAY else "active"


def _wanted(wants: Iterable[Want]) -> dict[str, float]:
    return {f"wants {one.intent}": 2 * one.confidence for one in wants}


def _nearest(
    own: Features, others: Mapping[int, Features], limit: int
) -> list[tuple[int, float, tuple[str, ...]]]:
    """The likest, each with how much and what they have in common."""
    often = Counter(name for one in others.values() for name in one)
    rare = {name: math.log((1 + len(others)) / (1 + count)) + 0.1 for name, count in often.items()}
    mine = {name: mass * rare.get(name, 0.0) for name, mass in own.items()}
    length = math.hypot(*mine.values())
    found = []
    for person, features in others.items():
        both = {name: mine[name] * mass * rare[name] for name, mass in features.items() if mine.get(name)}
        if both:
            theirs = math.hypot(*(mass * rare[name] for name, mass in features.items()))
            if length and theirs and (like := sum(both.values()) / length / theirs) >= LIKE:
                most = sorted(both, key=lambda name: (-both[name], name))[:TOLD]
                found.append((person, min(1.0, like), tuple(most)))
    return sorted(found, key=lambda one: (-one[1], one[0]))[:limit]
