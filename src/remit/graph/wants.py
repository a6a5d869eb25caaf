"""What people want now, from what they wrote and from what they do: how sure, by which interactions, and how much of it is left by now.

It is part of how somebody stands: agents are told, decisions count with it, people see it. Nothing of it is kept: it is told from what was
inferred of messages and from patterns of behaviour, each time anew.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from remit.graph.behaviour import FADED, faded, shown
from remit.graph.behaviours import behaviours_within, heard_within
from remit.graph.people import Person
from remit.store.store import Connection, Store

SURE = 0.5  # what a message may have wanted less surely counts for nothing
HALF_LIFE = 14.0  # days in which half of what a message wanted fades
LEAST = 0.05  # of which less is left is gone


@dataclass(frozen=True, slots=True)
class Want:
    """`confidence`: what is left of it now, of what it was (`then`) at its last evidence; `evidence`: numbers of interactions."""

    intent: str
    confidence: float
    then: float
    at: datetime
    by: Literal["message", "behaviour"]
    evidence: tuple[int, ...]
    because: str


async def intents_of(store: Store, person: Person, now: datetime) -> list[Want]:
    """Of one person, what is surest first."""
    return (await intents_of_all(store, [person.id], now)).get(person.id, [])


async def intents_of_all(
    store: Store, persons: Iterable[int], now: datetime, *, done: bool = True
) -> dict[int, list[Want]]:
    """Of many, by their numbers: each intent once, as it is surest; who wants nothing that is known is left out. `done`: also in what
    they do, and not only in what they wrote."""
    async with store.pool.connection() as connection:
        return await intents_within(connection, store.workspace, persons, now, done=done)


async def intents_within(
    connection: Connection, workspace: str, persons: Iterable[int], now: datetime, *, done: bool = True
) -> dict[int, list[Want]]:
    """The same by a connection that somebody has already."""
    asked = list(dict.fromkeys(persons))
    found: dict[int, dict[str, Want]] = {}
    written = await _written(connection, workspace, asked, now)
    for source in (written, await _done(connection, workspace, asked, now) if done else []):
        for person, one in source:
            theirs = found.setdefault(person, {})
            was = theirs.get(one.intent)
            if one.confidence >= LEAST and (was is None or one.confidence > was.confidence):
                theirs[one.intent] = one
    surest = {
        person: sorted(each.values(), key=lambda one: (-one.confidence, one.intent))
        for person, each in found.items()
    }
    return {person: wants for person, wants in surest.items() if wants}


async def _written(
    connection: Connection, workspace: str, persons: list[int], now: datetime
) -> list[tuple[int, Want]]:
    query = """
        select p.person, i.id, i.at, coalesce(f.corrected, f.intent), case when f.corrected is null then f.probability else 1 end,
            f.corrected_by, f.alike -> 0 ->> 'text', f.model
        from unnest(%(persons)s::bigint[]) as of (who)
        cross join lateral (select id, person from graph_profiles where person = of.who and workspace = %(here)s offset 0) as p
        cross join lateral (
            select id, at from graph_interactions where profile = p.id and at <= %(now)s and direction = 'in' and body <> ''
                and at >= %(now)s - make_interval(days => %(days)s) offset 0
        ) as i
        join graph_inferred f on f.workspace = %(here)s and f.interaction = i.id
        where coalesce(f.corrected, f.intent) <> '' and (f.corrected is not null or f.probability >= %(sure)s)
    """
    days = int(FADED * HALF_LIFE)
    values = {"persons": persons, "here": workspace, "now": now, "days": days, "sure": SURE}
    rows = await (await connection.execute(query, values)).fetchall()
    made = []
    for person, id_, at, intent, sure, by, alike, model in rows:
        if by:
            why = f"{by} said so of what they wrote"
        elif model:  # which words of theirs it was, is said to people alone: an agent takes reasons for ours
            why = f"{model} read it so in what they wrote"
        else:
            why = f"they wrote something like “{(alike or '')[:90]}”"
        made.append((person, Want(intent, faded(sure, at, now, HALF_LIFE), sure, at, "message", (id_,), why)))
    return made


async def _done(
    connection: Connection, workspace: str, persons: list[int], now: datetime
) -> list[tuple[int, Want]]:
    known = await behaviours_within(connection, workspace)
    if not known:
        return []
    made = []
    for person, heard in (await heard_within(connection, workspace, persons, now)).items():
        for one in known:
            if seen := shown(one.pattern, heard, now):
                left = faded(one.sure, seen.at, now, one.pattern.half_life)
                want = Want(
                    one.pattern.intent, left, one.sure, seen.at, "behaviour", seen.evidence, one.pattern.words
                )
                made.append((person, want))
    return made
