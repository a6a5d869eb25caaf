"""How people stand with the rules of contact: what they said of being reached, how often they were, who is to be left alone, and where
they live. Read for many at once, from what the graph and the contacts say."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, LiteralString
from uuid import UUID

from psycopg import AsyncConnection

from remit.decisions.action import Rules
from remit.decisions.eligible import Contact, Standing, Suppression
from remit.graph.consent import Word, fold, word_of
from remit.store.store import Store

Json = Any
Connection = AsyncConnection[Any]
Call = tuple[UUID | None, str]  # a run, and a call of it

PROFILES: LiteralString = """
    select of.who, p.id, p.about -> 'timezone', p.about -> 'country' from unnest(%s::bigint[]) as of (who)
    cross join lateral (select id, about, workspace from graph_profiles where person = of.who offset 0) as p where p.workspace = %s
"""
WORDS: LiteralString = """
    select i.profile, i.at, i.kind, i.channel, i.properties, i.source from unnest(%s::bigint[]) as of (who)
    cross join lateral (
        select * from graph_interactions where profile = of.who and at <= %s
            and kind in ('consent_given', 'consent_withdrawn', 'unsubscribed', 'complained', 'bounced') offset 0
    ) as i
"""
CONTACTS: LiteralString = """
    select c.profile, c.at, c.action, c.channel, c.purpose, c.by from unnest(%s::bigint[]) as of (who)
    cross join lateral (
        select * from contacts where profile = of.who and state in ('reserved', 'sent')
            and (run is null or run is distinct from %s or call <> %s) offset 0
    ) as c
"""
SUPPRESSED: LiteralString = """
    select s.profile, s.because, s.channel, s.until from unnest(%s::bigint[]) as of (who)
    cross join lateral (
        select * from suppressions where profile = of.who and lifted_at is null and coalesce(until, 'infinity') > %s offset 0
    ) as s
"""


@dataclass
class _Known:
    """What is read of one person."""

    about: dict[str, tuple[str, str, str]] = field(default_factory=dict)  # key -> when, source, what
    words: list[Word] = field(default_factory=list)
    contacts: list[Contact] = field(default_factory=list)
    suppressed: list[Suppression] = field(default_factory=list)

    def tell(self, key: str, said: Sequence[Json] | None) -> None:
        """The last that was said of it counts."""
        if said:
            self.about[key] = max(self.about.get(key, ("", "", "")), (said[1], said[2], str(said[0])))

    def says(self, key: str) -> str:
        return self.about.get(key, ("", "", ""))[2].strip()


async def standings(store: Store, persons: Iterable[int], now: datetime) -> dict[int, Standing]:
    """Of each person, by number; of one of whom nothing is known too. Everybody's contacts count, whoever made them."""
    async with store.pool.connection() as connection:
        return await read(connection, store.workspace, persons, now)


async def read(
    connection: Connection, workspace: str, persons: Iterable[int], now: datetime, but: Call = (None, "")
) -> dict[int, Standing]:
    """As `standings`, within a transaction; without what a call has reserved itself."""
    found = {person: _Known() for person in persons}
    whose: dict[int, _Known] = {}
    for person, profile, zone, country in await _rows(connection, PROFILES, list(found), workspace):
        whose[profile] = found[person]
        found[person].tell("zone", zone)
        found[person].tell("country", country)
    ids = list(whose)
    for row in await _rows(connection, WORDS, ids, now):
        if (word := word_of(*row)) is not None:
            whose[word.profile].words.append(word)
    for profile, *contact in await _rows(connection, CONTACTS, ids, *but):
        whose[profile].contacts.append(Contact(*contact))
    for profile, *suppression in await _rows(connection, SUPPRESSED, ids, now):
        whose[profile].suppressed.append(Suppression(*suppression))
    return {person: _standing(known) for person, known in found.items()}


async def rules_of(store: Store) -> Rules:
    """The rules of contact that hold in this workspace now; where nobody has set any, those that `Rules` begins with."""
    async with store.pool.connection() as connection:
        return await rules_within(connection, store.workspace)


async def rules_within(connection: Connection, workspace: str) -> Rules:
    query = "select rules from contact_rules where workspace = %s order by version desc limit 1"
    row = await (await connection.execute(query, (workspace,))).fetchone()
    return Rules.model_validate(row[0]) if row else Rules()


async def _rows(connection: Connection, query: LiteralString, *values: object) -> list[Any]:
    return await (await connection.execute(query, values)).fetchall()


def _standing(known: _Known) -> Standing:
    country = known.says("country").upper()
    return Standing(
        known.says("zone"),
        country if len(country) == 2 and country.isalpha() else "",
        fold(known.words),
        tuple(sorted(known.contacts, key=lambda one: one.at)),
        tuple(known.suppressed),
    )
