"""kill -9 at every boundary of a varied run (at every eighth in the short form): before, during and after each commit, and around each effect.

The first worker of a run dies at its n-th boundary, sometimes the second one soon after it has taken over, and the last
brings the run to its end. n goes up until a first worker lives to see the end.
"""

from __future__ import annotations

import asyncio
import os
from itertools import count
from pathlib import Path

from tests.chaos.harness import Nursery, World, nursery, world
from tests.chaos.report import report
from tests.conftest import database

LANES = 8  # worlds side by side, each with a database of its own: a death is mostly waiting
LONG = bool(os.environ.get("REMIT_CHAOS_LONG"))
AGAIN = 1 if LONG else 4  # every which second worker dies too
EACH = 1 if LONG else 8  # every which boundary is died at; each kind of them always is
EXPECTED = {
    *("before a commit", "during a commit", "after a commit", "in look"),
    *(f"{when} {tool}" for when in ("before", "after") for tool in ("pay", "ship", "mail", "refund")),
}


async def die_at(here: World, number: int, place: str = "") -> str:
    """One run, whose first worker dies at the boundary `number` (or the first called `place`), and whose second one soon;
    where the first died, or nothing if it lived."""
    first = await here.work(die_at=number, die_in=place)
    await here.start()
    over, died = asyncio.create_task(here.over()), asyncio.create_task(first.died.wait())
    await asyncio.wait({over, died}, return_when=asyncio.FIRST_COMPLETED)
    if not first.died.is_set():
        await here.kill(first)
        died.cancel()
        return ""
    crew = [await here.work(die_at=1 + number % 7 if number % AGAIN == 0 else 0)]
    gone = asyncio.create_task(crew[0].died.wait())
    await asyncio.wait({over, gone}, return_when=asyncio.FIRST_COMPLETED)
    if gone.done():
        crew.append(await here.work())
    gone.cancel()
    await over
    for worker in crew:
        await here.kill(worker)
    return first.boundary


async def lane(url: str, folder: Path, shared: Nursery, first: int) -> tuple[set[str], World]:
    places: set[str] = set()
    async with world(url, folder, shared=shared, env={"REMIT_LEASE_TTL": "0.6"}) as here:
        for number in count(first, EACH * LANES):
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
                return await lane(url, tmp_path / f"lane-{number}", shared, EACH * number + 1)

        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(one(number)) for number in range(LANES)]
    lanes = [task.result() for task in tasks]
    kills = sum(worker.killed_at is not None for worker in shared.workers.values())
    report("every boundary", [here.tally for _, here in lanes], kills=kills, take_overs=shared.take_overs)
    assert not (wrong := "\n".join(here.tally.wrong for _, here in lanes).strip()), wrong
    places = set().union(*(places for places, _ in lanes))
    # What is done side by side comes in another order each time, so that counting may step over a place
    async with (
        database(postgres, template) as url,
        world(url, tmp_path / "missed", env={"REMIT_LEASE_TTL": "0.6"}) as here,
    ):
        for place in sorted(EXPECTED - places):
            assert await die_at(here, 0, place) == place
        assert not (wrong := (await here.examine()).wrong), wrong


async def test_an_undo_whose_process_dies_at_any_boundary_happens_once_or_was_never_begun(
    database_url: str, tmp_path: Path
) -> None:
    places: list[str] = []
    async with world(database_url, tmp_path, first=("key",), env={"REMIT_LEASE_TTL": "0.6"}) as here:
        for number in count(1):
            worker = await here.work()
            (run,) = await here.start()
            await here.over()
            await here.kill(worker)
            undoing = await here.work(die_at=number, undo=[str(run), "1.1"])
            await undoing.died.wait()
            places.append(undoing.boundary)
            if not undoing.boundary:
                break
            worker = await here.work()
            await here.over()
            await here.kill(worker)
        assert (await here.app.state(run)).calls["1.1"].undone
        tally = await here.examine()
    report("undo at every boundary", [tally], kills=len(places) - 1)
    assert not tally.wrong, tally.wrong
    assert {"before a commit", "before unpay", "after unpay", "after a commit"} <= set(places)
    assert tally.counts["effects effective"] > tally.counts["runs"]
