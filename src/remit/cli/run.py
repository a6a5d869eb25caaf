"""`remit run` and `remit resume`."""

from __future__ import annotations

import asyncio
import shutil
import signal
from pathlib import Path
from typing import Annotated
from uuid import UUID

import typer

from remit import settings
from remit.agents.report import effects
from remit.app import App, find_agent, open_app
from remit.cli.common import Download, console, errors, exit_code, me, perform, print_json
from remit.cli.timeline import line, summary
from remit.crew import Crew
from remit.dispatch import open_dispatch
from remit.errors import UserError
from remit.journal.events import Event, Person
from remit.journal.state import State


def run(
    goal: Annotated[str, typer.Argument(help="What should be reached, in your words.")],
    agent: Annotated[
        str, typer.Option("--agent", "-a", help="An agent's name, or a YAML file.")
    ] = "assistant",
    model: Annotated[
        str | None, typer.Option("--model", "-m", help="provider:model; over the agent's own.")
    ] = None,
    file: Annotated[
        list[Path] | None, typer.Option("--file", "-f", help="Put a copy into the run's folder.")
    ] = None,
    shadow: Annotated[bool, typer.Option(help="Only show what it would do.")] = False,
    detach: Annotated[bool, typer.Option(help="Leave it to a worker, and return at once.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Only the end.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the end as JSON.")] = False,
) -> None:
    """Give an agent a goal and watch it. Ctrl-C pauses; `remit resume last` goes on.

    Examples:

    remit run "Which month sold most?" --file sales.xlsx

    remit run "Cancel order #W5199551, I ordered it by mistake" --agent support --shadow

    remit run "Tidy the CRM" --agent ./crm.yaml --detach
    """
    perform(_run(goal, agent, model, file or [], shadow, detach, quiet or as_json, as_json))


def resume(
    run: Annotated[str, typer.Argument(help="The run's id, its beginning, or `last`.")] = "last",
    quiet: Annotated[bool, typer.Option("--quiet", "-q")] = False,
    as_json: Annotated[bool, typer.Option("--json")] = False,
) -> None:
    """Go on with a run that was paused, interrupted or lost its worker. Effects are not repeated."""
    perform(_resume(run, quiet or as_json, as_json))


async def _run(
    goal: str,
    agent: str,
    model: str | None,
    files: list[Path],
    shadow: bool,
    detach: bool,
    quiet: bool,
    as_json: bool,
) -> None:
    spec = find_agent(agent)
    if model:
        spec = spec.model_copy(update={"model": model})
    if shadow:
        spec = spec.model_copy(update={"remit": spec.remit.model_copy(update={"autonomy": "shadow"})})
    for file in files:
        if not file.is_file():
            raise UserError(f"--file {file}: there is no such file")
    async with open_app(settings.load(), progress=Download()) as app:
        person = Person(id=me(), name=me(), verified=True)
        run_id = await app.start(
            spec, goal, person=person, inputs={"files": [f.name for f in files]} if files else {}
        )
        root = app.settings.data_dir / "runs" / str(run_id)
        for file in files:
            root.mkdir(parents=True, exist_ok=True)
            shutil.copy(file, root / file.name)
        if detach:
            async with open_dispatch(app.store) as dispatch:
                await dispatch.enqueue(run_id)
            console.print(f"{run_id} is with the workers; `remit watch {str(run_id)[:8]}` follows it")
            return
        state = await attend(app, run_id, quiet)
    end(state, as_json)


async def _resume(prefix: str, quiet: bool, as_json: bool) -> None:
    async with open_app(settings.load(), progress=Download()) as app:
        run_id = await app.find(prefix)
        state = await app.state(run_id)
        if state.finished is None:
            await app.resume(run_id, me())
            state = await attend(app, run_id, quiet)
    end(state, as_json)


async def attend(app: App, run_id: UUID, quiet: bool = False) -> State:
    """Advance a run in this process, showing each event. Ctrl-C pauses it at its next event."""

    def show(event: Event) -> None:
        if not quiet:
            console.print(line(event))

    loop, interrupted = asyncio.get_running_loop(), asyncio.Event()
    loop.add_signal_handler(signal.SIGINT, interrupted.set)
    work = asyncio.create_task(Crew(app, watch=show, urgent=True).see_through(run_id))
    stop = asyncio.create_task(interrupted.wait())
    try:
        await asyncio.wait({work, stop}, return_when=asyncio.FIRST_COMPLETED)
        if not work.done():
            errors.print(f"pausing … `remit resume {str(run_id)[:8]}` goes on; Ctrl-C again leaves at once")
            loop.remove_signal_handler(signal.SIGINT)
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
        short = str(state.run)[:8]
        if state.waits:
            console.print(
                f"\nnext: remit approve {short}   (or reject, answer; `remit inbox` lists all)", style="dim"
            )
        else:
            console.print(f"\nnext: remit show {short}", style="dim")
    code = exit_code(state)
    if code:
        raise typer.Exit(code)


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
