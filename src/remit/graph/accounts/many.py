"""What is known of the accounts of many people at once, as of now: for decisions, which are made for thousands together.

Whoever belongs to several accounts counts with the one of which that was said last. Of an account with more people than `MOST` only some are looked at.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, LiteralString

from psycopg import AsyncConnection

from remit.graph.accounts.look import MEMBERS
from remit.graph.people import terms_within
from remit.graph.state import AWAY

Json = Any
Connection = AsyncConnection[Any]
MOST: LiteralString = "1000"
# `look.MEMBERS` from the side of people. Where nobody belongs to anything, nothing is looked for.
BELONGS: LiteralString = """
    select distinct on (person) person, account from (
        select distinct on (of.who, a.account) of.who as person, a.account, m.until, m.at, m.source, m.event, m.id
        from unnest(%(persons)s::bigint[]) as of (who)
        cross join lateral (select id from graph_profiles where person = of.who and workspace = %(here)s offset 0) as p
        cross join lateral (
            select * from graph_memberships where profile = p.id and withdrawn_at is null and how in ('said', 'yes') and since <= %(now)s offset 0
        ) as m
        join graph_accounts a on a.id = m.account
        where (select exists (select from graph_memberships where workspace = %(here)s))
        order by of.who, a.account, m.at desc, m.source collate "C" desc, m.event collate "C" desc, m.id desc
    ) as last where (until is null or until > %(now)s) and not exists (
        select from graph_profiles p join graph_memberships m on m.profile = p.id join graph_accounts a on a.id = m.account
        where p.person = last.person and a.account = last.account and m.how = 'no' and m.withdrawn_at is null
    ) order by person, at desc, source collate "C" desc, event collate "C" desc, id desc
"""
ITS: LiteralString = MEMBERS.replace("%(account)s", "x.account").replace("%(at)s", "%(now)s")
SUMS: LiteralString = f"""
    select x.account, count(*), count(*) filter (where s.last > %(now)s - %(away)s * interval '1 day'), sum(s.spent)
    from unnest(%(accounts)s::bigint[]) as x (account)
    cross join lateral (select person from ({ITS}) as every limit {MOST}) as member
    cross join lateral (
        select max(s.last) filter (where s.direction = 'in') as last,
            coalesce(sum(case s.kind when 'purchase' then s.worth when 'refund' then -s.worth end * remit_decay(s.last, %(now)s, %(long)s)), 0) as spent
        from graph_profiles p join graph_state s on s.profile = p.id
        where p.person = member.person and (%(all)s or (s.kind <> all(%(kinds)s) and s.channel <> all(%(channels)s)))
    ) as s group by x.account
"""
SAID: LiteralString = """
    select distinct on (a.account, k.key) a.account, k.key, a.about -> k.key -> 0 from graph_accounts a cross join unnest(%(keys)s::text[]) as k (key)
    where a.account = any(%(accounts)s) and a.about ? k.key
    order by a.account, k.key, a.about -> k.key ->> 1 desc, (a.about -> k.key ->> 2) collate "C" desc, (a.about -> k.key ->> 0) collate "C" desc
"""


@dataclass(frozen=True, slots=True)
class Of:
    """What an account comes to. `people` belong to it; from `active` of them something came of late; `spent`: purchases less refunds, half
    forgotten in the long half-life; `about`: what was said of it last, as far as it was asked for."""

    account: int
    people: int
    active: int
    spent: float
    about: Mapping[str, Json] = field(default_factory=dict)


async def accounts_within(
    connection: Connection,
    workspace: str,
    persons: Sequence[int],
    now: datetime,
    keys: Collection[str] = (),
    kinds: Sequence[str] = (),
    channels: Sequence[str] = (),
) -> dict[int, Of]:
    """By person; who belongs to nothing is left out. `kinds`, `channels`: what happened so counts for nothing."""
    asked = {"persons": list(persons), "here": workspace, "now": now}
    theirs = dict(await (await connection.execute(BELONGS, asked)).fetchall())
    if not theirs:
        return {}
    some = sorted(set(theirs.values()))
    terms = await terms_within(connection, workspace)
    values: dict[str, Any] = {"accounts": some, "now": now, "away": AWAY, "long": terms.lasting}
    values |= {"kinds": list(kinds), "channels": list(channels), "all": not kinds and not channels}
    sums: dict[int, tuple[int, int, float]] = dict.fromkeys(some, (0, 0, 0.0))
    for account, *its in await (await connection.execute(SUMS, values)).fetchall():
        sums[account] = (its[0], its[1], its[2])
    about: dict[int, dict[str, Json]] = {account: {} for account in some}
    said = await connection.execute(SAID, {"accounts": some, "keys": list(keys)})
    for account, key, value in await said.fetchall():
        about[account][key] = value
    found = {account: Of(account, *sums[account], about[account]) for account in some}
    return {person: found[account] for person, account in theirs.items()}
