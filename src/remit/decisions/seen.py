"""People as they are seen at the moment when something is decided for them: how the rules stand, what is known of them and what they want, in
which segments they are, why they cannot wait, and by which keys they are in a holdout."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, LiteralString

from psycopg import AsyncConnection

from remit.decisions import featured, standing
from remit.decisions.action import Playbook
from remit.decisions.eligible import Standing
from remit.decisions.keys import keys_of
from remit.decisions.meant import purposes_of
from remit.decisions.urgency import Facts, asked, dated
from remit.decisions.whom import Known, account_keys_in, fits, segments_in
from remit.graph.accounts.many import Of
from remit.graph.purposes import Limits, limits_within, meant
from remit.graph.segments import holds_within, named_within
from remit.graph.wants import intents_within

Connection = AsyncConnection[Any]
SAID: LiteralString = """
    select distinct on (p.person, k.key) p.person, k.key, p.about -> k.key ->> 0 from unnest(%s::bigint[]) as of (who)
    cross join lateral (select person, about from graph_profiles where person = of.who and workspace = %s offset 0) as p
    cross join unnest(%s::text[]) as k (key) where p.about ? k.key
    order by p.person, k.key, p.about -> k.key ->> 1 desc, p.about -> k.key ->> 2 desc
"""
DID: LiteralString = """
    select p.person, s.kind, max(s.last) from unnest(%s::bigint[]) as of (who)
    cross join lateral (select id, person from graph_profiles where person = of.who and workspace = %s offset 0) as p
    join graph_state s on s.profile = p.id where s.direction = 'in' and s.kind = any(%s) group by p.person, s.kind
"""


@dataclass(frozen=True, slots=True)
class Asks:
    """What must be known of people beside what always is: segments, keys of what was said of them and of their accounts, and kinds of what
    they did."""

    segments: frozenset[str] = frozenset()
    keys: frozenset[str] = frozenset()
    kinds: frozenset[str] = frozenset()
    purposes: frozenset[str] = frozenset()  # what may not be used for all of these is not known
    account: frozenset[str] = frozenset()

    @classmethod
    def of(cls, books: Iterable[Playbook], only: Sequence[str] = ()) -> Asks:
        some = list(books)
        keys, kinds = asked([reason for book in some for reason in book.urgency])
        return cls(
            frozenset(segments_in(only)).union(*(book.segments for book in some)),
            frozenset(keys),
            frozenset(kinds),
            purposes_of(action for book in some for action in book.actions),
            frozenset(account_keys_in([*only, *(one for book in some for one in book.whom)])),
        )


@dataclass(frozen=True, slots=True)
class Seen:
    """By person. `within`: of each segment that was asked for who is in it."""

    stands: Mapping[int, Standing]
    known: Mapping[int, Known]
    keys: Mapping[int, int]
    wants: Mapping[int, Mapping[str, float]] = field(default_factory=dict)
    within: Mapping[str, set[int]] = field(default_factory=dict)
    dates: Mapping[int, Mapping[str, datetime]] = field(default_factory=dict)
    did: Mapping[int, Mapping[str, datetime]] = field(default_factory=dict)
    accounts: Mapping[int, Of] = field(default_factory=dict)

    def fit(self, person: int, conditions: Sequence[str]) -> bool:
        if not conditions:
            return True
        known, wants = self.known[person], self.wants.get(person, {})
        segments = [name for name, some in self.within.items() if person in some]
        account = self.accounts[person].about if person in self.accounts else {}
        return all(fits(known, one, wants, segments, account) for one in conditions)

    def facts(self, person: int) -> Facts:
        return Facts(
            self.known[person],
            self.wants.get(person, {}),
            self.dates.get(person, {}),
            self.did.get(person, {}),
        )


async def read(
    connection: Connection,
    workspace: str,
    persons: Sequence[int],
    now: datetime,
    asks: Asks = Asks(),
    limits: Limits | None = None,
) -> Seen:
    """`limits`: where they are at hand. Raises UnknownName for a segment that is gone."""
    segments = await named_within(connection, workspace, asks.segments)
    if not persons:
        return Seen({}, {}, {})
    limits, purposes = limits or await limits_within(connection, workspace), asks.purposes
    found = await intents_within(connection, workspace, persons, now) if limits.wants(purposes) else {}
    surest = {person: [one.intent for one in some] for person, some in found.items()}
    accounts = await featured.accounts_of(connection, workspace, persons, now, asks.account, limits, purposes)
    return Seen(
        await standing.read(connection, workspace, persons, now),
        await featured.known_of(connection, workspace, persons, now, surest, limits, purposes, accounts),
        await keys_of(connection, workspace, persons),
        {person: {one.intent: one.confidence for one in some} for person, some in found.items()},
        dict(
            zip(
                segments,
                await holds_within(connection, workspace, [*segments.values()], persons, now),
                strict=True,
            )
        ),
        await _dates(
            connection, workspace, persons, [one for one in asks.keys if meant(limits.about(one), purposes)]
        ),
        await _did(connection, workspace, persons, asks.kinds - set(limits.against("kind", purposes))),
        accounts,
    )


async def _dates(
    connection: Connection, workspace: str, persons: Sequence[int], keys: Iterable[str]
) -> dict[int, dict[str, datetime]]:
    """What was said of them last, where that is a date."""
    found: dict[int, dict[str, datetime]] = defaultdict(dict)
    if names := list(keys):
        rows = await connection.execute(SAID, (list(persons), workspace, names))
        for person, key, said in await rows.fetchall():
            if (at := dated(said)) is not None:
                found[person][key] = at
    return found


async def _did(
    connection: Connection, workspace: str, persons: Sequence[int], kinds: Iterable[str]
) -> dict[int, dict[str, datetime]]:
    """When something of a kind came from them last."""
    found: dict[int, dict[str, datetime]] = defaultdict(dict)
    if names := list(kinds):
        rows = await connection.execute(DID, (list(persons), workspace, names))
        for person, kind, at in await rows.fetchall():
            found[person][kind] = at
    return found
