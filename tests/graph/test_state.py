"""What interactions come to: the same in any order and any batches, in Python and in SQL."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from math import isclose
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from remit.errors import UserError
from remit.graph.people import find, state_at, state_of, terms_of
from remit.graph.state import Happened, Key, State, Terms, both, decay, fold, reading, silence, together
from remit.graph.terms import set_terms
from remit.store.store import Store
from tests.graph.conftest import NOW, row, taken

TERMS = Terms()
KEYS = [Key("web", "in", "visit"), Key("store", "in", "purchase", "EUR"), Key("email", "out", "message")]
HAPPENED = st.builds(
    Happened,
    st.sampled_from(KEYS),
    st.integers(0, 100_000).map(lambda hours: NOW - timedelta(hours=hours)),
    st.none() | st.integers(0, 10_000).map(lambda cents: Decimal(cents) / 100),
)


def same(a: State, b: State) -> bool:
    def masses(state: State, key: Key) -> tuple[float, ...]:
        return state[key].brief, state[key].lasting, state[key].worth

    def rest(state: State, key: Key) -> tuple[Any, ...]:
        one = state[key]
        return one.count, one.total, one.first, one.last, one.before

    return a.keys() == b.keys() and all(
        rest(a, key) == rest(b, key)
        and all(
            isclose(x, y, rel_tol=1e-9, abs_tol=1e-12)
            for x, y in zip(masses(a, key), masses(b, key), strict=True)
        )
        for key in a
    )


@given(st.lists(HAPPENED, max_size=20), st.randoms(), st.integers(1, 6))
def test_any_order_and_any_batches_come_to_the_same(
    happened: list[Happened], chance: Any, parts: int
) -> None:
    mixed = list(happened)
    chance.shuffle(mixed)
    batches = [fold(mixed[part::parts], TERMS) for part in range(parts)]
    assert same(together(batches, TERMS), fold(happened, TERMS))


@given(*[st.lists(HAPPENED, max_size=8).map(lambda one: fold(one, TERMS))] * 3)
def test_states_are_a_commutative_monoid(a: State, b: State, c: State) -> None:
    assert both(a, {}, TERMS) == both({}, a, TERMS) == a
    assert same(both(a, b, TERMS), both(b, a, TERMS))
    assert same(both(both(a, b, TERMS), c, TERMS), both(a, both(b, c, TERMS), TERMS))


def test_a_mass_halves_in_its_half_life_and_is_nothing_in_the_end() -> None:
    assert decay(NOW - timedelta(days=7), NOW, 7) == 0.5
    assert decay(NOW - timedelta(days=7 * 201), NOW, 7) == 0.0
    (one,) = fold([Happened(KEYS[0], NOW), Happened(KEYS[0], NOW - timedelta(days=90))], TERMS).values()
    assert (one.lasting, one.count, one.before) == (1.5, 2, NOW - timedelta(days=90))


def test_a_long_silence_that_ended_lately_is_told() -> None:
    def of(*days: int) -> Any:
        times = [NOW - timedelta(days=day) for day in days]
        found = reading(fold([Happened(KEYS[0], at) for at in times], TERMS), TERMS, NOW, times)
        assert found is not None
        return found.stage, found.woke

    assert of(200, 2, 1) == ("back", 198)
    assert of(40, 2) == ("active", None)
    assert of(3, 2) == ("new", None)
    assert of(300, 60) == ("quiet", None)
    assert of(300) == ("dormant", None)
    assert silence([], NOW) is None
    assert reading({}, TERMS, NOW) is None


@given(st.lists(HAPPENED, min_size=1, max_size=5))
def test_what_is_spent_is_of_purchases_less_refunds(happened: list[Happened]) -> None:
    bought = [Happened(Key("web", "in", "purchase", "EUR"), one.at, one.value) for one in happened]
    back = [Happened(Key("web", "in", "refund", "EUR"), one.at, one.value) for one in happened]
    found = reading(fold([*bought, *back], TERMS), TERMS, NOW)
    assert found is not None
    assert found.spent == {"EUR": 0}


async def test_with_other_half_lives_every_state_is_folded_anew(store: Store) -> None:
    rows = [row(f"e{n}", n * 5, email=f"p{n % 3}@x.example") for n in range(20)]
    rows += [
        row("r", email="p0@x.example", kind="record"),
        row("b", email="p1@x.example", kind="purchase", value=5, currency="EUR"),
    ]
    await taken(store, *rows)
    person = await find(store, "p1@x.example")
    for terms in (Terms(), Terms(1, 30)):
        await set_terms(store, terms, "olga")
        assert await terms_of(store) == terms
        assert same(await state_of(store, person, terms), await state_at(store, person, terms, NOW))
    with pytest.raises(UserError, match="lasting: a half-life has 20 to 3,650 days"):
        await set_terms(store, Terms(1, 1), "olga")
    await taken(store, row("late", 400, email="p1@x.example"))
    assert same(await state_of(store, person, terms), await state_at(store, person, terms, NOW))


async def test_the_database_keeps_what_the_fold_says(store: Store) -> None:
    happened = [
        Happened(
            KEYS[n % 3], NOW - timedelta(hours=(n * 7919) % 9000), Decimal(n) / 4 if n % 3 == 1 else None
        )
        for n in range(60)
    ]
    happened += [Happened(KEYS[0], NOW - timedelta(days=12_000))]  # of which nothing is left
    rows = [
        row(
            f"e{n}", at=one.at.isoformat(), email="ann@x.example", channel=one.key.channel, direction=one.key.direction,
            kind=one.key.kind, **({"value": str(one.value), "currency": "EUR"} if one.value is not None else {}),
        )
        for n, one in enumerate(happened)
    ]  # fmt: skip
    for start in range(0, len(rows), 9):
        await taken(store, *rows[start : start + 9])
    ann = await find(store, "ann@x.example")
    assert same(await state_of(store, ann, await terms_of(store)), fold(happened, TERMS))
