"""`remit intents reader`: messages read by a generative model for what they want."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.text import Text

from remit.cli.common import Json, console, group, listing, me, perform, print_json
from remit.cli.here import open_here
from remit.gate.unseen import shown
from remit.graph.readers import remove_reader, retry, set_reader, stands

DAILY = 500
reader = group(
    help="Have a generative model read what messages want, beside the local embedding: in one of the intents that are taught, with its words as "
    "evidence, as sure as it was right of examples it was not shown. Each prints JSON with --json.\n\n"
    "Example: remit intents reader set anthropic:claude-haiku-4-5 --daily 500"
)


@reader.command("set")
def set_(
    model: Annotated[str, typer.Argument(help="The model: provider:model, as `remit models` lists them.")],
    daily: Annotated[
        int,
        typer.Option(min=1, max=1_000_000, help="Messages a day; beyond, the local embedding's word stays."),
    ] = DAILY,
    as_json: Json = False,
) -> None:
    """Messages that come from now on are read by this model, by workers.

    Example: remit intents reader set local:qwen2.5-coder-1.5b --daily 200
    """
    perform(_set(model, daily, as_json))


@reader.command("show")
def show_(as_json: Json = False) -> None:
    """By which model messages are read, how often it is right, what today took, and what could not be read.

    Example: remit intents reader show
    """
    perform(_show(as_json))


@reader.command("retry")
def retry_(as_json: Json = False) -> None:
    """Have what could not be read tried again.

    Example: remit intents reader retry
    """
    perform(_retry(as_json))


@reader.command("off")
def off_(as_json: Json = False) -> None:
    """No model reads messages any more: the local embedding tells what they want. What was read stays.

    Example: remit intents reader off
    """
    perform(_off(as_json))


async def _set(model: str, daily: int, as_json: bool) -> None:
    async with open_here() as app:
        opened = await app.model(model)
        made = await set_reader(app.store, model, daily, me())
    if as_json:
        print_json(made)
        return
    console.print(f"Messages are read by {made.model} from now on, {made.daily:,} a day at the most.")
    if opened.price is None:
        console.print(
            Text("What it costs is not known: set REMIT_PRICE_INPUT and REMIT_PRICE_OUTPUT.", "dim")
        )


async def _show(as_json: bool) -> None:
    async with open_here() as app:
        found = await stands(app.store)
    if as_json:
        print_json(found)
        return
    by, today = found.reader, found.today
    if by is None:
        console.print(
            "No model reads messages: the local embedding tells what they want. `remit intents reader set` names one."
        )
        return
    console.print(
        f"{by.model} reads up to {by.daily:,} messages a day. Today: {today.asked:,} asked about, {today.tokens:,} tokens, "
        f"${today.money:.4f}; {found.waiting:,} waiting."
    )
    if by.why:
        console.print(Text(f"It cannot be had now: {by.why}", "bold"))
    if found.skill:
        console.print(
            f"Of {found.trials:,} examples that it was not shown {found.skill.right:.0%} were told right; what it is sure of is off by "
            f"{found.skill.error:.0%} on average."
        )
    else:
        console.print(f"It was tried on {found.trials:,} examples so far: too few to say how good it is.")
    if found.unread:
        table = listing(
            "message", "tries", "why", "what was written", whole=("message",), cut="what was written"
        )
        for one in found.unread:
            table.add_row(str(one.interaction), str(one.tries), Text(shown(one.why)), Text(shown(one.text)))
        console.print(table)


async def _retry(as_json: bool) -> None:
    async with open_here() as app:
        many = await retry(app.store, me())
    if as_json:
        print_json({"messages": many})
    else:
        console.print(f"{many:,} {'message is' if many == 1 else 'messages are'} tried again.")


async def _off(as_json: bool) -> None:
    async with open_here() as app:
        await remove_reader(app.store, me())
    if as_json:
        print_json({"reader": None})
    else:
        console.print("No model reads messages any more: the local embedding tells what they want.")
