"""`remit intents behaviour`: how wants show in what people do, as data."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.text import Text

from remit.agents.yaml import read_as
from remit.cli.common import Json, console, errors, group, listing, me, perform, print_json
from remit.cli.here import open_here
from remit.graph.behaviour import Patterns
from remit.graph.behaviours import behaviours_of, forget, infer, save

behaviour = group(
    help="What people want, from what they do: patterns of what happened, how often and within how many days, and what followed. Each prints JSON "
    "with --json.\n\nExample: remit intents behaviour save behaviours.yaml"
)


@behaviour.command("save")
def save_(
    file: Annotated[Path, typer.Argument(help="FILE.yaml, with a list `behaviours`.")], as_json: Json = False
) -> None:
    """Take patterns from a file, each in place of what has its name.

    Example: remit intents behaviour save behaviours.yaml
    """
    perform(_save(file, as_json))


@behaviour.command("list")
def list_(as_json: Json = False) -> None:
    """The patterns in words, and how sure they are.

    Example: remit intents behaviour list
    """
    perform(_list(as_json))


@behaviour.command("infer")
def infer_(as_json: Json = False) -> None:
    """Count who shows which now, and what followed where it was shown before: how sure each is, is known by that from now on.

    Example: remit intents behaviour infer
    """
    perform(_infer(as_json))


@behaviour.command("forget")
def forget_(
    name: Annotated[str, typer.Argument(help="The pattern's intent.")], as_json: Json = False
) -> None:
    """Remove a pattern.

    Example: remit intents behaviour forget leaving
    """
    perform(_forget(name, as_json))


async def _save(file: Path, as_json: bool) -> None:
    patterns = read_as(Patterns, file).behaviours
    async with open_here() as app:
        changed = await save(app.store, patterns, me())
        known = await behaviours_of(app.store)
    if as_json:
        print_json({"changed": changed, "behaviours": known})
        return
    console.print(f"{changed:,} new or otherwise of {len(patterns):,}; {len(known):,} are known.")


async def _list(as_json: bool) -> None:
    async with open_here() as app:
        known = await behaviours_of(app.store)
    if as_json:
        print_json(
            [
                {**one.pattern.model_dump(), "sure": one.sure, "shown": one.shown, "followed": one.followed}
                for one in known
            ]
        )
        return
    if not known:
        console.print("No behaviour is known yet; `remit intents behaviour save` takes a file.")
        return
    for one in known:
        console.print(Text(f"{one.pattern.intent}  ", "bold").append(f"{one.sure:.0%}", "dim"))
        console.print(Text(f"  {one.pattern.words}"))
        if one.shown:
            console.print(
                Text(f"  was shown {one.shown:,} times; {one.followed:,} times the outcome followed", "dim")
            )


async def _infer(as_json: bool) -> None:
    async with open_here() as app:
        with errors.status("Looking…"):
            found = await infer(app.store)
        sure = {one.pattern.intent: one.sure for one in await behaviours_of(app.store)}
    if as_json:
        print_json({"people": found.people, "behaviours": [{"intent": name, "now": one.now, "shown": one.shown, "followed": one.followed, "sure": sure[name]} for name, one in found.of_each.items()]})  # fmt: skip
        return
    console.print(f"{found.people:,} people looked at.")
    table = listing("intent", "show it now", "shown before", "outcome followed", "sure")
    for name, one in found.of_each.items():
        table.add_row(Text(name), f"{one.now:,}", f"{one.shown:,}", f"{one.followed:,}", f"{sure[name]:.0%}")
    if found.of_each:
        console.print(table)


async def _forget(name: str, as_json: bool) -> None:
    async with open_here() as app:
        await forget(app.store, name, me())
    if as_json:
        print_json({"intent": name})
    else:
        console.print(f"{name}: gone.")
