"""What an agent's MCP servers offer, beside what a person has pinned of it; and the pin itself."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Collection, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from uuid import uuid4

from remit.agents.connected import named
from remit.agents.load import load_agent
from remit.agents.lock import Lock, read_lock, write_lock
from remit.agents.spec import Agent
from remit.app import open_app
from remit.errors import Mend, UnknownName, UserError
from remit.outfit import find_agent
from remit.secrets import KEPT, named_in, open_secrets
from remit.settings import Settings
from remit.tools.mcp.definition import Definition, Server, difference, differences
from remit.tools.mcp.schema import unusable
from remit.tools.mcp.session import ServerError, Sessions, Where
from remit.tools.secrets import Secrets


@dataclass(frozen=True, slots=True)
class Change:
    """A tool that is `new`, `changed` or `gone` beside what is pinned."""

    tool: str
    before: Definition | None
    now: Definition | None

    @property
    def kind(self) -> str:
        return "new" if self.before is None else "gone" if self.now is None else "changed"

    @property
    def diff(self) -> str:
        return difference(self.before, self.now)


@dataclass(frozen=True, slots=True)
class Seen:
    """A connection's server as it is now, beside what is pinned of it. `refused`: what cannot be pinned, and why."""

    connection: str
    pinned: Lock
    now: Lock
    refused: Mapping[str, str] = field(default_factory=dict)

    @property
    def changes(self) -> list[Change]:
        return [Change(*one) for one in differences(self.pinned.tools, self.now.tools)]

    @property
    def differs(self) -> bool:
        return bool(self.changes) or self.pinned.server != self.now.server


async def look(file: Path, settings: Settings, only: str = "") -> list[Seen]:
    """What the servers of the agent in a file offer now, of the tools that it names. Raises UserError where it has no such
    connection, or a server cannot be asked."""
    agent = load_agent(file, find_agent)
    servers = {name: one for name, one in agent.connections.items() if one.mcp}
    if only and only not in servers:
        raise UnknownName("connection", only, servers, str(file))
    if not servers:
        raise UserError(f"{file}: agent {agent.name} has no connection to an MCP server")
    locks, sessions = read_lock(file), Sessions()
    try:
        async with _secrets(agent, settings) as secrets:
            return [
                await seen_at(
                    Where(name, one.mcp, one.headers, one.env, tuple(agent.remit.destinations)),
                    locks.get(name, Lock()),
                    sessions,
                    secrets,
                    {tool for connection, _, tool in named(agent) if connection == name},
                )
                for name, one in servers.items()
                if only in ("", name)
            ]
    finally:
        await sessions.close()


def pin(file: Path, seen: list[Seen]) -> Path:
    """Write what was seen, and read by a person, into the lock file beside the agent's; what is pinned of other
    connections stays."""
    return write_lock(file, {**read_lock(file), **{one.connection: one.now for one in seen}})


@asynccontextmanager
async def _secrets(agent: Agent, settings: Settings) -> AsyncIterator[Secrets | None]:
    """The agent's secrets; the database is needed only for those that are kept in it."""
    if any(one.startswith(KEPT) for one in named_in(agent)):
        async with open_app(settings) as app:
            yield await open_secrets(agent, {}, app.store)
    else:
        yield await open_secrets(agent, {}, None)


async def seen_at(
    where: Where, pinned: Lock, sessions: Sessions, secrets: Secrets | None, wanted: Collection[str] = ("*",)
) -> Seen:
    """A server as it is now, of the tools that are wanted. Raises UserError where it cannot be asked, UnknownName for a tool
    that it does not offer."""
    try:
        async with sessions.use(uuid4(), where, secrets) as session:
            offered, server = await session.tools(), session.server
    except (OSError, ServerError, Mend, UserError) as error:
        words = secrets.hide(str(error)) if secrets else str(error)
        raise UserError(re.sub(r"\s+", " ", words)) from None
    if wanted and "*" not in wanted:
        if missing := set(wanted) - set(offered):
            raise UnknownName("tool", min(missing), offered, f"the MCP server {where.name!r}")
        offered = {tool: offered[tool] for tool in offered if tool in wanted}
    refused = {tool: why for tool, definition in offered.items() if (why := unusable(definition))}
    kept = {tool: definition for tool, definition in offered.items() if tool not in refused}
    return Seen(where.name, pinned, Lock(server=_named(server), tools=kept), refused)


def _named(server: Server) -> Server:
    return Server(name=server.name[:200], version=server.version[:200])
