"""Erasing a person: nothing that tells of them is left anywhere, and everybody else is as before."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest

from remit.access.audit import entries
from remit.errors import FieldError
from remit.graph.people import NoSuchPerson, find, timeline
from remit.journal.due import Policy
from remit.journal.journal import Journal
from remit.journal.retain import retain
from remit.privacy.erase import Erasure, begin, foreseen, go_on
from remit.privacy.holds import set_hold
from remit.store.store import Store
from remit.talks.search import said
from tests.graph.conftest import dump, row, taken
from tests.privacy.conftest import ANN, NAME, OTHER, everything, plant, traces
from tests.test_retention import DAY

Json = Any


async def nobody(run: UUID, by: str, why: str) -> None:
    raise AssertionError("no run of hers is open")


async def erased(store: Store, who: str = ANN["email"], because: str = "she asked", **more: Any) -> Erasure:
    return await go_on(store, await begin(store, await find(store, who), "dpo", because, **more), nobody)


async def test_nothing_of_an_erased_person_is_left_in_the_database_or_the_files_of_runs(store: Store) -> None:
    planted = await plant(store)
    assert len({where for where, _ in traces(await everything(store))}) >= 12
    done = await erased(store, because=f"{NAME} asked from {ANN['email']}")
    assert done.done_at is not None
    assert traces(await everything(store)) == set()
    with pytest.raises(NoSuchPerson):
        await find(store, ANN["phone"])
    assert done.counts["graph_interactions"] >= 4
    assert done.counts["runs for them"] == 1
    assert (planted.files["list.csv"].read_text(), planted.files["letter.txt"].exists()) == (
        f"{OTHER}\n[erased {done.id.hex[:8]}]\n",
        False,
    )
    assert not planted.files["photo.bin"].exists()


async def test_everybody_else_is_as_they_were_but_for_what_they_said_of_the_erased_person(
    store: Store,
) -> None:
    planted = await plant(store)
    before, journal = await dump(store), Journal(store)
    others = {run: await journal.read(run) for run in (planted.other, planted.mentions, planted.big)}
    await erased(store)
    after = await dump(store)
    hers = {*ANN.values()}
    assert after["profiles"] == {one for one in before["profiles"] if one[1] not in hers}
    assert after["state"] == {one for one in before["state"] if one[1] not in hers}
    assert after["people"] == {
        one for one in before["people"] if not any(key.endswith(f":{value}") for key in one for value in hers)
    }
    assert {one[1] for one in after["interactions"]} == {"o1", "o2", "o3", "o4"}
    assert await journal.read(planted.other) == others[planted.other]
    for run in (planted.mentions, planted.big):  # the same events, of the same run
        assert [(one.seq, one.at, one.body.type) for one in await journal.read(run)] == [
            (one.seq, one.at, one.body.type) for one in others[run]
        ]
    (told,) = [one for one in await timeline(store, await find(store, OTHER)) if one.event == "o3"]
    assert told.body == f"My address is {OTHER}"
    assert told.properties is not None
    assert told.properties["refers"].startswith("[erased ")
    (big,) = [one.body.result for one in await journal.read(planted.big) if one.body.type == "acted"]
    assert (len(big["rows"]), big["rows"][0]) == (401, f"{OTHER};1;C2")


@pytest.mark.parametrize("kept", ["in the database", "as files"])
async def test_archives_are_rid_of_the_person_and_can_be_read_as_before(store: Store, kept: str) -> None:
    planted = await plant(store)
    folder = store.settings.data_dir / "archives" if kept == "as files" else None
    async with store.pool.connection() as connection:
        await connection.execute("update runs set updated_at = updated_at - interval '9 days'")
    assert (await retain(store, Policy(DAY, None, to=folder))).archived == 4
    before = await Journal(store).read(planted.other)
    done = await erased(store)
    assert done.done_at is not None
    assert traces(await everything(store)) == set()
    assert (done.counts["runs for them"], done.counts["archives"]) == (1, 2)
    assert await Journal(store).read(planted.other) == before
    assert len(await Journal(store).read(planted.big)) == 3


async def test_what_a_hold_keeps_stays_without_the_person(store: Store) -> None:
    await plant(store)
    await set_hold(store, "invoices", ["purchase"], "10y", "§ 147 AO", "dpo")
    done = await erased(store)
    assert traces(await everything(store)) == set()
    query = "select value, subject, event from graph_interactions where kind = 'purchase'"
    async with store.pool.connection() as connection:
        ((value, subject, event),) = await (await connection.execute(query)).fetchall()
    assert (str(value), subject, event.startswith(done.id.hex[:8])) == ("12.5000", "", True)
    assert done.receipt is not None
    assert done.receipt["kept"] == [
        {"what": "interactions, by the hold invoices", "count": 1, "why": "§ 147 AO"}
    ]


async def test_late_events_do_not_bring_somebody_back_and_whoever_comes_again_is_somebody_new(
    store: Store,
) -> None:
    await plant(store)
    was = (await find(store, ANN["email"])).id
    await erased(store)
    late = row("e2", 20, email=ANN["email"])
    assert (await taken(store, late, row("o9", 1, email="bo@shop.example"))).new == 1
    with pytest.raises(NoSuchPerson):
        await find(store, ANN["email"])
    again = {"id": "n1", "at": "2099-01-01T00:00:00Z", "kind": "visit", "email": ANN["email"]}
    done = await taken(store, again)
    assert [
        one.why for one in done.set_aside
    ] != []  # it lies in the future: nothing but a clock that is wrong
    assert was > 0


async def test_who_is_never_to_come_again_does_not(store: Store) -> None:
    await plant(store)
    await erased(store, never=True)
    async with store.pool.connection() as connection:
        await connection.execute("update erased set at = '2020-01-01'")
    assert (
        await taken(store, row("n1", 1, email=ANN["email"]), row("n2", 1, email="bo@shop.example"))
    ).new == 1


async def test_what_it_would_come_to_is_said_before_and_nothing_is_changed_by_it(store: Store) -> None:
    await plant(store)
    before = await everything(store)
    found = await foreseen(store, await find(store, ANN["email"]))
    assert await everything(store) == before
    assert (found.runs, found.journals) == (1, 1)
    assert found.rows["graph_interactions"] == 4
    assert found.searched == {
        "audit": 1,
        "firings": 1,
        "graph_interactions": 2,
        "graph_rejected": 1,
        "runs": 2,
    }


async def test_what_an_erased_person_said_is_found_by_no_search(store: Store) -> None:
    await taken(
        store,
        row("m1", 2, email=ANN["email"], kind="message", channel="email", text="Where is my hat?"),
        row("m2", 1, email="bo@shop.example", kind="message", channel="email", text="My hat, ann.planted@shop.example has it."),
        verified="email",
    )  # fmt: skip
    assert len(await said(store, '"my hat"', None)) == 2
    await erased(store)
    (left,) = await said(store, "hat", None)
    assert left.text.startswith("My hat")
    assert await said(store, ANN["email"], None) == []


async def test_a_reason_is_needed(store: Store) -> None:
    await plant(store)
    with pytest.raises(FieldError, match="say why"):
        await begin(store, await find(store, ANN["email"]), "dpo", " ")
    assert [one.what for one in await entries(store, what="person")] == []
