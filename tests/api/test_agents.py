"""Agents over HTTP: drafts that nobody overwrites, versions that stay, and runs of what is published."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import httpx
import pytest

from remit import library
from remit.app import App
from remit.journal.events import Started
from remit.testing import ScriptedModel
from tests.agents.test_loop import finish
from tests.api.conftest import Client

DESK = "name: desk\ninstructions: Help.  # shortly\ntools: [files.*]\n"


async def saved(ann: httpx.AsyncClient, yaml: str = DESK, etag: str | None = None) -> httpx.Response:
    headers = {"If-Match": etag} if etag else {}
    answer = await ann.put("/agents/desk/draft", json={"yaml": yaml}, headers=headers)
    assert answer.status_code == 200, answer.text
    return answer


async def published(ann: httpx.AsyncClient) -> httpx.Response:
    made = await saved(ann)
    answer = await ann.post(
        "/agents/desk/versions", json={"note": "first"}, headers={"If-Match": made.headers["etag"]}
    )
    assert answer.status_code == 201, answer.text
    return answer


async def test_the_agents_at_hand_are_listed_and_told_whole(client: Client) -> None:
    ann = await client("agents:read")
    listed = (await ann.get("/agents")).json()["agents"]
    assert {one["name"] for one in listed} == set(library.agents())
    support = (await ann.get("/agents/support")).json()
    assert (support["source"], support["version"], support["spec"]["name"]) == ("library", None, "support")
    assert support["spec"]["rules"]
    for name in ("suport", "..%2Fsupport", "agent.yaml"):
        answer = await ann.get(f"/agents/{name}")
        assert answer.status_code == 404
    assert "Did you mean 'support'?" in (await ann.get("/agents/suport")).json()["detail"]
    assert (await ann.get("/agents/support/draft")).status_code == 404


async def test_an_agent_is_drafted_published_run_by_name_and_rolled_back(app: App, client: Client) -> None:
    ann = await client()
    first = await published(ann)
    assert first.json()["version"] == 1
    assert (await ann.get("/agents/desk")).json()["version"] == 1
    app.models["auto"] = ScriptedModel([finish()], by_turn=True)
    begun = (await ann.post("/runs", json={"agent": "desk", "goal": "help"})).json()
    (event,) = await app.journal.read(UUID(begun["id"]))
    assert isinstance(event.body, Started)
    assert (event.body.agent, event.body.version) == ("desk", 1)
    changed = await saved(ann, DESK.replace("Help.", "Hinder."), first.headers["etag"])
    assert changed.json()["changed"]
    assert (await ann.get("/agents/desk")).json()["spec"]["instructions"] == "Help."
    second = await ann.post("/agents/desk/versions", json={}, headers={"If-Match": changed.headers["etag"]})
    back = await ann.post(
        "/agents/desk/versions", json={"version": 1}, headers={"If-Match": second.headers["etag"]}
    )
    assert (back.json()["version"], back.json()["same_as"]) == (3, 1)
    versions = (await ann.get("/agents/desk/versions")).json()["versions"]
    assert [(one["version"], one["runs"], one["by"]) for one in versions] == [
        (3, True, "ann"),
        (2, False, "ann"),
        (1, False, "ann"),
    ]
    assert (await ann.get("/agents/desk/versions/2")).json()["yaml"] == DESK.replace("Help.", "Hinder.")
    assert (await ann.get("/agents/desk/versions/9")).status_code == 404
    gone = await ann.post("/agents/desk/archive", headers={"If-Match": back.headers["etag"]})
    assert gone.json()["archived"]
    assert "is archived" in (await ann.post("/runs", json={"agent": "desk", "goal": "x"})).json()["detail"]
    assert "desk" not in {one["name"] for one in (await ann.get("/agents")).json()["agents"]}
    again = await ann.post("/agents/desk/restore", headers={"If-Match": gone.headers["etag"]})
    assert not again.json()["archived"]


async def test_nothing_is_changed_by_who_has_not_looked_at_it(client: Client) -> None:
    ann = await client()
    made = await published(ann)
    old = made.headers["etag"]
    new = (await saved(ann, DESK + "plan: false\n", old)).headers["etag"]
    asked: list[tuple[str, str, Any]] = [
        ("PUT", "/agents/desk/draft", {"yaml": DESK}),
        ("DELETE", "/agents/desk/draft", None),
        ("POST", "/agents/desk/versions", {}),
        ("POST", "/agents/desk/versions", {"version": 1}),
        ("POST", "/agents/desk/archive", None),
        ("POST", "/agents/desk/restore", None),
    ]
    for method, path, body in asked:
        for etag, status in ((None, 428), (old, 412), ("nonsense", 412)):
            headers = {"If-Match": etag} if etag else {}
            answer = await ann.request(method, path, json=body, headers=headers)
            assert answer.status_code == status, (method, path, answer.text)
    assert (await ann.get("/agents/desk/draft")).headers["etag"] == new
    dropped = await ann.delete("/agents/desk/draft", headers={"If-Match": new})
    assert not dropped.json()["changed"]


async def test_what_is_wrong_with_a_spec_is_said_where_it_stands(client: Client) -> None:
    ann = await client()
    spec = {"tools": ["files.*"], "rules": [{"tool": "files_read", "allow": "args.paht == 'a'"}]}
    answer = await ann.put("/agents/desk/draft", json={"spec": spec})
    assert answer.status_code == 422
    (error,) = answer.json()["errors"]
    assert error["pointer"] == "/spec/rules/0"
    assert "did you mean 'path'" in error["detail"]
    answer = await ann.put("/agents/desk/draft", json={"spec": {"budget": 1, "plan": 7}})
    assert {one["pointer"] for one in answer.json()["errors"]} == {"/spec/budget", "/spec/plan"}
    for body in ({}, {"yaml": "name: desk\n", "spec": {}}, {"yaml": "name: other\n"}, {"yaml": "name: ["}):
        assert (await ann.put("/agents/desk/draft", json=body)).status_code == 422
    made = await ann.put("/agents/desk/draft", json={"spec": {"tools": ["files.*"], "instructions": "a\nb"}})
    assert made.json()["yaml"] == "name: desk\ntools:\n  - files.*\ninstructions: |\n  a\n  b\n"


async def test_who_may_only_look_changes_nothing(client: Client) -> None:
    ann, bo = await client(), await client("agents:read", "runs:write", who="bo")
    made = await published(ann)
    for method, path, body in (
        ("PUT", "/agents/desk/draft", {"yaml": DESK}),
        ("DELETE", "/agents/desk/draft", None),
        ("POST", "/agents/desk/versions", {}),
        ("POST", "/agents/desk/archive", None),
    ):
        answer = await bo.request(method, path, json=body, headers={"If-Match": made.headers["etag"]})
        assert answer.status_code == 403, path
    assert (await bo.get("/agents/desk/draft")).json()["yaml"] == DESK


@pytest.mark.parametrize("spec", [{"tools": ["tests.agents.world"]}, {"resources": {"x": "$HOME"}}])
async def test_a_token_may_name_code_and_a_browser_may_not(
    app: App, client: Client, stranger: httpx.AsyncClient, door: Any, spec: dict[str, Any]
) -> None:
    ann = await client()
    assert (await ann.put("/agents/desk/draft", json={"spec": spec})).status_code == 200
    await stranger.get("/enter", params={"key": door.key})
    page = {"sec-fetch-site": "same-origin"}
    answer = await stranger.put("/api/v1/agents/mine/draft", json={"spec": spec}, headers=page)
    assert answer.status_code == 422
    assert "in the browser" in answer.text or "offered here" in answer.text
    begin = {"agent": {"name": "mine", **spec}, "goal": "go"}
    assert (await stranger.post("/api/v1/runs", json=begin, headers=page)).status_code == 422
    other = {"agent": "assistant", "model": "http://evil.example/v1#m", "goal": "go"}
    answer = await stranger.post("/api/v1/runs", json=other, headers=page)
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["pointer"] == "/agent/model"
