"""`remit remembered`, `forget`: what people said yes to for good, and the end of that."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer
from rich.text import Text

from remit import remembered as kept
from remit.cli.common import Json, console, listing, me, perform, print_json
from remit.cli.here import open_here
from remit.gate.remembered import Remembered
from remit.gate.unseen import shown


def remembered(
    agent: Annotated[str, typer.Option(help="Only this agent's.")] = "",
    as_json: Json = False,
) -> None:
    """What is not asked about any more, since somebody said yes to it for good (`remit approve … --remember`): for which
    agent and tool, with which values, in place of which rule, by whom and when.

    Example: remit remembered --agent desk
    """
    perform(_remembered(agent, as_json))


def forget(
    number: Annotated[int, typer.Argument(help="As `remit remembered` lists it.")], as_json: Json = False
) -> None:
    """Ask again about what was remembered, from the next call on.

    Example: remit forget 3
    """
    perform(_forget(number, as_json))


async def _remembered(agent: str, as_json: bool) -> None:
    async with open_here() as app:
        found = await kept.list_remembered(app.store, agent)
    if as_json:
        print_json([as_data(one) for one in found])
        return
    if not found:
        console.print("Nothing is remembered: every call that a rule asks about is asked about.")
        return
    table = listing(
        "id", "agent", "not asked about any more", "in place of", "by", "since", whole=("id", "since")
    )
    for one in found:
        since = f"{one.at.astimezone():%d %b %H:%M}"
        by = Text(shown(one.by))
        table.add_row(str(one.id), one.agent, Text(one.words), Text(shown(one.rule), "dim"), by, since)
    console.print(table)


async def _forget(number: int, as_json: bool) -> None:
    async with open_here() as app:
        one = await kept.forget(app.store, number, me())
    if as_json:
        print_json(as_data(one))
    else:
        console.print(Text(f"forgotten: {one.words}; {one.agent} asks again"))


def as_data(one: Remembered) -> dict[str, object]:
    return {**asdict(one), "words": one.words}
