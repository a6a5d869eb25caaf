"""Pages of runs that are too long to be read whole say what they would say of the whole."""

from __future__ import annotations

import json
import re
from datetime import timedelta

import httpx
import pytest

from remit.app import App
from remit.console.pages import export
from remit.console.pages import why as why_page
from remit.journal.due import Policy
from remit.journal.journal import Journal
from remit.journal.retain import retain
from tests.agents.test_loop import call, finish
from tests.console.test_runs import begun, done, text

LOOKS = [[call("read_web", url="https://x.example")] for _ in range(5)]


async def test_a_run_is_exported_in_parts_that_make_the_whole_also_from_its_archive(
    app: App, browser: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = await begun(app, *LOOKS, [finish()])
    events = await app.journal.read(run)
    whole = (await browser.get(f"/runs/{run}/export")).text
    assert [json.loads(line)["seq"] for line in whole.splitlines()] == [event.seq for event in events]
    monkeypatch.setattr(export, "TOGETHER", 3)
    assert (await browser.get(f"/runs/{run}/export")).text == whole
    assert (await retain(app.store, Policy(timedelta(microseconds=1)))).archived == 1
    assert (await browser.get(f"/runs/{run}/export")).text == whole


async def test_the_form_of_a_fork_and_why_read_some_of_a_run_and_never_all(
    app: App, browser: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = await begun(app, *LOOKS, [finish()])
    last = len(await app.journal.read(run))

    async def whole(*args: object) -> None:
        raise AssertionError("the whole run is read")

    monkeypatch.setattr(Journal, "read", whole)
    assert f"Event {last} of {last}:" in await text(browser, f"/runs/{run}/fork")
    assert f"Event 3 of {last}:" in await text(browser, f"/runs/{run}/fork?at=3")
    assert f"From 1 to {last}" in await text(browser, f"/runs/{run}/fork?at=999")
    assert "Why read_web" in await text(browser, f"/runs/{run}/why/3.1")
    assert (await browser.get(f"/runs/{run}/why/9.9")).status_code == 404


async def test_an_archived_run_is_told_of_as_before(app: App, browser: httpx.AsyncClient) -> None:
    run = await done(app)
    fork = await text(browser, f"/runs/{run}/fork?at=2")
    why = (await browser.get(f"/runs/{run}/why/1.1?form=json")).text
    assert (await retain(app.store, Policy(timedelta(microseconds=1)))).archived == 1
    assert await text(browser, f"/runs/{run}/fork?at=2") == fork
    assert (await browser.get(f"/runs/{run}/why/1.1?form=json")).text == why
    last = len(await app.journal.read(run))
    assert (await browser.get(f"/runs/{run}/why/{last + 1}")).status_code == 404


async def test_where_a_value_stood_very_often_is_told_in_part_with_how_many_more(
    app: App, browser: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(why_page, "MOST", 2)
    run = await begun(app, *LOOKS, [call("cancel", order="W2")], [finish()])
    found = (await browser.get(f"/runs/{run}/why/6.1?form=json")).json()["values"]["order"]["from"]
    assert len(found) == 5
    page = await text(browser, f"/runs/{run}/why/6.1")
    assert "and 3 more" in page
    assert page.count("read_web (event") == 2


async def test_a_run_is_kept_as_a_page_in_pieces_that_make_the_whole_also_from_its_archive(
    app: App, browser: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    works = [[call("charge", amount=n), call("read_web", url="https://x.example")] for n in range(1, 6)]
    run = await begun(app, *works, [finish()], rules=[{"tool": "charge", "allow": "true"}], goal="charge")
    last = len(await app.journal.read(run))
    whole = (await browser.get(f"/runs/{run}/export?form=html")).text
    assert re.findall('<li value="([0-9]+)">', whole) == [str(seq) for seq in range(1, last + 1)]
    assert whole.count("<li>charge <code>") == 5
    assert whole.rstrip().endswith("</html>")

    async def all_of_it(*args: object) -> None:
        raise AssertionError("the whole run is read")

    with monkeypatch.context() as patched:
        patched.setattr(export, "SHOWN", 2)
        patched.setattr(export, "TOGETHER", 3)
        patched.setattr(Journal, "read", all_of_it)
        assert (await browser.get(f"/runs/{run}/export?form=html")).text == whole
    assert (await retain(app.store, Policy(timedelta(microseconds=1)))).archived == 1
    assert (await browser.get(f"/runs/{run}/export?form=html")).text == whole
