"""Agents in a browser: built from nothing without code, published, sent a request; a run forked and compared; and what roles
neither see nor do."""

from __future__ import annotations

import asyncio
from gzip import compress
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.async_api import expect

import remit.console
from remit.api.tokens import add_token
from remit.models import keys as model_keys
from remit.testing import ScriptedModel
from tests.journeys.console import Console, Visitors, call, finish

STATIC = Path(remit.console.__file__).parent / "static"
CHARTS = "echarts.min.js"


async def sent(console: Console, agent: str, goal: str) -> str:
    """A request, as a program sends it: the run's id."""
    _, secret = await add_token(console.app.store, "crm", "ann", ["runs:write", "runs:read"], None)
    headers = {"authorization": f"Bearer {secret}"}
    async with httpx.AsyncClient(base_url=console.url, headers=headers) as client:
        answer = await client.post("/api/v1/runs", json={"agent": agent, "goal": goal})
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


async def test_an_agent_is_built_from_nothing_tried_in_shadow_published_and_sent_a_request_that_is_approved(
    console: Console, visit: Visitors
) -> None:
    done = finish("The answer is written.")  # twice: it looks back once before it ends
    turns = [call("files_write", path="answer.txt", text="It is on its way."), done, done]
    console.app.models["auto"] = ScriptedModel(turns, by_turn=True, name="auto")
    page = await visit(but="status of 422")
    await page.goto("/")
    await page.get_by_role("link", name="Agents").click()
    nothing = page.locator("li.card").filter(has_text="Start").filter(has=page.get_by_label("Name")).first
    await nothing.get_by_label("Name").fill("Support desk")
    await nothing.get_by_role("button", name="Start", exact=True).click()
    await expect(page).to_have_url(f"{console.url}/agents/support-desk")
    await page.locator("[name=description]").fill("Answers customers.")
    await page.get_by_role("textbox", name="Instructions").fill("Answer the question, in a file.")
    await page.get_by_text("Files", exact=False).first.click()
    await page.locator("#tool-files_write").get_by_role("checkbox").check()
    await page.locator("#tool-files_write").get_by_label("may be done").select_option("ask")
    await page.get_by_label("How far it goes by itself").select_option("act")
    await page.get_by_label("What it should do").fill("Where is my parcel?")
    await page.get_by_role("button", name="Try it").click()
    tried = page.locator("#try-run")
    await expect(tried).to_contain_text("A person would be asked: files_write")
    await tried.get_by_role("button", name="Say yes, in this try").click()
    await expect(tried).to_contain_text("The answer is written.")
    await page.get_by_label("Dollars").fill("much")
    await page.get_by_role("button", name="Save and publish…").click()
    await expect(page.get_by_label("Dollars")).to_have_attribute("aria-invalid", "true")
    await expect(page.get_by_label("Dollars")).to_have_value("much")
    await page.get_by_label("Dollars").fill("0.50")
    await page.get_by_role("button", name="Save and publish…").click()
    await expect(page).to_have_url(f"{console.url}/agents/support-desk/publish")
    await page.get_by_role("button", name="Publish", exact=True).click()
    await expect(page.locator("main")).to_contain_text("published")
    run = await sent(console, "support-desk", "Where is my parcel?")
    await page.goto("/inbox")
    ask = page.get_by_role("article")
    await expect(ask).to_contain_text("answer.txt")
    await page.keyboard.press("j")
    await page.keyboard.press("a")
    await expect(ask).to_contain_text("You approved it")
    await page.goto(f"/runs/{run}")
    await expect(page.locator("#standing")).to_contain_text("The answer is written.")


async def test_whoever_tries_an_agent_before_its_model_is_there_sees_how_far_it_is_and_the_try_begins_by_itself(
    console: Console, visit: Visitors, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = asyncio.Event()

    async def fetched(name: Any, settings: Any, *, progress: Any, keys: Any) -> ScriptedModel:
        progress(123_000_000, 1_117_320_768)
        await here.wait()
        return ScriptedModel([finish("It is on its way.")], by_turn=True, name="auto")

    monkeypatch.setattr(model_keys, "open_model", fetched)
    page = await visit()
    await page.goto("/agents")
    nothing = page.locator("li.card").filter(has_text="Start").filter(has=page.get_by_label("Name")).first
    await nothing.get_by_label("Name").fill("Desk")
    await nothing.get_by_role("button", name="Start", exact=True).click()
    await page.get_by_label("What it should do").fill("Where is my parcel?")
    await page.get_by_role("button", name="Try it").click()
    tried = page.locator("#try-run")
    await expect(tried.get_by_role("status")).to_contain_text("123 MB of 1.1 GB")
    await tried.get_by_role("button", name="Stop").click()
    await expect(tried).to_contain_text("Stopped. What was fetched is kept")
    await page.get_by_role("button", name="Try it").click()
    await expect(tried.get_by_role("progressbar", name="Fetched")).to_be_visible()
    here.set()
    await expect(tried).to_contain_text("It is on its way.")


async def test_a_run_is_forked_with_other_instructions_and_the_two_are_compared(
    console: Console, visit: Visitors
) -> None:
    page = await visit()
    refund = call("refund", order="W1", amount=40)
    free = [{"tool": "refund", "allow": "true"}]
    run = await console.request("refund W1", call("look_up", order="W1"), refund, rules=free)
    await page.goto(f"/runs/{run}")
    await expect(page.locator("#standing")).to_contain_text("It is done.")
    await page.goto(f"/runs/{run}/fork?at=3")
    await page.get_by_label("Instructions").fill("Be brief.")
    await page.get_by_role("button", name="Fork", exact=True).click()
    await expect(page.locator("#standing")).to_contain_text("It is done.")
    forked = page.url.rpartition("/")[2]
    assert forked != str(run)
    await page.goto(f"/compare?a={run}&b={forked}")
    await expect(page.locator("main")).to_contain_text("Be brief.")
    await expect(page.locator("main")).to_contain_text("Begun otherwise")


async def test_who_may_only_look_is_offered_nothing_to_do_and_is_refused_what_they_send(
    console: Console, visit: Visitors
) -> None:
    run = await console.request("refund W1", call("refund", order="W1", amount=40))
    await console.rests(run)
    page = await visit("vera", role="viewer", but="status of 403")
    for path in ("/", "/inbox", "/runs", f"/runs/{run}", "/agents", "/policy", "/connections"):
        answer = await page.goto(path)
        assert answer is not None
        assert answer.status == 200, path
        offered = page.locator("main").get_by_role("button").filter(visible=True)
        words = [text.strip() for text in await offered.all_inner_texts()]
        assert not {"Approve…", "Approve", "Reject…", "Pause", "Cancel", "Start", "Keep it"} & set(words), (
            path
        )
    for path in ("/agents/support/publish", "/settings/audit", f"/runs/{run}/fork", "/policy/edit"):
        answer = await page.goto(path)
        assert answer is not None
        assert answer.status in (403, 404), path
        await expect(page.get_by_role("heading", name="That did not work")).to_be_visible()
    refused = await page.request.post(
        f"/inbox/{run}/a1.1",
        form={"decision": "approve", "seen": ""},
        headers={"sec-fetch-site": "same-origin"},
    )
    assert refused.status == 403
    assert (await console.app.state(run)).waits, "it waits still"


async def test_scripts_are_small() -> None:
    """Compressed, as a server before this one sends them; the library for charts is apart."""
    scripts = [path for path in STATIC.rglob("*.js") if path.name != CHARTS]
    assert {"htmx.min.js", "remit.js"} <= {path.name for path in scripts}
    assert sum(len(compress(path.read_bytes())) for path in scripts) < 120_000
