"""A run that goes on from another one is the same whether its events are read or copied where they lie."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import hypothesis
import pytest
from hypothesis import strategies as st

from remit.errors import UserError
from remit.journal.branch import begun_by, branch, cut_off
from remit.journal.cut import take_over
from remit.journal.events import (
    Acted,
    Amended,
    Answered,
    AnyBody,
    Asked,
    Call,
    Compacted,
    Event,
    Finished,
    HandedOver,
    Intended,
    Paused,
    Slept,
    Started,
    Woken,
)
from remit.journal.journal import Journal
from remit.journal.retain import retain
from remit.journal.sweep import sweep
from remit.store.store import Store
from tests.journal import test_cut
from tests.journal.test_archive import NOW as ENDED
from tests.journal.test_archive import one
from tests.journal.test_cut import asked_once

pytestmark = pytest.mark.forged_journal("any journal, for what is taken over of it")
WHEN = datetime(2026, 11, 22, tzinfo=UTC)
BIG = "a long word " * 1_000
STARTED = Started(goal="g", agent="a", spec={"name": "a"})
ANSWER = Answered(model="m\0\0", calls=[Call(id=i, tool="t", args={"text": "\0"}) for i in ("1.1", "1.2")])
LATER = Answered(model="m", calls=[Call(id=f"2.{i}", tool="t", args={"text": BIG}) for i in (1, 2)])
UNDER_WAY: list[Any] = [(Intended, {"key": st.just("k")}), (Acted, {"tool": st.just("t")})]
later = st.sampled_from(["2.1", "2.2"])
bodies: st.SearchStrategy[AnyBody] = st.one_of(
    test_cut.bodies,
    st.just(LATER),
    st.builds(Acted, call_id=later, tool=st.just("t"), result=st.sampled_from(["\0", BIG])),
    *(st.builds(kind, call_id=test_cut.ids, **more) for kind, more in UNDER_WAY * 2),
    st.builds(Amended, ask_id=test_cut.asks, call_id=st.sampled_from(["1.1", "1.2"]), by=st.just("o")),
    st.builds(HandedOver, ask_id=test_cut.asks, by=st.just("o"), to=st.just("p")),
    st.builds(Slept, until=st.just(WHEN), call_id=st.sampled_from(["", "1.1", "2.1"])),
    st.builds(Woken, call_id=st.sampled_from(["", "1.1", "2.1"])),
    st.builds(
        Asked, ask_id=st.just("budget2"), kind=st.just("budget"), text=st.just("?"), expires=st.just(WHEN)
    ),
    st.builds(Compacted, upto=st.integers(1, 9), summary=st.just(BIG)),
)
journals = st.lists(bodies, max_size=24).map(lambda found: [STARTED, ANSWER, *asked_once(found)])


def examples(number: int) -> list[list[AnyBody]]:
    """Journals, the same each time."""
    found: list[list[AnyBody]] = []

    @hypothesis.settings(
        max_examples=number, derandomize=True, database=None, phases=[hypothesis.Phase.generate]
    )
    @hypothesis.given(journals)
    def collect(one: list[AnyBody]) -> None:
        found.append(one)

    collect()
    return found


def expected(events: list[Event], last: int) -> list[AnyBody] | None:
    """What a fork takes over of these; None where it may not be made."""
    try:
        return take_over(events, last, WHEN)
    except UserError:
        return None


async def forked(journal: Journal, run: UUID, last: int) -> list[AnyBody] | None:
    """What it has taken over in the database."""
    new = uuid4()
    try:
        found = await cut_off(journal.store, run, last, WHEN)
    except UserError:
        return None
    await branch(journal.store, run, new, STARTED, found, WHEN)
    first, *rest = await journal.read(new)
    assert (first.body, {event.at for event in (first, *rest)}) == (STARTED, {WHEN})
    return [event.body for event in rest]


@pytest.mark.parametrize(("whose", "number"), [("the owner's", 60), ("a guest's", 15)])
async def test_what_is_copied_is_what_would_have_been_taken_over_of_all_events(
    store: Store, whose: str, number: int
) -> None:
    journal, forks = Journal(store if whose == "the owner's" else store.within("default")), 0
    for written in examples(number):
        run = uuid4()
        events = await journal.append(run, 0, written)
        for last in {1 + len(written) * part // 4 for part in range(1, 4)} | {len(written)}:
            made = await forked(journal, run, last)
            assert made == expected(events, last), (last, written)
            forks += made is not None
    assert forks > number


async def test_of_an_archived_run_the_same_is_taken_over(store: Store) -> None:
    journal, written = Journal(store), {uuid4(): one for one in examples(40)}
    for run, bodies in written.items():
        await journal.append(run, 0, [*bodies, Finished(status="met")])
    done = await retain(store, ENDED)
    assert done.archived > 10
    for run in written.keys() - done.kept.keys():
        last = len(written[run])
        assert await forked(journal, run, last) == expected(await journal.read(run), last)


async def test_what_waits_in_a_fork_is_found_by_whoever_looks_for_it(store: Store) -> None:
    run, new = uuid4(), uuid4()
    asked = Asked(ask_id="q1", kind="question", text="which?", expires=WHEN + timedelta(days=1))
    gone = Asked(ask_id="q0", kind="question", text="what?")
    answered = test_cut.YES.model_copy(update={"ask_id": "q0"})
    slept = Slept(until=WHEN + timedelta(hours=1))
    await Journal(store).append(run, 0, [STARTED, gone, answered, Paused(), asked, slept])
    await branch(store, run, new, STARTED, await cut_off(store, run, 6, WHEN), WHEN)
    async with store.pool.connection() as connection:
        waits = await connection.execute("select ask_id, text from asks where run = %s", (new,))
        assert await waits.fetchall() == [("q1", "which?")]
        timers = await connection.execute("select due from remit_timers where run = %s", (new,))
        assert await timers.fetchall() == [(slept.until,)]
    assert await one(store, "select status from runs where id = %s", new) == "waiting"


async def test_a_big_value_that_only_a_fork_names_any_more_is_not_swept(store: Store) -> None:
    run, new = uuid4(), uuid4()
    acted = Acted(call_id="2.1", tool="t", result=BIG)
    await Journal(store).append(run, 0, [STARTED, LATER, acted, Finished(status="met")])
    await branch(store, run, new, STARTED, await cut_off(store, run, 3, WHEN), WHEN)
    await retain(store, ENDED)
    await sweep(store)
    assert [event.body for event in await Journal(store).read(new)] == [STARTED, LATER, acted]


async def test_a_sweep_under_way_hears_of_the_values_that_a_fork_names(store: Store) -> None:
    run = uuid4()
    acted = Acted(call_id="2.1", tool="t", result=BIG)
    await Journal(store).append(run, 0, [STARTED, LATER, acted])
    async with store.pool.connection() as connection:
        await connection.execute("insert into sweeps (id) values (%s)", (run,))
    await forked(Journal(store), run, 3)
    noted = await one(store, "select count(distinct sha256) from sweep_used where sweep = %s", run)
    assert noted == await one(store, "select count(*) from blobs") == 3


async def test_what_is_no_run_and_no_event_of_it_is_said(store: Store) -> None:
    run = uuid4()
    with pytest.raises(UserError, match="there is no run"):
        await begun_by(store, run, None)
    await Journal(store).append(run, 0, [STARTED])
    with pytest.raises(UserError, match="has events 1 to 1; 2 is not one of them"):
        await begun_by(store, run, 2)
