"""What helps a small model along: each guard is measured in `bench/local_model.py` or the demo, and off for others."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, cast

from pydantic_core import to_json

from remit.agents.live import Live
from remit.journal.state import CallState
from remit.models.model import Message, Request


class Sure(Protocol):
    """A model that can say how likely yes is, to a question after the turns of `request`."""

    async def sure(self, messages: Sequence[Message], request: Request | None = None) -> float: ...


THRESHOLD = 0.5
LOOKS = 3  # reads that a small model must try before it may give up
CHANGE = "Does the person ask for something to be changed (not only for information)? Answer yes or no."


async def allowed_now(live: Live) -> frozenset[str] | None:
    """The tools a small model may call now; None: all. It looks before it acts: reads only, until one succeeded.
    Then tools that change something are offered only where the goal asks for a change."""
    if not live.model.small:
        return None
    writes = {name for name, tool in live.tools.items() if tool.effect in ("egress", "destroy")}
    reads = {name for name, tool in live.tools.items() if tool.effect == "read"}
    if not writes:
        return None
    if reads and not any(c.acted and c.acted.status == "ok" for c in live.state.calls.values()):
        tried = sum(c.call.tool in reads for c in live.state.calls.values())
        return frozenset(reads) if tried < LOOKS else frozenset(reads | {"finish"})
    if not hasattr(live.model, "sure"):
        return None
    if "wants_change" not in live.memory:
        asked = Request(live.prefix, live.transcript.messages[:1], live.offered)
        model = cast(Sure, live.model)
        live.memory["wants_change"] = await model.sure([Message("user", CHANGE)], asked)
    if live.memory["wants_change"] >= THRESHOLD:
        return None
    return frozenset({tool.name for tool in live.offered} - writes)


async def doubted(live: Live, call: CallState) -> str | None:
    """Why a small model's write is sent back: asked again, with only the goal before it, it does not say yes."""
    tool = live.tools[call.call.tool]
    if not live.model.small or tool.effect in ("read", "self") or not hasattr(live.model, "sure"):
        return None
    marks = live.memory.setdefault("doubted", set())
    mark = (tool.name, to_json(call.call.args))
    if mark in marks:  # it insists: the rules and the checks decide
        return None
    summary = tool.description.strip().split("\n", 1)[0]
    question = (
        f"You are about to call {tool.name}({to_json(call.call.args).decode()}): {summary}\n"
        "Is that exactly what the person asked for? Answer yes or no."
    )
    asked = Request(live.prefix, live.transcript.messages[:-1], live.offered)
    if await cast(Sure, live.model).sure([Message("user", question)], asked) >= THRESHOLD:
        return None
    marks.add(mark)
    return f"{tool.name} may not be what the person asked for. Read their words again, then call what they asked for."


def repeated(live: Live, call: CallState) -> str | None:
    """Why this call is not carried out again: the same one succeeded and nothing changed since."""
    tool = live.tools.get(call.call.tool)
    if tool is None:
        return None
    changed = max((c.seq for c in live.state.effects), default=0)
    for earlier in reversed(live.state.calls.values()):
        if earlier is call or earlier.acted is None or earlier.call.tool != call.call.tool:
            continue
        if earlier.call.args != call.call.args:
            continue
        if earlier.acted.status == "ok" and tool.effect in ("egress", "destroy"):
            return f"you already did this in step {earlier.call.id}; it is done"
        if earlier.acted.status == "ok" and earlier.seq >= changed and live.model.small:
            return f"you already called this in step {earlier.call.id}; its result is above, use it"
    return None
