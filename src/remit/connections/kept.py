"""Outside systems that a workspace's agents may be connected to: described once, tried, and used by name.

An agent's spec says `connections: {crm: {use: crm}}`. What stands here when a run begins becomes a part of the run's own
spec, so that a run keeps the connection that it began with; the secrets in it stay references."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal
from urllib.parse import urlsplit
from uuid import UUID

from psycopg.rows import class_row
from pydantic import ConfigDict, Field, ValidationError, model_validator

from remit.access.audit import record
from remit.agents.load import literals
from remit.agents.spec import Agent, Connection, Part
from remit.errors import SpecError, UnknownName, UserError
from remit.store.store import Store
from remit.tools.addresses import public
from remit.tools.secrets import references

NAME = re.compile(r"[a-z][a-z0-9_]{0,30}")
Kind = Literal["mcp", "openapi", "http", "sql", "mail", "slack", "twilio"]
CALLED: Mapping[Kind, str] = {
    "mcp": "MCP server",
    "openapi": "API that describes itself",
    "http": "HTTP API",
    "sql": "database",
    "mail": "mailbox",
    "slack": "Slack",
    "twilio": "number (Twilio)",
}


class Linked(Part):
    """An outside system: a connection as an agent's spec has it, and, of a database, where it is."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    connection: Connection
    url: str = Field("", description="Of a database; a reference to a secret where it has a password.")

    @model_validator(mode="after")
    def _whole(self) -> Linked:
        if self.connection.use:
            raise ValueError("a connection of the workspace uses no other one")
        if bool(self.connection.sql) != bool(self.url):
            raise ValueError("a database, and no other connection, has an address (url)")
        return self

    @property
    def kind(self) -> Kind:
        one = self.connection
        said: dict[Kind, object] = {
            "mcp": one.mcp,
            "openapi": one.openapi,
            "http": one.http,
            "mail": one.mail,
        }
        said["slack"], said["twilio"] = one.slack, one.twilio
        return next((kind for kind, what in said.items() if what), "sql")

    @property
    def where(self) -> str:
        """The address or the command, or the reference to it."""
        one = self.connection
        if one.twilio:
            return ", ".join(filter(None, (one.twilio.number, one.twilio.whatsapp)))
        return one.mcp or one.openapi or one.http or one.slack or (one.mail.bare if one.mail else self.url)

    @property
    def servers(self) -> tuple[str, ...]:
        """The addresses of what is called, but for a database and a command."""
        one = self.connection
        if one.mail:
            return tuple(filter(None, (one.mail.smtp, one.mail.imap)))
        if one.twilio:
            return (one.twilio.api,)
        return tuple(url for url in (one.mcp, one.openapi, one.http, one.slack) if "://" in url)

    @property
    def names(self) -> list[str]:
        """The references to secrets in it."""
        one = self.connection
        own = (one.mail.password if one.mail else "", one.twilio.token if one.twilio else "", one.signing)
        given = (*one.headers.values(), *one.env.values(), *own)
        return [found for text in (*given, self.url) for found in references(text)]


@dataclass(frozen=True, slots=True)
class Row:
    """One of a workspace's connections, as it was last changed and last tried."""

    name: str
    body: dict[str, Any]
    by: str
    at: datetime
    tried_at: datetime | None
    tried: str
    works: bool | None
    used_at: datetime | None = None  # by a run
    used_by: str = ""  # which agent's
    used_run: UUID | None = None
    worked_at: datetime | None = None  # when a run last found out whether it works
    worked: bool | None = None
    went: str = ""  # what went wrong then

    @property
    def by_run(self) -> bool:
        """Whether a run knows later than a trial how it stands."""
        return self.worked_at is not None and (self.tried_at is None or self.worked_at > self.tried_at)

    @property
    def healthy(self) -> bool | None:
        """As far as is known; None: nobody has tried."""
        return self.worked if self.by_run else self.works

    @property
    def linked(self) -> Linked:
        return Linked.model_validate(self.body)


FIELDS = "name, body, by, at, tried_at, tried, works, used_at, used_by, used_run, worked_at, worked, went"


async def list_connections(store: Store) -> list[Row]:
    """By name."""
    query = f"select {FIELDS} from connections where workspace = %s order by name"
    async with store.pool.connection() as connection, connection.cursor(row_factory=class_row(Row)) as cursor:
        return await (await cursor.execute(query, (store.workspace,))).fetchall()


async def connection_of(store: Store, name: str) -> Row:
    """Raises UnknownName."""
    found = {row.name: row for row in await list_connections(store)}
    if name not in found:
        raise UnknownName("connection", name, found)
    return found[name]


def linked_of(name: str, data: Mapping[str, Any]) -> Linked:
    """What is meant by data that a person gave: `http`, `mcp`, `sql`, `mail`, `slack` or `twilio`, and what goes with it. Raises UserError for what
    cannot be a connection, and for a secret in clear."""
    if not NAME.fullmatch(name):
        raise UserError(
            f"{name!r} is no name for a connection: a small letter, then small letters, digits and _"
        )
    url = data.get("url") or ""
    body = {key: value for key, value in data.items() if key != "url" and value}
    try:
        made = Linked.model_validate({"connection": body | ({"sql": name} if url else {}), "url": url})
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"] if part != "connection")
        raise UserError(f"{where}: {first['msg']}".removeprefix(": ")) from error
    alone = Agent(name="alone", connections={name: made.connection}, resources={name: url} if url else {})
    for loc, what, secret in literals(alone):
        instead = f"keep it as a secret {secret} and write secret:{secret}"
        raise UserError(f"{'.'.join(loc[2:] or loc)}: {what}: {instead}")
    return made


def literal(address: str) -> bool:
    """Whether an address names the server's own network literally: `localhost`, or a number that is not public."""
    host = (urlsplit(address).hostname or "").lower().rstrip(".")
    try:
        return not public(ipaddress.ip_address(host))
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


async def set_connection(store: Store, name: str, linked: Linked, who: str) -> None:
    """Keep it, in place of the one of that name."""
    body = linked.model_dump_json(exclude_defaults=True)
    query = """
        insert into connections (workspace, name, body, by) values (%s, %s, %s, %s)
        on conflict (workspace, name) do update
            set body = excluded.body, by = excluded.by, at = clock_timestamp(), tried_at = null, tried = '', works = null,
                worked_at = null, worked = null, went = ''
        returning xmax = 0
    """
    async with store.pool.connection() as connection, connection.transaction():
        row = await (await connection.execute(query, (store.workspace, name, body, who))).fetchone()
        what = "connection.added" if row and row[0] else "connection.changed"
        await record(connection, who, what, name, {"kind": linked.kind, "where": linked.where})


async def remove_connection(store: Store, name: str, who: str) -> None:
    """Runs that have begun keep it; new ones of agents that use it are refused. Raises UnknownName."""
    async with store.pool.connection() as connection, connection.transaction():
        query = "delete from connections where workspace = %s and name = %s"
        if not (await connection.execute(query, (store.workspace, name))).rowcount:
            raise UnknownName("connection", name, [row.name for row in await list_connections(store)])
        await record(connection, who, "connection.removed", name)


async def note_trial(store: Store, name: str, works: bool, words: str) -> None:
    query = "update connections set tried_at = clock_timestamp(), tried = %s, works = %s where workspace = %s and name = %s"
    async with store.pool.connection() as connection:
        await connection.execute(query, (words[:500], works, store.workspace, name))


def uses(agent: Agent) -> set[str]:
    """The workspace's connections that an agent or its team names."""
    own = {one.use for one in agent.connections.values() if one.use}
    return own.union(*(uses(member) for member in agent.team))


async def resolved(agent: Agent, store: Store) -> Agent:
    """The agent with the workspace's connections in place of their names. Raises SpecError for one that is not there."""
    if not uses(agent):
        return agent
    return with_connections(agent, await known_connections(store))


async def known_connections(store: Store) -> dict[str, Linked]:
    return {row.name: row.linked for row in await list_connections(store)}


def with_connections(agent: Agent, known: Mapping[str, Linked]) -> Agent:
    """The agent, and its team, with these in place of their names. Raises SpecError for one that is not there."""
    if not uses(agent):
        return agent
    made, resources = dict(agent.connections), dict(agent.resources)
    for name, one in agent.connections.items():
        if not one.use:
            continue
        if one.use not in known:
            listed = ", ".join(known) or "none"
            raise SpecError(
                f"agent {agent.name}: connections.{name}: the workspace has no connection {one.use!r} (it has: {listed})"
            )
        linked = known[one.use]
        declared = {**one.declare, **linked.connection.declare}  # what the workspace says of a tool holds
        changes: dict[str, Any] = {"declare": declared}
        if linked.url:
            if name in resources:
                raise SpecError(
                    f"agent {agent.name}: {name!r} is both a resource and a connection; rename one"
                )
            changes["sql"], resources[name] = name, linked.url
        made[name] = linked.connection.model_copy(update=changes)
    team = tuple(with_connections(member, known) for member in agent.team)
    return agent.model_copy(update={"connections": made, "resources": resources, "team": team})
