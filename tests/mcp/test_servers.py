"""Servers on the web, secrets that a server says again, and `remit tools pin`."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from typer.testing import CliRunner

from remit.agents.load import load_agent
from remit.agents.lock import lock_path
from remit.app import App
from remit.cli.main import command
from remit.connections.pinning import look
from remit.errors import SpecError, UserError
from remit.settings import Settings
from remit.tools.mcp.session import Sessions, Where
from tests.agents.test_loop import call
from tests.cli.test_secrets import CANARY, FORMS, everything, keep
from tests.cli.typed import DONE, data, remit, script
from tests.mcp.test_runs import acted, pinned, run

Desk = Callable[..., Path]


async def test_a_server_on_the_web_is_called_with_its_secret_header(
    app: App, settings: Settings, desk: Desk, site: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WEB_KEY", CANARY)
    file = await pinned(desk(mcp=site, headers={"x-key": "env:WEB_KEY"}), settings)
    find = call("crm_find_customer", email="ann@a.example")
    state = await run(app, file, find, call("crm_echo", how="plain"), call("crm_echo", how="error"))
    found, echo, error = await acted(app, state)
    assert found.result["name"] == "Ann"
    assert "[secret WEB_KEY]" in echo.result
    assert error.status == "mend"
    assert "401 for [secret WEB_KEY]" in error.result


async def test_a_server_on_the_web_that_changed_its_tool_in_between_is_not_called(
    app: App, settings: Settings, desk: Desk, site: str
) -> None:
    file = await pinned(desk(mcp=site), settings)
    find = call("crm_find_customer", email="ann@a.example")
    first, _, second = await acted(app, await run(app, file, find, call("crm_reword"), find))
    assert first.status == "ok"
    assert (second.status, "its description changed" in second.result) == ("mend", True)


async def test_a_server_on_the_web_that_is_not_there_is_an_error() -> None:
    sessions = Sessions()
    async with sessions.use(uuid4(), Where("crm", "http://127.0.0.1:1/mcp"), None) as session:
        with pytest.raises(ConnectionRefusedError, match="the MCP server 'crm' went away"):
            await session.tools()
    await sessions.close()


async def test_a_name_of_a_private_address_is_refused_unless_the_agent_names_it(
    site: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from remit.errors import Mend
    from remit.tools import addresses

    async def private(host: str, port: int) -> Any:
        return [addresses.ipaddress.ip_address("127.0.0.1")]

    monkeypatch.setattr(addresses, "_resolve", private)
    port = site.split(":")[2].split("/")[0]
    named = f"http://crm.example:{port}/mcp"
    sessions = Sessions()
    async with sessions.use(uuid4(), Where("crm", named), None) as session:
        with pytest.raises(Mend, match="not a public address"):
            await session.tools()
    await sessions.close()


def test_a_secret_that_an_mcp_server_echoes_is_in_no_table_no_file_and_nothing_printed(
    here: Settings, desk: Desk, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    keep("CRM_KEY", CANARY)
    file = str(desk(env={"CRM_KEY": "secret:CRM_KEY"}))
    printed = remit("tools", "pin", file, "--yes").output
    turns = [
        {"tool": "crm_echo", "args": {"how": how}} for how in ("plain", "error", "long", "file", "crash")
    ]
    printed += remit("run", "look", "--agent", file, "--model", script(tmp_path, *turns, DONE)).output
    printed += json.dumps(data("show", "last")) + remit("show", "last").output + caplog.text
    assert printed.count("[secret CRM_KEY]") > 5
    assert "went away" in printed
    there = everything(here)
    assert "[secret CRM_KEY]" in printed
    assert "[secret CRM_KEY]" in there
    for form in FORMS:
        assert form not in printed
        assert form not in there
    assert CANARY not in lock_path(Path(file)).read_text()


def test_pinning_shows_every_word_and_asks_and_a_change_is_shown_as_a_diff(
    here: Settings, desk: Desk
) -> None:
    file = desk()
    unread = remit("tools", "pin", str(file))
    assert unread.exit_code == 2
    assert "say --yes" in unread.stderr
    assert "Find a customer by e-mail address." in unread.output
    assert not lock_path(file).exists()
    assert remit("tools", "pin", str(file), "--yes").exit_code == 0
    same = remit("tools", "pin", str(file), "--diff")
    assert (same.exit_code, "as it is pinned" in same.output) == (0, True)
    before = lock_path(file).read_text()
    desk(env={"CRM_WORDS": "Find anybody.", "CRM_VERSION": "2.0"})
    other = remit("tools", "pin", str(file), "--diff")
    assert other.exit_code == 1
    assert "was pinned as crm 1.0" in other.output
    assert '-  "description": "Find a customer by e-mail address.",' in other.output
    assert '+  "description": "Find anybody.",' in other.output
    assert lock_path(file).read_text() == before
    shown = CliRunner().invoke(command("tools"), ["pin", str(file), "--diff", "--json"])
    (changes,) = [one["changes"] for one in json.loads(shown.stdout)["connections"]]
    assert [(one["tool"], one["is"]) for one in changes] == [("find_customer", "changed")]
    assert remit("tools", "pin", str(file), "--yes").exit_code == 0
    assert "Find anybody." in lock_path(file).read_text()


def test_a_lock_that_was_edited_by_hand_is_refused_with_its_line(here: Settings, desk: Desk) -> None:
    file = desk()
    remit("tools", "pin", str(file), "--yes")
    lock = lock_path(file)
    lock.write_text(lock.read_text().replace("by e-mail address", "by any address"))
    with pytest.raises(SpecError, match="find_customer: was changed by hand") as error:
        load_agent(file)
    assert error.value.line
    assert remit("agents", str(file)).exit_code == 2


def test_pinned_by_the_agents_own_file_is_refused(desk: Desk) -> None:
    file = desk(pinned={"x": {"name": "x", "input": {"type": "object"}}})
    with pytest.raises(SpecError, match="is written by `remit tools pin`"):
        load_agent(file)


def test_declarations_can_stand_in_a_file_of_their_own(here: Settings, desk: Desk, tmp_path: Path) -> None:
    (tmp_path / "crm.tools.yaml").write_text("find_customer: {effect: read, sinks: {email: email}}\n")
    agent = load_agent(desk(declare="crm.tools.yaml"))
    assert agent.connections["crm"].declare["find_customer"].effect == "read"
    with pytest.raises(SpecError, match=r"no file .*none\.yaml"):
        load_agent(desk(declare="none.yaml"))


async def test_an_agent_without_servers_has_nothing_to_pin(settings: Settings, tmp_path: Path) -> None:
    file = tmp_path / "a.yaml"
    file.write_text("name: a\n")
    with pytest.raises(UserError, match="no connection to an MCP server"):
        await look(file, settings)


def test_a_connection_cannot_take_the_name_of_a_tool_of_ours(here: Settings, desk: Desk) -> None:
    from remit.outfit import outfit

    file = desk()
    remit("tools", "pin", str(file), "--yes")
    agent = load_agent(file)
    crm = agent.connections["crm"]
    taken = crm.model_copy(
        update={"pinned": {"get": crm.pinned["wipe"].model_copy(update={"name": "get"})}, "declare": {}}
    )
    with pytest.raises(SpecError, match="would be called http_get, as another tool is"):
        outfit(agent.model_copy(update={"connections": {"http": taken}, "tools": ("http:*",)}))
