"""Signing in as people do who have a second factor, or come by a provider, in a real browser."""

from __future__ import annotations

import re

from playwright.async_api import expect

from remit.access.factor import require
from remit.access.invitations import set_password
from remit.access.people import add_member, known
from remit.access.providers import Provider, keep
from tests.console.factors import code
from tests.console.provider import CLIENT, SECRET, providing
from tests.journeys.console import Console, Visitors
from tests.journeys.sights import PASSWORD, answers


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


async def test_by_a_provider_of_another_site_one_comes_back_to_where_one_was_shows_again_who_one_is_and_leaves(
    visit: Visitors, console: Console
) -> None:
    store = console.app.store
    await add_member(store, "ann", "olga@shop.example", "owner")
    async with providing("localhost") as provider:  # for a browser another site than 127.0.0.1
        provider.asks = provider.ends = True
        provider.person = {"sub": "o1", "email": "olga@shop.example", "email_verified": True}
        one = Provider("default", "corp", "Shop", provider.issuer, CLIENT, inner_net=True)
        await keep(store, "ann", one, SECRET, ask=answers)
        page = await visit("", but="^http://localhost")
        await page.goto("/runs?status=waiting")
        await page.get_by_role("link", name="Sign in with Shop").click()
        await expect(page).to_have_title("Work")
        await page.get_by_role("link", name="Continue").click()
        await expect(page).to_have_url(re.compile(r"/runs\?status=waiting$"))
        await expect(page.get_by_role("banner")).to_contain_text("olga@shop.example")
        async with store.pool.connection() as connection:
            await connection.execute("update sessions set proved_at = proved_at - interval '1 hour'")
        await page.goto("/settings/people")
        await page.get_by_role("link", name="Confirm that it is you").click()
        await page.get_by_role("link", name="Confirm with Shop").click()
        await page.get_by_role("link", name="Continue").click()
        await expect(page).to_have_url(re.compile("/settings/people$"))
        await page.get_by_label("Login name or e-mail").fill("bo@shop.example")
        await page.get_by_role("button", name="Add them").click()
        await expect(page.get_by_role("status")).to_contain_text("Send this link to bo@shop.example")
        await page.get_by_role("button", name="Sign out").click()
        await expect(page.get_by_role("heading", name="Signed out")).to_be_visible()
        await page.get_by_role("link", name="Sign out of Shop too").click()
        await expect(page.get_by_role("link", name="Sign in with Shop")).to_be_visible()
        assert [said["of"] for said in provider.ended] == ["o1"]
