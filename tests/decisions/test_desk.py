"""The desk: calls of many runs reserve and settle together, and each as if it had been alone."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from uuid import UUID, uuid4

import psycopg
import pytest

from remit.decisions.action import Cap, Rules
from remit.decisions.contacts import Came, Wanted, contacts_of, held_of
from remit.decisions.desk import Desk
from remit.decisions.ruled import set_rules
from remit.graph.people import find, timeline
from remit.store.store import Store
from tests.decisions.test_contacts import ANN, NOW, TWICE

BO = ("email", "bo@shop.example")


def wanted(run: UUID, who: tuple[str, str] = ANN.key, purpose: str = "service", call: str = "1") -> Wanted:
    return Wanted(who, "email", purpose, "desk", run=run, call=call)


async def test_of_many_in_line_the_first_get_the_places_and_a_refusal_uses_none_up(store: Store) -> None:
    await set_rules(store, TWICE, "", "olga")
    desk, runs = Desk(store), [uuid4() for _ in range(5)]
    asked = [desk.reserve("default", [wanted(runs[0], purpose="marketing")], NOW)]
    asked += [desk.reserve("default", [wanted(run)], NOW) for run in runs[1:]]
    found = [
        [rule.rule for one in refused for rule in one.rules] for refused, _ in await asyncio.gather(*asked)
    ]
    assert found == [["consent"], [], [], ["cap week"], ["cap week"]]


async def test_two_workers_never_give_the_last_place_twice(store: Store) -> None:
    await set_rules(store, Rules(caps=(Cap(name="day", count=3, days=1),)), "", "olga")
    desks = Desk(store), Desk(store)
    asked = [
        desks[n % 2].reserve("default", [wanted(uuid4(), who)], NOW)
        for n in range(20)
        for who in (ANN.key, BO)
    ]
    refused = [one for one, _ in await asyncio.gather(*asked)]
    assert sum(not one for one in refused) == 6
    kept = [one.state for one in await contacts_of(store, limit=100)]
    assert (kept.count("reserved"), kept.count("refused")) == (6, 34)


async def test_a_call_that_begins_again_counts_once_for_who_stands_behind_it(store: Store) -> None:
    await set_rules(store, TWICE, "", "olga")
    desk, run, other = Desk(store), uuid4(), uuid4()
    await desk.reserve("default", [wanted(run)], NOW)
    again = desk.reserve("default", [wanted(run)], NOW, begun=True)
    (refused, held), (later, _) = await asyncio.gather(again, desk.reserve("default", [wanted(other)], NOW))
    assert (refused, later) == ([], [])
    assert [(one.call, one.kind, one.value) for one in held] == [("1", *ANN.key)]


async def test_rules_that_somebody_sets_hold_for_the_next_in_line_in_every_process(store: Store) -> None:
    desks = Desk(store), Desk(store)
    for desk in desks:
        assert (await desk.reserve("default", [wanted(uuid4())], NOW))[0] == []
    await set_rules(store, TWICE, "", "olga")
    for desk in desks:
        assert [one.rules[0].rule for one in (await desk.reserve("default", [wanted(uuid4())], NOW))[0]] == [
            "cap week"
        ]
    await set_rules(store, Rules(), "", "olga")
    for desk in desks:
        assert (await desk.reserve("default", [wanted(uuid4())], NOW))[0] == []


async def test_a_contact_as_old_as_the_longest_cap_counts_until_it_is_older(store: Store) -> None:
    await set_rules(store, Rules(caps=(Cap(name="two-days", count=1, days=2),)), "", "olga")
    desk = Desk(store)
    await desk.reserve("default", [wanted(uuid4())], NOW)
    almost = NOW + timedelta(days=2) - timedelta(seconds=1)
    assert (await desk.reserve("default", [wanted(uuid4())], almost))[0] != []
    assert (await desk.reserve("default", [wanted(uuid4())], almost + timedelta(seconds=1)))[0] == []


async def test_workspaces_in_one_line_know_nothing_of_each_other(store: Store) -> None:
    await set_rules(store, Rules(caps=(Cap(name="never", count=0, days=1),)), "", "olga")
    desk = Desk(store)
    where = ("default", "other", "default", "other")
    found = await asyncio.gather(*(desk.reserve(one, [wanted(uuid4())], NOW) for one in where))
    assert [bool(refused) for refused, _ in found] == [True, False, True, False]


async def test_what_the_database_cannot_take_of_one_is_no_matter_of_the_others(store: Store) -> None:
    desk, good = Desk(store), uuid4()
    odd = desk.reserve("default", [wanted(uuid4(), ("email", "nul\0@shop.example"))], NOW)
    wrong, right = await asyncio.gather(
        odd, desk.reserve("default", [wanted(good)], NOW), return_exceptions=True
    )
    assert isinstance(wrong, psycopg.Error)
    assert not isinstance(right, BaseException)
    assert [one.call for one in await held_of(store, good)] == ["1"]


async def test_what_was_sent_is_settled_and_told_once_however_often_it_is_said(store: Store) -> None:
    desk, runs = Desk(store), [uuid4() for _ in range(3)]
    await asyncio.gather(*(desk.reserve("default", [wanted(run)], NOW) for run in runs))
    row = {
        "at": NOW.isoformat(),
        "kind": "message",
        "direction": "out",
        "channel": "email",
        "email": ANN.value,
    }
    for _ in range(2):
        done = [
            desk.settle("default", [Came(run, "1", "sent")], [row | {"id": str(run)}]) for run in runs[:2]
        ]
        done.append(desk.settle("default", [Came(runs[2], "1", "failed", "the server refuses it")], []))
        await asyncio.gather(*done)
    person = await find(store, ANN.value)
    assert len(await timeline(store, person)) == 2
    assert sorted((one.state, one.why) for one in await contacts_of(store)) == [
        ("failed", "the server refuses it"), ("sent", ""), ("sent", ""),
    ]  # fmt: skip


async def test_who_stops_waiting_holds_nobody_up(store: Store) -> None:
    desk = Desk(store)
    gone = asyncio.ensure_future(desk.reserve("default", [wanted(uuid4())], NOW))
    await asyncio.sleep(0)
    gone.cancel()
    assert (await desk.reserve("default", [wanted(uuid4())], NOW))[0] == []
    with pytest.raises(asyncio.CancelledError):
        await gone
    await desk.close()
