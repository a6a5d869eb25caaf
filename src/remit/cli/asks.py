"""What waits for people, as the inbox shows it: a block for each run, and beneath it each thing that it asks, with the exact
call and, for each value, what vouches for it or where it was read."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import groupby

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from remit.gate.approval import missing, needs
from remit.gate.unseen import shown
from remit.journal.events import Json, Judged
from remit.journal.refs import given
from remit.said import brief, first_line
from remit.waiting import Waiting, changed_by, vouching, why_asked

LONGEST = 4_000  # characters of one value on a screen
MARKS = {"✓": "green", "✗": "red"}


def blocks(found: Sequence[Waiting]) -> Iterable[RenderableType]:
    """A block for each run."""
    for run, several in groupby(found, key=lambda one: one.row.run):
        yield block(str(run)[:8], list(several))


def block(short: str, asks: Sequence[Waiting]) -> RenderableType:
    first = asks[0]
    person = first.person
    whom = person.email or person.id
    for_whom = f"for {whom}{'' if person.verified else ' (not verified)'}, " if whom else ""
    head = Text.assemble((short, "bold"), "  ", safe(first_line(first.row.goal)))
    about = Text(f"{for_whom}by {first.row.agent}, since {first.row.at.astimezone():%d %b %H:%M}", "dim")
    calls = [one for one in asks if one.asked.kind == "approval" and not one.barred]
    parts: list[RenderableType] = [head, Padding(about, (0, 0, 0, 10))]
    parts += [Padding(item(short, one), (1, 0, 0, 2)) for one in asks]
    if len(calls) > 1:
        every = Text(f"all {len(calls)} calls: remit approve {short} --all   or   remit reject {short} --all")
        parts.append(Padding(every, (1, 0, 0, 2)))
    return Group(*parts, "")


def item(short: str, one: Waiting) -> Table:
    """One thing that is asked: the call, value by value, why a person decides, and what to type."""
    grid = Table.grid(padding=(0, 2, 0, 0))
    grid.add_column(style="dim", no_wrap=True, max_width=24)
    grid.add_column(overflow="fold")
    asked, call = one.asked, one.call
    if call is not None and not one.asks_in_words:
        grid.add_row(Text(asked.ask_id, "yellow"), Text(f"{asked.kind}: {call.call.tool}", "bold not dim"))
        for name, value in given(one.state, call).items():
            grid.add_row(safe(name), Text(as_shown(value)))
            if changed := changed_by(one, name):
                by, was = changed
                grid.add_row("", Text(shown(f"{by} wrote it; the agent had {brief(was, 200)}"), "yellow"))
            if words := vouched(name, one.judged):
                grid.add_row("", words)
    else:
        grid.add_row(Text(asked.ask_id, "yellow"), Text(asked.kind, "bold not dim"))
    for label, text in why_asked(one):
        grid.add_row(label, Text(shown(text)))
    if wanted := needs(asked):
        grid.add_row("wants", Text(shown(wanted)))
    if one.quiet:
        grid.add_row("quiet", Text(f"waits until {one.quiet}", "yellow"))
    for hand in one.handed:
        until = f", until {hand.until.astimezone():%d %b %H:%M}" if hand.until else ""
        grid.add_row("", Text(shown(f"{hand.to} decides in place of {hand.by}{until}"), "dim"))
    for yes in one.endorsed:
        note = f": {yes.text}" if yes.text else ""
        grid.add_row("", Text(shown(f"✓ {yes.by} said yes{note}; {missing(asked, one.endorsed)}"), "green"))
    if asked.expires is not None:
        grid.add_row("until", Text(f"{asked.expires.astimezone():%d %b %H:%M}", "dim"))
    for label, line in _next(short, one):
        grid.add_row(label, Text(line))
    return grid


def vouched(name: str, judged: Judged | None) -> Text | None:
    """In words, what vouches for a value; where nothing does, where it was read."""
    if (said := vouching(name, judged)) is None:
        return None
    mark, words = said
    return Text.assemble((f"{mark} ", MARKS.get(mark, "dim")), (words, "red" if mark == "✗" else "dim"))


def as_shown(value: Json) -> str:
    """A value whole, up to a length, with what a reader would not see spelled out."""
    text = shown(value if isinstance(value, str) else brief(value, 10**9))
    if len(text) <= LONGEST:
        return text
    return f"{text[:LONGEST]}… and {len(text) - LONGEST} more characters: --json has them"


def safe(text: str) -> Text:
    return Text(shown(text))


def _next(short: str, one: Waiting) -> Iterable[tuple[str, str]]:
    ask = one.asked.ask_id
    if one.barred and one.asked.kind != "question":
        yield "not you", one.barred.removeprefix(f"{ask}: ")
        return
    if one.asked.kind == "question":
        yield "next", f'remit answer {short} "…" --ask {ask}'
    if not one.asks_in_words:
        label = "or" if one.asked.kind == "question" else "next"
        yield label, f"remit approve {short} {ask}   or   remit reject {short} {ask} --reason …"
