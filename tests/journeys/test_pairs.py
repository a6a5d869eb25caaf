"""Who is one person, settled by the keyboard: put off, told apart and made one, each with the next at hand."""

from __future__ import annotations

import pytest
from playwright.async_api import expect

from remit.graph.merging import count_questions
from tests.graph.conftest import people, row, taken
from tests.journeys.console import Console, Visitors

pytestmark = pytest.mark.browser


async def test_pairs_are_settled_by_keys(console: Console, visit: Visitors) -> None:
    store = console.app.store
    for n in range(3):
        for crm in ("a", "b"):
            same = {"crm": f"{crm}{n}", "email": f"p{n}@keys.example"}
            await taken(store, row(f"{crm}{n}", 3, **same), verified="email")
    assert await count_questions(store) == 3
    page = await visit()
    await page.goto("/people/doubtful")
    cards = page.locator(".pairing")
    first = await cards.nth(0).get_by_role("heading").text_content()
    await page.keyboard.press("j")
    await expect(cards.nth(0)).to_be_focused()
    await page.keyboard.press("l")
    await expect(cards.nth(0)).to_be_focused()  # the next one has come up
    assert await cards.nth(2).get_by_role("heading").text_content() == first
    for key, left in (("s", 2), ("d", 1)):
        await page.keyboard.press(key)
        await expect(cards).to_have_count(left)
        await expect(cards.nth(0)).to_be_focused()
    assert await count_questions(store) == 1
    assert (
        sum("crm:a" in str(sorted(one)) and "crm:b" in str(sorted(one)) for one in await people(store)) == 1
    )
