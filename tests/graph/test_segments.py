"""Segments: the conditions say in SQL what the graph says of each person, and who is in one is found, counted and kept."""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from pydantic import ValidationError

from remit.errors import UnknownName, UserError
from remit.graph import behaviours, segments
from remit.graph.behaviour import Pattern, shown
from remit.graph.behaviours import heard_of
from remit.graph.consent import Consent
from remit.graph.ingest import take
from remit.graph.intent import Example
from remit.graph.intents import correct, teach
from remit.graph.people import Person, consent_of, find, person_of, read_of, state_of, terms_of, timeline
from remit.graph.sample import town
from remit.graph.segment import KINDS, Segment
from remit.graph.segments import count, holds, list_segments, measure, members, save, sizes
from remit.graph.state import Reading, State
from remit.store.store import Store
from tests.graph.conftest import NOW, row, taken

Json = Any
Known = tuple[Person, Reading | None, State, Consent]


def of(*conditions: Json, match: str = "all") -> Segment:
    return Segment.model_validate({"match": match, "conditions": conditions})


async def everybody(store: Store) -> dict[int, Known]:
    """All that the graph says of each, person by person."""
    async with store.pool.connection() as connection:
        rows = await (await connection.execute("select id from graph_profiles where id = person")).fetchall()
    terms, found = await terms_of(store), {}
    for (number,) in rows:
        one = await person_of(store, number)
        found[number] = (
            one, await read_of(store, one, NOW), await state_of(store, one, terms), await consent_of(store, one, NOW),
        )  # fmt: skip
    return found


def stage(name: str) -> Callable[[Known], bool]:
    return lambda one: one[1] is not None and one[1].stage == name


def may(channel: str, purpose: str, says: str) -> Callable[[Known], bool]:
    return lambda one: one[3].may(channel, purpose).says == says


def did(kind: str, least: int) -> Callable[[Known], bool]:
    return lambda one: (
        sum(n.count for key, n in one[2].items() if (key.kind, key.direction) == (kind, "in")) >= least
    )


async def test_every_condition_holds_of_whom_the_graph_says_so(store: Store) -> None:
    await take(store, list(enumerate(town(40, NOW))), received=NOW)
    buys = {"email": "ann@x.example", "kind": "purchase", "currency": "EUR"}
    more = [
        row("c1", 9, email="b@x.example", kind="complained"),
        row("c2", 8, email="b@x.example", kind="consent_given"),
    ]
    await taken(store, row("b1", 150, **buys, value="9"), row("b2", 40, **buys, value="3"), *more)
    known = await everybody(store)
    asked: list[tuple[Json, Callable[[Known], bool]]] = [
        *(({"what": "stage", "stage": name}, stage(name)) for name in ("new", "active", "back", "quiet", "dormant")),
        *(
            ({"what": "consent", "channel": channel, "purpose": purpose, "says": says}, may(channel, purpose, says))
            for channel in ("email", "phone", "web") for purpose in ("marketing", "service") for says in ("yes", "no", "unknown")
        ),
        ({"what": "did", "kind": "page_view", "least": 40}, did("page_view", 40)),
        ({"what": "silent", "days": 60}, lambda one: one[1] is not None and one[1].recency >= 60),
        ({"what": "spent", "currency": "EUR", "least": 200}, lambda one: one[1] is not None and one[1].spent.get("EUR", 0) >= Decimal(200)),
        ({"what": "about", "key": "plan", "value": "team"}, lambda one: one[0].about.get("plan", [""])[0] == "team"),
        ({"what": "about", "key": "plan"}, lambda one: "plan" in one[0].about),
        ({"what": "known", "kind": "phone", "checked": True}, lambda one: any(p.kind == "phone" and p.verified for p in one[0].profiles)),
    ]  # fmt: skip
    for condition, true_of in asked:
        right = sorted(number for number, one in known.items() if true_of(one))
        assert await members(store, of(condition), limit=1000, now=NOW) == right, condition
        assert await members(store, of(condition | {"unless": True}), limit=1000, now=NOW) == sorted(
            known.keys() - set(right)
        )
        assert (await count(store, of(condition), NOW)).people == len(right)
    assert {one["what"] for one, _ in asked} == KINDS.keys() - {"wants", "feels"}


async def test_conditions_hold_together_or_any_of_them_and_members_are_read_on(store: Store) -> None:
    await taken(store, *(row(f"v{n}", n + 1, email=f"p{n}@x.example", kind="login") for n in range(9)))
    lately, old = {"what": "did", "kind": "login", "days": 3}, {"what": "silent", "days": 8}
    whole = await members(store, of(lately, old, match="any"), now=NOW)
    assert len(whole) == 4  # two who came after three days ago, two silent for eight
    assert await members(store, of(lately, old), now=NOW) == []
    first = await members(store, of(lately, old, match="any"), limit=3, now=NOW)
    assert first + await members(store, of(lately, old, match="any"), after=first[-1], now=NOW) == whole
    assert await holds(store, of(old), whole, NOW) == set(whole[2:])


async def test_what_somebody_wrote_counts_as_a_person_says_it_was_meant(store: Store) -> None:
    await teach(store, [Example("How much is it?", "pricing"), Example("It broke", "repair")], "ann")
    await taken(store, row("m1", 5, email="ann@x.example", kind="message", text="What would ten cost?"))
    ann = await find(store, "ann@x.example")
    (message,) = await timeline(store, ann)
    pricing = of({"what": "wants", "intent": "pricing", "days": 30})
    assert await members(store, pricing, now=NOW) == []
    await correct(store, message.id, "pricing", "ann")
    assert await members(store, pricing, now=NOW) == [ann.id]
    assert await members(store, pricing, now=NOW + timedelta(days=40)) == []


async def test_among_many_a_count_is_estimated_and_says_how_far_off_it_may_be(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    await taken(
        store,
        *(row(f"v{n}", 2, email=f"p{n}@x.example", kind="login" if n % 4 else "call") for n in range(900)),
    )
    monkeypatch.setattr(segments, "WHOLE", 600)
    size = await count(store, of({"what": "did", "kind": "login"}), NOW)
    assert not size.exact
    assert abs(size.people - 675) < 3 * size.off < 500


async def test_a_segment_is_kept_with_how_many_it_had_each_day(store: Store) -> None:
    await taken(store, row("v1", 2, email="ann@x.example", kind="login"))
    segment = of({"what": "did", "kind": "login", "days": 7})
    await save(store, "comers", segment, "who came lately", "ann")
    for days in (0, 1, 30):
        await measure(store, "comers", NOW + timedelta(days=days))
    assert [people for _, people in await sizes(store, "comers")] == [1, 1, 0]
    (kept,) = await list_segments(store)
    assert (kept.segment, kept.people, kept.note) == (segment, 0, "who came lately")
    await segments.remove(store, "comers", "ann")
    assert await list_segments(store) == []
    with pytest.raises(UnknownName):
        await measure(store, "comers")


@pytest.mark.parametrize("name", ["", "New", "new", "-a", "a b", "ä", "x" * 61])
async def test_a_name_that_is_none_is_refused(store: Store, name: str) -> None:
    with pytest.raises(UserError, match="small letters"):
        await save(store, name, of({"what": "silent", "days": 1}), "", "ann")


def test_a_segment_is_told_as_a_sentence() -> None:
    conditions = (
        {"what": "stage", "stage": "dormant"},
        {"what": "did", "kind": "page_view", "channel": "web", "least": 3, "days": 14},
        {"what": "consent", "channel": "email", "says": "no", "unless": True},
    )
    assert of(*conditions).words == (
        "People who are dormant and have a page view on web at least 3 times in the last 14 days and have not said no to marketing by email"
    )
    with pytest.raises(ValidationError):
        of({"what": "stage", "stage": "asleep"})


def pattern(draw: random.Random) -> Pattern:
    """One by chance, of few kinds and pages so that it is often shown, and as often not."""
    kinds = ("visit", "cart", "purchase", "")
    pages = ({}, {}, {"page": "/p*"}, {"page": "/[!a-b]?"}, {"page": "/p.x"}, {"team": True})
    some = [{"kind": draw.choice(kinds), "properties": draw.choice(pages)} for _ in range(4)]
    steps = [
        one | {"least": draw.randint(1, 2), "days": draw.choice((2, 5.5, 20))}
        for one in some[: draw.randint(1, 2)]
    ]
    said = {"intent": "back", "when": steps, "without": some[3:] if draw.random() < 0.5 else [],
            "silence": draw.choice((None, None, 4, 9)), "wait": draw.choice((0, 0, 1.5)), "half_life": draw.choice((2, 14))}  # fmt: skip
    return Pattern.model_validate(said)


async def test_who_wants_something_by_what_they_do_is_found_as_it_is_told_of_each(store: Store) -> None:
    draw, rows = random.Random(11), []
    for n in range(240):
        kind, page = (
            draw.choice(("visit", "cart", "purchase")),
            draw.choice(("/p", "/px", "/pyx", "/a", "/p.x")),
        )
        said = {"page": page, "team": draw.random() < 0.5} if draw.random() < 0.8 else {}
        rows.append(
            row(f"e{n}", draw.randrange(240) / 8, email=f"p{n % 30}@x.example", kind=kind, properties=said)
        )
    await taken(store, *rows)
    persons = [(await find(store, f"p{n}@x.example")).id for n in range(30)]
    known, sizes_ = await heard_of(store, persons, NOW), set()
    for _ in range(30):
        one = pattern(draw)
        await behaviours.save(store, [one], "ann")
        days = draw.choice((3, 90))
        right = [
            who
            for who in persons
            if (made := shown(one, known[who], NOW)) and made.at >= NOW - timedelta(days=days)
        ]
        wants = of(
            {"what": "wants", "intent": "back", "days": days, "by": draw.choice(("either", "behaviour"))}
        )
        assert await members(store, wants, now=NOW) == sorted(right), one.words
        sizes_.add(len(right))
    assert len(sizes_) > 5
    assert await members(store, of({"what": "wants", "intent": "back", "by": "message"}), now=NOW) == []
    await behaviours.forget(store, "back", "ann")
    assert await members(store, of({"what": "wants", "intent": "back"}), now=NOW) == []
