"""Calls of past runs as the gate judged them, from what the journal holds: for telling why, and for judging them again by
other rules."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import takewhile
from typing import Any, Literal
from uuid import UUID

from remit.agents.guardian import RULE as GUARDIAN
from remit.agents.guardian import narrowed
from remit.agents.purpose import advertised, purposes_of
from remit.agents.reading import learn, said
from remit.agents.spec import Agent, Rule
from remit.app import App
from remit.errors import Mend, ToolFault, UserError
from remit.examples import proposed
from remit.gate.changed import and_of_others
from remit.gate.explain import LOST, Explained, explain, named, watch
from remit.gate.judge import GRANT, WORKSPACE
from remit.gate.known import Known
from remit.gate.leaving import RULE as CONFIDENTIALITY
from remit.gate.policy import check
from remit.gate.proposal import Facts, Proposal, Verdict
from remit.gate.remembered import Remembered
from remit.gate.rules import Rules
from remit.journal.events import Acted, Answered, Event, Judged, Started
from remit.journal.index import list_runs
from remit.journal.refs import arguments, given
from remit.journal.refs import proposed as proposed_by_model
from remit.journal.rolling import is_sum
from remit.journal.state import CallState, State, apply
from remit.outfit import Outfit, agent_of, outfit
from remit.remembered import Once, list_ever

Json = Any
UNKNOWN = "unknown"
ASK = "autonomy ask"  # what it names where a rule allows it, and the agent asks all the same
UNDECIDED = "no rule matches"  # what a verdict names where none of the rules decided


@dataclass(frozen=True, slots=True)
class Then:
    """What a run knew when its model wanted a call."""

    untrusted: bool
    counts: Mapping[str, int]
    goal: str  # the person's words until then, answers too
    state: State
    events: Sequence[Event]

    def known(self) -> Known:
        """What it had read."""
        found = Known()
        for event in self.events:
            learn(found, self.state, event.body)
        return found

    def beside(self, call: CallState) -> list[Json] | None:
        """The arguments of the calls of the same answer that stood before it; None for a child, as the gate has it."""
        if self.state.started is None or self.state.started.parent is not None:
            return None
        earlier = takewhile(lambda one: one is not call, self.state.calls.values())
        return [given(self.state, one) for one in earlier if one.seq == call.seq]


@dataclass(frozen=True, slots=True)
class Past:
    """One call, what the gate knew of it, and what it said."""

    call: CallState
    decision: Literal["allow", "ask", "deny"]
    rule: str
    reasons: tuple[str, ...]
    evidence: Mapping[str, str]
    provenance: Mapping[str, str]
    records: Mapping[str, Json]  # those that were kept: a rule asked about them, no denial; and sums
    person: Mapping[str, Json]
    inputs: Mapping[str, Json]
    then: Then
    at: datetime
    narrowed: tuple[Json, ...] = ()  # rules of the workspace that had come since the run began

    def proposal(self, made: Outfit) -> Proposal:
        """The call as the gate saw it. Raises Mend where the tool does not take such arguments any more."""
        name = self.call.call.tool
        args, refs = arguments(self.then.state, self.call)
        return proposed(made.tools.get(name), name, args)._replace(refs=refs)

    @property
    def args(self) -> Mapping[str, Json]:
        """With what they refer to in its place."""
        return given(self.then.state, self.call)

    @property
    def before(self) -> dict[str, Json]:
        """What a person who was asked put something else in the place of."""
        was = proposed_by_model(self.then.state, self.call) if self.call.amended else {}
        return {name: was.get(name) for name in self.call.changed}

    def facts(self, agent: Agent, made: Outfit) -> Facts:
        """What was known then, under this agent's remit."""
        return Facts(
            autonomy=agent.remit.autonomy,
            tools=made.tools.keys(),
            person=self.person,
            inputs=self.inputs,
            records=self.records,
            untrusted=self.then.untrusted,
            purposes=purposes_of(agent, self.inputs)
            | advertised(made.tools.get(self.call.call.tool), self.args),
            goal=self.then.goal,
            counts=self.then.counts,
            left={} if self.rule == GRANT else None,  # other rules would not have asked for more
            known=self.then.known(),
            beside=self.then.beside(self.call),
            amended=self.before,
            sums={name: value for name, value in self.records.items() if is_sum(name)},
        )

    def remembered(self, agent: str, ever: Iterable[Once]) -> list[Remembered]:
        """What was held for said, of all that ever was."""
        return [one.said for one in ever if one.held(agent, self.call.call.tool, self.at)]

    def lost(self, made: Outfit) -> frozenset[str]:
        """What these rules may ask about, and the journal does not hold."""
        tool = made.tools.get(self.call.call.tool)
        names = {name for name in tool.records if name not in self.records} if tool else set()
        sums = {one.name for one in made.rules.sums_of(self.call.call.tool) if one.name not in self.records}
        return frozenset(names | {"evidence"} | sums if names else sums)

    def stood(self, rules: Rules) -> dict[str, bool]:
        """How the rules of that time stood, by their names, as far as the verdict tells: the one that decided held, those
        before it did not. What could not be decided then counts as what came of it."""
        tool = self.call.call.tool
        everywhere = [one.rule.name for one in rules.of_workspace(tool)]
        held = {name for name in everywhere if f"{WORKSPACE}{name}" in self.rule}
        found = dict.fromkeys(held, True)
        if self.decision != "deny":  # else what would only have been asked about is not told
            found |= {name: name in held for name in everywhere}
        matching = [one.rule.name for one in rules.for_tool(tool)]
        told = self.rule
        for name in (*matching, UNDECIDED, ASK, CONFIDENTIALITY):
            told = name if held and self.rule.endswith(f" and {name}") else told
        told = self.reasons[-1] if told in (ASK, CONFIDENTIALITY) and self.reasons else told
        if told in matching:
            return found | dict.fromkeys(matching[: matching.index(told)], False) | {told: True}
        return found | dict.fromkeys(matching, False) if told == UNDECIDED else found


@dataclass(frozen=True, slots=True)
class Again:
    """A past call judged by other rules. `verdict` is None where `why` says why nobody can tell."""

    past: Past
    verdict: Verdict | None
    why: str = ""


@dataclass(frozen=True, slots=True)
class Anew:
    """The calls of past runs, judged again."""

    runs: int
    table: Mapping[
        tuple[str, str], int
    ]  # was, would be -> how many calls; what nobody can tell would be UNKNOWN
    differing: tuple[tuple[UUID, Again], ...]  # newest run first
    replays: int  # left out

    @property
    def calls(self) -> int:
        return sum(self.table.values())

    @property
    def same(self) -> int:
        return sum(number for (was, would), number in self.table.items() if was == would)

    @property
    def changed(self) -> tuple[tuple[UUID, Again], ...]:
        return tuple(one for one in self.differing if one[1].verdict)

    @property
    def unknown(self) -> tuple[tuple[UUID, Again], ...]:
        return tuple(one for one in self.differing if not one[1].verdict)


@dataclass(frozen=True, slots=True)
class Differing:
    """Calls of a tool that would be decided otherwise, for the same reason."""

    tool: str
    was: str
    would: str
    now: str  # by what they would be decided, or why nobody can tell
    calls: tuple[tuple[UUID, Again], ...]  # newest run first

    @property
    def before(self) -> list[str]:
        """By what they were decided."""
        return sorted({because(one.past.rule, one.past.reasons) for _, one in self.calls})


def in_groups(found: Anew) -> list[Differing]:
    """What would be decided otherwise, the largest group first."""
    groups: dict[tuple[str, str, str, str], list[tuple[UUID, Again]]] = {}
    for run, one in found.differing:
        would = one.verdict.decision if one.verdict else UNKNOWN
        now = one.why or (because(one.verdict.rule, one.verdict.reasons) if one.verdict else "")
        groups.setdefault((one.past.call.call.tool, one.past.decision, would, now), []).append((run, one))
    return [
        Differing(*key, tuple(calls))
        for key, calls in sorted(groups.items(), key=lambda group: -len(group[1]))
    ]


def because(rule: str, reasons: Sequence[str]) -> str:
    return " ".join(("; ".join(reasons) or rule).split())


def outcome(one: Again) -> str:
    """What became of the call: for a person who asks what the changed rules would have prevented, or let through."""
    call = one.past.call
    status = call.acted.status if call.acted else "open"
    return f"{status}, {call.approved_by} approved" if call.approved else "done" if status == "ok" else status


def past_calls(events: Iterable[Event]) -> dict[str, Past]:
    """By call id, each as it was judged the last time. What a call could know is what was known when the model wanted it:
    calls of one answer are judged before any of them is carried out."""
    state, wanted, seen = State(), dict[str, Then](), list[Event]()
    found: dict[str, Past] = {}
    for event in events:
        apply(state, event)
        seen.append(event)
        body = event.body
        if isinstance(body, Answered) and body.purpose == "act":
            wanted |= dict.fromkeys((call.id for call in body.calls), _now(state, seen))
        elif isinstance(body, Judged) and body.call_id in state.calls:
            then = wanted.pop(body.call_id, _now(state, seen))
            found[body.call_id] = _past(state, state.calls[body.call_id], body, then, event.at)
        elif isinstance(body, Acted) and body.rule and body.call_id in state.calls:
            verdict = Judged(
                call_id=body.call_id, tool=body.tool, effect=body.effect, decision="allow", rule=body.rule
            )
            then = wanted.pop(body.call_id, _now(state, seen))
            found.setdefault(body.call_id, _past(state, state.calls[body.call_id], verdict, then, event.at))
    return found


def _now(state: State, seen: Sequence[Event]) -> Then:
    return Then(state.untrusted, dict(state.counts), said(state), state, tuple(seen))


def _past(state: State, call: CallState, judged: Judged, then: Then, at: datetime) -> Past:
    started = state.started
    assert started is not None
    return Past(
        call=call,
        decision=judged.decision,
        rule=judged.rule,
        reasons=tuple(judged.reasons),
        evidence=judged.evidence,
        provenance=judged.provenance,
        records=judged.records,
        person=started.person.model_dump(),
        inputs=started.inputs,
        then=then,
        at=at,
        narrowed=tuple(state.narrowed),
    )


def explained(past: Past, agent: Agent, made: Outfit, ever: Iterable[Once] = ()) -> Explained:
    """Why it was decided so: judged again by the same rules, with what was known; `ever`: what people have said yes to for
    good. Raises Mend where the tool does not take such arguments any more."""
    proposal, own = past.proposal(made), inherited(agent, made)
    lost, stood = past.lost(made), past.stood(made.rules)
    remembered = past.remembered(agent.name, ever)
    return explain(proposal, past.facts(agent, made), made.rules, own, lost, stood, remembered)


def inherited(agent: Agent, made: Outfit) -> int:
    """How many of the rules are not the agent's own."""
    return len(made.rules.compiled) - len(agent.rules)


def again(past: Past, agent: Agent, then: Rules, ever: Iterable[Once] = ()) -> Again:
    """Judge it by another agent's rules, tools and autonomy; `then`: the rules of that time; `ever`: what people have said
    yes to for good, which counts where it held then and the same rule asks. Where a rule that is not one of
    those asks about what the journal does not hold, nobody can tell."""
    made = outfit(agent)
    try:
        proposal = past.proposal(made)
    except Mend as error:
        return Again(past, None, f"the tool does not take these arguments any more: {error}")
    lost, stood = past.lost(made), past.stood(then)
    remembered = past.remembered(agent.name, ever)
    facts, own = past.facts(agent, made), inherited(agent, made)
    verdict, looks = watch(proposal, facts, made.rules, own, lost, stood, remembered)
    if facts.amended:
        verdict = and_of_others(verdict, proposal, facts, made.rules, remembered)
    for look in looks:
        if look.workspace and look.rule.decision == "ask" and verdict.decision == "deny":
            continue  # it asks at the most, and something else denies
        if look.lost and look.rule.name not in stood:
            return Again(past, None, f"{LOST.format(names=named(look.lost))}, and {look.name} asks about it")
    if past.rule == GUARDIAN:  # it would have said the same
        verdict = narrowed(verdict, past.decision, past.reasons[0].removeprefix("the guardian: "))
    return Again(past, verdict)


def _rules_then(started: Started, past: Past) -> Rules:
    """No rules where they are for tools that are not there any more."""
    try:
        return outfit(agent_of(started, past.narrowed)).rules
    except (UserError, ToolFault):
        return Rules()


def _again(past: Past, agent: Agent, then: Rules, ever: Iterable[Once]) -> Again:
    try:
        return again(past, agent, then, ever)
    except (UserError, ToolFault) as error:
        return Again(past, None, f"the run's agent cannot be used any more: {error}")


async def judge_again(
    app: App, agent: Agent | None, limit: int, of: str = "", workspace: Sequence[Rule] | None = None
) -> Anew:
    """What this agent's rules, tools and autonomy would have decided in the newest runs of the agent `of` (without: of its
    own name); None: each run's own, and of all agents. `workspace`: rules for every agent, in place of those that the
    runs had; None: those that hold now, or, without an agent, those of then. Raises SpecError, UnknownName for an agent
    that cannot be used."""
    if agent is not None:
        held = (await app.rules()).rules if workspace is None else workspace
        agent = agent.model_copy(update={"workspace": tuple(held)})
        made = outfit(agent)
        check(made.rules, made.tools)
    rows = await list_runs(app.store, agent=of or (agent.name if agent else ""), limit=limit)
    ever = await list_ever(app.store)
    table, differing, replays = Counter[tuple[str, str]](), [], 0
    for row in rows:
        events = await app.journal.read(row.id)
        started = events[0].body if events else None
        if not isinstance(started, Started):
            continue
        kept = started.fork_seq or 0
        if kept and agent_of(started).remit.autonomy == "shadow":
            replays += 1  # what it did was judged in the run that it replays
            continue
        for past in past_calls(events).values():
            if past.call.seq <= kept:
                continue  # of the run that it was forked from
            own = agent or agent_of(started, past.narrowed)
            if agent is None and workspace is not None:
                own = own.model_copy(update={"workspace": tuple(workspace)})
            one = _again(past, own, _rules_then(started, past), ever)
            would = one.verdict.decision if one.verdict else UNKNOWN
            table[past.decision, would] += 1
            if would != past.decision:
                differing.append((row.id, one))
    return Anew(len(rows) - replays, table, tuple(differing), replays)
