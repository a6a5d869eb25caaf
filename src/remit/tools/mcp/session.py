"""A run's conversation with a server: opened when first needed, closed when idle, gone when the server is.

A conversation belongs to one run, as servers keep state. Before each call the server is asked for its tools again: only one
whose definition is still the pinned one is called. What goes wrong is an error with the server's name in it, and an effect
whose answer was lost is in doubt.
"""

from __future__ import annotations

import asyncio
import importlib
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar
from uuid import UUID

import remit
from remit.errors import Mend, RemitError, UserError
from remit.tools.mcp.definition import Definition, Server, changed
from remit.tools.mcp.needs import Needs
from remit.tools.mcp.stdio import NONE, Heard, stdio
from remit.tools.secrets import Secrets
from remit.tools.thread import in_thread

if TYPE_CHECKING:
    from mcp.client._transport import TransportStreams
    from mcp_types import CallToolResult

    from mcp import Client

T = TypeVar("T")
MOST = 32  # conversations that a process has at once
START = 30.0  # seconds until a server must be ready: some are fetched first
LIST = 20.0  # seconds in which it must say which tools it has
IDLE = 60.0  # seconds without a call after which a conversation ends
PAGES, TOOLS = 20, 500  # of its list that are read


class ServerError(Exception):
    """The server refused, or answered what cannot be used."""


@dataclass(frozen=True, slots=True)
class Where:
    """A server: a command or an address, and what goes along, secrets as references."""

    name: str
    mcp: str
    headers: Mapping[str, str] = field(default_factory=dict)
    env: Mapping[str, str] = field(default_factory=dict)
    destinations: tuple[str, ...] = ()
    needs: Needs = NONE  # of a command

    def transport(
        self, secrets: Secrets | None, heard: Heard
    ) -> AbstractAsyncContextManager[TransportStreams]:
        """Raises UserError where a secret is missing."""
        from_spec = self.headers if self.mcp.startswith(("http://", "https://")) else self.env
        opened = {key: secrets.expand(value) if secrets else value for key, value in from_spec.items()}
        if from_spec is self.env:
            return stdio(self.mcp, opened, heard, self.needs)
        from remit.tools.mcp.web import web

        return web(self.mcp, opened, self.destinations)


class Session:
    """One conversation, held by a task of its own: what opens it must be what closes it."""

    def __init__(self, where: Where, secrets: Secrets | None) -> None:
        _quiet()
        self.where, self.secrets = where, secrets
        self.busy, self.used = 0, time.monotonic()
        self.server = Server()
        self._heard = Heard()
        self._client: asyncio.Future[Client] = asyncio.get_running_loop().create_future()
        self._closing = asyncio.Event()
        self._task = asyncio.create_task(self._hold(), name=f"mcp {where.name}")
        self._task.add_done_callback(_seen)

    @property
    def ended(self) -> bool:
        return self._task.done() or self._closing.is_set()

    @property
    def gone(self) -> bool:
        return self._task.done()

    async def tools(self) -> dict[str, Definition]:
        """What the server offers now, by name. Raises ConnectionError, TimeoutError, ServerError, UserError, Mend."""
        from mcp_types import PaginatedRequestParams

        client = await self._ready()
        found: dict[str, Definition] = {}
        cursor: str | None = None
        for _ in range(PAGES):
            params = PaginatedRequestParams(cursor=cursor)
            page = await self._answer(client.session.list_tools(params=params), LIST, begun=False)
            for one in page.tools:
                made = Definition(
                    name=one.name,
                    description=one.description or "",
                    input=one.input_schema,
                    output=one.output_schema,
                )
                if one.name in found and found[one.name] != made:
                    raise ServerError(f"{self._name} offers two tools called {one.name[:80]!r}")
                found[one.name] = made
            cursor = page.next_cursor
            if len(found) > TOOLS:
                raise ServerError(f"{self._name} offers more than {TOOLS} tools")
            if cursor is None:
                break
        return found

    async def call(
        self, pinned: Definition, server: Server, args: Mapping[str, Any], seconds: float
    ) -> CallToolResult:
        """Call a tool, if it still is the pinned one. Raises Mend where it is another now, or the server says that the
        arguments are wrong; ConnectionError or TimeoutError where its answer was lost; ServerError, UserError."""
        from mcp_types import CallToolRequest, CallToolRequestParams, CallToolResult

        why = await self.differs(pinned, server)
        if why:
            raise Mend(f"{pinned.name} of {self.where.name} is not called: {why}")
        client = await self._ready()
        request = CallToolRequest(params=CallToolRequestParams(name=pinned.name, arguments=dict(args)))
        # Not by call_tool: that would check the result by the server's own schema, and answer a refusal by a second try
        asked = client.session.send_request(request, CallToolResult, request_read_timeout_seconds=seconds)
        return await self._answer(asked, seconds)

    async def differs(self, pinned: Definition, server: Server) -> str:
        """Why a tool is another one than was pinned; empty where it is the same."""
        offered = await self.tools()
        if self.server != server:
            return f"its server is {self.server} now, and {server} was pinned"
        return changed(pinned, offered.get(pinned.name))

    async def close(self) -> None:
        self._closing.set()
        done, _ = await asyncio.wait({self._task}, timeout=10)
        if not done:
            self._task.cancel()
            await asyncio.wait({self._task}, timeout=10)

    def drop(self) -> None:
        """Close it behind the scenes: nobody knows in what state a server is whose answer nobody waited for."""
        self._closing.set()

    @property
    def _name(self) -> str:
        return f"the MCP server {self.where.name!r}"

    async def _hold(self) -> None:
        try:
            await in_thread(lambda: importlib.import_module("mcp"))  # takes a second, in which others go on
        except ImportError as error:
            raise UserError("MCP servers need the package mcp: pip install 'remit[mcp]'") from error
        from mcp_types import Implementation

        from mcp import Client

        transport = self.where.transport(self.secrets, self._heard)
        ours = Implementation(name="remit", version=remit.__version__)
        # No callbacks: a server gets no model of ours, no files, and asks no person
        async with Client(transport, cache=None, client_info=ours, read_timeout_seconds=START) as client:
            said = client.server_info
            self.server = Server(name=said.name, version=said.version) if said else Server()
            self._heard.ready = True
            self._client.set_result(client)
            while not self._closing.is_set():
                with suppress(TimeoutError):
                    async with asyncio.timeout(IDLE):
                        await self._closing.wait()
                if not self.busy and time.monotonic() - self.used >= IDLE:
                    self._closing.set()

    async def _ready(self) -> Client:
        either: list[asyncio.Future[Any]] = [self._task, self._client]
        await asyncio.wait(either, timeout=START, return_when=asyncio.FIRST_COMPLETED)
        if self._client.done():
            return self._client.result()
        if self._task.done():
            self._raise(self._task.exception(), begun=False)
        self._task.cancel()
        raise ConnectionRefusedError(self._said(f"{self._name} was not ready within {START:g} s"))

    async def _answer(self, asked: Awaitable[T], seconds: float, begun: bool = True) -> T:
        """What the server answers, unless it ends first. Whoever does not wait for the answer ends the conversation.
        `begun`: where it does not come, something may have happened."""
        task = asyncio.ensure_future(asked)
        try:
            await asyncio.wait({task, self._task}, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        except asyncio.CancelledError:
            self.drop()
            task.cancel()
            raise
        if task.done() and not task.cancelled() and (error := task.exception()) is None:
            return task.result()
        self_ended = self._task.done()
        if not task.done():
            task.cancel()
            task.add_done_callback(_seen)
            self.drop()
            if not self_ended:
                late = TimeoutError if begun else ConnectionRefusedError
                raise late(self._said(f"{self._name} did not answer within {seconds:g} s"))
            error = None
        raised = self._task.exception() if self_ended and not self._task.cancelled() else None
        self._raise(raised or error, begun)
        raise AssertionError("unreachable")

    def _raise(self, error: BaseException | None, begun: bool) -> None:
        """In the words of a tool."""
        from mcp.shared.exceptions import MCPError
        from mcp_types import CONNECTION_CLOSED, INVALID_PARAMS, METHOD_NOT_FOUND, REQUEST_TIMEOUT

        while isinstance(error, BaseExceptionGroup):
            error = error.exceptions[0]
        if isinstance(error, RemitError | Mend):
            raise error
        if isinstance(error, MCPError) and begun and error.code in (INVALID_PARAMS, METHOD_NOT_FOUND):
            raise Mend(f"{self._name} refuses the call: {error.message[:1000]}") from error
        if isinstance(error, MCPError) and error.code == REQUEST_TIMEOUT:
            late = TimeoutError if begun else ConnectionRefusedError
            raise late(self._said(f"{self._name} did not answer in time")) from error
        if isinstance(error, MCPError) and error.code != CONNECTION_CLOSED:
            raise ServerError(f"{self._name} refused: {error.message[:1000]}") from error
        self.drop()
        lost = ConnectionError if begun else ConnectionRefusedError
        words = (
            ""
            if error is None or isinstance(error, MCPError)
            else f": {str(error)[:500] or type(error).__name__}"
        )
        raise lost(self._said(f"{self._name} went away{words}")) from error

    def _said(self, words: str) -> str:
        hide = self.secrets.hide if self.secrets else str
        return f"{words} ({beside})" if (beside := self._heard.words(hide)) else words


class Sessions:
    """The conversations of a process, one for each run and server."""

    def __init__(self) -> None:
        self._open: dict[tuple[UUID, str], Session] = {}
        self._leaving: list[Session] = []  # not talked to any more, and perhaps not gone yet

    @asynccontextmanager
    async def use(self, run: UUID, where: Where, secrets: Secrets | None) -> AsyncIterator[Session]:
        """The run's conversation, a new one where there is none. Raises ConnectionRefusedError where there are too many."""
        key = run, where.name
        session = self._open.get(key)
        if session is None or session.ended:
            await self._make_room()
            session = self._open.get(key)  # somebody else may have made one meanwhile
        if session is None:
            session = self._open[key] = Session(where, secrets)
        session.busy += 1
        try:
            yield session
        finally:
            session.busy -= 1
            session.used = time.monotonic()

    async def _make_room(self) -> None:
        for key in [key for key, session in self._open.items() if session.ended]:
            self._leaving.append(self._open.pop(key))
        self._leaving = [session for session in self._leaving if not session.gone]
        if len(self._open) < MOST:
            return
        idle = [(session.used, key) for key, session in self._open.items() if not session.busy]
        if not idle:
            raise ConnectionRefusedError(
                f"{MOST} conversations with MCP servers are under way in this process"
            )
        await self._open.pop(min(idle)[1]).close()

    async def close(self) -> None:
        """End them all."""
        sessions = [*self._open.values(), *self._leaving]
        self._open.clear()
        self._leaving.clear()
        await asyncio.gather(*(session.close() for session in sessions))


def _seen(task: asyncio.Future[Any]) -> None:
    """So that nobody complains of an exception that was told already, or that nobody waits for."""
    if not task.cancelled():
        task.exception()


def _quiet() -> None:
    """The library logs what a server sent where it cannot read it, and with it a secret that the server echoes."""
    library = logging.getLogger("mcp")
    if library.propagate:
        library.propagate = False
        library.addHandler(logging.NullHandler())
