"""The one gate. Pure: everything it knows is in its arguments, and the same facts give the same verdict."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

from remit.gate.evidence import Witness, mentions, vouch
from remit.gate.leaving import breaches, leaves, misused, refused, stopped
from remit.gate.leaving import labels as labels_of
from remit.gate.proposal import Facts, Proposal, Verdict, both
from remit.gate.remembered import UNDECIDED, Remembered, recalled
from remit.gate.rules import BUILT_IN, Compiled, Rule, Rules
from remit.gate.sums import facts as sums_as_facts
from remit.journal.body import unkept

Json = Any
GRANT = "the grant"  # the name of what denies an effect that the goal does not ask for
WORKSPACE = "workspace: "  # before the name of a rule that holds for every agent
STRICT = ("allow", "ask", "deny")
LOOKS = ("read", "self")  # effects that change nothing in the world
__all__ = ["GRANT", "WORKSPACE", "is_bare", "judge", "looks_allowed", "mentions", "stricter", "vouch"]


def judge(proposal: Proposal, facts: Facts, rules: Rules, remembered: Sequence[Remembered] = ()) -> Verdict:
    """Allow, ask or deny, with the rule and the evidence. Total: never raises, whatever the arguments and records hold.

    The remit first (a tool outside it is denied), then the grant (an effect that the goal does not ask for is denied), then
    the rules (first match wins), then, where no rule matches, the default of the effect: look and keep notes yes; act on
    the world ask or, at autonomy `act`, no. Autonomy then narrows what was allowed; it never widens. So do the rules of
    the workspace: all of them that hold, in no order. Data that would go to who may not have them narrow it further, and
    are asked about each time. Else what a person said yes to for good (`remembered`) is then not asked again, where no
    rule denies it.
    """
    if odd := unkept(proposal.args):
        sinks = [name for name in proposal.sinks if name in proposal.args]
        levels, words = dict.fromkeys(sinks, "unvouched"), dict.fromkeys(sinks, odd)
        why = (f"the arguments cannot be judged: {odd}",)
        return Verdict("deny", "no such call", why, levels, provenance=words)
    if is_bare(proposal, rules) and proposal.tool in facts.tools:
        return Verdict("allow", looks_allowed(proposal.effect))  # as all that follows would come to
    witness = Witness(facts)
    evidence, told = witness.evidence(proposal) if proposal.sinks else ({}, {})
    if proposal.tool not in facts.tools:
        why = (f"{proposal.tool} is not among the tools of this remit",)
        return Verdict("deny", "the remit", why, evidence, provenance=told)
    if facts.left is not None and (beyond := _beyond_the_grant(proposal, witness, evidence)) is not None:
        return Verdict("deny", GRANT, (beyond,), evidence, provenance=told)
    verdict = _narrow(_by_rules(proposal, witness, rules, evidence), proposal, facts)
    if rules.workspace and (narrowing := _by_workspace(proposal, witness, rules, evidence)) is not None:
        verdict = stricter(narrowing, verdict)
    if verdict.decision != "deny" and leaves(proposal):
        if odd_use := misused(proposal, facts):
            return _with(refused(verdict, facts, odd_use), told)
        if wrong := breaches(proposal, facts, evidence):
            return _with(stopped(verdict, facts.autonomy, wrong), told)
    if verdict.decision == "ask" and remembered and not _denied(proposal, witness, rules, evidence):
        verdict = recalled(proposal, verdict, remembered) or verdict
    return _with(verdict, told) if told else verdict


def is_bare(proposal: Proposal, rules: Rules) -> bool:
    """Whether a call is a look without sinks of which no rule speaks: of all facts only the tools of the remit count then."""
    return not proposal.sinks and proposal.effect in LOOKS and not rules.all_for(proposal.tool)


def _with(one: Verdict, told: Mapping[str, str]) -> Verdict:
    return Verdict(one.decision, one.rule, one.reasons, one.evidence, one.records, told, one.terms)


def _beyond_the_grant(proposal: Proposal, witness: Witness, evidence: Mapping[str, str]) -> str | None:
    """Why a call is outside what the goal was read to ask for; None where it is inside, or nothing was frozen. To look is
    inside, and so is what others have named: a person decides on that. What nobody has named is nobody's wish."""
    left = witness.facts.left
    if left is None or proposal.effect == "self":
        return None
    if proposal.effect != "read":
        times = left.get(proposal.tool)
        if times is None:
            return f"the goal does not ask for {proposal.tool}"
        if times < 1:
            return f"the goal asks for no more of {proposal.tool} than was done"
    doubtful = (name for name, level in evidence.items() if level == "unvouched")
    invented = next((name for name in doubtful if witness.unheard(proposal, name)), None)
    return f"nobody has named what stands in {invented}" if invented else None


def _by_rules(proposal: Proposal, witness: Witness, rules: Rules, evidence: Mapping[str, str]) -> Verdict:
    matching, facts = rules.for_tool(proposal.tool), witness.facts
    if not matching and proposal.effect in LOOKS:
        return Verdict("allow", looks_allowed(proposal.effect), (), evidence)
    missed: Sequence[str] = ()  # what would have allowed it
    if matching:
        whole = partial(_known, proposal, witness, rules, evidence)
        seen = {"args": proposal.args, "run": {"untrusted": facts.untrusted}, "evidence": evidence}
        first = rules.first(proposal.tool, seen, whole)
        if first is None:
            found = _each(matching, whole(), evidence)
            if isinstance(found, Verdict):
                return found
            missed = found
        elif first < len(matching):
            return _held(matching[first], matching, whole, evidence)
        else:
            missed = rules.missed(proposal.tool)
    reasons = tuple(missed) or ("no rule allows it",)
    if proposal.effect in LOOKS or facts.autonomy in ("act", "shadow"):
        return Verdict("deny", "no rule matches", reasons, evidence)
    return Verdict("ask", "no rule matches", reasons, evidence)


def _each(
    matching: Sequence[Compiled], known: Mapping[str, Json], evidence: Mapping[str, str]
) -> Verdict | list[str]:
    """Each rule asked in its turn: what the first that holds says, else what would have allowed it. What cannot be decided stops:
    an allow does not hold, an ask or a deny does."""
    missed: list[str] = []
    for compiled in matching:
        rule, held = compiled.rule, compiled.holds(known)
        doubt = (f"{UNDECIDED}: {held}",) if isinstance(held, str) else ()
        if held is True or (doubt and rule.decision != "allow"):
            return _held(compiled, matching, lambda: known, evidence, doubt)
        if rule.decision == "allow":
            missed.append(" ".join([rule.missed, *(f"({words})" for words in doubt)]))
    return missed


def _held(
    compiled: Compiled,
    matching: Sequence[Compiled],
    known: Callable[[], Mapping[str, Json]],
    evidence: Mapping[str, str],
    doubt: tuple[str, ...] = (),
) -> Verdict:
    """What the first rule that holds says, or that cannot be decided and does not allow."""
    rule = compiled.rule
    if rule.decision == "allow":
        return Verdict("allow", rule.name, (), evidence)
    found = Verdict(rule.decision, rule.name, (_why(rule), *doubt), evidence, terms=rule.terms)
    return _and_below(found, compiled, matching, known()) if rule.decision == "ask" else found


def _and_below(
    asked: Verdict, by: Compiled, matching: Sequence[Compiled], known: Mapping[str, Json]
) -> Verdict:
    """What an agent that delegated asks about is denied or asked about by those below it too, down to the agent itself,
    where the first rule of each that holds says so."""
    generation = by.above
    for compiled in matching:
        if compiled.above >= generation:
            continue
        rule, held = compiled.rule, compiled.holds(known)
        if held is False or (isinstance(held, str) and rule.decision == "allow"):
            continue
        generation = compiled.above
        if rule.decision == "allow":
            continue
        doubt = (f"{UNDECIDED}: {held}",) if isinstance(held, str) else ()
        terms, why = rule.terms, (_why(rule), *doubt)
        asked = stricter(Verdict(rule.decision, rule.name, why, asked.evidence, terms=terms), asked)
        if asked.decision == "deny":
            break
    return asked


def _by_workspace(
    proposal: Proposal, witness: Witness, rules: Rules, evidence: Mapping[str, str]
) -> Verdict | None:
    """What the workspace's rules say: the first deny that holds or cannot be decided, else all asks that do; None where
    none does."""
    matching = rules.of_workspace(proposal.tool)
    known = _known(proposal, witness, rules, evidence) if matching else {}
    found: Verdict | None = None
    for compiled in matching:
        rule, held = compiled.rule, compiled.holds(known)
        if held is False:
            continue
        doubt = (f"{UNDECIDED}: {held}",) if isinstance(held, str) else ()
        name = f"{WORKSPACE}{rule.name}"
        one = Verdict(rule.decision, name, (_why(rule), *doubt), evidence, terms=rule.terms)
        if rule.decision == "deny":
            return one
        found = one if found is None else stricter(found, one)
    return found


def stricter(one: Verdict, other: Verdict) -> Verdict:
    """Of two verdicts on a call the one that lets less happen. Two that ask are one that asks for both: who may say yes
    may say it by either, and a remembered yes is for the two together."""
    if one.decision != other.decision or one.decision != "ask":
        return one if STRICT.index(one.decision) >= STRICT.index(other.decision) else other
    reasons = tuple(dict.fromkeys((*one.reasons, *other.reasons)))
    return one._replace(
        rule=f"{one.rule} and {other.rule}", reasons=reasons, terms=both(one.terms, other.terms)
    )


def _denied(proposal: Proposal, witness: Witness, rules: Rules, evidence: Mapping[str, str]) -> bool:
    """Whether any deny holds, or cannot be decided, wherever it stands."""
    denies = [one for one in rules.all_for(proposal.tool) if one.rule.decision == "deny"]
    known = _known(proposal, witness, rules, evidence) if denies else {}
    return any(one.holds(known) is not False for one in denies)


def looks_allowed(effect: str) -> str:
    """The name of what allows a look, or a note of the run's own, where no rule speaks of the tool."""
    return f"default of {effect}"


def _known(
    proposal: Proposal, witness: Witness, rules: Rules, evidence: Mapping[str, str]
) -> Mapping[str, Json]:
    """What the conditions of the tool's rules may ask about, by the names that they use: to hand over more takes time."""
    facts, asked = witness.facts, rules.asked_of(proposal.tool)
    names = asked if asked is not None else {*BUILT_IN, *rules.records, "run.*"}
    known: dict[str, Json] = sums_as_facts(facts.sums) if rules.sums else {}
    known["args"] = dict(proposal.args)
    run: dict[str, Json] = {"untrusted": facts.untrusted}
    known["run"] = run
    if "run.goal" in names or "run.*" in names:
        run["goal"] = facts.goal
    if "run.purposes" in names or "run.*" in names:
        run["purposes"] = sorted(facts.purposes)
    if "run.counts" in names or "run.*" in names:
        run["counts"] = dict(facts.counts)
    if "person" in names:
        known["person"] = dict(facts.person)
    if "inputs" in names:
        known["inputs"] = dict(facts.inputs)
    if "evidence" in names:
        known["evidence"] = dict(evidence)
    if "labels" in names:
        known["labels"] = dict(labels_of(proposal, facts))
    for name in rules.records:
        if name in names and name not in known:
            record = witness.records.get(name)
            known[name] = record if isinstance(record, dict) else {}
    return known


def _why(rule: Rule) -> str:
    """What an ask or a deny says for itself."""
    says = "asked" if rule.decision == "ask" else "denied"
    return rule.because or f"{says} by the rule `{rule.name.removeprefix(f'{rule.decision} ')}`"


def _narrow(verdict: Verdict, proposal: Proposal, facts: Facts) -> Verdict:
    if proposal.effect in LOOKS or verdict.decision == "deny":
        return verdict
    if facts.autonomy == "draft":
        return Verdict(
            "deny", "autonomy draft", ("this agent only drafts; it changes nothing",), verdict.evidence
        )
    if facts.autonomy == "ask" and verdict.decision == "allow":
        return Verdict(
            "ask", "autonomy ask", ("this agent asks before each effect", verdict.rule), verdict.evidence
        )
    return verdict
