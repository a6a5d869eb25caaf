"""Limits of tools hold over all workers, and a call beyond waits without holding anything."""

from __future__ import annotations

import asyncio
import os
import re
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest

from remit.agents import turns
from remit.app import App, open_app
from remit.journal.events import Event, Intended, Judged, Slept
from remit.journal.state import State
from remit.rate import Limit, parse_rate
from remit.replay import Terms, replay
from remit.settings import Settings
from tests.limits import world
from tests.limits.world import ANN, agent, ended, script, worker


@asynccontextmanager
async def holding(app: App, **spec: Any) -> AsyncIterator[UUID]:
    """A run that is in the middle of `hold`, until the block ends."""
    run = await app.start(agent(**spec), "hold", person=ANN, model=script("hold"))
    task = asyncio.create_task(app.advance(run))
    try:
        assert await asyncio.wait_for(world.begun.get(), 20) == run
        yield run
    finally:
        world.go_on.set()
        await task


async def sleeper(app: App, monkeypatch: pytest.MonkeyPatch, **spec: Any) -> State:
    """A run whose `hold` had to wait."""
    monkeypatch.setattr(turns, "MOMENT", 0.01)
    run = await app.start(agent(**spec), "hold too", person=ANN, model=script("hold"))
    return await app.advance(run)


async def held(app: App) -> set[UUID]:
    async with app.store.pool.connection() as connection:
        found = await connection.execute("select run from leases")
        return {run for (run,) in await found.fetchall()}


async def test_two_workers_together_keep_to_a_tools_limit_and_do_everything_once(settings: Settings) -> None:
    model = script("pair")
    async with worker(settings, model) as (app, dispatch), worker(settings, model) as (other, _):
        runs = [
            await app.start(agent(name=n), "go", person=ANN, model=model)
            for n in ("a", "b")
            for _ in range(5)
        ]
        await asyncio.gather(*(dispatch.enqueue(run) for run in runs))
        await ended(app, runs)
        assert world.most == 2
        assert sorted(run for run, _ in world.done) == sorted(runs)
        async with other.store.pool.connection() as connection:
            assert await (await connection.execute("select count(*) from slots")).fetchone() == (0,)


async def test_an_effect_that_must_wait_sleeps_before_its_intent_and_holds_nothing(
    app: App, other: App, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with holding(app) as first:
        state = await sleeper(other, monkeypatch)
        events = await other.journal.read(state.run) if state.run else []
        assert [type(e.body) for e in events[-2:]] == [Judged, Slept]
        assert not any(isinstance(e.body, Intended) for e in events)
        assert state.status == "waiting"
        assert "1 of 1 calls are under way" in events[-1].body.why  # type: ignore[union-attr]
        assert state.run not in other.leases.held
        assert world.now == [first]


async def test_who_waited_is_judged_anew_before_it_acts(
    app: App, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with holding(app), worker(settings, script("hold")) as (other, _):
        denied = await sleeper(other, monkeypatch)
        world.owner = "bob"  # what was allowed is not any more
        world.go_on.set()
        assert denied.run is not None
        state = (await ended(other, [denied.run]))[0]
    assert next(c.acted.status for c in state.calls.values() if c.acted) == "denied"
    assert denied.run not in [run for run, _ in world.done]


async def test_what_was_approved_and_had_to_wait_is_done_once_under_the_same_approval(
    app: App, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(turns, "MOMENT", 0.01)
    rules = [{"tool": "hold", "ask": "true"}]
    async with holding(app), worker(settings, script("hold")) as (other, _):
        run = await other.start(agent(rules=rules), "ask", person=ANN, model=script("hold"))
        assert (await other.advance(run)).waits
        await other.answer(run, "approve", "olga")
        slept = await seen(other, run, Slept)
        assert slept.body.limit == "tool:hold"  # type: ignore[union-attr]
        world.go_on.set()
        state = (await ended(other, [run]))[0]
    effect = state.effects[0]
    assert effect.approved is not None
    assert effect.approved.by == "olga"
    assert [r for r, _ in world.done].count(run) == 1
    assert len(state.asked) == 1


async def seen(app: App, run: UUID, kind: type) -> Event:
    async with asyncio.timeout(20):
        while True:
            for event in await app.journal.read(run):
                if isinstance(event.body, kind):
                    return event
            await asyncio.sleep(0.02)


async def test_a_rate_holds_over_two_workers_and_who_waits_comes_in_turn(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(turns, "MOMENT", 0.01)
    model = script("paced")
    async with worker(settings, model) as (app, dispatch), worker(settings, model):
        runs = [await app.start(agent(), "go", person=ANN, model=model) for _ in range(4)]
        start = time.monotonic()
        await asyncio.gather(*(dispatch.enqueue(run) for run in runs))
        await ended(app, runs)
    times = sorted(at for _, at in world.done)
    assert all(at - start >= 1.5 * n - 0.05 for n, at in enumerate(times))
    async with open_app(settings) as app:
        events = [event for run in runs for event in await app.journal.read(run)]
    sleepers = [e.run for e in events if isinstance(e.body, Slept)]
    assert sleepers
    assert len(sleepers) == len(set(sleepers))  # its turn was set aside: nobody had to ask a third time


async def test_turns_are_evenly_spaced_by_the_databases_clock_and_a_late_comer_has_lost_its(app: App) -> None:
    rate = parse_rate("30/m")  # each 2 s, 3 at once
    places = [("tool:x in time", uuid4(), "1.1") for _ in range(6)]
    waits = [await app.turns.turn(place, rate) for place in places]
    assert waits[:3] == [0, 0, 0]
    assert [round(wait) for wait in waits[3:]] == [2, 4, 6]
    assert 1 < await app.turns.turn(places[3], rate) <= 2  # asked too early: the same turn
    async with app.store.pool.connection() as connection:
        await connection.execute(
            "update slots set due = due - interval '3 s' where run = %s", (places[3][1],)
        )
        await connection.execute(
            "update slots set due = due - interval '70 s' where run = %s", (places[4][1],)
        )
    assert await app.turns.turn(places[3], rate) == 0
    assert round(await app.turns.turn(places[4], rate)) == 8


async def test_a_dead_workers_slot_comes_back(app: App, settings: Settings) -> None:
    victims = await app.start(agent(), "hold", person=ANN, model=script("hold"))
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.limits.worker", str(victims)),
        env={
            **os.environ,
            "REMIT_DATABASE_URL": str(settings.database_url),
            "REMIT_DATA_DIR": str(settings.data_dir),
        },
        stdout=asyncio.subprocess.PIPE,
    )
    try:
        assert process.stdout is not None
        assert (await asyncio.wait_for(process.stdout.readline(), 30)).strip() == b"begun"
        place = ("tool:hold at once", uuid4(), "1.1")
        assert await app.turns.slot(place, 1) > 0
    finally:
        process.kill()
        await process.wait()
    await app.leases.look()  # its process is gone
    assert await app.turns.slot(place, 1) == 0


async def test_a_slot_is_free_again_when_its_run_is_let_go_even_if_nobody_said_so(
    app: App, other: App
) -> None:
    run, place = uuid4(), ("tool:x at once", uuid4(), "1.1")
    async with app.leases.hold(run):
        assert await app.turns.slot(("tool:x at once", run, "1.1"), 1) == 0
        assert await other.turns.slot(place, 1) > 0
    async with app.leases.hold(uuid4()):  # the lease is given back with the next
        pass
    async with asyncio.timeout(20):
        while await held(app):  # noqa: ASYNC110
            await asyncio.sleep(0.02)
    assert await other.turns.slot(place, 1) == 0


async def test_who_waits_long_is_not_passed_by_for_ever(app: App, other: App) -> None:
    name, old, first = "tool:x at once", uuid4(), uuid4()
    async with app.leases.hold(first):
        assert await app.turns.slot((name, first, "1"), 1) == 0
        assert await other.turns.slot((name, old, "1"), 1) > 0
        async with app.store.pool.connection() as connection:
            await connection.execute(
                "update slots set since = since - interval '31 s' where run = %s", (old,)
            )
        await app.turns.leave((name, first, "1"))
        assert await app.turns.slot((name, uuid4(), "1"), 1) > 0  # free, and kept for the old one
        assert await other.turns.slot((name, old, "1"), 1) == 0


async def test_who_never_asks_again_keeps_nobody_from_a_free_slot(app: App, other: App) -> None:
    name, gone, first = "tool:x at once", uuid4(), uuid4()
    async with app.leases.hold(first):
        assert await app.turns.slot((name, first, "1"), 1) == 0
        assert await other.turns.slot((name, gone, "1"), 1) > 0
        async with app.store.pool.connection() as connection:
            await connection.execute(
                "update slots set since = since - interval '1 d', due = now() - interval '11 s' where run = %s",
                (gone,),
            )
        await app.turns.leave((name, first, "1"))
        assert await app.turns.slot((name, uuid4(), "1"), 1) == 0


async def test_a_place_that_the_database_did_not_hear_given_back_is_given_back_with_the_next(
    app: App, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, name = uuid4(), "tool:x at once"
    async with app.leases.hold(run):
        assert await app.turns.slot((name, run, "1"), 1) == 0

        async def away(connection: Any) -> None:
            raise psycopg.OperationalError("gone")

        with monkeypatch.context() as broken:
            broken.setattr(app.turns, "_pay", away)
            await app.turns.leave((name, run, "1"))
        assert await app.turns.slot((name, run, "2"), 1) == 0


async def test_tools_and_agents_without_a_limit_ask_the_database_nothing(
    app: App, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    original = psycopg.AsyncCursor.execute

    async def execute(self: Any, query: Any, *args: Any, **how: Any) -> Any:
        asked.append(query.decode() if isinstance(query, bytes) else str(query))
        return await original(self, query, *args, **how)

    monkeypatch.setattr(psycopg.AsyncCursor, "execute", execute)
    model = script("free", "free")
    await app.advance(await app.start(agent(), "go", person=ANN, model=model))
    unlimited, asked[:] = list(asked), []
    tools = {"free": {"concurrent": 9, "rate": "1000/s"}}
    await app.advance(
        await app.start(agent(limits={"runs": 9, "tools": tools}), "go", person=ANN, model=model)
    )
    wanted = [query for query in asked if re.search(r"slots|rates|remit_take", query)]
    assert not any(re.search(r"slots|rates|remit_take", query) for query in unlimited)
    assert (
        len(wanted) == 2 * 3 + 2
    )  # a slot, a turn and the leave of each call; a slot and the leave of the run


async def test_the_operators_limit_stands_in_place_of_the_tools_own_and_the_agents_beside_it() -> None:
    tools = {made.name: made for made in world.TOOLS}
    spec = agent(limits={"tools": {"pair": {"rate": "5/s"}}})
    found = turns.limits_of(spec, tools, {"pair": Limit(concurrent=7)}, "default")
    assert found["pair"] == (("tool:pair", Limit(7)), ("tool:pair@limited", Limit(None, "5/s")))
    assert "free" not in found


async def test_when_a_call_sleeps_it_says_until_when(app: App) -> None:
    spec = agent(limits={"tools": {"free": {"rate": "1/h"}}})
    state = await app.advance(await app.start(spec, "go", person=ANN, model=script("free", "free")))
    (until,) = state.timers.values()
    assert 3500 < (until - datetime.now(UTC)).total_seconds() <= 3600


async def test_a_replay_takes_nobodys_turn(app: App) -> None:
    run = await app.start(agent(), "go", person=ANN, model=script("pair", "paced"))
    assert (await app.advance(run)).finished
    async with app.store.pool.connection() as connection:
        before = await (await connection.execute("select * from rates")).fetchall()
        new = await replay(app, run, terms=Terms(recorded=True))
        assert before == await (await connection.execute("select * from rates")).fetchall()
        assert await (await connection.execute("select count(*) from slots")).fetchone() == (0,)
    assert (await app.state(new)).finished
    assert len(world.done) == 2
