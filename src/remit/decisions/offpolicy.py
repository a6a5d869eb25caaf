"""What a policy would have brought, from decisions of another policy (off-policy evaluation). Pure.

IPS reweighs each row by π(a|x)/p (Horvitz and Thompson, 1952); SNIPS divides by the weights' sum instead of n (Swaminathan and
Joachims, 2015); DR takes a model's expectation and reweighs only what the model missed (Dudík, Langford and Li, 2011): right where either
the model or the propensities are. Intervals are normal ones of the mean of each row's influence, 95 %, and hold for the policy as it is: how
it would turn out from other rows to learn from is not in them.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from remit.decisions.arrays import Floats
from remit.decisions.logged import Logged

Z95 = 1.959964


@dataclass(frozen=True)
class Estimate:
    """A mean by row with its 95 % interval."""

    value: float
    low: float
    high: float

    @property
    def error(self) -> float:
        return (self.high - self.low) / (2 * Z95)


@dataclass(frozen=True)
class Valued:
    """A policy's value by three estimators; `effective`: how many rows of the policy's own would say as much as these."""

    ips: Estimate
    snips: Estimate
    dr: Estimate
    effective: float


def mean_of(rows: Floats) -> Estimate:
    """Of each row's influence: the mean, and a normal interval from how far the rows are apart."""
    value = float(rows.mean())
    error = float(rows.std(ddof=1) / np.sqrt(len(rows))) if len(rows) > 1 else float("inf")
    return Estimate(value, value - Z95 * error, value + Z95 * error)


def weights(logged: Logged, chances: Floats) -> Floats:
    """π(a|x)/p of what was done. `chances`: (n, K), the policy's probabilities."""
    return np.asarray(chances[np.arange(len(logged)), logged.taken] / logged.propensity)


def dr_rows(logged: Logged, chances: Floats, expected: Floats) -> Floats:
    """Each row's part of the doubly robust estimate. `expected`: (n, K), the value of each action by a model that has not seen the row."""
    missed = logged.value - expected[np.arange(len(logged)), logged.taken]
    return np.asarray(np.sum(chances * expected, axis=1) + weights(logged, chances) * missed)


def valued(logged: Logged, chances: Floats, expected: Floats) -> Valued:
    weight, value = weights(logged, chances), logged.value
    total = float(weight.sum())
    if total == 0:
        nowhere = Estimate(float("nan"), float("-inf"), float("inf"))
        return Valued(nowhere, nowhere, mean_of(dr_rows(logged, chances, expected)), 0.0)
    normalised = float((weight * value).sum()) / total
    around = mean_of(normalised + weight * (value - normalised) * len(value) / total)
    dr = mean_of(dr_rows(logged, chances, expected))
    return Valued(mean_of(weight * value), around, dr, total**2 / float((weight**2).sum()))


def gain(logged: Logged, chances: Floats, over: Floats, expected: Floats) -> Estimate:
    """How much more one policy brings than another, row by row: what both share cancels out."""
    return mean_of(dr_rows(logged, chances, expected) - dr_rows(logged, over, expected))
