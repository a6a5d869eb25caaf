"""A2A over HTTP: each agent at /a2a/{agent}, by JSON-RPC and by REST; its card in the place that the protocol has for it."""

from __future__ import annotations

import asyncio
import re
from typing import TYPE_CHECKING

from psycopg import OperationalError
from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from remit.api.guard import Caller, bounded
from remit.api.problems import Refused, problem, unreachable
from remit.app import App
from remit.protocols.door import caller_of
from remit.store.store import Sight

if TYPE_CHECKING:
    from remit.protocols.a2a.desk import Desk

CARD = re.compile(r"/([a-z][a-z0-9_-]{0,99})/\.well-known/agent-card\.json")


class A2aDoor:
    """The ASGI application. The library behind it is loaded with the first request."""

    def __init__(self, app: App) -> None:
        self.app = app
        self._others: dict[Sight, A2aDoor] = {}
        self.desk: Desk | None = None
        self._routes: ASGIApp | None = None
        self._opening = asyncio.Lock()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope)
        path = scope["path"].removeprefix(scope.get("root_path", ""))
        try:
            request.state.caller = await caller_of(self.app, request)
        except Refused as error:
            # How to call is what a card is for: a stranger is told that, and nothing of which agents there are
            if not (CARD.fullmatch(path) and error.status == 401 and "authorization" not in request.headers):
                await problem(error.status, error.detail, headers=error.headers)(scope, receive, send)
                return
            request.state.caller = None
        except OperationalError:
            await unreachable(request)(scope, receive, send)
            return
        await self._there(request.state.caller)._serve(request, receive, send)

    def _there(self, caller: Caller | None) -> A2aDoor:
        """The door of the caller's workspace and agents; a stranger's is the first one's."""
        if caller is None or (sight := (caller.workspace, caller.agents)) == (self.app.store.workspace, None):
            return self
        if sight not in self._others:
            self._others[sight] = A2aDoor(self.app.within(*sight))
        return self._others[sight]

    async def _serve(self, request: Request, receive: Receive, send: Send) -> None:
        scope, routes = request.scope, await self._open()
        if routes is None:
            missing = "this server was installed without A2A: pip install 'remit[a2a]'"
            await problem(503, missing)(scope, receive, send)
            return
        await routes(scope, bounded(receive), send)

    async def _open(self) -> ASGIApp | None:
        async with self._opening:
            if self._routes is None:
                try:
                    from remit.protocols.a2a.routes import make_routes
                except ImportError:
                    return None
                self._routes, self.desk = make_routes(
                    self.app.within(self.app.store.workspace, self.app.store.agents)
                )
            return self._routes

    async def close(self) -> None:
        """Before the server stops: who waits is sent away, and their runs go on."""
        for other in self._others.values():
            await other.close()
        if self.desk is not None:
            self.desk.closing = True
