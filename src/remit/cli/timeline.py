"""A run as a person reads it: events in plain words, as a tree of steps."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from uuid import UUID

from pydantic_core import to_json
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text
from rich.tree import Tree

from remit.agents.report import effects
from remit.journal.events import Answered, Checked, Delegated, Event, Finished
from remit.journal.refs import given
from remit.journal.state import CallState, State
from remit.said import brief
from remit.said import said as in_words

COLOUR = {
    "met": "green",
    "ok": "green",
    "allow": "green",
    "running": "cyan",
    "waiting": "yellow",
    "paused": "yellow",
    "ask": "yellow",
    "simulated": "magenta",
    "mend": "yellow",
    "cannot verify": "yellow",
}

STYLES = {"": "", "strong": "bold", "soft": "dim", "machine": "blue", "person": "yellow", "bounds": "magenta"}


def colour(word: str) -> str:
    return COLOUR.get(word, "red")


def line(event: Event) -> Text:
    """One event, to be printed as it comes."""
    return Text(f"{event.seq:>4} ", "dim").append_text(said(event))


def said(event: Event) -> Text:
    """What an event says."""
    return Text.assemble(
        *((text, colour(text) if tone == "word" else STYLES[tone]) for text, tone in in_words(event))
    )


def entry(event: Event, of: str = "") -> Table:
    """One event, its number beside it, and `of` which child it is: what is long goes on below its beginning."""
    grid = Table.grid(padding=(0, 1, 0, 0))  # hanging lines
    grid.add_column(min_width=4, justify="right", no_wrap=True)
    grid.add_column(overflow="fold")
    child = Text(f"{of} ", "magenta") if of else Text()
    grid.add_row(Text(str(event.seq), "dim"), child.append_text(said(event)))
    return grid


def tree(events: Iterable[Event], children: Mapping[UUID, Sequence[Event]] | None = None) -> Tree:
    """The timeline: steps with what came of them below, and the timelines of `children` where they were begun."""
    events, known = list(events), children or {}
    root = Tree(entry(events[0]))
    branch = root
    for event in events[1:]:
        if isinstance(event.body, Answered) and event.body.purpose == "act":
            branch = root.add(entry(event))
        elif isinstance(event.body, Finished | Checked):
            root.add(entry(event))
        elif isinstance(event.body, Delegated) and known.get(event.body.child):
            branch.add(entry(event)).add(tree(known[event.body.child], known))
        else:
            branch.add(entry(event))
    return root


def summary(state: State) -> RenderableType:
    """How it stands: status, effects read from the journal, report, cost."""
    table = Table.grid(padding=(0, 2))
    table.add_row("run", str(state.run))
    status = Text(state.status, colour(state.status))
    if state.finished and state.finished.why:
        status.append(f"  {state.finished.why}", "dim")
    table.add_row("status", status)
    for effect in effects(state):
        approved = f"  approved by {effect['approved_by']}" if effect["approved_by"] else ""
        undone = Text("  undone", "cyan") if effect.get("undone") else Text("")
        table.add_row("did", Text(f"{effect['tool']} {brief(effect['args'], 200)}{approved}") + undone)
    if not state.effects:
        table.add_row("did", Text("nothing was changed", "dim"))
    for call in state.calls.values():
        if call.doubtful or (call.acted and call.acted.status == "unknown"):
            table.add_row(
                "in doubt", Text(f"{call.call.id} {call.call.tool} {brief(given(state, call), 200)}", "red")
            )
    for call in state.calls.values():
        if call.delegated is not None:
            table.add_row("child", child_line(call))
    if state.sleeping:
        why = f" {state.short.why}" if state.short else ""
        table.add_row("waits", Text(f"until {state.sleeping:%d %b %H:%M:%S} UTC{why}", "yellow"))
    for asked in state.waits.values():
        table.add_row("waits", Text(f"{asked.ask_id}: {asked.text}", "yellow"))
    if state.finished and state.finished.report:
        table.add_row("report", Text(state.finished.report))
    if state.finished and state.finished.output is not None:
        table.add_row("output", Text(to_json(state.finished.output, indent=2).decode()))
    steps = "1 step" if state.steps == 1 else f"{state.steps} steps"
    taken = f"{steps}, {state.tokens} tokens, {state.seconds:.1f} s, ${state.money:.4f}"
    if aside := state.spent - state.money:
        taken += f", and ${aside:.4f} set aside"
    table.add_row("spent", Text(taken, "dim"))
    return Group(table)


def child_line(call: CallState) -> Text:
    """A child run of a call, and how it ended or that it has not."""
    assert call.delegated is not None
    status = call.returned.status if call.returned else "waited for"
    text = Text(f"{str(call.delegated.child)[:8]} of {call.delegated.agent} for {call.call.id}: ")
    return text.append(status, colour(status) if call.returned else "yellow")
