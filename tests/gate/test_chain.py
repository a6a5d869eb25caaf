"""What of the rules CEL is asked about a call: only those that may hold, and none that is seen to hold, or not, without it."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from remit.errors import SpecError
from remit.gate.chain import EXACT, INTS, SHAPES, Chain, asked
from remit.gate.rules import Rule, compile_rules

Json = Any
LATER = "int(person.age) > 3"  # what only CEL can tell; here it holds


class Noted:
    """CEL as it is, noting the places of the rules that it is asked."""

    def __init__(self, env: Any) -> None:
        self.env, self.places = env, list[int]()

    def compile(self, text: str) -> Any:
        self.places += map(int, re.findall(r"\) \? (\d+) :", text))
        return self.env.compile(text)


def chained(*conditions: str) -> tuple[Chain, Noted]:
    rules = compile_rules([Rule(("t",), "ask", one) for one in conditions])
    noted = Noted(rules.env)
    return Chain(rules.for_tool("t"), noted), noted


def facts(args: Json = None, evidence: Json = None, **run: Json) -> dict[str, Json]:
    told = {"args": args or {}, "run": {"untrusted": False, **run}, "person": {"age": "5"}}
    return told | {"inputs": {}, "evidence": evidence or {}}


def first_of(conditions: tuple[str, ...], known: dict[str, Json]) -> tuple[int | None, list[int]]:
    """The first that holds, and which CEL was asked about; the second time nothing is asked anew."""
    chain, noted = chained(*conditions)
    found = chain.first(known)
    places = list(noted.places)
    assert chain.first(known) == found
    assert noted.places == places
    return found, places


@pytest.mark.parametrize(
    ("guard", "holds", "not_so", "unknown"),
    [
        ("has(args.a)", facts({"a": 1}), facts(), None),
        ("!has(args.a)", facts(), facts({"a": 1}), None),
        ("run.untrusted", facts(untrusted=True), facts(), facts(untrusted="yes")),
        ("!run.untrusted", facts(), facts(untrusted=True), facts(untrusted=1)),
        (
            "evidence.to == 'grant'",
            facts(evidence={"to": "grant"}),
            facts(evidence={"to": "record"}),
            facts(),
        ),
        (
            "'grant' == evidence.to",
            facts(evidence={"to": "grant"}),
            facts(evidence={"to": "record"}),
            facts(),
        ),
        (
            "evidence.to != 'grant'",
            facts(evidence={"to": "record"}),
            facts(evidence={"to": "grant"}),
            facts(),
        ),
        ("evidence['to'] == 'grant'", facts(evidence={"to": "grant"}), facts(evidence={"to": "x"}), facts()),
        ("!(evidence.to == 'x')", facts(evidence={"to": "y"}), facts(evidence={"to": "x"}), facts()),
        ("!(evidence.to != 'x')", facts(evidence={"to": "x"}), facts(evidence={"to": "y"}), facts()),
        ("evidence.to in ['x', 'y']", facts(evidence={"to": "y"}), facts(evidence={"to": "z"}), facts()),
        ("!(evidence.to in ['x'])", facts(evidence={"to": "y"}), facts(evidence={"to": "x"}), facts()),
    ],
)
def test_a_part_that_is_seen_at_once_needs_no_evaluation(
    guard: str, holds: dict[str, Json], not_so: dict[str, Json], unknown: dict[str, Json] | None
) -> None:
    assert first_of((guard, LATER), holds) == (0, []), "it holds, and what comes after it is not asked"
    assert first_of((f"{guard} && {LATER}", "true"), holds) == (0, [0])
    assert first_of((f"{guard} && {LATER}", "true"), not_so) == (1, [])
    assert first_of((f"{guard} && {LATER}", LATER), not_so) == (1, [1])
    assert first_of((guard,), not_so) == (1, []), "none holds: their number"
    if unknown is not None:  # CEL finds that it cannot be decided
        assert first_of((f"{guard} && {LATER}", "true"), unknown) == (None, [0])
        assert first_of((guard, "true"), unknown) == (None, [0])


@pytest.mark.parametrize(
    "part",
    [
        "has(person.age)", "has(run.x) == false", "run.trusted == false", "person.untrusted == false", "evidence.to.size() == 5",
        "evidence.to in ['grant', person.age]", "evidence.to in evidence", "evidence.to == person.to", "args.to == 'grant' || false",
        "evidence.to + '' == 'grant'", "evidence.to > 'a'", "evidence.size() == 1", "'grant' in ['grant']",
        "person.untrusted", "has(run.untrusted)", "run.trusted", "args.flag", "person.run.untrusted", "has(person.args.to)", "false",
        "'grant' in evidence.to", "evidence.to == ['grant']", "evidence.to.more == 'grant'", "evidence.to == 5", "evidence.to in [5]",
    ],
)  # fmt: skip
def test_whatever_else_a_part_asks_only_cel_can_tell(part: str) -> None:
    known = facts({"to": "grant", "flag": True}, {"to": "grant"}, trusted=False)
    known["person"] |= {"untrusted": False, "to": "grant", "run": {"untrusted": False}, "args": {}}
    places = first_of((f"({part}) && has(args.to)", "true"), known)[1]
    assert places == [0]


@pytest.mark.parametrize(
    ("test", "yes", "no"),
    [
        ("args.n < 5", [4, 4.9, -7], [5, 5.0, 6]),
        ("args.n <= 5", [5, 5.0, 4], [5.1, 6]),
        ("args.n > 5", [6, 5.1], [5, 5.0, 4]),
        ("args.n >= 5.5", [5.5, 6], [5.4, 5]),
        ("args.n == 5", [5, 5.0], [4, 5.5]),
        ("args.n != 5", [4, 5.5], [5, 5.0]),
        ("5 < args.n", [6], [5, 4]),
        ("5 <= args.n", [5], [4]),
        ("5 > args.n", [4], [5, 6]),
        ("5 >= args.n", [5], [6]),
        ("5 == args.n", [5], [4]),
        ("5 != args.n", [4], [5]),
        ("args['n'] == 'five'", ["five"], ["Five", ""]),
        ("'five' != args.n", ["six"], ["five"]),
        (f"args.n < {EXACT - 1}", [EXACT - 2, 1 - EXACT], [EXACT - 1]),
    ],
)
def test_an_argument_is_compared_with_a_number_or_a_word_without_an_evaluation(
    test: str, yes: list[Json], no: list[Json]
) -> None:
    for value in yes:
        assert first_of((test, LATER), facts({"n": value})) == (0, [])
    for value in no:
        assert first_of((test, LATER), facts({"n": value})) == (1, [1])
        assert first_of((test, "true"), facts({"n": value})) == (1, [])
        assert first_of((f"true && {test}", f"has(args.n) && {test}"), facts({"n": value})) == (2, [])


@pytest.mark.parametrize(
    ("test", "args"),
    [
        ("args.n < 5", {}),
        ("args.n < 5", {"n": "4"}),
        ("args.n < 5", {"n": True}),
        ("args.n < 5", {"n": None}),
        ("args.n < 5", {"n": EXACT}),
        ("args.n < 5", {"n": -EXACT}),
        (f"args.n < {EXACT}", {"n": 4}),
        (f"args.n > -{EXACT}", {"n": 4}),
        ("args.n == 'five'", {"n": 5}),
        ("args.n < 'five'", {"n": "a"}),
        ("args.n == true", {"n": True}),
        ("args.n == args.n", {"n": 4}),
        ("args.n + 1 == 5", {"n": 4}),
        ("args.n.size() == 1", {"n": "4"}),
        ("args.n.startsWith('a')", {"n": "a"}),
        ("args.n.m < 5", {"n": 4}),
        ("person.n == 5", {"n": 5}),
        ("args.n < 5", {"n": 4, "more": [1]}),
        ("args.n < 5", {"n": 4, "more": {}}),
        ("args.n < 5", {"n": 4, "more": INTS}),
        ("args.n < 5", {"n": 4, "more": -INTS - 1}),
    ],
)
def test_what_compares_otherwise_in_cel_is_asked_there(test: str, args: dict[str, Json]) -> None:
    assert first_of((test, "true"), facts(args))[1] == [0]


def test_whatever_cel_takes_beside_it_does_not_matter() -> None:
    beside = {"a": "x", "b": 1.5, "c": True, "d": None, "e": INTS - 1, "f": -INTS}
    assert first_of(("args.n < 5", LATER), facts({"n": 4} | beside)) == (0, [])


def test_rules_are_passed_over_up_to_one_of_which_only_cel_can_tell() -> None:
    rules = ("args.n > 5", "args.n > 4", LATER, "args.n > 3", "true")
    assert first_of(rules, facts({"n": 7})) == (0, [])
    assert first_of(rules, facts({"n": 5})) == (1, [])
    assert first_of(rules, facts({"n": 4})) == (2, [2, 3])
    known = facts({"n": 4}) | {"person": {"age": "1"}}
    assert first_of(rules, known) == (3, [2, 3])
    assert first_of(rules, known | {"args": {"n": 1}}) == (4, [2, 3])
    assert first_of(("args.n > 5 && args.n < 9", "has(args.n)"), facts({"n": 10})) == (1, [])
    assert first_of(("args.n > 5 && args.n < 9", "has(args.n)"), facts({"n": 8})) == (0, [])


def test_of_more_shapes_of_calls_than_are_remembered_all_is_asked_and_nothing_is_kept() -> None:
    names = "abcde"
    chain, noted = chained(*(f"has(args.{one}) && {LATER}" for one in names), "true")

    def first(shape: int) -> int | None:
        return chain.first(facts({one: 1 for place, one in enumerate(names) if shape >> place & 1}))

    assert first(0) == len(names)
    assert noted.places == []
    for shape in range(1, SHAPES):
        place = (shape & -shape).bit_length() - 1
        assert first(shape) == place
        assert noted.places[0] == place
        noted.places.clear()
    assert first(SHAPES) == 4
    assert noted.places == [0, 1, 2, 3, 4]
    for shape in range(SHAPES, 2 * SHAPES):
        assert first(shape) == (shape & -shape).bit_length() - 1
    assert noted.places == [0, 1, 2, 3, 4], "for all others the one way"


def test_all_that_is_known_is_put_together_only_where_cel_is_asked() -> None:
    chain, noted = chained(f"has(args.a) && {LATER}", "args.n < 5")
    seen = {name: facts({"n": 4})[name] for name in ("args", "run", "evidence")}
    asked_for = list[bool]()

    def whole() -> dict[str, Json]:
        asked_for.append(True)
        return seen | {"person": {"age": "5"}}

    assert (chain.first(seen, whole), asked_for, noted.places) == (1, [], [])
    seen["args"] = {"n": 7}
    assert (chain.first(seen, whole), asked_for, noted.places) == (2, [], [])
    seen["args"] = {"n": 4, "a": 1}
    assert (chain.first(seen, whole), asked_for, noted.places) == (0, [True], [0, 1])


def test_of_what_nobody_handed_over_cel_says_that_it_is_not_there() -> None:
    chain, noted = chained("evidence.to == 'grant'", "true")
    known = facts()
    del known["evidence"]
    assert (chain.first(known), noted.places) == (None, [0])


def test_conditions_that_do_not_fit_into_each_other_are_asked_in_parts() -> None:
    chain, noted = chained(*["int(person.age) > 9"] * 80, LATER)
    assert chain.first(facts()) == 80
    assert set(noted.places) == set(range(81))
    assert len(noted.places) > 81, "as one it was tried first"


def test_a_condition_that_fits_into_no_other_is_asked_alone() -> None:
    deep = "int(person.age) > 9"
    while compiles(f"({deep})"):
        deep = f"({deep})"
    assert chained(deep, LATER)[0].first(facts()) in (1, None)
    assert chained(deep)[0].first(facts()) in (1, None)


def compiles(condition: str) -> bool:
    try:
        chained(condition)
    except SpecError:
        return False
    return True


@pytest.mark.parametrize(
    ("conditions", "names"),
    [
        ((), set()),
        (("true",), set()),
        (("args.n > 1 && person.age == '5'", "order.id == 1"), {"args", "person", "order"}),
        (("run.goal.matches('x') || run['counts'].pay > 1",), {"run", "run.goal", "run.counts"}),
        (("size(run) > 1",), {"run", "run.*"}),
        (("[1].all(args, args > 0)",), set()),
    ],
)
def test_what_rules_ask_about_is_handed_over_and_nothing_else(
    conditions: tuple[str, ...], names: set[str]
) -> None:
    rules = compile_rules([Rule(("t",), "ask", one) for one in conditions], ["order"])
    assert asked(rules.for_tool("t")) == names
    unread = [replace(one, tree=None) for one in rules.for_tool("t")]
    assert asked(unread) == (None if unread else set()), "what nobody can read may ask about anything"


def test_rules_that_were_compiled_in_another_place_are_each_asked_in_their_turn() -> None:
    rules = compile_rules([Rule(("t",), "ask", "true")])
    assert Chain(rules.for_tool("t"), None).first(facts()) is None


LEVELS = st.dictionaries(st.sampled_from(["a", "to"]), st.sampled_from(["grant", "record", "written"]))
CALLS = st.builds(
    lambda args, evidence, untrusted: facts(dict.fromkeys(args, 1), evidence, untrusted=untrusted),
    st.sets(st.sampled_from(["a", "to", "amount"])),
    LEVELS,
    st.sampled_from([True, False, 1, 0, "yes"]),
)


@given(st.lists(CALLS, min_size=2, max_size=40))
def test_what_is_remembered_of_one_call_says_nothing_else_of_another(calls: list[dict[str, Json]]) -> None:
    conditions = (
        "run.untrusted && has(args.amount) && args.amount > 5",
        "evidence.to == 'record' && !run.untrusted",
        "has(args.to) && evidence.a in ['grant', 'written']",
    )
    chain, _ = chained(*conditions)
    for known in calls:
        seen = {name: known[name] for name in ("args", "run", "evidence")}
        assert chain.first(seen, lambda known=known: known) == chained(*conditions)[0].first(known)
