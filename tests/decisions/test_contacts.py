"""The send gate's own book: who was reached, who may be now, and that of two at once only one gets the last place."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from datetime import UTC, datetime, time, timedelta
from typing import Any
from uuid import uuid4

import pytest

from remit.decisions.action import Cap, Quiet, Rules
from remit.decisions.contacts import Came, Wanted, contacts_of, judge, reserve, settle
from remit.decisions.ruled import lift, set_rules, suppress, suppressed, versions
from remit.decisions.standing import rules_of, standings
from remit.errors import UnknownName, UserError
from remit.graph.identifiers import Identifier, identifier
from remit.graph.ingest import take
from remit.graph.met import met
from remit.graph.people import find
from remit.store.store import Store

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
ANN = identifier("email", "ann@shop.example")
TWICE = Rules(caps=(Cap(name="week", count=2, days=7),))


async def profile(store: Store, address: str = "ann@shop.example") -> int:
    who = identifier("email", address)
    return (await met(store, [who]))[who.key]


def mail(who: Identifier = ANN, purpose: str = "service", **more: Any) -> Wanted:
    return Wanted(who.key, "email", purpose, "desk", run=uuid4(), call="1", **more)


async def says(store: Store, kind: str, address: str = "ann@shop.example", **more: Any) -> None:
    row = {
        "id": f"{kind} {uuid4()}",
        "at": (NOW - timedelta(days=1)).isoformat(),
        "kind": kind,
        "email": address,
        "channel": "email",
    }
    taken = await take(store, [(1, row | more)], "test")
    assert taken.set_aside == ()


async def test_who_was_never_heard_of_may_be_told_what_they_must_know_and_nothing_else(store: Store) -> None:
    ann = await profile(store)
    assert await reserve(store, [mail(ANN)], NOW) == []
    (refused,) = await reserve(store, [mail(ANN, "marketing")], NOW)
    assert [(one.rule, one.until) for one in refused.rules] == [("consent", None)]
    kept = await contacts_of(store, [ann])
    assert [(one.state, one.purpose) for one in kept] == [("refused", "marketing"), ("reserved", "service")]
    assert "never said yes" in kept[0].why


async def test_who_says_no_meanwhile_is_not_reached(store: Store) -> None:
    await says(store, "consent_given", properties={"purpose": "marketing"})
    assert await judge(store, [mail(ANN, "marketing")], NOW) == []
    await says(store, "unsubscribed", at=(NOW - timedelta(hours=1)).isoformat())
    assert [one.rules[0].rule for one in await reserve(store, [mail(ANN, "marketing")], NOW)] == ["consent"]
    assert await reserve(store, [mail(ANN)], NOW) == []


async def test_of_many_who_want_the_last_place_one_gets_it(store: Store) -> None:
    await set_rules(store, TWICE, "", "olga")
    async with (
        AsyncExitStack() as held
    ):  # so that each has a connection at once, and none is first by waiting for one
        for _ in range(4):
            await held.enter_async_context(store.pool.connection())
    found = await asyncio.gather(*(reserve(store, [mail(ANN)], NOW) for _ in range(8)))
    assert sum(not one for one in found) == 2
    until = {one[0].until for one in found if one}
    assert until == {NOW + timedelta(days=7)}


async def test_all_addresses_of_a_person_are_one_person_to_a_cap(store: Store) -> None:
    await set_rules(store, TWICE, "", "olga")
    both = {
        "customer": "C1",
        "email": "ann@shop.example",
        "identifiers": [{"kind": "email", "value": "ann@home.example"}],
    }
    row = {"id": "r", "at": NOW.isoformat(), "kind": "record", "verified": True} | both
    assert (await take(store, [(1, row)], "crm")).set_aside == ()
    home = identifier("email", "ann@home.example")
    one = mail(ANN)
    assert (
        await reserve(store, [one, Wanted(home.key, "email", "service", "desk", run=one.run, call="1")], NOW)
        == []
    )
    assert await reserve(store, [mail(home)], NOW) == []
    assert [found.rules[0].rule for found in await reserve(store, [mail(ANN)], NOW)] == ["cap week"]


async def test_what_came_to_nothing_counts_no_more_and_the_same_call_counts_once(store: Store) -> None:
    await set_rules(store, TWICE, "", "olga")
    ann = await profile(store)
    first, second = mail(ANN), mail(ANN)
    for one in (first, second, first, second):  # as who begins again after a crash
        assert await reserve(store, [one], NOW) == []
    assert len(await reserve(store, [mail(ANN)], NOW)) == 1
    assert second.run is not None
    await settle(store, [Came(second.run, second.call, "failed", "the server refuses it")])
    third = mail(ANN)
    assert await reserve(store, [third], NOW) == []
    assert third.run is not None
    await settle(store, [Came(third.run, third.call, "sent")])
    await settle(store, [Came(third.run, third.call, "failed")])  # what was sent stays so
    assert {one.state for one in await contacts_of(store, [ann]) if one.run == third.run} == {"sent"}


async def test_what_may_have_happened_goes_on_counting_where_it_may_not_be_tried_again(store: Store) -> None:
    ann = await profile(store)
    one = mail(ANN)
    assert await reserve(store, [one], NOW) == []
    await says(store, "complained")
    assert [found.rules[0].rule for found in await reserve(store, [one], NOW, begun=True)] == ["consent"]
    assert [(made.state, made.why) for made in await contacts_of(store, [ann])] == [("reserved", "")]


async def test_several_readers_are_reached_together_or_not_at_all(store: Store) -> None:
    bo = await profile(store, "bo@shop.example")
    await suppress(store, bo, "asked to be left alone", "olga")
    one = mail(ANN)
    other = Wanted(("email", "bo@shop.example"), "email", "service", "desk", run=one.run, call="1")
    (refused,) = await reserve(store, [one, other], NOW)
    assert (refused.wanted.who[1], refused.rules[0].because) == ("bo@shop.example", "asked to be left alone")
    assert [made.profile for made in await contacts_of(store) if made.state == "reserved"] == []


async def test_an_address_that_is_dead_is_not_written_to_and_the_others_are(store: Store) -> None:
    await says(store, "bounced")
    (refused,) = await reserve(store, [mail(ANN)], NOW)
    assert refused.rules[0].because == "what was sent there came back"


async def test_an_answer_needs_no_hour_and_uses_no_cap_up(store: Store) -> None:
    night = (Quiet(start=time(21), end=time(8)),)
    await set_rules(store, Rules(quiet=night, caps=TWICE.caps, zone="Asia/Tokyo"), "", "olga")  # 21:00 there
    for _ in range(4):
        assert await reserve(store, [mail(ANN, "reply")], NOW) == []
    (refused,) = await reserve(store, [mail(ANN)], NOW)
    assert (refused.rules[0].rule, refused.until) == ("quiet hours", NOW + timedelta(hours=11))
    assert await reserve(store, [mail(ANN)], NOW + timedelta(hours=11)) == []


async def test_hours_are_those_where_a_person_lives(store: Store) -> None:
    ann = await profile(store)
    about = {"timezone": "America/New_York", "country": "us"}
    await take(
        store,
        [(1, {"id": "r", "at": NOW.isoformat(), "kind": "record", "email": ANN.value, "attributes": about})],
        "crm",
    )
    standing = await standings(store, [ann, 999], NOW)
    assert (standing[ann].zone, standing[ann].country, standing[999].zone) == ("America/New_York", "US", "")


async def test_rules_are_kept_in_versions_with_who_and_why(store: Store) -> None:
    assert await rules_of(store) == Rules()
    assert await set_rules(store, TWICE, "too many complain", "olga", base=0) == 1
    assert await rules_of(store) == TWICE
    with pytest.raises(UserError, match="somebody has set version 1"):
        await set_rules(store, Rules(), "", "paul", base=0)
    assert [(one.version, one.who, one.note) for one in await versions(store)] == [
        (1, "olga", "too many complain")
    ]


async def test_who_is_left_alone_may_be_reached_again_when_somebody_says_so(store: Store) -> None:
    ann = await profile(store)
    number = await suppress(store, ann, "a lawsuit", "olga", until=NOW + timedelta(days=3650))
    assert [one.because for one in await suppressed(store)] == ["a lawsuit"]
    person = await find(store, ANN.value)
    assert [one.because for one in (await standings(store, [person.id], NOW))[person.id].suppressed] == [
        "a lawsuit"
    ]
    assert await reserve(store, [mail(ANN)], NOW) != []
    await lift(store, number, "olga")
    assert await reserve(store, [mail(ANN)], NOW) == []
    assert await suppressed(store) == []
    with pytest.raises(UnknownName):
        await lift(store, number, "olga")


async def test_a_workspace_knows_nothing_of_whom_another_reaches(store: Store) -> None:
    await set_rules(store, Rules(caps=(Cap(name="never", count=0, days=1),)), "", "olga")
    other = store.as_owner("other")
    assert await reserve(other, [mail(ANN)], NOW) == []
    assert await contacts_of(store) == []
