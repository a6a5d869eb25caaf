"""Appends a second to the journal, each durable before the next of its run: one run, and many at once.

Beside it, on the same server and disk: plain INSERTs of the same rows with psycopg, one commit each, on one
connection and on as many as Remit's pool has.
"""

from __future__ import annotations

import asyncio
import statistics
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

from psycopg_pool import AsyncConnectionPool

from bench import figures
from bench.database import Address, drop, fresh, running
from remit.journal.body import encode
from remit.journal.events import Acted, AnyBody, Started
from remit.journal.journal import Journal
from remit.settings import Settings
from remit.store.store import open_store

Step = Callable[[UUID, int], Awaitable[None]]  # append event `seq` of a run, durable when it returns

TABLE = """
    CREATE TABLE IF NOT EXISTS plain (
        run uuid, seq int, at timestamptz NOT NULL, type text NOT NULL, body json NOT NULL, PRIMARY KEY (run, seq)
    )
"""
INSERT = "INSERT INTO plain (run, seq, at, type, body) VALUES (%s, %s, %s, %s, %s)"


def event(size: int) -> AnyBody:
    """A tool's result whose row has about `size` bytes of JSON."""
    result = {"order": "W1000001", "note": "left the depot on time; " * (size // 24)}
    return Acted(call_id="call_1", tool="look_up_order", result=result)


async def rate(step: Step, runs: int, events: int) -> float:
    """Events a second: `runs` at once, each appending `events` one after the other, from sequence 2."""

    async def one() -> None:
        run = uuid4()
        for seq in range(1, events + 1):
            await step(run, seq)

    start = time.perf_counter()
    await asyncio.gather(*(one() for _ in range(runs)))
    return runs * events / (time.perf_counter() - start)


async def remit_side(url: str, args: Any) -> dict[str, list[float]]:
    async with open_store(Settings(database_url=url, pool_size=args.pool)) as store:
        journal = Journal(store)
        started = Started(goal="a bench", agent="bench", spec={})
        body = event(args.size)

        async def step(run: UUID, seq: int) -> None:
            await journal.append(run, seq - 1, [started if seq == 1 else body])

        try:
            return await _rates(step, args)
        finally:
            await journal.close()


async def plain_side(url: str, args: Any, connections: int) -> dict[str, list[float]]:
    async with AsyncConnectionPool(
        url, min_size=connections, max_size=connections, kwargs={"autocommit": True}, timeout=600
    ) as pool:
        async with pool.connection() as connection:
            await connection.execute(TABLE)
        body = encode(event(args.size))

        async def step(run: UUID, seq: int) -> None:
            async with pool.connection() as connection:
                await connection.execute(INSERT, (run, seq, datetime.now(UTC), "acted", body), prepare=True)

        return await _rates(step, args)


async def _rates(step: Step, args: Any) -> dict[str, list[float]]:
    await rate(step, args.runs, 2)  # warm
    found: dict[str, list[float]] = {"alone": [], "at once": []}
    for _ in range(args.rounds):
        found["alone"].append(await rate(step, 1, args.alone))
        found["at once"].append(await rate(step, args.runs, args.each))
    return found


async def bench(args: Any) -> list[dict[str, Any]]:
    async with running(args.database_url) as address:
        sides: dict[str, dict[str, list[float]]] = {}
        async with _database(address) as url:
            sides["Remit's journal"] = await remit_side(url, args)
        async with _database(address) as url:
            sides["INSERT and commit, 1 connection"] = await plain_side(url, args, 1)
        async with _database(address) as url:
            sides[f"INSERT and commit, {args.pool} connections"] = await plain_side(url, args, args.pool)
    return [
        {
            "side": side,
            "events/s, one run": round(statistics.median(found["alone"])),
            f"events/s, {args.runs} runs": round(statistics.median(found["at once"])),
            "best, one run": round(max(found["alone"])),
            f"best, {args.runs} runs": round(max(found["at once"])),
        }
        for side, found in sides.items()
    ]


class _database:
    """A fresh database for one side, dropped after it."""

    def __init__(self, address: Address) -> None:
        self.address = address

    async def __aenter__(self) -> str:
        return await fresh(self.address, "bench_journal")

    async def __aexit__(self, *_: object) -> None:
        await drop(self.address, "bench_journal")


def main() -> None:
    parser = figures.arguments(__doc__ or "")
    parser.add_argument("--runs", type=int, default=500, help="runs at once")
    parser.add_argument("--each", type=int, default=40, help="events of each of these")
    parser.add_argument("--alone", type=int, default=3000, help="events of the run alone")
    parser.add_argument("--size", type=int, default=2000, help="bytes of an event")
    parser.add_argument("--pool", type=int, default=8, help="connections")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--database-url", help="your own server instead of the embedded one")
    args = parser.parse_args()
    around = figures.machine()
    rows = asyncio.run(bench(args))
    figures.show(args.json, f"journal: {args.size}-byte events, synchronous_commit=on", around, rows)


if __name__ == "__main__":
    main()
