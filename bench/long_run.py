"""Whether a step's cost grows with the length of its run: 100 steps whose tool results are 20 KB each.

A step is the time from one question to the model to the next: thinking, judging, acting and journaling. Shown:
the median of the first ten steps and of the last ten, over the rounds; the last should be within 1.5 times.
"""

from __future__ import annotations

import asyncio
import statistics
import time
from itertools import pairwise
from typing import Any

from bench import figures
from bench.clerk import remit_side, scripted
from bench.database import drop, fresh, running
from remit.app import open_app
from remit.settings import Settings


async def steps_of(url: str, args: Any) -> list[list[float]]:
    """Milliseconds of each step, a list a round."""
    rounds = []
    async with open_app(Settings(database_url=url)) as app:
        for _ in range(args.rounds + 1):
            marks: list[float] = []
            model = scripted(args.steps, watch=lambda _, marks=marks: marks.append(time.perf_counter()))  # type: ignore[misc]
            await remit_side(app, model, args.steps, args.size)
            rounds.append([1000 * (b - a) for a, b in pairwise(marks)])
    return rounds[1:]  # the first warms connections and caches


async def bench(args: Any) -> list[dict[str, Any]]:
    async with running(args.database_url) as address:
        rounds = await steps_of(await fresh(address, "bench_long_run"), args)
        await drop(address, "bench_long_run")
    first = statistics.median(step for one in rounds for step in one[:10])
    last = statistics.median(step for one in rounds for step in one[-10:])
    return [
        {
            "side": "Remit",
            "steps": args.steps,
            "bytes a result": args.size,
            "ms, first ten": round(first, 2),
            "ms, last ten": round(last, 2),
            "last / first": round(last / first, 2),
        }
    ]


def main() -> None:
    parser = figures.arguments(__doc__ or "")
    parser.add_argument("--steps", type=int, default=100)
    parser.add_argument("--size", type=int, default=20_000, help="bytes of a tool's result")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--database-url", help="your own server instead of the embedded one")
    args = parser.parse_args()
    if args.steps < 20:
        parser.error("--steps must be at least 20, so that the first ten and the last ten differ")
    around = figures.machine()
    figures.show(args.json, "long run", around, asyncio.run(bench(args)))


if __name__ == "__main__":
    main()
