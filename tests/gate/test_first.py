"""All the rules of a tool in one evaluation say what each in its turn says."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from remit.errors import SpecError
from remit.gate.rules import Rule, compile_rules

CONDITIONS = (
    "true",
    "false",
    "args.amount > 5",
    "args.missing == 1",
    'args.amount == "five"',
    "run.untrusted // a comment",
    "args.amount",  # no yes or no
    'has(args.note) && args.note.matches("(?i)a|b")',
    "[1, 2].exists(x, x == int(args.amount))",
    "run.untrusted ? args.amount > 1 : false",
)
FACTS = st.fixed_dictionaries(
    {
        "args": st.dictionaries(
            st.sampled_from(["amount", "note"]), st.sampled_from([1, 2.5, 7, "five", "b", True, None])
        ),
        "run": st.fixed_dictionaries({"untrusted": st.booleans()}),
        "person": st.just({}),
        "inputs": st.just({}),
        "evidence": st.just({}),
    }
)


@given(st.lists(st.sampled_from(CONDITIONS), min_size=1, max_size=60), FACTS)
def test_the_first_that_holds_is_the_same_however_they_are_asked(conditions: list[str], facts: Any) -> None:
    rules = compile_rules([Rule(("t",), "ask", one) for one in conditions])
    first = rules.first("t", facts)
    each = [one.holds(facts) for one in rules.for_tool("t")]
    if first is None:  # it may be told more often than need be, and then each is asked
        assert any(isinstance(held, str) for held in each)
    else:
        assert each[:first] == [False] * first
        assert first == len(each) or each[first] is True


def test_a_condition_that_fills_what_may_stand_in_each_other_is_still_judged() -> None:
    deep = "args.amount > 1"
    while True:
        try:
            compile_rules([Rule(("t",), "ask", f"({deep})")])
        except SpecError:
            break
        deep = f"({deep})"
    rules = compile_rules([Rule(("t",), "ask", deep), Rule(("t",), "deny", deep)])
    facts = {"args": {"amount": 2}, "run": {}, "person": {}, "inputs": {}, "evidence": {}}
    assert rules.first("t", facts) in (0, None)
    assert rules.for_tool("t")[0].holds(facts) is True
