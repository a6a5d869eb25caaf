"""`remit up`: the console in the browser, and a worker beside it, in one process."""

from __future__ import annotations

import asyncio
import signal
import socket
import webbrowser
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Annotated

import typer
import uvicorn

from remit import settings
from remit.app import open_app
from remit.cli.common import Json, errors, me, perform, print_line
from remit.cli.serve import at_work
from remit.console.server import close, make_server
from remit.console.session import Door
from remit.errors import UserError
from remit.people import arrive

HOST = "127.0.0.1"


def up(
    port: Annotated[
        int, typer.Option(min=1, max=65535, help="Where the console answers, on this machine only.")
    ] = 7700,
    concurrency: Annotated[
        int, typer.Option(min=0, max=2000, help="Runs advanced at once; 0: other workers do it.")
    ] = 50,
    browser: Annotated[
        bool, typer.Option("--open/--no-open", help="Open the console in the browser.")
    ] = True,
    as_json: Json = False,
) -> None:
    """Start the console and a worker, and open the console in the browser. Ctrl-C stops both; nothing is lost.

    The link that is printed signs in one browser, once, as you (REMIT_USER, or the login name).

    Examples:

    remit up

    remit up --port 8080 --no-open

    remit up --no-open --json | jq -r .link
    """
    perform(_up(port, concurrency, browser and not as_json, as_json))


class _Served(uvicorn.Server):
    """Stops when it is told, and leaves Ctrl-C to the command, which stops the worker as well."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


async def _up(port: int, concurrency: int, browser: bool, as_json: bool) -> None:
    stop = asyncio.Event()
    for sign in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(sign, stop.set)
    try:
        listening = socket.create_server((HOST, port))
    except OSError as error:
        raise UserError(f"port {port} cannot be used ({error.strerror}); try --port {port + 1}") from error
    async with open_app(settings.load()) as app:
        door = Door((await arrive(app.store, me())).name)
        pages = make_server(app, door, port)
        config = uvicorn.Config(
            pages,
            log_level="warning",
            server_header=False,
            lifespan="off",
            timeout_graceful_shutdown=2,  # who follows a run would hold it up until that ends
        )
        server = _Served(config)
        serving = asyncio.create_task(server.serve([listening]))
        link = f"http://{HOST}:{port}/enter?key={door.key}"
        if as_json:
            print_line({"link": link, "api": f"http://{HOST}:{port}/api/v1"})
        else:
            errors.print("Remit is up. This link works once; Ctrl-C stops it.")
            errors.print(link, soft_wrap=True)
        if browser:
            with suppress(webbrowser.Error):
                webbrowser.open(link)
        if concurrency:
            await at_work(app, concurrency, "console", stop=stop)
        await stop.wait()
        await close(pages)
        server.should_exit = True
        await serving
