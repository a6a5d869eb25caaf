"""`remit graph rejected`, `mend` and `drop`: rows that could not be taken in."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.text import Text

from remit.cli.common import Json, console, group, me, perform, print_json, read_text
from remit.cli.here import open_here
from remit.gate.unseen import shown
from remit.graph.aside import aside_of, drop, list_aside, mend, object_in

aside = group(help="Rows that could not be taken in.")
Number = Annotated[
    int, typer.Argument(min=1, max=2**63 - 1, help="The row's number, as `remit graph rejected` lists it.")
]


@aside.command("rejected")
def rejected(
    after: Annotated[int, typer.Option(min=0, help="Only those after this one.")] = 0,
    limit: Annotated[int, typer.Option(min=1, max=1000, help="Rows at most.")] = 100,
    as_json: Json = False,
) -> None:
    """Rows that could not be taken in, with the reason, the oldest first.

    Example: remit graph rejected
    """
    perform(_rejected(after, limit, as_json))


@aside.command("mend")
def mend_(
    row: Number,
    file: Annotated[
        Path, typer.Argument(help="The row as it should have been: a file of JSON, - to pipe it in.")
    ],
    as_json: Json = False,
) -> None:
    """Take in a row that was set aside after all, as it should have been.

    Example: remit graph mend 17 row.json
    """
    text = sys.stdin.read() if str(file) == "-" else read_text(file)
    perform(_mend(row, text, as_json))


@aside.command("drop")
def drop_(row: Number, as_json: Json = False) -> None:
    """Let a row go that was set aside.

    Example: remit graph drop 17
    """
    perform(_drop(row, as_json))


async def _rejected(after: int, limit: int, as_json: bool) -> None:
    async with open_here() as app:
        found = await list_aside(app.store, after, limit)
    if as_json:
        print_json(found)
        return
    if not found:
        console.print("Nothing is set aside.")
    for one in found:
        where = f"{shown(one.source) or 'nobody'}, line {one.line}, {one.at:%Y-%m-%d %H:%M}"
        console.print(Text(f"{one.id}  ", "bold").append(where, "dim"))
        console.print(Text(f"  {shown(one.field)}{': ' * bool(one.field)}{shown(one.why)}"))
        console.print(Text(f"  {shown(one.row)}", "dim"))


async def _mend(number: int, text: str, as_json: bool) -> None:
    row = object_in(text)
    async with open_here() as app:
        await mend(app.store, number, row, me())
    _done(number, "taken in", as_json)


async def _drop(number: int, as_json: bool) -> None:
    async with open_here() as app:
        await aside_of(app.store, number)
        await drop(app.store, number, me())
    _done(number, "let go", as_json)


def _done(number: int, what: str, as_json: bool) -> None:
    if as_json:
        print_json({"row": number, "done": what})
    else:
        console.print(f"row {number}: {what}")
