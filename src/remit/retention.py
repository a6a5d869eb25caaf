"""How long ended runs are kept: what people of a workspace say of all its agents, or of single ones instead; and that it is done, by
whoever works. Where nothing is said, nothing is taken away. What the machine's settings say holds beside it."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, LiteralString

import psycopg
from psycopg.rows import class_row

from remit.access.audit import record
from remit.age import NEVER, write_age
from remit.budgets import AGENT
from remit.errors import FieldError, RemitError, UnknownName
from remit.journal.due import LATELY, LONGEST, Due, Policy, due, policy_of
from remit.journal.retain import Retained, retain
from remit.keeping.work import look as look_at_data
from remit.run_files import remove_folders
from remit.settings import Settings
from remit.store.store import Connection, Store

MOST = 1000  # rules of a workspace
COUNTED = 10_000  # runs of an agent in what a rule would do; beyond, it is said that there are more
HOUR = timedelta(hours=1)
EVERY = 60.0  # seconds between looks for rules that are due
LOG = logging.getLogger(__name__)

LOCK: LiteralString = "select pg_advisory_xact_lock(hashtext('remit_retention'), hashtext(%s))"
LOCK_TOO: LiteralString = "select pg_advisory_xact_lock_shared(hashtext('remit_retention'), hashtext(%s))"
FIELDS: LiteralString = """
    workspace, agent, archive_after, delete_after, by, set_at, due_at, looked_at, kept, why from retention
"""
# Whoever dies at it is followed by the next in ten minutes.
CLAIM: LiteralString = """
    update retention set due_at = clock_timestamp() + interval '10 minutes'
    where (workspace, agent) = (select workspace, agent from retention where due_at <= clock_timestamp()
                                order by due_at limit 1 for update skip locked)
    returning workspace, agent, archive_after, delete_after, by, set_at, due_at, looked_at, kept, why
"""


@dataclass(frozen=True, slots=True)
class Rule:
    """How long ended runs are kept, and how that went the last time. `agent`: "" is all that have no rule of their own."""

    workspace: str
    agent: str
    archive_after: timedelta | None  # since the run ended; None: nothing is taken away
    delete_after: timedelta | None
    by: str
    set_at: datetime
    due_at: datetime  # when it is applied next
    looked_at: datetime | None  # when it was last
    kept: int  # runs that could not be archived then
    why: str  # of the first of them, or what stopped it


@dataclass(frozen=True, slots=True)
class Done:
    """What an application of a policy has come to, whoever's it was."""

    at: datetime
    policy: str
    archived: int
    bytes_before: int
    bytes_after: int
    deleted: int


async def list_rules(store: Store) -> list[Rule]:
    """The workspace's first, then those of agents."""
    async with (
        store.pool.connection() as connection,
        connection.cursor(row_factory=class_row(Rule)) as cursor,
    ):
        query = f"select {FIELDS} where workspace = %s order by agent"
        return await (await cursor.execute(query, (store.workspace,))).fetchall()


async def lately(store: Store, limit: int = 10) -> list[Done]:
    """What was archived and deleted, the latest first."""
    query = """
        select at, policy, archived, bytes_before, bytes_after, deleted from retained
        where workspace = %s order by at desc limit %s
    """
    async with (
        store.pool.connection() as connection,
        connection.cursor(row_factory=class_row(Done)) as cursor,
    ):
        return await (await cursor.execute(query, (store.workspace, limit))).fetchall()


async def set_rule(
    store: Store, agent: str, archive_after: timedelta | None, delete_after: timedelta | None, by: str
) -> Rule:
    """Set it, or change what was set; it is first applied an hour later, so that it can be taken back. Raises FieldError."""
    _check(agent, archive_after, delete_after)
    here = store.workspace
    async with store.pool.connection() as connection, connection.transaction():
        before = await _locked(connection, here)
        was = next((rule for rule in before if rule.agent == agent), None)
        if was is None and len(before) >= MOST:
            raise FieldError("agent", f"there are {MOST} rules already: remove one")
        await connection.execute(
            """
            insert into retention (workspace, agent, archive_after, delete_after, by) values (%s, %s, %s, %s, %s)
            on conflict (workspace, agent) do update set archive_after = excluded.archive_after,
                delete_after = excluded.delete_after, by = excluded.by, set_at = excluded.set_at,
                due_at = excluded.due_at, looked_at = null, kept = 0, why = ''
            """,
            (here, agent, archive_after, delete_after, by),
        )
        detail = said(archive_after, delete_after)
        detail |= {"was": said(was.archive_after, was.delete_after)} if was else {}
        await record(connection, by, "retention.set", agent or "workspace", detail)
    return next(rule for rule in await list_rules(store) if rule.agent == agent)


async def remove_rule(store: Store, agent: str, by: str) -> None:
    """An agent's runs are kept as the workspace's from now on; without a rule of that, nothing is taken away. Raises
    UnknownName."""
    here = store.workspace
    async with store.pool.connection() as connection, connection.transaction():
        before = await _locked(connection, here)
        was = next((rule for rule in before if rule.agent == agent), None)
        if was is None:
            raise UnknownName("rule", agent or "workspace", [rule.agent or "workspace" for rule in before])
        await connection.execute("delete from retention where workspace = %s and agent = %s", (here, agent))
        detail = said(was.archive_after, was.delete_after)
        await record(connection, by, "retention.removed", agent or "workspace", detail)


async def foreseen(
    store: Store, agent: str, archive_after: timedelta | None, delete_after: timedelta | None
) -> Due:
    """What a rule would do, were it applied now; of each agent COUNTED runs are counted at the most. Raises FieldError."""
    _check(agent, archive_after, delete_after)
    if archive_after is None:
        return Due(0, 0, None)
    own = frozenset() if agent else frozenset(rule.agent for rule in await list_rules(store) if rule.agent)
    policy = Policy(archive_after, delete_after, agent, workspace=store.workspace, but=own, most=COUNTED)
    return await due(store, policy)


def said(archive_after: timedelta | None, delete_after: timedelta | None) -> dict[str, Any]:
    """As people write it."""
    return {
        "archive_after": write_age(archive_after) if archive_after else NEVER,
        "delete_after": write_age(delete_after) if delete_after else NEVER,
    }


async def keep(store: Store, settings: Settings, stop: asyncio.Event) -> None:
    """Until `stop`: archive and delete old runs as the rules and the machine's settings say, of all workspaces, some at a
    time, and remove from this machine the folders of those that are deleted, whoever did it. As many processes as like do so at
    once."""
    clock = asyncio.get_running_loop().time
    looked = swept = clock() - HOUR.total_seconds()
    while not stop.is_set():
        more = False
        try:
            if clock() >= looked + HOUR.total_seconds():
                looked = clock()
                if (machine := policy_of(settings)) and (await retain(store, machine)).more:
                    more, looked = True, clock() - HOUR.total_seconds()
            if await look(store):
                more, swept = True, clock() - HOUR.total_seconds()
            more = await look_at_data(store) or more
            if not more and clock() >= swept + HOUR.total_seconds():
                swept = clock()
                await remove_folders(settings.data_dir, store)
        except (RemitError, psycopg.Error, OSError) as error:
            LOG.warning("old runs could not be archived now: %s", error)
        try:
            await asyncio.wait_for(stop.wait(), 0.1 if more else EVERY)
        except TimeoutError:
            continue


async def look(store: Store) -> bool:
    """Apply one rule that is due, to some of the runs; whether there was one. For the owner of the tables."""
    async with (
        store.pool.connection() as connection,
        connection.cursor(row_factory=class_row(Rule)) as cursor,
    ):
        rule = await (await cursor.execute(CLAIM)).fetchone()
    if rule is None:
        return False
    try:
        done = await _apply(store.as_owner(rule.workspace), rule)
        why = next(iter(done.kept.values()), "")
    except RemitError as error:
        done, why = Retained(), str(error)
        LOG.warning("rule of retention, workspace %s %s: %s", rule.workspace, rule.agent, error)
    again = timedelta() if done.more else HOUR
    query = """
        update retention set looked_at = clock_timestamp(), due_at = clock_timestamp() + %s, kept = %s, why = %s
        where workspace = %s and agent = %s and set_at = %s
    """
    forget = "delete from retained where workspace = %s and at < now() - interval '400 days'"
    async with store.pool.connection() as connection:
        place = (rule.workspace, rule.agent, rule.set_at)
        await connection.execute(query, (again, len(done.kept), why, *place))
        await connection.execute(forget, (rule.workspace,))
    return True


async def _apply(store: Store, rule: Rule) -> Retained:
    if rule.archive_after is None:
        return Retained()
    known = await list_rules(store)
    own = frozenset() if rule.agent else frozenset(one.agent for one in known if one.agent)
    policy = Policy(
        rule.archive_after,
        rule.delete_after,
        rule.agent,
        workspace=rule.workspace,
        but=own,
        most=LATELY,
    )

    async def holds(connection: Connection) -> bool:
        """Whether all rules are as they were: nobody changes one while the transaction lasts."""
        await connection.execute(LOCK_TOO, (rule.workspace,))
        query = "select agent, set_at from retention where workspace = %s"
        rows = await (await connection.execute(query, (rule.workspace,))).fetchall()
        return dict(rows) == {one.agent: one.set_at for one in (*known, rule)}

    return await retain(store, policy, holds=holds)


async def _locked(connection: Connection, workspace: str) -> list[Rule]:
    """The rules, which nobody else changes and nothing is done by until the transaction ends."""
    await connection.execute(LOCK, (workspace,))
    async with connection.cursor(row_factory=class_row(Rule)) as cursor:
        query = f"select {FIELDS} where workspace = %s order by agent"
        return await (await cursor.execute(query, (workspace,))).fetchall()


def _check(agent: str, archive_after: timedelta | None, delete_after: timedelta | None) -> None:
    if agent and not AGENT.fullmatch(agent):
        raise FieldError(
            "agent", f"{agent!r} is no name of an agent: a small letter, then letters, digits, - or _"
        )
    for field, age in (("archive_after", archive_after), ("delete_after", delete_after)):
        if age is not None and age > LONGEST:
            raise FieldError(field, f"{write_age(LONGEST)} at the most, or {NEVER}")
    if not agent and archive_after is None and delete_after is None:
        raise FieldError("archive_after", "say after how long; where no rule is set, all runs are kept")
    if delete_after is None:
        return
    if archive_after is None:
        raise FieldError("archive_after", "say when runs are archived: only archives are deleted")
    if delete_after <= archive_after:
        raise FieldError("delete_after", "what is deleted must be older than what is archived")
