"""What helps a small model along: each guard is measured in `bench/local_model.py` or the demo, and off for others."""

from __future__ import annotations

from typing import Protocol, cast

from remit.agents.live import Live
from remit.journal.state import CallState
from remit.models.model import Message


class Sure(Protocol):
    """A model that can say how likely yes is."""

    async def sure(self, messages: list[Message]) -> float: ...


THRESHOLD = 0.5


async def allowed_now(live: Live) -> frozenset[str] | None:
    """The tools a small model may call now; None: all. Write tools are offered only where the goal asks for a
    change, and not the call that was just made."""
    if not live.model.small or not hasattr(live.model, "sure"):
        return None
    if "wants_change" not in live.memory:
        goal = live.state.started.goal if live.state.started else ""
        question = (
            f"A person wrote:\n{goal}\n\nDo they ask for something to be changed (not only for information)?"
        )
        live.memory["wants_change"] = await cast(Sure, live.model).sure([Message("user", question)])
    names = {tool.name for tool in live.offered}
    if live.memory["wants_change"] < THRESHOLD:
        names -= {name for name, tool in live.tools.items() if tool.effect in ("egress", "destroy")}
    return frozenset(names)


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
