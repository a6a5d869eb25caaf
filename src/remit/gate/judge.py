"""The one gate. Pure: everything it knows is in its arguments, and the same facts give the same verdict."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from remit.gate.proposal import Facts, Proposal, Verdict
from remit.gate.rules import Rule, Rules

Json = Any


def judge(proposal: Proposal, facts: Facts, rules: Rules) -> Verdict:
    """Allow, ask or deny, with the rule and the evidence. Total: never raises.

    The remit first (a tool outside it is denied), then the rules (first match wins), then, where no rule
    matches, the default of the effect: look and keep notes yes; act on the world ask or, at autonomy `act`, no.
    Autonomy then narrows what was allowed; it never widens.
    """
    evidence = {
        name: vouch(proposal.args.get(name), facts) for name in proposal.sinks if name in proposal.args
    }
    if proposal.tool not in facts.tools:
        return Verdict(
            "deny", "the remit", (f"{proposal.tool} is not among the tools of this remit",), evidence
        )
    return _narrow(_by_rules(proposal, facts, rules, evidence), proposal, facts)


def _by_rules(proposal: Proposal, facts: Facts, rules: Rules, evidence: Mapping[str, str]) -> Verdict:
    matching = rules.for_tool(proposal.tool)
    if not matching and proposal.effect in ("read", "self"):
        return Verdict("allow", looks_allowed(proposal.effect), (), evidence)
    known = _known(proposal, facts, rules, evidence) if matching else {}
    missed: list[str] = []  # what would have allowed it
    for compiled in matching:
        rule, held = compiled.rule, compiled.holds(known)
        # What cannot be decided stops: an allow does not hold, an ask or a deny does.
        doubt = (f"could not be decided: {held}",) if isinstance(held, str) else ()
        if rule.decision == "allow":
            if held is True:
                return Verdict("allow", rule.name, (), evidence)
            missed.append(" ".join(["not allowed:", _why_not(rule), *(f"({words})" for words in doubt)]))
        elif held is not False:
            return Verdict(rule.decision, rule.name, (_why(rule), *doubt), evidence)
    reasons = tuple(missed) or ("no rule allows it",)
    if proposal.effect in ("read", "self") or facts.autonomy in ("act", "shadow"):
        return Verdict("deny", "no rule matches", reasons, evidence)
    return Verdict("ask", "no rule matches", reasons, evidence)


def looks_allowed(effect: str) -> str:
    """The name of what allows a look, or a note of the run's own, where no rule speaks of the tool."""
    return f"default of {effect}"


def _known(proposal: Proposal, facts: Facts, rules: Rules, evidence: Mapping[str, str]) -> Mapping[str, Json]:
    """What a condition may ask about, by the names that it uses."""
    known: dict[str, Json] = {name: {} for name in rules.records}
    known |= {name: value for name, value in facts.records.items() if isinstance(value, dict)}
    return known | {
        "args": dict(proposal.args),
        "person": dict(facts.person),
        "inputs": dict(facts.inputs),
        "evidence": dict(evidence),
        "run": {"untrusted": facts.untrusted, "goal": facts.goal, "counts": dict(facts.counts)},
    }


def _why(rule: Rule) -> str:
    """What an ask or a deny says for itself."""
    says = "asked" if rule.decision == "ask" else "denied"
    return rule.because or f"{says} by the rule `{rule.name.removeprefix(f'{rule.decision} ')}`"


def _why_not(rule: Rule) -> str:
    """What an allow says where it does not hold: its words are for that, else its condition is."""
    return rule.because or f"`{rule.condition}` does not hold"


def _narrow(verdict: Verdict, proposal: Proposal, facts: Facts) -> Verdict:
    if proposal.effect in ("read", "self") or verdict.decision == "deny":
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


def vouch(value: Json, facts: Facts) -> str:
    """The strongest evidence for a sink value: grant, person, record or unvouched."""
    if isinstance(value, list | tuple):
        found = {vouch(item, facts) for item in value}
        return next(
            (level for level in ("unvouched", "record", "person", "grant") if level in found), "grant"
        )
    text = canonical(value)
    if not text:
        return "grant"  # nothing is passed
    if text in {canonical(v) for v in leaves(facts.inputs)} or mentions(facts.goal, text):
        return "grant"
    if text in {canonical(v) for v in leaves(facts.person)}:
        return "person"
    if text in {canonical(v) for v in leaves(facts.records)}:
        return "record"
    return "unvouched"


def canonical(value: Json) -> str:
    if isinstance(value, float) and value.is_integer():
        value = int(value)  # 50.0 stands as 50 in what people write
    return "" if value is None else re.sub(r"\s+", " ", str(value)).strip().casefold()


def mentions(text: str, value: str) -> bool:
    """Whether `value` (canonical) stands in `text` as a whole word."""
    return re.search(rf"(?<!\w){re.escape(value)}(?!\w)", canonical(text)) is not None


def leaves(value: Json) -> list[Json]:
    """Every scalar in a JSON value, keys of objects included."""
    if isinstance(value, Mapping):
        return [leaf for key, item in value.items() for leaf in (key, *leaves(item))]
    if isinstance(value, list | tuple):
        return [leaf for item in value for leaf in leaves(item)]
    return [value]
