"""The grant of a run: which effects its goal asks for and how often, frozen before anything is read.

Proposed by a model that sees the person's words and the names of the tools, and nothing else. From then on what is outside
is denied, not asked: a person who approves whatever they are shown is not shown it. Only a person makes it wider.
"""

from __future__ import annotations

from collections.abc import Mapping

from remit.agents.live import Live
from remit.agents.reading import said
from remit.agents.think import aside, consult, reserve
from remit.errors import ModelError
from remit.journal.events import Granted, Json
from remit.journal.state import CallState, State
from remit.models.model import Message, Request

MOST = 100  # times that one tool can be granted at once
INSTRUCTIONS = (
    "A person asks for something to be done. Say which of the actions below it takes and how often each, at the most. Choose "
    "what the request itself asks for; leave out what it does not. Looking things up needs no leave and is not listed. An "
    "empty list is right where nothing is to be changed or sent."
)
CAME_TO_NOTHING = ("denied", "rejected", "mend")


def needed(live: Live) -> bool:
    """Whether the grant is still to be frozen."""
    return live.spec.grant == "goal" and live.state.grant is None


async def freeze(live: Live) -> None:
    """Have the grant proposed, and write it down. Raises ModelError where no model says one."""
    effects = {tool.name: tool for tool in live.tools.values() if tool.effect in ("egress", "destroy")}
    if not effects:
        live.write(Granted(tools={}, by="the spec"))
        return
    listed = "\n".join(
        f"- {tool.name}: {tool.description.strip().splitlines()[0]}" for tool in effects.values()
    )
    text = f"The actions:\n{listed}\n\nThe request:\n{said(live.state)}"
    request = Request(INSTRUCTIONS, [Message("user", text)], schema=schema_of(sorted(effects)))
    await reserve(live, live.model.price, len(INSTRUCTIONS) + len(text))
    answer = await consult(live, live.model, request)
    answered = aside(live.model, answer, "grant")
    live.write(answered, Granted(tools=granted(answer.data, effects), by=answered.model))


def schema_of(effects: list[str]) -> dict[str, Json]:
    action: dict[str, Json] = {
        "type": "object",
        "properties": {
            "tool": {"enum": effects},
            "times": {"type": "integer", "minimum": 1, "maximum": MOST},
        },
        "required": ["tool", "times"],
        "additionalProperties": False,
    }
    return {
        "type": "object",
        "properties": {"actions": {"type": "array", "items": action, "maxItems": 2 * len(effects)}},
        "required": ["actions"],
        "additionalProperties": False,
    }


def granted(data: Json, effects: Mapping[str, Json]) -> dict[str, int]:
    """How often each effect, of what a model proposes; what is no tool of the agent's is not in it. Raises ModelError
    for an answer of another shape."""
    actions = data.get("actions") if isinstance(data, Mapping) else None
    if not isinstance(actions, list):
        raise ModelError("the model did not say what the request takes: no `actions` in its answer")
    found: dict[str, int] = {}
    for action in actions:
        name, times = (
            (action.get("tool"), action.get("times", 1)) if isinstance(action, Mapping) else (None, 0)
        )
        if isinstance(name, str) and name in effects and isinstance(times, int) and times > 0:
            found[name] = min(found.get(name, 0) + times, MOST)
    return found


def left(state: State, call: CallState | None) -> Mapping[str, int] | None:
    """How often each effect may still happen, as `call` is judged; None where there is no grant. What was called before it
    counts unless it came to nothing, so that calls side by side cannot all be the last; what children were given is theirs.
    That it failed is what its tool says, who may be wrong: what fails can be tried again as often as was granted, no more."""
    if state.grant is None:
        return None
    remaining = dict(state.grant)
    failures = dict(state.grant)  # that do not count
    for earlier in state.calls.values():
        if earlier is call:
            break
        if earlier.undoes is None and not (earlier.acted and earlier.acted.status in CAME_TO_NOTHING):
            name = earlier.call.tool
            if earlier.acted and earlier.acted.status == "failed" and failures.get(name, 0) > 0:
                failures[name] -= 1
            elif name in remaining:
                remaining[name] -= 1
            for name, times in (earlier.delegated.grant or {} if earlier.delegated else {}).items():
                remaining[name] = remaining.get(name, 0) - times
    return {name: max(0, times) for name, times in remaining.items()}
