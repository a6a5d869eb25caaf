"""What each role is offered in a browser, and what is refused where somebody sends it all the same."""

from __future__ import annotations

from uuid import UUID

from playwright.async_api import Page, expect

from remit.access.people import set_agent_role
from tests.journeys import desk
from tests.journeys.console import PHONE, Console, Visitors, call

REFUND = call("refund", order="W1", amount=40)
REFUSED = r"status of (403|404)"  # which is what these are about
OWN_SITE = {"sec-fetch-site": "same-origin"}


async def waits(console: Console, goal: str, agent: str = "clerk") -> UUID:
    run = await console.request(goal, REFUND, name=agent)
    await console.rests(run)
    return run


async def offered(page: Page, path: str) -> set[str]:
    """The names of what can be pressed or followed there."""
    answer = await page.goto(path)
    assert answer is not None
    assert answer.status == 200, path
    names = await page.locator("main a, main button, main summary").filter(visible=True).all_inner_texts()
    return {" ".join(name.split()) for name in names}


async def refused(page: Page, *sent: tuple[str, dict[str, str]], status: int = 403) -> None:
    for path, form in sent:
        answer = await page.request.post(path, form=form, headers=OWN_SITE, max_redirects=0)
        assert answer.status == status, path


async def test_an_approver_decides_by_touch_and_is_offered_nothing_else(
    console: Console, visit: Visitors
) -> None:
    run = await waits(console, "refund W1")
    page = await visit("ada", role="approver", but=REFUSED, **PHONE)
    assert not {"Pause", "Cancel", "Fork"} & await offered(page, f"/runs/{run}")
    assert "New agent" not in await offered(page, "/agents")
    assert not {"Change the rules"} & await offered(page, "/policy")
    await refused(page, (f"/runs/{run}/cancel", {}), (f"/runs/{run}/fork", {"at": "1"}))
    await refused(page, ("/agents", {"name": "mine", "from": ""}))
    await page.goto("/inbox")
    ask = page.get_by_role("article")
    await ask.get_by_text("Approve…").tap()
    await ask.get_by_role("button", name="Yes, do it").tap()
    await expect(ask).to_contain_text("You approved it")
    await page.goto(f"/runs/{run}")
    await expect(page.locator("#standing")).to_contain_text("It is done.")
    assert desk.done == ["refund W1 40"]


async def test_an_operator_steers_runs_and_builds_nothing(console: Console, visit: Visitors) -> None:
    run = await waits(console, "refund W1")
    page = await visit("otto", role="operator", but=REFUSED)
    assert {"Pause", "Cancel", "Fork"} <= await offered(page, f"/runs/{run}")
    assert "New agent" not in await offered(page, "/agents")
    assert not {"Add a connection", "Change"} & await offered(page, "/connections")
    await refused(page, ("/agents", {"name": "mine", "from": ""}), ("/policy/edit", {"text": ""}))
    await page.goto(f"/runs/{run}")
    await page.get_by_role("link", name="Cancel", exact=True).click()
    await page.get_by_role("button", name="Cancel").click()
    await expect(page.locator("#standing")).to_contain_text("cancelled")
    assert desk.done == []


async def test_a_builder_builds_and_neither_changes_rules_nor_people(
    console: Console, visit: Visitors
) -> None:
    page = await visit("bea", role="builder", but=REFUSED)
    assert "New agent" in await offered(page, "/agents")
    assert "Change the rules" not in await offered(page, "/policy")
    assert not {"People", "Audit log"} & await offered(page, "/settings/tokens")
    await refused(
        page, ("/policy/edit", {"text": ""}), ("/settings/people", {"name": "eve", "role": "owner"})
    )
    for path in ("/settings/people", "/settings/audit"):
        await page.goto(path)
        await expect(page.get_by_role("heading", name="That did not work")).to_be_visible()


async def test_who_is_there_for_one_agent_meets_no_other(console: Console, visit: Visitors) -> None:
    theirs, own = await waits(console, "refund W1 for a secret", "vault"), await waits(console, "refund W1")
    page = await visit("gus", role="guest", but=REFUSED, **PHONE)
    await set_agent_role(console.app.store, "ann", "gus", "clerk", "approver")
    for path in ("/", "/inbox", "/runs", "/agents", "/runs?q=secret", "/runs?agent=vault"):
        assert "Start a run" not in await offered(page, path)
        await expect(page.locator("body")).not_to_contain_text("vault", use_inner_text=True)
        await expect(page.locator("main")).not_to_contain_text("for a secret")
    await expect(page.get_by_role("navigation", name="Pages")).not_to_contain_text("Policy")
    for path in (
        f"/runs/{theirs}",
        f"/runs/{theirs}/export",
        f"/compare?a={own}&b={theirs}",
        "/agents/vault",
    ):
        answer = await page.goto(path)
        assert answer is not None
        assert answer.status == 404, path
    await refused(page, (f"/inbox/{theirs}/a1.1", {"decision": "approve", "seen": "x"}), status=404)
    await refused(page, (f"/runs/{own}/cancel", {}))
    await page.goto("/inbox")
    ask = page.get_by_role("article")
    await expect(ask).to_have_count(1)
    await expect(page.locator("#count")).to_have_text("1")
    await ask.get_by_text("Approve…").tap()
    await ask.get_by_role("button", name="Yes, do it").tap()
    await expect(ask).to_contain_text("You approved it")
    assert (await console.app.state(theirs)).waits, "it waits still"
