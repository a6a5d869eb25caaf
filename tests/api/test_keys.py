"""Keys of model providers over the API: written, used at once, said to be there, and in no answer."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from remit.access.audit import entries
from remit.access.people import add_member, set_agent_role
from remit.api.tokens import add_token
from remit.app import App
from remit.console.session import Door
from remit.models.keys import list_keys
from remit.workspaces import add_workspace
from tests.api.conftest import Client
from tests.api.test_door import NOWHERE
from tests.console.test_models import _no_keys, used_key

__all__ = ["_no_keys"]
KEY = "sk-canary-0123456789"
OTHER = "sk-another-0123456789"
HOOK = {"url": "https://crm.example/remit", "events": ["run.finished"]}


async def test_a_key_is_kept_replaced_and_removed_and_no_answer_has_it(
    app: App, client: Client, caplog: pytest.LogCaptureFixture
) -> None:
    ann = await client("settings:write", "agents:read")
    here = app.within("default")
    told = [await ann.put("/keys/openai", json={"key": KEY})]
    assert (told[0].status_code, await used_key(here)) == (200, KEY)
    told.append(await ann.put("/keys/openai", json={"key": OTHER}))
    assert await used_key(here) == OTHER
    told.append(await ann.get("/keys"))
    (kept,) = told[-1].json()["keys"]
    assert kept == told[1].json()
    assert (kept["provider"], kept["by"], kept["readable"], kept["used"]) == ("openai", "ann", True, True)
    told.append(await ann.delete("/keys/openai"))
    assert (told[-1].status_code, (await ann.get("/keys")).json()) == (204, {"keys": []})
    told.append(await ann.delete("/keys/openai"))
    assert told[-1].status_code == 404
    found = [(one.who, one.what, one.about, one.detail) for one in await entries(app.store, what="model_key")]
    assert found[::-1] == [
        ("ann", "model_key.set", "openai", {}),
        ("ann", "model_key.set", "openai", {}),
        ("ann", "model_key.removed", "openai", {}),
    ]
    everything = "".join(answer.text for answer in told) + caplog.text
    assert KEY not in everything
    assert OTHER not in everything


@pytest.mark.parametrize(
    ("path", "body", "status", "where"),
    [
        ("openai", {"key": "short"}, 422, "/key"),
        ("openai", {"key": f"{KEY} and more"}, 422, "/key"),
        ("openai", {"key": "x" * 4001}, 422, "/key"),
        ("openai", {"key": 7}, 422, "/key"),
        ("openai", {"key": KEY, "to": "you"}, 422, "/to"),
        ("openai", {}, 422, "/key"),
        ("openia", {"key": KEY}, 404, None),
    ],
)
async def test_what_cannot_be_kept_is_refused_where_it_stands_and_not_repeated(
    app: App, client: Client, path: str, body: Any, status: int, where: str | None
) -> None:
    answer = await (await client()).put(f"/keys/{path}", json=body)
    assert answer.status_code == status
    assert [one["pointer"] for one in answer.json()["errors"]] == ([where] if where else [])
    assert KEY not in answer.text
    assert await list_keys(app.store) == []


async def test_an_unknown_provider_is_answered_with_those_that_there_are(client: Client) -> None:
    answer = await (await client()).put("/keys/openia", json={"key": KEY})
    assert "Did you mean 'openai'?" in answer.json()["detail"]


async def test_a_key_that_the_environment_has_is_said_to_be_the_one_that_is_used(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    ann = await client()
    await ann.put("/keys/openai", json={"key": KEY})
    monkeypatch.setenv("OPENAI_API_KEY", OTHER)
    (kept,) = (await ann.get("/keys")).json()["keys"]
    assert (kept["readable"], kept["used"]) == (True, False)


async def test_a_key_is_of_the_tokens_workspace_and_of_nobody_with_single_agents(
    app: App, client: Client, stranger: httpx.AsyncClient
) -> None:
    ann = await client()
    await ann.put("/keys/openai", json={"key": KEY})
    await add_workspace(app.store, "ann", "acme", "Acme")
    theirs = app.within("acme")
    _, secret = await add_token(theirs.store, "t", "ann", ["agents:read", "settings:write"], None)
    headers = {"authorization": f"Bearer {secret}"}
    assert (await stranger.get("/api/v1/keys", headers=headers)).json() == {"keys": []}
    assert (await stranger.delete("/api/v1/keys/openai", headers=headers)).status_code == 404
    await add_member(app.store, "ann", "bo", "guest")
    await set_agent_role(app.store, "ann", "bo", "desk", "operator")
    bo = await client("agents:read", who="bo")
    answer = await bo.get("/keys")
    assert (answer.status_code, "openai" in answer.text) == (403, False)
    assert len(await list_keys(app.store)) == 1


async def test_a_session_confirms_first_who_it_is_before_it_gives_or_gets_a_key(
    app: App, client: Client, stranger: httpx.AsyncClient, door: Door
) -> None:
    await stranger.get("/enter", params={"key": door.key})
    own = {"sec-fetch-site": "same-origin"}
    assert (await stranger.put("/api/v1/keys/openai", json={"key": KEY}, headers=own)).status_code == 200
    async with app.store.pool.connection() as connection:  # somebody came by a provider, an hour ago
        await connection.execute("update sessions set how = 'oidc x', proved_at = now() - interval '1 hour'")
    for answer in (
        await stranger.put("/api/v1/keys/openai", json={"key": OTHER}, headers=own),
        await stranger.delete("/api/v1/keys/openai", headers=own),
        await stranger.post("/api/v1/webhooks", json=HOOK, headers=own),
        await stranger.post(f"/api/v1/webhooks/{NOWHERE}/rotate", headers=own),
        await stranger.post("/api/v1/triggers/desk/mail/secret", headers=own),
    ):
        assert (answer.status_code, "/confirm" in answer.json()["detail"]) == (403, True)
    assert len((await stranger.get("/api/v1/keys")).json()["keys"]) == 1
    assert await used_key(app.within("default")) == KEY
