"""`remit worker` and `remit doctor`."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Sequence
from typing import Annotated
from uuid import UUID

import typer

from remit import settings
from remit.acting.mind import see_to_decisions
from remit.app import App, open_app
from remit.cli.common import Json, console, errors, perform, print_json
from remit.crew import Crew, tune_collector
from remit.dispatch import Pace, open_dispatch
from remit.graph.reading import keep_reading as keep_reading_intents
from remit.graph.understand import keep_understanding
from remit.intake.sync import keep_reading
from remit.models.registry import known_models
from remit.outfit import find_agent
from remit.privacy import keep as privacy
from remit.retention import keep
from remit.store.doctor import Finding, examine
from remit.tools.sandbox import try_sandbox
from remit.triggered import begin_triggered
from remit.webhooks.deliver import deliver


def worker(
    concurrency: Annotated[int, typer.Option(min=1, max=2000, help="Runs advanced at once.")] = 50,
    name: Annotated[str, typer.Option(help="Shown in logs and `remit doctor`.")] = "worker",
    agent: Annotated[
        list[str] | None, typer.Option(help="Only runs of this agent, by name or YAML file; repeatable.")
    ] = None,
) -> None:
    """Advance runs until stopped. Start as many as you like, on as many machines as share the database.

    Examples:

    remit worker --concurrency 200

    remit worker --agent support --agent ./billing.yaml
    """
    names = [find_agent(one).name if one.endswith((".yaml", ".yml")) else one for one in agent or []]
    perform(_worker(concurrency, name, names))


def doctor(as_json: Json = False) -> None:
    """What is wrong, and how to mend it. Exit code 1 if something must be mended.

    Example: remit doctor --json | jq '.[] | select(.state != "ok")'
    """
    perform(_doctor(as_json))


async def _worker(concurrency: int, name: str, agents: Sequence[str] = ()) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for sign in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(sign, stop.set)
    async with open_app(settings.load()) as app:
        of = f" of {', '.join(agents)}" if agents else ""
        errors.print(f"{name} advances up to {concurrency} runs{of} at once; Ctrl-C stops it")
        await at_work(app, concurrency, name, agents, stop)


async def at_work(
    app: App, concurrency: int, name: str, agents: Sequence[str] = (), stop: asyncio.Event | None = None
) -> None:
    """Advance runs until `stop`, then let those that are being advanced come to rest."""
    stop = stop or asyncio.Event()
    ttl = app.settings.lease_ttl  # the queue, too, gives up a silent worker after about so long
    pace = Pace(heartbeat=ttl / 3, dead_after=ttl * 7 / 6)
    async with open_dispatch(app.store, pace) as dispatch:
        app.leases.name = name
        crew = Crew(app, concurrency, agents=frozenset(agents))

        async def advance(run: UUID) -> None:
            if (
                await crew.advance(run) is None
            ):  # with another process, or a dead one: the wake-up must not be lost
                await dispatch.wake_in(run, ttl / 3)

        tune_collector()
        beside = [
            asyncio.create_task(work)
            for work in (
                crew.sweep(stop),
                keep(app.root.store, app.settings, stop),
                privacy.keep(app.root, stop),
                keep_understanding(app.root.store, app.settings, stop),
                keep_reading_intents(app.root.store, app.root.model, stop),
                deliver(app.store, stop),
                begin_triggered(app, dispatch.enqueue, stop, agents),
                *(() if agents else (see_to_decisions(app, dispatch.enqueue, stop),)),
                *([] if agents else [keep_reading(app, stop)]),  # what is for no agent is for workers of all
            )
        ]
        await dispatch.work(advance, concurrency=concurrency, stop=stop, name=name, agents=agents)
        await asyncio.gather(*beside)
        await crew.drain()


async def _doctor(as_json: bool) -> None:
    found = [*await examine(settings.load()), await _model_finding(), await _sandbox_finding()]
    if as_json:
        print_json(found)
    else:
        for finding in found:
            mark = {"ok": "[green]ok  [/]", "warn": "[yellow]warn[/]", "fail": "[red]fail[/]"}[finding.state]
            console.print(f"{mark} {finding.name}: {finding.detail}")
            if finding.mend:
                console.print(f"       → {finding.mend}", style="bold")
    if any(finding.state == "fail" for finding in found):
        raise typer.Exit(1)


async def _sandbox_finding() -> Finding:
    found, said = await try_sandbox()
    if found is None:
        mend = (
            "Linux 5.13 or later with Landlock (lsm=landlock), or bubblewrap 0.8 with user namespaces allowed"
        )
        return Finding("sandbox", "warn", f"{said}; shell_run and python_full are not offered", mend)
    return Finding(
        "sandbox", "ok", f"{found.name} for shell_run and python_full" + (f"; {said}" if said else "")
    )


async def _model_finding() -> Finding:
    usable = [model.name for model in await known_models(settings.load()) if model.available]
    if usable:
        return Finding("models", "ok", ", ".join(usable[:5]))
    mend = "set a provider's key (OPENAI_API_KEY, …), start Ollama, or pip install 'remit[local]'"
    return Finding("models", "fail", "no model can be used", mend)
