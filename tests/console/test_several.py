"""Several runs at once, and what can be taken along: a run as a file, and a list as a table."""

from __future__ import annotations

import csv
import io
import json

import httpx
import pytest

from remit.app import App
from remit.console.pages import export
from remit.journal.events import Person
from tests.console.test_runs import EVIL, begun, call, done, finish, priced, text, waiting


async def test_several_runs_are_named_first_and_then_done_with(app: App, browser: httpx.AsyncClient) -> None:
    one, two, ended = await waiting(app, goal="first one"), await waiting(app), await done(app)
    page = await text(browser, "/runs")
    assert f'name="run" value="{one}" form="several"' in page
    form = {"run": [str(one), str(two), str(ended)], "deed": "cancel"}
    asked = await browser.post("/runs/several", data=form)
    assert "Cancel 2 runs?" in asked.text
    assert "first one" in asked.text
    assert "it is left as it is" in asked.text
    assert (await app.state(one)).status == "waiting"
    told = await browser.post("/runs/several", data={**form, "sure": "1", "why": "closed for today"})
    assert "2 of 3 done" in told.text
    for run in (one, two):
        finished = (await app.state(run)).finished
        assert finished is not None
        assert finished.why == "ann: closed for today"
    assert (await app.state(ended)).status == "cannot verify"


async def test_several_are_paused_and_go_on_with_the_workers(app: App, browser: httpx.AsyncClient) -> None:
    runs = [str(await waiting(app)), str(await waiting(app))]
    await browser.post("/runs/several", data={"run": runs, "deed": "pause", "sure": "1"})
    assert {row[0] for row in await statuses(app)} == {"paused"}
    await browser.post("/runs/several", data={"run": runs, "deed": "resume", "sure": "1"})
    assert "paused" not in {row[0] for row in await statuses(app)}


async def statuses(app: App) -> list[tuple[str]]:
    async with app.store.pool.connection() as connection:
        return await (await connection.execute("select status from runs")).fetchall()


@pytest.mark.parametrize(
    "form",
    [
        {"deed": "pause"},
        {"deed": "explode", "run": ["00000000-0000-4000-8000-000000000000"]},
        {"deed": "pause", "run": [EVIL]},
        {"deed": "pause", "run": ["00000000-0000-4000-8000-000000000000"]},
        {"deed": "compare", "run": ["00000000-0000-4000-8000-000000000000"]},
    ],
)
async def test_what_cannot_be_done_to_several_is_said(
    browser: httpx.AsyncClient, form: dict[str, str | list[str]]
) -> None:
    answer = await browser.post("/runs/several", data=form)
    assert 400 <= answer.status_code < 500
    assert "That did not work" in answer.text
    assert "<script>alert" not in answer.text


async def test_two_that_are_ticked_are_compared(app: App, browser: httpx.AsyncClient) -> None:
    one, two = await done(app), await done(app)
    answer = await browser.post("/runs/several", data={"run": [str(one), str(two)], "deed": "compare"})
    assert answer.headers["location"] == f"/compare?a={one}&b={two}"


async def test_a_journal_is_taken_along_an_event_a_line(app: App, browser: httpx.AsyncClient) -> None:
    run = await begun(app, [call("look_up", order="W1")], [finish()], goal=EVIL)
    answer = await browser.get(f"/runs/{run}/export")
    assert "attachment" in answer.headers["content-disposition"]
    lines = [json.loads(line) for line in answer.text.splitlines()]
    events = await app.journal.read(run)
    assert [(one["seq"], one["body"]["type"]) for one in lines] == [(e.seq, e.body.type) for e in events]
    assert lines[0]["body"]["goal"] == EVIL


async def test_a_run_is_taken_along_as_a_page_that_needs_nothing_else(
    app: App, browser: httpx.AsyncClient
) -> None:
    run = await begun(
        app, [call("look_up", order=EVIL)], EVIL, [finish(report=EVIL)], goal=EVIL, person=Person(id=EVIL)
    )
    answer = await browser.get(f"/runs/{run}/export?form=html")
    assert "attachment" in answer.headers["content-disposition"]
    assert "<script" not in answer.text
    assert "\u202e" not in answer.text
    assert answer.text.count("&lt;script&gt;") > 4
    assert answer.text.count("<li value=") == len(await app.journal.read(run))
    for word in ("src=", "href=", "url("):
        assert word not in answer.text
    assert (await browser.get(f"/runs/{run}/export?form=exe")).status_code == 400


async def test_a_list_is_taken_along_whole_and_holds_no_formula(
    app: App, browser: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(export, "AT_ONCE", 2)
    for goal in ("=cmd|' /C calc'!A0", "+1", 'plain, with "quotes"', "@sum", "-2"):
        await begun(app, priced("0.5"), [finish()], goal=goal)
    await done(app, name="clerk")
    await done(app, name="scribe", goal="now \u202e then")
    assert "now <U+202E> then" in (await browser.get("/runs.csv?agent=scribe")).text
    answer = await browser.get("/runs.csv?agent=shop")
    rows = list(csv.DictReader(io.StringIO(answer.text)))
    assert [one["goal"] for one in rows] == [
        "'-2",
        "'@sum",
        'plain, with "quotes"',
        "'+1",
        "'=cmd|' /C calc'!A0",
    ]
    assert {one["cost in $"] for one in rows} == {"0.5"}
    assert (await browser.get("/runs.csv?status=wating")).status_code == 400
    assert 'href="/runs.csv?agent=shop"' in await text(browser, "/runs?agent=shop")
