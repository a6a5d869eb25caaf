"""Estimates from a log against what is known to be true of it; the report, and what it warns of."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from remit.decisions.evaluate import PARTS, cross_fitted, evaluate, parts
from remit.decisions.logged import Column, Logged
from remit.decisions.offpolicy import valued
from remit.errors import UserError
from tests.decisions.logs import log


def always(logged: Logged, action: int) -> np.ndarray:
    return np.eye(3)[np.full(len(logged), action)]


@pytest.mark.parametrize("skewed", [False, True])
def test_each_estimator_covers_the_true_value_of_each_action_about_as_often_as_it_says(skewed: bool) -> None:
    inside = dict.fromkeys(("ips", "snips", "dr"), 0)
    for seed in range(40):
        logged, truth = log(800, pays=True, seed=seed, skewed=skewed)
        for action in range(3):
            worth = valued(logged, always(logged, action), np.zeros_like(truth) + 0.2)
            for name in inside:
                found = getattr(worth, name)
                inside[name] += found.low <= truth[:, action].mean() <= found.high
    assert all(100 <= count <= 120 for count in inside.values()), inside  # of 120, at 95 %


def test_where_every_row_could_have_been_the_policys_own_all_of_them_count() -> None:
    logged, _ = log(300, pays=True)
    certain = Logged(logged.columns, logged.actions, logged.taken, logged.reward, np.ones(300), logged.costs)
    worth = valued(certain, np.eye(3)[certain.taken], np.zeros((300, 3)))
    assert worth.effective == pytest.approx(300)
    assert worth.ips.value == worth.snips.value == pytest.approx(logged.reward.mean())


def test_a_policy_that_the_log_never_followed_has_no_reweighed_value_and_no_interval() -> None:
    logged, truth = log(60, pays=True)
    never = np.eye(3)[(logged.taken + 1) % 3]
    worth = valued(logged, never, truth)
    assert np.isnan(worth.ips.value)
    assert worth.effective == 0
    assert worth.dr.value == pytest.approx(truth[np.arange(60), (logged.taken + 1) % 3].mean())


@pytest.mark.parametrize("skewed", [False, True])
def test_where_it_pays_to_choose_by_person_the_learned_policy_does_and_the_report_says_so(
    skewed: bool,
) -> None:
    logged, truth = log(2400, pays=True, seed=3, skewed=skewed)
    learned, single, _ = cross_fitted(logged)
    true = {name: float((one * truth).sum(axis=1).mean()) for name, one in (("l", learned), ("s", single))}
    assert true["l"] > true["s"] + 0.7 * (truth.max(axis=1).mean() - true["s"])
    report = evaluate(logged)
    assert report.pays
    assert "pays" in report.verdict
    assert report.gain.low <= true["l"] - true["s"] <= report.gain.high
    assert report.warnings == ()


def test_where_it_does_not_pay_the_learned_policy_is_hardly_worse_than_the_best_single_action() -> None:
    for seed in range(2):
        logged, truth = log(2000, pays=False, seed=seed)
        learned, single, _ = cross_fitted(logged)
        assert (learned * truth).sum() >= 0.97 * (single * truth).sum()
        assert not evaluate(logged).pays


def test_costs_decide_which_action_is_best() -> None:
    logged, _ = log(1000, pays=False)
    dear = evaluate(dataclasses.replace(logged, costs=np.array([0.0, 0.5, 0.0])))
    assert dear.policy("always mail").worth.dr.value < 0
    assert dear.policy("best single action").shares[1] == 0


def test_no_row_is_decided_by_what_came_of_it() -> None:
    logged, _ = log(600, pays=True)
    part = parts(logged, 0)
    changed = logged.reward.copy()
    changed[part == 2] = 1 - changed[part == 2]
    other = dataclasses.replace(logged, reward=changed)
    one, two = cross_fitted(logged), cross_fitted(other)
    for before, after in zip(one, two, strict=True):
        assert np.array_equal(before[part == 2], after[part == 2])
    assert not np.array_equal(one[2], two[2])


@given(st.integers(0, 2**16), st.integers(60, 200))
@settings(max_examples=20, deadline=None)
def test_every_part_has_as_many_of_each_action_but_one(seed: int, rows: int) -> None:
    logged, _ = log(rows, pays=True, seed=seed)
    part = parts(logged, seed)
    for action in range(3):
        counts = np.bincount(part[logged.taken == action], minlength=PARTS)
        assert counts.max() - counts.min() <= 1


def test_propensities_that_do_not_agree_with_what_was_done_are_told_of() -> None:
    logged, _ = log(1200, pays=False)
    wrong = np.where(logged.taken == 1, 0.6, 0.2)
    said = " ".join(evaluate(dataclasses.replace(logged, propensity=wrong)).warnings)
    assert "propensities of mail do not agree" in said


def test_a_column_that_was_known_only_afterwards_is_told_of() -> None:
    logged, _ = log(1200, pays=False)
    bought = logged.reward * (np.random.default_rng(1).uniform(size=1200) < 0.3)
    with_it = dataclasses.replace(logged, columns=(*logged.columns, Column("bought", bought)))
    assert "column bought tells the reward" in " ".join(evaluate(with_it).warnings)
    opened = (logged.taken == 1) * (np.random.default_rng(2).uniform(size=1200) < 0.4)
    with_it = dataclasses.replace(logged, columns=(*logged.columns, Column("opened", opened.astype(float))))
    assert "column opened differs between actions" in " ".join(evaluate(with_it).warnings)


def test_tiny_propensities_and_actions_seldom_taken_are_told_of() -> None:
    logged, _ = log(1200, pays=False)
    rare = logged.at(
        np.concatenate([np.flatnonzero(logged.taken == 0)[:10], np.flatnonzero(logged.taken != 0)])
    )
    p = np.where(rare.taken == 0, 0.005, 0.4975)
    said = " ".join(evaluate(dataclasses.replace(rare, propensity=p)).warnings)
    assert "call was taken 10 times only" in said
    assert "propensities down to 0.005" in said


def test_too_few_rows_and_a_single_action_are_refused() -> None:
    logged, _ = log(200, pays=True)
    with pytest.raises(UserError, match="too few"):
        evaluate(logged.at(np.arange(20)))
    with pytest.raises(UserError, match="one action only"):
        evaluate(
            dataclasses.replace(
                logged, actions=("mail",), taken=np.zeros(200, dtype=np.int64), costs=np.zeros(1)
            )
        )


def test_a_log_without_context_has_a_report_too() -> None:
    logged, _ = log(400, pays=False)
    report = evaluate(dataclasses.replace(logged, columns=()))
    assert not report.pays
