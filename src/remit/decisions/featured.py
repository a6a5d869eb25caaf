"""What is known of people when something is decided for them, as columns: from what the graph says they and their account come to. Version 2.

A version's names and meanings never change, since decisions are logged with it: a new version adds names behind those that there are, so that what was
logged by an older one can be read, and its learner goes on. Times are days until now, masses what `graph.state` keeps, decayed until now. What is not
known is None.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, LiteralString

import numpy as np
from psycopg import AsyncConnection
from psycopg.rows import dict_row

from remit.decisions.logged import Column
from remit.decisions.whom import NAMES, NUMBERS, Known, as_word
from remit.graph.accounts.many import Of, accounts_within
from remit.graph.people import terms_within
from remit.graph.purposes import Limits, meant
from remit.graph.sentiment import feelings_within
from remit.graph.state import AWAY, DORMANT

Connection = AsyncConnection[Any]
VERSION = 2
OF_ACCOUNTS = ("stage", "owner", "employees", "size")  # what is known of accounts of what was said of them
LONGEST = 60  # characters of a word
UNLIMITED = Limits()
STATE: LiteralString = """
    with state as (
        select of.who as person, s.channel, s.direction, s.kind, s.first, s.last, s.before,
               s.brief * remit_decay(s.last, %(now)s, %(brief)s) as brief,
               s.lasting * remit_decay(s.last, %(now)s, %(long)s) as lasting,
               case s.kind when 'purchase' then s.worth when 'refund' then -s.worth else 0 end * remit_decay(s.last, %(now)s, %(long)s) as worth
        from unnest(%(persons)s::bigint[]) as of (who)
        cross join lateral (select id from graph_profiles where person = of.who and workspace = %(here)s offset 0) as p
        join graph_state s on s.profile = p.id and (%(all)s or (s.kind <> all(%(kinds)s) and s.channel <> all(%(channels)s)))
    ), channels as (
        select person, channel, max(last) filter (where direction = 'in') as last, min(first) filter (where direction = 'in') as first,
               greatest((array_agg(last order by last desc) filter (where direction = 'in'))[2], max(before) filter (where direction = 'in')) as before,
               sum(lasting) filter (where direction = 'in') as mass, sum(brief) filter (where direction = 'in') as lately,
               sum(worth) as spent, sum(brief) filter (where kind in ('page_view', 'visit')) as looked,
               sum(brief) filter (where direction = 'in' and kind in ('message', 'call', 'reply')) as asked,
               sum(lasting) filter (where kind in ('open', 'click')) as opened, sum(lasting) filter (where direction = 'out') as reached,
               max(last) filter (where direction = 'out') as last_reached
        from state group by person, channel
    )
    select person, max(last) as last, min(first) as first, greatest((array_agg(last order by last desc) filter (where last is not null))[2], max(before)) as before,
           sum(mass) as frequency, sum(lately) as lately, sum(spent) as spent, sum(looked) as looked, sum(asked) as asked, sum(opened) as opened,
           sum(reached) as reached, max(last_reached) as last_reached,
           (array_agg(channel order by mass desc, channel) filter (where mass is not null))[1] as channel, max(mass) / nullif(sum(mass), 0) as affinity
    from channels group by person
"""


async def known_of(
    connection: Connection,
    workspace: str,
    persons: Iterable[int],
    now: datetime,
    wants: Mapping[int, Sequence[str]] = {},
    limits: Limits = UNLIMITED,
    purposes: Collection[str] = (),
    accounts: Mapping[int, Of] | None = None,
) -> dict[int, Known]:
    """Of each person, in the order of NAMES; of one of whom nothing was heard too. `wants`: what each of them wants, what is surest first; `accounts`:
    to which each of them belongs, where that was read already. What may not be used for all of `purposes` is not known."""
    asked = list(persons)
    terms = await terms_within(connection, workspace)
    kinds, channels = limits.against("kind", purposes), limits.against("channel", purposes)
    values: dict[str, Any] = {
        "persons": asked,
        "here": workspace,
        "now": now,
        "brief": terms.brief,
        "long": terms.lasting,
    }
    values |= {"kinds": kinds, "channels": channels, "all": not kinds and not channels}
    async with connection.cursor(row_factory=dict_row) as cursor:
        rows = {row["person"]: row for row in await (await cursor.execute(STATE, values)).fetchall()}
    felt = await feelings_within(connection, workspace, asked, now) if limits.wants(purposes) else {}
    if accounts is None:
        accounts = await accounts_of(connection, workspace, asked, now, (), limits, purposes)
    found: dict[int, Known] = {}
    for one in asked:
        row: dict[str, Any] = rows.get(one, {})
        feeling = felt[one].score if one in felt else None
        found[one] = known(row, next(iter(wants.get(one, ())), None), now, feeling, accounts.get(one))
    hidden = set(limits.against("known", purposes))
    if not hidden:
        return found
    return {
        one: [None if name in hidden else value for name, value in zip(NAMES, said, strict=True)]
        for one, said in found.items()
    }


async def accounts_of(
    connection: Connection,
    workspace: str,
    persons: Sequence[int],
    now: datetime,
    keys: Collection[str] = (),
    limits: Limits = UNLIMITED,
    purposes: Collection[str] = (),
) -> dict[int, Of]:
    """To which each belongs, as far as it may be used for all of `purposes`. `keys`: what else is asked of what was said of accounts."""
    may = [key for key in (*OF_ACCOUNTS, *keys) if meant(limits.about(key), purposes)]
    kinds, channels = limits.against("kind", purposes), limits.against("channel", purposes)
    return await accounts_within(connection, workspace, persons, now, may, kinds, channels)


def knows(features: Sequence[Any]) -> bool:
    """Whether what was logged is of this version, or of one before it."""
    return bool(features) and 1 <= features[0] <= VERSION


def read(features: Sequence[Any]) -> Known:
    """What was known, as it was logged by a version that is known here. What an older one did not ask about is not known."""
    return [*features[1:], *[None] * (len(NAMES) + 1 - len(features))]


def known(
    row: Mapping[str, Any],
    intent: str | None,
    now: datetime,
    feeling: float | None = None,
    account: Of | None = None,
) -> Known:
    """Pure: of what was read of one person, and of what they belong to."""
    last, first, before = (row.get(name) for name in ("last", "first", "before"))
    recency, age = _days(last, now), _days(first, now)
    gap = _days(before, last) if before and last else None
    masses = ("frequency", "lately", "spent", "looked", "asked", "opened", "reached")
    found: dict[str, float | str | None] = {name: round(row.get(name) or 0.0, 4) for name in masses}
    found |= {
        "recency": recency,
        "age": age,
        "gap": gap,
        "since_reached": _days(row.get("last_reached"), now),
    }
    affinity = row.get("affinity")
    found |= {"affinity": None if affinity is None else round(affinity, 4), "channel": row.get("channel")}
    found |= {"stage": _stage(recency, age, gap), "intent": intent or None}
    found |= {"feeling": None if feeling is None else round(feeling, 3)}
    found |= _of(account, recency is not None and recency < AWAY)
    return [found[name] for name in NAMES]


def _of(account: Of | None, active: bool) -> dict[str, float | str | None]:
    """`active`: whether the person is one of those from whom something came of late."""
    if account is None:
        return dict.fromkeys(name for name in NAMES if name.startswith("account_"))
    said = account.about
    return {
        "account_people": account.people,
        "account_active": max(account.active - active, 0),
        "account_spent": round(account.spent, 4),
        "account_size": next((size for key in ("employees", "size") if (size := _size(said.get(key))) is not None), None),
        "account_stage": _word(said.get("stage")),
        "account_owner": _word(said.get("owner")),
    }  # fmt: skip


def _size(said: Any) -> float | None:
    try:
        size = float(said)
    except (TypeError, ValueError):
        return None
    return size if np.isfinite(size) and not isinstance(said, bool) else None


def _word(said: Any) -> str | None:
    """A list or an object is none."""
    return (as_word(said)[:LONGEST] or None) if isinstance(said, str | int | float) else None


def columns(rows: Sequence[Known]) -> tuple[Column, ...]:
    """What is known of people as a policy takes it."""
    turned = list(zip(*rows, strict=True)) or [()] * len(NAMES)
    return tuple(
        _numbers(name, values) if name in NUMBERS else _words(name, values)
        for name, values in zip(NAMES, turned, strict=True)
    )


def _numbers(name: str, values: Sequence[Any]) -> Column:
    return Column(name, np.array([np.nan if value is None else value for value in values], dtype=np.float64))


def _words(name: str, values: Sequence[Any]) -> Column:
    levels = tuple(sorted({str(value) for value in values if value is not None})) or ("",)
    place = {level: float(number) for number, level in enumerate(levels)}
    return Column(name, np.array([-1.0 if value is None else place[str(value)] for value in values]), levels)


def _days(then: datetime | None, now: datetime) -> float | None:
    return None if then is None else round(max((now - then).total_seconds() / 86400, 0.0), 3)


def _stage(recency: float | None, age: float | None, gap: float | None) -> str | None:
    """As `graph.state` says it of one person, by their last two interactions alone."""
    if recency is None or age is None:
        return None
    if recency >= AWAY:
        return "dormant" if recency >= DORMANT else "quiet"
    if gap is not None and gap >= DORMANT:
        return "back"
    return "new" if age < AWAY else "active"
