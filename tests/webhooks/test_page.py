"""Webhooks by the API and the command line."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator

import pytest

from remit.settings import Settings
from remit.webhooks.sign import verify
from tests.api.conftest import Client, app, client, door, server  # noqa: F401
from tests.webhooks.receiver import Receiver, receiving


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return settings.model_copy(update={"webhook_allow": ("127.0.0.1",)})


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    async with receiving() as one:
        yield one


async def test_a_webhook_is_added_tried_listed_and_removed(client: Client, receiver: Receiver) -> None:  # noqa: F811
    ann = await client("connections:write")
    made = await ann.post(
        "/webhooks", json={"url": receiver.url, "events": ["run.finished"], "agents": ["support"]}
    )
    assert made.status_code == 201
    webhook = made.json()
    path = made.headers["location"].removeprefix("/api/v1")
    secret = webhook.pop("secret")
    assert (await ann.get(path)).json() == webhook
    assert (await ann.get("/webhooks")).json() == {"webhooks": [webhook]}
    tried = (await ann.post(f"{path}/test")).json()
    assert (tried["state"], tried["status"], tried["said"]) == ("done", 200, "thanks")
    headers, body = receiver.got[0]
    assert verify(body, headers, secret) == tried["message"]
    receiver.answers = [503]
    failed = (await ann.post(f"{path}/test")).json()
    assert (failed["state"], failed["status"]) == ("due", 503)
    page = (await ann.get(f"{path}/deliveries", params={"limit": 1})).json()
    assert [one["id"] for one in page["deliveries"]] == [failed["id"]]
    rest = (await ann.get(f"{path}/deliveries", params={"limit": 1, "cursor": page["next"]})).json()
    assert ([one["id"] for one in rest["deliveries"]], rest["next"]) == ([tried["id"]], None)
    due = (await ann.get(f"{path}/deliveries", params={"state": "due"})).json()["deliveries"]
    assert [one["id"] for one in due] == [failed["id"]]
    again = (await ann.post(f"{path}/deliveries/{failed['id']}/resend")).json()
    assert (again["state"], again["number"]) == ("done", failed["number"])
    assert (await ann.post(f"{path}/disable")).json()["disabled_why"] == "by ann"
    assert (await ann.post(f"{path}/enable")).json()["disabled_at"] is None
    assert (await ann.post(f"{path}/rotate")).json()["secret"] != secret
    assert (await ann.delete(path)).status_code == 204
    for method, where in (
        ("GET", path),
        ("POST", f"{path}/test"),
        ("GET", f"{path}/deliveries"),
        ("DELETE", path),
    ):
        assert (await ann.request(method, where)).status_code == 404


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"url": "http://10.0.0.1/"}, "/url"),
        ({"url": "nothing"}, "/url"),
        ({"events": ["run.ended"]}, "/events"),
        ({"events": []}, "/events"),
        ({"secret": "x"}, "/secret"),
    ],
)
async def test_what_is_wrong_is_said_with_where_it_stands(
    client: Client,  # noqa: F811
    change: dict[str, object],
    pointer: str,
) -> None:
    ann = await client()
    body = {"url": "https://shop.example/hook", "events": ["run.finished"], **change}
    answer = await ann.post("/webhooks", json=body)
    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, pointer), answer.text
    assert (await ann.get("/webhooks")).json() == {"webhooks": []}


async def test_who_may_not_change_connections_sees_no_webhook(client: Client) -> None:  # noqa: F811
    reader = await client("runs:read", "runs:write", "settings:read")
    assert (await reader.get("/webhooks")).status_code == 403
    assert (await reader.post("/webhooks", json={})).status_code == 403
    assert json.loads((await reader.get("/webhooks")).text)["title"] == "Not allowed"
