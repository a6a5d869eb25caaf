"""A call that a person has changed: what they wrote counts as theirs, what they left as it was, and nobody's word as two."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from remit.gate.changed import judge_changed
from remit.gate.evidence import LEVELS, evidence
from remit.gate.judge import STRICT, judge
from remit.gate.known import Known
from remit.gate.proposal import Facts, Proposal, Terms
from remit.gate.rules import Rule, compile_rules
from tests.gate.test_judge import compiled, facts, json, proposals, rule_lists

values = st.sampled_from(["a@b.example", "c@d.example", "W1", "", "a@b.example, c@d.example", None, 7]) | json
before = st.dictionaries(st.sampled_from(["amount", "to"]), values, max_size=2)
RULES = st.one_of(
    rule_lists,
    st.lists(
        st.builds(
            Rule,
            tools=st.just(("pay",)),
            decision=st.sampled_from(["allow", "ask", "deny"]),
            condition=st.sampled_from(
                ["'to' in evidence && evidence.to == 'unvouched'", "'to' in args", "true"]
            ),
        ),
        max_size=4,
    ),
)


def call(effect: Any = "egress", **args: Any) -> Proposal:
    return Proposal("pay", args, effect, {"to": "email", "text": "text", "url": "url"})


@given(proposals, facts, RULES, before)
def test_it_is_let_through_no_further_than_the_same_call_with_those_values_vouched_for(
    p: Proposal, f: Facts, rules: list[Rule], was: dict[str, Any]
) -> None:
    changed = f._replace(amended=was)
    verdict = judge_changed(p, changed, compiled(rules))
    vouched, unsaid = judge(p, changed, compiled(rules)), judge(p, f, compiled(rules))
    assert STRICT.index(verdict.decision) >= STRICT.index(vouched.decision)
    assert (verdict.decision == "deny") == (vouched.decision == "deny")
    assert not (verdict.decision == "allow" and unsaid.decision == "ask")
    assert verdict.evidence == vouched.evidence


@given(proposals, facts, RULES)
def test_what_nobody_changed_is_judged_as_ever(p: Proposal, f: Facts, rules: list[Rule]) -> None:
    assert judge_changed(p, f, compiled(rules)) == judge(p, f, compiled(rules))


@given(values, facts)
def test_an_argument_that_is_what_it_was_keeps_its_level(value: Any, f: Facts) -> None:
    p = call(to=value)
    as_ever = evidence(p, f)[0]
    assert evidence(p, f._replace(amended={"to": value}))[0] == as_ever
    assert evidence(p, f._replace(amended={"text": "else"}))[0] == as_ever


@given(values, values, facts)
def test_no_level_is_above_endorsed_but_by_what_stood_there_and_none_is_lost(
    value: Any, was: Any, f: Facts
) -> None:
    level = evidence(call(to=value), f._replace(amended={"to": was}))[0]["to"]
    as_ever = evidence(call(to=value), f)[0]["to"]
    worth = LEVELS.index
    assert worth(level) >= min(worth(as_ever), worth("endorsed"))
    assert worth(level) <= max(worth(as_ever), worth("endorsed"))


@pytest.mark.parametrize(
    ("name", "was", "now", "level"),
    [
        ("to", "a@b.example", "c@d.example", "endorsed"),
        ("to", "a@b.example", "A@B.example", "unvouched"),  # the same address
        ("to", ["a@b.example"], ["a@b.example", "c@d.example"], "unvouched"),
        ("to", ["a@b.example", "c@d.example"], ["c@d.example"], "unvouched"),
        ("to", None, "c@d.example", "endorsed"),
        ("to", "a@b.example", "c@d.ex\u202eample", "unvouched"),  # not what it looks like
        ("to", "a@b.example", "someone", "unvouched"),
        ("text", "see https://evil.example/x", "Hello, we shall send it.", "endorsed"),
        ("text", "see https://evil.example/x", "Hello! See https://evil.example/x", "unvouched"),
        ("text", "see https://evil.example/x", "Hello! See https://ours.example/y", "endorsed"),
        ("text", "hello", "hel\u200blo", "unvouched"),
    ],
)
def test_what_a_person_wrote_is_endorsed_and_what_was_there_is_not(
    name: str, was: Any, now: Any, level: str
) -> None:
    known = Facts(tools=frozenset({"pay"}), amended={name: was})
    levels, told = evidence(call(**{name: now}), known)
    assert levels == {name: level}
    assert bool(told) == (level == "unvouched")


def test_their_word_is_for_that_argument_alone() -> None:
    known = Facts(tools=frozenset({"pay"}), amended={"text": "hi"})
    levels, _ = evidence(call(to="c@d.example", text="write to c@d.example"), known)
    assert levels == {"to": "unvouched", "text": "endorsed"}


def test_what_the_goal_does_not_ask_for_is_beyond_it_but_for_what_a_person_named() -> None:
    known = Facts("act", frozenset({"pay"}), left={"pay": 1}, amended={"to": "a@b.example"})
    known = known._replace(known=Known())
    rules = compile_rules([Rule(("pay",), "allow", "true")])
    assert judge_changed(call(to="c@d.example"), known, rules).decision == "allow"
    assert judge_changed(call(to="a@b.example"), known, rules).rule == "the grant"
    assert judge_changed(call(to="c@d.example"), known._replace(left={"pay": 0}), rules).rule == "the grant"


def test_those_who_would_be_asked_without_their_word_are_asked_beside_the_others() -> None:
    two, late = Terms(by=("ann", "bo"), persons=2), Terms(by=("bo",), expires=timedelta(hours=1))
    rules = compile_rules(
        [
            Rule(("pay",), "ask", "evidence.to == 'unvouched'", terms=two),
            Rule(("pay",), "ask", "true", terms=late),
        ]
    )
    known = Facts("act", frozenset({"pay"}), amended={"to": "a@b.example"})
    verdict = judge_changed(call(to="c@d.example"), known, rules)
    assert verdict.decision == "ask"
    assert verdict.terms == replace(late, also=two)
    assert verdict.evidence == {"to": "endorsed"}
