"""The gate holds a frozen grant before any rule is asked, for every effect and for nothing else."""

from __future__ import annotations

from typing import Any

import pytest

from remit.gate.judge import GRANT, judge
from remit.gate.proposal import Facts, Proposal
from remit.gate.rules import Rule, compile_rules

RULES = compile_rules([Rule(("pay",), "allow", "true")])


@pytest.mark.parametrize(
    ("effect", "left", "decision", "rule", "says"),
    [
        ("egress", {"pay": 1}, "allow", RULES.compiled[0].rule.name, ""),
        ("destroy", {"pay": 3}, "allow", RULES.compiled[0].rule.name, ""),
        ("egress", None, "allow", RULES.compiled[0].rule.name, ""),
        ("egress", {"pay": 0}, "deny", "the grant", "the goal asks for no more of pay than was done"),
        ("destroy", {"pay": -1}, "deny", "the grant", "the goal asks for no more of pay than was done"),
        ("egress", {"send": 1}, "deny", "the grant", "the goal does not ask for pay"),
        ("destroy", {}, "deny", "the grant", "the goal does not ask for pay"),
        ("read", {}, "allow", RULES.compiled[0].rule.name, ""),
        ("self", {"pay": 0}, "allow", RULES.compiled[0].rule.name, ""),
    ],
)
def test_an_effect_beyond_the_grant_is_denied_whatever_the_rules_say(
    effect: Any, left: Any, decision: str, rule: str, says: str
) -> None:
    facts = Facts(autonomy="act", tools={"pay"}, left=left)
    verdict = judge(Proposal("pay", {}, effect), facts, RULES)
    assert (verdict.decision, verdict.rule, "".join(verdict.reasons)) == (decision, rule, says)
    assert GRANT == "the grant"


@pytest.mark.parametrize("left", [None, {"pay": 9}])
def test_what_is_no_tool_of_the_remit_is_denied_before_the_grant_is_looked_at(left: Any) -> None:
    facts = Facts(autonomy="act", tools={"other"}, left=left, known=None)
    verdict = judge(Proposal("pay", {"to": "a@b.example"}, "egress", {"to": "email"}), facts, RULES)
    assert (verdict.decision, verdict.rule) == ("deny", "the remit")
    assert verdict.reasons == ("pay is not among the tools of this remit",)
    assert verdict.evidence == {"to": "unvouched"}
    assert verdict.provenance == {"to": "a@b.example"}


def test_one_record_that_cannot_be_trusted_spoils_no_other() -> None:
    broken: Any = {
        "paid": float("nan"),
        "owner": "ann",
        "lines": [1, float("inf")],
        "deep": {"\ud800": 1, "x": 2},
    }
    facts = Facts(
        autonomy="act", tools={"pay"}, person={"id": "ann"}, records={"order": broken, "shop": {"open": True}}
    )
    fine = "order.owner == person.id && shop.open && order.lines[0] == 1 && order.deep.x == 2 && size(order.deep) == 1"
    rules = compile_rules([Rule(("pay",), "allow", fine)], ["order", "shop"])
    assert judge(Proposal("pay", {}, "egress"), facts, rules).decision == "allow"
    rules = compile_rules(
        [Rule(("pay",), "allow", "order.paid == null && order.lines[1] == null")], ["order"]
    )
    assert judge(Proposal("pay", {}, "egress"), facts, rules).decision == "allow"
