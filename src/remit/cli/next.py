"""`remit decisions next | run`: the next best action for one person, and for everybody."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from remit.cli.common import Json, console, errors, escape, listing, me, perform, print_json
from remit.cli.decisions import decisions
from remit.cli.here import open_here
from remit.cli.playbooks import Playbook, staged
from remit.decisions.deciding import look, look_all, take
from remit.decisions.log import Made
from remit.decisions.rounds import Going, begin, drop, go_on
from remit.decisions.whom import NAMES
from remit.errors import UserError
from remit.graph.people import Person, find


@decisions.command("next", short_help="The next best action for a person: what, why, and what was ruled out.")
def next_(
    person: Annotated[str, typer.Argument(help="By any identifier, or number.")],
    playbook: Annotated[str, typer.Option("--playbook", help="Left out: all that decide.")] = "",
    keep: Annotated[
        bool, typer.Option("--take", help="Decide it so: it is logged, and done where the version acts.")
    ] = False,
    as_json: Json = False,
) -> None:
    """What would be done for somebody now, how likely it was to be chosen, what else could have been, and what is ruled out by which rule and
    until when. Nothing is written but by --take, and until tomorrow that is what is shown.

    Examples:

    remit decisions next ann@shop.example

    remit decisions next customer:C1042 --playbook winback --take --json
    """
    perform(_next(person, playbook, keep, as_json))


async def _next(who: str, playbook: str, keep: bool, as_json: bool) -> None:
    now = datetime.now(UTC)
    async with open_here() as app:
        person = await find(app.store, who)
        if playbook:
            found = {playbook: await look(app.store, playbook, person.id, now)}
        else:
            found = await look_all(app.store, person.id, now)
        if not found:
            raise UserError("no playbook decides here: `remit decisions save FILE` keeps one")
        taken = {name: await take(app.store, name, person.id, now) for name in found} if keep else {}
    if as_json:
        told = {name: [as_data(one) for one in some] for name, some in found.items()}
        print_json(
            {"person": person.id, "called": person.called, "next": told} | ({"taken": taken} if keep else {})
        )
        return
    for name, some in found.items():
        _show(person, name, some)
        if keep:
            ids = ", ".join(map(str, taken[name]))
            console.print(
                f"Decided: {ids}" if ids else "A choice holds for them: nothing new was decided.", style="dim"
            )


def as_data(one: Made) -> dict[str, Any]:
    """A decision as programs read it."""
    row = dict(one.row)
    row["options"] = [
        dict(zip(("action", "expected", "chance"), each, strict=True)) for each in row["options"]
    ]
    row["ruled_out"] = [
        {
            "action": name,
            "rules": [dict(zip(("rule", "because", "until"), rule, strict=True)) for rule in rules],
        }
        for name, rules in row["ruled_out"]
    ]
    row["urgency"] = [
        dict(zip(("action", "times", "because"), (name, *why), strict=True))
        for name, why in row["urgency"].items()
    ]
    row["features"] = dict(zip(NAMES, one.known, strict=True))
    return row


def _show(person: Person, name: str, some: list[Made]) -> None:
    if not some:
        console.print(f"{escape(person.called)}: no version of {name} decides for them.")
    for one in some:
        found = one.decision
        console.print(
            f"[bold]{escape(found.action)}[/] for {escape(person.called)}, by {name} {one.of.version} ({staged(one.of)}): {escape(found.reason)}"
        )
        table = listing("action", "expected", "chance", "", whole=("action",))
        for option in sorted(found.options, key=lambda each: -each.expected):
            table.add_row(
                option.action,
                f"{option.expected:.4g}",
                f"{option.chance:.1%}",
                "chosen" if option.action == found.action else "",
            )
        for action, why in found.pressing.items():
            said = f"{why.times:.2g} times as urgent: {why.because}"
            table.add_row(action, "", "", escape(said), style="dim")
        for action, rules in found.ruled_out:
            for rule in rules:
                until = f" until {rule.until:%Y-%m-%d %H:%M %Z}" if rule.until else ""
                table.add_row(action, "", "", escape(f"{rule.rule}: {rule.because}{until}"), style="dim")
        console.print(table)


@decisions.command("run", short_help="Decide for everybody, or for those of whom something is known.")
def run_(
    playbook: Playbook,
    only: Annotated[
        list[str] | None,
        typer.Option(
            "--only",
            help=f"NAME=WORD, NAME!=WORD, NAME<NUMBER or NAME>NUMBER of {', '.join(NAMES)}; of what was said of their account, as account.KEY; or segment=NAME. Repeatable.",
        ),
    ] = None,
    again: Annotated[
        bool, typer.Option("--drop", help="Let a round be that was broken off, and begin a new one.")
    ] = False,
    as_json: Json = False,
) -> None:
    """A round: the next best action of each person for whom no choice holds. Ctrl-C loses nothing, and the same command goes on.

    Examples:

    remit decisions run winback

    remit decisions run winback --only stage=dormant --only "spent>100" --json
    """
    perform(_run(playbook, only or [], again, as_json))


async def _run(playbook: str, only: list[str], again: bool, as_json: bool) -> None:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    async with open_here() as app:
        if again:
            await drop(app.store, playbook)
        one = await begin(app.store, playbook, me(), only)
        with Progress(*columns, console=errors, transient=True) as bar:
            task = bar.add_task(f"Deciding by {playbook}", total=one.people, completed=one.looked_at)
            while one.done_at is None:
                one = await go_on(app.store, one.id)
                bar.update(task, completed=one.looked_at)
    print_json(one) if as_json else console.print(_said(one))


def _said(one: Going) -> str:
    people = "1 person" if one.looked_at == 1 else f"{one.looked_at:,} people"
    made = "1 decision" if one.made == 1 else f"{one.made:,} decisions"
    return f"{people} looked at, {made}; `remit decisions quality {one.playbook}` says what came of it once that is known."


__all__ = ["as_data", "decisions"]
