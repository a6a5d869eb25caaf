"""The gate asked about a call of a run: what it is told, and its verdict as the journal has it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from functools import partial
from itertools import takewhile

from remit.agents.grant import left
from remit.agents.live import Live
from remit.agents.purpose import advertised
from remit.agents.reading import said
from remit.agents.sums import judge_by_sums
from remit.errors import Mend
from remit.gate.approval import frozen
from remit.gate.changed import judge_changed
from remit.gate.judge import is_bare
from remit.gate.proposal import NOTHING, Facts, Proposal, Verdict
from remit.journal.events import Asked, Json, Judged
from remit.journal.refs import arguments, given, proposed
from remit.journal.state import CallState
from remit.tools.tool import Tool, ToolContext


async def judge_call(
    live: Live, call: CallState, tool: Tool, context: ToolContext, look: bool = False
) -> tuple[Verdict, Proposal, Facts]:
    """Gather the facts, then ask the gate. `look`: only to know; nothing is set aside for the call, and nobody's yes for good
    speaks for it. Raises Mend for arguments or records that do not fit."""
    written, refs = arguments(live.state, call)
    args: Mapping[str, Json] = tool.validate(written) if tool.validate else written
    # Rules and evidence see the values that the tool will get. An approval stays bound to the call as it was shown: a
    # default that newer code changes does not undo it. Nobody vouches for a sink that the model left out.
    sinks = {name: kind for name, kind in tool.sinks.items() if name in written} if tool.sinks else NOTHING
    proposal = Proposal(tool.name, args, tool.effect, sinks, written, refs, tool.clearance)
    bare = not look and is_bare(proposal, live.rules)
    facts = Facts(tools=live.tools.keys()) if bare else _facts(live, call, tool, context, args)
    if why := live.withdrawn.get(tool.name):
        return Verdict("deny", "the pin", (f"{tool.name} is another tool: {why}",)), proposal, facts
    records = await _records(tool, context, args) if tool.records else {}
    if records:
        facts = facts._replace(records=records)
    if live.rules.sums:
        verdict = await judge_by_sums(live, call, proposal, facts, judge_changed, look)
    else:
        verdict = judge_changed(proposal, facts, live.rules)
    recall = live.recall if verdict.decision == "ask" and not look else None
    if recall is not None and (remembered := await recall(live.spec.name, tool.name)):
        ask = partial(judge_changed, remembered=remembered)
        verdict = await judge_by_sums(live, call, proposal, facts, ask)
    # What was refused to be looked at is not put on record either
    if verdict.decision == "deny" or not records:
        return verdict, proposal, facts
    seen = {name: record for name, record in records.items() if live.rules.asks_about(tool.name, name)}
    return verdict._replace(records={**verdict.records, **seen}), proposal, facts


def _facts(live: Live, call: CallState, tool: Tool, context: ToolContext, args: Mapping[str, Json]) -> Facts:
    """What the gate may know, but for records and sums. What few calls have is put in afterwards."""
    facts = Facts(
        live.spec.remit.autonomy,
        live.tools.keys(),
        context.person,
        context.inputs,
        untrusted=live.state.untrusted,
        goal=said(live.state),
        counts=live.state.counts,
        known=live.known,
        purposes=context.purposes,
    )
    more: dict[str, Json] = {}
    if tool.reaching and (ads := advertised(tool, args)):
        more["purposes"] = context.purposes | ads
    if live.state.grant is not None and (tool.sinks or tool.effect in ("egress", "destroy")):
        more["left"] = left(live.state, call)
    if tool.sinks and _may_fetch(tool):
        more["beside"] = _beside(live, call)
    if call.amended:
        more["amended"] = _before(live, call)
    return facts._replace(**more) if more else facts


async def _records(tool: Tool, context: ToolContext, args: Mapping[str, Json]) -> dict[str, Json]:
    """What the gate looks at by itself; it goes into the journal, and so without secrets. Raises Mend."""
    try:
        found = {name: await read(context, args) for name, read in tool.records.items()}
    except Mend as error:
        if context.secrets is None:
            raise
        raise Mend(context.secrets.hide(str(error))) from None
    return context.secrets.hide(found) if context.secrets else found


def _may_fetch(tool: Tool) -> bool:
    return tool.effect in ("read", "egress") and "url" in tool.sinks.values()


def _beside(live: Live, call: CallState) -> list[Json] | None:
    """What calls that are not done yet were given before this one. Nobody knows what the children of a run were."""
    if live.state.started is None or live.state.started.parent is not None:
        return None
    earlier = takewhile(lambda one: one is not call, live.state.open.values())
    return [given(live.state, one) for one in earlier]


def _before(live: Live, call: CallState) -> dict[str, Json]:
    """What a person has put something else in the place of."""
    was = proposed(live.state, call)
    return {name: was.get(name) for name in call.changed}


def ask_about(
    live: Live, call: CallState, tool: Tool, verdict: Verdict, proposal: Proposal, at: datetime | None = None
) -> Asked:
    """The question to people, asked now where it is not said when. Each about a call has a number of its own."""
    times = 1 + sum(
        one.call_id == call.call.id and one.kind == "approval" for one in live.state.asked.values()
    )
    return Asked(
        ask_id=f"a{call.call.id}" if times == 1 else f"a{call.call.id}.{times}",
        kind="approval",
        text=f"{tool.name}: {why(verdict)}",
        call_id=call.call.id,
        digest=proposal.digest,
        **frozen(verdict.terms, at or live.leases.now(), live.groups, live.hours),
    )


def judged_of(call: CallState, tool: Tool, verdict: Verdict, proposal: Proposal) -> Judged:
    more: dict[str, Json] = {"digest": proposal.digest} if _bound(tool, verdict) else {}
    for name in ("reasons", "evidence", "records", "provenance"):
        if said := getattr(verdict, name):
            more[name] = said
    return Judged(
        call_id=call.call.id,
        tool=tool.name,
        effect=tool.effect,
        decision=verdict.decision,
        rule=verdict.rule,
        **more,
    )


def _bound(tool: Tool, verdict: Verdict) -> bool:
    """Whether it is of this very call, written as it is."""
    return tool.effect in ("egress", "destroy") or verdict.decision == "ask"


def why(verdict: Verdict) -> str:
    """For the person who decides, or the model that was refused: with where each value comes from that nothing vouches
    for."""
    whence = [f"{name}: {words}" for name, words in verdict.provenance.items()]
    return "; ".join([*verdict.reasons, *whence]) or verdict.rule
