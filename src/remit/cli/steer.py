"""`remit fork`, `pause`, `cancel`, `widen`."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from remit import family
from remit.agents.load import parse_rules
from remit.cli.common import Download, Json, Run, console, me, perform, print_json, read_text
from remit.cli.here import open_here
from remit.cli.run import attend, digest, end
from remit.cli.timeline import colour
from remit.forking import Otherwise
from remit.forking import fork as fork_run
from remit.journal.refs import given
from remit.said import brief


def fork(
    run: Run,
    at: Annotated[
        int | None, typer.Option("--at", help="The event to go on from; without it, the end.")
    ] = None,
    model: Annotated[str | None, typer.Option("--model", "-m", help="Go on with another model.")] = None,
    instructions: Annotated[str | None, typer.Option(help="Go on with other instructions.")] = None,
    rules: Annotated[
        Path | None, typer.Option("--rules", help="Under the `rules:` in this YAML file, as in an agent's.")
    ] = None,
    shadow: Annotated[bool, typer.Option("--shadow", help="Only simulate what it would do.")] = False,
    wait: Annotated[bool, typer.Option("--wait", help="Only make it; do not advance it.")] = False,
    as_json: Json = False,
) -> None:
    """A new run from any event of an old one. Effects before the event are not repeated; later ones are judged anew.

    Examples:

    remit fork last --at 12 --model anthropic:claude-sonnet-4-6

    remit fork 3f2a --at 4 --rules stricter.yaml --shadow
    """
    perform(_fork(run, at, Otherwise(model, instructions, shadow=shadow), rules, wait, as_json))


def pause(run: Run, as_json: Json = False) -> None:
    """Stop a run and its children, each at its next event; `remit resume` goes on.

    Example: remit pause last
    """
    perform(_pause(run, as_json))


def cancel(
    run: Run, why: Annotated[str, typer.Option(help="For the record.")] = "", as_json: Json = False
) -> None:
    """End a run and its children. What they have done stays done; what was under way is listed as in doubt until it is
    known what came of it.

    Example: remit cancel last --why "the customer called"
    """
    perform(_cancel(run, why, as_json))


def widen(
    run: Run,
    tool: Annotated[str, typer.Argument(help="A tool of its agent's that sends or changes something.")],
    times: Annotated[int, typer.Option(min=1, max=100, help="How often more.")] = 1,
    as_json: Json = False,
) -> None:
    """Let a run do more than its goal was read to ask for, where its agent freezes a grant (`grant: goal`). Its rules
    judge the call all the same.

    Examples:

    remit widen last send_money

    remit widen 3f2a send_mail --times 3 --json
    """
    perform(_widen(run, tool, times, as_json))


async def _widen(prefix: str, tool: str, times: int, as_json: bool) -> None:
    async with open_here() as app:
        run = await app.find(prefix)
        state = await app.widen(run, tool, times, me())
    if as_json:
        print_json({"run": run, "grant": state.grant})
    else:
        console.print(f"granted now: {', '.join(f'{name} ×{n}' for name, n in (state.grant or {}).items())}")
        console.print(f"\nnext: remit resume {str(run)[:8]}", style="dim")


async def _fork(
    prefix: str, at: int | None, otherwise: Otherwise, rules: Path | None, wait: bool, as_json: bool
) -> None:
    if rules is not None:
        otherwise = replace(otherwise, rules=parse_rules(read_text(rules), str(rules)))
    async with open_here(Download()) as app:
        run = await app.find(prefix)
        new = await fork_run(app, run, at, otherwise, me())
        if wait:
            if as_json:
                print_json({**digest(await app.state(new)), "fork_of": run})
            else:
                console.print(f"{new}; `remit resume {str(new)[:8]}` goes on with it")
            return
        state = await attend(app, new, quiet=as_json)
    end(state, as_json)


async def _pause(prefix: str, as_json: bool) -> None:
    async with open_here() as app:
        run = await app.find(prefix)
        await app.pause(run, me())
        members = await family.family(app, run)
    _say(members, as_json)
    if not as_json:
        console.print(f"\nnext: remit resume {str(run)[:8]}", style="dim")


async def _cancel(prefix: str, why: str, as_json: bool) -> None:
    async with open_here() as app:
        run = await app.find(prefix)
        await app.cancel(run, me(), why)
        members = await family.family(app, run)
    _say(members, as_json)
    if as_json:
        return
    for member in members:
        for call in member.state.effects:
            console.print(
                f"  stays done: {call.call.id} {call.call.tool} {brief(given(member.state, call))}",
                markup=False,
            )
        for doubt in member.in_doubt:
            text = f"  in doubt: {doubt['call']} {doubt['tool']} {brief(doubt['args'])}"
            console.print(text, style="red", markup=False)
    if any(member.in_doubt for member in members):
        console.print(
            "\nA worker finds out what became of what is in doubt.\nnext: remit effects --doubtful",
            style="dim",
        )


def _say(members: list[family.Member], as_json: bool) -> None:
    """What has become of a run and its children."""
    first, *others = members
    if as_json:
        children = [member.as_data() for member in others]
        print_json({**digest(first.state), "in_doubt": first.in_doubt, "children": children})
        return
    console.print(f"{first.run} is [{colour(first.status)}]{first.status}[/]")
    for member in others:
        status = f"[{colour(member.status)}]{member.status}[/]"
        console.print(f"  child {str(member.run)[:8]} of {member.agent}: {status}")
