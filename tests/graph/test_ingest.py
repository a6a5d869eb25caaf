"""Taking in what happened: once each, in any order, with whatever is wrong set aside."""

from __future__ import annotations

import random
from decimal import Decimal
from typing import Any

import pytest

from remit.errors import UserError
from remit.graph.aside import aside_of, count_aside, drop, list_aside, mend, object_in
from remit.graph.people import NoSuchPerson, find, read_of, search, state_at, state_of, terms_of, timeline
from remit.graph.state import Key
from remit.store.store import Store
from tests.graph.conftest import NOW, dump, people, row, taken

Json = Any


async def test_what_happened_is_found_by_any_identifier_and_comes_to_a_state(store: Store) -> None:
    done = await taken(
        store,
        row("e1", 40, email="Ann@Shop.example", phone="+49 170 1234567", kind="signup", name="Ann Lee"),
        row(
            "e2",
            20,
            email="ann@shop.example",
            kind="purchase",
            value="12.50",
            currency="EUR",
            channel="store",
        ),
        row("e3", 10, phone="0049170 1234567", kind="call", channel="phone", subject="Where is it?"),
        row("e4", 2, email="ann@shop.example", kind="message", direction="out", channel="email"),
    )
    assert (done.new, done.known, done.set_aside) == (4, 0, ())
    person = await find(store, " +49 170/1234567 ")
    assert person == await find(store, "ann@shop.example") == await find(store, str(person.id))
    assert (person.name, [one.key for one in person.profiles]) == (
        "Ann Lee",
        ["email:ann@shop.example", "phone:+491701234567"],
    )
    assert [one.event for one in await timeline(store, person)] == ["e4", "e3", "e2", "e1"]
    assert [one.event for one in await timeline(store, person, limit=2)] == ["e4", "e3"]
    reading = await read_of(store, person, NOW)
    assert reading is not None
    assert (reading.stage, reading.count, reading.spent) == ("active", 3, {"EUR": Decimal("12.5000")})
    assert {name for name, _ in reading.channels} == {"web", "store", "phone"}
    with pytest.raises(NoSuchPerson, match="nobody is known by the email"):
        await find(store, "bo@shop.example")
    with pytest.raises(NoSuchPerson, match="customer:C1042"):
        await find(store, "ann")


async def test_an_event_counts_once_however_often_and_in_whatever_order_it_comes(store: Store) -> None:
    rows = [
        row(
            f"e{n}", n * 3.7 % 200, email=f"p{n % 5}@x.example", kind=["open", "click", "purchase"][n % 3],
            **({"value": n, "currency": "EUR"} if n % 3 == 2 else {}), **({"device": f"d{n % 7}"} if n % 2 else {}),
            **({"attributes": {"city": f"c{n}"}} if n % 4 == 0 else {}), **({"customer": f"C{n % 5}"} if n % 6 == 0 else {}),
        )
        for n in range(60)
    ]  # fmt: skip
    here, there = store.within("default"), store.within("other")
    assert (await taken(here, *rows)).new == 60
    again = await taken(here, *rows)
    assert (again.new, again.known) == (0, 60)
    mixed = rows + rows[:30]
    random.Random(3).shuffle(mixed)
    new = sum([(await taken(there, *mixed[n : n + 7])).new for n in range(0, 90, 7)])
    assert new == 60
    assert await dump(there) == await dump(here)


async def test_what_cannot_be_taken_in_is_set_aside_once_and_taken_in_when_it_is_mended(store: Store) -> None:
    wrong = row("e2", emial="bo@x.example")
    for _ in range(2):
        done = await taken(store, row("e1", email="ann@x.example"), wrong, "no object")
        assert [(one.line, one.field) for one in done.set_aside] == [(2, "emial"), (3, "")]
    assert await count_aside(store) == 2
    first, second = await list_aside(store)
    assert "did you mean email?" in first.why
    with pytest.raises(UserError, match="emial: there is no such field"):
        await mend(store, first.id, wrong, "olga")
    await mend(store, first.id, object_in(first.row.replace("emial", "email")), "olga")
    assert (await find(store, "bo@x.example")).called == "bo@x.example"
    await drop(store, second.id, "olga")
    with pytest.raises(UserError, match="no row"):
        await aside_of(store, second.id)
    assert (await taken(store, wrong)).set_aside
    assert await count_aside(store) == 0  # it has been seen to


async def test_the_state_at_any_moment_is_what_had_happened_by_then(store: Store) -> None:
    await taken(store, row("e1", 30, email="ann@x.example"), row("e2", 10, email="ann@x.example"))
    person, terms = await find(store, "ann@x.example"), await terms_of(store)
    whole = await state_of(store, person, terms)
    assert whole == await state_at(store, person, terms, NOW)
    key = Key("web", "in", "visit")
    assert whole[key].count == 2
    assert (await state_at(store, person, terms, NOW.replace(day=1)))[key].count == 1


async def test_people_are_listed_by_how_they_begin_or_who_came_last(store: Store) -> None:
    await taken(
        store,
        row("e1", 3, email="ann@x.example", name="Ann Lee"),
        row("e2", 2, email="bo@x.example", phone="+4912345678"),
        row("e3", 1, customer="C7", name="Anton"),
    )
    assert [one.called for one in await search(store, "an")] == ["Ann Lee", "Anton"]
    assert [one.called for one in await search(store, "ANN@")] == ["Ann Lee"]
    assert [one.by for one in await search(store, "+49 123")] == ["+4912345678"]
    assert [one.called for one in await search(store, "C7")] == ["Anton"]
    assert [one.called for one in await search(store, "")] == ["Anton", "bo@x.example", "Ann Lee"]
    assert await search(store, "zoe") == await search(store, "%") == []


async def test_workspaces_know_nobody_of_each_other(store: Store) -> None:
    a, b = store.within("a"), store.within("b")
    await taken(a, row("e1", email="ann@x.example"))
    assert (await taken(b, row("e1", email="ann@x.example", phone="+4912345678"))).new == 1
    assert await people(a) == {frozenset({"email:ann@x.example"})}
    person = await find(b, "ann@x.example")
    with pytest.raises(NoSuchPerson):
        await find(a, str(person.id))
    assert await search(a, "+49") == []
    assert len(await timeline(a, await find(a, "ann@x.example"))) == 1
