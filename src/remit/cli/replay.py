"""`remit replay` and `remit diff`: what would have come of it, and where two runs part."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table
from rich.text import Text

from remit.agents.load import parse_rules
from remit.catalogue.find import find_any
from remit.cli.common import Download, console, perform, print_json, read_text
from remit.cli.here import open_here
from remit.cli.run import digest
from remit.cli.timeline import colour, line
from remit.compared import folded, parting
from remit.journal.compare import Comparison, Row, compare
from remit.journal.events import Event
from remit.journal.state import fold
from remit.replay import Changes, Terms
from remit.replay import replay as replay_run
from remit.said import brief

Run = Annotated[str, typer.Argument(help="The run's id, its beginning, or `last`.")]
Json = Annotated[bool, typer.Option("--json", help="Print the result as JSON.")]
MARKS = {"same": ("=", "dim"), "a": ("A", "red"), "b": ("B", "green"), "differs": ("~", "yellow")}


def replay(
    run: Run = "last",
    model: Annotated[str | None, typer.Option("--model", "-m", help="Against this provider:model.")] = None,
    agent: Annotated[
        str | None, typer.Option("--agent", "-a", help="Against this agent: a name or a YAML file.")
    ] = None,
    instructions: Annotated[
        Path | None, typer.Option("--instructions", help="With the instructions in this file.")
    ] = None,
    rules: Annotated[
        Path | None, typer.Option("--rules", help="Under the `rules:` in this YAML file, as in an agent's.")
    ] = None,
    at: Annotated[
        int | None, typer.Option("--at", help="From this event on; without it, the beginning.")
    ] = None,
    recorded: Annotated[
        bool, typer.Option("--recorded", help="Give the model's recorded answers: only the gate may differ.")
    ] = False,
    live_reads: Annotated[
        bool, typer.Option("--live-reads", help="Really read what was not recorded.")
    ] = False,
    assume: Annotated[
        str | None, typer.Option(help="approve or reject: what approvals that nobody gave are taken to be.")
    ] = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Only the comparison.")] = False,
    as_json: Json = False,
) -> None:
    """Run a finished or waiting run again against another model, prompt or policy, without effects.

    Tools answer as they did then and effects are simulated. The replay is a run of its own: `remit show` has it.

    Examples:

    remit replay last --model anthropic:claude-sonnet-5-5

    remit replay 3f2a --recorded --rules stricter.yaml --assume approve

    remit replay last --instructions shorter.md --at 7 --json
    """
    if assume not in (None, "approve", "reject"):
        raise typer.BadParameter("approve or reject", param_hint="--assume")
    terms = Terms(recorded, live_reads, assume)  # type: ignore[arg-type]
    perform(_replay(run, model, agent, instructions, rules, at, terms, quiet or as_json, as_json))


def diff(
    run_a: Annotated[str, typer.Argument(help="A run: its id, its beginning, or `last`.")],
    run_b: Annotated[str, typer.Argument(help="Another.")],
    everything: Annotated[bool, typer.Option("--all", help="Show what is the same, too.")] = False,
    as_json: Json = False,
) -> None:
    """Compare two runs event by event: what only one has, what differs and in what, and where they part.

    Ids, times and costs do not count. `=` the same, `~` differs, `A` and `B` only there.

    Examples:

    remit diff 3f2a last

    remit diff 3f2a 77c0 --json | jq .divergence
    """
    perform(_diff(run_a, run_b, everything, as_json))


async def _replay(
    prefix: str,
    model: str | None,
    agent: str | None,
    instructions: Path | None,
    rules: Path | None,
    at: int | None,
    terms: Terms,
    quiet: bool,
    as_json: bool,
) -> None:
    told = read_text(instructions) if instructions else None
    by = parse_rules(read_text(rules), str(rules)) if rules else None

    def show(event: Event) -> None:
        if not quiet:
            console.print(line(event))

    async with open_here(Download()) as app:
        run = await app.find(prefix)
        other = (await find_any(app.store, agent)).agent if agent else None
        changes = Changes(agent=other, model=model, instructions=told, rules=by)
        new = await replay_run(app, run, changes, terms, at=at, watch=show)
        before, after = await app.journal.read(run), await app.journal.read(new)
    found = compare(before, after)
    if as_json:
        print_json({**digest(fold(after)), "of": run, "comparison": as_data(found)})
        return
    console.print()
    show_comparison(found)
    console.print(f"\nnext: remit diff {str(run)[:8]} {str(new)[:8]} --all", style="dim")


async def _diff(prefix_a: str, prefix_b: str, everything: bool, as_json: bool) -> None:
    async with open_here() as app:
        a, b = await app.find(prefix_a), await app.find(prefix_b)
        found = compare(await app.journal.read(a), await app.journal.read(b))
    if as_json:
        print_json(as_data(found))
        return
    show_comparison(found, everything)


def as_data(found: Comparison) -> dict[str, object]:
    """A comparison as JSON: rows by the numbers of their events."""
    parted = found.divergence
    return {
        "same": found.same,
        "divergence": {"a": parted.a, "b": parted.b, **_row(parted.row)} if parted else None,
        "a": found.a,
        "b": found.b,
        "rows": [_row(row) for row in found.rows],
    }


def _row(row: Row) -> dict[str, object]:
    event = row.a or row.b
    return {
        "kind": row.kind,
        "seq_a": row.a.seq if row.a else None,
        "seq_b": row.b.seq if row.b else None,
        "type": event.body.type if event else "",
        "aside": row.aside,
        "note": row.note,
        "changes": row.changes,
    }


def show_comparison(found: Comparison, everything: bool = False) -> None:
    """The rows that differ with some around them, then how the two runs stand."""
    for row in folded(found.rows, everything):
        for text in [Text(f"     … {row} the same", "dim")] if isinstance(row, int) else _lines(row):
            console.print(text)
    console.print()
    console.print(_totals(found))
    console.print(f"\n{parting(found)}")


def _lines(row: Row) -> list[Text]:
    """A row as text: its event, then each value that differs."""
    mark, style = MARKS[row.kind]
    event = row.a or row.b
    assert event is not None
    places = " ".join(f"{one.seq:>4}" if one else "    " for one in (row.a, row.b))
    head = Text.assemble((f"{mark} ", style), (f"{places} ", "dim"))
    head.append_text(line(event)[len("1234 ") :])  # without its own number
    if row.note:
        head.append(f"  ({row.note})", "magenta")
    if row.kind == "same" or row.aside:
        head.stylize("dim")
    head.no_wrap, head.overflow = True, "ellipsis"
    changes = [
        Text.assemble(
            "            ", (f"{change.where}: ", "yellow"), brief(change.a), " → ", brief(change.b)
        )
        for change in row.changes
    ]
    return [head, *changes]


def _totals(found: Comparison) -> Table:
    table = Table(box=None, padding=(0, 2), header_style="dim")
    for name in ("", "A", "B"):
        table.add_column(name)
    a, b = found.a, found.b
    table.add_row("run", str(a.run)[:8], str(b.run)[:8])
    table.add_row("end", Text(a.status, colour(a.status)), Text(b.status, colour(b.status)))
    for name in ("steps", "tokens", "effects", "simulated", "denied", "asked"):
        table.add_row(name, str(getattr(a, name)), str(getattr(b, name)))
    table.add_row("cost", f"${a.cost:.4f}", f"${b.cost:.4f}")
    table.add_row("seconds", f"{a.seconds:.1f}", f"{b.seconds:.1f}")
    return table
