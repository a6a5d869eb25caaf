"""Randomised logs whose truth is known: which action is best for whom, and by how much."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np

from remit.decisions.arrays import Floats
from remit.decisions.logged import Column, Logged

ACTIONS = ("call", "mail", "none")


def log(rows: int, pays: bool, seed: int = 0, skewed: bool = False) -> tuple[Logged, Floats]:
    """A log of `rows` decisions, and what each action would have brought on average (rows, 3). Where it `pays`, whom to mail
    depends on age, and on region whether to call; else one action is best for all. `skewed`: drawn by age."""
    chance = np.random.default_rng([seed, 77])
    age, region = chance.uniform(18, 80, rows), chance.integers(0, 3, rows).astype(float)
    old = (age - 49) / 18
    if pays:
        truth = np.stack([0.15 + 0.25 * (region == 1), 0.25 - 0.12 * old, 0.15 + 0 * old], axis=1)
    else:
        truth = np.stack([0.12 + 0.04 * old, 0.25 + 0.04 * old, 0.15 + 0.04 * old], axis=1)
    chances = np.full((rows, 3), 1 / 3)
    if skewed:
        chances = np.exp(0.6 * np.stack([old, 0 * old, -old], axis=1))
        chances /= chances.sum(axis=1, keepdims=True)
    taken = (chances.cumsum(axis=1) > chance.uniform(size=(rows, 1))).argmax(axis=1)
    at = np.arange(rows)
    reward = (chance.uniform(size=rows) < truth[at, taken]).astype(float)
    columns = (Column("age", age), Column("region", region, ("east", "north", "west")))
    return Logged(columns, ACTIONS, taken, reward, chances[at, taken], np.zeros(3)), truth


def write(path: Path, logged: Logged, **more: list[object]) -> Path:
    """As a CSV, with more columns where given."""
    age, region = logged.columns
    with path.open("w", newline="") as file:
        out = csv.writer(file)
        out.writerow(["age", "region", "action", "propensity", "reward", *more])
        for row in range(len(logged)):
            words = (logged.actions[logged.taken[row]], logged.propensity[row], logged.reward[row])
            known = (age.values[row], region.levels[int(region.values[row])])
            out.writerow([*known, *words, *(values[row] for values in more.values())])
    return path
