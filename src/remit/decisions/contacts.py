"""Reaching people: every contact passes here before it happens, whoever makes it, and is judged by what is true then.

A contact is reserved in one transaction with its judgement, under a lock by person, so that of two who would use up the same cap one is
refused. What is reserved counts until it is known that nothing came of it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Literal, LiteralString
from uuid import UUID

from psycopg import AsyncConnection
from psycopg.rows import class_row

from remit.decisions.action import Action
from remit.decisions.eligible import Refusal, Standing, ends, refusals
from remit.decisions.standing import read, rules_within
from remit.store.store import Store

Connection = AsyncConnection[Any]
State = Literal["reserved", "sent", "failed", "refused"]
ACTION = "contact"  # what the rules are asked of, where no playbook has a name for it

LOCK: LiteralString = """
    select pg_advisory_xact_lock(hashtextextended('contact ' || of.who, 0)) from unnest(%s::bigint[]) as of (who)
"""
KEEP: LiteralString = """
    insert into contacts (workspace, profile, at, channel, purpose, action, by, run, call, state, why, until)
    values (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)
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
    """Somebody is to be reached. `profile`: at which identifier; `by`: which agent, playbook or colleague wants it."""

    profile: int
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


async def reserve(
    store: Store, wanted: Sequence[Wanted], now: datetime, begun: bool = False
) -> list[Refused]:
    """Set contacts aside that are about to be made: all of them, or, where a rule is against one, none. Empty: they may be made now; who
    makes them says afterwards what came of it (`settle`). All are of one call. `begun`: it may have been made before, so that what was
    reserved for it stays so."""
    async with store.pool.connection() as connection, connection.transaction():
        persons = await _locked(connection, store.workspace, [one.profile for one in wanted])
        found = await _judged(connection, store.workspace, wanted, persons, now)
        for refused in found if not begun else ():
            await _keep(connection, store.workspace, refused.wanted, now, refused)
        for one in _once(wanted, persons) if not found else ():
            await _keep(connection, store.workspace, one, now)
    return found


async def judge(store: Store, wanted: Sequence[Wanted], now: datetime) -> list[Refused]:
    """As `reserve`, only to know: nothing is set aside, and it may be otherwise a moment later."""
    async with store.pool.connection() as connection:
        persons = await _persons(connection, store.workspace, [one.profile for one in wanted])
        return await _judged(connection, store.workspace, wanted, persons, now)


async def settle(
    store: Store,
    run: UUID,
    call: str,
    state: Literal["sent", "failed"],
    why: str = "",
    profiles: Iterable[int] | None = None,
) -> None:
    """Say what came of what a call had reserved, for all whom it reaches or for some. What was sent stays so."""
    query = """
        update contacts set state = %s, why = %s where run = %s and call = %s and workspace = %s and state = 'reserved'
            and (%s::bigint[] is null or profile = any(%s))
    """
    some = None if profiles is None else list(profiles)
    async with store.pool.connection() as connection:
        await connection.execute(query, (state, why[:1000], run, call, store.workspace, some, some))


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


async def _locked(connection: Connection, workspace: str, profiles: Sequence[int]) -> dict[int, int]:
    """Whose identifiers these are, with nobody else reserving for them until the transaction ends. Who turns out to be another person
    meanwhile, is locked as that one too."""
    held: set[int] = set()
    while True:
        persons = await _persons(connection, workspace, profiles)
        if not (new := sorted(set(persons.values()) - held)):
            return persons
        await connection.execute(LOCK, (new,))
        held.update(new)


async def _persons(connection: Connection, workspace: str, profiles: Sequence[int]) -> dict[int, int]:
    query = "select id, person from graph_profiles where id = any(%s) and workspace = %s"
    return dict(await (await connection.execute(query, (list(profiles), workspace))).fetchall())


async def _judged(
    connection: Connection,
    workspace: str,
    wanted: Sequence[Wanted],
    persons: dict[int, int],
    now: datetime,
) -> list[Refused]:
    rules = await rules_within(connection, workspace)
    but = (wanted[0].run, wanted[0].call) if wanted else (None, "")
    known = await read(connection, workspace, set(persons.values()), now, but)
    found = []
    for one in wanted:
        standing = replace(known.get(persons.get(one.profile, 0), Standing()), profile=one.profile)
        action = Action(name=ACTION, does="send", channel=one.channel, purpose=one.purpose)
        if against := refusals(action, standing, rules, now):
            found.append(Refused(one, against))
    return found


def _once(wanted: Sequence[Wanted], persons: dict[int, int]) -> list[Wanted]:
    """One for each person, whatever number of their addresses it goes to."""
    return list(
        {(persons.get(one.profile, one.profile), one.channel): one for one in reversed(wanted)}.values()
    )


async def _keep(
    connection: Connection, workspace: str, one: Wanted, now: datetime, refused: Refused | None = None
) -> None:
    state = "refused" if refused else "reserved"
    why = refused.why if refused else ""
    until = refused.until if refused else None
    about = (one.channel, one.purpose, one.action, one.by, one.run, one.call)
    await connection.execute(KEEP, (workspace, one.profile, now, *about, state, why[:1000], until))
