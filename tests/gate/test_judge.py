"""The gate: total, pure, and never wider than the remit."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from remit.errors import SpecError
from remit.gate.judge import judge, vouch
from remit.gate.proposal import Facts, Proposal
from remit.gate.rules import Rule, Rules, compile_rules

json = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.text(max_size=6),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=6,
)
effects = st.sampled_from(["read", "self", "egress", "destroy"])
CONDITIONS = [
    "true",
    "false",
    "args.amount <= 50",
    "order.user == person.id",
    "run.untrusted",
    "evidence.to == 'grant'",
]
rule_lists = st.lists(
    st.builds(
        Rule,
        tools=st.sampled_from([("pay",), ("*",), ("p*",)]),
        decision=st.sampled_from(["allow", "ask", "deny"]),
        condition=st.sampled_from(CONDITIONS),
    ),
    max_size=4,
)
proposals = st.builds(
    lambda **given: Proposal(**given),  # hypothesis would make up what is not given, too
    tool=st.sampled_from(["pay", "steal"]),
    args=st.dictionaries(st.sampled_from(["amount", "to"]), json, max_size=2),
    effect=effects,
    sinks=st.just({"to": "email"}),
)
facts = st.builds(
    lambda **given: Facts(**given),  # hypothesis would make up what is not given, too
    autonomy=st.sampled_from(["shadow", "draft", "ask", "act"]),
    tools=st.just(frozenset({"pay"})),
    person=st.dictionaries(st.just("id"), st.text(max_size=3), max_size=1),
    records=st.dictionaries(st.just("order"), json, max_size=1),
    untrusted=st.booleans(),
    goal=st.text(max_size=8),
)


def compiled(rules: list[Rule]) -> Rules:
    return compile_rules(rules, ["order"])


@given(proposals, facts, rule_lists)
def test_every_proposal_gets_one_verdict_and_the_same_one_again(
    p: Proposal, f: Facts, rules: list[Rule]
) -> None:
    first = judge(p, f, compiled(rules))
    assert first.decision in ("allow", "ask", "deny")
    assert first == judge(p, f, compiled(rules))
    assert set(first.evidence) == {"to"} & set(p.args)


@given(proposals, facts, rule_lists)
def test_nothing_outside_the_remit_is_even_asked(p: Proposal, f: Facts, rules: list[Rule]) -> None:
    if p.tool not in f.tools:
        assert judge(p, f, compiled(rules)).decision == "deny"


@given(proposals, facts, rule_lists)
def test_an_effect_is_allowed_only_by_a_rule_and_only_where_autonomy_acts(
    p: Proposal, f: Facts, rules: list[Rule]
) -> None:
    verdict = judge(p, f, compiled(rules))
    if p.effect in ("egress", "destroy") and verdict.decision == "allow":
        assert f.autonomy in ("act", "shadow")
        assert any(rule.decision == "allow" and rule.name == verdict.rule for rule in rules)


@given(proposals, facts)
def test_an_allow_that_cannot_be_decided_does_not_hold_and_a_deny_does(p: Proposal, f: Facts) -> None:
    broken = "args.nothing.there == 1"
    for decision in ("allow", "deny"):
        verdict = judge(p, f, compiled([Rule(("*",), decision, broken)]))  # type: ignore[arg-type]
        if p.effect in ("egress", "destroy"):
            assert verdict.decision != "allow"


@pytest.mark.parametrize(
    ("value", "level"),
    [
        ("W1", "grant"),
        ("w1", "grant"),
        ("W", "unvouched"),
        ("ann@x.example", "person"),
        ("42 Main St", "record"),
        (["W1", "ann@x.example"], "person"),
        (["W1", "evil"], "unvouched"),
        (None, "grant"),
        ([], "grant"),
    ],
)
def test_a_value_is_vouched_by_where_it_comes_from(value: Any, level: str) -> None:
    known = Facts(
        goal="please cancel W1, and W1 only",
        person={"email": "Ann@X.example"},
        records={"order": {"address": "42  main st"}},
    )
    assert vouch(value, known) == level


@pytest.mark.parametrize(
    ("condition", "said"),
    [
        ("arg.amount > 1", "'arg' does not exist; a condition may use args"),
        ("args.amount >", "Syntax error"),
        ("'a string'", "yes or no"),
    ],
)
def test_a_wrong_condition_is_found_when_the_spec_is_loaded(condition: str, said: str) -> None:
    with pytest.raises(SpecError, match=said):
        compile_rules([Rule(("pay",), "allow", condition)])


def test_a_rule_for_no_tool_of_the_agent_is_an_error() -> None:
    with pytest.raises(SpecError, match="matches none of the agent's tools"):
        compile_rules([Rule(("pya",), "allow", "true")], tools=["pay"])


def reasons(*rules: Rule, **args: Any) -> tuple[str, ...]:
    known = Facts(autonomy="act", tools=frozenset({"pay"}), records={"order": {"user": "ann"}})
    return judge(Proposal("pay", args, "destroy"), known, compiled(list(rules))).reasons


def test_a_denial_reads_as_the_words_of_the_rules_that_would_have_allowed_it() -> None:
    fifty = Rule(("pay",), "allow", "args.amount <= 50", "at most fifty dollars")
    bare = Rule(("pay",), "allow", "args.amount <= 50")
    never = Rule(("pay",), "deny", "args.amount > 1000", "that is a fortune")
    assert reasons(fifty, amount=70) == ("not allowed: at most fifty dollars",)
    assert reasons(bare, amount=70) == ("not allowed: `args.amount <= 50` does not hold",)
    assert reasons(never, fifty, amount=70) == ("not allowed: at most fifty dollars",)  # no word of a fortune
    assert reasons(never, amount=70) == ("no rule allows it",)


def test_what_could_not_be_decided_is_said_beside_the_rules_words() -> None:
    fifty = Rule(("pay",), "allow", "args.amount <= 50", "at most fifty dollars")
    (why,) = reasons(fifty)
    assert why.startswith("not allowed: at most fifty dollars (could not be decided: ")
    assert reasons(Rule(("pay",), "deny", "args.amount > 50", "too much"))[0] == "too much"


def test_a_rule_without_words_of_its_own_is_named_by_its_condition() -> None:
    assert reasons(Rule(("pay",), "ask", "true")) == ("asked by the rule `pay if true`",)
    assert reasons(Rule(("pay",), "deny", "args.amount > 5"), amount=9) == (
        "denied by the rule `pay if args.amount > 5`",
    )


@pytest.mark.parametrize(
    ("amount", "allowed"), [(50, True), (50.0, True), (49.5, True), (50.5, False), (51, False)]
)
def test_an_amount_is_compared_as_a_number_whether_whole_or_not(amount: float, allowed: bool) -> None:
    fifty = Rule(("pay",), "allow", "args.amount <= 50", "at most fifty dollars")
    assert (reasons(fifty, amount=amount) == ()) is allowed


def test_a_whole_amount_is_found_in_the_persons_words_however_the_tool_takes_it() -> None:
    known = Facts(goal="please pay 50 dollars")
    assert [vouch(value, known) for value in (50, 50.0, "50", 5.0)] == [
        "grant",
        "grant",
        "grant",
        "unvouched",
    ]
