"""What other systems deliver for the graph: only from whom it should come, each event once, bad ones set aside."""

from __future__ import annotations

import hashlib
import hmac
import json
import time
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from remit.api import hooks
from remit.app import App, open_app
from remit.console.server import make_server
from remit.console.session import Door
from remit.graph.aside import list_aside
from remit.graph.people import find, timeline
from remit.intake import kept
from remit.intake.spec import intake_of
from remit.settings import Settings
from remit.webhooks.sign import signed
from tests.intake.test_mapping import ORDER, PAID

Json = Any
PATH = "/hooks/default/orders"


@pytest.fixture
async def app(settings: Settings) -> AsyncIterator[App]:
    async with open_app(settings) as opened:
        yield opened


@pytest.fixture
async def sender(app: App, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[httpx.AsyncClient]:
    monkeypatch.setattr(hooks, "OFTEN", 0.0)
    server = httpx.ASGITransport(make_server(app, Door("ann"), 7700))
    async with httpx.AsyncClient(transport=server, base_url="http://127.0.0.1:7700") as client:
        yield client


async def secret_of(app: App, spec: Json = PAID) -> str:
    await kept.put(app.store, intake_of("orders", spec), "ann")
    return await kept.make_secret(app.store, "orders", "ann")


async def send(
    sender: httpx.AsyncClient, secret: str, body: Json = ORDER, number: str = "msg_1"
) -> httpx.Response:
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    return await sender.post(PATH, content=data, headers=signed(number, int(time.time()), data, [secret]))


async def test_a_delivery_that_is_signed_becomes_what_happened_and_counts_once(
    app: App, sender: httpx.AsyncClient
) -> None:
    secret = await secret_of(app)
    first, second = await send(sender, secret), await send(sender, secret, number="msg_2")
    assert (first.status_code, first.json()) == (202, {"taken": 1, "known": 0, "set_aside": 0})
    assert second.json() == {"taken": 0, "known": 1, "set_aside": 0}
    (event,) = await timeline(app.store, await find(app.store, "ann@shop.example"))
    assert (event.source, event.event, event.kind, str(event.value)) == (
        "orders",
        "17",
        "purchase",
        "12.5000",
    )
    one = await kept.get_intake(app.store, "orders")
    assert (one.state, one.taken, one.heard_at is not None) == ("on", 1, True)


async def test_what_cannot_be_taken_in_is_set_aside_and_told(app: App, sender: httpx.AsyncClient) -> None:
    secret = await secret_of(app)
    wrong = {"type": "order.paid", "data": {**ORDER["data"], "created": "yesterday"}}
    assert (await send(sender, secret, wrong)).json() == {"taken": 0, "known": 0, "set_aside": 1}
    (aside,) = await list_aside(app.store)
    assert (aside.source, aside.field) == ("orders", "at")
    assert (await kept.get_intake(app.store, "orders")).aside == 1


async def test_a_stranger_is_told_the_same_whatever_there_is(app: App, sender: httpx.AsyncClient) -> None:
    secret = await secret_of(app)
    told = [
        await send(sender, "whsec_" + "A" * 44),
        await sender.post(PATH, json=ORDER),
        await sender.post("/hooks/default/nothing", json=ORDER),
        await sender.post("/hooks/nowhere/orders", json=ORDER),
        await sender.post("/hooks/default/orders%00", json=ORDER),
    ]
    assert {(one.status_code, one.json()["detail"]) for one in told} == {(404, str(hooks.NOWHERE))}
    one = await kept.get_intake(app.store, "orders")
    assert (one.state, one.taken) == ("goes wrong", 0)
    assert "a delivery was refused" in one.went
    assert (await send(sender, secret)).status_code == 202
    assert (await kept.get_intake(app.store, "orders")).state == "on"


async def test_github_and_bearers_show_who_they_are_in_their_ways(
    app: App, sender: httpx.AsyncClient
) -> None:
    data = json.dumps(ORDER).encode()
    secret = await secret_of(app, PAID | {"webhook": "hmac"})
    mark = "sha256=" + hmac.new(secret.encode(), data, hashlib.sha256).hexdigest()
    answer = await sender.post(PATH, content=data, headers={"X-Hub-Signature-256": mark})
    assert answer.json()["taken"] == 1
    token = await secret_of(app, PAID | {"webhook": "token"})
    answer = await sender.post(PATH, content=data, headers={"Authorization": f"Bearer {token}"})
    assert answer.json()["known"] == 1
    assert (await sender.post(PATH, content=data, headers={"X-Hub-Signature-256": mark})).status_code == 404


async def test_a_secret_may_be_the_senders_own_and_one_of_a_day_ago_is_taken_too(
    app: App, sender: httpx.AsyncClient
) -> None:
    first = await secret_of(app)
    given = "whsec_" + "Z2l2ZW4gb3V0IGJ5IHRoZSBzZW5kZXIgaXRzZWxm"
    assert await kept.make_secret(app.store, "orders", "ann", given) == given
    assert (await send(sender, first)).status_code == (await send(sender, given)).status_code == 202


async def test_what_is_too_much_or_no_json_or_comes_while_it_is_paused_is_refused(
    app: App, sender: httpx.AsyncClient
) -> None:
    secret = await secret_of(app)
    assert (await send(sender, secret, b"{")).status_code == 400
    assert (await sender.post(PATH, content=b"x" * 2_000_001)).status_code == 413
    many = {"webhook": "standard", "each": "", "row": {"kind": "visit", "email": "/who"}} | {"each": "/all"}
    secret = await secret_of(app, many)
    answer = await send(sender, secret, {"all": [{"who": "a@x.example"}] * 5_001})
    assert (answer.status_code, "at most 5,000 events" in answer.json()["detail"]) == (422, True)
    await kept.pause(app.store, "orders", "ann")
    answer = await send(sender, secret, {"all": []})
    assert (answer.status_code, "retry-after" in answer.headers) == (503, True)
    await kept.resume(app.store, "orders", "ann")
    assert (await send(sender, secret, {"all": []})).status_code == 202
