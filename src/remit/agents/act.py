"""From what the model wants to what happens: judge, ask, act, settle. Every tool call passes here."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial

from remit.agents.connected import called
from remit.agents.delegate import NAME as DELEGATE
from remit.agents.delegate import collect, delegate, passed_on
from remit.agents.guardian import heard, look_over, watches
from remit.agents.guards import doubted, repeated
from remit.agents.judging import ask_about, judge_call, judged_of, why
from remit.agents.live import Live
from remit.agents.reach import refused_now, settle_contacts
from remit.agents.settle import acted, doubt_answered, perform, rejected, settle, undo
from remit.agents.sums import given_back, settle_sums
from remit.agents.think import OWN
from remit.agents.turns import in_turn
from remit.errors import Mend, UnknownName
from remit.gate.approval import endorsed_of, enough
from remit.gate.judge import WORKSPACE, looks_allowed
from remit.gate.proposal import Verdict
from remit.journal.events import Acted, Answered, Asked, Json, Judged, Person, Planned, Slept
from remit.journal.refs import given
from remit.journal.state import CallState
from remit.models.steps import NAME as STEPS
from remit.tools.call import Outcome
from remit.tools.call import call as call_tool
from remit.tools.tool import Tool, ToolContext


@dataclass(slots=True)
class Ready:
    """A call that may happen now."""

    call: CallState
    judged: Judged | None = (
        None  # the verdict that is not in the journal yet: it is written with what follows
    )
    rule: str = ""  # in its place, where there is no more to say of a look: the one that allows it
    late: Callable[[], Judged] | None = None  # makes the verdict after all, where no outcome comes yet
    args: Mapping[str, Json] | None = None  # as they were judged, where the tool need not check them again
    context: ToolContext | None = None  # as the gate's records were read with

    @property
    def verdicts(self) -> list[Judged]:
        return [self.judged] if self.judged else []

    def verdicts_with(self, done: Acted | Slept) -> list[Judged]:
        """What is written before what came of a look."""
        return [self.late()] if self.late is not None and isinstance(done, Slept) else self.verdicts


async def act(live: Live) -> None:
    """Take every open call one stage on: propose it, or go on after an answer, or settle a doubt."""
    ready: list[Ready] = []
    for call in list(live.state.open.values()):
        if call.asked is not None and call.replied is None:
            continue
        if call.call.id in live.state.timers:
            continue
        if call.undoes is not None:
            await undo(live, call, live.tools.get(call.call.tool))
        elif call.delegated is not None:
            await collect(live, call)
        elif call.doubtful and call.asked is None:
            if not_begun := await given_back(live, call):
                live.write(not_begun)
            else:
                await settle(live, call)
        elif call.woken:
            ready.append(Ready(call))
        elif call.replied is not None:
            ready += await _after_reply(live, call)
        elif call.call.tool in OWN:
            _own(live, call)
        else:
            ready += await _propose(live, call)
    await _carry_out(live, ready)
    await settle_sums(live)
    await settle_contacts(live)


def _own(live: Live, call: CallState) -> None:
    """The loop's own tools; finish is handled by the loop when nothing else is open."""
    args = call.call.args
    if call.call.tool == "plan":
        steps = [str(step) for step in args.get("steps", []) if str(step).strip()][:50]
        done = [i for i in args.get("done", []) if isinstance(i, int) and 0 <= i < len(steps)]
        live.write(
            Planned(steps=steps, done=done),
            Acted(call_id=call.call.id, tool="plan", effect="self", result="noted", integrity="system"),
        )
    elif call.call.tool == "ask_person":
        text = str(args.get("question", "")).strip() or "(the model asked nothing)"
        live.write(
            Asked(
                ask_id=f"q{call.call.id}",
                kind="question",
                text=text,
                call_id=call.call.id,
                by=_team(live, args),
            )
        )


def _team(live: Live, args: Mapping[str, Json]) -> list[str]:
    """Who may answer, where the agent's own steps say so and the workspace has such a group. What a model writes there names nobody."""
    named = args.get("to") if live.model.name == STEPS else None
    return list(live.groups.get(str(named), ())) if named else []


async def _propose(live: Live, call: CallState) -> list[Ready]:
    """Judge a call. Returns it if it may happen now; otherwise its denial, question or error is written."""
    tool = live.tools.get(call.call.tool)
    if tool is None:
        known = [spec.name for spec in live.offered]
        return _mend(live, call, str(UnknownName("tool", call.call.tool, known)))
    if "$invalid" in call.call.args:
        return _mend(live, call, "the arguments are not valid JSON; send an object as the tool's schema says")
    if why := repeated(live, call) or await doubted(live, call) or passed_on(live, call):
        return _mend(live, call, why, tool)
    try:
        context = live.context(call.call.id)
        verdict, proposal, _ = await judge_call(live, call, tool, context)
    except Mend as error:
        return _mend(live, call, str(error), tool)
    default = looks_allowed(tool.effect)
    if not verdict.evidence and (verdict.rule == default or _says_no_more(tool, verdict)):
        late = partial(judged_of, call, tool, verdict, proposal) if verdict.rule != default else None
        return [Ready(call, rule=verdict.rule, late=late, args=proposal.args, context=context)]
    told: list[Answered] = []
    if verdict.decision == "allow" and watches(live.spec, tool) and not heard(call, proposal):
        verdict, told = await look_over(live, tool, proposal, verdict)
    judged = judged_of(call, tool, verdict, proposal)
    if verdict.decision == "deny":
        live.write(*told, judged, _denied(call, tool, verdict))
    elif verdict.decision == "ask" and tool.reaching and (refused := await refused_now(live, call, tool)):
        live.write(*told, *refused)
    elif verdict.decision == "ask":
        live.write(*told, judged, ask_about(live, call, tool, verdict, proposal))
    elif told:
        live.write(*told, judged)
        return [Ready(call, args=proposal.args, context=context)]
    else:
        return [Ready(call, judged, args=proposal.args, context=context)]
    return []


def _says_no_more(tool: Tool, verdict: Verdict) -> bool:
    """Whether all of a verdict is that a rule lets a look happen: the outcome says by which, and no other event is needed."""
    if verdict.decision != "allow" or tool.effect not in ("read", "self") or tool.name == DELEGATE:
        return False
    return not (verdict.reasons or verdict.records or verdict.provenance)


def _newly_asked(live: Live, call: CallState, verdict: Verdict) -> bool:
    """Whether a rule of the workspace asks by now that did not when the person was asked: the yes was to less."""
    if verdict.decision != "ask" or WORKSPACE not in verdict.rule:
        return False
    before = call.judged.rule if call.judged else ""
    names = [f"{WORKSPACE}{one.rule.name}" for one in live.rules.of_workspace(call.call.tool)]
    return any(name in verdict.rule and name not in before for name in names)


def _mend(live: Live, call: CallState, why: str, tool: Tool | None = None) -> list[Ready]:
    effect = tool.effect if tool else "read"
    live.write(
        Acted(
            call_id=call.call.id,
            tool=call.call.tool,
            effect=effect,
            status="mend",
            result=why,
            integrity="system",
        )
    )
    return []


def _denied(call: CallState, tool: Tool, verdict: Verdict) -> Acted:
    return Acted(
        call_id=call.call.id,
        tool=tool.name,
        effect=tool.effect,
        status="denied",
        result=why(verdict),
        integrity="system",
    )


async def _after_reply(live: Live, call: CallState) -> list[Ready]:
    """A person has answered. An approval is for the exact call that was asked about, once, if still not denied."""
    reply, asked, tool = call.replied, call.asked, live.tools.get(call.call.tool)
    assert reply is not None
    assert asked is not None
    if asked.kind == "question":
        result = reply.text or reply.decision
        live.write(
            Acted(
                call_id=call.call.id, tool=call.call.tool, result=result, integrity="person", source=reply.by
            )
        )
        return []
    if tool is None:
        return _mend(live, call, f"the tool {call.call.tool} is no longer there")
    if asked.kind == "doubt":
        await doubt_answered(live, call, tool)
        return []
    if reply.decision != "approve":
        live.write(rejected(call, tool, reply, f"{reply.by} said no"))
        return []
    try:
        verdict, proposal, _ = await judge_call(live, call, tool, live.context(call.call.id))
    except Mend as error:
        return _mend(live, call, str(error), tool)
    if verdict.decision == "deny" or proposal.digest != asked.digest:
        live.write(judged_of(call, tool, verdict, proposal), _denied(call, tool, verdict))
        return []
    if _newly_asked(live, call, verdict):
        live.write(judged_of(call, tool, verdict, proposal), ask_about(live, call, tool, verdict, proposal))
        return []
    person = live.state.started.person if live.state.started else Person()
    if why := enough(asked, endorsed_of(call, asked), person, reply):
        too_few = rejected(call, tool, reply, "").model_copy(update={"result": why, "integrity": "system"})
        live.write(judged_of(call, tool, verdict, proposal), too_few)
        return []
    return [Ready(call)]


async def _carry_out(live: Live, ready: list[Ready]) -> None:
    """Reads side by side, one event each; effects one after the other, intent before and outcome after."""
    looks = [one for one in ready if _only_looks(live, one.call)]
    if len(looks) == 1:
        found = [await _look(live, looks[0])]
    else:
        found = await asyncio.gather(*(_look(live, one) for one in looks))
    for one, done in zip(looks, found, strict=True):
        live.write(*one.verdicts_with(done), done)
    for one in ready:
        if one in looks:
            continue
        call = one.call
        if call.call.tool == DELEGATE:
            if one.judged:
                live.write(one.judged)
            await delegate(live, call)
        elif live.spec.remit.autonomy == "shadow":
            live.write(*one.verdicts, _simulated(live, call))
        else:
            async with in_turn(live, call) as slept:
                if slept is not None:
                    live.write(*one.verdicts, slept)
                else:
                    await perform(live, call, *one.verdicts, valid=one.args)


def _only_looks(live: Live, call: CallState) -> bool:
    return live.tools[call.call.tool].effect in ("read", "self") and call.call.tool != DELEGATE


async def _look(live: Live, ready: Ready) -> Acted | Slept:
    """Call a tool without effect, in its turn; it may want to be called again later."""
    if ready.call.call.tool not in live.limits:
        return await _look_now(live, ready)
    async with in_turn(live, ready.call) as slept:
        return slept or await _look_now(live, ready)


async def _look_now(live: Live, ready: Ready) -> Acted | Slept:
    call = ready.call
    tool = live.tools[call.call.tool]
    began = time.monotonic()
    args = given(live.state, call)
    try:
        context = ready.context or live.context(call.call.id)
        outcome = await live.attempt(call_tool(tool, context, args, valid=ready.args))
        called(live, tool, args, outcome)
    except asyncio.CancelledError:
        if not live.interrupted:
            raise
        outcome = Outcome("failed", "broken off: the run was cancelled", time.monotonic() - began)
    if outcome.later is not None:
        return Slept(until=outcome.later.until, why=outcome.later.why, call_id=call.call.id)
    return acted(
        call, tool, outcome.status, outcome.result, outcome.seconds, rule=ready.rule, labels=outcome.labels
    )


def _simulated(live: Live, call: CallState) -> Acted:
    effect = live.tools[call.call.tool].effect
    return Acted(
        call_id=call.call.id,
        tool=call.call.tool,
        effect=effect,
        status="simulated",
        result="ok",
        integrity="system",
    )
