"""Reaching people: every contact passes here before it happens, whoever makes it, and is judged by what is true then.

A contact is reserved in one transaction with its judgement, under a lock by person, so that of two who would use up the same cap one is
refused. What is reserved counts until it is known that nothing came of it. `desk.py` has the calls of many runs reserve in one transaction.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any, Literal, LiteralString
from uuid import UUID

from psycopg import AsyncConnection
from psycopg.rows import class_row
from pydantic_core import from_json, to_json

from remit.decisions.action import Action, Rules
from remit.decisions.eligible import Contact, Refusal, ends, refusals
from remit.decisions.standing import NONE, Call, Known, known_of
from remit.graph.identifiers import Identifier
from remit.graph.met import met
from remit.store.store import Store

Connection = AsyncConnection[Any]
Key = tuple[str, str]  # of an identifier: kind and value
State = Literal["reserved", "sent", "failed", "refused"]
ANSWERS = timedelta(days=7)  # in which what somebody writes answers what was sent, where no thread says so
ACTION = "contact"  # what the rules are asked of, where no playbook has a name for it
RULED: dict[str, tuple[str, Rules]] = {}  # by workspace the rules as they were read last, with their digest

KEEP: LiteralString = """
    insert into contacts (workspace, profile, at, channel, purpose, action, by, run, call, state, why, until)
    select %s, c.* from json_to_recordset(%s::json) as c (profile bigint, at timestamptz, channel text, purpose text, action text, by text,
        run uuid, call text, state text, why text, until timestamptz)
    on conflict (run, call, profile) do update set at = excluded.at, channel = excluded.channel, purpose = excluded.purpose,
        state = excluded.state, why = excluded.why, until = excluded.until
        where contacts.state <> 'sent'
"""
PAGE: LiteralString = """
    select id, profile, at, channel, purpose, action, by, run, call, state, why, until from contacts
    where workspace = %(workspace)s and (%(profiles)s::bigint[] is null or profile = any(%(profiles)s))
        and id < coalesce(%(before)s::bigint, 9223372036854775807)
    order by id desc limit %(limit)s
"""


@dataclass(frozen=True, slots=True)
class Wanted:
    """Somebody is to be reached. `who`: at which identifier; `by`: which agent, playbook or colleague wants it."""

    who: Key
    channel: str
    purpose: str
    by: str
    action: str = ""
    run: UUID | None = None
    call: str = ""


@dataclass(frozen=True, slots=True)
class Refused:
    """Why somebody may not be reached now: each rule that is against it."""

    wanted: Wanted
    rules: tuple[Refusal, ...]

    @property
    def until(self) -> datetime | None:
        """When it may be asked again; None: nobody knows."""
        return ends(self.rules)

    @property
    def passes(self) -> bool:
        """Whether it is a matter of the hour alone."""
        return all(rule.hour for rule in self.rules)

    @property
    def why(self) -> str:
        """Each rule, in words, and when it ends."""
        return "; ".join(
            f"{rule.because} ({rule.rule}{f', until {rule.until:%Y-%m-%d %H:%M} UTC' if rule.until else ''})"
            for rule in self.rules
        )


@dataclass(frozen=True, slots=True)
class Made:
    """A contact as it is kept."""

    id: int
    profile: int
    at: datetime
    channel: str
    purpose: str
    action: str
    by: str
    run: UUID | None
    call: str
    state: State
    why: str
    until: datetime | None


@dataclass(frozen=True, slots=True)
class Held:
    """What a call has reserved: `kind` and `value` of the identifier."""

    call: str
    profile: int
    kind: str
    value: str
    channel: str
    purpose: str
    action: str
    by: str
    at: datetime


@dataclass(slots=True)
class Asked:
    """A call that is to reach people: all of them or, where a rule is against one, none. `begun`: it may have been made before, so that what
    was reserved for it stays so."""

    wanted: Sequence[Wanted]
    begun: bool = False
    refused: list[Refused] = field(default_factory=list)  # empty: they may be reached now, and are reserved
    held: list[Held] = field(default_factory=list)

    @property
    def call(self) -> Call:
        first = self.wanted[0] if self.wanted else None
        return (str(first.run), first.call) if first is not None and first.run else NONE


@dataclass(frozen=True, slots=True)
class Came:
    """What came of what a call had reserved; `profile`: of one whom it was to reach, None: of all of them."""

    run: UUID
    call: str
    state: Literal["sent", "failed"]
    why: str = ""
    profile: int | None = None


async def reserve(
    store: Store, wanted: Sequence[Wanted], now: datetime, begun: bool = False
) -> list[Refused]:
    """Set contacts aside that are about to be made: all of them or none. Empty: they may be made now; who makes them says afterwards what
    came of it (`settle`). All are of one call."""
    asked = Asked(wanted, begun)
    await reserve_all(store, [asked], now)
    return asked.refused


async def reserve_all(store: Store, several: Sequence[Asked], now: datetime) -> None:
    """The same for several calls, one after the other, in one transaction."""
    every = [one for asked in several for one in asked.wanted]
    while True:
        async with store.pool.connection() as connection, connection.pipeline(), connection.transaction():
            people = await _people(connection, store.workspace, every, now, hold=True)
            if not (unheard := {one.who for one in every} - people.whom.keys()):
                rows = [row for asked in several for row in people.reserve(asked, now)]
                if rows:
                    await connection.execute(KEEP, (store.workspace, to_json(rows).decode()))
                return
        await met(store, [Identifier(*who) for who in unheard])


async def judge(store: Store, wanted: Sequence[Wanted], now: datetime) -> list[Refused]:
    """As `reserve`, only to know: nothing is set aside, and it may be otherwise a moment later."""
    async with store.pool.connection() as connection:
        people = await _people(connection, store.workspace, wanted, now, hold=False)
    return people.against(Asked(wanted), now)


async def settle(store: Store, several: Sequence[Came]) -> None:
    """Say what came of what calls had reserved. What was sent stays so."""
    query = """
        update contacts set state = c.state, why = c.why
        from json_to_recordset(%s::json) as c (run uuid, call text, state text, why text, profile bigint)
        where contacts.run = c.run and contacts.call = c.call and contacts.profile = coalesce(c.profile, contacts.profile)
            and contacts.workspace = %s and contacts.state = 'reserved'
    """
    rows = [
        {"run": one.run, "call": one.call, "state": one.state, "why": one.why[:1000], "profile": one.profile}
        for one in several
    ]
    async with store.pool.connection() as connection:
        await connection.execute(query, (to_json(rows).decode(), store.workspace))


async def noted(store: Store, one: Wanted, at: datetime) -> None:
    """Keep a contact that somebody has made by themselves, as a call: it counts for the rules from then on. Once for each `run` and `call`."""
    whom = (await met(store, [Identifier(*one.who)]))[one.who]
    row = {
        "profile": whom, "at": at, "channel": one.channel, "purpose": one.purpose, "action": one.action, "by": one.by, "run": one.run,
        "call": one.call, "state": "sent", "why": "",
    }  # fmt: skip
    async with store.pool.connection() as connection:
        await connection.execute(KEEP, (store.workspace, to_json([row]).decode()))


async def held_of(store: Store, run: UUID) -> list[Held]:
    """What calls of a run have reserved, and nobody has settled."""
    query = """
        select c.call, c.profile, p.kind, p.value, c.channel, c.purpose, c.action, c.by, c.at
        from contacts c join graph_profiles p on p.id = c.profile where c.run = %s and c.workspace = %s and c.state = 'reserved'
    """
    async with (
        store.pool.connection() as connection,
        connection.cursor(row_factory=class_row(Held)) as cursor,
    ):
        return await (await cursor.execute(query, (run, store.workspace))).fetchall()


async def reached_by(store: Store, run: UUID, call: str) -> dict[str, str]:
    """Whom a call has reached, or may have: channel by identifier."""
    query = """
        select p.value, c.channel from contacts c join graph_profiles p on p.id = c.profile
        where c.run = %s and c.call = %s and c.workspace = %s and c.state in ('reserved', 'sent')
    """
    async with store.pool.connection() as connection:
        return dict(await (await connection.execute(query, (run, call, store.workspace))).fetchall())


async def lately_reached(store: Store, who: Identifier, channel: str, now: datetime) -> bool:
    """Whether somebody was written to on a channel so lately that what they write there is an answer."""
    query = """
        select exists (select from graph_profiles p join contacts c on c.profile = p.id
                       where p.workspace = %s and p.kind = %s and p.value = %s and c.channel = %s and c.state in ('reserved', 'sent') and c.at > %s)
    """
    values = (store.workspace, who.kind, who.value, channel, now - ANSWERS)
    async with store.pool.connection() as connection:
        return await (await connection.execute(query, values)).fetchone() == (True,)


async def contacts_of(
    store: Store, profiles: Iterable[int] | None = None, before: int | None = None, limit: int = 50
) -> list[Made]:
    """The last first: of these identifiers, or of everybody."""
    values = {
        "workspace": store.workspace, "profiles": None if profiles is None else list(profiles), "before": before, "limit": limit,
    }  # fmt: skip
    async with (
        store.pool.connection() as connection,
        connection.cursor(row_factory=class_row(Made)) as cursor,
    ):
        return await (await cursor.execute(PAGE, values)).fetchall()


@dataclass(slots=True)
class _People:
    """Whom calls are to reach, as they stand in this moment: with what was reserved a moment ago."""

    whom: Mapping[Key, tuple[int, int]]  # profile and person
    known: dict[int, Known]  # by person
    rules: Rules

    def against(self, asked: Asked, now: datetime) -> list[Refused]:
        """Whom of a call the rules are against."""
        found, call = [], asked.call
        for one in asked.wanted:
            profile, person = self.whom.get(one.who, (None, 0))
            standing = self.known.get(person, Known()).standing(call, profile)
            if rules := refusals(_sending(one.channel, one.purpose), standing, self.rules, now):
                found.append(Refused(one, rules))
        return found

    def reserve(self, asked: Asked, now: datetime) -> list[dict[str, Any]]:
        """What is to be kept of a call, by profile; whoever is judged after it sees what it has reserved."""
        asked.refused, asked.held = self.against(asked, now), []
        if asked.refused:
            return [] if asked.begun else self._rows((one.wanted, now, one) for one in asked.refused)
        # One of each person, whatever number of their addresses it goes to
        once = {(self.whom[one.who][1], one.channel): one for one in reversed(asked.wanted)}
        call = asked.call
        for person in {person for person, _ in once}:
            self.known.setdefault(person, Known()).without(call)
        for (person, channel), one in once.items():
            made = Contact(now, one.action, channel, one.purpose, one.by)
            self.known[person].contacts.append((made, call))
            profile, (kind, value) = self.whom[one.who][0], one.who
            asked.held.append(
                Held(one.call, profile, kind, value, channel, one.purpose, one.action, one.by, now)
            )
        return self._rows((one, now, None) for one in once.values())

    def _rows(self, several: Iterable[tuple[Wanted, datetime, Refused | None]]) -> list[dict[str, Any]]:
        """Of each identifier the last."""
        return list({one.who: self._row(one, now, refused) for one, now, refused in several}.values())

    def _row(self, one: Wanted, now: datetime, refused: Refused | None = None) -> dict[str, Any]:
        return {
            "profile": self.whom[one.who][0], "at": now, "channel": one.channel, "purpose": one.purpose, "action": one.action,
            "by": one.by, "run": one.run, "call": one.call, "state": "refused" if refused else "reserved",
            "why": refused.why[:1000] if refused else "", "until": refused.until if refused else None,
        }  # fmt: skip


async def _people(
    connection: Connection, workspace: str, wanted: Iterable[Wanted], now: datetime, hold: bool
) -> _People:
    """`hold`: nobody else reserves for them until the transaction ends."""
    digest, rules = RULED.get(workspace, ("", Rules()))
    whom = to_json(list(dict.fromkeys(one.who for one in wanted))).decode()
    query = "select remit_reaching(%s, %s::json, %s, %s, %s)::text"
    row = await (await connection.execute(query, (workspace, whom, now, digest, hold))).fetchone()
    assert row is not None
    told = from_json(row[0])
    if told["digest"] != digest:
        rules = Rules.model_validate(told["rules"] or {})
        RULED[workspace] = told["digest"], rules
    found = {(kind, value): (profile, person) for kind, value, profile, person in told["whom"]}
    known = known_of(told["standing"])
    if wishing := [person for person, one in known.items() if one.consent.limited]:
        known |= await _whole(connection, workspace, wishing, now)
    return _People(found, known, rules)


async def _whole(
    connection: Connection, workspace: str, persons: Sequence[int], now: datetime
) -> dict[int, Known]:
    """With every contact: of people who said themselves how often, which no rule's cap looks back for."""
    query = "select remit_standing(%s, %s, %s, '-infinity')::text"
    row = await (await connection.execute(query, (workspace, list(persons), now))).fetchone()
    return known_of(from_json(row[0])) if row else {}


@lru_cache(maxsize=256)
def _sending(channel: str, purpose: str) -> Action:
    return Action(name=ACTION, does="send", channel=channel, purpose=purpose)
