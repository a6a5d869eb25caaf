"""`remit keys`: keys of model providers, where the environment has none. A key is never an argument: it would stand in the
shell's history."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer
from rich.text import Text

from remit.cli.common import Json, console, group, hidden, listing, me, perform, print_json
from remit.cli.here import open_here
from remit.models.keys import KEYED, LONGEST, list_keys, remove_key, set_key

keys = group(
    help="Keys of model providers that the workspace has, used where the environment has none. They are kept sealed, and shown to "
    f"nobody. Providers: {', '.join(KEYED)}. Each prints JSON with --json.\n\nExample: remit keys set anthropic < key.txt",
)
Which = Annotated[str, typer.Argument(help="The provider: anthropic, openai, …")]


@keys.command("set")
def set_(provider: Which, as_json: Json = False) -> None:
    """Keep a key, in place of the one that is there. It is asked for, or read from what is piped in.

    Example: pass show anthropic | remit keys set anthropic
    """
    perform(_set(provider, as_json))


@keys.command("list")
def list_(as_json: Json = False) -> None:
    """Whose keys there are, who set them and when; never a key.

    Example: remit keys list
    """
    perform(_list(as_json))


@keys.command()
def remove(provider: Which, as_json: Json = False) -> None:
    """Forget a key.

    Example: remit keys remove anthropic
    """
    perform(_remove(provider, as_json))


async def _set(provider: str, as_json: bool) -> None:
    value = hidden(f"key of {provider}", LONGEST, twice=False)
    async with open_here() as app:
        await set_key(app.store, provider, value, me())
    if as_json:
        print_json({"provider": provider, "by": me()})
    else:
        console.print(Text(f"kept: the key of {provider}"))


async def _list(as_json: bool) -> None:
    async with open_here() as app:
        found = await list_keys(app.store)
    if as_json:
        print_json([asdict(one) for one in found])
        return
    if not found:
        console.print("No key is kept here; `remit models` says what the environment opens.")
        return
    table = listing("provider", "set by", "when", "")
    for one in found:
        why = "" if one.readable else "sealed under another key than this machine's"
        table.add_row(
            one.provider, Text(one.by), f"{one.set_at.astimezone():%d %b %Y %H:%M}", Text(why, "red")
        )
    console.print(table)


async def _remove(provider: str, as_json: bool) -> None:
    async with open_here() as app:
        await remove_key(app.store, provider, me())
    if as_json:
        print_json({"provider": provider, "removed": True})
    else:
        console.print(Text(f"forgotten: the key of {provider}"))
