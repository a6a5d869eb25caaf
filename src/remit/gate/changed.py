"""A call that a person has changed before saying yes to it, judged as it is then. Pure.

What the person wrote is vouched for by them (`endorsed`, in `evidence`), so that what is denied or asked about for want of
evidence may be let through on their word. But nobody's word takes the place of others': where the call would be asked
about without it, it still is, of those who would be asked then, beside whom it is asked of with it.
"""

from __future__ import annotations

from collections.abc import Sequence

from remit.gate.judge import judge, stricter
from remit.gate.proposal import Facts, Proposal, Verdict
from remit.gate.remembered import Remembered
from remit.gate.rules import Rules


def judge_changed(
    proposal: Proposal, facts: Facts, rules: Rules, remembered: Sequence[Remembered] = ()
) -> Verdict:
    """As `judge`, of any call; of one that nobody has changed it is the same."""
    verdict = judge(proposal, facts, rules, remembered)
    return and_of_others(verdict, proposal, facts, rules, remembered) if facts.amended else verdict


def and_of_others(
    verdict: Verdict, proposal: Proposal, facts: Facts, rules: Rules, remembered: Sequence[Remembered] = ()
) -> Verdict:
    """The verdict on a changed call, held against what it would be if nobody vouched for what is new in it."""
    if verdict.decision == "deny":
        return verdict
    unsaid = judge(proposal, facts._replace(amended={}), rules, remembered)
    if unsaid.decision != "ask" or unsaid.rule == verdict.rule:
        return verdict
    return stricter(verdict, unsaid)._replace(evidence=verdict.evidence, provenance=verdict.provenance)
