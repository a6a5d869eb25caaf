"""`remit triggers`: what begins runs of published agents without a person at a keyboard."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from pydantic_core import from_json
from rich.text import Text

from remit.cli.common import Json, console, errors, group, listing, me, perform, print_json, read_text
from remit.cli.here import open_here
from remit.errors import UserError
from remit.gate.unseen import shown
from remit.journal.index import find_run
from remit.triggers import firing, kept
from remit.triggers.firing import Firing
from remit.triggers.kept import Standing
from remit.triggers.refusals import list_refusals
from remit.triggers.words import ahead, begins

triggers = group(
    help="What begins runs of published agents without a person at a keyboard: times, deliveries over HTTP, runs of other agents "
    "that have ended. An agent's YAML names them under `triggers:`; `remit up` and `remit worker` begin the runs. Each prints "
    "JSON with --json.\n\nExample: remit triggers list",
)
Which = Annotated[str, typer.Argument(help="AGENT/TRIGGER; the agent alone, where it has one.")]


@triggers.command("list")
def list_(
    agent: Annotated[str, typer.Option(help="Only of this agent.")] = "", as_json: Json = False
) -> None:
    """The triggers of the versions that run, when each comes next and what it began last.

    Example: remit triggers list --agent support
    """
    perform(_list(agent, as_json))


@triggers.command()
def show(
    trigger: Which,
    limit: Annotated[int, typer.Option(min=1, max=1000, help="Events.")] = 10,
    as_json: Json = False,
) -> None:
    """A trigger with its next times, what it heard lately, and deliveries that were refused.

    Example: remit triggers show support/morning
    """
    perform(_show(trigger, limit, as_json))


@triggers.command()
def pause(trigger: Which, as_json: Json = False) -> None:
    """Let it begin nothing until it is resumed: times go by, and senders are asked to try again later.

    Example: remit triggers pause support/orders
    """
    perform(_paused(trigger, True, as_json))


@triggers.command()
def resume(trigger: Which, as_json: Json = False) -> None:
    """Let it begin runs again, from now on; times that went by are not made up for.

    Example: remit triggers resume support/orders
    """
    perform(_paused(trigger, False, as_json))


@triggers.command()
def fire(
    trigger: Which,
    body: Annotated[
        Path | None, typer.Option(help="For a webhook: a file of JSON, as if it had been delivered.")
    ] = None,
    run: Annotated[
        str,
        typer.Option(help="For one that follows an agent: which of its ended runs; left out: the last one."),
    ] = "",
    as_json: Json = False,
) -> None:
    """Have it begin now, whether it is paused or not. A worker begins the run, whose id is printed.

    Examples:

    remit triggers fire support/morning

    remit triggers fire support/orders --body order.json

    remit triggers fire review/after-support --run 3f2a
    """
    perform(_fire(trigger, body, run, as_json))


@triggers.command()
def secret(trigger: Which, as_json: Json = False) -> None:
    """Make the secret of a webhook, or a new one, and show it, this once. For a day the one before is taken too.

    Example: remit triggers secret support/orders
    """
    perform(_secret(trigger, as_json))


async def _list(agent: str, as_json: bool) -> None:
    async with open_here() as app:
        found = await kept.list_triggers(app.store, agent)
        last = await firing.latest(app.store, agent)
    if as_json:
        print_json([_data(one, last.get(one.called)) for one in found])
        return
    if not found:
        console.print("No agent that is published has any; an agent's YAML names them under `triggers:`.")
        return
    table = listing("trigger", "begins", "state", "next", "last", whole=("trigger", "next"))
    for one in found:
        table.add_row(
            one.called, Text(begins(one.trigger)), one.state, _next(one), _last(last.get(one.called))
        )
    console.print(table)


async def _show(called: str, limit: int, as_json: bool) -> None:
    async with open_here() as app:
        one = await kept.find_trigger(app.store, called)
        heard = await firing.list_firings(app.store, one.agent, one.name, limit=limit)
        refused = await list_refusals(app.store, one.agent, one.name)
        public = app.settings.public_url or "http://127.0.0.1:7700"
    if as_json:
        print_json(
            _data(one, heard[0] if heard else None)
            | {"firings": [_heard(each) for each in heard], "refused": refused}
        )
        return
    console.print(Text(f"{one.called}, of version {one.version}: {one.state}"))
    console.print(Text(f"{begins(one.trigger)}.\nGoal: {one.trigger.goal.strip()}"))
    if one.path:
        console.print(Text(f"Address: {public}{one.path}"))
    for time in ahead(one.trigger, datetime.now(UTC)) if one.paused_at is None else ():
        console.print(f"  next {time:%a %d %b %Y %H:%M %Z}")
    table = listing("at", "what became of it", "run", whole=("at", "run"))
    for each in heard:
        table.add_row(f"{each.at.astimezone():%d %b %H:%M:%S}", Text(went(each)), _run(each))
    console.print(table if heard else "It has heard nothing in the last 30 days.")
    for no in refused:
        console.print(Text(f"refused {no.at.astimezone():%d %b %H:%M:%S}: {shown(no.why)}"))


async def _paused(called: str, paused: bool, as_json: bool) -> None:
    async with open_here() as app:
        one = await kept.find_trigger(app.store, called)
        one = await (kept.pause if paused else kept.resume)(app.store, one.agent, one.name, me())
    if as_json:
        print_json(_data(one, None))
    else:
        console.print(Text(f"{one.called}: {one.state}"))


async def _fire(called: str, body: Path | None, run: str, as_json: bool) -> None:
    said = None if body is None else _read(body)
    async with open_here() as app:
        one = await kept.find_trigger(app.store, called)
        if one.kind == "webhook" and body is None:
            raise UserError(f"trigger {one.called} is a webhook: say by --body FILE what is delivered to it")
        ended = await find_run(app.store, run) if run else None
        made = await firing.fire(app.store, one.agent, one.name, me(), said, ended)
    if as_json:
        print_json(_heard(made))
    else:
        errors.print("A worker begins it: `remit up` or `remit worker`.")
        print(made.run)


def _read(path: Path) -> Any:
    try:
        return from_json(read_text(path), allow_inf_nan=False)
    except ValueError as error:
        raise UserError(f"{path}: is not JSON: {error}") from error


async def _secret(called: str, as_json: bool) -> None:
    async with open_here() as app:
        one = await kept.find_trigger(app.store, called)
        made = await kept.make_secret(app.store, one.agent, one.name, me())
    if as_json:
        print_json({"trigger": one.called, "path": one.path, "secret": made})
        return
    errors.print(Text(f"Deliveries to {one.path} are taken with it. It is not shown again."))
    print(made)


def went(one: Firing) -> str:
    """What became of an event, in a few words."""
    words = {
        "due": "waits",
        "starting": "is begun",
        "begun": "begun",
        "skipped": "left out",
        "failed": "failed",
    }
    by = f" by hand of {one.by}" if one.by else ""
    return f"{words[one.state]}{by}{f': {shown(one.why)}' if one.why else ''}"


def _run(one: Firing | None) -> str:
    return str(one.run)[:8] if one and one.state == "begun" else ""


def _last(one: Firing | None) -> Text:
    if one is None:
        return Text("")
    return Text(f"{one.at.astimezone():%d %b %H:%M} {went(one)} {_run(one)}".rstrip())


def _next(one: Standing) -> str:
    return f"{one.next_at.astimezone():%a %d %b %H:%M}" if one.next_at and one.paused_at is None else ""


def _data(one: Standing, last: Firing | None) -> dict[str, Any]:
    return one.told(datetime.now(UTC)) | {"last": _heard(last) if last else None}


def _heard(one: Firing) -> dict[str, Any]:
    return {name: getattr(one, name) for name in ("id", "at", "by", "state", "why", "run")}
