"""What is learned while deciding, on logs whose truth is known."""

from __future__ import annotations

import numpy as np
import pytest
from bench.decisions import replayed
from hypothesis import given, settings
from hypothesis import strategies as st

from remit.decisions.features import fit_features
from remit.decisions.learn import Ahead, Learner, Manner
from remit.decisions.score import fit, floored, nothing, sums, votes
from tests.decisions.logs import log

QUICK = Manner(waves=8, again=0.1, draws=32)


def taught(rows: int, pays: bool, seed: int = 0) -> Learner:
    """A learner that decided `rows` times."""
    logged, truth = log(rows, pays, seed)
    learner, chance = Learner(logged.costs, QUICK, seed), np.random.default_rng(seed)
    for start in range(0, rows, 40):
        some = logged.at(np.arange(start, min(start + 40, rows)))
        chances = learner.policy.chances(some.columns, len(some))
        picks = (chances.cumsum(axis=1) > chance.uniform(size=(len(some), 1))).argmax(axis=1)
        at = np.arange(len(some))
        reward = (chance.uniform(size=len(some)) < truth[start + at, picks]).astype(float)
        learner.told(some.columns, picks, reward, chances[at, picks])
    return learner


def test_where_context_pays_the_personal_policy_comes_to_decide_and_chooses_well() -> None:
    learner = taught(4000, pays=True)
    assert learner.policy.trust > 0.9
    logged, truth = log(500, pays=True, seed=9)
    reached = (learner.policy.chances(logged.columns, 500) * truth).sum(axis=1).mean()
    single, most = truth.mean(axis=0).max(), truth.max(axis=1).mean()
    assert reached > single + 0.6 * (most - single)


def test_where_context_does_not_pay_the_best_action_for_all_is_what_nearly_everybody_has() -> None:
    learner = taught(3000, pays=False)
    logged, truth = log(500, pays=False, seed=9)
    reached = (learner.policy.chances(logged.columns, 500) * truth).sum(axis=1).mean()
    assert reached > 0.97 * truth.mean(axis=0).max()


def test_propensities_are_probabilities_of_which_none_is_nothing() -> None:
    learner = taught(600, pays=True)
    logged, _ = log(300, pays=True, seed=4)
    chances = learner.policy.chances(logged.columns, 300)
    assert np.allclose(chances.sum(axis=1), 1)
    assert chances.min() >= QUICK.floor / 3 - 1e-12


def test_replayed_by_rejection_a_learner_is_told_only_of_what_the_log_did_too() -> None:
    logged, truth = log(1500, pays=False)
    total, count = replayed(logged, np.arange(1500), QUICK, 0)
    assert 400 < count < 600
    assert total / count > 0.9 * truth.mean()


def test_before_anything_is_known_all_actions_are_as_likely() -> None:
    logged, _ = log(10, pays=True)
    assert np.allclose(Learner(np.zeros(3)).policy.chances(logged.columns, 10), 1 / 3)


@given(st.integers(0, 1000), st.integers(2, 60), st.integers(1, 4))
@settings(max_examples=25, deadline=None)
def test_the_sums_of_parts_are_the_sum_and_what_is_taken_away_is_gone(
    seed: int, rows: int, actions: int
) -> None:
    chance = np.random.default_rng(seed)
    known, taken, came = (
        chance.normal(size=(rows, 3)),
        chance.integers(0, actions, rows),
        chance.normal(size=rows),
    )
    half = rows // 2
    one, two = (
        sums(known[part], taken[part], came[part], actions) for part in (slice(half), slice(half, None))
    )
    whole = sums(known, taken, came, actions)
    assert np.allclose((one + two).gram, whole.gram)
    assert np.allclose((whole - two).moment, one.moment)
    assert np.allclose((nothing(actions, 3) + whole).square, whole.square)


def test_the_posterior_is_the_one_of_the_joint_regression() -> None:
    """Against the dense computation: shared and own weights in one vector."""
    chance = np.random.default_rng(3)
    known, taken, came = chance.normal(size=(80, 4)), chance.integers(0, 3, 80), chance.normal(size=80)
    groups = np.array([0, 1, 1, 1])
    found = fit(sums(known, taken, came, 3), groups, rounds=3)
    design = np.zeros((80, 16))
    design[:, :4] = known
    for row in range(80):
        design[row, 4 * (taken[row] + 1) : 4 * (taken[row] + 2)] = known[row]
    prior = found.prior
    ridge = np.concatenate([prior.shared[groups], *[prior.own[groups]] * 3])
    covariance = np.linalg.inv(prior.noise * design.T @ design + np.diag(ridge))
    mean = prior.noise * covariance @ design.T @ came
    for action in range(3):
        assert np.allclose(found.mean[action], mean[:4] + mean[4 * (action + 1) : 4 * (action + 2)])
    pick = np.zeros((4, 16))
    pick[:, :4] = pick[:, 8:12] = np.eye(4)
    drawn = found.drawn(4000, chance)[:, 1]
    assert np.cov(drawn.T) == pytest.approx(pick @ covariance @ pick.T, abs=0.1 * np.diag(covariance).max())


def test_votes_are_shares_of_draws_net_of_costs() -> None:
    weights = np.array([[[1.0], [0.5]], [[0.2], [0.5]], [[0.9], [0.5]]])
    assert votes(np.ones((1, 1)), weights, np.zeros(2)).tolist() == [[2 / 3, 1 / 3]]
    assert votes(np.ones((1, 1)), weights, np.array([1.0, 0.0])).tolist() == [[0, 1]]
    assert floored(np.array([[1.0, 0.0]]), 0.5).tolist() == [[0.75, 0.25]]


def test_evidence_that_turns_is_followed() -> None:
    ahead = Ahead()
    chance = np.random.default_rng(1)
    ahead.add(0.1 + chance.normal(size=500) * 0.2)
    assert ahead.chance(0.5) > 0.99
    ahead.add(-0.1 + chance.normal(size=500) * 0.2)
    assert ahead.chance(0.5) < 0.01


def test_features_of_new_people_have_the_scales_of_those_they_were_fitted_to() -> None:
    logged, _ = log(400, pays=True)
    features = fit_features(logged.columns, 5, 5)
    one = logged.at(np.array([7]))
    assert np.allclose(features.of(one.columns, 1), features.of(logged.columns, 400)[7:8])
