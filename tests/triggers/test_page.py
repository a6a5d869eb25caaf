"""Triggers by the API and the command line."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from fastapi import FastAPI
from typer.testing import CliRunner

from remit import settings as settings_module
from remit.app import App
from remit.cli.triggers import triggers
from remit.console.server import make_server
from remit.console.session import Door
from remit.settings import Settings
from remit.tools.thread import in_thread
from remit.triggered import look
from tests.api.conftest import Client, client  # noqa: F401
from tests.triggers.conftest import publish
from tests.triggers.test_hooks import BODY, ORDER
from tests.triggers.test_schedules import MORNING, Handed


@pytest.fixture
def server(app: App) -> FastAPI:
    return make_server(app, Door("ann"), 7700)


async def test_triggers_are_listed_paused_fired_and_given_a_secret(
    app: App,
    client: Client,  # noqa: F811
) -> None:
    await publish(app, MORNING, ORDER)
    ann = await client("agents:read", "runs:write", "connections:write")
    orders, morning = (await ann.get("/triggers", params={"agent": "desk"})).json()["triggers"][::-1]
    orders, morning = (orders, morning) if orders["name"] == "orders" else (morning, orders)
    assert (morning["begins"], len(morning["next"])) == ("At 09:00 every day, in Europe/Berlin", 5)
    assert (orders["state"], orders["path"]) == ("no secret yet", "/hooks/default/desk/orders")
    assert (await ann.post("/triggers/desk/orders/secret")).json()["secret"].startswith("whsec_")
    assert (await ann.post("/triggers/desk/morning/secret")).status_code == 422
    assert (await ann.post("/triggers/desk/orders/pause")).json()["state"] == "paused"
    assert (await ann.post("/triggers/desk/orders/resume")).json()["state"] == "on"
    refused = await ann.post("/triggers/desk/orders/fire", json={"body": {"order": {}}})
    assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (422, "/body")
    fired = [(await ann.post("/triggers/desk/orders/fire", json={"body": BODY})).json() for _ in range(2)]
    await look(app, Handed())
    assert (await ann.get("/triggers/desk/orders")).json()["last"]["run"] == fired[1]["run"]
    page = (await ann.get("/triggers/desk/orders/firings", params={"limit": 1})).json()
    rest = (await ann.get("/triggers/desk/orders/firings", params={"cursor": page["next"]})).json()
    assert [one["run"] for one in page["firings"] + rest["firings"]] == [one["run"] for one in fired[::-1]]
    assert {one["state"] for one in rest["firings"]} == {"begun"}
    for method, path in (("GET", ""), ("POST", "/pause"), ("POST", "/secret"), ("GET", "/firings")):
        for which in ("desk/none", "none/orders"):
            assert (await ann.request(method, f"/triggers/{which}{path}")).status_code == 404


async def test_each_takes_its_right(app: App, client: Client) -> None:  # noqa: F811
    await publish(app, ORDER)
    reader = await client("agents:read")
    assert (await reader.get("/triggers/desk/orders")).status_code == 200
    for what in ("pause", "resume", "fire", "secret"):
        answer = await reader.post(f"/triggers/desk/orders/{what}", json={"body": BODY})
        assert answer.status_code == 403
    nobody = await client("runs:read")
    assert (await nobody.get("/triggers")).status_code == 403


@pytest.fixture
async def remit(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[CliRunner]:
    monkeypatch.setattr(settings_module, "load", lambda: settings)
    monkeypatch.setenv("REMIT_USER", "ann")
    return CliRunner()


async def test_at_the_command_line(app: App, remit: CliRunner, tmp_path: Path) -> None:
    await publish(app, MORNING, ORDER)
    body = tmp_path / "order.json"
    body.write_text(json.dumps(BODY))

    async def run(*args: str) -> tuple[int, str]:
        result = await in_thread(lambda: remit.invoke(triggers, args))
        return result.exit_code, result.output

    code, said = await run("list")
    assert code == 0
    assert "desk/orders" in said
    assert "desk/morning" in said
    assert json.loads((await run("pause", "desk/morning", "--json"))[1])["state"] == "paused"
    assert "paused" in (await run("show", "desk/morning"))[1]
    assert json.loads((await run("resume", "desk/morning", "--json"))[1])["state"] == "on"
    assert json.loads((await run("secret", "desk/orders", "--json"))[1])["secret"].startswith("whsec_")
    assert (await run("fire", "desk/orders"))[0] == 2
    fired = json.loads((await run("fire", "desk/orders", "--body", str(body), "--json"))[1])
    await look(app, Handed())
    shown = json.loads((await run("show", "desk/orders", "--json"))[1])
    assert [(one["run"], one["state"], one["by"]) for one in shown["firings"]] == [
        (fired["run"], "begun", "ann")
    ]
    assert "begun by hand of ann" in (await run("show", "desk/orders"))[1]
    assert (await run("show", "desk"))[0] == 2  # which of the two?
    assert (await run("show", "desk/none"))[0] == 2
