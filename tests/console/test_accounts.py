"""Accounts in the browser."""

from __future__ import annotations

import re

import httpx
import pytest

from remit.app import App
from remit.graph.accounts.look import find_account
from remit.graph.accounts.propose import propose
from remit.graph.accounts.word import belongs
from remit.graph.people import find
from remit.graph.purposes import set_limit
from tests.console.test_inbox import words
from tests.graph.conftest import row, taken

ACME = {"crm": "A1", "domain": "acme.example", "name": "ACME <b>GmbH</b>"}


@pytest.fixture(autouse=True)
async def people(app: App) -> None:
    await taken(
        app.store,
        row("e1", 3, email="ann@acme.example", account=ACME | {"role": "buyer"}, relations={"reports_to": "bo@acme.example"}),
        row("e2", 2, email="bo@acme.example", kind="purchase", value="9", currency="EUR", account=ACME),
        row("e3", 2, email="cy@acme.example"),
    )  # fmt: skip
    await propose(app.store, "olga")


async def test_an_account_is_found_and_shows_its_people_and_what_they_come_to(
    browser: httpx.AsyncClient,
) -> None:
    assert "ACME <b>GmbH</b> crm:A1 2" in words(await browser.get("/people/accounts?q=acm"))
    assert "No account was found" in words(await browser.get("/people/accounts?q=zzz"))
    told = words(await browser.get("/people/accounts/crm:A1"))
    for said in (
        "Spent 9.00 EUR in all", "ann@acme.example buyer", "ann@acme.example reports to bo@acme.example",
        "bo@acme.example bought something for 9.00 EUR", "cy@acme.example",
    ):  # fmt: skip
        assert said in told, said
    page = words(await browser.get("/people/ann@acme.example"))
    assert "ACME <b>GmbH</b> , buyer since" in page.replace("</b>, ", "</b> , ")
    assert "reports to bo@acme.example" in page
    assert (await browser.get("/people/accounts/crm:A9")).status_code == 400


async def test_to_whom_somebody_belongs_is_drawn_and_each_arc_leads_to_what_says_so(
    app: App, browser: httpx.AsyncClient
) -> None:
    page = (await browser.get("/people/ann@acme.example")).text
    leads = re.findall(r'<a href="#(tie-[^"]+)"[^>]*><path class="(\w+)"', page)
    assert [tone for _, tone in leads] == ["seen", "seen"], "a source says so"
    assert all(f'<li id="{name}">' in page for name, _ in leads)
    assert "bo@acme.example (reports to)" in page
    ann, acme = await find(app.store, "ann@acme.example"), await find_account(app.store, "crm:A1")
    await belongs(app.store, ann, acme, "olga", role="buyer")
    page = (await browser.get("/people/ann@acme.example")).text
    assert re.findall(r'#tie-account[^>]*><path class="(\w+)"', page) == ["sure"]


async def test_the_search_for_people_finds_accounts_by_name_and_key_as_well(
    browser: httpx.AsyncClient,
) -> None:
    for asked in ("acme <", "acme.example", "A1"):
        page = words(await browser.get("/people", params={"q": asked}))
        assert "ACME <b>GmbH</b> crm:A1 2" in page, asked
        assert "Nobody was found" not in page
    assert "Nobody was found" in words(await browser.get("/people?q=zzz"))
    assert "crm:A1" not in words(await browser.get("/people?q=bo@"))
    assert "crm:A1" not in words(await browser.get("/people"))


async def test_what_is_limited_of_an_account_says_so(app: App, browser: httpx.AsyncClient) -> None:
    await set_limit(app.store, "account.name", ["service"], "it is theirs", "olga")
    assert "; for service only" in words(await browser.get("/people/accounts/crm:A1"))


async def test_a_proposal_is_answered_and_somebody_is_said_to_belong(browser: httpx.AsyncClient) -> None:
    path = "/people/accounts/crm:A1"
    done = await browser.post(path, data={"person": "cy@acme.example", "do": "no"})
    assert done.status_code == 303
    assert "cy@acme.example" not in words(await browser.get(path))
    await browser.post(path, data={"person": "cy@acme.example", "do": "yes", "role": "owner"})
    assert "cy@acme.example owner" in words(await browser.get(path))
    wrong = await browser.post(path, data={"person": "nobody@acme.example", "role": "x", "do": "yes"})
    assert (wrong.status_code, "nobody is known by the email" in words(wrong)) == (422, True)
    assert 'value="nobody@acme.example"' in wrong.text
