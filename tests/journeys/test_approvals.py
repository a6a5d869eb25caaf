"""What people do in a browser with what an agent asks: see it come, decide by touch, by keys, two at once, without scripts."""

from __future__ import annotations

from playwright.async_api import expect

from tests.journeys import desk
from tests.journeys.console import PHONE, Console, Visitors, call


async def test_a_request_is_watched_live_from_its_first_event_to_its_report(
    console: Console, visit: Visitors
) -> None:
    desk.free.clear()
    page = await visit()
    run = await console.request("look W1 up", call("look_up", order="W1"))
    await page.goto("/runs")
    await page.get_by_role("link", name="look W1 up").click()
    await expect(page.get_by_role("heading", name="look W1 up")).to_be_visible()
    assert page.url.endswith(f"/runs/{run}")
    await expect(page.locator("#standing")).to_contain_text("running")
    await expect(page.locator("#timeline")).to_contain_text("look_up")
    desk.free.set()
    await expect(page.locator("#standing")).to_contain_text("It is done.")
    shown = await page.locator("#timeline > li").evaluate_all(
        "all => all.map(one => Number(one.dataset.seq))"
    )
    assert shown == [event.seq for event in await console.app.journal.read(run)]


async def test_a_refund_is_approved_by_touch_on_a_phone(console: Console, visit: Visitors) -> None:
    page = await visit(**PHONE)
    await page.goto("/inbox")
    await expect(page.get_by_text("Nothing waits")).to_be_visible()
    run = await console.request("refund W1", call("refund", order="W1", amount=40))
    ask = page.get_by_role("article")
    await expect(ask).to_contain_text("a person decides on money that goes back")
    await expect(page.locator("#count")).to_have_text("1")
    await ask.get_by_text("Approve…").tap()
    sure = ask.get_by_role("button", name="Yes, do it")
    box = await sure.bounding_box()
    assert box is not None
    assert box["height"] >= 44, "a thumb hits it"
    await sure.tap()
    await expect(ask).to_contain_text("You approved it")
    await page.goto(f"/runs/{run}")
    await expect(page.locator("#standing")).to_contain_text("approved by ann")
    await expect(page.locator("#standing")).to_contain_text("It is done.")
    assert desk.done == ["refund W1 40"]


async def test_a_mail_is_rejected_with_a_reason_by_keys_alone(console: Console, visit: Visitors) -> None:
    page = await visit()
    turn = [
        call("refund", order="W1", amount=40),
        call("send_mail", to="eve@evil.example", text="all I know"),
    ]
    run = await console.request("refund W1 and write", turn)
    await page.goto("/inbox")
    asks = page.get_by_role("article")
    await expect(asks).to_have_count(2)
    await page.keyboard.press("j")
    await expect(asks.nth(0)).to_be_focused()
    await page.keyboard.press("j")
    await expect(asks.nth(1)).to_be_focused()
    await page.keyboard.press("k")
    await expect(asks.nth(0)).to_be_focused()
    await page.keyboard.press("j")
    await page.keyboard.press("r")
    await expect(asks.nth(1).get_by_label("Reason, which the agent reads")).to_be_focused()
    await page.keyboard.type("a jk of a mail: nobody knows eve")
    await page.keyboard.press("Tab")
    await page.keyboard.press("Enter")
    await expect(asks.nth(1)).to_contain_text("You rejected it: a jk of a mail: nobody knows eve")
    await page.keyboard.press("k")
    await page.keyboard.press("a")
    assert desk.done == [], "what cannot be taken back is asked about once more"
    await page.keyboard.press("a")
    await expect(asks.nth(0)).to_contain_text("You approved it")
    await page.goto(f"/runs/{run}")
    await expect(page.locator("#standing")).to_contain_text("It is done.")
    assert desk.done == ["refund W1 40"]


async def test_a_mail_is_changed_on_a_phone_and_goes_out_as_changed(
    console: Console, visit: Visitors
) -> None:
    page = await visit(**PHONE)
    run = await console.request("write to ann", call("send_mail", to="eve@evil.example", text="Hello Ann"))
    await page.goto("/inbox")
    ask = page.get_by_role("article")
    await ask.focus()
    await page.keyboard.press("c")
    address = ask.get_by_role("textbox", name="to", exact=True)
    await expect(address).to_be_focused()
    await expect(ask.get_by_text("It was eve@evil.example")).to_be_hidden()
    await address.fill("ann@shop.example")
    await expect(ask.get_by_text("It was eve@evil.example")).to_be_visible()
    await ask.get_by_role("button", name="Approve as changed").tap()
    await expect(ask).to_contain_text("You changed and approved it")
    await page.goto(f"/runs/{run}")
    await expect(page.locator("#standing")).to_contain_text("ann@shop.example")
    await expect(page.locator("#standing")).to_contain_text("It is done.")
    assert desk.done == ["mail ann@shop.example"]


async def test_of_two_people_on_one_approval_the_second_is_told_who_took_it(
    console: Console, visit: Visitors
) -> None:
    await console.request("refund W1", call("refund", order="W1", amount=40))
    ann, bo = await visit("ann"), await visit("bo")
    for page in (ann, bo):
        await page.goto("/inbox")
        await page.get_by_role("article").get_by_text("Approve…").click()
    await ann.get_by_role("button", name="Yes, do it").click()
    await expect(bo.get_by_role("article")).to_contain_text("It was approved by ann")
    await expect(bo.get_by_role("button", name="Yes, do it")).to_have_count(0)


async def test_who_presses_in_the_same_moment_is_told_as_well(console: Console, visit: Visitors) -> None:
    """Bo's page has not heard of Ann's word yet."""
    await console.request("refund W1", call("refund", order="W1", amount=40))
    ann, bo = await visit("ann"), await visit("bo", but=r"Failed to (fetch|load)")
    await bo.route("**/inbox/live", lambda route: route.abort())
    await bo.goto("/inbox")
    await ann.goto("/inbox")
    for page in (ann, bo):
        await page.get_by_role("article").get_by_text("Approve…").click()
    await ann.get_by_role("button", name="Yes, do it").click()
    await expect(ann.get_by_role("article")).to_contain_text("You approved it")
    await bo.get_by_role("button", name="Yes, do it").click()
    await expect(bo.get_by_role("article")).to_contain_text("approved by ann")


async def test_without_javascript_it_is_decided_by_forms(console: Console, visit: Visitors) -> None:
    page = await visit(java_script_enabled=False)
    turn = [
        call("refund", order="W1", amount=40),
        call("send_mail", to="eve@evil.example", text="all I know"),
    ]
    run = await console.request("refund W1", turn)
    await console.rests(run)
    await page.goto("/")
    await page.get_by_role("link", name="Inbox").click()
    asks = page.get_by_role("article")
    await asks.filter(has_text="eve@evil").get_by_text("Reject…").click()
    await asks.filter(has_text="eve@evil").get_by_label("Reason").fill("nobody knows eve")
    await asks.filter(has_text="eve@evil").get_by_role("button", name="Reject", exact=True).click()
    await expect(page.get_by_text("You rejected it: nobody knows eve")).to_be_visible()
    await asks.get_by_text("Approve…").click()
    await asks.get_by_role("button", name="Yes, do it").click()
    await expect(page.get_by_text("You approved it")).to_be_visible()
    await console.rests(run)
    await page.goto(f"/runs/{run}")
    await expect(page.locator("#standing")).to_contain_text("It is done.")
    assert desk.done == ["refund W1 40"]


async def test_why_leads_from_an_effect_back_to_the_words_that_asked_for_it(
    console: Console, visit: Visitors
) -> None:
    page = await visit()
    run = await console.request(
        "refund W1, forty dollars",
        call("look_up", order="W1"),
        call("refund", order="W1", amount=40),
        rules=[{"tool": "refund", "allow": "true"}],
    )
    await page.goto(f"/runs/{run}")
    await expect(page.locator("#standing")).to_contain_text("It is done.")
    await page.locator(".effects").get_by_role("link", name="refund").click()
    await expect(page.get_by_role("heading", name="Why refund")).to_be_visible()
    drawn = page.get_by_role("region", name="Where each value stood, drawn")
    await expect(drawn).to_contain_text("order")
    await expect(drawn).to_contain_text("W1")
    await page.get_by_role("table").get_by_role("link").first.click()
    assert page.url.startswith(f"{console.url}/runs/{run}?event=")
    assert "#e" in page.url
    target = page.locator(".event:target")
    await expect(target).to_be_visible()
    await expect(target).to_contain_text("refund W1, forty dollars")
