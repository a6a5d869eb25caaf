"""People like somebody: by what they do, how they stand with us and what they want; nobody else's data goes to anybody."""

from __future__ import annotations

from typing import Any

from remit.graph.behaviour import Pattern
from remit.graph.behaviours import save
from remit.graph.people import find
from remit.graph.similar import similar
from remit.store.store import Store
from tests.graph.conftest import NOW, row, taken

Json = Any


def shopper(name: str, days: float, count: int) -> list[Json]:
    who = {"email": f"{name}@x.example"}
    return [
        row(f"{name}{n}", days + n, kind="purchase", channel="store", value=20, currency="EUR", **who)
        for n in range(count)
    ]


def reader(name: str, days: float, count: int) -> list[Json]:
    return [row(f"{name}{n}", days + n, kind="page_view", email=f"{name}@x.example") for n in range(count)]


async def test_those_who_do_the_same_are_alike_and_in_what_is_said(store: Store) -> None:
    rows = [
        *shopper("ann", 5, 6),
        *shopper("bo", 6, 5),
        *shopper("old", 200, 6),
        *reader("cy", 4, 8),
        *reader("di", 3, 7),
    ]
    await taken(
        store,
        *rows,
        row("b", 2, kind="cart", email="cy@x.example"),
        row("c", 2, kind="cart", email="di@x.example"),
    )
    await save(store, [Pattern.model_validate({"intent": "cart-left", "when": [{"kind": "cart"}]})], "olga")
    ids = {name: (await find(store, f"{name}@x.example")).id for name in ("ann", "bo", "old", "cy", "di")}
    found = await similar(store, await find(store, "ann@x.example"), NOW)
    assert found.compared == 4
    assert [one.person for one in found.people][:2] == [ids["bo"], ids["old"]]
    first, second = found.people[:2]
    assert 1 >= first.likeness > second.likeness > 0
    assert "purchase on store" in first.shared
    (most, *_) = (await similar(store, await find(store, "cy@x.example"), NOW)).people
    assert (most.person, "wants cart-left" in most.shared) == (ids["di"], True)
    assert [one.intent for one in most.wants] == ["cart-left"]
    assert len((await similar(store, await find(store, "ann@x.example"), NOW, limit=1)).people) == 1
    other = store.within("other")
    await taken(other, *shopper("eve", 5, 6))
    assert (await similar(other, await find(other, "eve@x.example"), NOW)).compared == 0
