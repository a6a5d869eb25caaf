"""How people stand with the rules of contact: what they said of being reached, how often they were, who is to be left alone, and where
they live. Read for many at once, from what the graph and the contacts say."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from operator import attrgetter
from typing import Any

from psycopg import AsyncConnection
from pydantic_core import from_json

from remit.decisions.action import Rules
from remit.decisions.eligible import Contact, Standing, Suppression, Taken
from remit.graph.consent import Consent, Word, fold, word_of
from remit.store.store import Store

Json = Any
Connection = AsyncConnection[Any]
Call = tuple[str, str]  # a run, and a call of it, in words: nothing else of them is asked for
NONE: Call = ("", "")


@dataclass
class Known:
    """What is read of one person."""

    about: dict[str, tuple[str, str, str]] = field(default_factory=dict)  # key -> when, source, what
    words: list[Word] = field(default_factory=list)
    contacts: list[tuple[Contact, Call]] = field(default_factory=list)  # each with the call that made it
    suppressed: list[Suppression] = field(default_factory=list)
    taken: list[Taken] = field(default_factory=list)

    def tell(self, key: str, said: Sequence[Json] | None) -> None:
        """The last that was said of it counts."""
        if said:
            self.about[key] = max(self.about.get(key, ("", "", "")), (said[1], said[2], str(said[0])))

    def says(self, key: str) -> str:
        return self.about.get(key, ("", "", ""))[2].strip()

    @cached_property
    def consent(self) -> Consent:
        return fold(self.words)

    def without(self, call: Call) -> None:
        """What a call has reserved is to be reserved anew."""
        if call != NONE:
            self.contacts = [one for one in self.contacts if one[1] != call]

    def standing(self, but: Call = NONE, profile: int | None = None) -> Standing:
        """Without what a call has reserved itself, and without whose words it carries; of who would be reached at this identifier."""
        country = self.says("country").upper()
        made = [one for one, (run, call) in self.contacts if but == NONE or call != but[1] or run != but[0]]
        made.sort(key=attrgetter("at"))
        return Standing(
            self.says("zone"),
            country if len(country) == 2 and country.isalpha() else "",
            self.consent,
            tuple(made),
            tuple(self.suppressed),
            profile,
            tuple(one for one in self.taken if but[0] not in one.runs),
        )


async def standings(store: Store, persons: Iterable[int], now: datetime) -> dict[int, Standing]:
    """Of each person, by number; of one of whom nothing is known too. Everybody's contacts count, whoever made them."""
    async with store.pool.connection() as connection:
        return await read(connection, store.workspace, persons, now)


async def read(
    connection: Connection, workspace: str, persons: Iterable[int], now: datetime
) -> dict[int, Standing]:
    """As `standings`, within a transaction."""
    several = list(persons)
    query = "select remit_standing(%s, %s, %s, '-infinity')::text"
    row = await (await connection.execute(query, (workspace, several, now))).fetchone()
    known = known_of(from_json(row[0])) if row else {}
    return {person: known.get(person, Known()).standing() for person in several}


def known_of(told: Json) -> dict[int, Known]:
    """By person, what `remit_standing` tells."""
    found: dict[int, Known] = {}
    whose: dict[int, Known] = {}
    for person, profile, zone, country in told["profiles"]:
        known = whose[profile] = found.setdefault(person, Known())
        known.tell("zone", zone)
        known.tell("country", country)
    for profile, at, *said in told["words"]:
        if (word := word_of(profile, _moment(at), *said)) is not None:
            whose[profile].words.append(word)
    for profile, at, action, channel, purpose, by, run, call in told["contacts"]:
        made = Contact(_moment(at), action, channel, purpose, by)
        whose[profile].contacts.append((made, (run, call) if run else NONE))
    for profile, because, channel, until in told["suppressed"]:
        whose[profile].suppressed.append(Suppression(because, channel, _moment(until) if until else None))
    for profile, by, channel, until, runs in told["taken"]:
        whose[profile].taken.append(Taken(by, channel, _moment(until), frozenset(runs)))
    return found


async def rules_of(store: Store) -> Rules:
    """The rules of contact that hold in this workspace now; where nobody has set any, those that `Rules` begins with."""
    async with store.pool.connection() as connection:
        return await rules_within(connection, store.workspace)


async def rules_within(connection: Connection, workspace: str) -> Rules:
    query = "select rules from contact_rules where workspace = %s order by version desc limit 1"
    row = await (await connection.execute(query, (workspace,))).fetchone()
    return Rules.model_validate(row[0]) if row else Rules()


def _moment(written: str) -> datetime:
    """As JSON has it, or PostgreSQL for the end of time."""
    return (
        datetime.max.replace(tzinfo=UTC)
        if written == "infinity"
        else datetime.fromisoformat(written).astimezone(UTC)
    )
