"""Signing in as people do who have a second factor, in a real browser."""

from __future__ import annotations

import re

from playwright.async_api import expect

from remit.access.factor import require
from remit.access.invitations import set_password
from remit.access.people import add_member, known
from tests.console.factors import code
from tests.journeys.console import Console, Visitors
from tests.journeys.sights import PASSWORD


async def test_a_second_factor_is_set_up_when_the_workspace_asks_for_it_and_signs_in_from_then_on(
    visit: Visitors, console: Console
) -> None:
    store = console.app.store
    await add_member(store, "ann", "bo", "approver")
    await set_password(store, "ann", await known(store, "bo"), PASSWORD)
    await require(store, "ann", True)
    page = await visit("", but="Failed to load resource")
    await page.goto("/inbox")
    await page.get_by_label("Name or e-mail").fill("bo")
    await page.get_by_label("Password").fill(PASSWORD)
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("status")).to_contain_text("asks everybody for a second factor")
    await page.get_by_role("button", name="Set it up").click()
    picture = page.locator("svg.qr")
    await expect(picture).to_be_visible()
    size = await picture.bounding_box()
    assert size is not None
    assert 150 < size["width"] == size["height"]
    key = await page.locator("dd.mono").inner_text()
    await page.get_by_label("Code").fill(await code(console.app, key))
    await page.keyboard.press("Enter")
    codes = page.locator(".codes li")
    await expect(codes).to_have_count(10)
    spare = await codes.first.inner_text()
    await page.get_by_role("link", name="I have them").click()
    await expect(page.get_by_role("heading", name="Today")).to_be_visible()
    for typed in (await code(console.app, key, 1), spare):
        await page.get_by_role("button", name="Sign out").click()
        await page.goto("/inbox")
        await page.get_by_label("Name or e-mail").fill("bo")
        await page.get_by_label("Password").fill(PASSWORD)
        await page.keyboard.press("Enter")
        await expect(page.get_by_label("Code")).to_be_focused()
        await page.keyboard.type(typed)
        await page.keyboard.press("Enter")
        await expect(page).to_have_url(re.compile("/inbox$"))
