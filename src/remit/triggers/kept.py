"""The triggers of the agents that run: in step with their specs, and what is true of each beside that: paused or not, its secret,
its next time."""

from __future__ import annotations

import base64
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, LiteralString

from psycopg import AsyncConnection
from psycopg.rows import class_row
from psycopg.types.json import Jsonb

from remit.access.audit import record
from remit.agents.triggers import Trigger
from remit.cron import after, parse_cron, parse_zone
from remit.errors import UnknownName, UserError
from remit.store.secrets import key_of, seal, unseal
from remit.store.store import Store
from remit.triggers.words import ahead, begins

Connection = AsyncConnection[Any]
BOTH = timedelta(days=1)  # for which the old secret is taken too, after a new one was made
FIELDS: LiteralString = """
    t.workspace, t.agent, t.name, t.version, t.kind, t.spec, t.gone_at, t.paused_at, t.paused_by, t.next_at, t.secret_at
"""


@dataclass(frozen=True, slots=True)
class Standing:
    """A trigger as it stands; without its secret."""

    workspace: str
    agent: str
    name: str
    version: int
    kind: str
    spec: Mapping[str, Any]
    gone_at: datetime | None
    paused_at: datetime | None
    paused_by: str
    next_at: datetime | None
    secret_at: datetime | None

    @property
    def trigger(self) -> Trigger:
        return Trigger.model_validate(self.spec)

    @property
    def called(self) -> str:
        return f"{self.agent}/{self.name}"

    @property
    def path(self) -> str:
        """Where a webhook, or an event of Slack, is delivered to, or what a page loads that has the chat, at the server's address; empty for
        the other kinds."""
        if self.kind == "chat":
            return f"/chat/{self.workspace}/{self.agent}.js"
        return f"/hooks/{self.workspace}/{self.called}" if self.kind in ("webhook", "slack") else ""

    @property
    def state(self) -> str:
        """In a word or two."""
        if self.paused_at is not None:
            return "paused"
        return "no secret yet" if self.kind == "webhook" and self.secret_at is None else "on"

    def told(self, moment: datetime) -> dict[str, Any]:
        """All of it that is shown, by name, with its words and the next times."""
        names = (
            "agent",
            "name",
            "kind",
            "version",
            "state",
            "spec",
            "paused_at",
            "paused_by",
            "path",
            "secret_at",
        )
        return {name: getattr(self, name) for name in names} | {
            "begins": begins(self.trigger),
            "next": [] if self.paused_at else ahead(self.trigger, moment),
        }


async def follow(
    connection: Connection, workspace: str, agent: str, version: int, triggers: Sequence[Trigger]
) -> None:
    """Put the triggers of an agent in step with a version of it, in the transaction that lets that one run."""
    query = "select clock_timestamp()"
    row = await (await connection.execute(query)).fetchone()
    assert row is not None
    put = """
        insert into triggers as old (workspace, agent, name, version, kind, spec, next_at)
        values (%(workspace)s, %(agent)s, %(name)s, %(version)s, %(kind)s, %(spec)s, %(next)s)
        on conflict (workspace, agent, name) do update set
            version = excluded.version, kind = excluded.kind, spec = excluded.spec, gone_at = null,
            next_at = case when old.gone_at is null and old.paused_at is null
                            and old.spec->>'schedule' = excluded.spec->>'schedule'
                            and old.spec->>'zone' is not distinct from excluded.spec->>'zone'
                      then old.next_at else excluded.next_at end,
            secret = case when old.spec->>'webhook' = excluded.spec->>'webhook' then old.secret end,
            secret_at = case when old.spec->>'webhook' = excluded.spec->>'webhook' then old.secret_at end,
            before = case when old.spec->>'webhook' = excluded.spec->>'webhook' then old.before end
    """
    for one in triggers:
        values = {
            "workspace": workspace,
            "agent": agent,
            "name": one.name,
            "version": version,
            "kind": one.kind,
            "spec": Jsonb(one.model_dump(mode="json", by_alias=True, exclude_defaults=True)),
            "next": next_of(one, row[0]),
        }
        await connection.execute(put, values)
    gone = """
        update triggers set gone_at = clock_timestamp(), version = %s
        where workspace = %s and agent = %s and gone_at is null and not name = any(%s)
    """
    await connection.execute(gone, (version, workspace, agent, [one.name for one in triggers]))


def next_of(trigger: Trigger, moment: datetime) -> datetime | None:
    """When a schedule comes next; None for what comes when it comes."""
    if trigger.schedule is None:
        return None
    return after(parse_cron(trigger.schedule), parse_zone(trigger.zone), moment)


async def list_triggers(store: Store, agent: str = "") -> list[Standing]:
    """By agent and name; those that the versions that run have."""
    query = f"""
        select {FIELDS} from triggers t join agents a on a.workspace = t.workspace and a.name = t.agent
        where t.workspace = %s and (%s = '' or t.agent = %s) and t.gone_at is null and a.archived_at is null
        order by t.agent, t.name
    """
    async with (
        store.pool.connection() as connection,
        connection.cursor(row_factory=class_row(Standing)) as cursor,
    ):
        return await (await cursor.execute(query, (store.workspace, agent, agent))).fetchall()


async def get_trigger(store: Store, agent: str, name: str) -> Standing:
    """Raises UnknownName."""
    found = await list_triggers(store)
    for one in found:
        if (one.agent, one.name) == (agent, name):
            return one
    of_agent = [one.name for one in found if one.agent == agent]
    raise UnknownName("trigger", name, of_agent or [one.called for one in found], f"agent {agent}")


async def find_trigger(store: Store, called: str) -> Standing:
    """By `agent/name`. Raises UnknownName."""
    agent, slash, name = called.partition("/")
    if not slash:
        known = [one.called for one in await list_triggers(store)]
        mine = [one for one in known if one.startswith(f"{agent}/")]
        if len(mine) == 1:
            return await find_trigger(store, mine[0])
        raise UnknownName("trigger", called, mine or known)
    return await get_trigger(store, agent, name)


async def pause(store: Store, agent: str, name: str, by: str) -> Standing:
    """Let it begin nothing, until it is resumed: times go by, deliveries are refused for now. Raises UnknownName."""
    await get_trigger(store, agent, name)
    query: LiteralString = """
        update triggers t set paused_at = clock_timestamp(), paused_by = %s
        where workspace = %s and agent = %s and name = %s and paused_at is null
    """
    async with store.pool.connection() as connection, connection.transaction():
        if (await connection.execute(query, (by, store.workspace, agent, name))).rowcount:
            await record(connection, by, "trigger.paused", f"{agent}/{name}")
    return await get_trigger(store, agent, name)


async def resume(store: Store, agent: str, name: str, by: str) -> Standing:
    """From now on; what would have been meanwhile is not made up for. Raises UnknownName."""
    now = await get_trigger(store, agent, name)
    query: LiteralString = """
        update triggers t set paused_at = null, paused_by = '', next_at = %s
        where workspace = %s and agent = %s and name = %s and paused_at is not null
    """
    async with store.pool.connection() as connection, connection.transaction():
        row = await (await connection.execute("select clock_timestamp()")).fetchone()
        assert row is not None
        values = (next_of(now.trigger, row[0]), store.workspace, agent, name)
        if (await connection.execute(query, values)).rowcount:
            await record(connection, by, "trigger.resumed", now.called)
    return await get_trigger(store, agent, name)


def fresh_secret(kind: str) -> str:
    """For one way of showing who one is."""
    made = secrets.token_bytes(32)
    return {
        "standard": f"whsec_{base64.b64encode(made).decode()}",
        "hmac": made.hex(),
        "token": f"hook_{base64.urlsafe_b64encode(made).decode().rstrip('=')}",
    }[kind]


async def make_secret(store: Store, agent: str, name: str, by: str) -> str:
    """A new secret of a webhook, or by which a site signs who a visitor is, told this once; for a day the one before is taken too. Raises UnknownName, UserError."""
    now = await get_trigger(store, agent, name)
    if now.kind not in ("webhook", "chat"):
        raise UserError(f"trigger {now.called} is no webhook: nobody sends it anything that a secret is for")
    secret = fresh_secret(now.trigger.webhook or "hmac")
    sealed = seal(key_of(store.settings, make=True), _bound(store.workspace, agent, name), secret)
    query: LiteralString = """
        update triggers set before = secret, before_until = clock_timestamp() + %s, secret = %s,
               secret_at = clock_timestamp() where workspace = %s and agent = %s and name = %s
    """
    async with store.pool.connection() as connection, connection.transaction():
        await connection.execute(query, (BOTH, sealed, store.workspace, agent, name))
        await record(connection, by, "trigger.secret_made", now.called)
    return secret


async def keys(store: Store, agent: str, name: str) -> list[str]:
    """The secrets that are taken now; none: nobody has made one. Raises UserError where this machine cannot open them."""
    query = """
        select secret, case when before_until > clock_timestamp() then before end from triggers
        where workspace = %s and agent = %s and name = %s
    """
    async with store.pool.connection() as connection:
        row = await (await connection.execute(query, (store.workspace, agent, name))).fetchone()
    sealed = [bytes(one) for one in row or () if one is not None]
    bound = _bound(store.workspace, agent, name)
    return [unseal(key_of(store.settings), bound, one) for one in sealed]


def _bound(workspace: str, agent: str, name: str) -> str:
    return f"trigger {workspace}/{agent}/{name}"
