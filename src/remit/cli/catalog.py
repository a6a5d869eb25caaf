"""`remit agents`, `tools`, `models`: what there is to work with."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from remit import library, settings
from remit.agents.load import load_agent
from remit.app import outfit
from remit.cli.common import console, perform, print_json
from remit.models.registry import known_models
from remit.tools.registry import installed, resolve

Json = Annotated[bool, typer.Option("--json")]


def agents(
    file: Annotated[
        list[Path] | None, typer.Argument(help="Agent files to check, beside the library's.")
    ] = None,
    as_json: Json = False,
) -> None:
    """The agents at hand, each checked: its tools exist and its rules compile."""
    perform(_agents(file or [], as_json))


def tools(
    name: Annotated[str, typer.Argument(help="A tool or family: files.*")] = "*", as_json: Json = False
) -> None:
    """The tools, with effect, arguments that are sinks, and how each is settled after a crash."""
    perform(_tools(name, as_json))


def models(as_json: Json = False) -> None:
    """The models, with price and whether they can be used now, in the order in which one is chosen."""
    perform(_models(as_json))


async def _agents(files: list[Path], as_json: bool) -> None:
    specs = [load_agent(path) for path in (*library.agents().values(), *files)]
    for spec in specs:
        outfit(spec)
    if as_json:
        print_json([spec.model_dump(mode="json", by_alias=True) for spec in specs])
        return
    table = Table(box=None, padding=(0, 2), header_style="dim")
    for column in ("agent", "autonomy", "tools", "what it is for"):
        table.add_column(column)
    for spec in specs:
        table.add_row(spec.name, spec.remit.autonomy, ", ".join(spec.tools), spec.description)
    console.print(table)


async def _tools(name: str, as_json: bool) -> None:
    found = resolve([name], installed())
    if as_json:
        print_json(
            [
                {
                    "name": t.name,
                    "description": t.description,
                    "effect": t.effect,
                    "schema": t.schema,
                    "sinks": t.sinks,
                    "result": t.integrity,
                    "settled by": t.settle.how,
                    "timeout": t.timeout,
                }
                for t in found
            ]
        )
        return
    table = Table(box=None, padding=(0, 2), header_style="dim")
    for column in ("tool", "effect", "sinks", "what it does"):
        table.add_column(column)
    for t in found:
        sinks = ", ".join(f"{argument} ({kind})" for argument, kind in t.sinks.items())
        table.add_row(t.name, t.effect, sinks, t.description.split("\n", 1)[0])
    console.print(table)


async def _models(as_json: bool) -> None:
    found = await known_models(settings.load())
    if as_json:
        print_json(found)
        return
    table = Table(box=None, padding=(0, 2), header_style="dim")
    for column in ("model", "from", "$ a million tokens in / out", "now"):
        table.add_column(column)
    for model in found:
        price = f"{model.price.input} / {model.price.output}" if model.price else "unknown"
        table.add_row(
            model.name, model.source, price, "[green]yes[/]" if model.available else f"[dim]{model.why}[/]"
        )
    console.print(table)
