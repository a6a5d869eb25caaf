"""Leases: who advances a run, and who takes over from whom."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from uuid import UUID, uuid4

import psycopg
import pytest

from remit.errors import LeaseLost, StaleWriter
from remit.journal.lease import Leases
from remit.store import processes
from remit.store.store import Store

TTL = 0.6  # seconds


async def test_only_one_holds_a_run_and_closing_lets_go(store: Store) -> None:
    run, one, other = uuid4(), Leases(store), Leases(store)
    async with one.hold(run):
        with pytest.raises(StaleWriter):
            async with other.hold(run):
                pass
        await one.close()
    async with other.hold(run) as deaths:
        assert deaths == 0
    await other.close()


async def test_many_runs_are_taken_and_given_back_together(store: Store) -> None:
    leases, runs = Leases(store), [uuid4() for _ in range(200)]

    async def hold(run: object) -> None:
        async with leases.hold(run):  # type: ignore[arg-type]
            assert len(leases.held) > 0

    await asyncio.gather(*(hold(run) for run in runs))
    await leases.close()
    async with store.pool.connection() as connection:
        left = await (await connection.execute("select count(*) from leases")).fetchone()
    assert left == (0,)


async def test_a_process_that_is_silent_for_its_ttl_is_buried_and_its_run_taken_with_a_death(
    store: Store,
) -> None:
    run, silent, other = uuid4(), Leases(store, ttl=TTL), Leases(store, ttl=TTL)
    async with silent.hold(run):
        assert silent._heart is not None
        silent._heart.cancel()  # as if the process were stopped
        async with other.hold(uuid4()):
            while not await other.look():  # noqa: ASYNC110
                await asyncio.sleep(0)
        async with other.hold(run) as deaths:
            assert deaths == 1
            assert not silent.fit()  # it stopped to count before it was buried
            with pytest.raises(LeaseLost):
                silent.check(run)
    await other.close()


async def test_an_effect_is_broken_off_when_the_lease_is_lost(store: Store) -> None:
    run, leases = uuid4(), Leases(store, ttl=TTL)
    begun = asyncio.Event()

    async def act() -> None:
        async with leases.hold(run), leases.effect(run):
            begun.set()
            await asyncio.Event().wait()

    acting = asyncio.create_task(act())
    await begun.wait()
    async with store.pool.connection() as connection:
        await connection.execute("delete from workers where id = %s", (leases.id,))  # somebody buried it
    with pytest.raises(LeaseLost):
        await acting
    async with leases.hold(run):  # under a new name it goes on
        leases.check(run)
    await leases.close()


async def test_who_beats_at_the_last_moment_is_not_buried(store: Store) -> None:
    run, late, other = uuid4(), Leases(store, ttl=TTL), Leases(store, ttl=TTL)
    async with late.hold(run), other.hold(uuid4()):
        await other.look()
        other._seen = {worker: (beat, since - 10 * TTL) for worker, (beat, since) in other._seen.items()}
        async with store.pool.connection() as connection:
            await connection.execute("update workers set beat = beat + 1 where id = %s", (late.id,))
        assert late.id not in await other.look()
    await late.close()
    await other.close()


async def test_a_process_of_this_machine_that_is_gone_is_found_at_once(store: Store) -> None:
    child = await asyncio.create_subprocess_exec(sys.executable, "-c", "input()", stdin=subprocess.PIPE)
    identity = processes.identity(child.pid)
    assert not processes.gone(identity)
    assert not processes.gone(processes.identity(os.getpid()))
    dead = uuid4()
    async with store.pool.connection() as connection:
        await connection.execute(
            "insert into workers (id, name, place, pid, ttl) values (%s, 'w', %s, %s, 1000)",
            (dead, processes.place(), identity),
        )
    leases = Leases(store)
    async with leases.hold(uuid4()):
        assert await leases.look() == []
        child.kill()
        await child.wait()
        assert processes.gone(identity)
        assert await leases.look() == [dead]
    await leases.close()


async def test_what_is_wanted_while_the_leases_are_lost_is_held_and_given_back_under_the_new_name(
    store: Store,
) -> None:
    leases, run = Leases(store), uuid4()
    async with leases.hold(uuid4()):
        before = leases.id

        async def hold() -> None:
            async with leases.hold(run):
                leases.check(run)

        holding = asyncio.create_task(hold())
        await asyncio.sleep(0)  # wanted, and not asked for yet
        assert leases._heart is not None
        leases._heart.cancel()
        leases._lose()
        await holding
        assert leases.id != before
        # Another round, by which what was given back is
        async with leases.hold(uuid4()), store.pool.connection() as connection:
            found = await connection.execute("select 1 from leases where run = %s", [run])
            assert await found.fetchone() is None
    await leases.close()


async def test_a_name_that_is_lost_while_it_is_made_known_is_followed_by_another(store: Store) -> None:
    """As on a machine so slow that the first beat comes too late: who waits for the lease was never told, and waited for ever."""
    gone: list[UUID] = []

    class Slow(Leases):
        async def look(self) -> list[UUID]:
            found = await super().look()
            if not gone and self._heart is not None:
                gone.append(self.id)
                self._heart.cancel()
                self._lose()
            return found

    leases, run = Slow(store), uuid4()
    async with asyncio.timeout(30), leases.hold(run):
        leases.check(run)
        assert leases.id not in gone
    assert gone
    await leases.close()


async def test_whose_connection_breaks_as_it_is_closed_is_closed_all_the_same(store: Store) -> None:
    """The cancellation of a query that fails just then is seen as its failure, which a heart survives."""
    beating = asyncio.Event()
    broken = []

    class Breaking(Leases):
        async def look(self) -> list[UUID]:
            if not beating.is_set():
                return await super().look()
            try:
                return await asyncio.Future()
            except asyncio.CancelledError:
                if broken:
                    raise
                broken.append(self.id)
                raise psycopg.OperationalError("the connection is lost") from None

    leases = Breaking(store, ttl=TTL)
    async with leases.hold(uuid4()):
        beating.set()
        assert leases._heart is not None
        heart, until = leases._heart, leases.until
        while leases.until == until:  # noqa: ASYNC110 - until its next beat, in which it looks after the others
            await asyncio.sleep(0)
    async with asyncio.timeout(30):
        await leases.close()
    assert broken
    assert heart.done()
