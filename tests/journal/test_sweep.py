"""Sweeping big values that nothing refers to: one that somebody counts on is never taken away."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest

from remit.errors import StoreError
from remit.journal.events import Acted, Event, Finished
from remit.journal.journal import Journal
from remit.journal.retain import retain
from remit.journal.sweep import sweep
from remit.settings import Settings
from remit.store.store import Store, open_store
from tests.journal.test_archive import BIG, NOW, begin, do, ended, one, read_all, somebody_waits


async def test_a_shared_value_stays_until_the_last_run_with_it_is_archived(store: Store) -> None:
    journal, (run,), waiting = Journal(store), await ended(store), uuid4()
    await journal.append(waiting, 0, [begin(), Acted(call_id="1", tool="t", result=BIG)])
    (own,) = await ended(store, big="mine" * 5000)
    before = await read_all(store, [run, own, waiting])
    await retain(store, NOW)
    assert await one(store, "select count(*) from blobs") == 3
    swept = await sweep(store)
    assert (swept.blobs, swept.bytes) == (1, 20002)
    assert await read_all(store, [run, own, waiting]) == before
    await journal.append(waiting, 2, [Finished(status="met")])
    before = await read_all(store, [run, own, waiting])
    await retain(store, NOW)
    assert (await sweep(store, batch=1)).blobs == 2
    assert await one(store, "select count(*) from blobs") == 0
    assert await read_all(store, [run, own, waiting]) == before


@pytest.fixture
async def writer(store: Store) -> AsyncIterator[psycopg.AsyncConnection[Any]]:
    """A connection whose transaction stays open until the test says otherwise."""
    async with await psycopg.AsyncConnection.connect(store.url) as connection:
        yield connection


async def leave_behind(store: Store) -> tuple[bytes, bytes]:
    """A value in the store that nothing refers to: its hash and itself."""
    await ended(store, big="left" * 5000)
    await retain(store, NOW)
    async with store.pool.connection() as connection:
        found = await connection.execute("select sha256, body from blobs order by length(body) desc limit 1")
        row = await found.fetchone()
    assert row is not None
    return row[0], row[1]


PUT = "insert into blobs (sha256, body) values (%s, %s) on conflict do nothing"
REFER = """
    insert into events (run, seq, at, type, body)
    values (%s, 1, now(), 'acted', json_build_object('call_id', '1', 'tool', 't', 'result', %s::text, 'big', '["result"]'::json))
"""


async def test_a_value_that_an_uncommitted_append_counts_on_is_not_swept(
    store: Store, writer: psycopg.AsyncConnection[Any]
) -> None:
    key, body = await leave_behind(store)
    run = uuid4()
    await writer.execute(PUT, (key, body))  # it is there already: nothing is written
    await writer.execute(REFER, (run, key.hex()))
    sweeping = asyncio.create_task(sweep(store))
    await somebody_waits(store)
    await writer.commit()
    await sweeping
    assert [e.body.result for e in await Journal(store).read(run)] == ["left" * 5000]  # type: ignore[union-attr]


@pytest.mark.parametrize("when", ["while it looks", "before it removes"])
async def test_a_value_that_is_used_again_during_a_sweep_is_not_swept(
    store: Store, writer: psycopg.AsyncConnection[Any], monkeypatch: pytest.MonkeyPatch, when: str
) -> None:
    key, body = await leave_behind(store)
    run, other = uuid4(), uuid4()
    looked, going = asyncio.Event(), asyncio.Event()
    shut_out = sweep.__globals__["_shut_out"]

    async def slowly(connection: Any, me: UUID, batch: int) -> Any:
        if batch:
            looked.set()
            await going.wait()
        found = await shut_out(connection, me, batch)
        if not batch and when == "while it looks":  # after writers were shut out, before it looks
            await writer.execute(PUT, (key, body))
            await writer.execute(REFER, (run, key.hex()))
        return found

    monkeypatch.setitem(sweep.__globals__, "_shut_out", slowly)
    sweeping = asyncio.create_task(sweep(store))
    await looked.wait()
    assert await one(store, "select count(*) from sweep_found where sha256 = %s", key) == 1
    if when == "before it removes":
        await writer.execute(PUT, (key, body))
        await writer.execute(REFER, (run, key.hex()))
    await writer.commit()
    await Journal(store).append(other, 0, [begin(), Acted(call_id="1", tool="t", result="left" * 5000)])
    going.set()
    await sweeping
    assert await one(store, "select count(*) from blobs where sha256 = %s", key) == 1
    assert [e.body.result for e in await Journal(store).read(run)] == ["left" * 5000]  # type: ignore[union-attr]
    assert len(await Journal(store).read(other)) == 2
    assert await one(store, "select count(*) from sweep_used") == 0


async def test_runs_that_start_and_end_while_all_is_archived_and_swept_lose_nothing(
    settings: Settings, store: Store
) -> None:
    expected: dict[UUID, list[Event]] = {}
    done = asyncio.Event()

    async def work(number: int) -> None:
        journal = Journal(store)
        for turn in range(15):
            run = uuid4()
            value = [f"value {(number + turn) % 4}"] * 1500  # a few values, over and over
            bodies = [begin(), Acted(call_id="1", tool="t", result=value), Finished(status="met")]
            expected[run] = await journal.append(run, 0, bodies)
        await journal.close()

    async def clean(other: Store) -> None:
        while not done.is_set():
            await retain(other, replace(NOW, batch=5))
            await sweep(other, batch=2)

    async with open_store(settings) as one_store, open_store(settings) as another:
        cleaning = [asyncio.create_task(clean(one_store)), asyncio.create_task(clean(another))]
        await asyncio.gather(*(work(number) for number in range(6)))
        done.set()
        await asyncio.gather(*cleaning)
    journal = Journal(store)
    for run, events in expected.items():
        assert await journal.read(run) == events
    await retain(store, NOW)
    await sweep(store)
    assert await one(store, "select count(*) from blobs") == 0
    for run, events in expected.items():
        assert await journal.read(run) == events


async def test_a_sweep_that_was_taken_for_dead_stops(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    key, _ = await leave_behind(store)
    shut_out = sweep.__globals__["_shut_out"]

    async def late(connection: Any, me: UUID, batch: int) -> Any:
        if batch:
            await do(store, "update sweeps set began_at = now() - interval '2 days'")
            await sweep_of_somebody_else()
        return await shut_out(connection, me, batch)

    async def sweep_of_somebody_else() -> None:
        monkeypatch.undo()
        assert (await sweep(store)).blobs == 2
        await ended(store, big="left" * 5000)

    monkeypatch.setitem(sweep.__globals__, "_shut_out", late)
    with pytest.raises(StoreError, match="taken for dead"):
        await sweep(store)
    assert await one(store, "select count(*) from blobs where sha256 = %s", key) == 1
