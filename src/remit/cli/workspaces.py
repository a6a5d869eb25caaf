"""`remit workspaces`: who works apart from whom. What a command works in is said by REMIT_WORKSPACE, or `remit --workspace NAME …`."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer
from rich.text import Text

from remit import settings
from remit import workspaces as kept
from remit.app import open_app
from remit.cli.common import Json, console, group, listing, me, perform, print_json

workspaces = group(
    help="Workspaces: each has its own people, agents, rules, secrets and runs, and sees nothing of another's. A command works in "
    "the one that REMIT_WORKSPACE names, or `remit --workspace NAME COMMAND …`; `default` where none is named. Each prints JSON "
    "with --json.\n\nExample: remit workspaces add acme --title 'Acme Sales'",
)
Name = Annotated[str, typer.Argument(help="Its name: acme.")]


@workspaces.command()
def add(
    name: Name,
    title: Annotated[str, typer.Option(help="What people call it; else its name.")] = "",
    as_json: Json = False,
) -> None:
    """Make a workspace, of which you are the owner.

    Examples:

    remit workspaces add acme --title "Acme Sales"

    remit --workspace acme people add bo@acme.example --role builder
    """
    perform(_add(name, title, as_json))


@workspaces.command("list")
def list_(as_json: Json = False) -> None:
    """All workspaces.

    Example: remit workspaces list --json
    """
    perform(_list(as_json))


@workspaces.command()
def rename(
    name: Name,
    title: Annotated[str, typer.Argument(help="What people call it from now on.")],
    as_json: Json = False,
) -> None:
    """Call a workspace otherwise. Its name stays, by which commands and files know it.

    Example: remit workspaces rename acme "Acme Europe"
    """
    perform(_rename(name, title, as_json))


async def _add(name: str, title: str, as_json: bool) -> None:
    async with open_app(settings.load()) as app:
        _told(await kept.add_workspace(app.store, me(), name, title), as_json)


async def _rename(name: str, title: str, as_json: bool) -> None:
    async with open_app(settings.load()) as app:
        _told(await kept.rename_workspace(app.store, me(), name, title), as_json)


async def _list(as_json: bool) -> None:
    chosen = settings.load()
    async with open_app(chosen) as app:
        found = await kept.list_workspaces(app.store)
    if as_json:
        print_json([asdict(one) for one in found])
        return
    table = listing("name", "called", "since", "", whole=("name", "since"))
    for one in found:
        here = "commands work here" if one.name == chosen.workspace else ""
        table.add_row(one.name, Text(one.title), f"{one.created_at.astimezone():%d %b %Y}", here)
    console.print(table)


def _told(one: kept.Space, as_json: bool) -> None:
    if as_json:
        print_json(asdict(one))
    else:
        console.print(Text(f"{one.name}: {one.title}"))
