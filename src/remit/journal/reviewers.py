"""How people decide what they are asked: read from the journal, so that a yes that nobody thought about can be seen."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from psycopg.rows import class_row

from remit.store.store import Store

QUICK = 5.0  # seconds in which nobody has looked at a call
MANY = 10  # decisions from which on a share says something


@dataclass(frozen=True, slots=True)
class Reviewer:
    """One person's words on calls that runs asked about. Shares from 0 to 1, times in seconds."""

    reviewer: str
    decisions: int
    approved: float  # share that was a yes
    waited: float  # median from the question to the word
    looked: float  # median of the time that they can have looked at it, at the most
    quick: float  # share of those who had less than QUICK for that
    newest: datetime

    @property
    def stamping(self) -> bool:
        """Nearly always yes, and mostly faster than one can read."""
        return self.decisions >= MANY and self.approved >= 0.95 and self.quick >= 0.5


async def list_reviewers(store: Store, since: timedelta | None = None) -> list[Reviewer]:
    """Everybody who decided on a call, the busiest first. `since`: only words of so long ago at the most. Runs in the archive
    are not looked at.

    A word is a yes or a no, also a yes that others must say too. What was decided in one stroke shares the time. The
    time that somebody can have looked at it begins with the question or with their own word before, whichever was later:
    forty yeses in a minute are quick, however long each call had waited. Who changes a call was asked about it as it was. What a fork or a replay took over is not counted
    again.
    """
    query = """
        with words as (
            select lower(trim(remit_field(word.body, 'by'))) as who, remit_field(word.body, 'by') as name,
                   word.run, word.at,
                   coalesce((
                       select first.at from events as change
                       join events as first on first.run = change.run and first.type = 'asked'
                            and remit_field(first.body, 'ask_id') = remit_field(change.body, 'ask_id')
                       where change.run = asked.run and change.seq = asked.seq - 2 and change.type = 'amended'
                         and remit_field(change.body, 'by') = remit_field(word.body, 'by') limit 1
                   ), asked.at) as asked,
                   word.type = 'endorsed' or remit_field(word.body, 'decision') = 'approve' as yes
            from events as word
            join events as asked on asked.run = word.run and asked.type = 'asked' and asked.seq < word.seq
                 and remit_field(asked.body, 'ask_id') = remit_field(word.body, 'ask_id')
                 and remit_field(asked.body, 'kind') = 'approval'
            join events as first on first.run = word.run and first.seq = 1
            where word.type in ('replied', 'endorsed')
              and (select workspace from runs where runs.id = word.run) = %(workspace)s
              and (%(since)s::interval is null or word.at >= now() - %(since)s::interval)
              and not (remit_field(first.body, 'fork_of') is not null and word.at = first.at)
              and not (remit_field(word.body, 'by') = 'expiry'
                       and word.at >= remit_field(asked.body, 'expires')::timestamptz)
        ), strokes as (
            select who, at, count(*) as number, max(asked) as asked, lag(at) over (partition by who order by at) as before
            from words group by who, at
        ), timed as (
            select words.who, words.name, words.at, words.yes,
                   greatest(0, extract(epoch from words.at - words.asked)) as waited,
                   greatest(0, extract(epoch from words.at - greatest(strokes.asked, strokes.before))) / number as looked
            from words join strokes using (who, at)
        )
        select (array_agg(name order by at desc))[1] as reviewer, count(*) as decisions, avg(yes::int)::float8 as approved,
               percentile_cont(0.5) within group (order by waited) as waited,
               percentile_cont(0.5) within group (order by looked) as looked,
               avg((looked < %(quick)s)::int)::float8 as quick, max(at) as newest
        from timed group by who order by decisions desc, who
    """
    async with (
        store.pool.connection() as connection,
        connection.cursor(row_factory=class_row(Reviewer)) as cursor,
    ):
        return await (
            await cursor.execute(query, {"workspace": store.workspace, "since": since, "quick": QUICK})
        ).fetchall()
