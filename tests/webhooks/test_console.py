"""Webhooks in the browser: who may sees them, adds them, tries them; what others wrote is text."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator

import httpx
import pytest

from remit.app import App
from remit.settings import Settings
from remit.webhooks.kept import list_webhooks
from remit.webhooks.sign import verify
from tests.console.conftest import app, browser, door, server, stranger  # noqa: F401
from tests.webhooks.receiver import Receiver, receiving


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return settings.model_copy(update={"webhook_allow": ("127.0.0.1",)})


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    async with receiving() as one:
        yield one


async def test_a_webhook_is_added_tried_and_removed_and_its_secret_shown_once(
    app: App,  # noqa: F811
    browser: httpx.AsyncClient,  # noqa: F811
    receiver: Receiver,
) -> None:
    assert "Nobody is told" in (await browser.get("/settings/webhooks")).text
    evil = "<script>x</script>\u202e"
    form = {"url": receiver.url, "event": ["run.finished"], "agents": evil}
    made = await browser.post("/settings/webhooks", data=form)
    assert made.status_code == 200
    assert "<script>x" not in made.text
    assert "\u202e" not in made.text
    found = re.search(r'value="(whsec_[^"]+)"', made.text)
    assert found
    (webhook,) = await list_webhooks(app.store)
    path = f"/settings/webhooks/{webhook.id}"
    receiver.answers = [500]
    assert (await browser.post(f"{path}/test")).headers["location"] == path
    page = (await browser.get(path)).text
    assert found[1] not in page
    assert "to be sent" in page
    assert "500 no no" in page
    headers, body = receiver.got[0]
    assert verify(body, headers, found[1])["type"] == "webhook.test"
    again = re.search(rf'action="({path}/deliveries/[^"]+/resend)"', page)
    assert again
    await browser.post(again[1])
    assert "received" in (await browser.get(path)).text
    assert "whsec_" in (await browser.post(f"{path}/rotate")).text
    await browser.post(f"{path}/disable")
    assert "Disabled" in (await browser.get(path)).text
    await browser.post(f"{path}/enable")
    assert "Disabled" not in (await browser.get(path)).text
    assert (await browser.post(f"{path}/remove")).headers["location"] == "/settings/webhooks"
    assert (await browser.get(path)).status_code == 404


async def test_what_is_wrong_stands_at_its_field_and_what_was_typed_is_kept(
    browser: httpx.AsyncClient,  # noqa: F811
) -> None:
    form = {"url": "http://10.0.0.1/x", "event": ["run.waiting"]}
    wrong = await browser.post("/settings/webhooks", data=form)
    assert wrong.status_code == 422
    assert 'aria-describedby="wrong-url"' in wrong.text
    assert 'value="http://10.0.0.1/x"' in wrong.text
    assert 'value="run.waiting" checked' in wrong.text
    none = await browser.post("/settings/webhooks", data={"url": "https://shop.example"})
    assert 'id="wrong-event"' in none.text
