"""The tools that an agent has by its connections to MCP servers: those that are pinned, and that it names."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator
from typing import TYPE_CHECKING

from remit.agents.spec import Agent, Connection
from remit.errors import Mend, SpecError, ToolFault, UnknownName, UserError
from remit.tools.mcp.definition import Definition, changed
from remit.tools.mcp.offer import name_of, offer, where_of
from remit.tools.mcp.session import ServerError
from remit.tools.registry import installed
from remit.tools.tool import Tool

if TYPE_CHECKING:
    from remit.agents.live import Live

_log = logging.getLogger("remit.tools")


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
