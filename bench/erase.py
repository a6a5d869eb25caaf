"""How long it takes to erase somebody among a million people.

    python -m bench.erase --persons 1000000 --runs 20000

The people are made as in bench.graph; one message in four has words, one in a thousand of these names somebody else's address. Runs are
ended ones of some thirty events, half of them archived, each for somebody. Then a few people are erased, each with all steps: what is
theirs, everything that names them in any table, journals, archives, files, and the receipt. Beside the seconds stand those of
processors, since a machine has other work. With --keep what was made stays, and is copied the next time.
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import tempfile
from pathlib import Path
from time import perf_counter, process_time
from typing import Any
from uuid import UUID

from bench import figures
from bench.database import copied, drop, running
from bench.graph import database_seconds, people
from remit.age import parse_age
from remit.graph.people import find
from remit.journal.due import Policy
from remit.journal.retain import retain
from remit.privacy.erase import begin, foreseen, go_on
from remit.settings import Settings
from remit.store.store import Store, open_store

EVENTS = 30  # of a run


async def main(args: argparse.Namespace) -> None:
    name = f"bench_erase_{args.persons}_{args.runs}"
    with tempfile.TemporaryDirectory() as folder:

        def settings(url: str) -> Settings:
            return Settings(database_url=url, data_dir=Path(folder))

        async def made(url: str) -> None:
            async with open_store(settings(url)) as store:
                await town(store, args.persons, args.runs)

        async with running(args.database) as address:
            url = await copied(address, name, made)
            try:
                async with open_store(settings(url)) as store:
                    measured = await measure(store, args.persons, args.runs, args.erased)
            finally:
                await drop(address, f"{name}_copy")
                if not args.keep:
                    await drop(address, name)
    rows = [{"what": name, "measured": value} for name, value in measured.items()]
    figures.show(args.json, "erase", figures.machine(), rows)


async def town(store: Store, persons: int, runs: int) -> None:
    await people(store, persons)
    await words(store, persons)
    await ran(store, persons, runs)
    async with store.pool.connection() as connection:
        await connection.execute("vacuum analyze")


async def measure(store: Store, persons: int, runs: int, erased: int) -> dict[str, Any]:
    found: dict[str, Any] = {
        "persons": persons,
        "interactions": 2 * persons,
        "runs, half of them archived": runs,
    }
    taken, ours, theirs = [], [], []
    for n in range(1, erased + 1):
        person = await find(store, f"p{n * 7}@x.example")
        began, cpu, server = perf_counter(), process_time(), await database_seconds(store)
        done = await go_on(store, await begin(store, person, "bench", "asked"), nobody)
        assert done.done_at is not None, done.why
        taken.append(perf_counter() - began)
        ours.append(process_time() - cpu)
        theirs.append(await database_seconds(store) - server)
    began = perf_counter()
    await foreseen(store, await find(store, f"p{persons - 1}@x.example"))
    return found | {
        "seconds to erase one, median": round(statistics.median(taken), 2),
        "seconds, the worst": round(max(taken), 2),
        "processor seconds of one, ours": round(statistics.median(ours), 2),
        "processor seconds of one, database": round(statistics.median(theirs), 2),
        "seconds to say what would go": round(perf_counter() - began, 2),
    }


async def words(store: Store, persons: int) -> None:
    async with store.pool.connection() as connection:
        for query in (
            "update graph_interactions set kind = 'message', subject = 'Order ' || id, body = repeat('When will it come? I have waited a week. ', 4) "
            "|| case when id % 4000 = 0 then 'Ask p' || id % 1000 || '@x.example.' else '' end where id % 4 = 0",
            "vacuum analyze graph_interactions",
        ):
            await connection.execute(query.encode())


async def ran(store: Store, persons: int, runs: int) -> None:
    """Ended runs, as `retain` archives them."""
    made = (
        "insert into runs (id, workspace, agent, goal, person, status, created_at, updated_at, seq) "
        "select md5('run' || n)::uuid, 'default', 'clerk', 'Answer', 'p' || n || '@x.example', 'met', now() - interval '9 days', "
        "now() - case n %% 2 when 0 then interval '9 days' else interval '1 hour' end, %(e)s from generate_series(1, %(n)s) as n",
        "insert into events (run, seq, at, type, body) select md5('run' || n)::uuid, s, now() - interval '9 days', "
        "case s when 1 then 'started' when %(e)s then 'finished' else 'acted' end, case s "
        "when 1 then json_build_object('goal', 'Answer', 'agent', 'clerk', 'spec', '{}'::json, 'person', json_build_object('id', 'p' || n || '@x.example')) "
        "when %(e)s then json_build_object('status', 'met', 'report', 'done') "
        "else json_build_object('call_id', s::text, 'tool', 'look', 'result', repeat('A line of an order, with a price. ', 10)) end "
        "from generate_series(1, %(n)s) as n, generate_series(1, %(e)s) as s",
    )
    async with store.pool.connection() as connection:
        for query in made:
            await connection.execute(query.encode(), {"n": runs, "e": EVENTS})
    await retain(store, Policy(parse_age("1d"), None))


async def nobody(run: UUID, by: str, why: str) -> None:
    raise AssertionError("no run is open")


if __name__ == "__main__":
    parser = figures.arguments(__doc__ or "")
    parser.add_argument("--persons", type=int, default=1_000_000)
    parser.add_argument("--runs", type=int, default=20_000)
    parser.add_argument("--erased", type=int, default=3)
    parser.add_argument("--keep", action="store_true", help="keep what was made, for the next time")
    parser.add_argument("--database", help="URL of a PostgreSQL server; the embedded one where not given")
    asyncio.run(main(parser.parse_args()))
