"""Settings → Budgets: what is shown of them, who changes them, and what is said of a mistake."""

from __future__ import annotations

from decimal import Decimal

import httpx

from remit.access.audit import entries
from remit.app import App
from remit.budgets import list_budgets, set_budget
from tests.agents.test_loop import call
from tests.agents.test_spend import costs, start
from tests.api.conftest import Client
from tests.api.conftest import client as client
from tests.console.conftest import SignIn

EVIL = "<script>alert(1)</script>\u202e"


async def change(browser: httpx.AsyncClient, **fields: str) -> httpx.Response:
    return await browser.post("/settings/budgets", data={"agent": "", "period": "month", **fields})


async def test_an_owner_sets_a_budget_which_holds_at_once_and_sees_what_is_spent_of_it(
    app: App, browser: httpx.AsyncClient
) -> None:
    assert "Nothing is limited" in (await browser.get("/settings/budgets")).text
    kept = await change(browser, money="$0.25")
    assert (kept.status_code, kept.headers["location"]) == (303, "/settings/budgets")
    run = await start(app, costs(call("look_up", order="W1")), costs(call("look_up", order="W2")))
    await app.advance(run)
    page = (await browser.get("/settings/budgets")).text
    assert "$0.25 a month" in page
    assert "80 %" in page
    assert "1 run waiting" in page
    (entry,) = await entries(app.store, what="budget")
    assert (entry.who, entry.what, entry.detail["money"]) == ("ann", "budget.set", "0.25")
    run_page = (await browser.get(f"/runs/{run}")).text
    assert "has no room for the next step" in run_page
    today = (await browser.get("/")).text
    assert "is used to 80%; 1 run waits for it" in today
    await change(browser, money="", tokens="2M")
    assert "2,000,000 tokens a month" in (await browser.get("/settings/budgets")).text
    await browser.post("/settings/budgets/remove", data={"agent": "", "period": "month"})
    assert await list_budgets(app.store) == []


async def test_a_mistake_is_at_its_field_and_what_was_typed_is_kept(
    app: App, browser: httpx.AsyncClient
) -> None:
    wrong = await change(browser, money=f"much {EVIL}", tokens="3x")
    assert wrong.status_code == 422
    assert 'id="wrong-money"' in wrong.text
    assert 'id="wrong-tokens"' in wrong.text
    assert "<script>alert(1)" not in wrong.text
    for fields, field in (
        ({}, "money"),
        ({"money": "5", "agent": EVIL}, "agent"),
        ({"money": "5", "period": "year"}, "money"),
    ):
        answer = await change(browser, **fields)
        assert answer.status_code == 422
        assert f'id="wrong-{field}"' in answer.text
        assert "<script>alert(1)" not in answer.text
    assert await list_budgets(app.store) == []


async def test_what_a_budget_says_now_stands_in_the_form_that_changes_it(
    app: App, browser: httpx.AsyncClient
) -> None:
    await set_budget(app.store, "clerk", "day", Decimal("7.50"), 1000, f"ann {EVIL}")
    page = (await browser.get("/settings/budgets", params={"agent": "clerk", "period": "day"})).text
    assert 'name="agent" value="clerk"' in page
    assert 'name="money" value="7.50"' in page
    assert "<script>alert(1)" not in page


async def test_who_is_no_owner_sees_no_budgets_and_is_told_of_them_without_a_way_there(
    app: App, browser_of: SignIn
) -> None:
    await set_budget(app.store, "", "month", Decimal(0), None, "ann")
    theirs = await browser_of("bo", "builder")
    assert (await theirs.get("/settings/budgets")).status_code == 403
    assert (await change(theirs, money="5")).status_code == 403
    today = (await theirs.get("/")).text
    assert "is used up" in today
    assert "/settings/budgets" not in today


async def test_a_program_sets_lists_and_removes_budgets_within_its_scopes(app: App, client: Client) -> None:
    owner, reader = await client(), await client("settings:read")
    made = await owner.put("/budgets/month", json={"money": "50.00"}, params={"agent": "shop"})
    assert made.status_code == 200
    assert (made.json()["agent"], made.json()["money"]) == ("shop", "50.00")
    (listed,) = (await reader.get("/budgets")).json()["budgets"]
    assert (listed["spent_money"], listed["waiting"]) == ("0", 0)
    assert (await reader.put("/budgets/month", json={"money": "1"})).status_code == 403
    assert (await owner.put("/budgets/month", json={})).status_code in (400, 422)
    assert (await owner.delete("/budgets/month")).status_code == 404
    assert (await owner.delete("/budgets/month", params={"agent": "shop"})).status_code == 204
    assert [e.what for e in await entries(app.store, what="budget")] == ["budget.removed", "budget.set"]
