"""How soon the next action of one person is known, and of everybody, read from a database and kept in it.

    python -m bench.next --persons 1000000

Two thirds of the people have said yes to being written to; a version has learned from 2,000 decisions, so that context is looked at. Beside the seconds
stand those of processors, ours and the database's, since a machine has other work.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import statistics
from datetime import UTC, datetime
from time import perf_counter, process_time
from typing import Any

import numpy as np

from bench import figures
from bench.database import drop, fresh, running
from bench.graph import database_seconds, people
from remit.decisions.choose import actions_of
from remit.decisions.deciding import look
from remit.decisions.featured import columns, known_of
from remit.decisions.kept import Version, put, save
from remit.decisions.learn import Learner
from remit.decisions.packed import pack
from remit.decisions.rounds import begin, go_on
from remit.decisions.stage import Shown
from remit.playbook import playbook_of
from remit.settings import Settings
from remit.store.store import Store, open_store

TEXT = """
actions:
- {name: pricing-mail, does: send, channel: email, goal: sales, cost: 0.01, cool_down: 14}
- {name: news-mail, does: send, channel: email, goal: sales, cost: 0.01}
- {name: sales-call, does: call, channel: phone, goal: sales, cost: 6, capacity: {count: 500, days: 1}}
goals: {sales: {counts: [{kind: purchase, currency: EUR}]}}
rules:
  quiet: [{start: "03:00", end: "03:30"}]
  caps: [{name: week, count: 2, days: 7}]
  zone: Europe/Berlin
"""


async def main(args: argparse.Namespace) -> None:
    async with running(args.database) as address:
        url = await fresh(address, "bench_next")
        try:
            async with open_store(Settings(database_url=url, data_dir=figures.SCRATCH)) as store:
                measured = await measure(store, args.persons)
        finally:
            await drop(address, "bench_next")
    rows = [{"what": name, "measured": value} for name, value in measured.items()]
    figures.show(args.json, "next", figures.machine(), rows)


async def measure(root: Store, persons: int) -> dict[str, Any]:
    await people(root, persons)
    await agreed(root, persons)
    store = root.within("default")
    one = await playbook(store)
    await taught(root, one, persons)
    found: dict[str, Any] = {"persons": persons} | await for_one(store, persons)
    begun, cpu, server = perf_counter(), process_time(), await database_seconds(root)
    going = await begin(store, "bench", "bench")
    while going.done_at is None:
        going = await go_on(store, going.id)
    wall, ours, theirs = perf_counter() - begun, process_time() - cpu, await database_seconds(root) - server
    return found | {
        "decisions": going.made,
        "seconds for everybody": round(wall, 1),
        "processor seconds, ours": round(ours, 1),
        "processor seconds, database": round(theirs, 1),
    }


async def agreed(store: Store, persons: int) -> None:
    """Two thirds said yes to mail, and bought something once."""
    async with store.pool.connection() as connection:
        for query in (
            "insert into graph_interactions (workspace, source, event, profile, at, channel, direction, kind, properties) select 'default', 'bench', "
            "'c' || n, 2 * n - 1, now() - interval '100 days', 'web', 'in', 'consent_given', '{\"purpose\": \"marketing\", \"channel\": \"email\"}' "
            "from generate_series(1, %(n)s) as n where n %% 3 > 0",
            "insert into graph_state (workspace, profile, channel, direction, kind, currency, count, total, first, last, before, brief, lasting, worth) "
            "select 'default', 2 * n, 'store', 'in', 'purchase', 'EUR', 1, 20, now() - make_interval(days => (n %% 400)::int), "
            "now() - make_interval(days => (n %% 400)::int), null, 1, 1, 20 from generate_series(1, %(n)s) as n where n %% 3 > 0",
            "analyze graph_interactions", "analyze graph_state",
        ):  # fmt: skip
            await connection.execute(query.encode(), {"n": persons} if "%(n)s" in query else None)


async def playbook(store: Store) -> Version:
    one = await save(store, "bench", TEXT, playbook_of(TEXT), "", "bench")
    for stage in ("ramp", "live"):
        one = await put(store, one, "ramp" if stage == "ramp" else "live", "bench", Shown(), 0.5, "a bench")
    return one


async def taught(store: Store, one: Version, persons: int) -> None:
    """The version has learned from decisions for some of these people, of which by chance something came."""
    chance, actions = np.random.default_rng(1), actions_of(one.book)
    async with store.pool.connection() as connection:
        some = [2 * int(n) - 1 for n in chance.integers(1, persons + 1, 2_000)]
        known = await known_of(connection, store.workspace, some, datetime.now(UTC))
        rows = columns([known[person] for person in some])
        taken = chance.integers(0, len(actions), len(some))
        learner = Learner(np.array([action.cost for action in actions]))
        for start in range(0, len(some), 200):
            part = np.arange(start, start + 200)
            reward = chance.normal(5, 10, 200) * (taken[part] < 2)
            learner.told(
                [column.at(part) for column in rows], taken[part], reward, np.full(200, 1 / len(actions))
            )
        query = "insert into playbook_learned (workspace, playbook, version, told, trust, state) values (%s, %s, %s, %s, %s, %s)"
        values = (store.workspace, one.playbook, one.version, len(some), learner.policy.trust, pack(learner))
        await connection.execute(query, values)


async def for_one(store: Store, persons: int) -> dict[str, Any]:
    """Milliseconds, after the first few."""
    chance, taken = random.Random(3), []
    for turn in range(250):
        began, cpu = perf_counter(), process_time()
        await look(store, "bench", 2 * chance.randint(1, persons) - 1, datetime.now(UTC))
        if turn >= 50:
            taken.append((1000 * (perf_counter() - began), 1000 * (process_time() - cpu)))
    walls, cpus = (sorted(each) for each in zip(*taken, strict=True))
    return {
        "ms for one, median": round(statistics.median(walls), 2),
        "ms for one, 95 of 100": round(walls[int(0.95 * len(walls))], 2),
        "ms of our processor for one, median": round(statistics.median(cpus), 2),
    }


if __name__ == "__main__":
    parser = figures.arguments(__doc__ or "")
    parser.add_argument("--persons", type=int, default=1_000_000)
    parser.add_argument("--database", help="URL of a PostgreSQL server; the embedded one where not given")
    asyncio.run(main(parser.parse_args()))
