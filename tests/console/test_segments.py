"""Segments in the browser: made of sentences, counted as they stand, saved, looked at, taken along and removed."""

from __future__ import annotations

import httpx
import pytest

from remit.app import App
from tests.console.conftest import SignIn
from tests.console.test_inbox import EVIL, words
from tests.graph.conftest import row, taken

LOGINS = {"0.what": "did", "0.kind": "login", "0.least": "2", "0.days": ""}


@pytest.fixture(autouse=True)
async def people(app: App) -> None:
    rows = [
        row(f"e{n}", 30 + n, email=f"p{n % 3}@x.example", kind="login", name=f"=Ann {EVIL}") for n in range(5)
    ]
    await taken(app.store, *rows)


async def test_a_segment_is_made_of_conditions_counted_as_they_stand_and_saved(
    browser: httpx.AsyncClient,
) -> None:
    assert "No segments yet" in words(await browser.get("/people/segments"))
    form = {"name": "comers", "note": "twice", "match": "all", **LOGINS}
    more = words(await browser.post("/people/segments", data=form | {"do": "add", "add": "stage"}))
    assert "How they stand with us" in more
    size = await browser.post("/people/segments/size", data=form)
    assert "People who have a login at least 2 times 2 of 3 people" in words(size)
    assert "<main" not in size.text
    assert (await browser.post("/people/segments", data=form | {"do": "save"})).headers[
        "location"
    ] == "/people/segments/comers"
    page = words(await browser.get("/people/segments/comers"))
    for said in ("have a login at least 2 times", "2 of 3", "66.7 %", "p0@x.example", "p1@x.example"):
        assert said in page, said
    assert "p2@x.example" not in page
    assert 'value="2"' in (await browser.get("/people/segments/comers/edit")).text
    assert (await browser.post("/people/segments/comers/remove")).status_code == 303
    assert (await browser.get("/people/segments/comers")).status_code == 404


@pytest.mark.parametrize(
    ("change", "wrong"),
    [
        ({"0.least": "often"}, "0.least"), ({"0.kind": ""}, "0.kind"), ({"0.days": "-1"}, "0.days"), ({"name": ""}, "name"),
        ({"name": "All of them"}, "name"), ({"match": "some"}, "match"), ({"0.what": "magic"}, "form"),
    ],
)  # fmt: skip
async def test_what_is_wrong_stands_at_its_field_and_nothing_typed_is_lost(
    browser: httpx.AsyncClient, change: dict[str, str], wrong: str
) -> None:
    form = {"name": "comers", "note": "twice", "match": "all", **LOGINS} | change
    answer = await browser.post("/people/segments", data=form | {"do": "save"})
    assert answer.status_code == 422
    assert f'id="wrong-{wrong}"' in answer.text
    assert 'value="twice"' in answer.text
    assert "No segments yet" in words(await browser.get("/people/segments"))


async def test_a_segment_is_taken_along_as_a_table_that_no_spreadsheet_runs(
    browser: httpx.AsyncClient,
) -> None:
    await browser.post("/people/segments", data={"name": "comers", "match": "all", **LOGINS, "do": "save"})
    answer = await browser.get("/people/segments/comers/export")
    heads, *rows = answer.text.strip().split("\r\n")
    assert heads == "person,called,known by,last heard of"
    assert len(rows) == 2
    assert all("'=Ann" in one for one in rows)
    assert answer.headers["content-disposition"] == 'attachment; filename="comers.csv"'


async def test_an_approver_looks_at_segments_and_makes_none(
    browser: httpx.AsyncClient, browser_of: SignIn
) -> None:
    await browser.post("/people/segments", data={"name": "comers", "match": "all", **LOGINS, "do": "save"})
    bo = await browser_of("bo", "approver")
    page = (await bo.get("/people/segments/comers")).text.partition("<main")[2]
    assert "Change it" not in page
    assert 'method="post"' not in page
    assert (await bo.get("/people/segments/new")).status_code == 403
