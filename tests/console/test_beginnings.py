"""Triggers in the builder's form: added, changed, taken out, each error at its field, and all else in them as it was."""

from __future__ import annotations

import httpx
import pytest

from remit.app import App
from remit.catalogue import kept as store_of
from remit.catalogue import work
from remit.catalogue.find import find_named
from tests.console.test_agents import begun, saved, text, typed
from tests.console.test_inbox import EVIL

NEW = {
    "trigger:new:kind": "schedule", "trigger:new:name": "morning", "trigger:new:schedule": "0 9 * * mon-fri",
    "trigger:new:zone": "Europe/Berlin", "trigger:new:goal": "Look through what came in.",
}  # fmt: skip
OWN = """\
name: desk
instructions: Sort what comes in.
triggers:
  - name: orders  # the shop's
    webhook: hmac
    goal: See to order {order.id}.
    person: order.email
    at_most: 3
  - {name: next, after: support, ended: met, goal: Go on.}
"""


async def published(app: App, browser: httpx.AsyncClient) -> None:
    kept = await store_of.kept(app.store, "desk")
    answer = await browser.post("/agents/desk/publish", data={"base": str(kept.rev), "note": "now"})
    assert answer.status_code == 303, answer.text


async def test_a_newcomer_has_an_agent_begin_at_nine_each_working_day(
    app: App, browser: httpx.AsyncClient
) -> None:
    page = await saved(browser, await begun(browser), **NEW)
    assert "in Europe/Berlin" in page
    assert page.count("09:00") >= 5  # the next five times
    await published(app, browser)
    (trigger,) = (await find_named(app.store, "desk")).agent.triggers
    assert (trigger.name, trigger.schedule, trigger.zone) == ("morning", "0 9 * * mon-fri", "Europe/Berlin")
    assert trigger.goal.strip() == "Look through what came in."


async def test_what_runs_of_a_trigger_are_for_is_typed_shown_and_said(
    app: App, browser: httpx.AsyncClient
) -> None:
    page = await saved(
        browser,
        await begun(browser),
        **NEW,
        **{"purpose": "fraud", "trigger:new:purpose": "service, marketing"},
    )
    assert 'name="purpose" value="fraud"' in page
    assert 'name="trigger:0:purpose" value="service, marketing"' in page
    await published(app, browser)
    agent = (await find_named(app.store, "desk")).agent
    assert (agent.purposes, agent.triggers[0].purpose) == ({"fraud"}, ("service", "marketing"))
    assert "it uses for service and marketing." in (await browser.get("/agents/desk/triggers")).text
    wrong = await browser.post("/agents/desk", data={**typed(page), "trigger:0:purpose": "For Us"})
    assert wrong.status_code == 422


@pytest.mark.parametrize(
    ("kind", "more", "has"),
    [
        ("webhook", {"trigger:new:webhook": "token"}, ("token", None, None)),
        ("after", {"trigger:new:after": "support"}, (None, "support", None)),
    ],
)
async def test_what_belongs_to_another_kind_is_left_out(
    app: App, browser: httpx.AsyncClient, kind: str, more: dict[str, str], has: tuple[str | None, ...]
) -> None:
    await saved(browser, await begun(browser), **{**NEW, "trigger:new:kind": kind, **more})
    await published(app, browser)
    (trigger,) = (await find_named(app.store, "desk")).agent.triggers
    assert (trigger.webhook, trigger.after, trigger.schedule) == has


async def test_what_cannot_be_a_trigger_is_told_at_its_field_and_kept_as_it_was_typed(
    browser: httpx.AsyncClient,
) -> None:
    wrong = {**NEW, "trigger:new:schedule": "every morning", "trigger:new:when": EVIL}
    answer = await browser.post("/agents/desk", data={**typed(await begun(browser)), **wrong})
    assert answer.status_code == 422
    section = answer.text[answer.text.index('id="triggers"') : answer.text.index('id="more"')]
    assert 'value="every morning"' in section
    assert 'aria-invalid="true"' in section
    assert "<script>alert" not in answer.text
    mended = {"trigger:0:schedule": "0 9 * * *", "trigger:0:when": ""}
    assert "in Europe/Berlin" in await saved(browser, answer.text, **mended)


async def test_what_is_not_touched_in_a_trigger_stays_as_it_was_written(
    app: App, browser: httpx.AsyncClient
) -> None:
    await work.save(app, "desk", OWN, "ann", None)
    page = await text(browser, "/agents/desk")
    answer = await browser.post("/agents/desk", data=typed(page))
    assert answer.status_code == 303
    assert (await store_of.kept(app.store, "desk")).text == OWN
    page = await saved(
        browser, page, **{"trigger:0:goal": "Look at order {order.id}.", "trigger:1:drop": "yes"}
    )
    kept = (await store_of.kept(app.store, "desk")).text
    assert "# the shop's" in kept
    assert "at_most: 3" in kept
    assert "Look at order {order.id}." in kept
    assert "support" not in kept
    await saved(browser, page, **{"trigger:0:drop": "yes"})
    assert "triggers" not in (await store_of.kept(app.store, "desk")).text
