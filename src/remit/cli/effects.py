"""`remit effects`, `undo`: what was done to the world, with its keys, and taking it back."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.table import Table
from rich.text import Text

from remit.cli.common import Download, Json, Run, console, left_out, listing, me, perform, print_json
from remit.cli.here import open_here
from remit.cli.run import digest, end
from remit.journal.effects import Effect, ledger, list_effects
from remit.journal.index import count_archived
from remit.said import brief

COLOUR = {"ok": "green", "in doubt": "red", "unknown": "red", "failed": "yellow", "undone": "cyan"}


def effects(
    run: Annotated[str, typer.Argument(help="Only this run's: its id, its beginning, or `last`.")] = "",
    doubtful: Annotated[
        bool, typer.Option("--doubtful", help="Only those whose outcome is not known.")
    ] = False,
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, max=1000)] = 50,
    as_json: Json = False,
) -> None:
    """The ledger of effects, newest first: what was done, once, under which key, by which rule or whose yes.

    An effect in doubt was begun by a process that died or still runs. Whoever advances its run settles it as its tool
    declares: by its key, by looking, or by asking you.

    Examples:

    remit effects --doubtful

    remit effects last --json
    """
    perform(_effects(run, doubtful, limit, as_json))


def undo(
    run: Run,
    call: Annotated[str, typer.Argument(help="The effect, as `remit effects` names it (3.1).")],
    as_json: Json = False,
) -> None:
    """Take an effect back, once, as its tool declares. Refused where the tool does not say how.

    Example: remit undo last 3.1
    """
    perform(_undo(run, call, as_json))


async def _effects(prefix: str, doubtful: bool, limit: int, as_json: bool) -> None:
    archived = 0
    async with open_here() as app:
        if prefix:
            found = ledger(await app.journal.read(await app.find(prefix)))
            if doubtful:
                found = [effect for effect in found if effect.outcome in ("in doubt", "unknown")]
            found = found[::-1][:limit]
        else:
            found = await list_effects(app.store, app.journal, doubtful=doubtful, limit=limit)
            archived = await count_archived(app.store)
    if as_json:
        print_json(found)
    elif not found:
        console.print("Nothing is in doubt." if doubtful else "Nothing was done to the world yet.")
    else:
        console.print(table(found))
    if not as_json:
        left_out(archived)


def table(found: list[Effect]) -> Table:
    rows = listing("run", "call", "what", "outcome", "tries", "begun", "by", whole=("run", "call", "begun"))
    for effect in found:
        outcome = f"[{COLOUR.get(effect.outcome, 'white')}]{effect.outcome}[/]"
        begun = f"{effect.begun.astimezone():%d %b %H:%M:%S}"
        by = f"yes of {effect.approved_by}" if effect.approved_by else effect.rule
        what = Text(f"{effect.tool} {brief(effect.args, 120)}")
        rows.add_row(str(effect.run)[:8], effect.call, what, outcome, str(effect.attempts), begun, Text(by))
    return rows


async def _undo(prefix: str, call: str, as_json: bool) -> None:
    async with open_here(Download()) as app:
        state = await app.undo(await app.find(prefix), call, me())
    taken_back = state.calls.get(f"undo:{call}")
    if state.calls[call].undone:
        print_json(digest(state)) if as_json else console.print(f"{call} is undone")
        return
    if not as_json and taken_back is not None and taken_back.acted is not None:
        console.print(f"{call} is not undone: {brief(taken_back.acted.result, 300)}")
        raise typer.Exit(4)
    end(state, as_json)
