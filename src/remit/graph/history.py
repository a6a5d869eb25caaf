"""What happened to somebody, looked at closely: by channel and kind, week by week, in conversations; how they stood at another moment; what
they wanted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from psycopg.rows import class_row

from remit.graph.people import EVENT, LATEST, Event, Person, read_of, state_at, state_of, terms_of
from remit.graph.state import Reading, State, Terms, reading, total
from remit.store.store import Store

Json = Any
WEEKS = 26
VISIT = timedelta(minutes=30)  # of silence, after which looking at pages is another visit
WEEK = 7.0  # days


@dataclass(frozen=True, slots=True)
class Standing:
    """How somebody stood with us at a moment."""

    state: State
    terms: Terms
    reading: Reading | None  # None: nothing had come from them


@dataclass(frozen=True, slots=True)
class Group:
    """What belongs together in a timeline: a conversation, a visit to some pages, or one thing by itself. The last first."""

    conversation: str
    events: tuple[Event, ...]

    @property
    def head(self) -> Event:
        return self.events[0]

    @property
    def subject(self) -> str:
        return next((one.subject for one in reversed(self.events) if one.subject), "")


@dataclass(frozen=True, slots=True)
class Wanted:
    """An intent that was inferred of a message, with why; a person's word counts instead."""

    interaction: int
    at: datetime
    channel: str
    intent: str
    probability: float
    alike: Sequence[Sequence[Json]]  # the examples that it is most like
    text: str
    corrected_by: str | None
    model: str  # that read it; empty: the local embedding told it
    because: Sequence[str]  # words of the message that made the model think so


async def standing_at(store: Store, person: Person, at: datetime, past: bool) -> Standing:
    """`past`: of what had happened by then, folded from the interactions themselves; else of all, as it is kept."""
    terms = await terms_of(store)
    if not past:
        return Standing(await state_of(store, person, terms), terms, await read_of(store, person, at))
    state = await state_at(store, person, terms, at)
    return Standing(state, terms, reading(state, terms, at, await _times(store, person, at)))


async def _times(store: Store, person: Person, at: datetime) -> list[datetime]:
    query = """
        select at from graph_interactions where profile = any(%s) and at <= %s and direction = 'in' and kind <> 'record'
        order by at desc limit %s
    """
    async with store.pool.connection() as connection:
        return [
            row[0] for row in await (await connection.execute(query, (person.ids, at, LATEST))).fetchall()
        ]


def paces(found: Standing, at: datetime) -> tuple[float, float]:
    """How often they come a week: these days, and over the long run. A mass of which half is forgotten in h days stands, at a steady
    pace of r a day, at r h / ln 2."""
    own = total(found.state, found.terms, at, direction="in")
    if own is None:
        return 0.0, 0.0
    per = WEEK * 0.6931471805599453
    return per * own.brief / found.terms.brief, per * own.lasting / found.terms.lasting


async def weeks_of(
    store: Store, person: Person, until: datetime, weeks: int = WEEKS
) -> tuple[list[datetime], dict[str, list[int]]]:
    """How much came from them in each week, by channel, the busiest first; weeks begin on Mondays (UTC), the last is that of `until`."""
    monday = (until.astimezone(UTC) - timedelta(days=until.astimezone(UTC).weekday())).replace(
        hour=0, minute=0, second=0, microsecond=0
    )
    starts = [monday - timedelta(weeks=back) for back in reversed(range(weeks))]
    query = """
        select channel, floor(extract(epoch from at - %(since)s) / 604800)::int as week, count(*)
        from graph_interactions
        where profile = any(%(ids)s) and direction = 'in' and kind <> 'record' and at >= %(since)s and at <= %(until)s
        group by channel, week
    """
    values = {"ids": person.ids, "since": starts[0], "until": until}
    counts: dict[str, list[int]] = {}
    async with store.pool.connection() as connection:
        for channel, week, count in await (await connection.execute(query, values)).fetchall():
            counts.setdefault(channel, [0] * weeks)[min(week, weeks - 1)] = count
    return starts, dict(sorted(counts.items(), key=lambda one: (-sum(one[1]), one[0])))


async def heard(
    store: Store,
    person: Person,
    *,
    until: datetime | None = None,
    before: tuple[datetime, int] | None = None,
    channel: str = "",
    kind: str = "",
    limit: int,
) -> list[Event]:
    """What happened, the last first. `before`: only what comes after this one in that order, by its time and number."""
    query = f"""
        select {EVENT} from unnest(%(ids)s::bigint[]) as of (who)
        cross join lateral (
            select * from graph_interactions
            where profile = of.who and at <= coalesce(%(until)s::timestamptz, 'infinity')
                and (%(at)s::timestamptz is null or (at, id) < (%(at)s, %(id)s::bigint))
                and %(channel)s in ('', channel) and %(kind)s in ('', kind)
            order by at desc, id desc limit %(limit)s
        ) as i order by at desc, id desc limit %(limit)s
    """
    at, number = before or (None, 0)
    values = {
        "ids": person.ids, "until": until, "at": at, "id": number, "channel": channel, "kind": kind, "limit": limit,
    }  # fmt: skip
    async with (
        store.pool.connection() as connection,
        connection.cursor(row_factory=class_row(Event)) as cursor,
    ):
        return await (await cursor.execute(query, values)).fetchall()


def grouped(events: Sequence[Event]) -> list[Group]:
    """A conversation stands where its last word does, with all of it that is among these; pages looked at in one visit are one."""
    groups: list[list[Event]] = []
    talks: dict[str, list[Event]] = {}
    for one in events:
        if one.conversation and one.conversation in talks:
            talks[one.conversation].append(one)
        elif groups and _goes_on(groups[-1][-1], one):
            groups[-1].append(one)
        else:
            groups.append([one])
            if one.conversation:
                talks[one.conversation] = groups[-1]
    return [Group(all_[0].conversation, tuple(all_)) for all_ in groups]


def _goes_on(later: Event, one: Event) -> bool:
    same = (later.kind, later.channel, later.conversation) == (one.kind, one.channel, "")
    return same and one.kind == "page_view" and later.at - one.at <= VISIT


async def wanted(store: Store, person: Person, at: datetime, limit: int = 6) -> list[Wanted]:
    """What their messages were taken to want, the last first; those that want nothing that is known are left out."""
    query = """
        select f.interaction, i.at, i.channel, coalesce(f.corrected, f.intent) as intent, f.probability, f.alike,
            left(concat_ws(': ', nullif(i.subject, ''), i.body), 300) as text, f.corrected_by, f.model, f.because
        from graph_interactions i join graph_inferred f on f.workspace = i.workspace and f.interaction = i.id
        where i.workspace = %s and i.profile = any(%s) and i.at <= %s and coalesce(f.corrected, f.intent) <> ''
        order by i.at desc limit %s
    """
    async with (
        store.pool.connection() as connection,
        connection.cursor(row_factory=class_row(Wanted)) as cursor,
    ):
        return await (await cursor.execute(query, (store.workspace, person.ids, at, limit))).fetchall()
