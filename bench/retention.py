"""What archiving saves, and how fast it goes: runs of some 40 events about the orders of a real shop's data.

Bytes are of tables with their indexes and TOAST, packed (VACUUM FULL) before and after, so that free space counts on
neither side. Starts are measured with and without the trigger by which a sweep learns what appends count on.
"""

from __future__ import annotations

import asyncio
import gzip
import json
import random
import statistics
import time
from collections.abc import Awaitable, Callable
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

from bench import figures
from bench.database import drop, fresh, running
from remit import library
from remit.agents.load import load_agent
from remit.journal.due import Policy
from remit.journal.events import (
    Acted,
    Answered,
    AnyBody,
    Call,
    Checked,
    Finished,
    Intended,
    Judged,
    Person,
    Started,
)
from remit.journal.journal import Journal
from remit.journal.retain import retain
from remit.journal.sweep import sweep
from remit.settings import Settings
from remit.store.store import Store, open_store

SUPPORT = Path(library.__file__).parent / "support"
SIZE = "select coalesce(sum(pg_total_relation_size(t::regclass)), 0) from unnest(%s::text[]) t"
TABLES = ["events", "blobs", "archives"]


def journals(seed: int) -> Callable[[], list[AnyBody]]:
    """Makes journals of a support agent's runs; each is another, the same for the same seed."""
    shop = json.loads(gzip.decompress((SUPPORT / "data" / "shop.json.gz").read_bytes()))
    mails = [path.read_text() for path in sorted((SUPPORT / "emails").glob("*.eml"))]
    spec = load_agent(library.agents()["support"]).model_dump(
        mode="json", by_alias=True, exclude_defaults=True
    )
    dice = random.Random(seed)
    kinds = {name: list(shop[name].items()) for name in ("orders", "products", "users")}

    def make() -> list[AnyBody]:
        person, _ = dice.choice(kinds["users"])
        bodies: list[AnyBody] = [
            Started(
                goal=dice.choice(mails), agent="support", spec=spec, person=Person(id=person, verified=True)
            )
        ]
        for number in range(1, 14):
            bodies += step(dice, f"{number}.1", *dice.choice(kinds[dice.choice(list(kinds))]))
        done = f"Looked at {len(bodies) // 3} things and returned what was asked for."
        return [
            *bodies,
            Checked(check="policy", verdict="met", detail=done),
            Finished(status="met", report=done),
        ]

    return make


def step(dice: random.Random, call: str, key: str, value: Any) -> list[AnyBody]:
    """An answer with a call, its verdict, one time in four an effect, and its outcome."""
    writes = dice.random() < 0.25
    tool = "shop_return_items" if writes else "shop_look_up"
    effect: Any = "destroy" if writes else "read"
    answered = Answered(
        model="anthropic:claude-sonnet-4-6",
        text=f"I will look at {key} first, to see whether it can be returned." if dice.random() < 0.5 else "",
        calls=[Call(id=call, tool=tool, args={"id": key, "reason": "not needed any more"})],
        input_tokens=dice.randrange(2000, 9000),
        output_tokens=dice.randrange(30, 200),
        cost=Decimal(dice.randrange(10**5)) / 10**7,
        seconds=dice.random() * 3,
    )
    digest = f"{dice.getrandbits(256):064x}"
    rule = "order.customer == run.person.id" if writes else "reads of the own shop"
    judged = Judged(call_id=call, tool=tool, effect=effect, decision="allow", rule=rule, digest=digest)
    intended = [Intended(call_id=call, key=f"{dice.getrandbits(128):032x}")] if writes else []
    result = {"id": key, "status": "return requested"} if writes else value
    acted = Acted(call_id=call, tool=tool, effect=effect, result=result, integrity="system", source="shop")
    return [answered, judged, *intended, acted]


async def write(store: Store, runs: int, make: Callable[[], list[AnyBody]]) -> list[UUID]:
    ids = [uuid4() for _ in range(runs)]
    journal = Journal(store)
    for some in range(0, runs, 50):
        await asyncio.gather(*(journal.append(run, 0, make()) for run in ids[some : some + 50]))
    await journal.close()
    return ids


async def starts(store: Store, count: int) -> float:
    """Starts of runs a second, one after the other: each inserts a blob that is there already."""
    journal, began = Journal(store), time.perf_counter()
    for _ in range(count):
        await journal.append(uuid4(), 0, [Started(goal="g", agent="start", spec={"name": "start"})])
    await journal.close()
    return count / (time.perf_counter() - began)


async def size(store: Store) -> int:
    async with store.pool.connection() as connection:
        for table in TABLES:
            await connection.execute(f"vacuum full analyze {table}")
        row = await (await connection.execute(SIZE, (TABLES,))).fetchone()
    assert row is not None
    return int(row[0])


async def timed(work: Awaitable[Any]) -> tuple[Any, float]:
    began = time.perf_counter()
    return await work, time.perf_counter() - began


async def read_ms(store: Store, ids: list[UUID]) -> float:
    journal, times = Journal(store), []
    for run in ids[:200]:
        _, seconds = await timed(journal.read(run))
        times.append(1000 * seconds)
    return statistics.median(times)


async def triggers(store: Store, verb: str) -> None:
    async with store.pool.connection() as connection:
        await connection.execute(f"alter table blobs {verb} trigger remit_blob_used")


async def bench(args: Any) -> list[dict[str, Any]]:
    async with running(args.database_url) as address:
        url = await fresh(address, "bench_retention")
        async with open_store(Settings(database_url=url)) as store:
            ids = await write(store, args.runs, journals(args.seed))
            before, read_before = await size(store), await read_ms(store, ids)
            policy = Policy(timedelta(microseconds=1), to=args.to, batch=args.batch)
            done, seconds = await timed(retain(store, policy))
            swept, sweeping = await timed(sweep(store))
            after, read_after = await size(store), await read_ms(store, ids)
            rates: dict[str, list[float]] = {"disable": [], "enable": []}
            for _ in range(args.rounds):
                for verb, found in rates.items():
                    await triggers(store, verb)
                    found.append(await starts(store, args.starts))
        await drop(address, "bench_retention")
    assert done.archived == args.runs, done
    return [
        {
            "events a run": round(done.events / done.archived, 1),
            "bytes a run before": round(before / args.runs),
            "after": round(after / args.runs),
            "in the archive": round(done.bytes_after / args.runs),
            "runs/s": round(args.runs / seconds),
            "ms to read before": round(read_before, 2),
            "after ": round(read_after, 2),
            "blobs swept": swept.blobs,
            "s to sweep": round(sweeping, 2),
            "starts/s without trigger": round(statistics.median(rates["disable"])),
            "with": round(statistics.median(rates["enable"])),
        }
    ]


def main() -> None:
    parser = figures.arguments(__doc__ or "")
    parser.add_argument("--runs", type=int, default=2000)
    parser.add_argument("--batch", type=int, default=100, help="runs a transaction")
    parser.add_argument("--to", type=Path, help="a folder for the archives instead of the database")
    parser.add_argument("--starts", type=int, default=1000, help="runs started, with the trigger and without")
    parser.add_argument("--rounds", type=int, default=3, help="of these")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--database-url", help="your own server instead of the embedded one")
    args = parser.parse_args()
    around = figures.machine()
    figures.show(args.json, f"retention: {args.runs} runs", around, [*asyncio.run(bench(args))])


if __name__ == "__main__":
    main()
