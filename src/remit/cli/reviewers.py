"""`remit reviewers`: who decides what runs ask about, how often it is yes, and whether they can have looked."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer
from rich.text import Text

from remit.age import parse_age
from remit.cli.common import Json, console, left_out, listing, perform, print_json
from remit.cli.here import open_here
from remit.gate.unseen import shown
from remit.journal.index import count_archived
from remit.journal.reviewers import QUICK, Reviewer, list_reviewers

WIDE = 10  # characters of a whole bar
PARTS = " ▏▎▍▌▋▊▉█"


def reviewers(
    since: Annotated[str, typer.Option("--since", help="Only what was decided in that time, as 30d.")] = "",
    as_json: Json = False,
) -> None:
    """How people decide on the calls that runs ask about: how many, the share of yeses, how long the calls waited, how long
    somebody can have looked at them (since the question, or since their own word before), and the share of less than 5
    seconds.

    Example: remit reviewers --since 30d
    """
    perform(_reviewers(since, as_json))


async def _reviewers(since: str, as_json: bool) -> None:
    age = parse_age(since) if since else None
    async with open_here() as app:
        found = await list_reviewers(app.store, age)
        archived = await count_archived(app.store)
    if as_json:
        print_json([{**asdict(one), "stamping": one.stamping} for one in found])
        return
    if not found:
        console.print("Nobody has decided on a call yet.")
        left_out(archived)
        return
    quick = f"under {QUICK:.0f} s"
    table = listing(
        "who", "calls", "yes", "waited", "looked", quick, "newest", whole=("yes", quick, "newest")
    )
    table.columns[1].justify = table.columns[3].justify = table.columns[4].justify = "right"
    for one in found:
        style = "yellow" if one.stamping else ""
        newest = f"{one.newest.astimezone():%d %b %H:%M}"
        table.add_row(
            Text(shown(one.reviewer), style),
            str(one.decisions),
            bar(one.approved, style),
            took(one.waited),
            took(one.looked),
            bar(one.quick, style),
            newest,
        )
    console.print(table)
    left_out(archived)
    for one in found:
        if one.stamping:
            console.print(Text(f"\n{_words(one)}", "yellow"))


def bar(share: float, style: str = "") -> Text:
    """A share as a bar and a number."""
    eighths = round(share * WIDE * 8)
    drawn = "█" * (eighths // 8) + (PARTS[eighths % 8] if eighths % 8 else "")
    return Text.assemble((drawn.ljust(WIDE, "·"), style or "cyan"), f" {share:>4.0%}")


def took(seconds: float) -> str:
    """A time in the unit that people would say it in."""
    for size, unit in ((86400, "d"), (3600, "h"), (60, "min")):
        if seconds >= size:
            return f"{seconds / size:.1f} {unit}"
    return f"{seconds:.1f} s"


def _words(one: Reviewer) -> str:
    return (
        f"{shown(one.reviewer)} said yes to {one.approved:.0%} of {one.decisions} calls, to {one.quick:.0%} faster than one "
        "can read them: are these questions needed? A rule may allow what is always allowed, or ask somebody else as well."
    )
