"""Rules of a workspace: for any rules, of the workspace and the agent, any call, in any order, they only narrow."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from remit.gate.approval import NOBODY, frozen
from remit.gate.explain import explain
from remit.gate.judge import STRICT, WORKSPACE, judge
from remit.gate.proposal import Facts, Proposal, Terms, Verdict, both
from remit.gate.remembered import Bound, Remembered
from remit.gate.rules import Rule, compile_rules
from tests.gate.test_judge import CONDITIONS, facts, proposals, rule_lists

AT = datetime(2026, 11, 21, 12, tzinfo=UTC)
PEOPLE = ["ann", "bo", "carol", "Dora"]
some = st.lists(st.sampled_from([*PEOPLE, "group:two"]), max_size=3, unique=True).map(tuple)
HOURS = st.integers(1, 9).map(lambda hours: timedelta(hours=hours))
terms = st.builds(
    Terms, by=some, persons=st.integers(1, 3), expires=st.none() | HOURS, after=st.none() | HOURS, to=some
)
GROUPS = {"two": ("carol", "DORA")}
narrowing = st.lists(
    st.builds(
        Rule,
        tools=st.sampled_from([("pay",), ("*",), ("steal",)]),
        decision=st.sampled_from(["ask", "deny"]),
        condition=st.sampled_from(CONDITIONS),
        terms=st.none() | terms,
    ),
    max_size=4,
)


def verdict(
    proposal: Proposal, known: Facts, own: list[Rule], of_workspace: list[Rule], **more: Any
) -> Verdict:
    return judge(proposal, known, compile_rules(own, ["order"], workspace=of_workspace), **more)


def may(asked: Any, hours: int) -> set[str] | None:
    """Who may decide after so many hours; None: anybody."""
    if not asked.get("by"):
        return None
    late = asked.get("escalates") is not None and AT + timedelta(hours=hours) >= asked["escalates"]
    return {name.casefold() for name in (*asked["by"], *(asked["to"] if late else ()))} - {NOBODY}


@given(proposals, facts, rule_lists, narrowing, narrowing)
def test_more_rules_of_the_workspace_never_let_more_happen(
    proposal: Proposal, known: Facts, own: list[Rule], some: list[Rule], more: list[Rule]
) -> None:
    plain, fewer, all_ = (verdict(proposal, known, own, rules) for rules in ([], some, [*some, *more]))
    assert STRICT.index(plain.decision) <= STRICT.index(fewer.decision) <= STRICT.index(all_.decision)
    if fewer.decision == all_.decision == "ask":
        one, other = (frozen(said.terms, AT, GROUPS) for said in (fewer, all_))
        assert one.get("persons", 1) <= other.get("persons", 1)
        for hours in (0, 3, 6, 10):
            before, after = may(one, hours), may(other, hours)
            assert before is None or (after is not None and after <= before), (one, other)


@given(proposals, facts, rule_lists, narrowing, st.randoms(use_true_random=False))
def test_their_order_does_not_matter(
    proposal: Proposal, known: Facts, own: list[Rule], rules: list[Rule], chance: Any
) -> None:
    other = list(rules)
    chance.shuffle(other)
    one, two = (verdict(proposal, known, own, several) for several in (rules, other))
    assert one.decision == two.decision
    if one.decision == "ask":
        first, second = frozen(one.terms, AT, GROUPS), frozen(two.terms, AT, GROUPS)
        assert {n.casefold() for n in first.pop("by", [])} == {n.casefold() for n in second.pop("by", [])}
        assert {n.casefold() for n in first.pop("to", [])} == {n.casefold() for n in second.pop("to", [])}
        assert first == second


@given(proposals, facts, rule_lists, narrowing)
def test_what_is_told_of_a_verdict_is_the_verdict(
    proposal: Proposal, known: Facts, own: list[Rule], rules: list[Rule]
) -> None:
    compiled = compile_rules(own, ["order"], workspace=rules)
    told = explain(proposal, known, compiled)
    assert told.verdict == judge(proposal, known, compiled)
    for look in told.looks:
        if look.workspace and look.holds is not False and told.verdict.rule.startswith(WORKSPACE):
            assert any(look.name in way for way in told.ways)


def test_a_remembered_yes_is_no_yes_to_what_the_workspace_asks() -> None:
    own = [Rule(("pay",), "ask", "true")]
    asked = [Rule(("pay",), "ask", "args.amount > 10")]
    known, call = Facts("act", frozenset({"pay"})), Proposal("pay", {"amount": 40}, "destroy")
    bound = (Bound("amount", most="50"),)
    old = Remembered(1, "shop", "pay", own[0].name, bound, "bo", AT, UUID(int=1), "a1")
    assert verdict(call, known, own, [], remembered=[old]).decision == "allow"
    said = verdict(call, known, own, asked, remembered=[old])
    assert (said.decision, said.rule) == ("ask", f"workspace: {asked[0].name} and {own[0].name}")
    allowed = [Rule(("pay",), "deny", "args.amount == 40"), *asked]
    assert verdict(call, known, own, allowed, remembered=[old]).decision == "deny"


def test_two_rules_that_name_different_people_can_be_decided_by_nobody_and_not_by_everybody() -> None:
    asked = frozen(both(Terms(by=("ann",)), Terms(by=("bo",), persons=2)), AT, {})
    assert (asked["by"], asked["persons"]) == ([NOBODY], 2)
    late = frozen(both(Terms(by=("ann",), after=timedelta(hours=1), to=("bo",)), Terms(by=("bo",))), AT, {})
    assert (late["by"], late["to"], late["escalates"]) == ([NOBODY], ["bo"], AT + timedelta(hours=1))
    assert both(None, Terms(by=("ann",))) == Terms(by=("ann",))


def test_a_rule_that_escalates_to_nobody_lends_its_delay_to_no_other() -> None:
    to_bo = Terms(by=("ann",), to=("bo",))  # to whom, and never when
    for later_on in (Terms(after=timedelta(hours=1)), Terms(by=("ann",), after=timedelta(hours=1))):
        assert may(frozen(both(to_bo, later_on), AT, GROUPS), 10) == {"ann"}
