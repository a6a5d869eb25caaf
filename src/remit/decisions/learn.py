"""Learning while deciding: two policies side by side, and how far the one that looks at the person is trusted. Pure.

*Baseline*: which action is best for all, by Thompson sampling over each action's mean. *Personal*: by a model of context and action
(`score`). Each decision is judged before it is learned from (progressive validation): how much more the personal policy brings is estimated from
it, reweighed by the propensity that it had (DR). The personal policy decides as often as that evidence says: seldom at first, nearly
always once it has shown itself, and seldom again where it has ceased to. When what comes back is no longer what is expected, beyond
chance, nearly all that was learned is forgotten: the baseline decides until context has shown itself anew.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from remit.decisions.arrays import Bools, Floats, Ints
from remit.decisions.drift import Drift
from remit.decisions.features import Features, fit_features
from remit.decisions.logged import Column, joined
from remit.decisions.score import Posterior, Press, Sums, fit, floored, nothing, sums, votes

ALONE = np.zeros(1, dtype=np.int64)  # the groups of the baseline's features: an intercept and nothing else
WARM = 2  # rounds of a fit that begins where the last one ended
KEPT = 0.02  # of what was learned, when the world has changed
ENOUGH = 5000  # rows after which the features stay as they are
ROWS_A_WAVE = 50
HEAVIEST = 10.0  # how much one decision may weigh in the comparison; what is cut off the model's expectation stands for


@dataclass(frozen=True)
class Manner:
    """How a learner goes about it."""

    draws: int = 64  # of each posterior; a propensity is a number of draws of so many
    boldness: float = 0.5  # how far the personal policy's draws lie from the mean, since it decides beside a baseline that explores
    floor: float = (
        0.01  # share of decisions that is spread over all actions, so that any policy can be estimated
    )
    trust: tuple[float, float] = (0.05, 0.98)  # least and most that the personal policy decides
    doubt: float = 0.25  # standard errors that it must be ahead before it decides half the time
    opening: int = 10  # rows an action that are drawn by chance
    first: int = 100  # rows before context is looked at
    waves: int = 40  # of each kind
    again: float = 0.03  # by how much more must be known for a refit


@dataclass(frozen=True)
class Policy:
    """What decides until the next refit. `arms` (T, K, 1) and `weights` (T, K, D) are draws of the two posteriors; `mean` (K, D)
    or (K, 1) what is expected."""

    arms: Floats
    mean: Floats
    costs: Floats
    floor: float
    trust: float = 0.0
    weights: Floats | None = None
    features: Features | None = None

    def parts(
        self,
        columns: Sequence[Column],
        rows: int,
        scale: Floats | None = None,
        allowed: Bools | None = None,
        press: Press | None = None,
    ) -> tuple[Floats, Floats, Floats]:
        """(rows, K) each: the baseline's probabilities, the personal policy's, and the value that is expected of each action, to which it makes
        no difference how urgent that is."""
        alike = scale is None and allowed is None and press is None
        base = votes(np.ones((1 if alike else rows, 1)), self.arms, self.costs, scale, allowed, press)
        base = np.repeat(base, rows, axis=0) if len(base) < rows else base
        if self.features is None or self.weights is None:
            expected = np.repeat(self.mean.T, rows, axis=0)
            return base, base, (expected if scale is None else expected * scale) - self.costs
        known = self.features.of(columns, rows)
        expected = known @ self.mean.T
        personal = votes(known, self.weights, self.costs, scale, allowed, press)
        return base, personal, (expected if scale is None else expected * scale) - self.costs

    def chances(self, columns: Sequence[Column], rows: int) -> Floats:
        """(rows, K): the probability of each action, which is its propensity when it is taken."""
        base, personal, _ = self.parts(columns, rows)
        return self.mixed(base, personal)

    def mixed(self, base: Floats, personal: Floats, allowed: Bools | None = None) -> Floats:
        return floored((1 - self.trust) * base + self.trust * personal, self.floor, allowed)


@dataclass
class Ahead:
    """How much more the personal policy brings a decision: a mean in which the newest decision counts twice what the average one
    does, since both policies were others before."""

    count: int = 0
    weight: float = 0.0
    squares: float = 0.0  # of the weights
    total: float = 0.0
    total2: float = 0.0

    def add(self, rows: Floats) -> None:
        place = self.count + 1 + np.arange(len(rows), dtype=np.float64)
        self.count += len(rows)
        self.weight += float(place.sum())
        self.squares += float((place**2).sum())
        self.total += float((place * rows).sum())
        self.total2 += float((place * rows**2).sum())

    def chance(self, doubt: float) -> float:
        """How sure it is that it is ahead, `doubt` standard errors taken off."""
        if self.count < 2:
            return 0.0
        mean = self.total / self.weight
        error = math.sqrt(max(self.total2 / self.weight - mean**2, 1e-18) * self.squares) / self.weight
        return 0.5 * (1 + math.erf((mean / error - doubt) / math.sqrt(2)))


@dataclass(frozen=True)
class Seen:
    """Decisions that it was told of, as long as features are fitted to them. `ids`: by which they are corrected."""

    ids: Ints
    columns: Sequence[Column]
    taken: Ints
    reward: Floats

    def column(self, like: Column) -> Column:
        """Its own of that name; one that was not asked about when it was told is not known."""
        return next((one for one in self.columns if one.name == like.name), like.unknown(len(self.taken)))


class Learner:
    """What outcomes have taught. `policy` decides; `told` takes in what came of it, `corrected` what it was instead."""

    def __init__(self, costs: Floats, manner: Manner = Manner(), seed: int = 0) -> None:
        actions = len(costs)
        self.costs, self.manner, self.seed = costs, manner, seed
        self.ahead, self.drift, self.alarms = Ahead(), Drift(), 0
        self.policy = Policy(
            np.eye(actions)[:, :, None], np.zeros((actions, 1)), np.zeros(actions), manner.floor
        )
        self._chance = np.random.default_rng(seed)
        self._seen: list[Seen] = []
        self._arms = nothing(actions, 1)
        self._sums: Sums | None = None
        self._features: Features | None = None
        self._base: Posterior | None = None
        self._personal: Posterior | None = None
        self._rows = self._fitted = self._scaled = 0

    def told(
        self,
        columns: Sequence[Column],
        taken: Ints,
        reward: Floats,
        propensity: Floats,
        ids: Ints | None = None,
    ) -> None:
        """What came of decisions of this policy: (n,) the actions taken, their rewards and their propensities; `ids` of those that may
        be corrected."""
        rows, actions = len(taken), len(self.costs)
        if not rows:
            return
        changed = self._judge(columns, taken, reward, propensity)
        if self._scaled < ENOUGH:
            self._seen.append(Seen(np.full(rows, -1) if ids is None else ids, columns, taken, reward))
        self._arms = self._arms + sums(np.ones((rows, 1)), taken, reward, actions)
        if self._features is not None and self._sums is not None:
            self._sums = self._sums + sums(self._features.of(columns, rows), taken, reward, actions)
        self._rows += rows
        if changed:
            self._forget()
        opened = self.alarms > 0 or self._rows >= self.manner.opening * actions
        if opened and self._rows >= self._fitted * (1 + self.manner.again):
            self._refit()

    def corrected(
        self, ids: Ints, columns: Sequence[Column], taken: Ints, was: Floats, reward: Floats
    ) -> None:
        """Other rewards of decisions that it was told of: as if it had been told these, but for what was decided by the old ones since."""
        rows, actions = len(ids), len(self.costs)
        ones = np.ones((rows, 1))
        self._arms = self._arms + sums(ones, taken, reward, actions) - sums(ones, taken, was, actions)
        if self._features is not None and self._sums is not None:
            known = self._features.of(columns, rows)
            self._sums = self._sums + sums(known, taken, reward, actions) - sums(known, taken, was, actions)
        now = dict(zip(ids.tolist(), reward.tolist(), strict=True))
        for place, seen in enumerate(self._seen):
            if np.isin(seen.ids, ids).any():
                again = [
                    now.get(one, old)
                    for one, old in zip(seen.ids.tolist(), seen.reward.tolist(), strict=True)
                ]
                self._seen[place] = Seen(seen.ids, seen.columns, seen.taken, np.array(again))

    def _judge(self, columns: Sequence[Column], taken: Ints, reward: Floats, propensity: Floats) -> bool:
        """Compare the two policies by these decisions; whether what came is no longer what is expected."""
        if self.policy.features is None:
            return False
        base, personal, expected = self.policy.parts(columns, len(taken))
        at, more = np.arange(len(taken)), personal - base
        missed = reward - self.costs[taken] - expected[at, taken]
        weight = np.clip(more[at, taken] / propensity, -HEAVIEST, HEAVIEST)
        self.ahead.add(np.sum(more * expected, axis=1) + weight * missed)
        return self.drift.seen(missed)

    def _forget(self) -> None:
        """The features stay: they know people, and no rewards."""
        self.alarms += 1
        self.ahead, self.drift = Ahead(), Drift()
        self._arms = self._arms.faded(KEPT)
        self._sums = self._sums.faded(KEPT) if self._sums is not None else None
        self._base = self._personal = None
        self._rows = int(KEPT * self._rows)
        self._fitted, self._scaled, self._seen = 0, ENOUGH, []

    def _refit(self) -> None:
        manner, self._fitted = self.manner, self._rows
        if self._rows >= max(manner.first, 4 * self._scaled) and self._scaled < ENOUGH:
            self._rescale()
        self._base = _again(self._arms, ALONE, self._base)
        arms = self._base.drawn(manner.draws, self._chance)
        self.policy = Policy(arms, self._base.mean, self.costs, manner.floor)
        if self._features is not None and self._sums is not None:
            found = self._personal = _again(self._sums, self._features.groups, self._personal)
            least, most = manner.trust
            trust = min(max(self.ahead.chance(manner.doubt), least), most)
            drawn = found.drawn(manner.draws, self._chance, manner.boldness)
            self.policy = Policy(arms, found.mean, self.costs, manner.floor, trust, drawn, self._features)

    def _rescale(self) -> None:
        """Features by what has been seen, and their sums anew."""
        columns = tuple(joined([seen.column(one) for seen in self._seen]) for one in self._seen[-1].columns)
        taken = np.concatenate([seen.taken for seen in self._seen])
        reward = np.concatenate([seen.reward for seen in self._seen])
        ids = np.concatenate([seen.ids for seen in self._seen])
        waves = min(self.manner.waves, self._rows // ROWS_A_WAVE)
        self._features = fit_features(columns, waves, waves, self.seed)
        self._sums = sums(self._features.of(columns, self._rows), taken, reward, len(self.costs))
        self._scaled, self._personal = self._rows, None
        self._seen = [Seen(ids, columns, taken, reward)] if self._scaled < ENOUGH else []


def _again(given: Sums, groups: Ints, last: Posterior | None) -> Posterior:
    return fit(given, groups, last.prior, WARM) if last else fit(given, groups)
