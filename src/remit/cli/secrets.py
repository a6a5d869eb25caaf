"""`remit secrets`: what tools need and nobody else sees. A value is never an argument: it would stand in the shell's history."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.text import Text

from remit.cli.common import Json, console, group, hidden, listing, me, perform, print_json
from remit.cli.here import open_here
from remit.store.secrets import LONGEST, list_secrets, remove_secret, set_secret

secrets = group(
    help="What tools need and nobody else sees: keys, passwords, addresses with a password. An agent's file names one as "
    "`secret:NAME`; its value is given to the tool, and to nobody and nothing else. Each prints JSON with --json.\n\n"
    "Example: remit secrets set CRM_KEY < key.txt",
)
Name = Annotated[str, typer.Argument(help="As agents name it: CRM_KEY for `secret:CRM_KEY`.")]


@secrets.command("set")
def set_(name: Name, as_json: Json = False) -> None:
    """Keep a secret, encrypted, in place of the one of that name. It is asked for, or read from what is piped in.

    Example: remit secrets set CRM_KEY

    Example: pass show crm | remit secrets set CRM_KEY
    """
    perform(_set(name, as_json))


@secrets.command("list")
def list_(as_json: Json = False) -> None:
    """The secrets by name, who set them and when; never a value.

    Example: remit secrets list
    """
    perform(_list(as_json))


@secrets.command()
def rm(name: Name, as_json: Json = False) -> None:
    """Forget a secret. Agents that name it fail from then on, with its name.

    Example: remit secrets rm CRM_KEY
    """
    perform(_rm(name, as_json))


async def _set(name: str, as_json: bool) -> None:
    value = hidden(f"value of {name}", LONGEST)
    async with open_here() as app:
        await set_secret(app.store, name, value, me())
    if as_json:
        print_json({"name": name, "by": me()})
    else:
        console.print(Text(f"kept: {name}; agents name it secret:{name}"))


async def _list(as_json: bool) -> None:
    async with open_here() as app:
        found = await list_secrets(app.store)
    if as_json:
        print_json([{"name": s.name, "by": s.by, "set_at": s.set_at, "readable": s.readable} for s in found])
        return
    if not found:
        console.print("No secrets are kept.")
        return
    table = listing("name", "set by", "on", "", whole=("name", "on"))
    for one in found:
        note = "" if one.readable else "sealed under another key than this machine's"
        table.add_row(Text(one.name), Text(one.by), f"{one.set_at.astimezone():%d %b %Y %H:%M}", note)
    console.print(table)


async def _rm(name: str, as_json: bool) -> None:
    async with open_here() as app:
        await remove_secret(app.store, name, me())
    if as_json:
        print_json({"name": name})
    else:
        console.print(Text(f"gone: {name}"))
