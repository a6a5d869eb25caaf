"""MCP over HTTP, at /mcp: one place for POST, GET and DELETE, as the protocol's streamable transport has them."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from psycopg import OperationalError
from starlette.requests import Request
from starlette.types import Receive, Scope, Send

from remit.api.guard import Caller
from remit.api.problems import Refused, problem, unreachable
from remit.app import App
from remit.protocols.door import caller_of
from remit.store.store import Sight

if TYPE_CHECKING:
    from remit.protocols.mcp.host import Host
    from remit.protocols.mcp.sessions import Sessions
    from remit.protocols.mcp.shelf import Shelf

LARGEST = 2_000_000  # bytes of a body, as of the API
RETRY = 1_000  # milliseconds after which a client comes back to a stream that broke off
SESSIONS = 2_000  # of clients of 2025-11-25; later ones have none


class McpDoor:
    """The ASGI application. The library behind it is loaded with the first request: it takes a second, and most servers are
    started without a client."""

    def __init__(self, app: App, more: Shelf | None = None) -> None:
        self.app, self.more = app, more
        self._others: dict[Sight, McpDoor] = {}
        self.host: Host | None = None
        self._manager: Sessions | None = None
        self._opening = asyncio.Lock()
        self._stop = asyncio.Event()
        self._held: asyncio.Task[None] | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope)
        try:
            caller = await caller_of(self.app, request)
        except Refused as error:
            await problem(error.status, error.detail, headers=error.headers)(scope, receive, send)
            return
        except OperationalError:
            await unreachable(request)(scope, receive, send)
            return
        sight = (caller.workspace, caller.agents)
        if sight != (self.app.store.workspace, None):
            there = self._others.get(sight)
            if there is None:
                there = self._others[sight] = McpDoor(self.app.within(*sight), self.more)
            await there._serve(request, caller, receive, send)
            return
        await self._serve(request, caller, receive, send)

    async def _serve(self, request: Request, caller: Caller, receive: Receive, send: Send) -> None:
        scope = request.scope
        manager = await self._open()
        if manager is None:
            missing = "this server was installed without MCP: pip install 'remit[mcp]'"
            await problem(503, missing)(scope, receive, send)
            return
        from mcp.server.auth.middleware.bearer_auth import AuthenticatedUser
        from mcp.server.auth.provider import AccessToken

        request.state.caller = caller
        # A session goes on only with the token that opened it
        token = AccessToken(token="", client_id=caller.key, scopes=sorted(caller.scopes), subject=caller.who)
        scope["user"] = AuthenticatedUser(token)
        await manager.handle_request(scope, receive, send)

    async def _open(self) -> Sessions | None:
        async with self._opening:
            if self._manager is None:
                try:
                    from remit.protocols.mcp.server import make_mcp
                    from remit.protocols.mcp.sessions import Sessions
                except ImportError:
                    return None
                server, self.host = make_mcp(
                    self.app.within(self.app.store.workspace, self.app.store.agents), more=self.more
                )
                manager = Sessions(
                    server,
                    retry_interval=RETRY,
                    max_request_body_size=LARGEST,
                    max_sessions=SESSIONS,
                )
                opened = asyncio.Event()
                self._held = asyncio.create_task(self._hold(manager, opened))
                await opened.wait()
                self._manager = manager
            return self._manager

    async def _hold(self, manager: Sessions, opened: asyncio.Event) -> None:
        """Its sessions live in one task, whoever opened them."""
        async with manager.run():
            opened.set()
            await self._stop.wait()

    async def close(self) -> None:
        """Before the server stops: who waits is sent away, and their runs go on."""
        for other in self._others.values():
            await other.close()
        if self.host is not None:
            self.host.close()
        self._stop.set()
        if self._held is not None:
            await self._held
