"""Triggers in the console: how each stands, in whose hands it is, and nothing that a stranger wrote as markup."""

from __future__ import annotations

import re

import httpx
import pytest

from remit.access.people import set_agent_role
from remit.app import App
from remit.console.session import Door
from remit.testing import ScriptedModel
from remit.triggered import look
from remit.triggers import firing, kept
from remit.triggers.refusals import note
from tests.agents.test_loop import agent, finish
from tests.console.conftest import SignIn, browser, browser_of, door, server, stranger  # noqa: F401
from tests.triggers.conftest import publish
from tests.triggers.test_after import FOLLOW
from tests.triggers.test_hooks import BODY, ORDER
from tests.triggers.test_schedules import MORNING, Handed

PAGE = "/agents/desk/triggers"


async def test_each_is_told_in_words_with_its_next_times_and_what_it_began(
    app: App,
    browser: httpx.AsyncClient,  # noqa: F811
    door: Door,  # noqa: F811
) -> None:
    await publish(app, MORNING, ORDER)
    await note(app.store, "desk", "orders", "no secret has been made for it yet")
    made = await firing.fire(app.store, "desk", "morning", "ann")
    await look(app, Handed())
    text = (await browser.get(PAGE)).text
    assert "At 09:00 every day, in Europe/Berlin." in text
    assert len(re.findall(r"\d\d:\d\d CES?T</time>", text)) == 5
    assert "http://127.0.0.1:7700/hooks/default/desk/orders" in text
    assert "no secret yet" in text
    assert "1 delivery refused lately" in text
    assert f'href="/runs/{made.run}"' in text
    assert "the schedule morning, by hand of ann" in (await browser.get(f"/runs/{made.run}")).text


async def test_it_is_paused_resumed_fired_and_given_a_secret_by_forms(
    app: App,
    browser: httpx.AsyncClient,  # noqa: F811
) -> None:
    await publish(app, MORNING, ORDER)
    for deed, state in (("pause", "paused"), ("resume", "on")):
        answer = await browser.post(f"{PAGE}/morning/{deed}")
        assert (answer.status_code, answer.headers["location"]) == (303, PAGE)
        assert (await kept.get_trigger(app.store, "desk", "morning")).state == state
    made = await browser.post(f"{PAGE}/orders/secret")
    (secret,) = re.findall(r'value="(whsec_[^"]+)"', made.text)
    assert secret not in (await browser.get(PAGE)).text
    assert (await browser.post(f"{PAGE}/morning/fire")).status_code == 303
    assert len(await firing.list_firings(app.store, "desk", "morning")) == 1
    for typed, said in (("{", "is not JSON"), ('{"a": "<script>"}', "order.id: is not there")):
        wrong = await browser.post(f"{PAGE}/orders/fire", data={"body": typed})
        assert wrong.status_code == 422
        assert said in wrong.text
        assert "<script>" not in wrong.text.replace('<script src="', "")
    assert await firing.list_firings(app.store, "desk", "orders") == []
    assert (await browser.post(f"{PAGE}/none/pause")).status_code == 404


async def test_who_only_looks_is_shown_no_way_to_do_more(app: App, browser_of: SignIn) -> None:  # noqa: F811
    await publish(app, MORNING, ORDER)
    viewer, operator = await browser_of("vic", "viewer"), await browser_of("oda", "operator")
    assert "<form" not in (await viewer.get(PAGE)).text.split("<main", 1)[1]
    for deed in ("pause", "resume", "fire", "secret"):
        assert (await viewer.post(f"{PAGE}/orders/{deed}")).status_code == 403
    shown = (await operator.get(PAGE)).text
    assert "/morning/pause" in shown
    assert "/orders/secret" not in shown
    assert (await operator.post(f"{PAGE}/orders/secret")).status_code == 403


@pytest.mark.parametrize("bad", ["<script>alert(1)</script>", "\u202egoal"])
async def test_words_of_others_are_shown_and_never_obeyed_by_the_browser(
    app: App,
    browser: httpx.AsyncClient,  # noqa: F811
    bad: str,
) -> None:
    await publish(app, ORDER | {"goal": f"{bad} {{order.note}}", "when": f"event.body.x == {bad!r}"})
    await note(app.store, "desk", "orders", bad)
    await firing.fire(app.store, "desk", "orders", bad, BODY)
    text = (await browser.get(PAGE)).text
    assert "<script>alert" not in text
    assert "\u202e" not in text


async def test_an_agent_without_any_says_how_to_have_one(app: App, browser: httpx.AsyncClient) -> None:  # noqa: F811
    await publish(app)
    assert "Nothing begins it by itself" in (await browser.get(PAGE)).text


async def test_one_that_follows_an_agent_is_fired_by_hand_for_a_run_that_has_ended(
    app: App,
    browser: httpx.AsyncClient,  # noqa: F811
) -> None:
    await publish(app, FOLLOW)
    assert "No run of shop has ended yet" in (await browser.get(PAGE)).text
    refused = await browser.post(f"{PAGE}/follow/fire")
    assert refused.status_code == 422
    assert "none of them has ended yet" in refused.text
    evil = "<script>alert(1)</script>\u202e"
    first, _ = [
        await app.start(agent(), f"{evil} {n}", model=ScriptedModel([finish()], by_turn=True)) for n in "12"
    ]
    await app.advance(first)
    page = (await browser.get(PAGE)).text
    assert f'<option value="{first}">' in page
    assert page.count("<option") == 1
    assert "<script>alert" not in page
    assert "\u202e" not in page
    assert (await browser.post(f"{PAGE}/follow/fire", data={"run": str(first)})).status_code == 303
    made = [one for one in await firing.list_firings(app.store, "desk", "follow") if one.by]
    assert [one.said["run"] for one in made] == [str(first)]


async def test_a_guest_sees_and_works_the_triggers_of_their_agents_and_no_others(
    app: App,
    browser_of: SignIn,  # noqa: F811
) -> None:
    await publish(app, MORNING, ORDER, FOLLOW)
    await publish(app, MORNING, name="theirs")
    await app.advance(
        await app.start(agent(), "secret of shop", model=ScriptedModel([finish()], by_turn=True))
    )
    bo = await browser_of("bo", "guest")
    await set_agent_role(app.store, "ann", "bo", "desk", "viewer")
    page = await bo.get(PAGE)
    assert page.status_code == 200
    assert "At 09:00 every day" in page.text
    assert "Fire" not in page.text
    assert "Make its secret" not in page.text
    assert (await bo.post(f"{PAGE}/morning/fire")).status_code == 403
    assert (await bo.get("/agents/theirs/triggers")).status_code == 404
    await set_agent_role(app.store, "ann", "bo", "desk", "operator")
    page = await bo.get(PAGE)
    assert "Fire now" in page.text
    assert "Make its secret" not in page.text
    assert "secret of shop" not in page.text  # whose runs are not theirs to see
    assert (await bo.post(f"{PAGE}/follow/fire")).status_code == 422
    assert (await bo.post(f"{PAGE}/morning/fire")).status_code == 303
    assert [one.by for one in await firing.list_firings(app.store, "desk", "morning")] == ["bo"]
    assert (await bo.post(f"{PAGE}/morning/pause")).status_code == 303
    for deed in ("fire", "pause", "resume"):
        assert (await bo.post(f"/agents/theirs/triggers/morning/{deed}")).status_code == 404
    assert (await bo.post(f"{PAGE}/orders/secret")).status_code == 403
    assert await firing.list_firings(app.store, "theirs", "morning") == []
