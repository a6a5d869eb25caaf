"""What people want, from what they do: patterns as data, explained by what happened, fading, and as sure as what followed."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from remit.agents.yaml import read_as
from remit.errors import SpecError, UnknownName
from remit.graph.behaviour import Heard, Pattern, Patterns, faded, shown, sureness, times
from remit.graph.behaviours import behaviours_of, forget, infer, save
from remit.graph.people import find
from remit.graph.wants import intents_of, intents_of_all
from remit.store.store import Store
from tests.graph.conftest import NOW, row, taken

Json = Any
BACK = Pattern.model_validate(
    {"intent": "back-again", "silence": 180, "when": [{"kind": "page_view", "properties": {"page": "/pricing*"}, "least": 3, "days": 7}],
     "without": [{"kind": "purchase"}], "outcome": {"kind": "purchase", "days": 30}}
)  # fmt: skip
CART = Pattern.model_validate(
    {
        "intent": "cart-left",
        "when": [{"kind": "cart"}],
        "without": [{"kind": "purchase"}],
        "wait": 1,
        "half_life": 2,
    }
)


def heard(*happened: tuple[float, str, str]) -> list[Heard]:
    """Days ago, kind, page; the first first."""
    return [
        Heard(n, NOW - timedelta(days=days), kind, "web", {"page": page})
        for n, (days, kind, page) in enumerate(happened)
    ]


LOOKS = [(3.0, "page_view", "/pricing"), (2.0, "page_view", "/pricing/team"), (1.0, "page_view", "/pricing")]


def test_three_looks_at_prices_after_half_a_year_of_silence_are_shown_with_what_shows_it() -> None:
    made = shown(BACK, heard((200, "visit", "/"), *LOOKS), NOW)
    assert made is not None
    assert (made.evidence, made.at) == ((1, 2, 3), NOW - timedelta(days=1))
    came_by = heard((200, "visit", "/"), (4, "visit", "/"), *LOOKS)
    assert shown(BACK, came_by, NOW) is not None  # the silence ended with the visit before
    assert shown(BACK, heard((200, "visit", "/"), (100, "visit", "/"), *LOOKS), NOW) is None
    assert shown(BACK, heard(*LOOKS), NOW) is None  # somebody new was not silent
    assert shown(BACK, heard((200, "visit", "/"), *LOOKS[1:]), NOW) is None
    assert shown(BACK, heard((200, "visit", "/"), (9, "page_view", "/pricing"), *LOOKS[1:]), NOW) is None
    assert shown(BACK, heard((200, "visit", "/"), *LOOKS, (0.5, "purchase", "")), NOW) is None


def test_a_cart_is_left_once_long_enough_nothing_was_bought() -> None:
    assert shown(CART, heard((0.5, "cart", "")), NOW) is None
    assert shown(CART, heard((1.5, "cart", "")), NOW) is not None
    assert shown(CART, heard((1.5, "cart", ""), (1.4, "purchase", "")), NOW) is None
    assert shown(CART, heard((40, "cart", "")), NOW) is None  # all of it has faded


def test_what_followed_makes_it_sure_and_what_is_too_new_to_know_does_not_count() -> None:
    bought = heard((400, "visit", ""), (100, "page_view", "/pricing"), (99, "page_view", "/pricing"), (98, "page_view", "/pricing"),
                   (90, "purchase", ""))  # fmt: skip
    assert list(times(BACK, bought, NOW)) == [True]
    assert list(times(BACK, bought[:-1], NOW)) == [False]
    assert list(times(BACK, heard((400, "visit", ""), *LOOKS), NOW)) == []
    assert sureness(BACK, 0, 0) == 0.5
    assert sureness(BACK, 90, 90) > 0.9 > sureness(BACK, 10, 10)
    assert faded(0.8, NOW - timedelta(days=14), NOW, 14) == pytest.approx(0.4)


@given(
    st.lists(
        st.tuples(st.floats(0, 300), st.sampled_from(["page_view", "purchase", "visit", "cart"])), max_size=12
    )
)
def test_what_is_shown_was_there_and_only_what_happened_since_the_past_can_change_it(some: Any) -> None:
    events = heard(*((days, kind, "/pricing") for days, kind in sorted(some, reverse=True)))
    for pattern in (BACK, CART):
        made = shown(pattern, events, NOW)
        if made:
            by_id = {one.id: one for one in events}
            assert all(any(step.fits(by_id[one]) for step in pattern.when) for one in made.evidence)
            assert made.first <= made.at <= NOW
            assert not any(one.kind == "purchase" and made.first < one.at for one in events)
            later = [one for one in events if one.at >= made.first - timedelta(days=200)]
            assert pattern is BACK or shown(pattern, later, NOW) == made


async def test_wants_of_people_come_of_what_they_did_and_wrote_and_of_all_their_identifiers(
    store: Store,
) -> None:
    rows: list[Json] = [row("v0", 200, email="ann@x.example", device="tablet")]
    rows += [
        row(f"v{n}", 4 - n, kind="page_view", properties={"page": "/pricing"}, **({"device": "tablet"} if n == 2 else {"email": "ann@x.example"}))
        for n in (1, 2, 3)
    ]  # fmt: skip
    rows += [
        row("b1", 3, kind="cart", email="bo@x.example"),
        row("m1", 14, kind="message", text="money back!", email="bo@x.example"),
    ]
    await taken(store, *rows, verified="email")
    await save(store, [BACK, CART], "olga")
    async with store.pool.connection() as connection:
        await connection.execute(
            "insert into graph_inferred (interaction, intent, probability, alike, others) select id, 'refund', 0.9, "
            """'[{"text": "I want my money back"}]', '[]' from graph_interactions where event = 'm1'"""
        )
    ann, bo = await find(store, "ann@x.example"), await find(store, "bo@x.example")
    (back,) = await intents_of(store, ann, NOW)
    assert (back.intent, back.by, len(back.evidence)) == ("back-again", "behaviour", 3)
    assert "3 times within 7 days, after 180 days of silence" in back.because
    assert await intents_of(store, ann, NOW - timedelta(days=2)) == []  # as it was then
    both = await intents_of_all(store, [ann.id, bo.id], NOW)
    assert [(one.intent, round(one.confidence, 2)) for one in both[bo.id]] == [
        ("refund", 0.45),
        ("cart-left", 0.18),
    ]
    assert both[ann.id] == [back]
    assert "I want my money back" in both[bo.id][0].because
    assert await intents_of_all(store.within("other"), [ann.id, bo.id], NOW) == {}


async def test_patterns_are_taken_from_a_file_counted_and_forgotten(store: Store, tmp_path: Path) -> None:
    file = tmp_path / "behaviours.yaml"
    file.write_text(
        "behaviours:\n  - intent: leaving\n    when:\n      - kind: page_view\n        propertys: {page: /cancel}\n"
    )
    with pytest.raises(SpecError, match=r"5.*propertys"):
        read_as(Patterns, file)
    text = file.read_text().replace("propertys", "properties") + "    outcome: {kind: cancelled, days: 10}\n"
    file.write_text(text)
    patterns = read_as(Patterns, file).behaviours
    assert (await save(store, patterns, "olga"), await save(store, patterns, "olga")) == (1, 0)
    await taken(
        store,
        *(
            row(f"v{n}", 60, kind="page_view", properties={"page": "/cancel"}, email=f"p{n}@x.example")
            for n in range(4)
        ),
        *(row(f"c{n}", 55, kind="cancelled", email=f"p{n}@x.example") for n in range(3)),
        row("now", 1, kind="page_view", properties={"page": "/cancel"}, email="p3@x.example"),
    )
    found = await infer(store, NOW)
    count = found.of_each["leaving"]
    assert (found.people, count.now, count.shown, count.followed) == (4, 1, 4, 3)
    (kept,) = await behaviours_of(store)
    assert kept.sure == pytest.approx((3 + 5) / 14)
    with pytest.raises(UnknownName):
        await forget(store, "leavin", "olga")
    await forget(store, "leaving", "olga")
    assert await behaviours_of(store) == []
