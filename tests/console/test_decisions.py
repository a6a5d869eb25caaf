"""Decisions in the browser: what is next for somebody and why not something else, what decisions brought, and how far a version may go."""

from __future__ import annotations

import re
from datetime import UTC, datetime

import httpx
import pytest

from remit.app import App
from remit.console.whiskers import whiskers
from remit.decisions.kept import save, standing_of
from remit.decisions.overview import overview_of
from remit.decisions.stage import Values
from remit.playbook import playbook_of
from tests.console.conftest import SignIn
from tests.console.test_inbox import words
from tests.decisions.weeks import WINBACK, decided
from tests.graph.conftest import row, taken


@pytest.fixture(autouse=True)
async def people(app: App) -> None:
    yes = {"purpose": "marketing", "channel": "email"}
    await taken(
        app.store, row("e1", 9, email="ann@x.example"), row("e2", 9, email="bo@x.example"), verified="email"
    )
    await taken(app.store, row("e3", 8, email="ann@x.example", kind="consent_given", properties=yes))


async def test_somebodys_page_says_what_is_next_and_why_nothing_else_is(
    app: App, browser: httpx.AsyncClient
) -> None:
    assert "Next best action" not in words(await browser.get("/people/ann@x.example"))
    await save(app.store, "winback", WINBACK, playbook_of(WINBACK), "", "ann")
    page = words(await browser.get("/people/ann@x.example"))
    for said in (
        "Next best action",
        "version 1: only logged",
        "pricing-mail",
        "1 action ruled out",
        "sales-call :",
    ):
        assert said in page, said
    assert "2 actions ruled out" in words(await browser.get("/people/bo@x.example"))


async def test_somebody_is_left_alone_for_a_while_and_no_longer(browser: httpx.AsyncClient) -> None:
    path = "/people/ann@x.example/suppress"
    assert (await browser.post(path, data={"because": "  "})).status_code == 422
    assert (await browser.post(path, data={"because": "ill", "days": "soon"})).status_code == 422
    assert (
        await browser.post(path, data={"because": "in hospital", "days": "30", "channel": "phone"})
    ).status_code == 303
    page = await browser.get("/people/ann@x.example")
    assert "They are left alone on phone until" in words(page)
    assert (
        await browser.post(
            path, data={"lift": page.text.partition('name="lift" value="')[2].partition('"')[0]}
        )
    ).status_code == 303
    assert "They are left alone" not in words(await browser.get("/people/ann@x.example"))


async def test_what_decisions_brought_is_told_beside_those_held_out(
    app: App, browser: httpx.AsyncClient
) -> None:
    assert "No playbook yet" in words(await browser.get("/decisions"))
    await decided(app.store, 300)
    found = await overview_of(app.store, "winback", datetime.now(UTC))
    assert (found.held, sum(count for _, count in found.chances), found.choices) == (30, 270, 270)
    assert found.tried == sum(one.times for one in found.done if one.action == "sales-call")
    brought = {one.action: one.values.mean for one in found.done}
    assert brought["sales-call"] > brought["pricing-mail"] > found.holdout.mean
    more, low, _ = found.acting.over(found.holdout)
    page = words(await browser.get("/decisions/winback"))
    for said in (
        f"{more:+.3g}",
        "95 times of 100",
        "held out",
        "version 1",
        "20 % of people",
        "Complaints followed 0",
    ):
        assert said in page, said
    assert low > 0
    assert "it may be nothing" not in page
    listed = words(await browser.get("/decisions"))
    assert "ramp version 2, 20 % of people" in listed
    assert re.search(r"[+]\d\.\d\d \([+]\d\.\d\d to [+]\d\.\d\d\)", listed), (
        "what a decision brings over none"
    )
    assert "Of too few decisions" in words(await browser.get("/decisions/winback/candidates"))
    changed = words(await browser.get("/decisions/winback/versions/2"))
    assert "What changed since version 1" in changed
    assert "count: 1, days: 7" in changed


async def test_a_version_goes_up_on_what_it_has_shown_or_with_a_reason_and_stops_at_once(
    app: App, browser: httpx.AsyncClient
) -> None:
    await save(app.store, "winback", WINBACK, playbook_of(WINBACK), "", "ann")
    ramp = {"version": "1", "stage": "ramp", "share": "25"}
    early = await browser.post("/decisions/winback/stage", data=ramp)
    assert (early.status_code, "at least 100 should be looked at" in words(early)) == (422, True)
    odd = await browser.post("/decisions/winback/stage", data=ramp | {"share": "most", "anyway": "a trial"})
    assert (odd.status_code, "a number of per cent" in words(odd)) == (422, True)
    assert (
        await browser.post("/decisions/winback/stage", data=ramp | {"anyway": "a trial"})
    ).status_code == 303
    assert (await standing_of(app.store, "winback"))["ramp"].share == 0.25
    assert (
        await browser.post("/decisions/winback/stage", data={"version": "1", "stage": "off"})
    ).status_code == 303
    assert await standing_of(app.store, "winback") == {}
    assert (
        await browser.post("/decisions/winback/stage", data={"version": "x", "stage": "off"})
    ).status_code == 400


async def test_an_operator_looks_at_decisions_and_stages_nothing(app: App, browser_of: SignIn) -> None:
    await save(app.store, "winback", WINBACK, playbook_of(WINBACK), "", "ann")
    bo = await browser_of("bo", "operator")
    assert 'method="post"' not in (await bo.get("/decisions/winback")).text.partition("<main")[2]
    assert (
        await bo.post("/decisions/winback/stage", data={"version": "1", "stage": "off"})
    ).status_code == 403


def test_intervals_are_drawn_on_one_scale_that_has_nothing_in_it() -> None:
    assert whiskers([("a", Values(), ""), ("b", Values(1, 3, 9), "")]) is None
    found = whiskers([("a", Values(4, 8, 18), "live"), ("b", Values(4, 4, 6), "off")])
    assert found is not None
    a, b = found.rows
    assert found.zero is not None
    assert found.zero < b.x_low < b.x < b.x_high
    assert b.x < a.x < a.x_high <= found.wide
