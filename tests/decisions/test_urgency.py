"""What cannot wait comes first where something is short, and changes nothing of what is expected."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from bench.market import Market, in_line
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from remit.decisions.action import Action, Capacity, Playbook, Rules
from remit.decisions.choose import Decision, People, choose, left_of
from remit.decisions.eligible import Standing
from remit.decisions.learn import Policy
from remit.decisions.logged import Column
from remit.decisions.urgency import MOST, Facts, Pressing, dated, pressing
from remit.decisions.whom import NAMES
from remit.graph.consent import Consent, Word

NOW = datetime(2026, 5, 4, 12, tzinfo=UTC)
UNKNOWN = [None] * len(NAMES)
ANYBODY = Standing()
REASONS = [
    {"by": "intent", "name": "leaving", "most": 3},
    {"by": "date", "key": "renewal", "within": 20, "most": 4, "goals": ["keep"]},
    {"by": "event", "kind": "cart_abandoned", "within": 2, "unless": ["purchase"], "actions": ["mail"]},
    {"by": "known", "name": "recency", "between": [10, 20], "most": 1.5},
]


def book(
    reasons: Sequence[object] = REASONS,
    calls: int | None = None,
    budget: float | None = None,
    days: int | None = None,
) -> Playbook:
    capacity = Capacity(count=calls) if calls is not None else None
    return Playbook.model_validate(
        {
            "actions": [
                Action(name="call", does="call", channel="phone", goal="keep", cost=1, capacity=capacity),
                Action(name="mail", does="send", channel="email", goal="grow", cost=0.1),
            ],
            "goals": {"keep": 1, "grow": 1},
            "rules": Rules(consent={"marketing": "not no"}),
            "holdout": 0,
            "urgency": reasons,
            "budget": budget,
            "budget_days": days,
        }
    )


def policy(mean: Sequence[float], floor: float = 1e-9) -> Policy:
    """Sure of what each of call, mail and nothing brings."""
    costs = np.array([1, 0.1, 0.0])
    return Policy(np.array(mean, dtype=np.float64)[None, :, None], np.array(mean)[:, None], costs, floor)


def people(pressed: Sequence[dict[str, Pressing]]) -> People:
    rows = len(pressed)
    return People([str(row) for row in range(rows)], [Column("x", np.zeros(rows))], [ANYBODY] * rows, pressed)


def test_each_reason_holds_as_far_as_it_says_and_the_strongest_counts() -> None:
    known = [20.0 if name == "recency" else None for name in NAMES]
    facts = Facts(
        known,
        {"leaving": 0.5, "buying": 0.9},
        {"renewal": NOW + timedelta(days=5)},
        {"cart_abandoned": NOW - timedelta(days=1)},
    )
    found = pressing(book().urgency, [("call", "keep"), ("mail", "grow")], facts, NOW)
    assert found["call"] == Pressing(3.25, "renewal is in 5 days")
    assert found["mail"] == Pressing(2.0, "wants leaving, 50% sure by now")
    bought = dataclasses.replace(facts, wants={}, did=facts.did | {"purchase": NOW - timedelta(hours=2)})
    assert pressing(book().urgency, [("mail", "grow")], bought, NOW) == {
        "mail": Pressing(1.5, "recency is 20")
    }


def test_what_is_not_known_or_over_presses_nobody() -> None:
    over = Facts(
        UNKNOWN, {}, {"renewal": NOW - timedelta(hours=1)}, {"cart_abandoned": NOW - timedelta(days=3)}
    )
    assert pressing(book().urgency, [("call", "keep"), ("mail", "grow")], over, NOW) == {}
    assert pressing(book().urgency, [("call", "keep"), ("mail", "grow")], Facts(UNKNOWN), NOW) == {}


@given(
    sure=st.floats(0, 1),
    left=st.floats(-9, 99),
    since=st.floats(-1, 9),
    recency=st.one_of(st.none(), st.floats(-5, 500)),
)
@settings(max_examples=60, deadline=None)
def test_urgency_is_never_below_one_nor_above_what_is_said(
    sure: float, left: float, since: float, recency: float | None
) -> None:
    facts = Facts(
        [recency if name == "recency" else None for name in NAMES],
        {"leaving": sure},
        {"renewal": NOW + timedelta(days=left)},
        {"cart_abandoned": NOW - timedelta(days=since)},
    )
    for one in pressing(book().urgency, [("call", "keep"), ("mail", "grow")], facts, NOW).values():
        assert 1 < one.times <= 4 <= MOST


def test_a_date_is_read_as_people_and_systems_write_it() -> None:
    assert dated("2026-12-31") == datetime(2026, 12, 31, tzinfo=UTC)
    assert dated("2026-12-31T10:00:00+02:00") == datetime(2026, 12, 31, 8, tzinfo=UTC)
    assert dated(1798675200) == datetime(2026, 12, 31, tzinfo=UTC)
    assert [dated(wrong) for wrong in ("soon", "", None, float("nan"), 1e300, True)] == [None] * 6


def test_where_calls_are_short_whoever_cannot_wait_has_them() -> None:
    urgent = [{"call": Pressing(3.0, "renewal is in 5 days")} if row % 4 == 0 else {} for row in range(40)]
    found = choose(
        book(calls=10),
        policy([3, 0.2, 0.1]),
        people(urgent),
        NOW,
        left_of(book(calls=10)),
        np.random.default_rng(0),
    )
    assert [row for row, one in enumerate(found) if one.action == "call"] == list(range(0, 40, 4))
    assert "3 times as urgent: renewal is in 5 days" in found[0].reason
    assert {one.expected for each in found for one in each.options if one.action == "call"} == {2.0}


def test_a_goal_that_presses_comes_before_one_that_can_wait_and_only_as_far_as_it_gains() -> None:
    may = policy([1.9, 1.2, 0.1])  # a call gains 0.8 over nothing, a mail 1.0
    chance = np.random.default_rng(0)
    calm, hurry, idle = (
        choose(book(), one, people([pressed]), NOW, left_of(book()), chance)[0]
        for one, pressed in (
            (may, {}),
            (may, {"call": Pressing(2.0, "renewal is in 1 days")}),
            (policy([0.1, 0.1, 0.1]), {"call": Pressing(MOST, "renewal is in 1 days")}),
        )
    )
    assert (calm.action, hurry.action, idle.action) == ("mail", "call", "nothing")
    assert not hurry.tried  # it stood highest, although it was not expected to bring most


def test_what_is_short_goes_to_whom_nothing_else_would_do_as_well() -> None:
    """A call would bring both of them most; but the first can have a mail that is nearly as good, and the second wants none."""
    no_mail = Consent((Word(1, NOW - timedelta(days=9), "no", "email", "", "unsubscribed", "shop"),))
    some = dataclasses.replace(people([{}, {}]), standings=[ANYBODY, Standing(consent=no_mail)])
    one = book((), calls=1)
    found = choose(one, policy([6.2, 5, 0]), some, NOW, left_of(one), np.random.default_rng(0))
    assert [each.action for each in found] == ["mail", "call"]


@given(
    seed=st.integers(0, 999),
    sizes=st.lists(st.integers(1, 12), min_size=1, max_size=6),
    calls=st.integers(0, 8),
    budget=st.floats(0, 6),
)
@settings(max_examples=40, deadline=None)
def test_no_capacity_and_no_budget_is_exceeded_in_whatever_batches_people_come(
    seed: int, sizes: list[int], calls: int, budget: float
) -> None:
    chance, may = np.random.default_rng(seed), book(calls=calls, budget=budget)
    left, made = left_of(may), list[Decision]()
    for size in sizes:
        pressed = [
            {
                name: Pressing(float(chance.uniform(1, 9)), "why")
                for name in ("call", "mail")
                if chance.uniform() < 0.5
            }
            for _ in range(size)
        ]
        made += choose(may, policy([2, 0.5, 0.1], 0.2), people(pressed), NOW, left, chance)
    taken = [one.action for one in made]
    assert taken.count("call") <= calls
    assert taken.count("call") + 0.1 * taken.count("mail") <= budget + 1e-9
    assert all(0 < one.propensity <= 1 for one in made)


@pytest.mark.parametrize(
    ("reason", "said"),
    [
        ({"by": "intent", "most": 50}, "less than or equal to 10"),
        ({"by": "known", "name": "recancy", "between": [1, 2]}, "Did you mean 'recency'"),
        ({"by": "date", "key": "renewal", "actions": ["cal"]}, "'cal' is no action here"),
        ({"by": "date", "key": "renewal", "goals": ["kept"]}, "'kept' is no goal here"),
        ({"by": "moon"}, "moon"),
    ],
)
def test_what_is_wrong_with_a_reason_is_said(reason: object, said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        book([reason])


def test_more_is_gained_where_those_who_cannot_wait_are_called_first() -> None:
    """A team with fewer calls on a Monday than people who come up, and enough within the week."""
    urgent, calm = (
        in_line(Market(400, 1), manner, days=28, calls=15) for manner in ("with urgency", "without")
    )
    assert urgent.lost_soon < 0.7 * calm.lost_soon
    assert urgent.gained > calm.gained
