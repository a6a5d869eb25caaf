"""The rules for every agent of a workspace: what holds, how it came to, and a text to hold from now on."""

from __future__ import annotations

import sys
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.text import Text

from remit.cli.common import Json, console, errors, group, listing, me, perform, print_json
from remit.cli.here import open_here
from remit.errors import UserError
from remit.gate.unseen import shown
from remit.rulebook import mark_of, newest, text_of, version, versions

rules = group(
    help="The rules for every agent of a workspace: they only narrow what an agent's own rules allow. They are kept in the database, "
    "so that all machines are held by them; `rules.yaml` in the data folder, or where REMIT_RULES says, holds beside them. Each "
    "prints JSON with --json.\n\nExample: remit rules save rules.yaml --note 'finance looks at refunds over 30'",
)


@rules.command()
def save(
    file: Annotated[Path, typer.Argument(help="A file with `rules:`; - reads them from the input.")],
    note: Annotated[str, typer.Option("--note", "-m", help="Why, for whoever looks later.")] = "",
    as_json: Json = False,
) -> None:
    """Let this text hold from now on, in place of what was saved before: for runs that are under way too, where it is
    stricter. `remit policy diff --workspace FILE` says first what it would have changed.

    Examples:

    remit rules save rules.yaml --note "finance looks at refunds over 30"

    remit rules show --version 12 | remit rules save - --note "back to version 12"
    """
    perform(_save(file, note, as_json))


@rules.command()
def show(
    number: Annotated[int | None, typer.Option("--version", min=1, help="An earlier one.")] = None,
    as_json: Json = False,
) -> None:
    """The text as it was saved.

    Examples:

    remit rules show > rules.yaml

    remit rules show --version 12 --json
    """
    perform(_show(number, as_json))


@rules.command("list")
def list_(as_json: Json = False) -> None:
    """How the rules have stood, the newest first.

    Example: remit rules list --json
    """
    perform(_list(as_json))


async def _save(file: Path, note: str, as_json: bool) -> None:
    try:
        text = sys.stdin.read() if str(file) == "-" else file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{file} cannot be read: {error}") from error
    async with open_here() as app:
        base = mark_of(await text_of(app.store))
        made = await app.rulebook.save(app.store, text, note, me(), base)
        held = await app.rules()
    if as_json:
        print_json(asdict(made))
        return
    count = len(held.rules)
    console.print(
        Text(
            f"Version {made.id} holds: {count} rule{'s' * (count != 1)} for every agent of {app.settings.workspace}."
        )
    )


async def _show(number: int | None, as_json: bool) -> None:
    async with open_here() as app:
        found = (await version(app.store, number))[0] if number else await newest(app.store)
    if as_json:
        print_json(asdict(found) if found else None)
    elif found:
        sys.stdout.write(found.text)
    else:
        errors.print("No rules for every agent have been saved here: `remit rules save FILE` saves some.")


async def _list(as_json: bool) -> None:
    async with open_here() as app:
        found = await versions(app.store, limit=100)
    if as_json:
        print_json([asdict(one) for one in found])
        return
    table = listing("version", "note", "by", "at", whole=("version", "at"))
    for one in found:
        row: list[Any] = [str(one.id), shown(one.note), shown(one.who), f"{one.at:%Y-%m-%d %H:%M}"]
        table.add_row(*(Text(cell) for cell in row))
    console.print(table if found else "No rules for every agent have been saved here.")
