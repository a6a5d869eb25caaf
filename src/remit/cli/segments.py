"""`remit segments`: people by what is true of them, named and counted."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.text import Text

from remit.agents.yaml import read_as
from remit.cli.common import Json, console, group, listing, me, perform, print_json
from remit.cli.here import open_here
from remit.gate.unseen import shown
from remit.graph.segment import Segment
from remit.graph.segments import Size, count, list_segments, measure, remove, save, segment_of, shown_of

segments = group(
    help="People by what is true of them: dormant, asked for prices, spent much, may be mailed. Who is in a segment is asked of the "
    "graph each time. Each prints JSON with --json.\n\nExample: remit segments set dormant dormant.yaml",
)
Name = Annotated[str, typer.Argument(help="The segment: dormant-pricing.")]


@segments.command("list")
def list_(as_json: Json = False) -> None:
    """The segments, with how many people each had when that was counted last.

    Example: remit segments list
    """
    perform(_list(as_json))


@segments.command("set")
def set_(
    name: Name,
    file: Annotated[Path, typer.Argument(help="FILE.yaml with `conditions`, as docs/segments.md has them.")],
    note: Annotated[str, typer.Option(help="What it is for.")] = "",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say how many they would be.")] = False,
    as_json: Json = False,
) -> None:
    """Save a segment, in place of the one of that name, and count it.

    Example: remit segments set dormant dormant.yaml --dry-run
    """
    perform(_set(name, file, note[:300], dry_run, as_json))


@segments.command("show")
def show(name: Name, as_json: Json = False) -> None:
    """Of whom it is, and how many they are now.

    Example: remit segments show dormant
    """
    perform(_show(name, as_json))


@segments.command("people")
def people(
    name: Name,
    after: Annotated[int, typer.Option(min=0, help="Only those after the person of this number.")] = 0,
    limit: Annotated[int, typer.Option(min=1, max=1000, help="People at most.")] = 50,
    as_json: Json = False,
) -> None:
    """Who is in it now, by number.

    Example: remit segments people dormant --limit 1000 --json
    """
    perform(_people(name, after, limit, as_json))


@segments.command("remove")
def remove_(name: Name, as_json: Json = False) -> None:
    """Remove a segment, with how many it had; nobody who is in it.

    Example: remit segments remove dormant
    """
    perform(_remove(name, as_json))


def told(size: Size) -> str:
    about = "" if size.exact else "about "
    off = "" if size.exact else f", give or take {size.off:,}"
    return f"{about}{size.people:,} of {size.whole:,} people ({size.share:.1%}){off}"


async def _list(as_json: bool) -> None:
    async with open_here() as app:
        found = await list_segments(app.store)
    if as_json:
        print_json(found)
        return
    if not found:
        console.print("There are no segments yet; `remit segments set NAME FILE` makes one.")
        return
    table = listing("segment", "people", "who", cut="who")
    for one in found:
        size = "" if one.people is None else f"{'' if one.exact else 'about '}{one.people:,}"
        table.add_row(one.name, size, Text(shown(one.segment.words)))
    console.print(table)


async def _set(name: str, file: Path, note: str, dry_run: bool, as_json: bool) -> None:
    segment = read_as(Segment, file)
    async with open_here() as app:
        if dry_run:
            size = await count(app.store, segment)
        else:
            await save(app.store, name, segment, note, me())
            size = await measure(app.store, name)
    _tell(segment, size, as_json)


async def _show(name: str, as_json: bool) -> None:
    async with open_here() as app:
        kept = await segment_of(app.store, name)
        size = await measure(app.store, name)
    _tell(kept.segment, size, as_json)


def _tell(segment: Segment, size: Size, as_json: bool) -> None:
    if as_json:
        data = {"people": size.people, "whole": size.whole, "off": size.off}
        print_json({"segment": segment.model_dump(mode="json"), "words": segment.words} | data)
        return
    console.print(Text(shown(segment.words)))
    console.print(Text(told(size)))


async def _people(name: str, after: int, limit: int, as_json: bool) -> None:
    async with open_here() as app:
        found = await shown_of(app.store, (await segment_of(app.store, name)).segment, after, limit)
    if as_json:
        print_json(found)
        return
    table = listing("person", "called", "by", "last heard of")
    for one in found:
        last = f"{one.last:%Y-%m-%d}" if one.last else ""
        table.add_row(str(one.id), Text(shown(one.called)), Text(shown(one.by)), last)
    console.print(table if found else "Nobody is in it now.")


async def _remove(name: str, as_json: bool) -> None:
    async with open_here() as app:
        await remove(app.store, name, me())
    if as_json:
        print_json({"removed": name})
    else:
        console.print(Text(f"{name} is removed."))
