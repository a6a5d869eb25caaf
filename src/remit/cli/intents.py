"""`remit intents`: what people may want, by examples; what they wanted, inferred; and what a person says instead."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer
from rich.text import Text

from remit.app import App
from remit.cli.behaviour import behaviour
from remit.cli.common import (
    Download,
    Json,
    console,
    errors,
    group,
    listing,
    me,
    perform,
    print_json,
    read_text,
)
from remit.cli.here import open_here
from remit.cli.reader import reader
from remit.errors import UserError
from remit.gate.unseen import shown
from remit.graph.intent import NONE, Classifier, Example, Inferred
from remit.graph.intents import (
    Embedder,
    classifier,
    correct,
    doubtful,
    forget,
    infer_all,
    intent_of,
    list_intents,
    teach,
)
from remit.graph.readers import reader_of
from remit.graph.reading import infer_by

NOTHING = "none"  # how NONE is written on the command line
FEW = 3  # examples under which an intent is hardly known

intents = group(
    help="What people want, from what they write and do: learned from a few examples of each intent, on this machine. Each prints JSON with "
    '--json.\n\nExample: remit intents teach card-lost "I lost my card" "my wallet was stolen"',
)
intents.add_typer(behaviour, name="behaviour")
intents.add_typer(reader, name="reader")
Name = Annotated[str, typer.Argument(help="The intent: card-lost; `none` for what is none of them.")]


@intents.command("teach")
def teach_(
    name: Annotated[
        str, typer.Argument(help="The intent: card-lost; `none` for what is none of them; or FILE.csv.")
    ],
    texts: Annotated[
        list[str] | None, typer.Argument(help="What somebody writes who wants it; five or more are good.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Give examples of an intent; a new name is a new intent. A CSV file has the columns `text` and `intent` (or `category`).

    Example: remit intents teach refund "I want my money back" "please refund my order"

    Example: remit intents teach intents.csv
    """
    perform(_teach(name, texts or [], as_json))


@intents.command("list")
def list_(
    held_out: Annotated[
        bool, typer.Option("--skill", help="Also how well each is told on examples that are held out.")
    ] = False,
    as_json: Json = False,
) -> None:
    """The intents, with their examples, how often each was inferred, and how often a person said otherwise.

    Example: remit intents list --skill
    """
    perform(_list(held_out, as_json))


@intents.command("of")
def of(text: Annotated[str, typer.Argument(help="What somebody wrote.")], as_json: Json = False) -> None:
    """What somebody wants who writes this, and why: which examples it is most like, or by which of its words where a model reads messages. Nothing is
    kept.

    Example: remit intents of "where is my parcel?"
    """
    perform(_of(text, as_json))


@intents.command("infer")
def infer_(
    again: Annotated[
        bool, typer.Option(help="Also those that are inferred already, but for what people have corrected.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Infer what every message wants that came in and was not looked at yet. Stopped with Ctrl-C, what is done stays done.

    Example: remit intents infer
    """
    perform(_infer(again, as_json))


@intents.command("doubtful")
def doubtful_(
    limit: Annotated[int, typer.Option(min=1, max=1000, help="Messages at most.")] = 20,
    as_json: Json = False,
) -> None:
    """Messages of which it is least sure: saying what they want teaches most.

    Example: remit intents doubtful --limit 5
    """
    perform(_doubtful(limit, as_json))


@intents.command("correct")
def correct_(
    message: Annotated[int, typer.Argument(min=1, max=2**63 - 1, help="Its number, as `doubtful` lists it.")],
    name: Name,
    as_json: Json = False,
) -> None:
    """Say what a message wants. It counts, and is an example from now on.

    Example: remit intents correct 512 refund
    """
    perform(_correct(message, name, as_json))


@intents.command("forget")
def forget_(name: Name, as_json: Json = False) -> None:
    """Remove an intent with its examples. What was inferred stays, as it was inferred.

    Example: remit intents forget refund
    """
    perform(_forget(name, as_json))


def _named(name: str) -> str:
    return NONE if name == NOTHING else name


def _told(intent: str) -> str:
    return intent or NOTHING


async def _teach(name: str, texts: Sequence[str], as_json: bool) -> None:
    if name.endswith(".csv") and not texts:
        examples = _in_file(Path(name))
    elif texts:
        examples = [Example(text, _named(name)) for text in texts]
    else:
        raise UserError(f"say what somebody writes who wants {name!r}: one example or more")
    async with open_here() as app:
        changed = await teach(app.store, examples, me())
        known = await list_intents(app.store)
    if as_json:
        print_json({"examples": changed, "intents": known})
        return
    console.print(f"{changed:,} new of {len(examples):,} examples; {len(known)} intents are known.")
    few = [_told(one.name) for one in known if one.examples < FEW]
    if few:
        console.print(Text(f"Few examples, so hardly known: {', '.join(few)[:300]}", "dim"))


def _in_file(path: Path) -> list[Example]:
    rows = csv.DictReader(read_text(path).splitlines(keepends=True))
    names = list(rows.fieldnames or [])
    column = next((one for one in ("intent", "category", "label") if one in names), None)
    if "text" not in names or column is None:
        raise UserError(
            f"{path}:1: it takes the columns text and intent; it has {', '.join(names) or 'none'}"
        )
    found = []
    for row in rows:
        text, intent = row["text"], row[column]
        if not (text or "").strip() or intent is None:
            raise UserError(f"{path}:{rows.line_num}: a text and its intent, please")
        found.append(Example(text, _named("-".join(intent.strip().casefold().split()))))
    return found


async def _learned(app: App) -> tuple[Classifier, Embedder]:
    from remit.models.embed import open_embedder  # seconds to load; other commands need none of it

    embedder = await open_embedder(app.settings, Download())
    return await classifier(app.store, embedder), embedder


async def _list(held_out: bool, as_json: bool) -> None:
    async with open_here() as app:
        known = await list_intents(app.store)
        skill = (await _learned(app))[0].skill if held_out else None
    right = dict(skill.of_each) if skill else {}
    if as_json:
        print_json({"intents": known, "skill": skill})
        return
    if not known:
        console.print("No intent is known yet; `remit intents teach` takes examples.")
        return
    table = listing("intent", "examples", "inferred", "corrected", *(["told right"] if skill else []))
    for one in known:
        told = [f"{right[one.name]:.0%}"] if one.name in right else []
        table.add_row(
            Text(_told(one.name)), f"{one.examples:,}", f"{one.inferred:,}", f"{one.wrong:,}", *told
        )
    console.print(table)
    if skill:
        console.print(
            f"Of examples that were held out {skill.right:.0%} were told right; "
            f"its probabilities were off by {skill.error:.0%} on average."
        )


async def _of(text: str, as_json: bool) -> None:
    async with open_here() as app:
        if (read_by := await reader_of(app.store)) is not None:
            found, _ = await infer_by(app.store, await app.model(read_by.model), read_by.model, text)
        else:
            by, embedder = await _learned(app)
            (found,) = await intent_of(by, embedder, [text])
    if as_json:
        print_json(found)
        return
    _explain(found)


def _explain(found: Inferred) -> None:
    console.print(Text(f"{_told(found.intent)}  ", "bold").append(f"{found.probability:.0%}", "dim"))
    if found.others:
        others = ", ".join(f"{_told(name)} {chance:.0%}" for name, chance in found.others)
        console.print(Text(f"  else: {others}", "dim"))
    for one in found.alike:
        console.print(
            Text(f"  like “{shown(one.text)[:90]}” ({_told(one.intent)}, {one.similarity:.2f})", "dim")
        )
    if found.model:
        words = ", ".join(f"“{shown(one)[:90]}”" for one in found.because) or "nothing of it"
        console.print(Text(f"  by {words}, as {found.model} reads it", "dim"))


async def _infer(again: bool, as_json: bool) -> None:
    done = 0
    async with open_here() as app:
        by, embedder = await _learned(app)
        with errors.status("Looking…") as status:
            async for done in infer_all(app.store, embedder, by, again=again):
                status.update(f"{done:,} messages looked at")
        left = len(await doubtful(app.store, 1000))
    if as_json:
        print_json({"messages": done, "doubtful": left})
        return
    console.print(f"{done:,} messages looked at.")
    if left:
        many = "1,000 or more" if left == 1000 else f"{left:,}"
        console.print(
            f"{many} are doubtful: `remit intents doubtful` shows them, `remit intents correct` teaches."
        )


async def _doubtful(limit: int, as_json: bool) -> None:
    async with open_here() as app:
        found = await doubtful(app.store, limit)
    if as_json:
        print_json(found)
        return
    if not found:
        console.print("Nothing is doubtful.")
        return
    table = listing("message", "likely", "", "what was written", whole=("message",), cut="what was written")
    for one in found:
        table.add_row(
            str(one.interaction), Text(_told(one.intent)), f"{one.probability:.0%}", Text(shown(one.text))
        )
    console.print(table)


async def _correct(message: int, name: str, as_json: bool) -> None:
    async with open_here() as app:
        await correct(app.store, message, _named(name), me())
    if as_json:
        print_json({"message": message, "intent": _named(name)})
    else:
        console.print(f"message {message}: {name}")


async def _forget(name: str, as_json: bool) -> None:
    async with open_here() as app:
        gone = await forget(app.store, _named(name), me())
    if as_json:
        print_json({"intent": _named(name), "examples": gone})
    else:
        console.print(f"{name}: gone, with {gone:,} {'example' if gone == 1 else 'examples'}.")
