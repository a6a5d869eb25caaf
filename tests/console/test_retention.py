"""Settings → Retention: what is shown of it, who changes it, what is told before runs are deleted; and the same by the API."""

from __future__ import annotations

import httpx

from remit.app import App
from remit.retention import Rule, list_rules, look, set_rule
from tests.api.conftest import Client
from tests.api.conftest import client as client
from tests.console.conftest import SignIn
from tests.test_retention import DAY, MONTH, YEAR, applied, due_now, ran

EVIL = "<script>alert(1)</script>\u202e"


async def change(browser: httpx.AsyncClient, **fields: str) -> httpx.Response:
    return await browser.post("/settings/retention", data=fields)


async def test_an_owner_says_how_long_runs_are_kept_and_sees_what_became_of_it(
    app: App, browser: httpx.AsyncClient
) -> None:
    await ran(app.store, 3)
    assert "Every run is kept" in (await browser.get("/settings/retention")).text
    kept = await change(browser, archive_after="30", archive_unit="d")
    assert (kept.status_code, kept.headers["location"]) == (303, "/settings/retention")
    page = (await browser.get("/settings/retention")).text
    assert "after 30 days" in page
    assert "not yet" in page
    assert "What was done" not in page
    await applied(app.store)
    page = (await browser.get("/settings/retention")).text
    assert "What was done" in page
    assert "archive after 30d" in page
    assert "not yet" not in page
    await browser.post("/settings/retention/remove", data={"agent": ""})
    assert await list_rules(app.store) == []


async def test_nothing_is_deleted_for_good_by_who_has_not_seen_what(
    app: App, browser: httpx.AsyncClient
) -> None:
    await ran(app.store, 3)
    fields = {"archive_after": "1", "archive_unit": "d", "delete_after": "2", "delete_unit": "w"}
    looked = await change(browser, **fields, look="yes")
    assert looked.status_code == 200
    assert "<strong>3 runs</strong> for good" in looked.text
    assert 'value="w" selected' in looked.text
    unsure = await change(browser, **fields)
    assert unsure.status_code == 422
    assert 'id="wrong-sure"' in unsure.text
    assert await list_rules(app.store) == []
    assert (await change(browser, **fields, sure="yes")).status_code == 303
    (rule,) = await list_rules(app.store)
    assert rule.delete_after == 14 * DAY
    page = (await browser.get("/settings/retention", params={"agent": ""})).text
    assert 'name="delete_after" value="2"' in page
    await due_now(app.store)
    assert await look(app.store)
    assert "No run" not in (await browser.get("/settings/retention")).text


async def test_a_mistake_is_at_its_field_and_what_was_typed_is_kept(
    app: App, browser: httpx.AsyncClient
) -> None:
    for fields, field in (
        ({"archive_after": EVIL}, "archive_after"),
        ({"archive_after": "0"}, "archive_after"),
        ({"archive_after": "9", "archive_unit": EVIL}, "archive_after"),
        ({}, "archive_after"),
        ({"archive_after": "999999", "archive_unit": "y"}, "archive_after"),
        ({"delete_after": "7"}, "archive_after"),
        ({"archive_after": "9", "delete_after": "-1"}, "delete_after"),
        ({"archive_after": "9", "delete_after": "9", "delete_unit": "d"}, "delete_after"),
        ({"archive_after": "9", "agent": EVIL}, "agent"),
    ):
        answer = await change(browser, **fields)
        assert answer.status_code == 422, fields
        assert f'id="wrong-{field}"' in answer.text, fields
        assert "<script>alert(1)" not in answer.text
    assert await list_rules(app.store) == []


async def test_what_others_have_written_is_shown_as_text(app: App, browser: httpx.AsyncClient) -> None:
    await set_rule(app.store, "clerk", MONTH, YEAR, f"ann {EVIL}")
    query = "update retention set why = %s, kept = 2"
    async with app.store.pool.connection() as connection:
        await connection.execute(query, (f"it says {EVIL}",))
    page = (await browser.get("/settings/retention", params={"agent": "clerk"})).text
    assert "2 runs could not be archived" in page
    assert "<script>alert(1)" not in page
    assert "\u202e" not in page


async def test_the_machines_own_rule_is_told_beside(app: App, browser: httpx.AsyncClient) -> None:
    object.__setattr__(app.settings, "retain_archive_after", MONTH)
    assert "archived after 30 days" in (await browser.get("/settings/retention")).text
    object.__setattr__(app.settings, "retain_archive_after", None)
    object.__setattr__(app.settings, "retain_delete_after", YEAR)
    assert "REMIT_RETAIN_DELETE_AFTER needs" in (await browser.get("/settings/retention")).text


async def test_who_is_no_owner_neither_sees_nor_changes_it(app: App, browser_of: SignIn) -> None:
    theirs = await browser_of("bo", "builder")
    assert (await theirs.get("/settings/retention")).status_code == 403
    assert (await change(theirs, archive_after="9")).status_code == 403
    assert "/settings/retention" not in (await theirs.get("/settings/models")).text
    assert await list_rules(app.store) == []


async def test_a_program_sets_foresees_reads_and_removes_rules_within_its_scopes(
    app: App, client: Client
) -> None:
    await ran(app.store, 2)
    owner, reader = await client(), await client("settings:read")
    ages = {"archive_after": "30d", "delete_after": "60d"}
    seen = (await reader.get("/retention/foreseen", params=ages)).json()
    assert (seen["archive"], seen["delete"]) == (2, 2)
    made = await owner.put("/retention", json=ages, params={"agent": "clerk"})
    assert made.status_code == 200
    assert (made.json()["agent"], made.json()["delete_after"]) == ("clerk", "60d")
    await applied(app.store)
    told = (await reader.get("/retention")).json()
    (rule,), (done,) = told["rules"], told["done"]
    assert (rule["archive_after"], rule["kept"]) == ("30d", 0)
    assert rule["applied_at"]
    assert (done["archived"], done["deleted"]) == (2, 2)
    assert told["installation"] == {"archive_after": None, "delete_after": None}
    assert (await reader.put("/retention", json=ages)).status_code == 403
    wrong = await owner.put("/retention", json={"archive_after": "9d", "delete_after": "9d"})
    assert wrong.status_code == 422
    assert wrong.json()["errors"][0]["pointer"] == "/delete_after"
    assert (await reader.get("/retention/foreseen", params={"archive_after": "0d"})).status_code == 422
    assert (await owner.delete("/retention")).status_code == 404
    assert (await owner.delete("/retention", params={"agent": "clerk"})).status_code == 204


async def test_a_rule_of_one_workspace_is_not_there_in_another(app: App, browser: httpx.AsyncClient) -> None:
    rule: Rule = await set_rule(app.store.as_owner("acme"), "", MONTH, None, "cleo")
    assert "cleo" not in (await browser.get("/settings/retention")).text
    assert (await browser.post("/settings/retention/remove", data={"agent": ""})).status_code == 400
    assert await list_rules(app.store.as_owner("acme")) == [rule]
