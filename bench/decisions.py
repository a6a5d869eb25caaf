"""What choosing brings online, from nothing: Remit, Vowpal Wabbit and MABWiser on the same logged decisions in the same order.

    python -m bench.decisions ../shared/data/hillstrom/half.csv --action segment --reward visit --ignore conversion spend
    python -m bench.decisions --made 20000                     a made log where choosing by person pays
    python -m bench.decisions --population 1000000             how long choosing for so many takes

Replay by rejection (Li et al., 2011): a policy decides for each logged row, and where the log did the same it is told what came of it; other rows
are lost to it. That is an unbiased trial of an online policy where the log was drawn uniformly. `of best` is its mean reward over that of
the best single action in the whole log; intervals are 95 % over seeds (t distribution), which order the rows.

The peers run as they come, in an environment of their own (.bench/venvs/bandits), on the same columns, standardised and one-hot by the whole
log, which Remit is not given.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime, time, timedelta
from pathlib import Path
from time import perf_counter, process_time
from typing import Any

import numpy as np

from bench import figures
from remit.decisions.action import Action, Cap, Capacity, Playbook, Quiet, Rules
from remit.decisions.arrays import Floats, Ints
from remit.decisions.choose import Left, People, choose, left_of
from remit.decisions.eligible import Contact, Standing
from remit.decisions.evaluate import evaluate
from remit.decisions.features import fit_features
from remit.decisions.learn import Learner, Manner
from remit.decisions.logged import Column, Layout, Logged, read_logged

PEERS = ("vowpalwabbit==9.11.9", "mabwiser==2.7.4")
BATCH = 50  # rows that are decided at once: outcomes come later than the next decision
T95 = {2: 12.71, 3: 4.30, 4: 3.18, 5: 2.78, 6: 2.57, 8: 2.36, 10: 2.26}  # by seeds


def replayed(logged: Logged, order: Ints, manner: Manner, seed: int) -> tuple[float, int]:
    """The sum of values and the number of rows at which Remit and the log did the same."""
    learner, chance = Learner(logged.costs, manner, seed), np.random.default_rng([seed, 1])
    total, count, start = 0.0, 0, 0
    least = float(logged.propensity.min())
    while start < len(order):
        size = min(BATCH, max(5, count // 10))
        some = logged.at(order[start : start + size])
        start += size
        chances = learner.policy.chances(some.columns, len(some))
        picks = (chances.cumsum(axis=1) > chance.uniform(size=(len(some), 1))).argmax(axis=1)
        even = chance.uniform(size=len(some)) < least / some.propensity
        kept = np.flatnonzero((picks == some.taken) & even)
        same = some.at(kept)
        total, count = total + float(same.value.sum()), count + len(kept)
        learner.told(same.columns, same.taken, same.reward, chances[kept, same.taken])
    return total, count


def made(rows: int, seed: int = 5) -> Logged:
    """A uniformly drawn log of four offers: who takes which depends on age, on region and device together, and on visits."""
    chance = np.random.default_rng(seed)
    age, visits = chance.uniform(18, 80, rows), chance.poisson(3, rows).astype(float)
    region, device = (chance.integers(0, 4, rows).astype(float) for _ in range(2))
    old = (age - 49) / 18
    truth = np.stack(
        [
            0.15 + 0.07 * old,
            0.15 - 0.07 * old,
            0.1 + 0.15 * (region == device),
            0.12 + 0.12 * (visits > 4),
        ],
        axis=1,
    )
    taken = chance.integers(0, 4, rows)
    reward = (chance.uniform(size=rows) < truth[np.arange(rows), taken]).astype(float)
    words = ("a", "b", "c", "d")
    columns = (
        Column("age", age),
        Column("visits", visits),
        Column("region", region, words),
        Column("device", device, words),
    )
    return Logged(columns, ("w", "x", "y", "z"), taken, reward, np.full(rows, 0.25), np.zeros(4))


def remits(logged: Logged, orders: Ints) -> Iterator[dict[str, Any]]:
    lines = {"Remit": Manner(), "Remit, baseline alone": Manner(trust=(0.0, 0.0), waves=0)}
    for seed, order in enumerate(orders):
        for name, manner in lines.items():
            began = process_time()
            total, count = replayed(logged, order, manner, seed)
            yield {
                "policy": name,
                "seed": seed,
                "total": total,
                "count": count,
                "cpu": process_time() - began,
            }
            figures.note(f"{name}, seed {seed}: {total / count:.4f}")


def peers(logged: Logged, orders: Ints) -> Iterator[dict[str, Any]]:
    python = figures.peer_python("bandits", PEERS)
    contexts = fit_features(logged.columns).of(logged.columns, len(logged))
    plain = 1 + sum(scale.width for scale in fit_features(logged.columns).scales)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "log.npz"
        np.savez(
            file,
            contexts=contexts[:, 1:plain],
            taken=logged.taken,
            reward=logged.value,
            order=orders,
            actions=len(logged.actions),
        )
        script = Path(__file__).parent / "peers" / "bandits.py"
        with subprocess.Popen([python, script, file], stdout=subprocess.PIPE, text=True) as process:
            for line in process.stdout or ():
                yield json.loads(line)
                figures.note(line.strip())
        if process.returncode:
            raise SystemExit(f"the peers broke off: {python} {script} ended with {process.returncode}")


def shown(lines: list[dict[str, Any]], best: float) -> list[dict[str, Any]]:
    rows = []
    for name in dict.fromkeys(line["policy"] for line in lines):
        mine = [line for line in lines if line["policy"] == name]
        means = np.array([line["total"] / line["count"] for line in mine])
        error = float(means.std(ddof=1) / np.sqrt(len(means))) if len(means) > 1 else float("nan")
        around = T95.get(len(means), 1.96) * error
        rows.append(
            {
                "policy": name,
                "mean reward": f"{means.mean():.4f}",
                "± 95 %": f"{around:.4f}",
                "of best": f"{means.mean() / best:.1%}",
                "rows": round(float(np.mean([line["count"] for line in mine]))),
                "CPU s": round(float(np.mean([line["cpu"] for line in mine])), 1),
            }
        )
    return rows


def fixed(logged: Logged) -> list[dict[str, Any]]:
    """Policies that do not learn, and Remit's that has learned from the log already (cross-fitted, doubly robust)."""
    report = evaluate(logged)
    best = max(one.worth.dr.value for one in report.policies if one.name.startswith("always "))
    rows = []
    for name in ("uniform", "best single action", "learned"):
        dr, told = report.policy(name).worth.dr, "offline, " + name
        rows.append(
            {
                "policy": told, "mean reward": f"{dr.value:.4f}", "± 95 %": f"{(dr.high - dr.low) / 2:.4f}",
                "of best": f"{dr.value / best:.1%}", "rows": len(logged), "CPU s": None,
            }
        )  # fmt: skip
    return rows


BOOK = Playbook(
    actions=(
        Action(name="w", does="send", channel="email", cost=0.001, cool_down=3),
        Action(name="x", does="send", channel="sms", cost=0.002, cool_down=3),
        Action(name="y", does="call", channel="phone", cost=0.003, capacity=Capacity(count=5000)),
        Action(name="z", does="nothing"),
    ),
    rules=Rules(
        consent={"marketing": "not no"},
        quiet=(Quiet(start=time(21), end=time(8)),),
        caps=(Cap(name="week", count=2, days=7),),
        zone="Europe/Berlin",
    ),
)
NOON = datetime(2026, 5, 4, 12, tzinfo=UTC)


def crowd(rows: int, seed: int) -> People:
    """Each was reached at three times of the last two weeks."""
    log, chance = made(rows, seed), np.random.default_rng(seed)
    zones = np.array(["Europe/Berlin", "America/New_York", "Asia/Kolkata", ""])[chance.integers(0, 4, rows)]
    ages = chance.uniform(0, 14, (rows, 3))
    standings = [
        Standing(
            str(zone),
            "DE",
            contacts=tuple(Contact(NOON - timedelta(days=age), "w", "email", "marketing") for age in row),
        )
        for zone, row in zip(zones, ages.tolist(), strict=True)
    ]
    return People([f"{seed}-{row}" for row in range(rows)], log.columns, standings)


def population(people: int) -> list[dict[str, Any]]:
    """Seconds that deciding takes for so many people, rules, capacity and records and all, by a policy that has learned from 20,000 rows; and
    milliseconds for one of them. Reading people from a database is not in it."""
    log = made(20_000)
    learner = Learner(np.array([action.cost for action in BOOK.actions]))
    for start in range(0, 20_000, 500):
        part = log.at(np.arange(start, start + 500))
        learner.told(part.columns, part.taken, part.reward, part.propensity)
    left, chance = left_of(BOOK), np.random.default_rng(1)
    wall, cpu, done = 0.0, 0.0, 0
    for start in range(0, people, 20_000):
        some = crowd(min(20_000, people - start), start)
        began, used = perf_counter(), process_time()
        done += sum(one.action != "z" for one in choose(BOOK, learner.policy, some, NOON, left, chance))
        wall, cpu = wall + perf_counter() - began, cpu + process_time() - used
    taken: list[tuple[float, float]] = []
    for row in range(200):
        one = crowd(1, row)
        began, used = perf_counter(), process_time()
        choose(BOOK, learner.policy, one, NOON, Left(), chance)
        taken.append((1000 * (perf_counter() - began), 1000 * (process_time() - used)))
    walls, cpus = zip(*taken, strict=True)
    return [
        {"what": f"decisions for {people} people, s", "measured": round(wall, 1)},
        {"what": "the same, CPU s", "measured": round(cpu, 1)},
        {"what": "people for whom something is done", "measured": done},
        {"what": "for one person, ms, median", "measured": round(float(np.median(walls)), 2)},
        {"what": "for one person, ms, 99 of 100", "measured": round(float(np.quantile(walls, 0.99)), 2)},
        {"what": "for one person, CPU ms, median", "measured": round(float(np.median(cpus)), 2)},
    ]


def main(args: argparse.Namespace) -> None:
    if args.population:
        figures.show(args.json, "next best actions: choosing", figures.machine(), population(args.population))
        return
    layout = Layout(args.action, args.reward, args.propensity, tuple(args.ignore))
    logged = made(args.made) if args.made else read_logged(args.file, layout)
    chance = np.random.default_rng(7)
    orders = np.array([chance.permutation(len(logged)) for _ in range(args.seeds)])
    best = max(means(logged))
    lines = [*remits(logged, orders), *(() if args.no_peers else peers(logged, orders))]
    figures.show(
        args.json, "next best actions: learning online", figures.machine(), shown(lines, best) + fixed(logged)
    )


def means(logged: Logged) -> Floats:
    return np.array([logged.value[logged.taken == place].mean() for place in range(len(logged.actions))])


if __name__ == "__main__":
    parser = figures.arguments(__doc__ or "")
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("file", nargs="?", type=Path, help="a CSV, as `remit decisions evaluate` takes it")
    parser.add_argument("--made", type=int, default=0, help="instead: so many made rows")
    parser.add_argument("--population", type=int, default=0, help="instead: choose for so many people")
    for name in ("action", "reward", "propensity"):
        parser.add_argument(f"--{name}", default=getattr(Layout, name))
    parser.add_argument("--ignore", nargs="*", default=[])
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--no-peers", action="store_true")
    given = parser.parse_args()
    if not (given.file or given.made or given.population):
        parser.error("give a file, --made or --population")
    main(given)
