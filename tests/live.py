"""Real servers on ports of their own, with workers beside them, for clients that come over the network."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager

import uvicorn
from starlette.types import ASGIApp

from remit.app import App
from remit.console.server import make_server
from remit.console.session import Door
from remit.crew import Crew
from remit.dispatch import Pace, open_dispatch


class Quiet(uvicorn.Server):
    """Leaves Ctrl-C to pytest. Two that take it and do not end in turn leave the handler of one that has ended, at which
    sse_starlette believes for the rest of the process that every stream has to end."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


@asynccontextmanager
async def answering(listening: socket.socket, pages: ASGIApp) -> AsyncIterator[None]:
    """Whoever calls there. Once the block is left it has stopped, as at Ctrl-C."""
    config = uvicorn.Config(pages, log_level="warning", lifespan="off", timeout_graceful_shutdown=1)
    server = Quiet(config)
    running = asyncio.create_task(server.serve([listening]))
    try:
        yield
    finally:
        server.should_exit = True
        await running


@asynccontextmanager
async def serving(app: App) -> AsyncIterator[str]:
    """Its address."""
    listening = socket.create_server(("127.0.0.1", 0))
    port = listening.getsockname()[1]
    async with answering(listening, make_server(app, Door("ann"), port)):
        yield f"http://127.0.0.1:{port}"


@asynccontextmanager
async def working(app: App) -> AsyncIterator[None]:
    """A worker, as `remit up` has one beside the server."""
    stop, crew = asyncio.Event(), Crew(app, 4)

    async def advance(run: object) -> None:
        await crew.advance(run)  # type: ignore[arg-type]

    async with open_dispatch(app.store, Pace(heartbeat=0.5, dead_after=5)) as dispatch:
        work = asyncio.create_task(dispatch.work(advance, concurrency=4, stop=stop, name="test"))
        sweep = asyncio.create_task(crew.sweep(stop))
        try:
            yield
        finally:
            stop.set()
            await asyncio.gather(work, sweep)
            await crew.drain(1)
