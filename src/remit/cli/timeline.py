"""A run as a person reads it: events in plain words, as a tree of steps."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from uuid import UUID

from pydantic_core import to_json
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text
from rich.tree import Tree

from remit.agents.report import effects
from remit.gate.approval import needs
from remit.journal.events import (
    Acted,
    Answered,
    Asked,
    Checked,
    Delegated,
    Endorsed,
    Event,
    Finished,
    Granted,
    HandedOver,
    Intended,
    Judged,
    Narrowed,
    Nudged,
    Paused,
    Planned,
    Replied,
    Resumed,
    Returned,
    Screened,
    Slept,
    Started,
    UndoWanted,
    Woken,
)
from remit.journal.refs import given
from remit.journal.state import CallState, State

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


def colour(word: str) -> str:
    return COLOUR.get(word, "red")


def line(event: Event) -> Text:
    """One event, to be printed as it comes."""
    return Text(f"{event.seq:>4} ", "dim").append_text(said(event))


def said(event: Event) -> Text:
    """What an event says."""
    body, text = event.body, Text()
    match body:
        case Started():
            text.append(f"{body.agent} ", "bold").append(first_line(body.goal))
        case Answered(purpose="guard"):
            heard = body.data if isinstance(body.data, dict) else {}
            decision = str(heard.get("decision", "nothing"))
            text.append("guardian says ", "blue").append(decision, colour(decision))
            text.append(f"  {first_line(str(heard.get('why', '')))}").append(spent(body), "dim")
        case Answered(purpose="screen"):
            text.append("the airlock reads", "blue").append(spent(body), "dim")
        case Screened():
            text.append(f"airlock {body.call_id} ", "blue").append(screened(body))
        case Answered():
            calls = ", ".join(f"{c.tool}({brief(c.args)})" for c in body.calls)
            text.append("thought ", "blue").append(calls or first_line(body.text)).append(spent(body), "dim")
        case Judged():
            text.append(f"judged {body.call_id} {body.tool} ", "dim")
            text.append(body.decision, colour(body.decision)).append(grounds(body), "dim")
        case Intended():
            text.append(f"intends {body.call_id}", "dim").append(
                "" if body.attempt == 1 else f" attempt {body.attempt}"
            )
        case Acted():
            mark = "did" if body.effect in ("egress", "destroy") and body.status == "ok" else "got"
            text.append(f"{mark} {body.tool} ", "bold" if mark == "did" else "")
            text.append(body.status, colour(body.status)).append(f" {brief(body.result)}")
        case Asked():
            text.append(f"asks {body.ask_id} ", "yellow").append(body.text)
            if wanted := needs(body):
                text.append(f" (wants {wanted})", "dim")
        case Endorsed():
            text.append(f"{body.by}: approve ", "yellow").append(
                f"{body.text or body.ask_id}, others must too"
            )
        case HandedOver():
            what = f"lets {body.to} decide {body.ask_id}" if body.to else f"decides {body.ask_id} again"
            text.append(f"{body.by} ", "yellow").append(what)
        case Replied():
            text.append(f"{body.by}: {body.decision} ", "yellow").append(body.text)
        case Planned():
            text.append("plan ", "blue").append("; ".join(body.steps))
        case Nudged():
            text.append("nudged ", "yellow").append(body.reason)
        case Checked():
            text.append(f"check {body.check} ").append(body.verdict, colour(body.verdict)).append(
                f" {body.detail}"
            )
        case Slept():
            text.append(f"sleeps {body.call_id} ", "yellow").append(
                f"until {body.until:%d %b %H:%M:%S} UTC {body.why}"
            )
        case Woken():
            text.append(f"woken {body.call_id}", "dim")
        case Granted():
            asked = ", ".join(f"{name} ×{times}" for name, times in body.tools.items())
            text.append("grant ", "magenta").append(asked or "no effects").append(f"  by {body.by}", "dim")
        case Narrowed():
            more = "1 rule" if len(body.rules) == 1 else f"{len(body.rules)} rules"
            text.append("narrowed ", "magenta").append(f"by {more} that the workspace has now")
        case Delegated():
            text.append(f"delegates {body.call_id} ", "bold").append(
                f"to {body.agent}, run {str(body.child)[:8]}"
            )
        case Returned():
            text.append(f"back from run {str(body.child)[:8]} ").append(body.status, colour(body.status))
        case UndoWanted():
            text.append(f"{body.by}: ", "yellow").append(f"undo {body.call_id}")
        case Paused():
            text.append("paused ", "yellow").append(f"by {body.by}")
        case Resumed():
            text.append("resumed ", "yellow").append(f"by {body.by}")
        case Finished():
            text.append("ended ", "bold").append(body.status, colour(body.status)).append(f" {body.why}")
        case _:
            text.append(brief(body.model_dump(exclude_defaults=True, exclude={"type"})), "dim")
            text.append(f" {body.type}")
    return text


def screened(body: Screened) -> str:
    """The form as it was filled in; all of it, since nothing in it is long."""
    if not body.readable:
        return "could make nothing of it"
    words = {
        name: ", ".join(value) if isinstance(value, list) else value for name, value in body.form.items()
    }
    return ", ".join(
        f"{name} {to_json(v).decode() if isinstance(v, bool) else v}" for name, v in words.items()
    )


def spent(body: Answered) -> str:
    """What an answer took; nothing is said of nothing."""
    parts = [
        f"{body.input_tokens}+{body.output_tokens} tokens" if body.input_tokens + body.output_tokens else "",
        f"{body.seconds:.1f} s" if body.seconds >= 0.05 else "",
        f"${body.cost:.4f}" if body.cost else "",
    ]
    return "".join(f"  {part}" for part in parts if part)


def grounds(body: Judged) -> str:
    """By which rule, and why; a rule's name begins with its decision, and is its reason where it gives none."""
    rule = body.rule.removeprefix(f"{body.decision} ")
    reasons = [reason for reason in body.reasons if rule not in reason]
    return f" by {brief(rule, 70)}" + (f": {'; '.join(reasons)}" if reasons else "")


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
        table.add_row("waits", Text(f"until {state.sleeping:%d %b %H:%M:%S} UTC", "yellow"))
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


def brief(value: object, limit: int = 100) -> str:
    text = value if isinstance(value, str) else to_json(value, fallback=str).decode()
    flat = " ".join(text.split())
    return flat if len(flat) <= limit else flat[:limit] + "…"


def first_line(text: str) -> str:
    """A goal in a line, without the salutation of a mail."""
    return brief(re.sub(r"^(hello|hi|hey|dear)\b[^\n]{0,30}\n", "", text.strip(), flags=re.IGNORECASE), 90)
