"""`remit mcp`: agents as tools of an MCP client that starts Remit itself."""

from __future__ import annotations

import asyncio
import shlex
import shutil
import sys
from typing import Annotated

import typer

from remit.access.people import arrive
from remit.access.roles import RIGHTS
from remit.api.guard import Caller
from remit.cli.common import Json, console, errors, group, me, perform, print_json
from remit.cli.here import open_here
from remit.cli.serve import at_work
from remit.errors import UnknownName, UserError

# What a client that one person has for themselves is for
USUAL = ("runs:read", "runs:write", "approvals:write")
mcp = group(
    help="Agents as tools of a client of the Model Context Protocol, which starts Remit itself. (With `remit up` they are at "
    "/mcp.) `config` prints JSON with --json.\n\nExample: remit mcp serve\n\nExample: remit mcp config --json",
)
Scope = Annotated[
    list[str] | None,
    typer.Option(help=f"What the client may do, as of tokens; repeatable. Unsaid: {', '.join(USUAL)}."),
]
Concurrency = Annotated[
    int, typer.Option(min=0, max=2000, help="Runs advanced here at once; 0: other workers do it.")
]


@mcp.command()
def serve(scope: Scope = None, concurrency: Concurrency = 10) -> None:
    """Speak the protocol over standard input and output, in your name (REMIT_USER, or the login name), until the client
    closes them. Runs that are not done go on with other workers, or next time.

    Examples:

    remit mcp serve

    remit mcp serve --scope runs:read

    claude mcp add remit -- remit mcp serve
    """
    perform(_serve(scope, concurrency))


@mcp.command()
def config(scope: Scope = None, as_json: Json = False) -> None:
    """Print what a client's configuration needs to start Remit.

    Example: remit mcp config --json > .mcp.json
    """
    perform(_config(scope, as_json))


async def _config(scope: list[str] | None, as_json: bool) -> None:
    scope_of(scope)
    flags = [word for one in scope or () for word in ("--scope", one)]
    args = ["mcp", "serve", *flags]
    command = shutil.which("remit")
    words = args if command else ["-c", "from remit.cli.main import main; main()", *args]
    command = command or sys.executable
    told = {"mcpServers": {"remit": {"type": "stdio", "command": command, "args": words}}}
    if as_json:
        print_json(told)
        return
    errors.print("For Claude Code:")
    console.print(f"claude mcp add remit -- {shlex.join([command, *words])}", soft_wrap=True, markup=False)
    errors.print("For clients with a file (.mcp.json, claude_desktop_config.json, …):")
    print_json(told)


def scope_of(scope: list[str] | None) -> frozenset[str]:
    """Raises UnknownName."""
    for one in scope or ():
        if one not in RIGHTS:
            raise UnknownName("scope", one, RIGHTS, "--scope")
    return frozenset(scope or USUAL)


async def _serve(scope: list[str] | None, concurrency: int) -> None:
    scopes = scope_of(scope)
    try:
        from mcp.server.stdio import stdio_server

        from remit.protocols.mcp.server import make_mcp
    except ImportError as error:
        raise UserError("MCP needs an extra: pip install 'remit[mcp]'") from error
    stop = asyncio.Event()
    async with open_here() as app:
        who = await arrive(app.store, me())
        where = app.store.workspace
        caller = Caller(who.name, scopes & who.rights, f"stdio@{where}:{who.name}", where)
        server, host = make_mcp(app, caller=caller)
        working = (
            asyncio.create_task(at_work(app.root, concurrency, "mcp", stop=stop)) if concurrency else None
        )
        try:
            async with stdio_server() as (read, write):
                await server.run(read, write, server.create_initialization_options())
        finally:
            host.close()
            stop.set()
            if working is not None:
                await working
