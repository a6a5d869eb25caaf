"""How fast what happened is taken into the conversation graph, and how soon a person is known, among a million.

    python -m bench.graph --persons 1000000 --events 100000

The people are made by the database itself, with an address, a customer's number, a link and two things that happened each. Then events come
as from a shop: nine in ten of people who are known, one in ten with somebody or something new, most of them with two identifiers. After them come
messages alone, of 60 words each that are as common as those of a language (the n-th of 30,000 one n-th as common as the first). Beside the seconds
stand those of processors, ours and the database's, since a machine has other work. With --keep the people stay, and are copied the next time.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import random
import statistics
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import accumulate, islice
from pathlib import Path
from time import perf_counter, process_time
from typing import Any

from bench import figures
from bench.database import copied, drop, running
from remit.graph.ingest import BATCH, take, take_all
from remit.graph.people import consent_of, find, read_of
from remit.settings import Settings
from remit.store.store import Store, open_store

Json = Any
TICK = os.sysconf("SC_CLK_TCK")


async def main(args: argparse.Namespace) -> None:
    name = f"bench_graph_{args.persons}"

    def settings(url: str) -> Settings:
        return Settings(database_url=url, data_dir=figures.SCRATCH)

    async def made(url: str) -> None:
        async with open_store(settings(url)) as store:
            await people(store, args.persons)

    async with running(args.database) as address:
        url = await copied(address, name, made)
        try:
            async with open_store(settings(url)) as store:
                measured = await measure(store, args)
        finally:
            await drop(address, f"{name}_copy")
            if not args.keep:
                await drop(address, name)
    rows = [{"what": name, "measured": value} for name, value in measured.items()]
    figures.show(args.json, "graph", figures.machine(), rows)


async def measure(root: Store, args: argparse.Namespace) -> dict[str, Any]:
    found: dict[str, Any] = {"persons": args.persons}
    chance, store = random.Random(7), root.within("default")
    found |= await looked_up(store, chance, args.persons)
    for what, rows, count in (
        ("events", happened(chance, args.persons, args.events + BATCH), args.events),
        ("messages", iter(list(said(chance, args.persons, args.messages + BATCH))), args.messages),
    ):
        if count:
            await take(store, list(islice(rows, BATCH)), "bench")  # plans and caches are warm
            found |= await took(store, what, rows)
    return found


async def took(store: Store, what: str, rows: Iterator[tuple[int, Json]]) -> dict[str, Any]:
    begun, cpu, server = perf_counter(), process_time(), await database_seconds(store)
    count = 0
    async for taken in take_all(store, rows, "bench"):
        count += taken.new
    wall, ours, theirs = perf_counter() - begun, process_time() - cpu, await database_seconds(store) - server
    return {
        what: count,
        f"{what} a second": round(count / wall),
        f"processor seconds of 5,000 {what}, ours": round(5_000 * ours / count, 2),
        f"processor seconds of 5,000 {what}, database": round(5_000 * theirs / count, 2),
    }


async def people(store: Store, persons: int) -> None:
    """Persons n: profiles 2n - 1 (an address) and 2n (a customer's number)."""
    async with store.pool.connection() as connection:
        for query in (
            "insert into graph_profiles (id, workspace, kind, value, person, verified) select 2 * n - 1 + k, 'default', "
            "case k when 0 then 'email' else 'customer' end, case k when 0 then 'p' || n || '@x.example' else 'C' || n end, 2 * n - 1, true "
            "from generate_series(1, %(n)s) as n, generate_series(0, 1) as k",
            "select setval('graph_profiles_id_seq', 2 * %(n)s)",
            "insert into graph_links (workspace, a, b, how, confidence, source, event, at, last_at) select 'default', 2 * n - 1, 2 * n, "
            "'verified', 0.99, 'crm', 'r' || n, now() - interval '1 year', now() - interval '1 year' from generate_series(1, %(n)s) as n",
            "insert into graph_interactions (workspace, source, event, profile, at, channel, direction, kind) select 'default', 'old', "
            "'o' || n || k, 2 * n - 1, now() - make_interval(days => 1 + (n * 31 %% 300)::int), 'web', 'in', 'visit' "
            "from generate_series(1, %(n)s) as n, generate_series(0, 1) as k",
            "insert into graph_state (workspace, profile, channel, direction, kind, currency, count, total, first, last, before, brief, "
            "lasting, worth) select workspace, profile, channel, direction, kind, '', 2, 0, max(at), max(at), max(at), 2, 2, 0 "
            "from graph_interactions group by 1, 2, 3, 4, 5",
            "analyze graph_profiles", "analyze graph_links", "analyze graph_interactions", "analyze graph_state",
        ):  # fmt: skip
            await connection.execute(query.encode(), {"n": persons} if "%(n)s" in query else None)


async def looked_up(store: Store, chance: random.Random, persons: int) -> dict[str, Any]:
    """Milliseconds of a lookup by address with the person's state and consent, after the first few."""
    taken: list[float] = []
    now = datetime.now(UTC)
    for turn in range(350):
        began = perf_counter()
        person = await find(store, f"p{chance.randint(1, persons)}@x.example")
        await read_of(store, person, now)
        await consent_of(store, person)
        if turn >= 50:
            taken.append(1000 * (perf_counter() - began))
    return {
        "ms of a lookup with state and consent, median": round(statistics.median(taken), 2),
        "ms of it, 95 of 100": round(sorted(taken)[int(0.95 * len(taken))], 2),
    }


def happened(chance: random.Random, persons: int, events: int) -> Iterator[tuple[int, Json]]:
    now = datetime.now(UTC)
    for n in range(events):
        who = chance.randint(1, persons) if chance.random() < 0.9 else persons + n
        row: Json = {
            "id": f"e{n}", "at": (now - timedelta(seconds=chance.randrange(10**7))).isoformat(),
            "kind": chance.choice(["page_view", "page_view", "open", "click", "purchase"]), "channel": chance.choice(["web", "email"]),
            "email": f"p{who}@x.example", "properties": {"page": "/pricing", "campaign": "autumn"},
        }  # fmt: skip
        if row["kind"] == "purchase":
            row |= {"customer": f"C{who}", "verified": ["email"], "value": "12.50", "currency": "EUR"}
        elif chance.random() < 0.5:
            row["device"] = f"d{who}-{chance.randrange(2)}"
        yield n, row


def said(chance: random.Random, persons: int, messages: int) -> Iterator[tuple[int, Json]]:
    now = datetime.now(UTC)
    common = list(accumulate(1 / n for n in range(1, 30_001)))
    for n in range(messages):
        words = chance.choices(range(30_000), cum_weights=common, k=60)
        yield n, {
            "id": f"m{n}", "at": (now - timedelta(seconds=chance.randrange(10**7))).isoformat(), "kind": "message",
            "channel": "email", "email": f"p{chance.randint(1, persons)}@x.example", "text": " ".join(f"w{word}" for word in words),
        }  # fmt: skip


async def database_seconds(store: Store) -> float:
    """Processor seconds that the database's own processes have used by now."""
    async with store.pool.connection() as connection:
        rows = await (await connection.execute("select pid from pg_stat_activity")).fetchall()
    used = 0
    for (pid,) in rows:
        stat = Path(f"/proc/{pid}/stat")
        if stat.exists():
            used += sum(map(int, stat.read_text().rpartition(")")[2].split()[11:13]))
    return used / TICK


if __name__ == "__main__":
    parser = figures.arguments(__doc__ or "")
    parser.add_argument("--persons", type=int, default=1_000_000)
    parser.add_argument("--events", type=int, default=100_000)
    parser.add_argument("--messages", type=int, default=15_000)
    parser.add_argument(
        "--keep", action="store_true", help="keep the people that were made, for the next time"
    )
    parser.add_argument("--database", help="URL of a PostgreSQL server; the embedded one where not given")
    asyncio.run(main(parser.parse_args()))
