"""Why the gate decides as it does: told by watching the gate itself."""

from __future__ import annotations

from typing import Any

import pytest
from cel_expr_python import cel
from hypothesis import given
from hypothesis import strategies as st

from remit.gate.explain import explain, split, watch
from remit.gate.judge import judge
from remit.gate.known import Known
from remit.gate.proposal import Facts, Proposal
from remit.gate.rules import Rule, Rules, compile_rules
from tests.gate.test_judge import facts, proposals, rule_lists

FIFTY = Rule(("pay",), "allow", "args.amount <= 50 && person.verified", "at most fifty dollars")
NEVER = Rule(("pay",), "deny", "run.untrusted")


def rules(*several: Rule) -> Rules:
    return compile_rules(several, ["order"])


def pay(*several: Rule, known: Facts | None = None, **args: Any) -> Any:
    base = known or Facts(autonomy="act", tools=frozenset({"pay"}), person={"verified": True})
    return explain(Proposal("pay", args, "destroy"), base, rules(*several))


@given(proposals, facts, rule_lists)
def test_what_is_explained_is_what_the_gate_decides(p: Proposal, f: Facts, several: list[Rule]) -> None:
    compiled = rules(*several)
    found = explain(p, f, compiled)
    assert found.verdict == judge(p, f, compiled)
    assert bool(found.ways) == (found.verdict.decision != "allow")
    assert [look.number for look in found.looks] == sorted(look.number for look in found.looks)
    for look in found.looks[:-1]:  # the ones before the last decided nothing
        assert look.holds is not True


def test_each_rule_before_the_one_that_decides_is_told_with_the_values_it_asks_about() -> None:
    found = pay(NEVER, FIFTY, amount=20)
    assert [(look.number, look.holds) for look in found.looks] == [(1, False), (2, True)]
    assert found.looks[0].parts[0].values == {"run.untrusted": False}
    assert [part.text for part in found.looks[1].parts] == ["args.amount <= 50", "person.verified"]


def test_a_denial_names_the_parts_that_would_have_to_hold_and_what_they_are_now() -> None:
    (way,) = pay(NEVER, FIFTY, amount=70).ways
    assert way == "rule 2 would allow it if `args.amount <= 50` held; now args.amount is 70"


def test_a_rule_that_stops_says_what_would_become_of_the_call_without_it() -> None:
    known = Facts(autonomy="act", tools=frozenset({"pay"}), person={"verified": True}, untrusted=True)
    assert pay(NEVER, FIFTY, known=known, amount=20).ways == (
        "rule 1 must not hold; now run.untrusted is true",
        f"without that, it is allowed by: {FIFTY.name}",
    )
    assert len(pay(NEVER, FIFTY, known=known, amount=70).ways) == 1  # it would not be allowed without


def test_what_the_remit_or_autonomy_stops_says_which_of_them_to_change() -> None:
    assert pay(FIFTY, known=Facts(autonomy="act")).ways == ("list pay in the agent's `tools`",)
    draft = Facts(autonomy="draft", tools=frozenset({"pay"}), person={"verified": True})
    assert "raise `remit.autonomy`" in pay(FIFTY, known=draft, amount=5).ways[0]
    ask = Facts(autonomy="ask", tools=frozenset({"pay"}), person={"verified": True})
    assert pay(FIFTY, known=ask, amount=5).ways == (
        "the rules allow it; at `remit.autonomy: act` nobody would be asked",
        "a person's yes to this very call",
    )
    assert pay(amount=5).ways == ("no rule allows pay: write one that does, as `{tool: pay, allow: …}`",)


def test_what_the_grant_stops_says_how_it_is_widened() -> None:
    inside = Facts(autonomy="act", tools=frozenset({"pay"}), person={"verified": True}, left={})
    assert pay(FIFTY, known=inside, amount=20).ways == (
        "a person's `remit widen RUN pay`, or a goal that asks for it",
    )
    known = inside._replace(left={"pay": 1}, known=Known())
    sent = Proposal("pay", {"to": "eve@evil.example"}, "destroy", {"to": "email"})
    assert explain(sent, known, rules(FIFTY)).ways == (
        "an address that the goal, a record or something read names",
    )


def test_what_cannot_be_decided_says_so() -> None:
    found = pay(Rule(("pay",), "deny", "args.amount > 50"))
    assert found.looks[0].holds == "there is no args.amount"
    assert found.ways[0] == "rule 1 must not hold, and it cannot be decided: there is no args.amount"


@pytest.mark.parametrize(
    ("condition", "said"),
    [
        ("order.user == 'bob'", "there is no order.user"),
        ("args.amount > 5 && order.user == 'bob'", "there is no order.user"),
        ("order.user.name == 'bob'", "there is no order.user"),
        ("order.address.city == 'Ulm'", "there is no order.address.city"),
        ("order['sent on'] == 'Monday'", "there is no order.sent on"),
        ("order.items[0].price > 5", "there is no order.items[].price"),
        ("order.items.exists(i, i.price > 5)", "there is no field 'price'"),
        ("person.age > 18", "there is no person.age"),
        ("args.amount + order.note == 7", "No matching overloads"),
        ("order.note", "not a yes or no: 'as a gift'"),
        ("order.user == 'bob' || args.amount == 7", True),
    ],
)
def test_a_field_that_is_not_there_is_named_whole(condition: str, said: Any) -> None:
    order = {"items": [{"name": "lamp"}], "address": {"street": "Elm"}, "note": "as a gift"}
    (rule,) = rules(Rule(("pay",), "deny", condition)).compiled
    held = rule.holds({"args": {"amount": 7}, "order": order, "person": {}})
    assert held is True if said is True else said in str(held)


def test_what_is_not_known_any_more_is_taken_from_the_recorded_verdict() -> None:
    stranger = Rule(("pay",), "deny", "order.user != person.id")
    late = Rule(("pay",), "deny", "order.late")
    known = Facts(autonomy="act", tools=frozenset({"pay"}))
    found = explain(
        Proposal("pay", {}, "destroy"),
        known,
        rules(stranger, late, FIFTY),
        0,
        frozenset({"order"}),
        {stranger.name: False, late.name: True},
    )
    assert found.verdict.rule == late.name
    assert [(look.holds, sorted(look.lost)) for look in found.looks] == [
        (False, ["order"]),
        (True, ["order"]),
    ]
    assert not any(look.parts for look in found.looks)  # nothing is said of values that nobody knows


def test_what_is_not_known_any_more_and_no_verdict_tells_of_cannot_be_decided() -> None:
    known = Facts(autonomy="act", tools=frozenset({"pay"}), person={"verified": True})
    stranger = Rule(("pay",), "deny", "order.user != person.id")
    found = explain(
        Proposal("pay", {"amount": 5}, "destroy"), known, rules(stranger, FIFTY), 0, frozenset({"order"})
    )
    assert (found.verdict.decision, found.looks[0].holds) == (
        "deny",
        "what order was then is not in the journal",
    )


def test_inherited_rules_are_not_counted_among_the_own() -> None:
    p = Proposal("pay", {"amount": 5}, "destroy")
    known = Facts(autonomy="act", tools=frozenset({"pay"}), person={"verified": True})
    _, looks = watch(p, known, rules(NEVER, FIFTY), 1)
    assert [look.number for look in looks] == [0, 1]


@pytest.mark.parametrize(
    ("condition", "parts"),
    [
        ("a && b", ["a", "b"]),
        ("a && (b || c) && d", ["a", "(b || c)", "d"]),
        ("a && b || c", ["a && b || c"]),
        ("a ? b && c : d", ["a ? b && c : d"]),
        ("x == '&&' && b", ["x == '&&'", "b"]),
        (r"x == 'it\'s && so' && b", [r"x == 'it\'s && so'", "b"]),
        (r'x.matches(r"\\") && b', [r'x.matches(r"\\")', "b"]),
        ("x == '''a' && b''' && c", ["x == '''a' && b'''", "c"]),
        ("[a && b].all(i, i && c) && d", ["[a && b].all(i, i && c)", "d"]),
        ("a\n  && x == '  '", ["a", "x == '  '"]),
    ],
)
def test_a_condition_is_split_where_all_of_it_must_hold(condition: str, parts: list[str]) -> None:
    assert split(condition) == parts


CEL = cel.NewEnv(variables=dict.fromkeys("ab", cel.Type.BOOL) | {"x": cel.Type.STRING})
terms = st.recursive(
    st.sampled_from(
        ["a", "b", "!a", "x == '&& ||'", 'x != "?"', r"x == 'it\'s'", "[a, b].exists(i, i && a)"]
    ),
    lambda inner: (
        st.builds("({} {} {})".format, inner, st.sampled_from(["&&", "||"]), inner)
        | st.builds("{} && {}".format, inner, inner)
        | st.builds("({} ? {} : {})".format, inner, inner, inner)
    ),
    max_leaves=6,
)


@given(terms, st.booleans(), st.booleans(), st.sampled_from(["", "?", "it's", "&& ||"]))
def test_the_parts_hold_together_exactly_where_the_whole_does(text: str, a: bool, b: bool, x: str) -> None:
    known = {"a": a, "b": b, "x": x}

    def holds(condition: str) -> Any:
        return CEL.compile(condition).eval(data=known).plain_value()

    assert all(holds(part) for part in split(text)) == holds(text)
