"""The tools that an agent has by its connections to MCP servers: those that are pinned, and that it names."""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from remit.agents.spec import Agent, Connection
from remit.errors import Mend, SpecError, ToolFault, UnknownName, UserError
from remit.tools.call import Outcome
from remit.tools.linked import WAYS
from remit.tools.mcp.definition import Definition, changed
from remit.tools.mcp.offer import name_of, offer, where_of
from remit.tools.mcp.session import ServerError
from remit.tools.registry import installed
from remit.tools.tool import Json, Tool

if TYPE_CHECKING:
    from remit.agents.live import Live

_log = logging.getLogger("remit.tools")
SQL = frozenset({"sql_query", "sql_execute", "sql_schema"})
HTTP = frozenset({"http_get", "http_request"})
DENIED = re.compile(r"it refuses with (401|403|407)\b")


def own_names(agent: Agent) -> list[str]:
    """What the agent names in `tools` that is not of a connection."""
    return [name for name in agent.tools if name.partition(":")[0] not in agent.connections]


def named(agent: Agent) -> Iterator[tuple[str, Connection, str]]:
    """`crm:find_customer` of `tools`: the connection by name and as it is, and the tool, `*` for all."""
    for name in agent.tools:
        connection, colon, tool = name.partition(":")
        if connection in agent.connections:
            if agent.connections[connection].use:
                raise SpecError(
                    f"agent {agent.name}: what the workspace's connection {connection!r} is, only a run of it knows"
                )
            one = agent.connections[connection]
            if not colon or not (one.mcp or one.openapi):
                raise SpecError(
                    f"agent {agent.name}: tools: write {connection}:* for the tools of an MCP server or a described API"
                )
            yield connection, one, tool


def connected(agent: Agent) -> dict[str, Tool]:
    """The tools by name, as they were pinned: no server is asked. Raises SpecError where they are not pinned, or a
    declaration speaks of what is not there."""
    found: dict[str, Tool] = {}
    for connection, one, tool in named(agent):
        if not one.pinned:
            raise SpecError(
                f"agent {agent.name}: the tools of connection {connection!r} are not pinned, so nobody has read what "
                "they are: `remit tools pin` with the agent's file shows them and pins them"
            )
        if tool != "*" and tool not in one.pinned:
            known = [f"{connection}:{name}" for name in one.pinned]
            raise UnknownName("pinned tool", f"{connection}:{tool}", known, f"agent {agent.name}: tools")
        if tool == "*" and (unknown := set(one.declare) - set(one.pinned)):
            raise UnknownName("pinned tool", min(unknown), one.pinned, f"connections.{connection}.declare")
        for name in one.pinned if tool == "*" else (tool,):
            made = _offered(agent, connection, one, one.pinned[name])
            before = found.get(made.name)
            if made.name in installed() or (before and before.definition != made.definition):
                raise SpecError(
                    f"agent {agent.name}: {connection}:{name} would be called {made.name}, as another tool is: "
                    "give the connection another name"
                )
            found[made.name] = made
    return found


def called(live: Live, tool: Tool, args: Mapping[str, Json], outcome: Outcome) -> None:
    """Say that one of the run's connections was called, where it was, and whether that went well."""
    if live.used is None or not live.spec.connections:
        return
    for name, one in live.spec.connections.items():
        if _is_of(live, name, one, tool, args):
            works, went = _health(outcome)
            live.used(name, works, went)


def _is_of(live: Live, name: str, one: Connection, tool: Tool, args: Mapping[str, Json]) -> bool:
    if tool.definition:
        return tool.name.startswith(f"{name}_") and any(
            name_of(name, pinned) == tool.name for pinned in one.pinned
        )
    if one.sql:
        given = args.get("database") or one.sql  # left out where there is only one
        return tool.name in SQL and given == one.sql
    if way := next((way for kind, way in WAYS.items() if getattr(one, kind)), None):
        return tool.name in way.tools and (args.get(way.argument) or name) == name
    return (
        tool.name in HTTP
        and bool(one.http)
        and not one.openapi
        and _site(str(args.get("url"))) == _site(one.http)
    )


def _health(outcome: Outcome) -> tuple[bool | None, str]:
    """Whether the system did what it is there for, and what went wrong. That arguments are wrong says nothing of it."""
    if outcome.status == "mend":
        refused = DENIED.match(str(outcome.result))
        return (False, refused[0]) if refused else (None, "")
    if outcome.status != "ok":
        return False, str(outcome.result)
    status = outcome.result.get("status") if isinstance(outcome.result, dict) else None
    if isinstance(status, int) and (status in (401, 403, 407) or status >= 500):
        return False, f"it refuses with {status}" if status < 500 else f"it answers {status}"
    return True, ""


def _site(url: str) -> tuple[str, str, int | None]:
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return "", "", None
    scheme = parts.scheme.lower()
    return scheme, (parts.hostname or "").rstrip("."), port or {"http": 80, "https": 443}.get(scheme)


def _offered(agent: Agent, connection: str, one: Connection, pinned: Definition) -> Tool:
    try:
        return offer(connection, pinned, one.server, one.declare.get(pinned.name))
    except ToolFault as error:
        raise SpecError(f"agent {agent.name}: {error}") from error


async def withdrawn(live: Live) -> dict[str, str]:
    """The run's tools that are others now than were pinned, each with why. A server that cannot be asked withdraws
    nothing: whoever calls it is told."""
    names = [name for name, one in live.spec.connections.items() if one.mcp]
    found: dict[str, str] = {}
    for one in await asyncio.gather(*(_withdrawn(live, name) for name in names)):
        found |= one
    return found


async def _withdrawn(live: Live, connection: str) -> dict[str, str]:
    spec = live.spec.connections[connection]
    ours = {name_of(connection, tool): pinned for tool, pinned in spec.pinned.items()}
    ours = {name: pinned for name, pinned in ours.items() if name in live.tools}
    if not ours or live.sessions is None:
        return {}
    try:
        where = where_of(connection, live.context("tools"))
        async with live.sessions.use(live.run, where, live.secrets) as session:
            offered = await session.tools()
            server = session.server
    except (OSError, UserError, ServerError, Mend) as error:
        words = live.secrets.hide(str(error)) if live.secrets else str(error)
        _log.warning("the tools of %s could not be compared with what is pinned: %s", connection, words)
        return {}
    if server != spec.server:
        why = f"its server is {server} now, and {spec.server} was pinned"
        return dict.fromkeys(ours, why)
    return {name: why for name, pinned in ours.items() if (why := changed(pinned, offered.get(pinned.name)))}
