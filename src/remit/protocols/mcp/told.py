"""A run as the result of a tool: words for a model, and the same as structured content."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from mcp_types import CallToolResult, ResourceLink, TextContent

from remit.gate.approval import terms_of
from remit.gate.unseen import shown
from remit.journal.events import Event
from remit.journal.state import State
from remit.said import brief, said

Json = Any
FINE = ("met", "cannot verify")  # ends of a run that did what it was to do, as far as anybody can tell
SCHEMA: dict[str, Json] = {
    "type": "object",
    "properties": {
        "run": {"type": "string", "format": "uuid", "description": "The run's number; follow_run takes it."},
        "status": {
            "type": "string",
            "description": "running, waiting, paused; or how it ended: met, not met, cannot verify, refused, cancelled, failed.",
        },
        "report": {"type": "string", "description": "The agent's words at the end."},
        "output": {"description": "Its result, where the agent has one with a schema."},
        "why": {"type": "string", "description": "Why it ended so."},
        "waits_for": {
            "type": "array",
            "items": {"type": "string"},
            "description": "What it asks people, by whom it may be decided.",
        },
        "cost": {"type": "string", "description": "In US dollars."},
    },
    "required": ["run", "status", "report", "waits_for", "cost"],
}


def uri_of(run: UUID) -> str:
    return f"remit://runs/{run}"


def result_of(state: State) -> CallToolResult:
    """How a run stands, or ended."""
    assert state.run is not None
    told = structured(state)
    link = ResourceLink(
        type="resource_link", uri=uri_of(state.run), name=f"run {state.run}", mime_type="text/markdown"
    )
    return CallToolResult(
        content=[TextContent(type="text", text=words(state)), link],
        structured_content=told,
        is_error=state.finished is not None and state.finished.status not in FINE,
    )


def structured(state: State) -> dict[str, Json]:
    finished = state.finished
    told = {
        "run": str(state.run),
        "status": state.status,
        "report": finished.report if finished else "",
        "why": finished.why if finished else "",
        "waits_for": waits_for(state),
        "cost": str(state.spent),
    }
    return told if finished is None or finished.output is None else told | {"output": finished.output}


def waits_for(state: State) -> list[str]:
    """What people are asked, as far as a model should know it: which call, not what vouches for it."""
    found = []
    for asked in state.waits.values():
        who = ", ".join(terms_of(state, asked).by)
        call = state.calls.get(asked.call_id)
        what = f"whether to call {call.call.tool}" if call and asked.kind == "approval" else brief(asked.text)
        found.append(shown(f"{asked.ask_id}: {what}" + (f" ({who} may decide)" if who else "")))
    return found


def words(state: State) -> str:
    if state.finished is not None:
        report, why = state.finished.report, state.finished.why
        how = (
            ""
            if state.finished.status in FINE and report
            else f"The run ended: {state.finished.status}. {why}".strip()
        )
        return "\n\n".join(part for part in (report, how) if part)
    if state.waits:
        return (
            f"Run {state.run} waits for people:\n- " + "\n- ".join(waits_for(state)) + "\n"
            "They decide in Remit's inbox. Call follow_run later to see what came of it."
        )
    return f"Run {state.run} is {state.status} and not done yet. Call follow_run to wait for it."


def brief_state(state: State) -> str:
    """How a run stands, in a line."""
    if state.finished is not None:
        return brief(
            shown(f"{state.status}: {state.finished.why or state.finished.report}".rstrip(": ")), 300
        )
    if state.waits:
        return "waits for people: " + "; ".join(waits_for(state))
    return f"{state.status}, {state.steps} steps so far"


def line(event: Event) -> str:
    """An event in a line."""
    return brief(shown("".join(text for text, _ in said(event))), 160)
