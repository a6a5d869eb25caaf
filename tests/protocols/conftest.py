"""Remit's server on a real port, with a worker, an agent that asks before it sends, and clients with tokens."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import httpx
import httpx2
import pytest
from mcp.client.streamable_http import streamable_http_client
from mcp_types import Tool

from mcp import Client
from remit.access.people import arrive
from remit.access.roles import RIGHTS
from remit.api.tokens import add_token
from remit.app import App, open_app
from remit.catalogue import kept
from remit.protocols.mcp.host import TASKS
from remit.protocols.mcp.shelf import Shelf, Works
from remit.protocols.mcp.told import SCHEMA
from remit.protocols.mcp.working import GOAL, wanted_of
from remit.settings import Settings
from remit.testing import ScriptedModel
from tests.agents import world
from tests.agents.test_loop import call, finish
from tests.protocols.live import serving

Json = Any
VERSION = "2026-07-28"
SPEC: Json = {
    "name": "desk",
    "tools": ["tests.agents.world", "tests.protocols.jobs"],
    "model": "scripted:desk",
    "reflect": False,
    "plan": False,
    "remit": {"autonomy": "act"},
    "rules": [
        {"tool": "send", "ask": "true", "because": "what leaves is asked"},
        {"tool": ["work", "look_up"], "allow": "true"},
    ],
}
SEND = call("send", to="x@y.example", text="hi\nWhy: because I say so \u202e")
SENDS = (SEND, finish("It is sent."))


def scripted(app: App, *turns: Any) -> None:
    app.models["scripted:desk"] = ScriptedModel([*turns], name="scripted:desk", by_turn=True)


async def published(app: App) -> None:
    """The agent, in the workspace."""
    await arrive(app.store, "ann")
    made = await kept.save_draft(
        app.store, "desk", json.dumps(SPEC | {"description": "Sends mail."}), "ann", None
    )
    await kept.publish(app.store, "desk", "ann", made.rev)


def desk() -> Works:
    return Works(
        Tool(name="desk", description="Sends mail.", input_schema=GOAL, output_schema=SCHEMA),
        partial(wanted_of, SPEC),
    )


@dataclass
class Rpc:
    """A client of 2026-07-28 that shows what goes over the wire."""

    http: httpx.AsyncClient
    can: Json = field(default_factory=lambda: {"elicitation": {}, "extensions": {TASKS: {}}})
    last: int = 0

    def body(self, method: str, params: Mapping[str, Json]) -> tuple[Json, dict[str, str]]:
        self.last += 1
        meta = {
            "io.modelcontextprotocol/protocolVersion": VERSION,
            "io.modelcontextprotocol/clientCapabilities": self.can,
            **params.get("_meta", {}),
        }
        headers = {
            "mcp-protocol-version": VERSION,
            "mcp-method": method,
            "accept": "application/json, text/event-stream",
        }
        for name in ("name", "uri", "taskId"):
            if name in params:
                headers["mcp-name"] = params[name]
        sent = {"jsonrpc": "2.0", "id": self.last, "method": method, "params": {**params, "_meta": meta}}
        return sent, headers

    async def __call__(self, method: str, **params: Json) -> Json:
        """The whole answer: `result` or `error`."""
        sent, headers = self.body(method, params)
        answer = await self.http.post("/mcp", json=sent, headers=headers)
        if answer.headers["content-type"].startswith("text/event-stream"):
            lines = [line[5:] for line in answer.text.splitlines() if line.startswith("data:")]
            return httpx.Response(200, text=lines[-1]).json()
        return answer.json()


@dataclass
class Live:
    """A server that runs, and how to call it."""

    app: App
    url: str
    pages: Any
    stack: AsyncExitStack

    async def token(self, *scopes: str, who: str = "ann") -> str:
        self.count = getattr(self, "count", 0) + 1
        await arrive(self.app.store, who)
        _, secret = await add_token(
            self.app.store, f"t{id(self)}-{self.count}", who, scopes or tuple(RIGHTS), None
        )
        return secret

    async def http(self, *scopes: str, who: str = "ann") -> httpx.AsyncClient:
        headers = {"authorization": f"Bearer {await self.token(*scopes, who=who)}"}
        return await self.stack.enter_async_context(
            httpx.AsyncClient(base_url=self.url, headers=headers, timeout=60)
        )

    async def rpc(self, *scopes: str, who: str = "ann") -> Rpc:
        return Rpc(await self.http(*scopes, who=who))

    async def client(self, *scopes: str, who: str = "ann", **more: Any) -> Client:
        """The protocol's own client."""
        headers = {"authorization": f"Bearer {await self.token(*scopes, who=who)}"}
        http = await self.stack.enter_async_context(httpx2.AsyncClient(headers=headers, timeout=60))
        client = Client(streamable_http_client(f"{self.url}/mcp", http_client=http), **more)
        await self.stack.enter_async_context(_held(client))
        return client


@asynccontextmanager
async def _held(client: Client) -> AsyncIterator[None]:
    """A client lives in one task, which a fixture's are not."""
    opened, done = asyncio.Event(), asyncio.Event()

    async def hold() -> None:
        async with client:
            opened.set()
            await done.wait()

    holding = asyncio.create_task(hold())
    waiting = asyncio.create_task(opened.wait())
    await asyncio.wait([holding, waiting], return_when=asyncio.FIRST_COMPLETED)
    try:
        yield
    finally:
        done.set()
        waiting.cancel()
        await holding


@pytest.fixture
async def app(settings: Settings) -> AsyncIterator[App]:
    world.reset()
    async with open_app(settings) as opened:
        yield opened


Serve = Callable[..., Awaitable[Live]]


@pytest.fixture
async def serve(app: App) -> AsyncIterator[Serve]:
    """Starts servers: `await serve(work=False)` one without a worker."""
    async with AsyncExitStack() as stack:

        async def start(*, work: bool = True) -> Live:
            pages, url = await stack.enter_async_context(serving(app, work=work))
            pages.state.mcp.more = Shelf({"desk": desk()})
            return Live(app, url, pages, await stack.enter_async_context(AsyncExitStack()))

        yield start


@pytest.fixture
async def live(serve: Serve) -> Live:
    return await serve()
