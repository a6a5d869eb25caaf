"""Remit's web server on a port of its own, as `remit up` starts it, with a worker beside it."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI

from remit.app import App
from remit.cli.serve import at_work
from remit.console.server import close, make_server
from remit.console.session import Door
from tests.live import answering


@asynccontextmanager
async def serving(app: App, *, port: int = 0, work: bool = True) -> AsyncIterator[tuple[FastAPI, str]]:
    """The server and where it is. Once the block is left it has stopped, as at Ctrl-C."""
    listening = socket.create_server(("127.0.0.1", port))
    at = listening.getsockname()[1]
    pages = make_server(app, Door("ann"), at)
    async with answering(listening, pages):
        stop = asyncio.Event()
        working = asyncio.create_task(at_work(app, 20, "test", stop=stop)) if work else None
        try:
            yield pages, f"http://127.0.0.1:{at}"
        finally:
            await close(pages)
            stop.set()
            if working is not None:
                await working
