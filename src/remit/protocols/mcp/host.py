"""What the handlers of an MCP server share: whom they answer, and what this process alone knows. Nothing of a run is here;
that is in its journal."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Coroutine
from dataclasses import dataclass, field
from typing import Any, NoReturn
from uuid import UUID

from mcp.server.subscriptions import InMemorySubscriptionBus
from mcp.shared.exceptions import MCPError
from mcp_types import INVALID_PARAMS, INVALID_REQUEST, MISSING_REQUIRED_CLIENT_CAPABILITY
from mcp_types.version import MODERN_PROTOCOL_VERSIONS

from remit.api.guard import Caller
from remit.app import App
from remit.errors import NotWaiting, UserError
from remit.protocols.mcp.shelf import Context, Plain, Shelf, Works
from remit.protocols.mcp.working import working, working_named

TASKS = "io.modelcontextprotocol/tasks"
STDIO = "stdio"
MOST = 10_000  # calls under way whose run is remembered


@dataclass
class Host:
    """One server over one App."""

    app: App
    shelf: Shelf
    caller: Caller | None = None  # of a server that one client has for itself, by its standard input
    wait: float = 50.0  # seconds that a call may take before it says that its run goes on
    closing: bool = False  # the server stops: whoever waits is sent away, and their runs go on
    bus: InMemorySubscriptionBus = field(default_factory=InMemorySubscriptionBus)
    levels: dict[str, str] = field(default_factory=dict)  # session -> the least that it wants logged
    under_way: OrderedDict[tuple[str, str], UUID] = field(default_factory=OrderedDict)  # call -> its run
    followed: dict[tuple[str, str], asyncio.Task[None]] = field(default_factory=dict)  # session, resource
    _tasks: set[asyncio.Task[Any]] = field(default_factory=set)

    def caller_of(self, ctx: Context) -> Caller:
        """Whoever the server was started for; else whose token the request has, which its door has seen."""
        if self.caller is not None:
            return self.caller
        assert ctx.request is not None
        found: Caller = ctx.request.state.caller
        return found

    async def tools(self) -> dict[str, Plain | Works]:
        """Agents are published and taken out of use while the server runs; the shelf's own go before one of their name."""
        return {**await working(self.app), **self.shelf.tools}

    async def tool(self, name: str) -> Plain | Works | None:
        return self.shelf.tools.get(name) or await working_named(self.app, name)

    def close(self) -> None:
        """Send away whoever waits; their runs go on."""
        self.closing = True
        for task in self.followed.values():
            task.cancel()

    def remember(self, ctx: Context, run: UUID) -> None:
        self.under_way[(session_of(ctx), str(ctx.request_id))] = run
        while len(self.under_way) > MOST:
            self.under_way.popitem(last=False)

    def forget(self, ctx: Context) -> None:
        self.under_way.pop((session_of(ctx), str(ctx.request_id)), None)

    def soon(self, work: Coroutine[Any, Any, Any]) -> None:
        """Do it though whoever wanted it is gone."""
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def cancel(self, run: UUID, who: str, why: str) -> None:
        """End a run; one that has ended stays as it is."""
        try:
            await self.app.cancel(run, who, why)
        except (NotWaiting, UserError):
            return


def session_of(ctx: Context) -> str:
    return STDIO if ctx.request is None else ctx.request.headers.get("mcp-session-id", "")


def modern(ctx: Context) -> bool:
    """Whether each request stands by itself, as from 2026-07-28 on."""
    return ctx.protocol_version in MODERN_PROTOCOL_VERSIONS


def takes_tasks(ctx: Context) -> bool:
    """Whether the client can take a task where it called a tool."""
    declared = ctx.session.client_capabilities
    return modern(ctx) and declared is not None and TASKS in (declared.extensions or {})


def takes_forms(ctx: Context) -> bool:
    """Whether the client can ask its person something. Without saying which kinds, it is forms that it can show."""
    declared = ctx.session.client_capabilities
    asks = declared.elicitation if declared is not None else None
    return asks is not None and (asks.form is not None or asks.url is None)


def unusable(message: str) -> NoReturn:
    raise MCPError(INVALID_PARAMS, message)


def require(caller: Caller, scope: str, what: str) -> None:
    """Raises MCPError where the caller lacks the scope."""
    if scope and scope not in caller.scopes:
        raise MCPError(
            INVALID_REQUEST,
            f"{what} needs the scope {scope}; the token has {', '.join(sorted(caller.scopes))}",
            {"scope": scope},
        )


def require_tasks(ctx: Context) -> None:
    """Raises MCPError where the client does not say that it knows tasks."""
    if not takes_tasks(ctx):
        raise MCPError(
            MISSING_REQUIRED_CLIENT_CAPABILITY,
            f"the client has to declare the extension {TASKS} for that",
            {"requiredCapabilities": {"extensions": {TASKS: {}}}},
        )
