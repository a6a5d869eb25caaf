"""`remit delegate`, `remit away`: letting another person decide in one's place, one question or all for a time."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime
from typing import Annotated

import typer
from rich.text import Text

from remit.away import come_back, go_away, list_away
from remit.cli.common import Json, Run, console, listing, me, perform, print_json
from remit.cli.here import open_here
from remit.errors import UserError
from remit.gate.unseen import shown


def delegate(
    run: Run,
    ask: Annotated[str, typer.Argument(help="Which of several things, as the inbox names it (a2.1).")] = "",
    to: Annotated[str, typer.Option("--to", help="Who decides in your place, by id or e-mail.")] = "",
    back: Annotated[bool, typer.Option("--back", help="Take it back: nobody decides in your place.")] = False,
    as_json: Json = False,
) -> None:
    """Let somebody else decide, in your place, what a run asks you. You may still decide it yourself; where two people must say
    yes, the two of you count as one; and a yes goes as far as both of you may.

    Examples:

    remit delegate last a3.2 --to bo@shop.example

    remit delegate last a3.2 --back
    """
    if bool(to) == back:
        raise typer.BadParameter("say who decides in your place, by --to, or take it back, by --back")
    perform(_delegate(run, ask, to, as_json))


def away(
    to: Annotated[str, typer.Option("--to", help="Who decides in your place, by id or e-mail.")] = "",
    until: Annotated[
        str, typer.Option("--until", help="When you are back: 2026-11-30, or with a time, 2026-11-30T08:00.")
    ] = "",
    end: Annotated[bool, typer.Option("--end", help="You are back: nobody decides in your place.")] = False,
    as_json: Json = False,
) -> None:
    """Let somebody else decide in your place all that you are asked, until you are back; without options, who is away.

    A day is the beginning of that day, by this machine's clock. You may still decide yourself; where two people must say yes,
    the two of you count as one; and a yes goes as far as both of you may.

    Examples:

    remit away --to bo@shop.example --until 2026-11-30

    remit away

    remit away --end
    """
    if end and (to or until):
        raise typer.BadParameter("either --end, or --to and --until")
    if bool(to) != bool(until):
        raise typer.BadParameter("--to and --until go together")
    perform(_away(to, until, end, as_json))


async def _delegate(prefix: str, ask: str, to: str, as_json: bool) -> None:
    async with open_here() as app:
        run = await app.find(prefix)
        body = await app.hand_over(run, me(), to, ask)
    if as_json:
        print_json({"run": run, "ask": body.ask_id, "by": body.by, "to": body.to})
    elif to:
        console.print(Text(shown(f"{to} may decide {body.ask_id} of run {str(run)[:8]} in your place")))
    else:
        console.print(Text(f"nobody decides {body.ask_id} of run {str(run)[:8]} in your place any more"))


async def _away(to: str, until: str, end: bool, as_json: bool) -> None:
    async with open_here() as app:
        if end:
            found = [await come_back(app.store, me())]
        elif to:
            found = [await go_away(app.store, me(), to, _when(until))]
        else:
            found = await list_away(app.store)
    if as_json:
        print_json([asdict(one) for one in found])
    elif end:
        console.print(Text(shown(f"{found[0].deputy} does not decide in your place any more")))
    elif not found:
        console.print("Nobody is away: everybody decides for themselves.")
    else:
        table = listing("away", "decides in their place", "since", "until", whole=("since", "until"))
        for one in found:
            times = (f"{at.astimezone():%d %b %H:%M}" for at in (one.since, one.until))
            table.add_row(Text(shown(one.who)), Text(shown(one.deputy)), *times)
        console.print(table)


def _when(text: str) -> datetime:
    """A day or a time, by this machine's clock where it names no zone."""
    try:
        return datetime.fromisoformat(text).astimezone()
    except (ValueError, OverflowError) as error:
        raise UserError(
            f"--until: {text!r} is no time; write a day as 2026-11-30, or 2026-11-30T08:00"
        ) from error
