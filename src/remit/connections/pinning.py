"""What an agent's MCP servers and described APIs offer, beside what a person has pinned of it; and the pin itself."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import uuid4

from remit.agents.connected import named
from remit.agents.load import load_agent
from remit.agents.lock import Lock, read_lock, write_lock
from remit.agents.spec import Agent, Connection
from remit.agents.yaml import plain, read
from remit.app import open_app
from remit.errors import Mend, UnknownName, UserError
from remit.outfit import find_agent
from remit.secrets import KEPT, named_in, open_secrets
from remit.settings import Settings
from remit.tools.addresses import reachable
from remit.tools.http import bare_client, once
from remit.tools.mcp.definition import Definition, Server, difference, differences
from remit.tools.mcp.schema import unusable
from remit.tools.mcp.session import ServerError, Sessions, Where
from remit.tools.openapi.read import Described, described
from remit.tools.secrets import Secrets
from remit.tools.thread import in_thread


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
    servers = {name: one for name, one in agent.connections.items() if one.mcp or one.openapi}
    if only and only not in servers:
        raise UnknownName("connection", only, servers, str(file))
    if not servers:
        raise UserError(
            f"{file}: agent {agent.name} has no connection to an MCP server, or to an API that describes itself"
        )
    locks, sessions = read_lock(file), Sessions()
    try:
        async with _secrets(agent, settings) as secrets:
            found = []
            for name, one in servers.items():
                if only in ("", name):
                    pinned, destinations = locks.get(name, Lock()), tuple(agent.remit.destinations)
                    wanted = {tool for connection, _, tool in named(agent) if connection == name}
                    found.append(await look_at(name, one, pinned, sessions, secrets, destinations, wanted))
            return found
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
            yield await open_secrets(agent, {}, app.store.as_owner(settings.workspace))
    else:
        yield await open_secrets(agent, {}, None)


async def look_at(
    name: str,
    one: Connection,
    pinned: Lock,
    sessions: Sessions,
    secrets: Secrets | None,
    destinations: Sequence[str] = (),
    wanted: Collection[str] = ("*",),
) -> Seen:
    """What a connection offers now, of the tools that are wanted. Raises UserError where it cannot be asked, UnknownName for a
    tool that it does not offer."""
    refused: dict[str, str] = {}
    try:
        if one.openapi:
            api = await fetch_described(one.openapi, one.headers, secrets, destinations)
            offered, server, refused = dict(api.tools), api.server, dict(api.refused)
        else:
            where = Where(name, one.mcp, one.headers, one.env, tuple(destinations), one.needs)
            async with sessions.use(uuid4(), where, secrets) as session:
                offered, server = await session.tools(), session.server
    except (OSError, ServerError, Mend, UserError) as error:
        words = secrets.hide(str(error)) if secrets else str(error)
        raise UserError(re.sub(r"\s+", " ", words)) from None
    if wanted and "*" not in wanted:
        if missing := set(wanted) - set(offered):
            raise UnknownName("tool", min(missing), offered, f"the connection {name!r}")
        offered = {tool: offered[tool] for tool in offered if tool in wanted}
        refused = {tool: why for tool, why in refused.items() if tool in wanted}
    refused |= {tool: why for tool, definition in offered.items() if (why := unusable(definition))}
    kept = {tool: definition for tool, definition in offered.items() if tool not in refused}
    return Seen(name, pinned, Lock(server=_named(server), tools=kept), refused)


async def fetch_described(
    address: str, headers: Mapping[str, str], secrets: Secrets | None, destinations: Sequence[str]
) -> Described:
    """An API by its description. Raises UserError, Mend, OSError."""
    import httpx

    opened = {key: secrets.expand(value) if secrets else value for key, value in headers.items()}
    try:
        async with bare_client() as client:
            got = await once(client, "GET", address, opened, b"", reachable(address, destinations))
    except httpx.TransportError as error:
        raise ConnectionError(f"{address} could not be read: {error or type(error).__name__}") from error
    if got.status != 200 or got.cut:
        what = "is too long to be read" if got.cut else f"answers {got.status}"
        raise UserError(f"{address} {what}; name the address of the description itself (openapi.json)")
    text = got.data.decode("utf-8", "replace")
    return await in_thread(lambda: described(_parsed(text, address), address))


def _parsed(text: str, address: str) -> Any:
    if text.lstrip().startswith("{"):
        with suppress(ValueError, RecursionError):
            return json.loads(text)
    return plain(read(text, address))


def _named(server: Server) -> Server:
    return Server(name=server.name[:200], version=server.version[:200])
