"""kill -9 at every boundary of a varied run: before, during and after each commit, and around each effect.

Each run meets two deaths: its first worker dies at the n-th boundary, its second one soon after it has taken over, and a
third brings it to its end. n goes up until a first worker lives to see the end.
"""

from __future__ import annotations

import asyncio
from itertools import count
from pathlib import Path

from tests.chaos.harness import Nursery, World, nursery, world
from tests.chaos.report import report
from tests.conftest import database

LANES = 4  # worlds side by side, each with a database of its own: a death is mostly waiting
EXPECTED = {
    *("before a commit", "during a commit", "after a commit", "in look"),
    *(f"{when} {tool}" for when in ("before", "after") for tool in ("pay", "ship", "mail", "refund")),
}


async def die_at(here: World, number: int) -> str:
    """One run, whose first worker dies at the boundary `number`, and whose second one soon; where the first died, or
    nothing if it lived."""
    first = await here.work(die_at=number)
    await here.start()
    over, died = asyncio.create_task(here.over()), asyncio.create_task(first.died.wait())
    await asyncio.wait({over, died}, return_when=asyncio.FIRST_COMPLETED)
    if not first.died.is_set():
        await here.kill(first)
        died.cancel()
        return ""
    second = await here.work(die_at=1 + number % 5)
    gone = asyncio.create_task(second.died.wait())
    await asyncio.wait({over, gone}, return_when=asyncio.FIRST_COMPLETED)
    third = await here.work()
    await over
    gone.cancel()
    await here.kill(second)
    await here.kill(third)
    return first.boundary


async def lane(url: str, folder: Path, shared: Nursery, first: int) -> tuple[set[str], World]:
    places: set[str] = set()
    async with world(url, folder, shared=shared, env={"REMIT_LEASE_TTL": "0.6"}) as here:
        for number in count(first, LANES):
            where = await die_at(here, number)
            if not where:
                break
            places.add(where)
        here.tally = await here.examine()
    return places, here


async def test_a_run_whose_worker_dies_at_any_boundary_ends_as_if_nobody_had_died(
    postgres: str, template: str, tmp_path: Path
) -> None:
    async with nursery(tmp_path / "workers.log") as shared:

        async def one(number: int) -> tuple[set[str], World]:
            async with database(postgres, template) as url:
                return await lane(url, tmp_path / f"lane-{number}", shared, number + 1)

        lanes = await asyncio.gather(*(one(number) for number in range(LANES)))
    kills = sum(worker.killed_at is not None for worker in shared.workers.values())
    report("every boundary", [here.tally for _, here in lanes], kills=kills, take_overs=shared.take_overs)
    assert [words for _, here in lanes for words in here.tally.violations] == []
    places = set().union(*(places for places, _ in lanes))
    assert places >= EXPECTED
