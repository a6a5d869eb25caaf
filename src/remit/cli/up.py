"""`remit up`: the console in the browser, and a worker beside it, in one process."""

from __future__ import annotations

import asyncio
import ipaddress
import re
import signal
import socket
import webbrowser
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Annotated

import typer
import uvicorn

from remit import settings
from remit.access.people import arrive
from remit.access.providers import any_provider
from remit.app import App, open_app
from remit.cli.common import Json, errors, me, perform, print_line
from remit.cli.serve import at_work
from remit.console.ending import Ending
from remit.console.pages.sign_in import any_password
from remit.console.server import close, make_server
from remit.console.session import Door
from remit.errors import UserError

HOST = "127.0.0.1"
ADDRESS = re.compile(r"https?://[A-Za-z0-9.\-\[\]:]+")


def up(
    port: Annotated[int, typer.Option(min=1, max=65535, help="Where the console answers.")] = 7700,
    host: Annotated[
        str,
        typer.Option(help="The address to listen at; another than this machine's own takes --public-url."),
    ] = HOST,
    public_url: Annotated[
        str | None,
        typer.Option(
            help="What a proxy in front answers to, as https://remit.shop.example; else REMIT_PUBLIC_URL."
        ),
    ] = None,
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

    remit up --no-open --host 10.0.0.5 --public-url https://remit.shop.example
    """
    perform(_up(port, host, public_url, concurrency, browser and not as_json, as_json))


class _Served(uvicorn.Server):
    """Stops when it is told, and leaves Ctrl-C to the command, which stops the worker as well."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


async def _reached_by(app: App, host: str, public_url: str) -> None:
    """Raises UserError where strangers would reach a console that does not tell them from its people."""
    if is_loopback(host) and not public_url:
        return
    if not public_url:
        raise UserError(
            f"--host {host} lets other machines in: say by --public-url https://… what a proxy with a certificate in front "
            "answers to, so that no password and no session crosses the network in the clear"
        )
    if not public_url.startswith("https://"):
        raise UserError(
            f"--public-url {public_url}: it begins with https://; a password must not cross the network in the clear"
        )
    if not await any_password(app.store) and not await any_provider(app.store):
        raise UserError(
            f"nobody can sign in at {public_url} yet: set a password first, as remit people password {me()}"
        )


def is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError as error:
        raise UserError(f"--host {host}: an address of this machine, as 10.0.0.5 or 0.0.0.0") from error


async def _up(
    port: int, host: str, public_url: str | None, concurrency: int, browser: bool, as_json: bool
) -> None:
    public = (public_url or settings.load().public_url or "").rstrip("/")
    if public and not ADDRESS.fullmatch(public):
        raise UserError(f"--public-url {public}: write scheme and host alone, as https://remit.shop.example")
    is_loopback(host)
    stop = asyncio.Event()
    for sign in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(sign, stop.set)
    try:
        listening = socket.create_server(
            (host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET
        )
    except OSError as error:
        raise UserError(f"port {port} cannot be used ({error.strerror}); try --port {port + 1}") from error
    with listening:
        await _serve(listening, host, port, public, concurrency, browser, as_json, stop)


async def _serve(
    listening: socket.socket,
    host: str,
    port: int,
    public: str,
    concurrency: int,
    browser: bool,
    as_json: bool,
    stop: asyncio.Event,
) -> None:
    chosen = settings.load()
    async with open_app(chosen.model_copy(update={"public_url": public or None})) as app:
        door = Door((await arrive(app.store, me())).name)
        await _reached_by(app, host, public)
        pages = make_server(app, door, port, public)
        ending = Ending(pages)
        config = uvicorn.Config(
            ending,
            log_level="warning",
            server_header=False,
            lifespan="off",
            timeout_graceful_shutdown=10,  # streams end by themselves; whatever else holds it up is broken off
        )
        server = _Served(config)
        serving = asyncio.create_task(server.serve([listening]))
        at = public or f"http://{HOST}:{port}"
        link = f"{at}/enter?key={door.key}"
        if as_json:
            print_line({"link": link, "api": f"{at}/api/v1"})
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
        ending.now.set()
        await serving
