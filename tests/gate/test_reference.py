"""The gate beside its description, written down a second time as plainly as can be: each combination of a few rules."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import product
from typing import Any, Literal

import pytest

from remit.gate.judge import STRICT, WORKSPACE, judge, stricter
from remit.gate.proposal import Facts, Proposal, Terms, Verdict
from remit.gate.rules import Rule, compile_rules

HOLDS = {"args.n == 1": True, "args.n == 2": False, "args.gone == 1": None}  # None: it cannot be decided
WHY_NOT = "could not be decided: there is no args.gone"
Decision = Literal["allow", "ask", "deny"]
Said = tuple[str, str, tuple[str, ...]]  # decision, rule, reasons


def rules(decisions: Sequence[Decision], most: int) -> Iterator[list[Rule]]:
    """Every list of rules up to a length, each rule with words of its own."""
    kinds = list(product(decisions, HOLDS))
    for length in range(most + 1):
        for several in product(kinds, repeat=length):
            yield [Rule(("pay",), kind, text, f"words {i}") for i, (kind, text) in enumerate(several)]


def doubt(rule: Rule) -> tuple[str, ...]:
    return (rule.because, WHY_NOT) if HOLDS[rule.condition] is None else (rule.because,)


def by_rules(own: list[Rule], effect: str, autonomy: str) -> Said:
    """The first that holds; an allow that cannot be decided does not, an ask or a deny does."""
    missed = []
    for rule in own:
        holds = HOLDS[rule.condition]
        if rule.decision == "allow":
            if holds:
                return "allow", rule.name, ()
            missed.append(f"not allowed: {rule.because}" + (f" ({WHY_NOT})" if holds is None else ""))
        elif holds is not False:
            return rule.decision, rule.name, doubt(rule)
    if not own and effect in ("read", "self"):
        return "allow", f"default of {effect}", ()
    denied = effect in ("read", "self") or autonomy in ("act", "shadow")
    return "deny" if denied else "ask", "no rule matches", tuple(missed) or ("no rule allows it",)


def narrowed(said: Said, effect: str, autonomy: str) -> Said:
    if effect in ("read", "self") or said[0] == "deny":
        return said
    if autonomy == "draft":
        return "deny", "autonomy draft", ("this agent only drafts; it changes nothing",)
    if autonomy == "ask" and said[0] == "allow":
        return "ask", "autonomy ask", ("this agent asks before each effect", said[1])
    return said


def and_workspace(said: Said, of_workspace: list[Rule]) -> Said:
    """A deny of the workspace that is not false decides; else each such ask asks too."""
    held = [rule for rule in of_workspace if HOLDS[rule.condition] is not False]
    denies = [rule for rule in held if rule.decision == "deny"]
    if denies:
        return "deny", WORKSPACE + denies[0].name, doubt(denies[0])
    if not held or said[0] == "deny":
        return said
    name, reasons = WORKSPACE + held[0].name, doubt(held[0])
    for rule in held[1:]:
        name, reasons = f"{name} and {WORKSPACE}{rule.name}", (*reasons, *doubt(rule))
    if said[0] == "ask":
        name, reasons = f"{name} and {said[1]}", (*reasons, *said[2])
    return "ask", name, tuple(dict.fromkeys(reasons))


def told(verdict: Verdict) -> Said:
    return verdict.decision, verdict.rule, verdict.reasons


@pytest.mark.parametrize("effect", ["read", "self", "egress", "destroy"])
def test_rules_and_autonomy_decide_as_they_are_described(effect: Any) -> None:
    call = Proposal("pay", {"n": 1}, effect)
    for own in rules(("allow", "ask", "deny"), 2):
        compiled = compile_rules(own)
        for autonomy in ("shadow", "draft", "ask", "act"):
            found = judge(call, Facts(autonomy, frozenset({"pay"})), compiled)  # type: ignore[arg-type]
            assert told(found) == narrowed(by_rules(own, effect, autonomy), effect, autonomy), (own, autonomy)


def test_rules_of_the_workspace_narrow_as_they_are_described() -> None:
    call = Proposal("pay", {"n": 1}, "destroy")
    for of_workspace in rules(("ask", "deny"), 2):
        for own in rules(("allow", "ask", "deny"), 1):
            compiled = compile_rules(own, workspace=of_workspace)
            for autonomy in ("ask", "act"):
                found = judge(call, Facts(autonomy, frozenset({"pay"})), compiled)  # type: ignore[arg-type]
                plain = narrowed(by_rules(own, "destroy", autonomy), "destroy", autonomy)
                assert told(found) == and_workspace(plain, of_workspace), (of_workspace, own)


def line(above: list[Rule], below: list[Rule]) -> Said:
    """What an agent that delegated asks about is asked about, or denied, by the first rule below it that holds too."""
    said = by_rules([*above, *below], "destroy", "act")
    asking = next((rule for rule in above if rule.name == said[1]), None)
    if said[0] != "ask" or asking is None:
        return said
    for rule in below:
        holds = HOLDS[rule.condition]
        if holds is False or (holds is None and rule.decision == "allow"):
            continue
        if rule.decision == "deny":
            return "deny", rule.name, doubt(rule)
        if rule.decision == "ask":
            reasons = dict.fromkeys((*doubt(rule), *said[2]))
            return "ask", f"{rule.name} and {said[1]}", tuple(reasons)
        return said
    return said


def test_what_one_above_asks_about_those_below_narrow_further() -> None:
    call, act = Proposal("pay", {"n": 1}, "destroy"), Facts("act", frozenset({"pay"}))
    for above in rules(("allow", "ask", "deny"), 1):
        named = [replace(rule, because="above") for rule in above]
        for below in rules(("allow", "ask", "deny"), 2):
            apart = [replace(rule, tools=("p*",)) for rule in below]
            compiled = compile_rules([*named, *apart], above=[1] * len(named))
            assert told(judge(call, act, compiled)) == line(named, apart), (above, below)


def test_each_generation_below_has_one_word() -> None:
    """Of three in a line the one in the middle allows, and the last denies what it denies; what a generation has said by its
    first rule that holds it does not say again."""
    asks, allows = Rule(("pay",), "ask", "true", "first"), Rule(("p*",), "allow", "true")
    denies, too = Rule(("*",), "deny", "true", "last"), Rule(("pa*",), "ask", "true", "again")
    call, act = Proposal("pay", {"n": 1}, "destroy"), Facts("act", frozenset({"pay"}))
    one = judge(call, act, compile_rules([asks, allows, denies], above=[2, 1]))
    assert told(one) == ("deny", denies.name, ("last",))
    two = judge(call, act, compile_rules([asks, allows, denies], above=[2, 1, 1]))
    assert told(two) == ("ask", asks.name, ("first",))
    three = judge(call, act, compile_rules([asks, too, denies], above=[2, 1, 1]))
    assert told(three) == ("ask", f"{too.name} and {asks.name}", ("again", "first"))
    four = judge(call, act, compile_rules([asks, denies, too], above=[2, 1]))
    assert told(four) == ("deny", denies.name, ("last",))
    never = Rule(("pa*",), "deny", "true", "again")
    five = judge(call, act, compile_rules([asks, denies, never], above=[2, 1]))
    assert told(five) == ("deny", denies.name, ("last",))


def test_two_that_ask_want_what_both_want() -> None:
    terms = [Terms(by=("ann",), persons=2), Terms(by=("bo",))]
    one, other = (Verdict("ask", name, (name,), terms=each) for name, each in zip("ab", terms, strict=True))
    both = stricter(one, other)
    assert both.terms == replace(terms[0], also=terms[1])
    assert told(both) == ("ask", "a and b", ("a", "b"))
    for this, that in product(STRICT, STRICT):
        if (this, that) != ("ask", "ask"):
            left, right = Verdict(this, "a"), Verdict(that, "b")  # type: ignore[arg-type]
            assert stricter(left, right) is (left if STRICT.index(this) >= STRICT.index(that) else right)


KNOWN = Facts(
    "act",
    frozenset({"pay"}),
    person={"id": "ann"},
    inputs={"order": "W1"},
    records={"order": {"user": "ann"}, "odd": [1]},
    untrusted=True,
    goal="pay bo@b.example",
    counts={"pay": 2},
    labels={"read": ["secret"], "args": {"to": ["public"]}},
    sums={"spent": 5},
)


@pytest.mark.parametrize(
    "condition",
    [
        "args.to == 'bo@b.example'",
        "evidence.to == 'grant'",
        "person.id == 'ann'",
        "inputs.order == 'W1'",
        "run.goal == 'pay bo@b.example'",
        "run.counts['pay'] == 2",
        "run.untrusted",
        "order.user == 'ann'",
        "'secret' in labels.read",
        "labels.args.to == ['public']",
        "size(run) == 4",
        "size(run) == 4 && run.goal != '' && person.id == order.user",
        "!has(gone.user)",  # of a record that nobody has read
        "!has(odd.user)",  # nor one that is no object
        "size(odd) == 0",
    ],
)
@pytest.mark.parametrize("of_workspace", [False, True])
@pytest.mark.parametrize("how", ["alone", "among others", "unread"])
def test_a_condition_knows_what_it_asks_about(condition: str, of_workspace: bool, how: str) -> None:
    """`alone`: nothing else in the rules asks, so that no more is handed over than this one needs. `unread`: nobody can tell what
    it asks about."""
    more = "" if how == "alone" else " && has(args.to) && evidence.to != '' && run.untrusted"
    deny, allow = Rule(("pay",), "deny", f"!({condition}{more})", "no"), Rule(("pay",), "allow", "true")
    own, narrowing = ([allow], [deny]) if of_workspace else ([deny, allow], [])
    compiled = compile_rules(own, ["order", "gone", "odd"], workspace=narrowing)
    if how == "unread":
        unread = [
            tuple(replace(c, tree=None) for c in some) for some in (compiled.compiled, compiled.workspace)
        ]
        compiled = compiled.with_compiled(*unread)
    call = Proposal("pay", {"to": "bo@b.example"}, "destroy", {"to": "email"})
    assert told(judge(call, KNOWN, compiled)) == ("allow", allow.name, ())


def test_what_is_no_value_is_nothing_in_a_record_and_what_is_beside_it_stays() -> None:
    record = {"n": float("nan"), "several": [float("inf"), {"m": 2}], "tuple": (1,), "\ud800": 1}
    asks = "order.n == null && order.several[0] == null && order.several[1].m == 2 && size(order) == 3 && order.tuple == [1]"
    compiled = compile_rules([Rule(("pay",), "allow", asks)], ["order"])
    act = Facts("act", frozenset({"pay"}), records={"order": record})
    assert judge(Proposal("pay", {}, "destroy"), act, compiled).decision == "allow"
