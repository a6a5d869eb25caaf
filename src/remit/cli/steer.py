"""`remit fork`, `pause`, `cancel`."""

from __future__ import annotations

from typing import Annotated

import typer

from remit import settings
from remit.app import open_app
from remit.cli.common import Download, console, me, perform
from remit.cli.run import attend, end

Run = Annotated[str, typer.Argument(help="The run's id, its beginning, or `last`.")]


def fork(
    run: Run,
    at: Annotated[
        int | None, typer.Option("--at", help="The event to go on from; without it, the end.")
    ] = None,
    model: Annotated[str | None, typer.Option("--model", "-m", help="Go on with another model.")] = None,
    instructions: Annotated[str | None, typer.Option(help="Go on with other instructions.")] = None,
    wait: Annotated[bool, typer.Option("--wait", help="Only make it; do not advance it.")] = False,
    as_json: Annotated[bool, typer.Option("--json")] = False,
) -> None:
    """A new run from any event of an old one. Effects before the event are not repeated; later ones are judged anew.

    Example: remit fork last --at 12 --model anthropic:claude-sonnet-4-6
    """
    perform(_fork(run, at, model, instructions, wait, as_json))


def pause(run: Run) -> None:
    """Stop a run at its next event; `remit resume` goes on."""
    perform(_pause(run))


def cancel(run: Run, why: Annotated[str, typer.Option(help="For the record.")] = "") -> None:
    """End a run. What it has done stays done; `remit show` lists it."""
    perform(_cancel(run, why))


async def _fork(
    prefix: str, at: int | None, model: str | None, instructions: str | None, wait: bool, as_json: bool
) -> None:
    changes = {k: v for k, v in {"model": model, "instructions": instructions}.items() if v is not None}
    async with open_app(settings.load(), progress=Download()) as app:
        new = await app.fork(await app.find(prefix), at, changes)
        if wait:
            console.print(f"{new}; `remit resume {str(new)[:8]}` goes on with it")
            return
        state = await attend(app, new, quiet=as_json)
    end(state, as_json)


async def _pause(prefix: str) -> None:
    async with open_app(settings.load()) as app:
        run = await app.find(prefix)
        await app.pause(run, me())
    console.print(f"{run} is paused; `remit resume {str(run)[:8]}` goes on")


async def _cancel(prefix: str, why: str) -> None:
    async with open_app(settings.load()) as app:
        run = await app.find(prefix)
        await app.cancel(run, me(), why)
    console.print(f"{run} is cancelled")
