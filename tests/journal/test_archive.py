"""Archives on a real database: what was written can be read for ever, whoever is killed, and whoever is at it too."""

from __future__ import annotations

import asyncio
import gzip
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from remit.age import parse_age, write_age
from remit.errors import JournalError, StaleWriter, StoreError, UserError
from remit.journal import retain as module
from remit.journal.archive import Blobs, Checked, check, pack, unpack
from remit.journal.body import decode, put_back, stored
from remit.journal.due import Due, Policy, due, policy_of
from remit.journal.events import (
    Acted,
    Answered,
    AnyBody,
    Asked,
    Call,
    Event,
    Finished,
    Intended,
    Nudged,
    Person,
    Started,
)
from remit.journal.index import find_run, list_runs
from remit.journal.journal import Journal
from remit.journal.restore import restore
from remit.journal.retain import Retained, retain
from remit.journal.state import fold
from remit.journal.sweep import sweep
from remit.settings import Settings
from remit.store.store import Store, open_store
from tests.journal.test_state import bodies

NOW = Policy(timedelta(microseconds=1))  # everything that has ended
BIG = ["a big value"] * 2000
words = st.text(st.characters(codec="utf-8", exclude_characters=""), max_size=20)
values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats(allow_nan=False)
    | words
    | st.just(BIG),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(words, inner, max_size=3),
    max_leaves=8,
)
anything = st.one_of(
    bodies,
    st.builds(Acted, call_id=words, tool=words, result=values),
    st.builds(Answered, model=words, text=words | st.just("long " * 5000), data=values),
    st.builds(Started, goal=words, agent=words, spec=st.dictionaries(words, values, max_size=2)),
    st.builds(Finished, status=st.just("met"), report=words, output=values),
)
times = st.datetimes(datetime(2020, 1, 1), datetime(2060, 1, 1), timezones=st.just(UTC))
journals = st.lists(st.tuples(times, anything), min_size=1, max_size=20)


def begin(agent: str = "a", **more: Any) -> Started:
    return Started(goal="gä\u2028", agent=agent, spec={"name": agent}, person=Person(id="ann"), **more)


def body_of(number: int, big: Any = None) -> list[AnyBody]:
    return [
        begin(),
        Answered(model="m", text=f"thought {number} \u0000"),
        Acted(call_id="1", tool="t", result=BIG if big is None else big),
        Finished(status="met", report=f"done {number}"),
    ]


async def ended(store: Store, count: int = 1, big: Any = None) -> list[UUID]:
    journal, runs = Journal(store), [uuid4() for _ in range(count)]
    await asyncio.gather(*(journal.append(run, 0, body_of(i, big)) for i, run in enumerate(runs)))
    await journal.close()
    return runs


async def one(store: Store, query: str, *args: Any) -> Any:
    async with store.pool.connection() as connection:
        row = await (await connection.execute(query, args)).fetchone()  # type: ignore[arg-type]
    return row and row[0]


async def do(store: Store, query: str, *args: Any) -> None:
    async with store.pool.connection() as connection:
        await connection.execute(query, args)  # type: ignore[arg-type]


async def somebody_waits(store: Store) -> None:
    """Returns once somebody waits for somebody else's lock in this database."""
    async with asyncio.timeout(10):
        while not await one(store, "select count(*) from pg_locks where not granted"):
            pass


async def read_all(store: Store, runs: list[UUID]) -> list[list[Event]]:
    journal = Journal(store)
    return [await journal.read(run) for run in runs]


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(journals)
def test_any_journal_comes_back_from_its_archive_with_the_same_events_and_fold(
    written: list[tuple[datetime, AnyBody]],
) -> None:
    run, blobs, rows = UUID(int=7), Blobs(), []
    for seq, (at, body) in enumerate(written, 1):
        text, apart = stored(body)
        blobs |= apart
        rows.append((seq, at, body.type, text))
    events = [put_back(decode(run, *row), blobs) for row in rows]
    packed = pack(run, rows, blobs)
    again, found = unpack(run, packed.body, packed.size, packed.sha256)
    assert (again, found) == (rows, blobs)
    back = [put_back(decode(run, *row), found) for row in again]
    assert back == events
    assert fold(back) == fold(events)
    assert pack(run, again, found) == packed


@settings(deadline=None)
@given(st.integers(10, 10_000), st.integers(1, 255))
def test_no_change_of_what_an_archive_holds_goes_unseen(place: int, flip: int) -> None:
    run = UUID(int=7)
    rows = [(1, datetime(2026, 11, 21, tzinfo=UTC), "nudged", '{"level":0,"reason":"r","text":"t"}')]
    packed = pack(run, rows, {})
    at = 10 + place % (len(packed.body) - 10)  # the ten before are gzip's own header
    changed = bytearray(packed.body)
    changed[at] ^= flip
    back = None
    with suppress(JournalError):
        back = unpack(run, bytes(changed), packed.size, packed.sha256)
    assert back in (None, (rows, {}))  # some bits only fill up a byte
    for other, body in ((run, packed.body[:at]), (run, packed.body + b"x"), (UUID(int=8), packed.body)):
        with pytest.raises(JournalError, match="damaged"):
            unpack(other, body, packed.size, packed.sha256)


async def test_an_archived_run_reads_as_before_from_any_event_on(store: Store) -> None:
    runs = await ended(store, 5)
    before = await read_all(store, runs)
    done = await retain(store, replace(NOW, batch=2))
    assert (done.archived, done.events, done.kept) == (5, 20, {})
    assert await one(store, "select count(*) from events where type <> 'archived'") == 0
    assert await read_all(store, runs) == before
    journal = Journal(store)
    for after in range(6):
        assert await journal.read(runs[0], after) == before[0][after:]
    assert [r.status for r in await list_runs(store)] == ["met"] * 5
    assert await find_run(store, str(runs[0])[:8]) == runs[0]
    assert await one(store, "select count(*) from runs where archived") == 5
    assert await retain(store, NOW) == Retained()


async def test_what_has_not_ended_or_is_too_young_or_of_others_stays(store: Store) -> None:
    journal, waiting, other = Journal(store), uuid4(), uuid4()
    await journal.append(waiting, 0, [begin(), Asked(ask_id="q", kind="question", text="?")])
    await journal.append(other, 0, [begin("b"), Finished(status="failed")])
    (run,) = await ended(store)
    assert await retain(store, Policy(timedelta(days=1))) == Retained()
    assert (await due(store, replace(NOW, agent="b"))).archive == 1
    assert (await retain(store, replace(NOW, agent="a", status=("failed",)))).archived == 0
    assert (await retain(store, replace(NOW, agent="b", status=("failed", "met")))).archived == 1
    assert await one(store, "select run from archives") == other
    assert (await retain(store, NOW)).archived == 1
    assert await one(store, "select count(*) from events where run = %s", waiting) == 2
    assert await one(store, "select count(*) from events where run = %s", run) == 1


async def test_nothing_can_be_appended_to_an_archived_run_until_it_is_restored(store: Store) -> None:
    (run,) = await ended(store)
    before = (await read_all(store, [run]))[0]
    await retain(store, NOW)
    await sweep(store)
    journal = Journal(store)
    with pytest.raises(StaleWriter):
        await journal.append(run, 4, [Nudged(level=0, reason="r", text="t")])
    assert await restore(store, run)
    assert not await restore(store, run)
    assert await journal.read(run) == before
    assert await one(store, "select count(*) from archives") == 0
    more = await journal.append(run, 4, [Nudged(level=0, reason="r", text="t")])
    assert (await retain(store, Policy(timedelta(hours=1)))).archived == 0  # it has been touched
    assert (await retain(store, NOW)).archived == 1
    assert await journal.read(run) == before + more


async def test_whoever_is_killed_between_writing_an_archive_and_removing_the_events_has_done_nothing(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs = await ended(store, 6)
    before = await read_all(store, runs)
    verify, seen = module.verify, []

    async def cut(connection: Any, run: UUID, events: list[Event]) -> None:
        await verify(connection, run, events)
        seen.append(run)
        if len(seen) == 5:  # in the second batch of three, its first archive removed already
            await do(store, "select pg_terminate_backend(%s)", connection.info.backend_pid)

    monkeypatch.setattr(module, "verify", cut)
    with pytest.raises(StoreError, match="run it again"):
        await retain(store, replace(NOW, batch=3))
    assert await one(store, "select count(*) from archives") == 3
    assert await one(store, "select count(*) from events where type <> 'archived'") == 12
    assert await read_all(store, runs) == before
    monkeypatch.undo()
    assert (await retain(store, NOW)).archived == 3
    assert await read_all(store, runs) == before


async def test_what_does_not_come_back_equal_is_kept_and_the_others_are_archived(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs = await ended(store, 4)
    before = await read_all(store, runs)
    packing = module.pack

    def forgetful(run: UUID, rows: Any, blobs: Any) -> Any:
        return packing(
            run, [*rows[:-1], (*rows[-1][:3], '{"status":"failed"}')] if run == runs[1] else rows, blobs
        )

    monkeypatch.setattr(module, "pack", forgetful)
    await do(store, "update events set type = 'teleported' where run = %s and seq = 2", runs[2])
    done = await retain(store, NOW)
    assert done.archived == 2
    assert set(done.kept) == {runs[1], runs[2]}
    assert "does not give its events back" in done.kept[runs[1]]
    assert "upgrade Remit" in done.kept[runs[2]]
    await do(store, "update events set type = 'answered' where run = %s and seq = 2", runs[2])
    assert await read_all(store, runs) == before


async def test_a_run_whose_value_is_missing_or_wrong_is_kept_as_it_is(store: Store) -> None:
    first, second = *(await ended(store, big="x" * 9000)), *(await ended(store, big="y" * 9000))
    await do(store, "delete from blobs where substring(body for 2) = '\"x'")
    await do(store, "update blobs set body = '\"z\"' where substring(body for 2) = '\"y'")
    done = await retain(store, NOW)
    assert done.archived == 0
    assert "is missing" in done.kept[first]
    assert "not what its hash says" in done.kept[second]


async def test_a_run_that_was_cancelled_with_an_effect_in_doubt_is_kept_until_it_is_settled(
    store: Store,
) -> None:
    journal, run = Journal(store), uuid4()
    answered = Answered(model="m", calls=[Call(id="1.1", tool="t", args={})])
    cancelled = [Intended(call_id="1.1", key="k"), Finished(status="cancelled")]
    await journal.append(run, 0, [begin(), answered, *cancelled])
    done = await retain(store, NOW)
    assert done.archived == 0
    assert "1.1 is not known yet" in done.kept[run]
    await journal.append(run, 4, [Acted(call_id="1.1", tool="t", effect="destroy", status="unknown")])
    assert (await retain(store, NOW)).archived == 1


async def test_two_at_once_archive_each_run_once(settings: Settings, store: Store) -> None:
    runs = await ended(store, 60)
    before = await read_all(store, runs)
    async with open_store(settings) as other:
        done = await asyncio.gather(
            retain(store, replace(NOW, batch=7)), retain(other, replace(NOW, batch=5))
        )
    assert sum(d.archived for d in done) == 60
    assert all(d.archived for d in done)
    assert await one(store, "select count(*) from archives") == 60
    assert await read_all(store, runs) == before


async def test_a_changed_moved_or_missing_archive_is_an_error_that_says_so(store: Store) -> None:
    runs = await ended(store, 4)
    await retain(store, NOW)
    changed, swapped, gone, forged = runs
    journal = Journal(store)
    await do(
        store, "update archives set body = overlay(body placing 'x'::bytea from 40) where run = %s", changed
    )
    await do(
        store,
        "update archives set body = (select body from archives where run = %s) where run = %s",
        gone,
        swapped,
    )
    await do(store, "delete from archives where run = %s", gone)
    rows = [(1, datetime.now(UTC), "finished", '{"status":"met"}')]
    new = pack(forged, rows, {})
    await do(
        store,
        "update archives set body = %s, sha256 = %s, size = %s, events = 1 where run = %s",
        *(new.body, new.sha256, new.size, forged),
    )
    for run, says in (
        (changed, "damaged"),
        (swapped, "damaged"),
        (gone, "is missing"),
        (forged, "another hash"),
    ):
        with pytest.raises(JournalError, match=says):
            await journal.read(run)
        with pytest.raises(JournalError, match=says):
            await restore(store, run)
        with pytest.raises(StaleWriter):
            await journal.append(run, 4, [Nudged(level=0, reason="r", text="t")])


async def test_archives_in_a_folder_are_files_that_gzip_reads(store: Store, tmp_path: Path) -> None:
    runs = await ended(store, 3)
    before = await read_all(store, runs)
    assert (await retain(store, replace(NOW, to=tmp_path / "archives"))).archived == 3
    files = sorted((tmp_path / "archives").rglob("*"))
    files = [file for file in files if file.is_file()]
    assert [file.name for file in files] == sorted(f"{run}.jsonl.gz" for run in runs)
    assert (
        len(gzip.decompress(files[0].read_bytes()).splitlines()) == 1 + 4 + 2
    )  # head, events, spec and value
    assert await one(store, "select count(*) from archives where body is not null") == 0
    assert await read_all(store, runs) == before
    hidden = files[0].rename(tmp_path / "elsewhere")
    run = UUID(files[0].name.partition(".")[0])
    with pytest.raises(JournalError, match="Put it back"):
        await Journal(store).read(run)
    hidden.rename(files[0])
    assert await restore(store, run)
    assert not files[0].exists()
    assert await read_all(store, runs) == before


async def test_a_folder_that_cannot_be_written_stops_it_and_nothing_is_removed(
    store: Store, tmp_path: Path
) -> None:
    runs = await ended(store, 2)
    (tmp_path / "file").write_text("")
    with pytest.raises(JournalError, match="nothing was removed"):
        await retain(store, replace(NOW, to=tmp_path / "file"))
    assert await one(store, "select count(*) from events") == 8
    assert [len(events) for events in await read_all(store, runs)] == [4, 4]


async def test_what_is_deleted_leaves_a_tombstone_and_its_number_is_not_used_again(
    store: Store, tmp_path: Path
) -> None:
    keep, *runs = await ended(store, 5)
    await do(store, "update runs set agent = 'b' where id = %s", keep)
    policy = replace(NOW, delete_after=timedelta(microseconds=2), agent="a", to=tmp_path, batch=3)
    oldest = await one(store, "select min(updated_at) from runs where agent = 'a'")
    assert await due(store, policy) == Due(4, 4, oldest, oldest)
    assert (await retain(store, replace(policy, delete_after=None))).archived == 4
    hashes = await one(store, "select array_agg(sha256 order by run) from archives")
    assert (await retain(store, policy)).deleted == 4
    assert await one(store, "select array_agg(sha256 order by run) from tombstones") == hashes
    assert await one(store, "select array_agg(id) from runs") == [keep]
    async with store.pool.connection() as connection:
        found = await connection.execute(
            "select agent, status, policy, events, path, ended_at between created_at and deleted_at from tombstones"
        )
        assert set(await found.fetchall()) == {("a", "met", str(policy), 4, None, True)}
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]
    journal = Journal(store)
    with pytest.raises(JournalError, match="was deleted on"):
        await journal.read(runs[0])
    with pytest.raises(UserError, match="was deleted on"):
        await find_run(store, str(runs[0]))
    with pytest.raises(JournalError, match="was deleted on"):
        await restore(store, runs[0])
    with pytest.raises(StaleWriter):
        await journal.append(runs[0], 4, [Nudged(level=0, reason="r", text="t")])
    assert len(await journal.read(keep)) == 4


async def test_a_file_that_could_not_be_removed_is_removed_the_next_time(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await ended(store, 2)
    policy = replace(NOW, delete_after=timedelta(microseconds=2), to=tmp_path)

    def refuse(self: Path, missing_ok: bool = False) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "unlink", refuse)
    with pytest.raises(StoreError, match="Permission denied"):
        await retain(store, policy)
    monkeypatch.undo()
    assert len([path for path in tmp_path.rglob("*") if path.is_file()]) == 2
    assert (await retain(store, policy)).deleted == 0
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


async def test_a_run_that_somebody_appends_to_meanwhile_is_left_alone(store: Store) -> None:
    (run,) = await ended(store)
    async with await psycopg.AsyncConnection.connect(store.url) as writer:
        body = '{"level":0,"reason":"r","text":"t"}'
        await writer.execute("insert into events values (%s, 5, now(), 'nudged', %s)", (run, body))
        with pytest.raises(StoreError, match="run it again"):  # it waits for whoever may win, not for ever
            await retain(store, NOW)
        archiving = asyncio.create_task(retain(store, NOW))
        await somebody_waits(store)
        await writer.commit()
        assert (await archiving).archived in (0, 1)
    assert len((await read_all(store, [run]))[0]) == 5


async def test_a_check_names_each_archive_that_does_not_hold(store: Store, tmp_path: Path) -> None:
    inside, outside = await ended(store, 3), []
    await retain(store, NOW)
    outside = await ended(store, 2)
    await retain(store, replace(NOW, to=tmp_path))
    assert await check(store) == Checked(5, {})
    await do(
        store, "update archives set body = overlay(body placing 'x'::bytea from 40) where run = %s", inside[0]
    )
    await do(store, "delete from archives where run = %s", inside[1])
    next(tmp_path.rglob(f"{outside[0]}*")).unlink()
    found = await check(store, batch=2)
    assert found.archives == 5
    assert set(found.broken) == {inside[0], inside[1], outside[0]}
    assert "is missing" in found.broken[inside[1]]


def test_ages_are_read_and_written_as_people_write_them() -> None:
    for text in ("12h", "90d", "6w", "7y"):
        assert write_age(parse_age(text)) == text
    assert parse_age(" 2 d ") == timedelta(days=2)
    assert write_age(timedelta(seconds=1.5)) == "1.5 s"
    for text in ("", "d", "0d", "-1d", "90", "1.5y", "90 days"):
        with pytest.raises(UserError, match="no age"):
            parse_age(text)


def test_the_policy_of_the_settings_is_off_unless_it_is_set() -> None:
    assert policy_of(Settings()) is None
    found = policy_of(Settings(retain_archive_after="90d", retain_delete_after="7y"))  # type: ignore[arg-type]
    assert str(found) == "archive after 90d, delete after 7y"
    with pytest.raises(UserError, match="REMIT_RETAIN_ARCHIVE_AFTER"):
        policy_of(Settings(retain_delete_after="7y"))  # type: ignore[arg-type]
    with pytest.raises(UserError, match="older"):
        Policy(timedelta(days=90), timedelta(days=90))
    with pytest.raises(UserError, match="not ended"):
        Policy(timedelta(days=90), status=("waiting",))
