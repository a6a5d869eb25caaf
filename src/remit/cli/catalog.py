"""`remit tools`, `models`: what there is to work with."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.text import Text

from remit import settings
from remit.cli.common import Json, console, listing, perform, print_json
from remit.gate.fields import REST
from remit.models.registry import ModelInfo, known_models
from remit.tools.registry import installed, resolve


def tools(
    name: Annotated[str, typer.Argument(help="A tool or family: files.*")] = "*", as_json: Json = False
) -> None:
    """The tools, with effect, arguments that are sinks, who vouches for the result or each field of it and who may have it, and how each is
    settled after a crash.

    Effects: read looks; self changes only what is the run's own; egress sends something out; destroy changes the world.

    Example: remit tools 'files.*' --json

    Example: remit tools mycompany.tools:read_mail
    """
    perform(_tools(name, as_json))


def models(
    everything: Annotated[
        bool, typer.Option("--all", help="Also name those that cannot be used yet.")
    ] = False,
    as_json: Json = False,
) -> None:
    """The models that can be used now, with their prices, in the order in which one is chosen; and what would open
    more. With --json all of them.

    Example: remit models --all
    """
    perform(_models(everything, as_json))


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
                    "fields": t.fields,
                    "confidentiality": t.confidentiality,
                    "clearance": t.clearance,
                    "settled by": t.settle.how,
                    "timeout": t.timeout,
                }
                for t in found
            ]
        )
        return
    table = listing("tool", "effect", "sinks", "result", "what it does", whole=("tool", "effect"))
    for t in found:
        sinks = ", ".join(f"{argument} ({kind})" for argument, kind in t.sinks.items())
        parts = {REST: "untrusted", **t.fields} if t.fields else {}
        said = [f"{path} {says}" for path, says in parts.items()] or [t.integrity]
        said += [f"{path} {says}" for path, says in t.confidentiality.items()]
        said += [f"cleared for {t.clearance}"] if t.clearance != "workspace" else []
        result = Text("\n".join(said))
        table.add_row(
            t.name, t.effect, sinks, result, Text(t.description.split("\n", 1)[0].split(". ", 1)[0])
        )
    console.print(table)


async def _models(everything: bool, as_json: bool) -> None:
    found = await known_models(settings.load())
    if as_json:
        print_json(found)
        return
    usable = [model for model in found if model.available]
    table = listing("model", "$ a million tokens, in / out", "from", whole=("model",))
    for model in usable:
        price = f"{model.price.input} / {model.price.output}" if model.price else "unknown"
        table.add_row(Text(model.name), price, model.source)
    console.print(table if usable else "No model can be used now.")
    closed: dict[str, list[ModelInfo]] = {}
    for model in found:
        if not model.available:
            closed.setdefault(model.source, []).append(model)
    for number, (source, group) in enumerate(closed.items()):
        head = f"{source}: {len(group)} more, once you {group[0].why}"
        console.print(head if number and not everything else f"\n{head}", markup=False)
        for model in group if everything else ():
            price = f"${model.price.input} / {model.price.output}" if model.price else "price unknown"
            console.print(f"  {model.name}  {price}", markup=False)
    if closed and not everything:
        console.print("\nnext: remit models --all names them", style="dim")
