"""`remit runs`, `show`, `watch`, `why`: looking at runs, all of it read from the journal."""

from __future__ import annotations

import asyncio
from dataclasses import asdict
from typing import Annotated, get_args

import typer
from rich.text import Text
from rich.tree import Tree

from remit.cli.common import Json, Run, console, exit_code, listing, perform, print_json, print_line
from remit.cli.here import open_here
from remit.cli.run import digest, end
from remit.cli.timeline import colour, entry, summary, tree
from remit.errors import UnknownName
from remit.family import family
from remit.journal.events import Event
from remit.journal.index import list_runs
from remit.journal.limits import in_line
from remit.journal.state import Status, fold
from remit.said import brief, first_line
from remit.why import explain

POLL = 0.3  # seconds between looks at the journal
STATUSES = tuple(status for status in get_args(Status) if status != "new")


def runs(
    status: Annotated[list[str] | None, typer.Option(help="waiting, met, …; repeatable.")] = None,
    agent: Annotated[str, typer.Option(help="Only this agent's.")] = "",
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, max=1000)] = 20,
    as_json: Json = False,
) -> None:
    """List runs, newest first.

    Example: remit runs --status waiting --status running
    """
    perform(_runs(status or [], agent, limit, as_json))


def show(run: Run = "last", as_json: Json = False) -> None:
    """A run's timeline as a tree, with verdicts, costs and what came of it; children's timelines stand inside it.

    Example: remit show last --json | jq '.events[].body.type'
    """
    perform(_show(run, as_json))


def watch(run: Run = "last", as_json: Json = False) -> None:
    """Follow a run as it goes, whoever advances it, until it ends, is paused or waits for a person. Ctrl-C only stops
    watching. The exit code is that of the run. With --json each event is a line, and the last line is how it stands.

    Example: remit watch 3f2a --json | jq -c .body.type
    """
    perform(_watch(run, as_json))


def why(
    run: Run,
    step: Annotated[
        str, typer.Argument(help="A call (3.1) or the number of an event, as `remit show` lists them.")
    ],
    as_json: Json = False,
) -> None:
    """Which events, values and rule led to one action.

    Example: remit why last 2.1
    """
    perform(_why(run, step, as_json))


async def _runs(status: list[str], agent: str, limit: int, as_json: bool) -> None:
    for one in status:
        if one not in STATUSES:
            raise UnknownName("status", one, STATUSES, "--status")
    async with open_here() as app:
        rows = await list_runs(app.store, status=status, agent=agent, limit=limit)
        waiting = await in_line(app.store, [row.id for row in rows if row.status == "running"])
    if as_json:
        print_json([{**asdict(row), "queued": waiting.get(row.id)} for row in rows])
        return
    if not rows:
        none = "No such runs." if status or agent else 'No runs yet. Try: remit run "…", or remit demo'
        console.print(none)
        return
    table = listing(
        "run", "status", "agent", "for", "since", "goal", whole=("run", "status", "since"), cut="goal"
    )
    for row in rows:
        status_text = f"[{colour(row.status)}]{row.status}[/]"
        since = f"{row.created_at.astimezone():%d %b %H:%M}"
        if row.id in waiting:
            status_text = "[yellow]queued[/]"
        table.add_row(str(row.id)[:8], status_text, row.agent, row.person, since, Text(first_line(row.goal)))
    console.print(table)
    for words in sorted(set(waiting.values())):
        console.print(words, style="dim")


async def _show(prefix: str, as_json: bool) -> None:
    async with open_here() as app:
        run = await app.find(prefix)
        events = await app.journal.read(run)
        state = fold(events)
        waiting = (await in_line(app.store, [run])).get(run) if state.status == "running" else None
        members = (await family(app, run))[1:]
    if as_json:
        children = [member.as_data() for member in members]
        print_json({**digest(state), "queued": waiting, "children": children, "events": events})
        return
    console.print(tree(events, {member.run: member.events for member in members}))
    console.print()
    console.print(summary(state))
    if waiting:
        console.print(waiting, style="yellow")


async def _watch(prefix: str, as_json: bool) -> None:
    async with open_here() as app:
        run = await app.find(prefix)
        seen: list[Event] = []
        while True:
            fresh = await app.journal.read(run, len(seen))
            for event in fresh:
                print_line(event) if as_json else console.print(entry(event))
            seen += fresh
            state = fold(seen)
            if state.finished or state.paused or (state.waits and not fresh):
                break  # with a question others may still be at work: it rests when nothing more comes
            await asyncio.sleep(POLL)
    if not as_json:
        end(state, as_json)
    print_line(digest(state))
    if code := exit_code(state):
        raise typer.Exit(code)


async def _why(prefix: str, step: str, as_json: bool) -> None:
    async with open_here() as app:
        found = explain(await app.journal.read(await app.find(prefix)), step)
    if as_json:
        print_json(found)
        return
    root = Tree(Text(f"{found['tool']} {brief(found['args'], 300)} → {found['outcome']}", "bold"))
    if found["rule"] and str(found["rule"]).removeprefix(f"{found['verdict']} ") in str(found["reasons"]):
        found["reasons"] = ""  # it has none but itself
    for name in ("goal", "asked by", "the model's answer", "verdict", "rule", "reasons", "approved by"):
        if found.get(name):
            root.add(Text(f"{name}: {brief(found[name], 300)}"))
    if found["read"]:
        read = root.add("read through the airlock before")
        for name, words in found["read"].items():  # type: ignore[attr-defined]
            read.add(Text(f"{name}: {words}"))
    values = root.add("values")
    for argument, origin in found["values"].items():  # type: ignore[attr-defined]
        source = ", ".join(origin["from"]) or "written by the model"
        evidence = f" ({origin['evidence']})" if origin["evidence"] else ""
        was = f", not {brief(origin['was'])}" if "changed by" in origin else ""
        values.add(Text(f"{argument} = {brief(origin['value'])}{was}: {source}{evidence}"))
    console.print(root)
