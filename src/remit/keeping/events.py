"""What happened, and its words, taken away when they are older than they are kept.

State is a fold of what there is, so what goes is taken out of it: of a key always the oldest, whose masses are the least, so that little is lost by
subtracting. Each batch is a transaction of its own, while nothing else comes in.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, LiteralString

from psycopg import AsyncConnection

from remit.graph.horizon import WORDS, Horizon, Place
from remit.graph.state import Terms

Connection = AsyncConnection[Any]
NOBODY = "erased"  # the kind of what stands in the place of a person who was erased, for what a hold keeps

# Kinds and channels that there are, each found by one look into the index
PAIRS: LiteralString = """
    with recursive pair as (
        (select kind, channel from graph_interactions where workspace = %(here)s order by kind, channel limit 1)
        union all
        select next.* from pair, lateral (
            select kind, channel from graph_interactions where workspace = %(here)s and (kind, channel) > (pair.kind, pair.channel)
            order by kind, channel limit 1) as next
    )
    select kind, channel from pair
"""
OLD: LiteralString = """
    from graph_interactions where workspace = %(here)s and kind = %(kind)s and channel = %(channel)s and at < %(until)s
"""
WORDY: LiteralString = (
    OLD
    + " and at >= coalesce(%(since)s::timestamptz, '-infinity') and (subject <> '' or body <> '' or properties is not null)"
)
# Decay is as of the last event of the key, which stays as long as anything of it does
TAKE: LiteralString = f"""
    with due as (select id {OLD} order by at limit %(most)s),
    gone as (delete from graph_interactions i using due where i.workspace = %(here)s and i.id = due.id
        returning i.profile, i.at, i.direction, i.currency, i.value),
    inferred as (delete from graph_inferred f using due where f.workspace = %(here)s and f.interaction = due.id),
    felt as (delete from graph_felt f using due where f.workspace = %(here)s and f.interaction = due.id),
    unread as (delete from graph_unread u using due where u.workspace = %(here)s and u.interaction = due.id),
    less as (
        select s.profile, s.direction, s.currency, count(*) as count, coalesce(sum(g.value), 0) as total,
            sum(remit_decay(g.at, s.last, %(brief)s)) as brief, sum(remit_decay(g.at, s.last, %(lasting)s)) as lasting,
            coalesce(sum(g.value::float8 * remit_decay(g.at, s.last, %(lasting)s)), 0) as worth
        from gone g join graph_state s on s.profile = g.profile and s.channel = %(channel)s and s.direction = g.direction
            and s.kind = %(kind)s and s.currency = g.currency
        group by s.profile, s.direction, s.currency
    ), folded as (
        update graph_state s set count = s.count - less.count, total = s.total - less.total,
            before = case when s.count - less.count > 1 then s.before end,
            brief = s.brief - less.brief, lasting = s.lasting - less.lasting, worth = s.worth - less.worth
        from less where s.profile = less.profile and s.channel = %(channel)s and s.direction = less.direction
            and s.kind = %(kind)s and s.currency = less.currency
    )
    select profile, max(at) filter (where direction = 'in'), max(at), count(*) from gone group by profile
"""
FIRST: LiteralString = """
    update graph_state s set first = (
        select at from graph_interactions i where i.profile = s.profile and i.channel = s.channel and i.direction = s.direction
            and i.kind = s.kind and i.currency = s.currency order by at limit 1)
    where profile = any(%(ids)s) and kind = %(kind)s and channel = %(channel)s
"""
EMPTY: LiteralString = "delete from graph_state where profile = any(%(ids)s) and kind = %(kind)s and channel = %(channel)s and count <= 0"
HEARD: LiteralString = """
    update graph_profiles p set heard_at = coalesce(greatest(p.heard_at, c.heard), c.at)
    from unnest(%(ids)s::bigint[], %(heard)s::timestamptz[], %(ats)s::timestamptz[]) as c (id, heard, at)
    where p.id = c.id and not exists (select from graph_interactions where profile = p.id and direction = 'in')
"""
UNNAMED: LiteralString = f"""
    delete from graph_profiles p where id = any(%(ids)s) and kind = '{NOBODY}'
        and not exists (select from graph_interactions where profile = p.id)
"""
STRIP: LiteralString = f"""
    with due as (select id {WORDY} order by at limit %(most)s),
    quoted as (update graph_inferred f set because = '[]' from due where f.workspace = %(here)s and f.interaction = due.id and f.because <> '[]')
    update graph_interactions i set subject = '', body = '', properties = null from due
    where i.workspace = %(here)s and i.id = due.id returning i.at
"""
GONE: LiteralString = """
    insert into graph_gone as g (workspace, what, kind, channel, until) values (%s, %s, %s, %s, %s)
    on conflict (workspace, what, kind, channel) do update set until = greatest(g.until, excluded.until)
"""


@dataclass(frozen=True, slots=True)
class Due:
    """A kind on a channel of which what is older goes."""

    what: str
    kind: str
    channel: str
    until: datetime

    @property
    def place(self) -> Place:
        return self.what, self.kind, self.channel


def due(horizon: Horizon, rule: Place, pairs: Sequence[tuple[str, str]], now: datetime) -> Iterator[Due]:
    """What falls under a rule, and up to when it goes. Pure."""
    for kind, channel in pairs:
        lasts = horizon.lasts(rule[0], kind, channel)
        if lasts is not None and horizon.rule(rule[0], kind, channel) == rule:
            yield Due(rule[0], kind, channel, now - lasts)


async def pairs(connection: Connection, workspace: str) -> list[tuple[str, str]]:
    return await (await connection.execute(PAIRS, {"here": workspace})).fetchall()


async def take(
    connection: Connection, workspace: str, one: Due, horizon: Horizon, terms: Terms, most: int
) -> int:
    """Take some away; how many. The caller holds the graph (`ingest.enter`)."""
    values = {
        "here": workspace, "kind": one.kind, "channel": one.channel, "until": one.until, "most": most,
        "since": horizon.gone.get(one.place), "brief": terms.brief, "lasting": terms.lasting,
    }  # fmt: skip
    if one.what == WORDS:
        return await _strip(connection, workspace, one, values)
    rows = await (await connection.execute(TAKE, values)).fetchall()
    if not rows:
        return 0
    ids, heard, ats, counts = zip(*rows, strict=True)
    values |= {"ids": list(ids), "heard": list(heard), "ats": list(ats)}
    for query in (EMPTY, FIRST, HEARD, UNNAMED):
        await connection.execute(query, values)
    await connection.execute(GONE, (workspace, *one.place, one.until))
    return sum(counts)


async def _strip(connection: Connection, workspace: str, one: Due, values: dict[str, Any]) -> int:
    rows = await (await connection.execute(STRIP, values)).fetchall()
    whole = len(rows) < values["most"]
    await connection.execute(GONE, (workspace, *one.place, one.until if whole else max(at for (at,) in rows)))
    return len(rows)


async def counted(
    connection: Connection, workspace: str, one: Due, horizon: Horizon, most: int
) -> tuple[int, datetime | None]:
    """How many would go now, `most` at the most, and when the oldest happened."""
    old = WORDY if one.what == WORDS else OLD
    query = f"select count(*), min(at) from (select at {old} order by at limit %(most)s) as due"
    values = {
        "here": workspace, "kind": one.kind, "channel": one.channel, "until": one.until, "most": most,
        "since": horizon.gone.get(one.place),
    }  # fmt: skip
    row = await (await connection.execute(query, values)).fetchone()
    assert row is not None
    return row[0], row[1]
