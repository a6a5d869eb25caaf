"""Remit's web server on a port of its own, as `remit up` starts it, with a worker beside it."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager

import uvicorn
from fastapi import FastAPI

from remit.app import App
from remit.cli.serve import at_work
from remit.console.server import close, make_server
from remit.console.session import Door


class Quiet(uvicorn.Server):
    """Leaves Ctrl-C to pytest."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


@asynccontextmanager
async def serving(app: App, *, port: int = 0, work: bool = True) -> AsyncIterator[tuple[FastAPI, str]]:
    """The server and where it is. Once the block is left it has stopped, as at Ctrl-C."""
    listening = socket.create_server(("127.0.0.1", port))
    at = listening.getsockname()[1]
    pages = make_server(app, Door("ann"), at)
    config = uvicorn.Config(pages, log_level="warning", lifespan="off", timeout_graceful_shutdown=2)
    server, stop = Quiet(config), asyncio.Event()
    running = [asyncio.create_task(server.serve([listening]))]
    if work:
        running.append(asyncio.create_task(at_work(app, 20, "test", stop=stop)))
    try:
        yield pages, f"http://127.0.0.1:{at}"
    finally:
        await close(pages)
        stop.set()
        server.should_exit = True
        await asyncio.gather(*running)
