"""What is known of people when something is decided for them, as columns: from what the graph says they come to. Version 1.

A version's names and meanings never change, since decisions are logged with it: what is to be otherwise is a new version. Times are days until now,
masses what `graph.state` keeps, decayed until now. What is not known is None.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, LiteralString

import numpy as np
from psycopg import AsyncConnection
from psycopg.rows import dict_row

from remit.decisions.logged import Column
from remit.decisions.whom import NAMES, NUMBERS, WORDS, Known
from remit.graph.people import terms_within
from remit.graph.purposes import Limits
from remit.graph.state import AWAY, DORMANT

Connection = AsyncConnection[Any]
VERSION = 1
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
) -> dict[int, Known]:
    """Of each person, in the order of NAMES; of one of whom nothing was heard too. `wants`: what each of them wants, what is surest first.
    What may not be used for all of `purposes` is not known."""
    asked = list(persons)
    values: dict[str, Any] = {"persons": asked, "here": workspace, "now": now}
    kinds, channels = limits.against("kind", purposes), limits.against("channel", purposes)
    values |= {"kinds": kinds, "channels": channels, "all": not kinds and not channels}
    terms = await terms_within(connection, workspace)
    values |= {"brief": terms.brief, "long": terms.lasting}
    async with connection.cursor(row_factory=dict_row) as cursor:
        rows = {row["person"]: row for row in await (await cursor.execute(STATE, values)).fetchall()}
    nobody: dict[str, Any] = {}
    found = {one: known(rows.get(one, nobody), next(iter(wants.get(one, ())), None), now) for one in asked}
    hidden = set(limits.against("known", purposes))
    if not hidden:
        return found
    return {
        one: [None if name in hidden else value for name, value in zip(NAMES, said, strict=True)]
        for one, said in found.items()
    }


def known(row: Mapping[str, Any], intent: str | None, now: datetime) -> Known:
    """Pure: of what was read of one person."""
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
    return [found[name] for name in NAMES]


def columns(rows: Sequence[Known]) -> tuple[Column, ...]:
    """What is known of people as a policy takes it."""
    turned = list(zip(*rows, strict=True)) or [()] * len(NAMES)
    numbers = [
        Column(name, np.array([np.nan if value is None else value for value in values], dtype=np.float64))
        for name, values in zip(NUMBERS, turned, strict=False)
    ]
    words = []
    for name, values in zip(WORDS, turned[len(NUMBERS) :], strict=True):
        levels = tuple(sorted({str(value) for value in values if value is not None})) or ("",)
        place = {level: float(number) for number, level in enumerate(levels)}
        words.append(
            Column(
                name,
                np.array([place.get(str(value), -1.0) if value is not None else -1.0 for value in values]),
                levels,
            )
        )
    return (*numbers, *words)


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
