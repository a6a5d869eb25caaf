"""Whatever a model, a record or a person puts before the gate, it answers: once, the same again, in bounded work, and what
it was given stays as it was."""

from __future__ import annotations

import copy
import math
import pickle
import sys
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from remit.errors import Mend
from remit.gate.judge import judge
from remit.gate.known import Known
from remit.gate.proposal import Facts, Proposal
from remit.gate.rules import Rule, Rules, compile_rules
from remit.tools import tool

KINDS = [
    "email",
    "phone",
    "account",
    "url",
    "path",
    "amount",
    "person",
    "id:order",
    "text",
    "address",
    "hidden",
    "",
]
CONDITIONS = [
    "true", "false", "args.amount <= 50", "args.amount > 50", "args.amount > order.paid", "order.user == person.id", "run.untrusted",
    "evidence.to == 'grant'", "args.to.startsWith('a')", "args.to.matches('(a*)*b')", "args.to in ['a', 'b']", "size(args.to) > 3",
    "args.amount.all(one, one.price < 10)", "order.items.exists(item, item == args.to)", "amount(args.amount) <= 50.0", "has(args.note)",
    "run.counts.pay > 3", "timestamp(order.sent) < timestamp('2026-12-01T00:00:00Z')", "int(args.amount) == 1", "args.to + 'x' == 'ax'",
    "args == inputs", "double(order.paid) * 0.5 > args.amount", "person.verified && !run.untrusted", "args.amount / 0 == 1", "dyn(args) == 1",
    "run.goal.contains(args.to)", 'sum("pay.amount", "24h") > 5.0',
]  # fmt: skip
hostile = st.sampled_from(
    [math.nan, math.inf, -math.inf, -0.0, 5e-324, 1.8e308, 2**53 + 1, 2**63, -(2**63) - 1, 2**64, 10**400, 10**4_000, "\ud800", "\udfffa", "\0",
     "a\0b", "a" * 50_000, "@" * 3_000, "a." * 3_000, "1 " * 3_000, "://" * 3_000, "é" * 3_000, "\u202e", "NaN", "9" * 5_000, {"\ud800": 1},
     {"": {"": [None]}}, {1: 2}, "1e999", "2026-13-99T99:99:99Z", "(", "\\", '"', b"bytes", object, "\U0010ffff", "İ", "ß" * 400]
)  # fmt: skip
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | hostile,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=6,
)
named = st.dictionaries(st.sampled_from(["amount", "to", "note", "", "\ud800"]), values, max_size=3)
rules = st.lists(
    st.builds(
        Rule,
        tools=st.sampled_from([("pay",), ("*",), ("p*", "q")]),
        decision=st.sampled_from(["allow", "ask", "deny"]),
        condition=st.sampled_from(CONDITIONS),
        because=st.sampled_from(["", "\ud800", "because"]),
    ),
    max_size=5,
).map(lambda given: compile_rules(given, ["order"]))
proposals = st.builds(
    lambda **given: Proposal(**given),  # hypothesis would make up what is not given, too
    tool=st.sampled_from(["pay", "look", "\ud800"]),
    args=named,
    effect=st.sampled_from(["read", "self", "egress", "destroy"]),
    sinks=st.dictionaries(st.sampled_from(["amount", "to", "note"]), st.sampled_from(KINDS), max_size=3),
)


@st.composite
def read(draw: st.DrawFn) -> Known:
    known = Known()
    for number in range(draw(st.integers(0, 3))):
        fields = draw(
            st.sampled_from([{}, {"*": "system", "a": "untrusted"}, {"[].a": "system"}, {"..": "odd"}])
        )
        known.learn(draw(values), draw(st.booleans()), "a source", draw(values), fields, f"1.{number}")
    return known


facts = st.builds(
    lambda **given: Facts(**given),  # hypothesis would make up what is not given, too
    autonomy=st.sampled_from(["shadow", "draft", "ask", "act"]),
    tools=st.sampled_from([frozenset({"pay"}), frozenset({"pay", "look", "\ud800"})]),
    person=st.dictionaries(st.sampled_from(["id", "email", "verified"]), values, max_size=2),
    inputs=st.dictionaries(st.sampled_from(["x", "to"]), values, max_size=2),
    records=st.dictionaries(st.just("order"), values | st.dictionaries(st.sampled_from(["paid", "user", "items", "sent"]), values), max_size=1),
    untrusted=st.booleans(),
    goal=st.text(max_size=8) | st.sampled_from(["\ud800", "a" * 20_000, "pay 50 EUR to ann@x.example"]),
    counts=st.dictionaries(st.sampled_from(["pay"]), st.integers(), max_size=1),
    left=st.none() | st.dictionaries(st.sampled_from(["pay"]), st.integers(-1, 2), max_size=1),
    known=st.none() | read(),
    sums=st.dictionaries(st.just('sum("pay.amount", "24h")'), st.floats() | st.text(max_size=3), max_size=1),
)  # fmt: skip


@settings(max_examples=150)
@given(proposals, facts, rules)
def test_any_call_gets_one_verdict_the_same_one_again_and_stays_as_it_was(
    proposal: Proposal, known: Facts, compiled: Rules
) -> None:
    before = pickle.dumps((proposal, known._replace(known=None)))
    first = judge(proposal, known, compiled)
    assert first.decision in ("allow", "ask", "deny")
    assert first == judge(proposal, known, compiled)
    assert pickle.dumps((proposal, known._replace(known=None))) == before


@settings(max_examples=60)
@given(proposals, facts, rules)
def test_equal_facts_made_anew_get_the_same_verdict(
    proposal: Proposal, known: Facts, compiled: Rules
) -> None:
    again = judge(copy.deepcopy(proposal), copy.deepcopy(known), compiled)
    assert again == judge(proposal, known, compiled)


def calls(proposal: Proposal, known: Facts, compiled: Rules) -> int:
    """How many calls of functions it takes to judge: work, whatever else the machine does."""
    count = 0

    def counted(_frame: Any, event: str, _argument: Any) -> None:
        nonlocal count
        count += event in ("call", "c_call")

    sys.setprofile(counted)
    try:
        judge(proposal, known, compiled)
    finally:
        sys.setprofile(None)
    return count


@pytest.mark.parametrize(
    "piece",
    ["a", "1", "1 ", "a@", "a.", "://", "a://", "%2e/", "../", "é", "\u200b", "DE12 ", "$1", ",", "a,", "\n"],
)
@pytest.mark.parametrize(
    "kind", ["email", "url", "path", "amount", "account", "phone", "person", "id:order", "text"]
)
def test_twice_the_text_is_about_twice_the_work(kind: str, piece: str) -> None:
    def work(times: int) -> int:
        text, known = piece * times, Known()
        known.learn({"a": text, "b": [text]}, False, "a page", {"q": text}, {}, "1.1")
        known.learn(text, True, "a book", None, {}, "1.2")
        facts = Facts(autonomy="act", tools={"pay"}, goal=text, known=known, records={"order": {"a": text}})
        return calls(Proposal("pay", {"to": text}, "egress", {"to": kind}), facts, Rules())

    assert work(8_000) <= 2.6 * work(4_000) + 2_000


def repr_of(value: Any) -> str:
    return "long" if isinstance(value, int) else ascii(value)


LIMIT = [Rule(("pay",), "deny", "args.amount > 50"), Rule(("pay",), "allow", "true")]


@pytest.mark.parametrize(
    "amount",
    [math.nan, math.inf, -math.inf, [1, math.nan], {"a": math.nan}, "\ud800", 10**5_000],
    ids=repr_of,
)
def test_what_is_no_value_passes_no_limit(amount: Any) -> None:
    facts = Facts(autonomy="act", tools={"pay"})
    verdict = judge(Proposal("pay", {"amount": amount}, "egress"), facts, compile_rules(LIMIT))
    assert (verdict.decision, verdict.rule) == ("deny", "no such call")
    assert verdict.reasons[0].startswith("the arguments cannot be judged: ")
    sinks = {"amount": "amount", "to": "email"}
    verdict = judge(Proposal("pay", {"amount": amount}, "egress", sinks), facts, compile_rules(LIMIT))
    assert verdict.evidence == {"amount": "unvouched"}
    assert list(verdict.provenance) == ["amount"]
    assert judge(Proposal("pay", {"amount": 50}, "egress"), facts, compile_rules(LIMIT)).decision == "allow"


@pytest.mark.parametrize("paid", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize(
    "condition", ["args.amount > order.paid", "order.paid < args.amount", "!(args.amount <= order.paid)"]
)
def test_a_record_that_holds_no_number_cannot_decide(paid: float, condition: str) -> None:
    facts = Facts(autonomy="act", tools={"pay"}, records={"order": {"paid": paid, "lines": [paid]}})
    compiled = compile_rules([Rule(("pay",), "deny", condition), Rule(("pay",), "allow", "true")], ["order"])
    verdict = judge(Proposal("pay", {"amount": 50}, "egress"), facts, compiled)
    assert verdict.decision == "deny"
    assert any("could not be decided" in reason for reason in verdict.reasons)


@pytest.mark.parametrize("wrapped", [lambda inner: [inner], lambda inner: {"a": inner}])
@pytest.mark.parametrize("depth", [90, 150, 500, 5_000, 100_000])
def test_no_depth_ends_the_gate(depth: int, wrapped: Any) -> None:
    value: Any = 1
    for _ in range(depth):
        value = wrapped(value)
    condition = compile_rules(
        [Rule(("*",), "deny", "args.x == 5 || order.x == 5"), Rule(("*",), "allow", "true")], ["order"]
    )
    facts = Facts(autonomy="act", tools={"pay"})
    verdict = judge(Proposal("pay", {"x": value}, "egress", {"x": "email"}), facts, condition)
    assert (verdict.rule == "no such call") is (depth > 100)
    facts = Facts(autonomy="act", tools={"pay"}, records={"order": {"x": value}})
    assert judge(Proposal("pay", {"x": 5}, "egress", {"x": "email"}), facts, condition).decision == "deny"


def test_a_number_in_words_of_a_model_is_a_number_or_no_argument() -> None:
    @tool(effect="destroy")
    async def pay(amount: float, parts: list[float], by_name: dict[str, float]) -> str:
        """Pay."""
        return f"{amount}{parts}{by_name}"

    assert pay.validate is not None
    fine = {"amount": "5", "parts": [1], "by_name": {}}
    assert pay.validate(fine)["amount"] == 5.0
    for odd in ("NaN", "nan", "inf", "-Infinity", "1e999", math.nan, math.inf):
        for name, value in (("amount", odd), ("parts", [odd]), ("by_name", {"a": odd})):
            with pytest.raises(Mend, match="finite"):
                pay.validate({**fine, name: value})
