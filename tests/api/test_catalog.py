"""Effects of runs, and what there is to work with: as it is, without keys, and without loading what a caller names."""

from __future__ import annotations

import sys
from uuid import UUID

import pytest

from remit.app import App
from remit.testing import ScriptedModel
from tests.agents import world
from tests.agents.test_loop import call, finish
from tests.api.conftest import Client
from tests.api.test_runs import SPEC, begun


async def test_what_a_run_did_is_listed_with_its_key_and_whose_yes_it_was(app: App, client: Client) -> None:
    ann = await client()
    made = await begun(app, ann)
    await app.advance(UUID(made["id"]))
    (ask,) = (await ann.get("/asks")).json()["asks"]
    await ann.post(f"/runs/{made['id']}/asks/a1.1/approve", json={"digest": ask["digest"]})
    await app.advance(UUID(made["id"]))
    (effect,) = (await ann.get(f"/runs/{made['id']}/effects")).json()["effects"]
    assert (effect["tool"], effect["outcome"], effect["approved_by"]) == ("send", "ok", "ann")
    assert effect["args"] == {"to": "x@y.example", "text": "hi"}
    assert world.done == [("send x@y.example", effect["key"])]
    assert (await ann.get("/effects")).json() == {"effects": [effect]}
    for path in ("/effects", f"/runs/{made['id']}/effects"):
        assert (await ann.get(path, params={"doubtful": True})).json() == {"effects": []}


async def test_a_run_below_another_is_listed_with_its_parent(app: App, client: Client) -> None:
    ann = await client()
    member = SPEC | {"name": "member", "model": "scripted:member"}
    app.models["scripted:member"] = ScriptedModel([finish("done")], by_turn=True)
    app.models["scripted:test"] = ScriptedModel(
        [call("delegate", agent="member", task="the rest"), finish("done")], by_turn=True
    )
    body = {"agent": SPEC | {"team": [member]}, "goal": "do it all"}
    made = (await ann.post("/runs", json=body)).json()
    await app.advance(UUID(made["id"]))
    (child,) = (await ann.get(f"/runs/{made['id']}/children")).json()["children"]
    assert (child["parent"], child["run"]["agent"]) == (made["id"], "member")
    assert (await ann.get(f"/runs/{child['run']['id']}")).json()["parent"] == made["id"]


async def test_tools_are_listed_by_name_and_none_is_loaded_because_somebody_names_it(client: Client) -> None:
    ann = await client("agents:read")
    tools = {one["name"]: one for one in (await ann.get("/tools")).json()["tools"]}
    assert tools["http_get"]["effect"] == "egress"
    assert tools["http_get"]["arguments"]["type"] == "object"
    some = (await ann.get("/tools", params={"name": "http_*"})).json()["tools"]
    assert {one["name"] for one in some} == {name for name in tools if name.startswith("http_")}
    sys.modules.pop("this", None)
    assert (await ann.get("/tools", params={"name": "this:s"})).json() == {"tools": []}
    assert "this" not in sys.modules


async def test_models_are_listed_without_keys(
    app: App, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ANTHROPIC_API_KEY", "sk-canary")
    settings = app.settings.model_copy(update={"model": "http://me:hunter2@127.0.0.1:9/v1#m"})
    monkeypatch.setattr(app.within("default"), "settings", settings)
    answer = await (await client("agents:read")).get("/models")
    names = [one["name"] for one in answer.json()["models"]]
    assert names[0] == "http://…@127.0.0.1:9/v1#m"
    assert "hunter2" not in answer.text
    assert "sk-canary" not in answer.text


async def test_what_led_to_a_call_and_how_two_runs_differ(app: App, client: Client) -> None:
    ann = await client()
    one = await begun(app, ann, goal="write to x@y.example")
    await app.advance(UUID(one["id"]))
    two = (await ann.post(f"/runs/{one['id']}/fork", json={"at": 1})).json()
    app.models["scripted:test"] = ScriptedModel([finish("no need")], by_turn=True)
    await app.advance(UUID(two["id"]))
    why = (await ann.get(f"/runs/{one['id']}/calls/1.1/why")).json()
    assert (why["tool"], why["outcome"], why["verdict"]) == ("send", "not yet", "ask")
    values = {value["name"]: value for value in why["values"]}
    assert values["to"]["sources"] == [{"event": 1, "what": "the goal", "integrity": "grant"}]
    assert (values["to"]["evidence"], values["text"]["sources"]) == ("grant", [])
    assert (await ann.get(f"/runs/{one['id']}/calls/9.9/why")).status_code == 404
    told = (await ann.get(f"/runs/{one['id']}/compare", params={"with": two["id"]})).json()
    assert (told["same"], told["a"]["asked"], told["b"]["asked"]) == (False, 1, 0)
    assert told["parted"]["a"] > 1
    itself = (await ann.get(f"/runs/{one['id']}/compare", params={"with": one["id"]})).json()
    assert (itself["same"], itself["parted"]) == (True, None)
