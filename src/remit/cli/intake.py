"""`remit graph intake` and `remit graph sync`: where the graph hears of people from other systems."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer
from rich.text import Text

from remit.app import App
from remit.cli.common import Json, console, errors, group, hidden, listing, me, perform, print_json
from remit.cli.here import open_here
from remit.errors import UserError
from remit.gate.unseen import shown
from remit.graph.ingest import Taken
from remit.intake import kept
from remit.intake.kept import SECRET, Kept
from remit.intake.spec import read_intake
from remit.intake.sync import sync

intake = group(
    help="What other systems deliver, or have in their databases, as rows of the graph: each by a file that says what goes where. "
    "Each prints JSON with --json.\n\nExample: remit graph intake set orders.yaml",
)
Name = Annotated[str, typer.Argument(help="What it is called; also the source of its rows.")]


@intake.command("set")
def set_(file: Annotated[Path, typer.Argument(help="A YAML file.")], as_json: Json = False) -> None:
    """Take it in from now on, in place of the one of that name.

    Example: remit graph intake set orders.yaml
    """
    perform(_set(file, as_json))


@intake.command("list")
def list_(as_json: Json = False) -> None:
    """What is taken in, and whether that goes well.

    Example: remit graph intake list
    """
    perform(_list(as_json))


@intake.command("secret")
def secret(
    name: Name,
    given: Annotated[
        bool, typer.Option("--given", help="The sender gives it out: typed unseen, or piped in.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Make the secret of a webhook, or a new one, and show it, this once. For a day the one before is taken too.

    Example: remit graph intake secret orders
    """
    text = hidden("secret", SECRET, twice=False).strip() if given else ""
    perform(_secret(name, text, as_json))


@intake.command("pause")
def pause(name: Name, as_json: Json = False) -> None:
    """Ask senders to try again later, and read no database.

    Example: remit graph intake pause orders
    """
    perform(_stopped(name, True, as_json))


@intake.command("resume")
def resume(name: Name, as_json: Json = False) -> None:
    """Take in again; a database is read on from where it was.

    Example: remit graph intake resume orders
    """
    perform(_stopped(name, False, as_json))


@intake.command("rm")
def rm(name: Name, as_json: Json = False) -> None:
    """Take nothing in from there any more. What came stays.

    Example: remit graph intake rm orders
    """
    perform(_rm(name, as_json))


def sync_(
    name: Annotated[str, typer.Argument(help="Only this one; left out: all of them.")] = "",
    as_json: Json = False,
) -> None:
    """Read databases now, on from where they were: otherwise `remit worker` does when their time has come. Whoever is killed goes
    on where they were, and nothing counts twice.

    Example: remit graph sync orders
    """
    perform(_sync(name, as_json))


async def _set(file: Path, as_json: bool) -> None:
    made = read_intake(file)
    async with open_here() as app:
        one = await kept.put(app.store, made, me())
    if as_json:
        print_json(_data(one))
        return
    console.print(Text(f"{one.name}: {one.state}"))
    if one.path:
        console.print(
            Text(f"Delivered to {one.path}; `remit graph intake secret {one.name}` makes its secret.")
        )
    else:
        console.print(Text(f"Read by `remit worker`, or now: remit graph sync {one.name}"))


async def _list(as_json: bool) -> None:
    async with open_here() as app:
        found = await kept.list_intakes(app.store)
    if as_json:
        print_json([_data(one) for one in found])
        return
    if not found:
        console.print("There is none; `remit graph intake set FILE.yaml` adds one.")
        return
    table = listing("intake", "from", "state", "last heard", "taken in", "set aside", whole=("intake",))
    for one in found:
        made = one.intake
        where = one.path or f"the database {made.database}"
        last = f"{one.heard_at.astimezone():%d %b %H:%M}" if one.heard_at else ""
        table.add_row(one.name, Text(where), one.state, last, f"{one.taken:,}", f"{one.aside:,}")
    console.print(table)
    for one in found:
        if one.went:
            console.print(Text(f"{one.name}: {shown(one.went)}"))


async def _secret(name: str, given: str, as_json: bool) -> None:
    async with open_here() as app:
        made = await kept.make_secret(app.store, name, me(), given)
        one = await kept.get_intake(app.store, name)
    if as_json:
        print_json({"intake": name, "path": one.path, "secret": made})
        return
    errors.print(Text(f"Deliveries to {one.path} are taken with it. It is not shown again."))
    print(made)


async def _stopped(name: str, stop: bool, as_json: bool) -> None:
    async with open_here() as app:
        one = await (kept.pause if stop else kept.resume)(app.store, name, me())
    if as_json:
        print_json(_data(one))
    else:
        console.print(Text(f"{one.name}: {one.state}"))


async def _rm(name: str, as_json: bool) -> None:
    async with open_here() as app:
        await kept.remove(app.store, name, me())
    if as_json:
        print_json({"removed": name})
    else:
        console.print(f"{name}: nothing is taken in from there any more")


async def _sync(name: str, as_json: bool) -> None:
    told: dict[str, Taken] = {}
    async with open_here() as app:
        found = [await kept.get_intake(app.store, name)] if name else await kept.list_intakes(app.store)
        for one in found:
            if name or not one.path:
                told[one.name] = await _one(app, one)
    if as_json:
        print_json({name: _counted(one) for name, one in told.items()})
        return
    for called, taken in told.items():
        aside = f", {len(taken.set_aside):,} set aside" if taken.set_aside else ""
        console.print(Text(f"{called}: {taken.new:,} taken in, {taken.known:,} were there already{aside}"))
    if not told:
        console.print("No database is read; `remit graph intake set FILE.yaml` adds one.")


async def _one(app: App, one: Kept) -> Taken:
    taken = Taken()
    try:
        async for some in sync(app, one):
            taken += some
    except OSError as error:
        raise UserError(f"intake {one.name}: {error}") from error
    return taken


def _counted(one: Taken) -> dict[str, int]:
    return {"new": one.new, "known": one.known, "set_aside": len(one.set_aside)}


def _data(one: Kept) -> dict[str, Any]:
    names = (
        "name",
        "state",
        "path",
        "spec",
        "by",
        "at",
        "secret_at",
        "next_at",
        "heard_at",
        "taken",
        "aside",
    )
    return {name: getattr(one, name) for name in (*names, "went", "went_at")}
