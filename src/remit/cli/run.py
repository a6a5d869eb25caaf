"""`remit run` and `remit resume`."""

from __future__ import annotations

import asyncio
import signal
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Annotated
from uuid import UUID

import typer

from remit.agents.report import effects
from remit.app import App
from remit.brought import FROM_THE_SHELL, arriving
from remit.catalogue.find import find_any, is_file
from remit.cli.common import Download, Json, console, errors, exit_code, me, perform, print_json
from remit.cli.here import open_here
from remit.cli.timeline import entry, summary
from remit.crew import Crew
from remit.dispatch import open_dispatch
from remit.errors import NotWaiting, UserError
from remit.journal.events import Event, Person
from remit.journal.state import State
from remit.order import HIGHEST, LOWEST
from remit.outfit import find_agent


def run(
    goal: Annotated[str, typer.Argument(help="What should be reached, in your words.")],
    agent: Annotated[
        str,
        typer.Option(
            "--agent",
            "-a",
            help="An agent's name, or a YAML file. Of one name, the workspace's before the library's.",
        ),
    ] = "assistant",
    model: Annotated[
        str | None, typer.Option("--model", "-m", help="provider:model; over the agent's own.")
    ] = None,
    file: Annotated[
        list[Path] | None, typer.Option("--file", "-f", help="Put a copy into the run's folder.")
    ] = None,
    shadow: Annotated[bool, typer.Option("--shadow", help="Only show what it would do.")] = False,
    detach: Annotated[
        bool, typer.Option("--detach", help="Leave it to a worker, and return at once.")
    ] = False,
    priority: Annotated[
        int, typer.Option(min=LOWEST, max=HIGHEST, help="With --detach: the workers take a higher one first.")
    ] = 0,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Only the end.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the end as JSON.")] = False,
) -> None:
    """Give an agent a goal and watch it. Ctrl-C pauses; `remit resume last` goes on.

    Exit codes: 0 done, 3 waiting or paused, 4 not met, 5 refused, 6 cannot verify, 1 error, 2 wrong input, 130 left
    by a second Ctrl-C.

    Examples:

    remit run "Which month sold most?" --file sales.xlsx

    remit run "Cancel order #W5199551, I ordered it by mistake" --agent support --shadow

    remit run "Tidy the CRM" --agent ./crm.yaml --detach --priority -5
    """
    if priority and not detach:
        raise typer.BadParameter("--priority is for --detach; here the run is advanced at once")
    left = priority if detach else None
    perform(_run(goal, agent, model, file or [], shadow, left, quiet or as_json, as_json))


def resume(
    run: Annotated[str, typer.Argument(help="The run's id, its beginning, or `last`.")] = "last",
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Only the end.")] = False,
    as_json: Json = False,
) -> None:
    """Go on with a run that was paused, interrupted or lost its worker. Effects are not repeated.

    Example: remit resume 3f2a
    """
    perform(_resume(run, quiet or as_json, as_json))


async def _run(
    goal: str,
    agent: str,
    model: str | None,
    files: list[Path],
    shadow: bool,
    left: int | None,  # to a worker, with this priority
    quiet: bool,
    as_json: bool,
) -> None:
    for file in files:
        if not file.is_file():
            raise UserError(f"--file {file}: there is no such file")
    if is_file(agent):
        find_agent(agent)  # what is wrong with a file is said before anything is opened
    async with open_here(Download()) as app:
        found = await find_any(app.store, agent)
        spec, version = found.agent, found.version
        if model:
            spec, version = spec.model_copy(update={"model": model}), None
        if shadow:
            spec = spec.model_copy(update={"remit": spec.remit.model_copy(update={"autonomy": "shadow"})})
        person = Person(id=me(), name=me(), verified=True)
        with ExitStack() as opened:
            sent = [(file.name, opened.enter_context(file.open("rb"))) for file in files]
            async with arriving(app.settings.data_dir, app.root.store, sent, FROM_THE_SHELL) as batch:
                run_id = await app.start(spec, goal, person=person, version=version, files=batch)
        if left is not None:
            async with open_dispatch(app.root.store) as dispatch:
                await dispatch.enqueue(run_id, priority=left)
            if as_json:
                print_json(digest(await app.state(run_id)))
            else:
                console.print(f"{run_id} is with the workers; `remit watch {str(run_id)[:8]}` follows it")
            return
        state = await attend(app, run_id, quiet)
    end(state, as_json)


async def _resume(prefix: str, quiet: bool, as_json: bool) -> None:
    async with open_here(Download()) as app:
        run_id = await app.find(prefix)
        state = await app.state(run_id)
        if state.finished is None:
            await app.resume(run_id, me())
            state = await attend(app, run_id, quiet)
        elif not quiet:
            console.print("It had ended already; there is nothing to go on with.", style="yellow")
    end(state, as_json)


async def attend(app: App, run_id: UUID, quiet: bool = False) -> State:
    """Advance a run in this process, showing each event. Ctrl-C pauses it at its next event."""

    def show(event: Event) -> None:
        if not quiet:
            console.print(entry(event, "" if event.run == run_id else str(event.run)[:8]))

    loop, interrupted = asyncio.get_running_loop(), asyncio.Event()
    loop.add_signal_handler(signal.SIGINT, interrupted.set)
    work = asyncio.create_task(Crew(app.root, watch=show, urgent=True).see_through(run_id))
    stop = asyncio.create_task(interrupted.wait())
    try:
        await asyncio.wait({work, stop}, return_when=asyncio.FIRST_COMPLETED)
        if not work.done():
            errors.print(f"pausing … `remit resume {str(run_id)[:8]}` goes on; Ctrl-C again leaves at once")
            loop.remove_signal_handler(signal.SIGINT)
            with suppress(NotWaiting):  # it ended at the same moment
                await app.pause(run_id, me())
        return await work
    finally:
        stop.cancel()
        loop.remove_signal_handler(signal.SIGINT)


def end(state: State, as_json: bool) -> None:
    """Print how it ended and leave with its exit code."""
    if as_json:
        print_json(digest(state))
    else:
        console.print()
        console.print(summary(state))
        console.print(f"\nnext: {next_step(state)}", style="dim", markup=False)
    code = exit_code(state)
    if code:
        raise typer.Exit(code)


def next_step(state: State) -> str:
    """The command that a person at the terminal wants now."""
    short = str(state.run)[:8]
    if state.finished:
        return f"remit show {short}"
    if state.paused:
        return f"remit resume {short}"
    if state.waits:
        first = next(iter(state.waits.values()))
        which, many = (
            (f" {first.ask_id}", "; `remit inbox` has them all") if len(state.waits) > 1 else ("", "")
        )
        if first.kind == "question" and first.call_id:
            return f'remit answer {short} "…"{f" --ask{which}" if which else ""}{many}'
        return f"remit approve {short}{which}   or   remit reject {short}{which} --reason …{many}"
    if state.children:
        return f"remit inbox, where a child may wait for you, or remit resume {short}"
    if state.timers:
        return f"remit resume {short} when it is time, or remit worker, which does so by itself"
    return f"remit resume {short}"


def digest(state: State) -> dict[str, object]:
    """A run's end as JSON."""
    finished = state.finished
    return {
        "run": state.run,
        "status": state.status,
        "report": finished.report if finished else "",
        "output": finished.output if finished else None,
        "why": finished.why if finished else "",
        "effects": effects(state),
        "waits": list(state.waits.values()),
        "checks": state.checks,
        "steps": state.steps,
        "tokens": state.tokens,
        "seconds": round(state.seconds, 3),
        "cost": state.spent,
    }
