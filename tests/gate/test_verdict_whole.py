"""A verdict in all its parts: the decision, the rule that made it, the reasons, the evidence, and where it comes from."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest

from remit.gate.judge import judge
from remit.gate.known import Known
from remit.gate.proposal import Facts, Proposal, Terms, Verdict
from remit.gate.remembered import Bound, Remembered
from remit.gate.rules import Rule, compile_rules

Json = Any
EVE = "eve@evil.example"
ALLOW = Rule(("*",), "allow", "true")
UNSURE = "args.missing == 1"
ABSENT = "there is no args.missing"


def said(
    *rules: Rule,
    workspace: tuple[Rule, ...] = (),
    effect: Any = "egress",
    above: tuple[int, ...] = (),
    args: Json = None,
    sinks: Json = None,
    **known: Json,
) -> Verdict:
    compiled = compile_rules(rules, ["order"], workspace=workspace, above=above)
    facts = Facts(**({"autonomy": "act", "tools": frozenset({"pay"})} | known))
    return judge(Proposal("pay", args or {}, effect, sinks or {}), facts, compiled)


def rule(decision: Any, condition: str = "true", because: str = "", **more: Json) -> Rule:
    return Rule(("pay",), decision, condition, because, **more)


def test_what_no_journal_keeps_is_no_call() -> None:
    verdict = said(ALLOW, args={"to": EVE, "amount": float("nan")}, sinks={"to": "email", "cc": "email"})
    (words,) = verdict.reasons
    odd = words.removeprefix("the arguments cannot be judged: ")
    assert odd != words
    assert verdict == Verdict("deny", "no such call", (words,), {"to": "unvouched"}, {}, {"to": odd})


def test_evidence_and_where_a_value_comes_from_are_in_every_verdict() -> None:
    given = {"args": {"to": EVE, "about": "x"}, "sinks": {"to": "email", "about": "text"}, "goal": "about x"}
    levels, told = {"to": "unvouched", "about": "grant"}, {"to": EVE}
    outside = said(ALLOW, tools=frozenset({"other"}), **given)
    assert outside == Verdict(
        "deny", "the remit", ("pay is not among the tools of this remit",), levels, {}, told
    )
    heard = Known()
    given |= {"known": heard}
    told = {"to": f"{EVE}, read nowhere in this run"}
    beyond = said(ALLOW, left={"pay": 1}, **given)
    assert beyond == Verdict("deny", "the grant", ("nobody has named what stands in to",), levels, {}, told)
    assert said(ALLOW, **given) == Verdict("allow", ALLOW.name, (), levels, {}, told)
    assert said(effect="read", **given) == Verdict("allow", "default of read", (), levels, {}, told)
    heard.learn(f"write to {EVE}", False, "a page")
    assert said(ALLOW, left={"pay": 1}, **given).decision == "allow", (
        "who has read of it may be asked to decide"
    )
    assert said(ALLOW, left={"pay": 1}, **given).provenance == {"to": f"{EVE}, found in a page"}


@pytest.mark.parametrize(
    ("effect", "autonomy", "decision"),
    [
        ("read", "act", "allow"), ("read", "draft", "allow"), ("self", "ask", "allow"), ("self", "shadow", "allow"),
        ("egress", "act", "deny"), ("destroy", "shadow", "deny"), ("egress", "ask", "ask"), ("destroy", "ask", "ask"),
    ],
)  # fmt: skip
def test_where_no_rule_speaks_of_a_tool_its_effect_decides(effect: Any, autonomy: str, decision: str) -> None:
    other = Rule(("other",), "deny", "true")
    verdict = said(other, effect=effect, autonomy=autonomy)
    if decision == "allow":
        assert verdict == Verdict("allow", f"default of {effect}")
    else:
        assert verdict == Verdict(decision, "no rule matches", ("no rule allows it",))


@pytest.mark.parametrize(
    ("effect", "autonomy", "decision"),
    [("read", "ask", "deny"), ("self", "ask", "deny"), ("egress", "act", "deny"), ("egress", "shadow", "deny"), ("egress", "ask", "ask")],
)  # fmt: skip
def test_where_rules_speak_of_a_tool_and_none_holds_what_would_have_allowed_it_is_said(
    effect: Any, autonomy: str, decision: str
) -> None:
    rules = (
        rule("allow", "args.n < 5", "five at most"),
        rule("deny", "args.n > 9"),
        rule("allow", "args.n == 6"),
    )
    verdict = said(*rules, effect=effect, autonomy=autonomy, args={"n": 7})
    reasons = ("not allowed: five at most", "not allowed: `args.n == 6` does not hold")
    assert verdict == Verdict(decision, "no rule matches", reasons)  # type: ignore[arg-type]


def test_what_cannot_be_decided_stops() -> None:
    terms = Terms(by=("ann",))
    doubt = f"could not be decided: {ABSENT}"
    ask, deny = rule("ask", UNSURE, "look at it", terms=terms), rule("deny", UNSURE)
    assert said(rule("allow", UNSURE), ALLOW) == Verdict("allow", ALLOW.name)
    assert said(ask, ALLOW) == Verdict("ask", ask.name, ("look at it", doubt), terms=terms)
    assert said(deny, ALLOW) == Verdict("deny", deny.name, (f"denied by the rule `pay if {UNSURE}`", doubt))
    assert said(rule("allow", UNSURE, "only then")).reasons == (f"not allowed: only then ({doubt})",)
    assert said(rule("deny", "false"), ask, rule("deny")).rule == ask.name
    unsaid = said(rule("allow", UNSURE, "only then"), rule("deny", "false", "never"))
    assert unsaid.reasons == (f"not allowed: only then ({doubt})",), "what denies would have allowed nothing"


def test_of_two_rules_the_first_that_holds_decides_with_its_terms() -> None:
    terms = Terms(persons=2)
    ask = rule("ask", "args.n > 1", terms=terms)
    assert said(ask, ALLOW, args={"n": 2}) == Verdict(
        "ask", ask.name, ("asked by the rule `pay if args.n > 1`",), terms=terms
    )
    assert said(ask, ALLOW, args={"n": 1}) == Verdict("allow", ALLOW.name)
    assert said(ALLOW, rule("deny"), args={"n": 2}) == Verdict("allow", ALLOW.name)
    assert said(rule("deny", "true", "never"), ALLOW) == Verdict("deny", "deny pay if true", ("never",))


@pytest.mark.parametrize("effect", ["egress", "destroy"])
def test_autonomy_narrows_an_effect_and_nothing_else(effect: Any) -> None:
    drafts = ("this agent only drafts; it changes nothing",)
    ask, deny = rule("ask", "true", "look"), rule("deny", "true", "never")
    asks = ("this agent asks before each effect", ALLOW.name)
    for autonomy, rules, verdict in (
        ("draft", ALLOW, Verdict("deny", "autonomy draft", drafts)),
        ("draft", ask, Verdict("deny", "autonomy draft", drafts)),
        ("draft", deny, Verdict("deny", deny.name, ("never",))),
        ("ask", ALLOW, Verdict("ask", "autonomy ask", asks)),
        ("ask", ask, Verdict("ask", ask.name, ("look",))),
        ("ask", deny, Verdict("deny", deny.name, ("never",))),
        ("shadow", ALLOW, Verdict("allow", ALLOW.name)),
    ):
        assert said(rules, effect=effect, autonomy=autonomy) == verdict
        kept = said(ALLOW, effect="self" if effect == "egress" else "read", autonomy=autonomy)
        assert kept == Verdict("allow", ALLOW.name)


def test_the_rules_of_the_workspace_narrow_what_was_decided() -> None:
    deny, ask, other = (
        rule("deny", "args.n > 5"),
        rule("ask", "args.n > 1", terms=Terms(by=("bo",))),
        rule("ask", UNSURE),
    )
    assert said(ALLOW, workspace=(deny, ask), args={"n": 1}) == Verdict("allow", ALLOW.name)
    why = "asked by the rule `pay if args.n > 1`"
    asked = Verdict("ask", f"workspace: {ask.name}", (why,), terms=ask.terms)
    assert said(ALLOW, workspace=(deny, ask), args={"n": 2}) == asked
    denied = said(rule("deny", "true", "never"), workspace=(ask,), args={"n": 2})
    assert denied == Verdict("deny", "deny pay if true", ("never",)), "an ask lets no denied call happen"
    denied = said(ALLOW, workspace=(ask, deny), args={"n": 9})
    assert denied == Verdict("deny", f"workspace: {deny.name}", ("denied by the rule `pay if args.n > 5`",))
    unsure = said(ALLOW, workspace=(other, ask), args={"n": 2})
    doubt = (f"asked by the rule `pay if {UNSURE}`", f"could not be decided: {ABSENT}")
    assert set(unsure.rule.split(" and ")) == {f"workspace: {ask.name}", f"workspace: {other.name}"}
    assert set(unsure.reasons) == {why, *doubt}
    assert unsure.terms == ask.terms
    twice = said(rule("deny", "true", "never"), workspace=(deny, rule("deny", "true", "nor")), args={"n": 9})
    assert twice.rule == f"workspace: {deny.name}", "of several denials one is told of"
    both = said(rule("ask", "true", "look", terms=Terms(persons=2)), workspace=(ask,), args={"n": 2})
    assert (both.rule, both.reasons) == (f"workspace: {ask.name} and ask pay if true", (why, "look"))
    assert both.terms == Terms(by=("bo",), also=Terms(persons=2))


def test_what_one_who_delegated_asks_about_is_decided_by_those_below_as_well() -> None:
    first, mid, own = (
        rule("ask", "true", "first"),
        rule("ask", "args.n > 1", "mid"),
        rule("deny", "args.n > 5", "own"),
    )
    above = (2, 1)
    assert said(first, mid, own, ALLOW, above=above, args={"n": 1}) == Verdict("ask", first.name, ("first",))
    two = Verdict("ask", f"{mid.name} and {first.name}", ("mid", "first"))
    assert said(first, mid, own, ALLOW, above=above, args={"n": 2}) == two
    assert said(first, mid, own, ALLOW, above=above, args={"n": 6}) == Verdict("deny", own.name, ("own",))
    allowed = said(
        first,
        rule("allow", "args.n > 1"),
        mid,
        rule("deny", UNSURE, "unsure"),
        above=(2, 1, 1),
        args={"n": 2},
    )
    assert allowed == Verdict("deny", f"deny pay if {UNSURE}", ("unsure", f"could not be decided: {ABSENT}"))
    unsure = said(first, rule("allow", UNSURE), mid, above=(2, 1, 1), args={"n": 2})
    assert unsure == two, "an allow that cannot be decided does not hold"
    free = said(first, rule("allow"), mid, above=(2, 1, 1), args={"n": 2})
    assert free == Verdict("ask", first.name, ("first",)), "of one agent the first that holds decides"
    asked = rule("deny", "args.n > 0", "mid")
    assert said(first, asked, own, above=above, args={"n": 6}) == Verdict("deny", asked.name, ("mid",))
    assert said(asked, own, above=(1,), args={"n": 6}) == Verdict("deny", asked.name, ("mid",))
    same = said(first, rule("deny", "true", "later"), above=(1, 1))
    assert same == Verdict("ask", first.name, ("first",)), "of one agent the first decides"


@pytest.mark.parametrize(
    ("condition", "holds"),
    [
        ("args.n == 2", True),
        ("run.untrusted", True),
        ("run.goal == 'the goal'", True),
        ("run.purposes == ['service']", True),
        ("run.counts.pay == 3", True),
        (
            "run == {'untrusted': true, 'goal': 'the goal', 'purposes': ['service'], 'counts': {'pay': 3}}",
            True,
        ),
        ("person.id == 'ann'", True),
        ("inputs.x == 1", True),
        ("evidence.n == 'unvouched'", True),
        ("evidence.n + '' == 'unvouched'", True),
        ("sum('pay.n', '24h') == 4.0", True),
        ("labels.read == []", True),
        ("order.id == 'W1'", True),
        ("order.lines == 'none'", False),
    ],
)
def test_conditions_are_asked_of_what_the_gate_knows(condition: str, holds: bool) -> None:
    known: dict[str, Json] = {
        "untrusted": True,
        "goal": "the goal",
        "counts": {"pay": 3},
        "person": {"id": "ann"},
    }
    known |= {"inputs": {"x": 1}, "records": {"order": {"id": "W1"}, "other": {}}, "purposes": {"service"}}
    known["sums"] = {'sum("pay.n", "24h")': 4.0}
    verdict = said(rule("allow", condition), args={"n": 2}, sinks={"n": "id:order"}, **known)
    assert (verdict.decision == "allow") is holds, verdict
    narrowed = said(
        ALLOW, workspace=(rule("deny", condition),), args={"n": 2}, sinks={"n": "id:order"}, **known
    )
    assert narrowed.decision == "deny"


def test_a_record_that_is_no_object_has_nothing_in_it() -> None:
    assert said(rule("allow", "order == {}"), records={"order": ["W1"]}).decision == "allow"
    assert said(rule("allow", "order == {}")).decision == "allow"


def test_data_that_may_not_be_used_so_or_may_not_go_there_narrow_what_was_decided() -> None:
    thought = {"args": {"to": EVE}, "sinks": {"to": "email"}}
    levels, told = {"to": "unvouched"}, {"to": EVE}
    ask, deny = rule("ask", "true", "look"), rule("deny", "true", "never")
    used = thought | {"labels": {"purposes": {"to": ["service"]}}, "purposes": {"marketing"}}
    for rules in (ALLOW, ask):
        denied = said(rules, **used)
        assert (denied.decision, denied.rule, denied.provenance) == ("deny", "purpose", told)
        assert denied.reasons[0] == "to holds what may be used for service"
    assert said(deny, **used) == Verdict("deny", deny.name, ("never",), levels, {}, told)
    gone = thought | {"labels": {"args": {"to": ["secret"]}}}
    (words,) = said(ask, **gone).reasons[1:]
    assert said(ask, **gone) == Verdict("ask", ask.name, ("look", words), levels, {}, told)
    assert words.startswith("to holds ")
    stopped = said(ALLOW, **gone)
    assert stopped == Verdict("deny", "confidentiality", (words, ALLOW.name), levels, {}, told)
    assert said(deny, **gone) == Verdict("deny", deny.name, ("never",), levels, {}, told)


def test_a_remembered_yes_stands_where_it_was_asked_and_nothing_denies() -> None:
    ask = rule("ask", "args.n > 1", "look")
    yes = Remembered(
        7,
        "desk",
        "pay",
        ask.name,
        (Bound("n", most="50"),),
        "bo",
        datetime(2026, 11, 1, tzinfo=UTC),
        UUID(int=1),
        "a1",
    )

    def decided(
        *rules: Rule, workspace: tuple[Rule, ...] = (), n: int = 40, several: tuple[Remembered, ...] = (yes,)
    ) -> Verdict:
        facts = Facts(autonomy="act", tools=frozenset({"pay"}))
        return judge(
            Proposal("pay", {"n": n}, "egress"), facts, compile_rules(rules, workspace=workspace), several
        )

    why = "bo said so on 01 November 2026, in run 00000000 to a1"
    assert decided(ask) == Verdict("allow", "remembered 7: pay with n <= 50", (why,))
    asked = Verdict("ask", ask.name, ("look",))
    assert decided(ask, several=()) == decided(ask, n=60) == asked
    assert decided(ALLOW, ask) == Verdict("allow", ALLOW.name)
    assert decided(ask, rule("deny", "args.n > 30")) == asked, "a denial below it, which nobody asked for"
    assert decided(ask, rule("deny", UNSURE)) == asked
    assert decided(ask, rule("deny", "args.n > 45"), Rule(("other",), "deny", "true")).decision == "allow"
    assert decided(ask, rule("ask", "args.n > 30")).decision == "allow"
