"""Who must say yes where a rule asks: as it is written in YAML, and as the gate hands it on."""

from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import ValidationError

from remit.agents.spec import Rule
from remit.gate.judge import judge
from remit.gate.proposal import Facts, Proposal, Terms
from remit.outfit import outfit
from tests.agents.test_loop import agent

PAGE = (Path(__file__).parents[2] / "docs/policy.md").read_text()
WRITTEN = """
tool: charge
ask: args.amount > 50
by: [ann, "group:finance"]
persons: 2
expires: 2d
escalate: {after: 4h, to: carol@x.example}
"""


def test_the_terms_of_an_ask_come_from_yaml_to_the_verdict_and_survive_the_journal() -> None:
    rule = Rule.model_validate(yaml.safe_load(WRITTEN))
    again = Rule.model_validate(rule.model_dump(mode="json", exclude_defaults=True))
    assert again == rule
    fitted = outfit(agent(rules=[rule, {"tool": "charge", "allow": "true"}]))
    facts = Facts("act", frozenset({"charge"}))
    verdict = judge(Proposal("charge", {"amount": 60}, "destroy"), facts, fitted.rules)
    two_days, four_hours = timedelta(days=2), timedelta(hours=4)
    terms = Terms(("ann", "group:finance"), 2, two_days, four_hours, ("carol@x.example",))
    assert (verdict.decision, verdict.terms) == ("ask", terms)
    assert judge(Proposal("charge", {"amount": 5}, "destroy"), facts, fitted.rules).terms is None


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"allow": "true", "persons": 2}, "for a rule that asks"),
        ({"deny": "true", "by": "ann"}, "for a rule that asks"),
        ({"deny": "true", "urgent": True}, "for a rule that asks"),
        ({"ask": "true", "by": "ann", "persons": 2}, "only 1 may say yes"),
        ({"ask": "true", "by": ["ann", "ANN"], "persons": 2}, "only 1 may say yes"),
        ({"ask": "true", "by": " "}, "name a person"),
        ({"ask": "true", "by": "group: "}, "name a person"),
        ({"ask": "true", "persons": 0}, "greater than or equal to 1"),
        ({"ask": "true", "expires": "0s"}, "greater than datetime"),
        ({"ask": "true", "expires": "soon"}, "timedelta"),
        ({"ask": "true", "escalate": {"after": "1h", "to": "bob"}}, "escalate goes with `by`"),
        ({"ask": "true", "by": "ann", "escalate": {"after": "1h", "to": []}}, "at least 1 item"),
        (
            {"ask": "true", "by": "ann", "expires": "1h", "escalate": {"after": "1h", "to": "bob"}},
            "must come before expires",
        ),
    ],
)
def test_terms_that_nobody_can_meet_are_refused_with_the_reason(wrong: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        Rule.model_validate({"tool": "charge", **wrong})


def test_the_rule_that_the_page_on_rules_shows_can_be_loaded() -> None:
    (written,) = re.findall(r"^```yml\n(.*?)^```$", PAGE, flags=re.DOTALL | re.MULTILINE)
    (rule,) = [Rule.model_validate(one) for one in yaml.safe_load(written)]
    assert (rule.persons, rule.by[0], rule.expires) == (2, "group:finance", timedelta(days=2))
    table = PAGE.partition("| | what it says | left out |")[2].partition("\n\n")[0]
    assert re.findall(r"^\| `(\w+)` \|", table, flags=re.MULTILINE) == [
        "by",
        "persons",
        "expires",
        "escalate",
        "urgent",
    ]
    assert set(Rule.model_fields) == {
        "tool",
        "allow",
        "ask",
        "deny",
        "because",
        "by",
        "persons",
        "expires",
        "escalate",
        "urgent",
    }
