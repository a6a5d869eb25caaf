"""The journal on a real database: one writer wins, nothing is half written, everything stays readable."""

from __future__ import annotations

import asyncio
from pathlib import Path
from uuid import UUID, uuid4

import pytest

from remit.errors import StaleWriter, StoreError, UnreadableEvent
from remit.journal import events as events_module
from remit.journal.body import MAY_BE_BIG, decode, is_small
from remit.journal.events import (
    TYPES,
    Acted,
    Answered,
    AnyBody,
    Asked,
    Call,
    Compacted,
    Delegated,
    Finished,
    Judged,
    Nudged,
    Person,
    Replied,
    Started,
)
from remit.journal.index import find_run, list_asks, list_runs
from remit.journal.journal import Journal
from remit.store.store import Store

GOLDEN = Path(__file__).parent / "golden"
START = Started(goal="g", agent="a", spec={"name": "a"})


def note(text: str) -> Nudged:
    return Nudged(level=0, reason="test", text=text)


async def count(store: Store, table: str) -> int:
    async with store.pool.connection() as connection:
        row = await (await connection.execute(f"select count(*) from {table}")).fetchone()  # type: ignore[arg-type]
    assert row is not None
    return int(row[0])


async def test_what_is_appended_is_read_back_in_order(store: Store) -> None:
    journal, run = Journal(store), uuid4()
    written = await journal.append(run, 0, [START, note("ä\u0000\u2028")])
    written += await journal.append(run, 2, [Finished(status="met", report="r", output={"a": [1, None]})])
    assert await journal.read(run) == written
    assert await journal.read(run, 2) == written[2:]
    assert await journal.read(uuid4()) == []


async def test_of_two_writers_one_wins_and_others_in_the_commit_do_not_suffer(store: Store) -> None:
    journal, one, other = Journal(store), uuid4(), uuid4()
    await journal.append(one, 0, [START])
    results = await asyncio.gather(
        journal.append(one, 1, [note("first")]),
        Journal(store).append(one, 1, [note("second")]),
        journal.append(other, 0, [START]),
        journal.append(one, 1, [note("third")]),
        return_exceptions=True,
    )
    assert sum(isinstance(r, StaleWriter) for r in results) == 2
    assert len(await journal.read(one)) == 2
    assert len(await journal.read(other)) == 1


async def test_a_failed_append_takes_those_behind_it_along_so_that_no_gap_is_written(store: Store) -> None:
    journal, run = Journal(store), uuid4()
    await journal.append(run, 0, [START, note("theirs")])
    stale = journal.submit(run, 1, [note("mine")])
    behind = journal.submit(run, 2, [note("mine, later")], stale)
    with pytest.raises(StaleWriter):
        await stale.done
    with pytest.raises(StaleWriter):
        await behind.done
    with pytest.raises(StaleWriter):
        await journal.submit(run, 3, [note("mine, later still")], behind).done
    assert [e.seq for e in await journal.read(run)] == [1, 2]
    assert len(await journal.append(run, 2, [note("read again")])) == 1


LONG = "x" * 20_000
BIG: list[AnyBody] = [
    Started(goal=LONG, agent="a", spec={"name": LONG}, inputs={"a": LONG}, quoted=LONG, task=LONG),
    Delegated(call_id="1.1", child=uuid4(), agent="a", spec={"name": LONG}),
    Answered(
        model="m", text=LONG, calls=[Call(id="1.1", tool="write", args={"text": LONG})], data={"a": LONG}
    ),
    Judged(call_id="1.1", tool="t", effect="read", decision="allow", rule="r", records={"a": LONG}),
    Acted(call_id="1.1", tool="t", result={"a": LONG}),
    Asked(ask_id="q", kind="question", text=LONG),
    Compacted(upto=1, summary=LONG),
    Finished(status="met", report=LONG, output={"a": LONG}),
]


@pytest.mark.parametrize("body", BIG, ids=lambda body: body.type)
async def test_whatever_field_is_big_is_read_back_as_it_was(store: Store, body: AnyBody) -> None:
    journal, run = Journal(store), uuid4()
    assert {name for name in MAY_BE_BIG[body.type] if not is_small(getattr(body, name))} == set(
        MAY_BE_BIG[body.type]
    )
    await journal.append(run, 0, [body])
    (event,) = await journal.read(run)
    assert event.body == body


def test_each_field_that_may_be_big_is_tried() -> None:
    assert {body.type for body in BIG} == set(MAY_BE_BIG)


async def test_big_values_are_stored_once_and_read_back_whole(store: Store) -> None:
    journal, big = Journal(store), {"rows": ["x" * 100] * 500}
    runs = [uuid4() for _ in range(3)]
    for run in runs:
        await journal.append(run, 0, [START, Acted(call_id="1", tool="t", result=big)])
    assert await count(store, "blobs") == 2  # the spec and the value
    for run in runs:
        body = (await journal.read(run))[1].body
        assert isinstance(body, Acted)
        assert body.result == big


async def test_a_result_that_looks_like_a_reference_is_only_a_value(store: Store) -> None:
    journal, run = Journal(store), uuid4()
    await journal.append(run, 0, [START, Acted(call_id="1", tool="t", result={"big": ["result"]})])
    body = (await journal.read(run))[1].body
    assert isinstance(body, Acted)
    assert body.result == {"big": ["result"]}


async def test_text_that_is_no_unicode_is_mended_not_refused(store: Store) -> None:
    journal, run = Journal(store), uuid4()
    await journal.append(run, 0, [START, Answered(model="m", text="bad \ud800 text")])
    body = (await journal.read(run))[1].body
    assert isinstance(body, Answered)
    assert body.text == "bad ? text"


async def test_the_index_follows_the_journal(store: Store) -> None:
    journal, run = Journal(store), uuid4()
    await journal.append(run, 0, [START, Asked(ask_id="q1", kind="question", text="?")])
    assert [(r.id, r.status) for r in await list_runs(store)] == [(run, "waiting")]
    assert [(a.run, a.ask_id) for a in await list_asks(store)] == [(run, "q1")]
    await journal.append(run, 2, [Replied(ask_id="q1", decision="answer", by="o")])
    assert await list_asks(store) == []
    await journal.append(run, 3, [Finished(status="met")])
    assert [r.status for r in await list_runs(store, status=["met"])] == ["met"]
    assert await find_run(store, str(run)[:8]) == run == await find_run(store, "last")


async def test_text_with_nul_is_kept_and_spoils_nobody_elses_append(store: Store) -> None:
    journal, odd, other = Journal(store), uuid4(), uuid4()
    started = Started(goal="a\0b", agent="x\0y", spec={}, person=Person(email="\0@x.org"))
    ask = Asked(ask_id="q1", kind="question", text="what\0?")
    plain, _ = await asyncio.gather(
        journal.append(other, 0, [START]), journal.append(odd, 0, [started, ask]), return_exceptions=True
    )
    assert not isinstance(plain, BaseException)
    body = (await journal.read(odd))[0].body
    assert isinstance(body, Started)
    assert body.goal == "a\0b"
    assert [a.text for a in await list_asks(store)] == ["what\u2400?"]


async def test_what_is_asked_and_answered_in_one_append_does_not_wait(store: Store) -> None:
    journal, run = Journal(store), uuid4()
    asked = Asked(ask_id="q1", kind="question", text="?")
    await journal.append(run, 0, [START, asked, Replied(ask_id="q1", decision="answer", by="o")])
    assert await list_asks(store) == []
    assert [(r.id, r.status) for r in await list_runs(store)] == [(run, "running")]


async def test_who_is_written_is_told_even_if_what_follows_must_not_be(store: Store) -> None:
    journal, run, other = Journal(store), uuid4(), uuid4()
    await journal.append(run, 0, [note("theirs")])
    stale = journal.submit(run, 0, [note("mine")])
    with pytest.raises(StaleWriter):
        await stale.done
    written = journal.submit(other, 0, [note("another's")])
    await asyncio.sleep(0)
    assert not journal._pending  # it is on its way
    behind = journal.submit(run, 1, [note("mine, later")], stale)
    async with asyncio.timeout(20):
        assert await written.done
        with pytest.raises(StaleWriter):
            await behind.done
    await journal.close()


async def test_nobody_waits_for_a_writer_that_was_broken_off(store: Store) -> None:
    journal = Journal(store)
    under_way = journal.submit(uuid4(), 0, [note("under way")])
    await asyncio.sleep(0)
    assert not journal._pending
    pending = journal.submit(run := uuid4(), 0, [note("pending")])
    assert journal._flusher is not None
    journal._flusher.cancel()
    async with asyncio.timeout(20):
        for append in (under_way, pending):
            with pytest.raises(StoreError, match="broke off"):
                await append.done
        assert len(await journal.append(run, 0, [note("again")])) == 1
    await journal.close()


async def test_a_closed_journal_leaves_nothing_behind_on_the_connections_it_used(store: Store) -> None:
    run = uuid4()
    for seq in range(20):
        journal = Journal(store)
        await journal.append(run, seq, [START if seq == 0 else Answered(model="m", text="hello")])
        await journal.close()
    assert len(await Journal(store).read(run)) == 20


async def test_more_events_at_once_than_a_batch_holds_are_all_written_in_order(store: Store) -> None:
    journal, runs = Journal(store), [uuid4() for _ in range(300)]

    async def write(run: UUID) -> None:
        await journal.append(run, 0, [START])
        for seq in range(1, 6):
            await journal.append(run, seq, [Answered(model="m", text=f"back\\slash {seq}\nnew line")])

    await asyncio.gather(*(write(run) for run in runs))
    for run in (runs[0], runs[150], runs[-1]):
        texts = [e.body.text for e in await journal.read(run) if isinstance(e.body, Answered)]
        assert texts == [f"back\\slash {seq}\nnew line" for seq in range(1, 6)]
    await journal.close()


@pytest.mark.parametrize("path", sorted(GOLDEN.glob("*.json")), ids=lambda p: p.stem)
def test_every_event_ever_written_stays_readable(path: Path) -> None:
    event = decode(
        uuid4(), 1, events_module.datetime(2026, 11, 21), path.stem.split("-")[0], path.read_text()
    )
    assert event.body.type == path.stem.split("-")[0]
    assert event.body != type(event.body).model_construct()


def test_there_is_a_golden_file_for_every_type() -> None:
    assert {p.stem.split("-")[0] for p in GOLDEN.glob("*.json")} == set(TYPES)


def test_an_event_of_a_newer_version_says_to_upgrade() -> None:
    with pytest.raises(UnreadableEvent, match="upgrade Remit"):
        decode(uuid4(), 1, events_module.datetime(2026, 11, 21), "teleported", "{}")
