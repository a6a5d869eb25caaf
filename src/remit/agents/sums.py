"""Sums that rules ask about, in the loop: read, judged by, and the call set aside, in one transaction; settled once it is known
what came of the call. An agent without such rules asks the database nothing."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from remit.agents.live import Live
from remit.agents.recheck import RECORDING
from remit.gate.judge import judge
from remit.gate.proposal import Facts, Proposal, Verdict
from remit.gate.rules import Rules
from remit.gate.sums import measured, total
from remit.gate.values import canonical
from remit.journal.events import Acted, Json
from remit.journal.refs import given
from remit.journal.rolling import Sum, counts
from remit.journal.state import CallState
from remit.journal.sums import Aside, Found, Settled, set_aside, set_aside_of, settle

Ask = Callable[[Proposal, Facts, Rules], Verdict]
HELD = "sums"  # in the memory of an advance: call -> tool, settled; of what is set aside for the run
NOT_RECORDED = "not recorded: a sum of that time cannot be read now"
NOT_BEGUN = (
    "not begun: what was set aside for it had been given back meanwhile; call it again if it is still wanted"
)


async def judge_by_sums(
    live: Live, call: CallState, proposal: Proposal, facts: Facts, ask: Ask = judge, look: bool = False
) -> Verdict:
    """As `judge`, with what the rules for the tool ask about the past, which is then on record. A call that may happen now
    counts for others from here on, until it is known what came of it; nobody's sum is read between its own and that. `look`: nothing is set aside."""
    name, rules = proposal.tool, live.rules
    wanted = rules.sums_of(name)
    keeps = rules.sums_up(name) and proposal.effect in ("egress", "destroy") and not look
    if RECORDING in live.resources:
        sums = {one.name: _recorded(live, call, one) for one in wanted}
        return _told(ask(proposal, facts._replace(sums=sums), rules), sums)
    keeps = keeps and facts.autonomy not in ("shadow", "draft")
    if not wanted and not keeps:
        return ask(proposal, facts, rules)
    own = measured(proposal.args, [one for one in rules.sums if one.tool == name])
    verdicts: list[Verdict] = []

    def decide(found: Sequence[Found]) -> bool:
        sums = {one.name: _total(one, read, name, own) for one, read in zip(wanted, found, strict=True)}
        verdict = ask(proposal, facts._replace(sums=sums), rules)
        verdicts.append(_told(verdict, sums))
        return verdict.decision == "allow" or (verdict.decision == "ask" and _approved(call, proposal))

    held = await _held(
        live
    )  # with what a predecessor has left, which is given back where this call may not happen
    found = await set_aside(live.journal, _aside(live, call, name, own), wanted, decide if keeps else None)
    if not keeps:
        decide(found)
    elif verdicts[-1].decision != "deny":
        held[call.call.id] = (name, False)
    return verdicts[-1]


def _told(verdict: Verdict, sums: Mapping[str, Json]) -> Verdict:
    return verdict._replace(records=sums) if sums else verdict


def _total(one: Sum, read: Found, tool: str, own: Mapping[str, Mapping[str, str]]) -> Json:
    mine = own.get(one.argument) if one.tool == tool else None
    return total(one, read.number, read.total, read.unread, read.units, mine)


def _approved(call: CallState, proposal: Proposal) -> bool:
    """Whether a person's yes to this very call is what it waited for."""
    asked, reply = call.asked, call.replied
    return bool(asked and reply and reply.decision == "approve" and proposal.digest == asked.digest)


def _aside(live: Live, call: CallState, tool: str, amounts: Mapping[str, Mapping[str, str]]) -> Aside:
    person, email = str(live.person.get("id") or ""), str(live.person.get("email") or "")
    return Aside(
        live.workspace,
        live.run,
        call.call.id,
        tool,
        live.spec.name,
        person,
        canonical("email", email) or email,
        amounts,
    )


async def settle_sums(live: Live) -> None:
    """Write down what came of the calls that were set aside: those that did not come about, or will not now, are given back."""
    if not live.rules.sums or RECORDING in live.resources:
        return
    held = await _held(live)
    changed: list[Settled] = []
    for name, (tool, settled) in list(held.items()):
        call = live.state.calls.get(name)
        happened = counts(call, tool)
        if happened is None and (call is None or call.intended is None):
            happened = (
                False  # asked about, waiting for its turn, sent back: it is judged anew before it happens
            )
        if happened is False or (happened and not settled):
            changed.append(Settled(live.run, name, happened))
    if not changed:
        return
    await live.settled()  # nothing is given back for an outcome that may yet be lost
    await settle(live.journal.store, *changed)
    for one in changed:
        if one.counts:
            held[one.call] = (held[one.call][0], True)
        else:
            held.pop(one.call)


async def given_back(live: Live, call: CallState) -> Acted | None:
    """What is to be said of an effect in doubt for which nothing is set aside any more; None where it is. It has not begun:
    what is set aside is given back only where the journal knows no intent and no living process has the run, and who
    wrote the intent after that has no lease, without which no effect begins."""
    if not live.rules.sums_up(call.call.tool) or call.undoes is not None or RECORDING in live.resources:
        return None
    tool = live.tools.get(call.call.tool)
    if tool is None or call.call.id in await _held(live):
        return None
    return Acted(
        call_id=call.call.id,
        tool=tool.name,
        effect=tool.effect,
        status="failed",
        result=NOT_BEGUN,
        integrity="system",
    )


async def _held(live: Live) -> dict[str, tuple[str, bool]]:
    if HELD not in live.memory:
        live.memory[HELD] = await set_aside_of(live.journal.store, live.run)
    found: dict[str, tuple[str, bool]] = live.memory[HELD]
    return found


def _recorded(live: Live, call: CallState, one: Sum) -> Json:
    """In a replay: as it was when the same call was judged."""
    recording = live.resources[RECORDING]
    tape = recording.records.get(f"{one.name} {recording.key(call.call.tool, given(live.state, call))}")
    return tape.play() if tape is not None else NOT_RECORDED
