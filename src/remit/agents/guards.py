"""What helps a small model along: each guard is measured in `bench/local_model.py` or the demo, and off for others."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol, cast

from pydantic_core import to_json

from remit.agents.live import Live
from remit.journal.state import CallState
from remit.models.model import Message, Request


class Scorer(Protocol):
    """A model that can say how likely yes is, to a question after the turns of `request`, and score labels."""

    async def sure(self, messages: Sequence[Message], request: Request | None = None) -> float: ...

    async def choose_many(
        self, prompts: Sequence[str], labels: Sequence[str], task: str = ""
    ) -> list[Mapping[str, float]]: ...


THRESHOLD = 0.5
LIKELIEST = 3  # tools that change something, offered for the first of them
LOOKS = 3  # reads that a small model must try before it may give up
CHANGE = "Does the person ask for something to be changed (not only for information)? Answer yes or no."


async def allowed_now(live: Live) -> frozenset[str] | None:
    """The tools a small model may call now; None: all. It looks before it acts: reads only, until one succeeded.
    Then, for its first change, it is offered only the tools that the goal may call for."""
    if not live.model.small:
        return None
    writes = {name for name, tool in live.tools.items() if tool.effect in ("egress", "destroy")}
    reads = {name for name, tool in live.tools.items() if tool.effect == "read"}
    if not writes:
        return None
    if reads and not any(c.acted and c.acted.status == "ok" for c in live.state.calls.values()):
        tried = sum(c.call.tool in reads for c in live.state.calls.values())
        return frozenset(reads) if tried < LOOKS else frozenset(reads | {"finish"})
    if not (hasattr(live.model, "sure") and hasattr(live.model, "choose_many")):
        return None
    if "writes" not in live.memory:
        live.memory["writes"] = await _writes_called_for(live, writes)
    wanted: frozenset[str] = live.memory["writes"]
    if wanted and any(c.call.tool in writes for c in live.state.calls.values()):
        return None  # it has tried one and read what came of it: from here the gate and the tools guide it
    return frozenset({tool.name for tool in live.offered} - writes) | wanted


async def _writes_called_for(live: Live, writes: set[str]) -> frozenset[str]:
    """The tools that the goal may call for: none where it asks for no change, else the likeliest few."""
    model = cast(Scorer, live.model)
    asked = Request(live.prefix, live.transcript.messages[:1], live.offered)
    if await model.sure([Message("user", CHANGE)], asked) < THRESHOLD:
        return frozenset()
    names = {name.replace("_", " "): name for name in sorted(writes)}
    if len(names) <= LIKELIEST:
        return frozenset(writes)
    goal = live.state.started.goal if live.state.started else ""
    scores = (await model.choose_many([goal], list(names), "what the person wants done"))[0]
    return frozenset(names[label] for label in sorted(scores, key=lambda label: -scores[label])[:LIKELIEST])


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
    if await cast(Scorer, live.model).sure([Message("user", question)], asked) >= THRESHOLD:
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
