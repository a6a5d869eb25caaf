"""`remit demo`: the support agent works through a shop's mail, in a real database, while you watch."""

from __future__ import annotations

import asyncio
import signal
import sys
import time
from collections.abc import Collection
from pathlib import Path
from shutil import which
from typing import Annotated
from uuid import UUID

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from remit.app import App
from remit.cli.common import Download, console, errors, me, perform, print_json
from remit.cli.here import open_here
from remit.cli.timeline import line
from remit.errors import RemitError, UnknownName
from remit.journal.events import Acted, Event
from remit.journal.state import State
from remit.library.support import demo as support
from remit.library.support import shop
from remit.outfit import find_agent
from remit.resources import beside
from remit.said import brief


def demo(
    model: Annotated[
        str | None, typer.Option("--model", "-m", help="provider:model; without it, the best at hand.")
    ] = None,
    only: Annotated[
        list[str] | None, typer.Option("--only", help="Only these cases, by id; repeatable.")
    ] = None,
    everything: Annotated[bool, typer.Option("--all", help="Also the cases kept for evals.")] = False,
    held: Annotated[bool, typer.Option("--held", help="Only the mails that nobody tunes on.")] = False,
    picture: Annotated[Path | None, typer.Option(help="Save the end as an SVG picture.")] = None,
    as_json: Annotated[bool, typer.Option("--json")] = False,
) -> None:
    """Watch the support agent work through customers' e-mails to a shop: ten honest, two hostile.

    The shop is a PostgreSQL database made afresh; every request is a durable run that you can look at afterwards.
    Without a provider's key in the environment a small local model does it (fetched once, 1.1 GB).

    Examples:

    remit demo

    remit demo --only cancel-the-laptop --model openai:gpt-5-mini
    """
    perform(_demo(model, choose(only or [], everything, held), picture, as_json))


async def _demo(model: str | None, chosen: list[support.Case], picture: Path | None, as_json: bool) -> None:
    out = errors if as_json else console
    async with open_here(Download()) as app:
        url = await beside(app.store, "shop")
        agent = find_agent("support")
        agent = agent.model_copy(update={"model": model}) if model else agent
        out.print("Opening the shop: 500 customers, 1,000 orders, 50 products …", style="dim")
        prepared = await support.prepare(url, chosen)
        engine = await app.model(agent.model)
        out.print(
            f"The model is [bold]{engine.name}[/]."
            + (" It is a small one: expect mistakes." if engine.small else "")
        )
        stop = asyncio.Event()
        asyncio.get_running_loop().add_signal_handler(signal.SIGINT, stop.set)
        results: list[support.CaseResult] = []
        for number, case in enumerate(chosen, 1):
            if stop.is_set():
                break
            out.print(
                f"\n[bold]{number}/{len(chosen)}[/] {case.request}",
                style="" if case.kind == "benign" else "red",
            )
            start = await support.case_start(case, url)
            run = await app.start(
                agent, start.goal, person=start.person, inputs=start.inputs, quoted=start.quoted
            )
            others = {r.case.customer for r in results}
            results.append(await work(app, run, case, prepared, url, others, stop, out))
        if stop.is_set():
            out.print("\nStopped; nothing is lost: `remit runs`, `remit resume RUN`.", style="yellow")
    show(results, prepared, picture, as_json)


def choose(only: Collection[str], everything: bool, held: bool = False) -> list[support.Case]:
    """The cases to work on. Exits with 2, saying why, for an id that is none."""
    known = support.cases(everything=True)
    if wrong := set(only) - {case.id for case in known}:
        errors.print(
            f"[bold red]Error:[/] {UnknownName('case', sorted(wrong)[0], [case.id for case in known])}"
        )
        raise typer.Exit(2)
    if only:
        return [case for case in known if case.id in only]
    if held:
        return [case for case in known if case.held]
    return [case for case in known if case.demo or (everything and not case.held)]


async def work(
    app: App,
    run: UUID,
    case: support.Case,
    prepared: support.Prepared,
    url: str,
    others: Collection[str],
    stop: asyncio.Event,
    out: Console,
) -> support.CaseResult:
    """One e-mail: advance its run while showing its events, then hold the shop against the gold."""
    before, began = await shop.snapshot(url), time.monotonic()

    def watch(event: Event) -> None:
        out.print(Text("    ").append_text(line(event)))

    task = asyncio.create_task(app.advance(run, watch=watch))
    stopping = asyncio.create_task(stop.wait())
    try:
        await asyncio.wait({task, stopping}, return_when=asyncio.FIRST_COMPLETED)
        if not task.done():
            await app.pause(run, me())
        state = await task
    except RemitError as error:  # one run that fails must not end the demo; it is in the journal
        out.print(f"    {error}", style="red")
        state = await app.state(run)
    finally:
        stopping.cancel()
    after = await shop.snapshot(url)
    report = state.finished.report if state.finished else ""
    return support.CaseResult(
        case=case,
        status=state.status,
        done=tuple(support.diff_in_words(before, after)),
        grade=support.grade(case, prepared, after, report, others),
        held=tuple(held(state)),
        steps=state.steps,
        seconds=time.monotonic() - began,
        cost=state.spent,
        run=str(run),
    )


def held(state: State) -> list[str]:
    """What was refused or waits, and why, each once."""
    found = [f"waits: {asked.text}" for asked in state.waits.values()]
    for call in state.calls.values():
        if isinstance(call.acted, Acted) and call.acted.status in ("denied", "rejected"):
            found.append(f"refused: {brief(call.acted.result, 90)}")
    if state.finished and state.finished.status in ("failed", "not met") and state.finished.why:
        found.append(brief(state.finished.why, 90))
    return list(dict.fromkeys(found))


def show(
    results: list[support.CaseResult], prepared: support.Prepared, picture: Path | None, as_json: bool
) -> None:
    summary = support.summarise(results, prepared)
    if as_json:
        print_json({"summary": summary, "cases": results})
        return
    table = Table(header_style="bold", padding=(0, 1))
    for column in support.COLUMNS:
        table.add_column(column, justify="right" if column in ("steps", "s", "$") else "left")
    for result in results:
        cells = support.row(result)
        style = {"met": "green", "waiting": "yellow", "paused": "yellow"}.get(cells[2], "red")
        table.add_row(*cells[:2], Text(cells[2], style), *cells[3:])
    shown = Console(record=True, width=130, highlight=False) if picture else console
    shown.print()
    shown.print(table)
    shown.print(summary.text, style="bold")
    waiting = next((r for r in results if r.status == "waiting"), None)
    remit = "remit" if which("remit") else sys.argv[0]
    shown.print("\nTry next:", style="dim")
    if waiting:
        shown.print(
            f"  {remit} inbox; {remit} approve {waiting.run[:8]}      say yes to what waits, and it is finished"
        )
    if results:
        shown.print(
            f"  {remit} show {results[-1].run[:8]}                   what happened, event by event, with the verdicts"
        )
    if picture and isinstance(shown, Console):
        shown.save_svg(str(picture), title="remit demo")
