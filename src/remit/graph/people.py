"""Looking at people: finding one, what is known of them, what happened, and what it comes to."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, LiteralString

from psycopg import AsyncConnection
from psycopg.rows import class_row, dict_row

from remit.errors import UserError
from remit.graph import consent
from remit.graph.consent import Consent
from remit.graph.identifiers import ORDER, Identifier, meant
from remit.graph.state import Happened, Key, Reading, State, Tally, Terms, fold, reading, together
from remit.store.store import Store

Json = Any
Connection = AsyncConnection[Any]
PAGE = 50
LATEST = 200  # interactions in which a long silence is looked for


class NoSuchPerson(UserError):
    """Nobody is known by that."""


@dataclass(frozen=True, slots=True)
class Profile:
    """An identifier, and what was said of whoever has it."""

    id: int
    person: int
    kind: str
    value: str
    verified: bool
    shared: str
    name: str
    about: Mapping[str, list[Json]]

    @property
    def key(self) -> str:
        return f"{self.kind}:{self.value}"


@dataclass(frozen=True, slots=True)
class Evidence:
    """A link, as it stands. `held`: why it does not join the two; empty: it does."""

    id: int
    a: int
    b: int
    how: str
    confidence: float
    source: str
    event: str
    at: datetime
    last_at: datetime
    seen: int
    by: str
    held: str
    withdrawn_at: datetime | None
    withdrawn_by: str | None
    reasons: list[tuple[str, float]] | None = None  # of those that are alike: words, and bits


@dataclass(frozen=True, slots=True)
class Person:
    """Who is one person, as far as is known. `id` is that of their first profile."""

    id: int
    profiles: tuple[Profile, ...]
    evidence: tuple[Evidence, ...]

    @property
    def name(self) -> str:
        """As last said by whom; empty where nobody said one."""
        said = [one.about["name"] for one in self.profiles if "name" in one.about]
        return str(max(said, key=lambda one: (one[1], one[2], str(one[0])))[0]) if said else ""

    @property
    def about(self) -> dict[str, list[Json]]:
        """Of each attribute what was said last: [what, when, source]."""
        return last_said(one.about for one in self.profiles)

    @property
    def called(self) -> str:
        """By what people know them best."""
        return self.name or self.profiles[0].value

    @property
    def ids(self) -> list[int]:
        return [one.id for one in self.profiles]


@dataclass(frozen=True, slots=True)
class Event:
    """An interaction, as it is kept."""

    id: int
    source: str
    event: str
    profile: int
    at: datetime
    received: datetime
    channel: str
    direction: str
    kind: str
    conversation: str
    subject: str
    body: str
    value: Decimal | None
    currency: str
    properties: Mapping[str, Json] | None


@dataclass(frozen=True, slots=True)
class Found:
    """A person in a list."""

    id: int
    called: str
    by: str  # the identifier by which they were found, or are known best
    last: datetime | None


def last_said(several: Iterable[Mapping[str, list[Json]]]) -> dict[str, list[Json]]:
    """Of each attribute what was said last of any of them: [what, when, source]."""
    found: dict[str, list[Json]] = {}
    for about in several:
        for key, said in about.items():
            if key not in found or (said[1], said[2], str(said[0])) > (*found[key][1:], str(found[key][0])):
                found[key] = said
    return found


def is_number(text: str) -> bool:
    """Whether it may be the number of a row."""
    return text.isascii() and text.isdigit() and len(text) < 19


PROFILE: LiteralString = "id, person, kind, value, verified, shared, name, about"
EVENT: LiteralString = """
    id, source, event, profile, at, received, channel, direction, kind, conversation, subject, body, value, currency, properties
"""
EVIDENCE: LiteralString = """
    id, a, b, how, confidence, source, event, at, last_at, seen, by, held, withdrawn_at, withdrawn_by, reasons
"""


# Numbers of profiles. As an array the database would count them, and plan anew for each person what to do with so few.
AMONG: LiteralString = "json_array_elements_text(%s::json) as of (who)"


def _told(ids: Iterable[int]) -> str:
    return f"[{','.join(map(str, ids))}]"


async def find(store: Store, text: str) -> Person:
    """By the number of a person, or any identifier of theirs: an address, a phone, `kind:value`. Raises NoSuchPerson."""
    text = text.strip().replace("\0", "")
    if is_number(text):
        return await person_of(store, int(text))
    who = _meant(text)
    query = "(select person from graph_profiles where workspace = %s and kind = %s and value = %s)"
    found = await _whole(store, query, (store.workspace, who.kind, who.value))
    if found is None:
        raise NoSuchPerson(f"nobody is known by the {who.kind} {who.value!r}")
    return found


def _meant(text: str) -> Identifier:
    """Raises NoSuchPerson."""
    who = meant(text)
    if who is None:
        raise NoSuchPerson(
            f"{text[:60]!r} is no number of a person, no address and no telephone number; other identifiers are written with their "
            "kind, as customer:C1042"
        )
    return who


async def profile_of(store: Store, text: str) -> int:
    """The number of an identifier; a number is one itself. Raises NoSuchPerson."""
    text = text.strip().replace("\0", "")
    if is_number(text):
        return int(text)
    who = _meant(text)
    query = "select id from graph_profiles where workspace = %s and kind = %s and value = %s"
    async with store.pool.connection() as connection:
        row = await (await connection.execute(query, (store.workspace, who.kind, who.value))).fetchone()
    if row is None:
        raise NoSuchPerson(f"nobody is known by the {who.kind} {who.value!r}")
    return int(row[0])


async def person_of(store: Store, profile: int) -> Person:
    """To whom a profile belongs; also by what was a person's number before they turned out to be another. Raises NoSuchPerson."""
    query = "(select person from graph_profiles where id = %s and workspace = %s)"
    found = await _whole(store, query, (profile, store.workspace))
    if found is None:
        raise NoSuchPerson(f"there is no person {profile}")
    return found


async def _whole(store: Store, which: LiteralString, values: tuple[object, ...]) -> Person | None:
    query = f"select {PROFILE} from graph_profiles where person = {which}"
    async with store.pool.connection() as connection:
        async with connection.cursor(row_factory=class_row(Profile)) as cursor:
            profiles = await (await cursor.execute(query, values)).fetchall()
        if not profiles:
            return None
        query = f"""
            select distinct {EVIDENCE} from {AMONG} cross join lateral (
                select {EVIDENCE} from graph_links where a = of.who::bigint
                union all select {EVIDENCE} from graph_links where b = of.who::bigint offset 0
            ) as l order by at, id limit 500
        """
        async with connection.cursor(row_factory=class_row(Evidence)) as links:
            evidence = await (await links.execute(query, (_told(one.id for one in profiles),))).fetchall()
    first = ORDER.index
    profiles.sort(
        key=lambda one: (bool(one.shared), first(one.kind) if one.kind in ORDER else len(ORDER), one.id)
    )
    profiles.sort(key=lambda one: one.kind not in ("email", "phone"))  # by what people know each other
    return Person(profiles[0].person, tuple(profiles), tuple(evidence))


async def keys_of(store: Store, profiles: Iterable[int]) -> dict[int, str]:
    """Identifiers with their kinds, by number."""
    query = "select id, kind || ':' || value from graph_profiles where id = any(%s) and workspace = %s"
    async with store.pool.connection() as connection:
        found = await connection.execute(query, (list(profiles), store.workspace))
        return dict(await found.fetchall())


async def timeline(
    store: Store,
    person: Person,
    *,
    before: datetime | None = None,
    limit: int = PAGE,
    known: datetime | None = None,
) -> list[Event]:
    """What happened, the last first. `before`: only until then; `known`: only what had come in by then."""
    query = f"""
        select {EVENT} from unnest(%(ids)s::bigint[]) as of (who)
        cross join lateral (
            select * from graph_interactions where profile = of.who
                and at < coalesce(%(before)s::timestamptz, 'infinity') and received <= coalesce(%(known)s::timestamptz, 'infinity')
            order by at desc limit %(limit)s
        ) as i order by at desc, id desc limit %(limit)s
    """
    values = {"ids": person.ids, "before": before, "known": known, "limit": limit}
    async with (
        store.pool.connection() as connection,
        connection.cursor(row_factory=class_row(Event)) as cursor,
    ):
        return await (await cursor.execute(query, values)).fetchall()


async def terms_of(store: Store) -> Terms:
    async with store.pool.connection() as connection:
        return await terms_within(connection, store.workspace)


async def terms_within(connection: Connection, workspace: str) -> Terms:
    query = "select brief, lasting from graph_terms where workspace = %s"
    row = await (await connection.execute(query, (workspace,))).fetchone()
    return Terms(*row) if row else Terms()


async def state_of(store: Store, person: Person, terms: Terms) -> State:
    """What everything that was heard of them comes to: that of their profiles together."""
    found = await states_of(store, person.ids)
    return together(found.values(), terms)


async def states_of(store: Store, profiles: Sequence[int]) -> dict[int, State]:
    """Of each profile."""
    async with store.pool.connection() as connection:
        return await _states(connection, profiles)


async def _states(connection: Connection, profiles: Sequence[int]) -> dict[int, State]:
    query = f"""
        select s.* from {AMONG} cross join lateral (
            select profile, channel, direction, kind, currency, count, total, first, last, before, brief, lasting, worth
            from graph_state where profile = of.who::bigint offset 0
        ) as s
    """
    made: dict[int, dict[Key, Tally]] = {one: {} for one in profiles}
    for profile, *row in await (await connection.execute(query, (_told(profiles),))).fetchall():
        made[profile][Key(*row[:4])] = Tally(*row[4:])
    return dict(made)


async def read_of(store: Store, person: Person, now: datetime) -> Reading | None:
    """What their state comes to now; None for somebody from whom nothing has come."""
    query = f"""
        select i.at from {AMONG} cross join lateral (
            select at from graph_interactions where profile = of.who::bigint and direction = 'in' and kind <> 'record'
            order by at desc limit %s
        ) as i
    """
    async with store.pool.connection() as connection:
        terms = await terms_within(connection, store.workspace)
        states = await _states(connection, person.ids)
        rows = await (await connection.execute(query, (_told(person.ids), LATEST))).fetchall()
    latest = sorted((at for (at,) in rows), reverse=True)[:LATEST]
    return reading(together(states.values(), terms), terms, now, latest)


async def state_at(
    store: Store, person: Person, terms: Terms, at: datetime, known: datetime | None = None
) -> State:
    """What it came to at another moment: of all that had happened by then, and where `known` is given had come in by that."""
    query = """
        select channel, direction, kind, currency, at, value from graph_interactions
        where profile = any(%s) and at <= %s and received <= coalesce(%s::timestamptz, 'infinity')
    """
    async with store.pool.connection() as connection:
        rows = await (await connection.execute(query, (person.ids, at, known))).fetchall()
    return fold((Happened(Key(*key), then, value) for *key, then, value in rows), terms)


async def consent_of(store: Store, person: Person, at: datetime | None = None) -> Consent:
    """What they said of being written to; `at`: by then."""
    query = """
        select profile, at, kind, channel, properties, source from graph_interactions
        where profile = any(%s) and kind in ('consent_given', 'consent_withdrawn', 'unsubscribed', 'complained', 'bounced')
            and at <= coalesce(%s::timestamptz, 'infinity')
    """
    async with store.pool.connection() as connection:
        rows = await (await connection.execute(query, (person.ids, at))).fetchall()
    return consent.fold(word for row in rows if (word := consent.word_of(*row)) is not None)


async def search(store: Store, text: str, limit: int = PAGE) -> list[Found]:
    """People whose name, or one of whose identifiers, begins so; those of whom something came in last where nothing is asked."""
    text = text.strip().replace("\0", "")
    if not text:
        return await _lately(store, limit)
    who = meant(text)
    begins = [text, text.lower()] + ([who.value] if who else [])
    query = """
        with found as (
            (select person, value as by from graph_profiles p, unnest(%(begins)s::text[]) as b (text)
             where p.workspace = %(workspace)s and p.kind = any(%(kinds)s)
                and p.value >= b.text collate "C" and p.value < (b.text || chr(1114111)) collate "C" limit %(limit)s)
            union all
            (select person, name from graph_profiles p where p.workspace = %(workspace)s and p.name <> ''
                and p.search >= %(name)s collate "C" and p.search < (%(name)s || chr(1114111)) collate "C" limit %(limit)s)
        )
        select person, min(by) from found group by person order by min(by) limit %(limit)s
    """
    values = {
        "begins": list(dict.fromkeys(begins)), "workspace": store.workspace, "name": text.lower(), "limit": limit, "kinds": list(ORDER),
    }  # fmt: skip
    async with store.pool.connection() as connection:
        rows = await (await connection.execute(query, values)).fetchall()
    return await listed(store, dict(rows))


async def _lately(store: Store, limit: int) -> list[Found]:
    query = """
        select person, max(at) from (
            select profile, at from graph_interactions where workspace = %s order by id desc limit %s
        ) as i join graph_profiles p on p.id = i.profile group by person order by max(at) desc limit %s
    """
    async with store.pool.connection() as connection:
        rows = await (await connection.execute(query, (store.workspace, 20 * limit, limit))).fetchall()
    return await listed(store, {person: "" for person, _ in rows})


async def listed(store: Store, by: Mapping[int, str]) -> list[Found]:
    """In the same order."""
    query = """
        select person, (array_agg(name order by about -> 'name' ->> 1 desc) filter (where name <> ''))[1] as name,
               (array_agg(value order by kind not in ('email', 'phone'), shared, id))[1] as value,
               (select max(last) from graph_state where profile = any(array_agg(p.id))) as last
        from graph_profiles p where person = any(%s) group by person
    """
    async with (
        store.pool.connection() as connection,
        connection.cursor(row_factory=dict_row) as cursor,
    ):
        rows = await (await cursor.execute(query, (list(by),))).fetchall()
    found = {row["person"]: row for row in rows}
    return [
        Found(one, found[one]["name"] or found[one]["value"], said or found[one]["value"], found[one]["last"])
        for one, said in by.items()
        if one in found
    ]
