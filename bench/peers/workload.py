"""The run that every side makes: a scripted model that calls one tool `steps` times and then answers.

Standard library only: it is imported in the peers' own virtual environments. 11 model calls and 10 tool
calls at the default; a tool's result is a record of about `size` bytes of JSON, the same for all sides.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import os
import random
import statistics
import time
from collections.abc import Awaitable, Callable
from functools import cache
from pathlib import Path
from typing import Any

STEPS = 10
SIZE = 250  # bytes of a tool's result: a short order
GOAL = "Look up each of the customer's orders and say which of them are late."
INSTRUCTIONS = (
    "You help the clerks of a shop. Look up what you need, one order at a time, then answer in a sentence."
)
TOOL = "look_up_order"
TOOL_DOC = "An order of the shop: its items, its state and when it is due."
REPORT = "Orders 3 and 7 are late; the other eight are on their way and due within the week."


def order_of(step: int) -> str:
    return f"W{1000000 + step}"


def thought(step: int) -> str:
    return f"Order {order_of(step)} is the next one that I have not seen; I look it up."


def record(order: str, size: int = SIZE) -> dict[str, Any]:
    """What the tool returns: an order of `size` bytes of JSON or a little more, the same each time. Its ids and
    prices differ as real ones do, so that no side's storage gains by compressing a repeated text."""
    found: dict[str, Any] = json.loads(_record(order, size))
    return found


@cache
def _record(order: str, size: int) -> str:
    dice = random.Random(order)
    items: list[dict[str, Any]] = []
    known = {"order": order, "state": "shipped", "due": "2026-11-28", "items": items}
    length = len(json.dumps(known))
    while not items or length < size:
        item = {
            "name": dice.choice(["Desk Lamp", "Water Bottle", "Hiking Boots", "Action Camera", "Puzzle"]),
            "item": str(dice.randrange(10**9, 10**10)),
            "price": dice.randrange(999, 99999) / 100,
            "colour": dice.choice(["black", "white", "sage green", "navy"]),
        }
        length += len(json.dumps(item)) + 2
        items.append(item)
    return json.dumps(known)


def options(description: str) -> argparse.ArgumentParser:
    """The options that each peer's script has."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("dsn", help="an empty PostgreSQL database")
    parser.add_argument("--steps", type=int, default=STEPS, help="tool calls a run")
    parser.add_argument("--size", type=int, default=SIZE, help="bytes of a tool's result")
    parser.add_argument("--alone", type=int, default=20, help="runs made one after the other")
    parser.add_argument("--at-once", type=int, default=200, help="runs made at the same time")
    parser.add_argument("--pool", type=int, default=20, help="database connections")
    parser.add_argument("--warm", type=int, default=3, help="runs before the clock starts")
    parser.add_argument(
        "--levels",
        type=int,
        nargs="+",
        default=[],
        help="measure so many runs at once instead, one after the other",
    )
    parser.add_argument("--each", type=int, default=2, help="with --levels: runs that each of them makes")
    parser.add_argument(
        "--server", type=int, default=0, help="with --levels: process number of the database server"
    )
    return parser


async def measure(
    run: Callable[[], Awaitable[None]], size_of: Callable[[], Awaitable[int]], args: argparse.Namespace
) -> dict[str, Any]:
    """Time `run` alone and many at once. `size_of()` is the database's bytes now.

    Returns ms_alone (median), ms_alone_all, runs_per_s, bytes_per_run; or with --levels what `level` returns, a
    list of them as `levels`.
    """
    for _ in range(args.warm):  # connections, prepared statements and caches are warm before the clock starts
        await run()
    if args.levels:
        return {"levels": [await level(run, at_once, args) for at_once in args.levels]}
    alone, at_once = args.alone, args.at_once
    before = await size_of()
    times = []
    for _ in range(alone):
        start = time.perf_counter()
        await run()
        times.append(1000 * (time.perf_counter() - start))
    start = time.perf_counter()
    await asyncio.gather(*(run() for _ in range(at_once)))
    wall = time.perf_counter() - start
    after = await size_of()
    return {
        "ms_alone": round(statistics.median(times), 2) if times else None,
        "ms_alone_all": [round(one, 2) for one in times],
        "runs_per_s": round(at_once / wall, 2) if at_once else None,
        "bytes_per_run": round((after - before) / max(1, alone + at_once)),
    }


async def level(run: Callable[[], Awaitable[None]], at_once: int, args: argparse.Namespace) -> dict[str, Any]:
    """`at_once` runs at the same time, again and again: steps (a model call or a tool call each) a second, CPU
    microseconds a step of this process and of the database server, and each run's milliseconds."""
    each = args.each if at_once >= 50 else max(args.each, -(-100 // at_once))
    times: list[float] = []

    async def lane() -> None:
        for _ in range(each):
            began = time.perf_counter()
            await run()
            times.append(1000 * (time.perf_counter() - began))

    gc.collect()
    server, own, began = cpu_of(args.server), time.process_time(), time.perf_counter()
    await asyncio.gather(*(lane() for _ in range(at_once)))
    wall, own = time.perf_counter() - began, time.process_time() - own
    steps = at_once * each * (2 * args.steps + 1)
    times.sort()
    return {
        "at_once": at_once,
        "runs": len(times),
        "steps_per_s": round(steps / wall),
        "cpu_us": round(1e6 * own / steps, 1),
        "server_us": round(1e6 * (cpu_of(args.server) - server) / steps, 1) if args.server else None,
        "p50_ms": round(times[len(times) // 2], 1),
        "p95_ms": round(times[int(0.95 * (len(times) - 1))], 1),
    }


def cpu_of(server: int) -> float:
    """CPU seconds that the database server has used so far, its ended processes included; 0.0 where unknown."""
    ticks = 0
    for stat in Path("/proc").glob("[0-9]*/stat") if server else ():
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:  # it ended meanwhile
            continue
        if int(stat.parent.name) == server:
            ticks += sum(map(int, fields[11:15]))  # with those of its children that were reaped
        elif int(fields[1]) == server:
            ticks += sum(map(int, fields[11:13]))
    return ticks / os.sysconf("SC_CLK_TCK")


SIZE_SQL = """
    SELECT coalesce(sum(pg_total_relation_size(c.oid)), 0)::bigint
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE c.relkind IN ('r', 'p', 'm') AND n.nspname NOT IN ('pg_catalog', 'information_schema')
"""
