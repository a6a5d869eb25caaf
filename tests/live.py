"""A real server on a port of its own, with a worker beside it, for clients that come over the network."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import uvicorn

from remit.app import App
from remit.console.server import make_server
from remit.console.session import Door
from remit.crew import Crew
from remit.dispatch import Pace, open_dispatch


@asynccontextmanager
async def serving(app: App) -> AsyncIterator[str]:
    """Its address."""
    listening = socket.create_server(("127.0.0.1", 0))
    port = listening.getsockname()[1]
    config = uvicorn.Config(
        make_server(app, Door("ann"), port), log_level="warning", lifespan="off", timeout_graceful_shutdown=1
    )
    server = uvicorn.Server(config)
    running = asyncio.create_task(server.serve([listening]))
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        await running


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
