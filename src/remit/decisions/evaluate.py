"""Does choosing by person pay? From a log of decisions: what each policy would have brought, and a learned one among them.

The learned policy is cross-fitted: the rows are parted, and each is decided by a model that has not seen what came of its part (scales of
the columns are fitted to all rows; they know no rewards). So is the best single action: it is the one that was best in the other parts,
since the best of several estimates would look better than it is. Within those other parts the learned policy is again compared
with the best single action, and is that action where it does not come out ahead.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import reduce
from operator import add

import numpy as np

from remit.decisions.arrays import Floats, Ints
from remit.decisions.features import Features, fit_features
from remit.decisions.logged import Logged
from remit.decisions.offpolicy import Estimate, Valued, dr_rows, gain, mean_of, valued
from remit.decisions.score import Posterior, Prior, Sums, fit, sums
from remit.decisions.trouble import troubles
from remit.errors import UserError

PARTS = 5
PAIRS, WAVES = 60, 100  # features of interactions, where there are rows enough for them
ROWS_A_WAVE = 50
WAVES_A_COLUMN = 12
BLOCK = 20_000  # rows whose features are held at once
FEWEST = 50
ROUNDING = 1e-9  # of the best action's value
WARM = 4  # rounds of a fit that begins where a fit to fewer of the same rows ended
LOGGING, UNIFORM, SINGLE, LEARNED = "logging policy", "uniform", "best single action", "learned"


@dataclass(frozen=True)
class Compared:
    """A policy and what it is worth. `shares`: of its decisions, by action."""

    name: str
    shares: tuple[float, ...]
    worth: Valued


@dataclass(frozen=True)
class Report:
    logged: Logged
    policies: tuple[Compared, ...]
    gain: Estimate  # of the learned policy over the best single action
    verdict: str
    pays: bool | None  # None: not shown either way
    warnings: tuple[str, ...]

    def policy(self, name: str) -> Compared:
        return next(one for one in self.policies if one.name == name)


def evaluate(logged: Logged, seed: int = 0) -> Report:
    """Raises UserError where there is too little to say anything."""
    rows, actions = len(logged), len(logged.actions)
    if rows < FEWEST:
        raise UserError(f"{rows} rows are too few to say anything: at least {FEWEST} are needed")
    if actions < 2:
        raise UserError(f"there is one action only, {logged.actions[0]!r}: nothing is to be chosen")
    learned, single, expected = cross_fitted(logged, seed)
    chances = {
        LOGGING: None,
        UNIFORM: np.full((rows, actions), 1 / actions),
        **{
            f"always {name}": np.eye(actions)[np.full(rows, place)]
            for place, name in enumerate(logged.actions)
        },
        SINGLE: single,
        LEARNED: learned,
    }
    policies = tuple(_compared(logged, name, one, expected) for name, one in chances.items())
    more = gain(logged, learned, single, expected)
    pays, verdict = _verdict(more, policies[-2].worth.dr)
    return Report(
        logged, policies, more, verdict, pays, tuple(troubles(logged, policies[-1].worth.effective))
    )


def _compared(logged: Logged, name: str, chances: Floats | None, expected: Floats) -> Compared:
    if chances is None:  # what was really done, and came of it
        as_is = mean_of(logged.value)
        shares = np.bincount(logged.taken, minlength=len(logged.actions)) / len(logged)
        return Compared(name, tuple(shares.tolist()), Valued(as_is, as_is, as_is, float(len(logged))))
    return Compared(name, tuple(chances.mean(axis=0).tolist()), valued(logged, chances, expected))


def _verdict(more: Estimate, single: Estimate) -> tuple[bool | None, str]:
    share = f", {more.value / single.value:+.1%}" if single.value > 0 else ""
    about = f"{more.value:+.4g} a decision{share} (95 %: {more.low:+.4g} to {more.high:+.4g})"
    if more.low > 0:
        return True, f"Choosing by person pays: it brings {about} over the best single action."
    if max(abs(more.low), abs(more.high)) <= ROUNDING * abs(single.value):  # nothing, but for rounding
        return (
            False,
            "Choosing by person does not pay here: what was learned is to take the best single action for everybody.",
        )
    if more.high <= 0.02 * abs(single.value):
        return False, f"Choosing by person does not pay here: {about} over the best single action."
    return (
        None,
        f"It is not shown that choosing by person pays: {about} over the best single action. Take that action, or log more.",
    )


def cross_fitted(logged: Logged, seed: int = 0) -> tuple[Floats, Floats, Floats]:
    """(n, K) each: the learned policy's choices, those of the best single action, and the value that is expected of each action; for
    each row by what other rows taught."""
    part, features = parts(logged, seed), features_of(logged, seed)
    known = [_summed(logged, features, np.flatnonzero(part == one)) for one in range(PARTS)]
    two_out: dict[tuple[int, int], Posterior] = {}
    for one in range(PARTS):
        for other in range(one):
            rest = [known[place] for place in range(PARTS) if place not in (one, other)]
            two_out[one, other] = two_out[other, one] = fit(reduce(add, rest), features.groups)
    one_out = []
    for one in range(PARTS):
        rest = [known[place] for place in range(PARTS) if place != one]
        prior: Prior = two_out[one, (one + 1) % PARTS].prior
        one_out.append(fit(reduce(add, rest), features.groups, prior, WARM))
    expected, inner = _expectations(logged, features, part, one_out, two_out)
    return _choices(logged, part, expected, inner)


def _choices(logged: Logged, part: Ints, expected: Floats, inner: Floats) -> tuple[Floats, Floats, Floats]:
    """`inner` (PARTS, n, K): what is expected of each row without its part, and without that part of the outer comparison."""
    each = np.eye(len(logged.actions))
    learned, single = np.zeros_like(expected), np.zeros_like(expected)
    for one in range(PARTS):
        out, rest = np.flatnonzero(part == one), np.flatnonzero(part != one)
        others, theirs = logged.at(rest), inner[one, rest]
        always = [
            mean_of(dr_rows(others, each[np.full(len(rest), place)], theirs)).value
            for place in range(len(each))
        ]
        arm = each[np.full(len(rest), int(np.argmax(always)))]
        ahead = gain(others, each[theirs.argmax(axis=1)], arm, theirs).value > 0
        single[out] = arm[0]
        learned[out] = each[expected[out].argmax(axis=1)] if ahead else arm[0]
    return learned, single, expected


def _expectations(
    logged: Logged,
    features: Features,
    part: Ints,
    one_out: list[Posterior],
    two_out: dict[tuple[int, int], Posterior],
) -> tuple[Floats, Floats]:
    expected = np.zeros((len(logged), len(logged.actions)))
    inner = np.zeros((PARTS, *expected.shape))
    for rows in blocks(np.arange(len(logged))):
        vectors = features.of(logged.at(rows).columns, len(rows))
        for own in range(PARTS):
            mine = part[rows] == own
            expected[rows[mine]] = vectors[mine] @ one_out[own].mean.T - logged.costs
            for other in range(PARTS):
                if other != own:
                    inner[other, rows[mine]] = vectors[mine] @ two_out[own, other].mean.T - logged.costs
    return expected, inner


def parts(logged: Logged, seed: int) -> Ints:
    """Each row's part: as many of each action in every one."""
    chance = np.random.default_rng([seed, 20])
    shuffled = chance.permutation(len(logged))
    part = np.zeros(len(logged), dtype=np.int64)
    for action in range(len(logged.actions)):
        rows = shuffled[logged.taken[shuffled] == action]
        part[rows] = np.arange(len(rows)) % PARTS
    return part


def features_of(logged: Logged, seed: int) -> Features:
    rows, columns = len(logged) // ROWS_A_WAVE, len(logged.columns)
    pairs = min(PAIRS, rows, WAVES_A_COLUMN * columns * (columns - 1) // 2)
    return fit_features(logged.columns, pairs, min(WAVES, rows, WAVES_A_COLUMN * columns), seed)


def _summed(logged: Logged, features: Features, rows: Ints) -> Sums:
    return reduce(add, (
        sums(features.of(some.columns, len(some)), some.taken, some.reward, len(logged.actions))
        for some in (logged.at(block) for block in blocks(rows))
    ))  # fmt: skip


def blocks(rows: Ints) -> Iterator[Ints]:
    for start in range(0, max(len(rows), 1), BLOCK):
        yield rows[start : start + BLOCK]
