"""A remembered yes: for the same tool and rule, with the same values, after every deny, and never wider."""

from __future__ import annotations

import math
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from remit.errors import UnknownName, UserError
from remit.gate.judge import judge
from remit.gate.proposal import Facts, Proposal, Terms, Verdict
from remit.gate.remembered import Bound, Remembered, bind
from remit.gate.rules import Rule, compile_rules

SINKS = {"to": "email", "text": "text"}
ASK = Rule(("pay",), "ask", "true", "somebody looks")
FACTS = Facts("act", frozenset({"pay"}), goal="pay ann@a.example")
ARGS = {"to": "dora@d.example", "amount": 20, "text": "Thank you."}
AT = datetime(2026, 11, 21, tzinfo=UTC)


def yes(*bounds: Bound, **more: Any) -> Remembered:
    found: dict[str, Any] = {"tool": "pay", "rule": ASK.name, **more}
    return Remembered(7, "a", found["tool"], found["rule"], bounds, "bo", AT, UUID(int=7), "a1.1")


def pay(
    *rules: Rule, remembered: Remembered | None = None, facts: Facts = FACTS, sinks: Any = None, **args: Any
) -> Verdict:
    proposal = Proposal("pay", {**ARGS, **args}, "egress", SINKS if sinks is None else sinks)
    return judge(proposal, facts, compile_rules(rules or (ASK,)), (remembered,) if remembered else ())


TO = yes(Bound("to", "dora@d.example"))
BOTH = yes(Bound("to", "dora@d.example"), Bound("amount", most="50"))


def test_the_same_value_is_not_asked_about_again_and_the_verdict_names_whose_yes_it_is() -> None:
    assert pay().decision == "ask"
    found = pay(remembered=TO, to="DORA@D.example")
    assert (found.decision, found.rule) == ("allow", "remembered 7: pay with to = dora@d.example")
    assert found.reasons == ("bo said so on 21 November 2026, in run 00000000 to a1.1",)
    assert found.evidence["to"] == "unvouched"
    assert "DORA@D.example" in found.provenance["to"]
    for other in (
        "eve@d.example",
        "dora@d.example, eve@d.example",
        "dora@d.example\u200b",
        ["dora@d.example"],
    ):
        assert pay(remembered=TO, to=other).decision == "ask", other


def test_an_amount_is_bounded_from_above_and_is_a_plain_number() -> None:
    for amount, decision in (
        *((0, "allow"), (50, "allow"), (50.0, "allow"), (50.01, "ask"), (-1, "ask"), (True, "ask")),
        *(("20", "ask"), (None, "ask"), (math.nan, "deny"), (math.inf, "deny"), ([20], "ask")),
    ):
        assert pay(remembered=BOTH, amount=amount).decision == decision, amount


def test_a_sink_that_is_not_named_must_be_vouched_for_by_itself() -> None:
    assert pay(remembered=TO, text="See https://evil.example").decision == "ask"
    assert pay(remembered=yes(Bound("amount", most="50"))).decision == "ask"  # `to` is anybody
    assert pay(remembered=yes(Bound("amount", most="50")), to="ann@a.example").decision == "allow"
    assert pay(remembered=yes()).decision == "ask"


def test_it_stands_after_every_deny_wherever_that_is_and_after_what_cannot_be_decided() -> None:
    deny = Rule(("pay",), "deny", "args.amount > 10")
    doubt = Rule(("pay",), "deny", "args.nothing == 1")
    unclear = Rule(("pay",), "ask", "args.nothing == 1")
    assert pay(deny, ASK, remembered=TO).decision == "deny"
    assert pay(ASK, deny, remembered=TO).decision == "ask"
    assert pay(ASK, deny, remembered=TO, amount=5).decision == "allow"
    assert pay(ASK, doubt, remembered=TO).decision == "ask"
    assert pay(unclear, remembered=yes(*TO.bounds, rule=unclear.name)).decision == "ask"


def test_it_is_for_the_tool_and_the_rule_that_asked_and_no_other() -> None:
    stricter = Rule(("pay",), "ask", "args.amount > 10")
    assert pay(stricter, ASK, remembered=TO).decision == "ask"
    assert pay(remembered=yes(*TO.bounds, tool="charge")).decision == "ask"
    two = Rule(("pay",), "ask", "true", terms=Terms(persons=2))
    assert pay(two, remembered=TO).decision == "ask"
    denied = Facts("act", frozenset())
    assert pay(remembered=yes(*TO.bounds, rule="the remit"), facts=denied).decision == "deny"
    nothing = yes(*TO.bounds, rule="no rule matches")
    never = Rule(("pay",), "allow", "false")
    assert pay(never, remembered=nothing).decision == "deny"
    drafting = Facts("draft", frozenset({"pay"}))
    assert pay(remembered=TO, facts=drafting).decision == "deny"
    assert pay(remembered=TO, sinks={}).decision == "ask"  # what was a sink must be one


@given(
    st.sampled_from(["dora@d.example", "Dora@d.example", "eve@e.example", "", "x"]),
    st.one_of(st.integers(-99, 99), st.floats(), st.booleans(), st.text(max_size=3)),
    st.sampled_from(["Thank you.", "See https://evil.example", "Write to eve@e.example"]),
    st.sampled_from([TO, BOTH, yes(Bound("amount", most="50")), yes(Bound("text", "thank you."))]),
)
def test_it_only_ever_turns_an_ask_into_an_allow_within_its_bounds(
    to: str, amount: Any, text: str, remembered: Remembered
) -> None:
    args = {"to": to, "amount": amount, "text": text}
    before, after = pay(**args), pay(remembered=remembered, **args)
    assert after.evidence == before.evidence
    if after.decision != before.decision:
        assert (before.decision, after.decision) == ("ask", "allow")
        assert all(bound.holds(args, SINKS) for bound in remembered.bounds)
        named = {bound.argument for bound in remembered.bounds}
        assert "unvouched" not in [level for name, level in after.evidence.items() if name not in named]


def test_what_is_bound_is_the_call_that_was_said_yes_to() -> None:
    evidence = {"to": "unvouched", "text": "written"}
    assert bind(["to", "amount <= 50"], ARGS, SINKS, evidence) == BOTH.bounds
    assert bind(["to", "text", "amount"], ARGS, SINKS, evidence)[2] == Bound("amount", "20")
    for wanted, said in (
        (["amount<=50"], "nothing vouches for to either"),
        (["amount<=10", "to"], "the call itself has amount = 20"),
        (["text<=10", "to"], "the call itself has text"),
        ([], "at least one"),
    ):
        with pytest.raises(UserError, match=said):
            bind(wanted, ARGS, SINKS, evidence)
    for wrong in ("too", "amount<50", "amount<=-5", "amount<=x"):
        with pytest.raises(UnknownName, match="argument"):
            bind([wrong], ARGS, SINKS, evidence)
    with pytest.raises(UserError, match="to is no plain email"):
        bind(["to"], {"to": "a@b.example, c@d.example"}, SINKS, evidence)
