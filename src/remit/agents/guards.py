"""What helps a small model along: each guard is measured in `bench/local_model.py` or the demo, and off for others."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, cast

from pydantic_core import to_json

from remit.agents.live import Live
from remit.gate.judge import mentions
from remit.journal.refs import given
from remit.journal.state import CallState
from remit.models.model import Message, Request


class Scorer(Protocol):
    """A model that can say how likely yes is, to a question after the turns of `request`, and score labels."""

    async def sure(self, messages: Sequence[Message], request: Request | None = None) -> float: ...

    async def choose_many(
        self, prompts: Sequence[str], labels: Sequence[str], task: str = ""
    ) -> list[Mapping[str, float]]: ...


THRESHOLD = 0.5
SURELY = 0.8  # probability of a change from which trying it comes before finishing
PATIENCE = 8  # calls after which it may give up all the same
MENDS = 2  # changes sent back to be mended, after which it may give up
MASS = 0.9  # of probability that the tools offered for the first change hold together
LIKELIEST = 3  # and no more tools that change something, offered for the first of them
LOOKS = 3  # reads that a small model must try before it may give up
CHANGE = "Does the person ask for something to be changed (not only for information)? Answer yes or no."


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a goal calls for, as far as a small model can tell: asked once a run."""

    change: float  # probability that it asks for a change
    tools: frozenset[str]  # for the first change


async def allowed_now(live: Live) -> frozenset[str] | None:
    """The tools a small model may call now; None: all.

    It looks before it acts: reads only, until one succeeded. Then, for its first change, it is offered only the
    tools that the goal may call for. It may not finish before it has tried what was surely asked for, nor right
    after a change that it can mend; and it is not offered what it has just called in vain.
    """
    if not live.model.small:
        return None
    everything = frozenset(tool.name for tool in live.offered)
    writes = {name for name, tool in live.tools.items() if tool.effect in ("egress", "destroy")}
    reads = {name for name, tool in live.tools.items() if tool.effect == "read"}
    calls = list(live.state.calls.values())
    if (
        writes
        and reads
        and not any(c.acted and c.acted.status == "ok" and c.call.tool in reads for c in calls)
    ):
        tried = sum(c.call.tool in reads for c in calls)
        return frozenset(reads) if tried < LOOKS else frozenset(reads | {"finish"})
    attempts = [c for c in calls if c.call.tool in writes]
    if not (writes and hasattr(live.model, "sure") and hasattr(live.model, "choose_many")):
        return (everything - in_vain(calls, live)) or everything
    if "wanted" not in live.memory:
        live.memory["wanted"] = await _wanted(live, writes)
    wanted: Wanted = live.memory["wanted"]
    named = {name for c in attempts if c.acted for name in writes if name in str(c.acted.result)}
    done = any(c.acted and c.acted.status == "ok" for c in attempts)
    if not done and _sent_back(attempts) and calls[-1] is attempts[-1]:
        mending = (wanted.tools | named) - in_vain(calls, live)
        return frozenset(mending or everything - in_vain(calls, live))  # mend that call before anything else
    allowed = everything
    if not done and len(attempts) <= MENDS:
        allowed = everything - writes | wanted.tools | named
    if (
        wanted.change >= SURELY
        and len(calls) < PATIENCE
        and not done
        and (not attempts or _sent_back(attempts))
    ):
        own = {name for name, tool in live.tools.items() if tool.effect == "self"}
        allowed -= {"finish", *own}
    return (allowed - in_vain(calls, live)) or everything


def _sent_back(attempts: Sequence[CallState]) -> bool:
    """The last change came back to be mended, and not for the third time."""
    back = [c for c in attempts if c.acted and c.acted.status in ("mend", "denied")]
    return bool(back) and back[-1] is attempts[-1] and len(back) <= MENDS


def in_vain(calls: Sequence[CallState], live: Live) -> set[str]:
    """What there is no point in calling next: a look without arguments that was had, what the gate has denied (any
    change, once a rule has said no twice), and a look, or the last call, that was sent back as a repetition."""
    changed = max((c.seq for c in live.state.effects), default=0)
    worn = {
        c.call.tool
        for c in calls
        if c.acted and c.acted.status == "ok" and not c.call.args and c.seq >= changed
    }
    denied = [c for c in calls if c.acted and c.acted.status == "denied"]
    worn |= {c.call.tool for c in denied}
    rules = [c.judged.rule for c in denied if c.judged]
    if len(rules) > len(set(rules)):  # a rule that said no twice means the request, not how it was put
        worn |= {name for name, tool in live.tools.items() if tool.effect in ("egress", "destroy")}
    for c in calls:
        again = c.acted and c.acted.status == "mend" and str(c.acted.result).startswith("you already")
        if again and (c is calls[-1] or live.tools[c.call.tool].effect == "read"):
            worn.add(c.call.tool)
    return worn


async def _wanted(live: Live, writes: set[str]) -> Wanted:
    """No tools where the goal asks for no change, else the likeliest few."""
    model = cast(Scorer, live.model)
    asked = Request(live.prefix, live.transcript.messages[:1], live.offered)
    change = await model.sure([Message("user", CHANGE)], asked)
    if change < THRESHOLD:
        return Wanted(change, frozenset())
    names = {name.replace("_", " "): name for name in sorted(writes)}
    if len(names) == 1:
        return Wanted(change, frozenset(writes))
    goal = live.state.started.goal if live.state.started else ""
    scores = (await model.choose_many([goal], list(names), "what the person wants done"))[0]
    chosen: list[str] = []
    for label in sorted(scores, key=lambda label: -scores[label]):
        if len(chosen) == LIKELIEST or sum(scores[c] for c in chosen) >= MASS:
            break
        chosen.append(label)
    return Wanted(change, frozenset(names[label] for label in chosen))


def misnamed(live: Live, call: CallState) -> str | None:
    """Why a small model's write is sent back, once: the person named another record of the same form."""
    tool, goal = live.tools[call.call.tool], live.state.started.goal if live.state.started else ""
    for name, kind in tool.sinks.items():
        value = str(given(live.state, call).get(name, "")).lstrip("#")
        if not kind.startswith("id:") or not value or mentions(goal, value.casefold()):
            continue
        form = re.sub(r"[0-9]", r"\\d", re.escape(value))
        named = sorted(set(re.findall(rf"(?<!\w){form}(?!\w)", goal, re.IGNORECASE)))
        if named and (name, value) not in live.memory.setdefault("misnamed", set()):
            live.memory["misnamed"].add((name, value))
            return f"{name}: the person named {', '.join(named)}, not {value}. Look again at what each one is about."
    return None


async def doubted(live: Live, call: CallState) -> str | None:
    """Why a small model's write is sent back: asked again, with only the goal before it, it does not say yes."""
    tool = live.tools[call.call.tool]
    if not live.model.small or tool.effect in ("read", "self") or not hasattr(live.model, "sure"):
        return None
    if why := misnamed(live, call):
        return why
    marks = live.memory.setdefault("doubted", set())
    # Behind an airlock the model is not told what it refers to, here neither.
    args = to_json(dict(call.call.args if live.transcript.veil else given(live.state, call)))
    mark = (tool.name, args)
    if mark in marks:  # it insists: the rules and the checks decide
        return None
    summary = tool.description.strip().split("\n", 1)[0]
    question = (
        f"You are about to call {tool.name}({args.decode()}): {summary}\n"
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
    if tool is None or (tool.effect in ("read", "self") and not live.model.small):
        return None
    changed = max((c.seq for c in live.state.effects), default=0)
    args = given(live.state, call)
    for earlier in reversed(live.state.calls.values()):
        if earlier is call or earlier.acted is None or earlier.call.tool != call.call.tool:
            continue
        if given(live.state, earlier) != args:
            continue
        if earlier.acted.status == "ok" and tool.effect in ("egress", "destroy"):
            return (
                f"you already did this in step {earlier.call.id}; it is done; call finish if nothing is left"
            )
        if earlier.acted.status == "ok" and earlier.seq >= changed and live.model.small:
            return f"you already called this in step {earlier.call.id}; its result is above, use it"
    return None
