"""Journeys, and what goes on as it comes."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import httpx

from remit.app import App
from remit.console.flows import OTHERS, flows
from remit.console.pages.journeys import _told
from remit.graph.journeys import Move, journeys
from remit.graph.lately import Place, lately, newest
from remit.graph.segment import Did, Segment
from tests.console.test_inbox import EVIL, words
from tests.graph.conftest import NOW, row, taken

STEPS = {
    "ann": ["open", "page_view", "page_view", "purchase"],
    "bo": ["open", "page_view", "login"],
    "cy": ["page_view"],
}


async def walked(app: App) -> None:
    rows = [
        row(f"{who}{at}", 9 - at, email=f"{who}@x.example", kind=kind)
        for who, kinds in STEPS.items()
        for at, kind in enumerate(kinds)
    ]
    await taken(app.store, *rows, row("old", 300, email="ann@x.example", kind="signup"))


async def test_ways_go_from_step_to_step_and_the_same_again_is_one(app: App) -> None:
    await walked(app)
    since = NOW - timedelta(days=30)
    found = await journeys(app.store, since, NOW)
    assert (found.people, found.sampled) == (3, False)
    moves = {(one.at, one.step, one.to): (one.people, one.seconds) for one in found.moves}
    assert moves[1, "open web", "page_view web"] == (2, 86_400)
    assert moves[1, "page_view web", None] == (1, None)
    assert moves[2, "page_view web", "purchase web"] == (1, 2 * 86_400)
    assert (["open web", "page_view web", "login web"], 1) in [
        (list(path), count) for path, count in found.paths
    ]
    begun = await journeys(app.store, since, NOW, "page_view")
    assert {one.step for one in begun.moves if one.at == 1} == {"page_view web"}
    buyers = await journeys(app.store, since, NOW, "", Segment(conditions=(Did(kind="purchase"),)))
    assert buyers.people == 1


def test_bands_are_as_wide_as_whoever_went_and_rare_steps_are_one_block() -> None:
    moves = [Move(1, f"s{n}", "end", 9 - n, 1.0) for n in range(8)] + [
        Move(1, "s0", None, 5, None),
        Move(2, "end", None, 44, None),
    ]
    drawn = flows(moves)
    first = [one for one in drawn.blocks if one.x == 0]
    assert [one.name for one in first] == ["s0", "s1", "s2", "s3", "s4", "s5", OTHERS]
    assert (first[0].people, first[0].stopped, first[-1].people) == (14, 5, 5)
    ends = [(one.y, one.y + one.height) for one in first]
    assert all(a[1] <= b[0] for a, b in pairwise(ends))
    assert sum(one.width for one in drawn.bands) <= sum(one.height for one in first) + 0.5
    assert flows([]).blocks == []


async def test_journeys_are_shown_with_tables_that_say_the_same(app: App, browser: httpx.AsyncClient) -> None:
    assert "No journeys" in words(await browser.get("/people/journeys"))
    ago = (datetime.now(UTC) - NOW).days
    await taken(
        app.store,
        *(
            row(f"e{n}", 2 - ago + n, email="ann@x.example", kind=kind)
            for n, kind in enumerate(("login", "open"))
        ),
    )
    page = words(await browser.get("/people/journeys?days=365"))
    for said in ("1 person", "open web → login web", "1 d"):
        assert said in page, said
    assert (await browser.get("/people/journeys?segment=none")).status_code == 400
    assert EVIL not in (await browser.get(f"/people/journeys?start={EVIL}")).text


async def test_what_comes_is_told_once_and_goes_on_where_somebody_was(
    app: App, browser: httpx.AsyncClient
) -> None:
    await taken(app.store, row("e1", 1, email="ann@x.example", kind="purchase", subject=EVIL))
    assert "happened purchase" in words(await browser.get("/people/live"))
    assert EVIL not in (await browser.get("/people/live")).text
    since = await newest(app.store)
    assert await lately(app.store, since) == []
    await taken(
        app.store,
        row("e2", 1, email="bo@x.example", channel="store"),
        row("e3", 1, email="bo@x.example", kind="call"),
    )
    fresh = await lately(app.store, since)
    assert sorted(one.said for one in fresh) == ["call", "visit"]
    assert await lately(app.store, since.after(fresh)) == []
    assert [one.said for one in await lately(app.store, since, channel="store")] == ["visit"]
    assert Place.read(str(since)) == since
    assert Place.read("1.x.2") == Place()
    assert "hx-sse:connect" not in (await browser.get("/people/live?paused=1")).text.partition("<main")[2]


async def test_the_stream_tells_what_is_new_until_whoever_looks_is_signed_out(
    app: App, browser: httpx.AsyncClient
) -> None:
    await taken(app.store, row("e1", 1, email="ann@x.example", kind="purchase"))
    token = next(iter(browser.cookies.values()))
    told = _told(app, token, Place(), "", "purchase")
    assert (await anext(told)).startswith("retry")
    event = await anext(told)
    assert event.startswith("id: 1.0.0\n")
    assert "purchase" in event
    await browser.post("/leave")
    assert [one async for one in told] == []
