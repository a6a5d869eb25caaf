"""kill -9 at random moments, while hundreds of runs go on: the short form here, ten thousand kills by `make chaos`.

Workers are killed from outside at random times, or kill themselves at a random boundary; each is replaced at once. New
runs are begun as others end, so that there are always as many open. In the end workers are left alone, and everything
has to come to its end.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import signal
import time
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from remit.errors import UserError
from remit.settings import Settings
from remit.store import embedded
from tests.chaos.harness import AWAY, GLANCE, Worker, World, insist, world
from tests.chaos.report import report

LONG = bool(os.environ.get("REMIT_CHAOS_LONG"))
# Losing everything in a power cut is fine, and nobody cuts the power here
SERVER: Mapping[str, str] = {
    "fsync": "off",
    "full_page_writes": "off",
    "max_connections": "300",
    "max_wal_size": "2GB",
}


@dataclass(frozen=True)
class Storm:
    """How hard it blows. With a lease of one second instead of six, the dead of other machines are found so much sooner;
    the dead of this one are found at once in either case."""

    kills: int
    within: float  # seconds, after which it ends with fewer kills
    runs: int  # open at any time
    every: float  # seconds between two kills, on average
    workers: int = 4
    lease: float = 1.0  # seconds
    seed: int = int(os.environ.get("REMIT_CHAOS_SEED", "7"))


SHORT = Storm(kills=16, within=12, runs=25, every=0.25)
LONGEST = Storm(kills=int(os.environ.get("REMIT_CHAOS_KILLS", "10000")), within=5400, runs=500, every=0.12)


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[str]:
    """A server of the test's own, with its vacuum running, as a storm of minutes needs it."""
    settings = Settings(database_url=None, data_dir=tmp_path / "server")
    async with embedded.server(settings, SERVER) as url:
        yield url


async def hire(here: World, storm: Storm, chance: random.Random) -> Worker:
    """Half of the workers carry their death in them, at a boundary; the others meet it at any instruction."""
    die_at = chance.choice((0, chance.randint(1, 300)))
    return await here.work(die_at=die_at, concurrency=storm.runs)


async def feed(here: World, storm: Storm, chance: random.Random, calm: asyncio.Event) -> None:
    """Until `calm`, keep as many runs open as there should be; a few are cancelled, or paused and resumed."""
    while not calm.is_set():
        missing = storm.runs - await insist(here.unfinished)
        if missing > 0:
            await here.start(min(missing, 50))
        await meddle(here, chance)
        await asyncio.sleep(GLANCE * 5)


async def meddle(here: World, chance: random.Random) -> None:
    run = chance.choice(here.runs[-200:])
    state = await insist(lambda: here.app.state(run))
    with contextlib.suppress(UserError, *AWAY):  # it has ended, is undone, is with a worker
        if state.finished and state.effects and chance.random() < 0.2:
            await here.app.undo(run, chance.choice(state.effects).call.id, "olga")
        if chance.random() < 0.1:
            await insist(lambda: here.app.cancel(run, "olga", "no longer wanted"))
        elif chance.random() < 0.1:
            await insist(lambda: here.app.pause(run, "olga"))
            await insist(lambda: here.app.resume(run, "olga"))
            await insist(lambda: here.dispatch.enqueue(run))


async def blow(here: World, storm: Storm) -> int:
    """Kill and replace until there were enough deaths; how many there were."""
    chance = random.Random(storm.seed)
    crew = [await hire(here, storm, chance) for _ in range(storm.workers)]
    begun, deaths = time.monotonic(), 0
    while deaths < storm.kills and time.monotonic() - begun < storm.within:
        dying = [asyncio.create_task(worker.died.wait()) for worker in crew]
        pause = chance.expovariate(1 / storm.every)
        done, waiting = await asyncio.wait(dying, timeout=pause, return_when=asyncio.FIRST_COMPLETED)
        for task in waiting:
            task.cancel()
        if not done:
            here.nursery.signal(chance.choice(crew), signal.SIGKILL)
            continue
        dead = [worker for worker in crew if worker.died.is_set()]
        deaths += len(dead)
        crew = [worker for worker in crew if not worker.died.is_set()]
        crew += [await hire(here, storm, chance) for _ in dead]
    for worker in crew:
        await here.kill(worker)
    return deaths + len(crew)


async def test_nothing_is_lost_and_nothing_happens_twice_in_a_storm_of_random_kills(
    server: str, tmp_path: Path
) -> None:
    storm = LONGEST if LONG else SHORT
    lease = {"REMIT_LEASE_TTL": str(storm.lease)}
    begun = time.monotonic()
    async with world(server, tmp_path, scripts=12, length=8, seed=storm.seed, delay=0.05, env=lease) as here:
        await here.start(storm.runs)
        calm = asyncio.Event()
        feeding = asyncio.create_task(feed(here, storm, random.Random(storm.seed), calm))
        kills = await blow(here, storm)
        calm.set()
        await feeding  # whoever pauses a run resumes it
        stormy = time.monotonic() - begun
        for _ in range(storm.workers):
            await here.work(concurrency=storm.runs)
        await here.over(within=120)
        tally = await here.examine()
    figures = {"seconds": round(stormy), "runs open at a time": storm.runs, "answers given": here.answers}
    report("random kills", [tally], kills=kills, take_overs=here.nursery.take_overs, **figures)
    assert not tally.wrong, tally.wrong
    assert tally.counts["runs"] >= len(here.runs)  # and their children
    assert kills >= (storm.kills if LONG else storm.kills // 3)
