"""Why a call was made: each value with where it stood, the rule and whose yes, drawn and in words."""

from __future__ import annotations

import re

import httpx

from remit.app import App
from remit.console.pages.why import MOST
from remit.models.model import ToolCall
from tests.agents.test_loop import call, finish
from tests.console.test_runs import EVIL, SAFE, begun, text, waiting


async def test_each_value_is_told_with_where_it_stood_and_who_says_so(
    app: App, browser: httpx.AsyncClient
) -> None:
    run = await begun(
        app, [call("read_web", url="https://x.example")], [call("cancel", order="W2")], goal="please do W1"
    )
    await app.advance(run)
    page = await text(browser, f"/runs/{run}/why/2.1")
    assert "Why cancel" in page
    assert re.search(r'class="box bad"><rect[^>]*/><text[^>]*>read_web</text>', page)
    assert re.search(r'<a class="bad" href="/runs/[^"]+#e3">read_web \(event 3\)</a>', page)
    assert "only the person&#39;s own orders" in page
    assert "anybody: it is not trusted" in page
    assert "the model alone" not in page


async def test_what_stood_nowhere_is_the_models_and_what_was_approved_says_by_whom(
    app: App, browser: httpx.AsyncClient
) -> None:
    run = await waiting(app, goal="tell ann@example.com")
    await app.answer(run, "approve", "carol", "go ahead")
    await app.advance(run)
    page = await text(browser, f"/runs/{run}/why/1.1")
    assert "approved by carol" in page
    assert re.search(r'class="box off"><rect[^>]*/><text[^>]*>written by the model</text>', page)
    assert "nowhere: written by the model" in page
    assert "in the person&#39;s own words, or given by what started the run" in page
    assert re.search(r'<a class="good" href="[^"]+#e1">the goal \(event 1\)</a>', page)
    assert f'href="/runs/{run}/why/1.1"' in await text(browser, f"/runs/{run}")


async def test_why_is_asked_by_call_or_event_and_answered_to_programs_too(
    app: App, browser: httpx.AsyncClient
) -> None:
    run = await waiting(app)
    data = (await browser.get(f"/runs/{run}/why/1.1?form=json")).json()
    assert data["call"] == "1.1"
    assert data["values"]["to"]["value"] == "ann@example.com"
    assert data["verdict"] == "ask"
    assert (await browser.get(f"/runs/{run}/why/3?form=json")).json() == data
    assert (await browser.get(f"/runs/{run}/why/9.9")).status_code == 404
    assert (await browser.get("/runs/00000000-0000-4000-8000-000000000000/why/1.1")).status_code == 404


async def test_nothing_in_why_is_taken_for_markup(app: App, browser: httpx.AsyncClient) -> None:
    run = await begun(
        app,
        [ToolCall("x", "send", {"to": EVIL, "text": EVIL, EVIL: EVIL}), ToolCall("y", EVIL, {EVIL: EVIL})],
        [finish()],
        goal=EVIL,
    )
    for step in ("1.1", "1.2"):
        page = await text(browser, f"/runs/{run}/why/{step}")
        assert "<script>alert" not in page
        assert "\u202e" not in page
        assert "style=" not in page
        assert page.count(SAFE) > 3


async def test_a_call_with_many_values_draws_some_and_tells_all(app: App, browser: httpx.AsyncClient) -> None:
    many = {f"name{number}": number for number in range(MOST + 5)}
    run = await begun(app, [ToolCall("x", "send", many)], [finish()])
    page = await text(browser, f"/runs/{run}/why/1.1")
    assert "5 more stand below" in page
    assert all(f'<th scope="row">{name}</th>' in page for name in many)


async def test_a_call_without_arguments_needs_no_graph(app: App, browser: httpx.AsyncClient) -> None:
    run = await begun(app, [ToolCall("x", "send", {})], [finish()])
    assert "<svg viewBox" not in await text(browser, f"/runs/{run}/why/1.1")
