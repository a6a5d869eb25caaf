"""What each action is worth for somebody: Bayesian linear regression with a part that all actions share. Pure.

reward = φ(x)·(w + w_a) + noise, with w ~ N(0, 1/α) and w_a ~ N(0, 1/β), an α and a β for each group of features. How large they are is
read from the data (empirical Bayes by MacKay's fixed point, 1992): where context does not change which action is better, β of the
context grows until only the actions' own means are left. That is the plain baseline, reached by evidence.

The posterior is exact and needs only sums: of φφᵀ and φr by action. Its precision has the shape of an arrow (each action knows the
shared part, none the other), so K actions with D features cost K inversions of D×D.

A reward of 0 and 1 is regressed as it is: what is compared are means, and the sums stay exact.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from remit.decisions.arrays import Bools, Floats, Ints

ROUNDS = 16  # of the fixed point; it settles in some ten
AT_ONCE = 2_000_000  # numbers that are held while votes are counted
EXACT = 1e-6  # of the rewards' squares is taken for noise at the least: where context tells all, the sums would be inverted to nothing but rounding
STIFF = 1e9  # a precision that lets a weight be nothing but its mean
SETTLED = 3e-2  # relative change of all precisions at which it has


@dataclass(frozen=True)
class Sums:
    """All that the posterior needs of n rewards. K actions, D features."""

    gram: Floats  # (K, D, D)
    moment: Floats  # (K, D)
    square: Floats  # (K,) of rewards
    count: Floats  # (K,)

    def __add__(self, other: Sums) -> Sums:
        return Sums(
            self.gram + other.gram,
            self.moment + other.moment,
            self.square + other.square,
            self.count + other.count,
        )

    def __sub__(self, other: Sums) -> Sums:
        return self + other.faded(-1.0)

    def faded(self, share: float) -> Sums:
        """As if each row counted only so much: what drifts is forgotten."""
        return Sums(share * self.gram, share * self.moment, share * self.square, share * self.count)


def nothing(actions: int, features: int) -> Sums:
    return Sums(
        np.zeros((actions, features, features)),
        np.zeros((actions, features)),
        np.zeros(actions),
        np.zeros(actions),
    )


def sums(features: Floats, taken: Ints, reward: Floats, actions: int) -> Sums:
    """`features` (n, D), `taken` (n,) places of actions, `reward` (n,)."""
    found = nothing(actions, features.shape[1])
    for action in np.unique(taken):
        rows = taken == action
        seen, came = features[rows], reward[rows]
        found.gram[action] = seen.T @ seen
        found.moment[action] = seen.T @ came
        found.square[action] = came @ came
        found.count[action] = len(came)
    return found


@dataclass(frozen=True)
class Prior:
    """Precisions of the shared weights and of each action's own, by group of features; and of the noise."""

    shared: Floats
    own: Floats
    noise: float


@dataclass(frozen=True)
class Posterior:
    """Of the weights of each action, shared part included."""

    prior: Prior
    shared: Floats  # (D,) mean
    spread: Floats  # (D, D) covariance of the shared part
    own: Floats  # (K, D): an action's weights where the shared ones are nothing
    pull: Floats  # (K, D, D): how the action's weights follow the shared ones
    loose: Floats  # (K, D, D): covariance of its weights once the shared ones are known

    @property
    def mean(self) -> Floats:
        """(K, D)."""
        return self.own + self.pull @ self.shared

    def drawn(self, times: int, chance: np.random.Generator, boldness: float = 1.0) -> Floats:
        """(times, K, D): weights as they may be; `boldness` scales how far from their mean."""
        actions, size = self.own.shape
        common = chance.standard_normal((times, size)) @ _root(self.spread).T
        away = np.einsum("kij,tj->tki", self.pull, common)
        for action in range(actions):
            away[:, action] += chance.standard_normal((times, size)) @ _root(self.loose[action]).T
        return np.asarray(self.mean + boldness * away)


def fit(given: Sums, groups: Ints, start: Prior | None = None, rounds: int = ROUNDS) -> Posterior:
    """The posterior under the prior that the data speak for. `groups` (D,): the group of each feature."""
    prior = start or first(given, groups)
    found = posterior(given, groups, prior)
    for _ in range(rounds):
        better = _reweighed(given, groups, found)
        moved = np.abs(np.log(np.concatenate([better.shared / prior.shared, better.own / prior.own])))
        prior, found = better, posterior(given, groups, better)
        if moved.max() < SETTLED:
            break
    return found


def first(given: Sums, groups: Ints) -> Prior:
    """Where the search begins: as much noise as there is variance, weights of its size."""
    count = max(float(given.count.sum()), 2.0)
    mean = float(given.moment[:, 0].sum()) / count
    variance = max(float(given.square.sum()) / count - mean**2, 1e-12)
    sizes = np.bincount(groups)
    base = sizes / variance * 10
    base[0] = 1 / (variance + mean**2)
    return Prior(base.copy(), base * 4, 1 / variance)


def posterior(given: Sums, groups: Ints, prior: Prior) -> Posterior:
    """Exact, under this prior."""
    size = len(groups)
    each, firm = np.eye(size), prior.noise * given.gram
    loose = np.asarray(np.linalg.inv(firm + np.diag(prior.own[groups])), dtype=np.float64)
    pull = each - loose @ firm
    heard = prior.noise * given.moment
    own = (loose @ heard[:, :, None])[:, :, 0]
    precision = np.diag(prior.shared[groups]) + np.sum(firm @ pull, axis=0)
    spread = np.linalg.inv((precision + precision.T) / 2)
    shared = spread @ np.sum((heard[:, None, :] @ pull)[:, 0], axis=0)
    return Posterior(prior, shared, spread, own, pull, loose)


def _reweighed(given: Sums, groups: Ints, found: Posterior) -> Prior:
    """MacKay's step: a group is as wide as its weights turned out, by as many of them as the data determine."""
    prior, count = found.prior, float(given.count.sum())
    kinds = len(prior.shared)
    follow = np.eye(len(groups)) - found.pull
    own = found.own - follow @ found.shared
    own_spread = found.loose + follow @ found.spread @ np.swapaxes(follow, 1, 2)
    alone = np.einsum("kii->i", own_spread)
    actions = len(given.count)
    size = np.bincount(groups, minlength=kinds).astype(np.float64)
    shared_free = size - prior.shared * _by_group(groups, np.diag(found.spread), kinds)
    own_free = actions * size - prior.own * _by_group(groups, alone, kinds)
    shared = _precision(shared_free, _by_group(groups, found.shared**2, kinds))
    widened = _precision(own_free, _by_group(groups, (own**2).sum(axis=0), kinds))
    mean = found.mean
    error = (
        given.square.sum()
        - 2 * np.sum(mean * given.moment)
        + np.sum((mean[:, None, :] @ given.gram)[:, 0] * mean)
    )
    free = float(shared_free.sum() + own_free.sum())
    noise = max(count - free, 1.0) / max(float(error), EXACT * max(float(given.square.sum()), 1e-12))
    return Prior(shared, widened, noise)


def _by_group(groups: Ints, values: Floats, kinds: int) -> Floats:
    return np.asarray(np.bincount(groups, weights=values, minlength=kinds), dtype=np.float64)


def _precision(free: Floats, size: Floats) -> Floats:
    return np.clip(np.maximum(free, 1e-9) / np.maximum(size, 1e-18), 1e-9, STIFF)


def _root(covariance: Floats) -> Floats:
    values, vectors = np.linalg.eigh((covariance + covariance.T) / 2)
    return np.asarray(vectors * np.sqrt(np.maximum(values, 0)))


@dataclass(frozen=True)
class Press:
    """How urgent each action is for each person: `times` (n, K), and the place of the action that does nothing. What an action gains over that
    counts so many times; what would come anyway is not made more by being urgent."""

    times: Floats
    idle: int

    def at(self, rows: Ints) -> Press:
        return Press(self.times[rows], self.idle)

    def on(self, worth: Floats, rows: slice = slice(None)) -> Floats:
        """`worth`: (n, K), or (n, T, K) of drawn weights; the same shape."""
        times = self.times[rows] if worth.ndim == 2 else self.times[rows, None]
        anyway = worth[..., [self.idle]]
        return np.asarray(anyway + times * (worth - anyway))


def votes(
    features: Floats,
    weights: Floats,
    costs: Floats,
    scale: Floats | None = None,
    allowed: Bools | None = None,
    press: Press | None = None,
) -> Floats:
    """(n, K): of the drawn weights (T, K, D), the share under which each action is worth most, net of `costs` (K,). This is
    the probability with which Thompson sampling from these draws takes it, exactly. `scale` (n, K): what one unit of reward is worth;
    `allowed` (n, K): of what may be taken, one at least for each; `press`: what is urgent."""
    times, actions, size = weights.shape
    flat, found = weights.reshape(times * actions, size).T, np.zeros((len(features), actions))
    step = max(AT_ONCE // (times * actions), 1)
    for start in range(0, len(features), step):
        rows = slice(start, start + step)
        worth = (features[rows] @ flat).reshape(-1, times, actions)
        if scale is not None:
            worth *= scale[rows, None]
        if press is not None:
            worth = press.on(worth, rows)
        worth -= costs
        if allowed is not None:
            worth[np.broadcast_to(~allowed[rows, None], worth.shape)] = -np.inf
        best = worth.argmax(axis=2)
        found[rows] = np.mean(best[:, :, None] == np.arange(actions), axis=1)
    return found


def floored(chances: Floats, least: float, allowed: Bools | None = None) -> Floats:
    """Each action that is allowed at least `least` / their number: so that every other policy can be estimated from what is logged."""
    if allowed is None:
        return np.asarray((1 - least) * chances + least / chances.shape[-1])
    return np.asarray((1 - least) * chances + least * allowed / allowed.sum(axis=-1, keepdims=True))
