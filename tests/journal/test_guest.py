"""The journal in the hands of people of a workspace: they write by it as workers do, and never into another's runs."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest

from remit.errors import StaleWriter, StoreError
from remit.journal.events import Asked, Finished, Nudged, Replied, Slept, Started
from remit.journal.journal import Journal
from remit.store.store import Store

SPEC = {"name": "a", "instructions": "x" * 9_000}


def start(workspace: str) -> Started:
    return Started(goal="g" * 9_000, agent="a", spec=SPEC, workspace=workspace)


async def rows(store: Store, query: str, *values: object) -> list[tuple[object, ...]]:
    async with store.pool.connection() as connection:
        return await (await connection.execute(query.encode(), values)).fetchall()


async def test_what_guests_write_is_read_back_by_them_and_by_workers_and_by_nobody_elses_guests(
    store: Store,
) -> None:
    a, b, worker = Journal(store.within("a")), Journal(store.within("b")), Journal(store)
    run, asked = uuid4(), Asked(ask_id="q1", kind="question", text="why?")
    written = await a.append(run, 0, [start("a"), asked])
    written += await a.append(run, 2, [Replied(ask_id="q1", decision="answer", by="ann", text="y" * 20_000)])
    assert await a.read(run) == await worker.read(run) == written
    assert await b.read(run) == []
    with pytest.raises(StoreError, match="row-level security"):
        await b.append(run, 3, [Nudged(level=0, reason="x", text="from outside")])
    with pytest.raises(StaleWriter):
        await a.append(run, 1, [asked])
    written += await worker.append(run, 3, [Finished(status="met", report="z" * 20_000)])
    assert await a.read(run) == written
    assert await rows(store, "select workspace, status from runs where id = %s", run) == [("a", "met")]
    assert await rows(store, "select distinct workspace from blobs") == [("a",)]
    for journal in (a, b, worker):
        await journal.close()


async def test_all_that_an_append_touches_is_written_by_guests_too(store: Store) -> None:
    """As a fork writes it: a run that begins with much behind it."""
    journal, run = Journal(store.within("a")), uuid4()
    later = datetime.now(UTC) + timedelta(hours=1)
    open_ = Asked(ask_id="q2", kind="question", text="how?")
    await journal.append(
        run, 0, [start("a"), Asked(ask_id="q1", kind="question", text="why?"), open_, Slept(until=later)]
    )
    assert await rows(store, "select ask_id from asks order by 1") == [("q1",), ("q2",)]
    await journal.append(run, 4, [Replied(ask_id="q1", decision="answer", by="ann", text="so")])
    assert await rows(store, "select ask_id from asks") == [("q2",)]
    assert len(await rows(store, "select due from remit_timers where run = %s", run)) == 2
    await journal.append(run, 5, [Finished(status="cancelled", why="ann")])
    assert await rows(store, "select ask_id from asks") == []
    assert await rows(store, "select due from remit_timers") == []
    assert await rows(store, "select status, seq from runs") == [("cancelled", 6)]


async def test_runs_of_workspaces_share_a_workers_commit_and_each_keeps_its_big_values(store: Store) -> None:
    journal = Journal(store)
    runs = {uuid4(): name for name in ("a", "b", "default")}
    appends = [journal.submit(run, 0, [start(name)]) for run, name in runs.items()]
    appends += [journal.submit(run, 1, [Finished(status="met", report="r" * 20_000)]) for run in runs]
    for append in appends:
        await append.done
    found = await rows(store, "select workspace, count(*) from blobs group by 1 order by 1")
    assert found == [("a", 3), ("b", 3), ("default", 3)]
    for run, name in runs.items():
        assert len(await Journal(store.within(name)).read(run)) == 2
        assert await Journal(store.within("c")).read(run) == []
    assert dict(await rows(store, "select id, workspace from runs")) == runs


async def test_a_run_cannot_be_begun_in_another_workspace(store: Store) -> None:
    journal = Journal(store.within("a"))
    for name in ("b", "default"):
        with pytest.raises(StoreError, match="row-level security"):
            await journal.append(uuid4(), 0, [start(name)])
    assert await rows(store, "select id from runs") == []
    assert await rows(store, "select run from events") == []


async def test_a_big_value_is_no_ones_for_knowing_its_hash(store: Store) -> None:
    worker, run = Journal(store), uuid4()
    await worker.append(run, 0, [start("b")])
    hashes = [row[0] for row in await rows(store, "select sha256 from blobs")]
    assert hashes
    query = "select body from blobs where sha256 = any(%s)"
    assert await rows(store.within("a"), query, hashes) == []
    assert len(await rows(store.within("b"), query, hashes)) == len(hashes)
    mine: UUID = uuid4()
    await Journal(store.within("a")).append(mine, 0, [start("a")])
    assert len(await rows(store.within("a"), query, hashes)) == len(hashes)  # its own, of the same words
