"""A round of choices: what is recorded of each, and what holds whoever is in it."""

from __future__ import annotations

import dataclasses
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from remit.decisions.action import Action, Cap, Capacity, Playbook, Rules
from remit.decisions.attribute import Outcome, Taken, Window, changes, closed, credits, last_known
from remit.decisions.choose import Left, People, choose, held_out, left_of
from remit.decisions.eligible import Contact, Standing, refusals
from remit.decisions.learn import Learner, Policy
from remit.decisions.urgency import Pressing
from tests.decisions.logs import log

NOW = datetime(2026, 5, 4, 12, tzinfo=UTC)
RULES = Rules(consent={"marketing": "not no"}, caps=(Cap(name="week", count=2, days=7),))
ACTIONS = (
    Action(name="call", does="call", channel="phone", capacity=Capacity(count=5)),
    Action(name="mail", does="send", channel="email", cost=0.01),
)
BOOK = Playbook(actions=ACTIONS, rules=RULES, holdout=0)
UNKNOWN = Standing()
REACHED = Standing(
    contacts=tuple(Contact(NOW - timedelta(days=day), "x", "email", "marketing") for day in (1, 2))
)


@pytest.fixture(scope="module")
def policy() -> Policy:
    """Knows call, mail and nothing, by a log where whom to call and to mail differs."""
    logged, _ = log(3000, pays=True)
    learner = Learner(np.array([0.0, 0.01, 0.0]))
    learner.told(logged.columns, logged.taken, logged.reward, logged.propensity)
    return dataclasses.replace(learner.policy, trust=0.98)


def people(rows: int, seed: int = 1, standing: Standing = UNKNOWN) -> People:
    logged, _ = log(rows, pays=True, seed=seed)
    return People([f"p{row}" for row in range(rows)], logged.columns, [standing] * rows)


@given(seed=st.integers(0, 999), rows=st.integers(1, 40), calls=st.integers(0, 6), budget=st.floats(0, 0.3))
@settings(max_examples=40, deadline=None)
def test_a_round_keeps_to_capacity_budget_and_rules_and_records_what_it_chose_among(
    policy: Policy, seed: int, rows: int, calls: int, budget: float
) -> None:
    some = people(rows, seed)
    chance = np.random.default_rng(seed)
    standings = [REACHED if chance.uniform() < 0.3 else Standing() for _ in range(rows)]
    round_ = dataclasses.replace(some, standings=standings)
    left = Left({"call": calls}, budget)
    found = choose(BOOK, policy, round_, NOW, left, chance)
    taken = [one.action for one in found]
    assert taken.count("call") <= calls
    assert 0.01 * taken.count("mail") <= budget + 1e-9
    for one, standing in zip(found, standings, strict=True):
        assert sum(option.chance for option in one.options) == pytest.approx(1)
        assert one.propensity == {option.action: option.chance for option in one.options}[one.action] > 0
        named = {option.action for option in one.options} | {name for name, _ in one.ruled_out}
        assert named == {"call", "mail", "nothing"}
        for action in ACTIONS:
            assert one.action != action.name or not refusals(action, standing, RULES, NOW)


def test_who_stands_to_gain_most_has_the_calls_that_there_are(policy: Policy) -> None:
    some = people(200)
    found = choose(BOOK, policy, some, NOW, left_of(BOOK), np.random.default_rng(0))
    called = [row for row, one in enumerate(found) if one.action == "call"]
    assert len(called) == 5
    west = some.columns[1].levels.index("north")  # where the log says that calls pay
    assert sum(some.columns[1].values[row] == west for row in called) >= 4
    assert "capacity" in {why.rule for one in found for _, whys in one.ruled_out for why in whys}


def test_urgency_can_make_an_action_worth_its_cost(policy: Policy) -> None:
    dear = dataclasses.replace(policy, costs=np.array([0.5, 0.5, 0.0]), floor=0.0)
    some = people(100)
    pressed = {name: Pressing(9.0, "their contract ends") for name in ("call", "mail")}
    urgent = dataclasses.replace(some, pressing=[pressed] * 100)
    calm = choose(BOOK, dear, some, NOW, Left(), np.random.default_rng(0))
    hurry = choose(BOOK, dear, urgent, NOW, Left(), np.random.default_rng(0))
    assert sum(one.action != "nothing" for one in calm) == 0
    assert sum(one.action != "nothing" for one in hurry) > 30
    assert all(
        "9 times as urgent: their contract ends" in one.reason
        for one in hurry
        if one.action != "nothing" and not one.tried
    )
    for before, after in zip(calm, hurry, strict=True):
        assert [one.expected for one in before.options] == [one.expected for one in after.options]


def test_a_goal_that_counts_nothing_is_not_served(policy: Policy) -> None:
    aimed = tuple(action.model_copy(update={"goal": "growth", "cost": 0.01}) for action in ACTIONS)
    book = Playbook(actions=aimed, rules=RULES, holdout=0, goals={"growth": 0})
    costly = dataclasses.replace(policy, costs=np.array([0.01, 0.01, 0.0]), floor=0.0)
    assert {
        one.action for one in choose(book, costly, people(50), NOW, Left(), np.random.default_rng(0))
    } == {"nothing"}


def test_the_held_out_are_left_alone_each_time_and_are_as_many_as_was_said(policy: Policy) -> None:
    share = sum(held_out(f"person {number}", 0.1) for number in range(5000)) / 5000
    assert share == pytest.approx(0.1, abs=0.02)
    book = BOOK.model_copy(update={"holdout": 0.5})
    found = choose(book, policy, people(60), NOW, Left(), np.random.default_rng(0))
    out = [one for one in found if one.holdout]
    assert {one.person for one in out} == {f"p{row}" for row in range(60) if held_out(f"p{row}", 0.5)}
    assert {(one.action, one.propensity) for one in out} == {("nothing", 1.0)}


def test_the_propensity_is_how_often_it_would_have_been_chosen(policy: Policy) -> None:
    one = people(1)
    times: dict[str, int] = {}
    for seed in range(400):
        made = choose(BOOK, policy, one, NOW, Left(), np.random.default_rng(seed))[0]
        times[made.action] = times.get(made.action, 0) + 1
    for option in made.options:
        assert times.get(option.action, 0) / 400 == pytest.approx(option.chance, abs=0.1)


WINDOW = Window(timedelta(days=14), timedelta(days=7))
AGES = st.lists(st.floats(0, 30), min_size=1, max_size=8)


@given(AGES, AGES, st.randoms())
@settings(max_examples=60, deadline=None)
def test_credit_adds_up_to_the_outcomes_and_their_order_does_not_matter(
    did: list[float], came: list[float], shuffle: object
) -> None:
    taken = [Taken(number, "p", NOW - timedelta(days=age)) for number, age in enumerate(did)]
    outcomes = [
        Outcome(f"o{number}", "p", NOW - timedelta(days=age), 2.0, NOW) for number, age in enumerate(came)
    ]
    found = credits(taken, outcomes, WINDOW)
    due = [o for o in outcomes if any(timedelta(0) <= o.at - one.at <= WINDOW.within for one in taken)]
    assert sum(found.values()) == pytest.approx(2.0 * len(due))
    shuffle.shuffle(outcomes)  # type: ignore[attr-defined]
    assert credits(taken, [*outcomes, *outcomes], WINDOW) == pytest.approx(found)


def test_the_nearer_has_more_and_another_person_nothing() -> None:
    taken = [Taken(1, "p", NOW - timedelta(days=7)), Taken(2, "p", NOW), Taken(3, "q", NOW)]
    found = credits(taken, [Outcome("o", "p", NOW, 3.0, NOW)], WINDOW)
    assert found == {1: pytest.approx(1.0), 2: pytest.approx(2.0), 3: 0.0}


def test_a_late_correction_changes_the_credit_of_its_decisions_alone() -> None:
    taken = [Taken(1, "p", NOW - timedelta(days=1)), Taken(2, "q", NOW)]
    bought = Outcome("o", "p", NOW, 50.0, NOW)
    returned = dataclasses.replace(bought, value=0.0, known=NOW + timedelta(days=20))
    before = credits(taken, [bought], WINDOW)
    after = credits(taken, [returned, bought], WINDOW)
    assert changes(before, after) == {1: (50.0, 0.0)}
    assert last_known([returned, bought]) == [returned]


def test_a_decision_is_closed_when_its_window_is() -> None:
    one = Taken(1, "p", NOW)
    assert not closed(one, WINDOW, NOW + WINDOW.within)
    assert closed(one, WINDOW, NOW + WINDOW.within + timedelta(seconds=1))
