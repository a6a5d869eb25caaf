# mypy: ignore-errors
# (its libraries are installed in .bench/venvs only)
"""Vowpal Wabbit and MABWiser on the same logged rows in the same order, as they come: each decides for a row, and learns from it where the log had
done the same. Reads an .npz of `contexts` (n, d), `taken`, `reward`, `order` (seeds, n), `actions`; prints a JSON line a policy and seed.

Runs in an environment of its own: see bench/decisions.py.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from time import process_time
from typing import Any

import numpy as np
import vowpalwabbit
from mabwiser.mab import MAB, LearningPolicy

BATCH = 50  # rows that MABWiser decides at once; Vowpal Wabbit learns row by row
VW = {
    "VW squarecb": "--squarecb",
    "VW epsilon 0.05": "--epsilon 0.05",
    "VW cover 5": "--cover 5",
    "VW regcb": "--regcbopt",
}
MABS: dict[str, Callable[[], Any]] = {
    "MABWiser Thompson": LearningPolicy.ThompsonSampling,
    "MABWiser UCB1": lambda: LearningPolicy.UCB1(alpha=1.0),
    "MABWiser LinTS": lambda: LearningPolicy.LinTS(alpha=1.0),
    "MABWiser LinUCB": lambda: LearningPolicy.LinUCB(alpha=1.0),
}


def vw(flags: str, data: Any, order: Any, seed: int) -> tuple[float, int]:
    actions = int(data["actions"])
    space = vowpalwabbit.Workspace(f"--cb_explore_adf {flags} -q sa --quiet --random_seed {seed}")
    chance = np.random.default_rng(seed)
    total, count = 0.0, 0
    shared = [
        "shared |s " + " ".join(f"f{place}:{value:.4g}" for place, value in enumerate(row) if value)
        for row in data["contexts"]
    ]
    for row in order:
        probabilities = np.array(space.predict([shared[row], *(f"|a a{place}" for place in range(actions))]))
        pick = int(chance.choice(actions, p=probabilities / probabilities.sum()))
        if pick == data["taken"][row]:
            reward = float(data["reward"][row])
            total, count = total + reward, count + 1
            lines = [
                f"{place}:{-reward}:{probabilities[place]} |a a{place}" if place == pick else f"|a a{place}"
                for place in range(actions)
            ]
            space.learn([shared[row], *lines])
    space.finish()
    return total, count


def mab(policy: Any, contextual: bool, data: Any, order: Any, seed: int) -> tuple[float, int]:
    """The first batch is decided by chance: MABWiser must have been fitted before it can choose."""
    actions = int(data["actions"])
    learner = MAB(arms=list(range(actions)), learning_policy=policy, seed=seed)
    chance = np.random.default_rng(seed)
    total, count = 0.0, 0
    for start in range(0, len(order), BATCH):
        rows = order[start : start + BATCH]
        contexts = data["contexts"][rows]
        if not start:
            picks = chance.integers(0, actions, len(rows))
        elif contextual:
            picks = np.asarray(learner.predict(contexts))
        else:
            picks = np.array([learner.predict() for _ in rows])
        kept = picks == data["taken"][rows]
        taken, reward = data["taken"][rows][kept], data["reward"][rows][kept]
        total, count = total + float(reward.sum()), count + len(taken)
        if len(taken):
            told = (taken, reward, contexts[kept]) if contextual else (taken, reward)
            learner.partial_fit(*told) if start else learner.fit(*told)
    return total, count


def played(path: str) -> Iterator[dict[str, Any]]:
    data = dict(np.load(path))
    for seed, order in enumerate(data["order"]):
        for name, flags in VW.items():
            began = process_time()
            total, count = vw(flags, data, order, seed + 1)
            yield {
                "policy": name,
                "seed": seed,
                "total": total,
                "count": count,
                "cpu": process_time() - began,
            }
        for name, make in MABS.items():
            if "Thompson" in name and not set(np.unique(data["reward"])) <= {0.0, 1.0}:
                continue  # it knows yes and no only
            began = process_time()
            total, count = mab(make(), "Lin" in name, data, order, seed)
            yield {
                "policy": name,
                "seed": seed,
                "total": total,
                "count": count,
                "cpu": process_time() - began,
            }


if __name__ == "__main__":
    for line in played(sys.argv[1]):
        print(json.dumps(line), flush=True)
