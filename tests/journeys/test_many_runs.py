"""Many runs in the list: found, paged through, and none shown twice. REMIT_JOURNEY_RUNS says how many; `bench.console` has a million."""

from __future__ import annotations

import os
from urllib.parse import quote_plus

from bench.console import fill
from playwright.async_api import Page, expect

from tests.journeys.console import Console, Visitors

RUNS = int(os.environ.get("REMIT_JOURNEY_RUNS", "100000"))


async def goals(page: Page) -> list[str]:
    return await page.locator("td.goal a").all_inner_texts()


async def test_among_many_runs_any_is_found_and_the_list_is_paged_through(
    console: Console, visit: Visitors
) -> None:
    url = console.app.settings.database_url
    assert url is not None
    await fill(url, RUNS)
    page = await visit()
    await page.goto("/runs")
    first = await goals(page)
    assert len(first) == 50
    assert first[0] == "please look into order W1 about a parcel"
    await page.get_by_role("link", name="Older").click()
    await expect(page.locator("td.goal a").first).to_have_text("please look into order W51 about a parcel")
    second = await goals(page)
    assert not set(first) & set(second)
    await page.get_by_role("link", name="Newer").click()
    await expect(page.locator("td.goal a").first).to_have_text(first[0])
    assert await goals(page) == first
    await page.get_by_label("Words in the goal").fill(f"W{RUNS}")
    await page.keyboard.press("Enter")
    await expect(page.locator("td.goal a")).to_have_count(1)
    assert quote_plus(f"W{RUNS}") in page.url
    await page.get_by_role("link", name="Clear").click()
    await page.get_by_label("Words in the goal").fill("parrot")
    await page.get_by_label("Agent").fill("billing")
    await page.get_by_label("State").select_option("failed")
    await page.get_by_role("button", name="Find").click()
    await expect(page.get_by_text("No such runs")).to_be_visible()
    await page.get_by_label("Agent").fill("support")
    await page.get_by_role("button", name="Find").click()
    await expect(page.locator("td.goal a").first).to_contain_text("parrot")
    assert await page.get_by_role("row").filter(has_text="support").count() == len(await goals(page))
