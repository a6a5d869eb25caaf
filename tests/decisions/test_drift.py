"""When the world changes: it is noticed, the baseline decides again, and what is new is learned; without change nothing is forgotten."""

from __future__ import annotations

import numpy as np
import pytest
from bench.market import Market, lived

from remit.decisions.drift import Drift
from remit.decisions.learn import Learner, Manner
from tests.decisions.logs import log

QUICK = Manner(waves=4, again=0.15, draws=32)


@pytest.mark.parametrize("likely", [0.05, 0.2, 0.5])
def test_chance_alone_is_no_drift(likely: float) -> None:
    chance = np.random.default_rng(8)
    drift = Drift()
    assert not any(drift.seen((chance.uniform(size=100) < likely) - likely) for _ in range(300))


@pytest.mark.parametrize("turn", [-0.15, 0.15])
def test_a_lasting_shift_is_noticed_before_long(turn: float) -> None:
    chance, drift = np.random.default_rng(8), Drift()
    for _ in range(20):
        assert not drift.seen((chance.uniform(size=100) < 0.25) - 0.25)
    noticed = [drift.seen((chance.uniform(size=100) < 0.25 + turn) - 0.25) for _ in range(10)]
    assert any(noticed)


def test_after_a_change_context_is_trusted_no_more_until_it_has_shown_itself_anew() -> None:
    logged, truth = log(6000, pays=True)
    learner, chance = Learner(logged.costs, QUICK), np.random.default_rng(0)
    trusted = []
    for start in range(0, 6000, 60):
        some, at = logged.at(np.arange(start, start + 60)), np.arange(60)
        now = truth[start : start + 60] if start < 3000 else truth[start : start + 60][:, [1, 2, 0]]
        chances = learner.policy.chances(some.columns, 60)
        picks = (chances.cumsum(axis=1) > chance.uniform(size=(60, 1))).argmax(axis=1)
        reward = (chance.uniform(size=60) < now[at, picks]).astype(float)
        before = learner.alarms
        learner.told(some.columns, picks, reward, chances[at, picks])
        trusted.append(learner.policy.trust)
        if learner.alarms > before:
            assert start >= 3000
            assert learner.policy.trust == QUICK.trust[0]
    assert trusted[49] > 0.9
    assert learner.alarms >= 1
    known, truth = log(400, pays=True, seed=5)
    now = truth[:, [1, 2, 0]]
    reached = (learner.policy.chances(known.columns, 400) * now).sum(axis=1).mean()
    assert reached > now.mean(axis=0).max()


def test_in_a_market_no_rule_is_broken_and_more_is_brought_than_by_chance() -> None:
    remit = lived(Market(300, 3), Learner(np.zeros(4), QUICK, 3), days=30, a_day=50)
    even = lived(Market(300, 3), None, days=30, a_day=50)
    oracle = lived(Market(300, 3), None, days=30, a_day=50, best=True)
    assert remit.violated == even.violated == oracle.violated == 0
    assert remit.sent > 0
    assert (
        even.brought / even.oracle
        < remit.brought / remit.oracle
        < oracle.brought / oracle.oracle
        == pytest.approx(1)
    )
