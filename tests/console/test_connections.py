"""Connections: added, tried and used by name; a key is written and never read again."""

from __future__ import annotations

import asyncio
import html
import re

import httpx
import pytest

from remit.access.audit import entries
from remit.agents.load import parse_agent
from remit.agents.yaml import plain
from remit.app import App
from remit.catalogue.kept import kept
from remit.catalogue.text import document
from remit.catalogue.work import judged, publish, save
from remit.connections.kept import linked_of, list_connections, resolved, set_connection
from remit.connections.trial import try_out
from remit.errors import SpecError, UserError
from remit.journal.events import Acted, Started
from remit.store.secrets import list_secrets, set_secret
from remit.testing import ScriptedModel
from tests.agents.test_loop import ANN, call, finish
from tests.console.conftest import SignIn
from tests.console.test_agents import begun, saved
from tests.console.test_inbox import EVIL, SAFE, words
from tests.mcp.conftest import site  # noqa: F401
from tests.tools.test_http import reply, serving

KEY = "canary/0815+zz=7Q"
DESK = """\
name: desk
tools: ["crm:*"]
reflect: false
connections: {crm: {use: crm}}
remit: {autonomy: act, budget: {steps: 12}}
rules: [{tool: crm_*, allow: 'true'}]
"""


async def add(who: httpx.AsyncClient, address: str, kind: str = "mcp", **fields: str) -> httpx.Response:
    form = {"name": "crm", "kind": kind, "address": address, "header": "Authorization", **fields}
    return await who.post("/connections/new", data=form)


async def pinned(who: httpx.AsyncClient, **effects: str) -> httpx.Response:
    """Read what the server offers, tick these tools."""
    page = html.unescape((await who.post("/connections/crm/try")).text)
    shas = dict(re.findall(r'name="tool:(\w+)" value="(\w+)"', page))
    form = {f"tool:{name}": shas[name] for name in effects} | {
        f"effect:{name}": effect for name, effect in effects.items()
    }
    return await who.post("/connections/crm/pin", data=form)


async def test_without_any_it_says_what_they_are_for(browser: httpx.AsyncClient) -> None:
    assert "No connections yet" in words(await browser.get("/connections"))


async def test_a_server_of_tools_is_added_read_and_used_by_an_agent_that_names_it(
    app: App,
    browser: httpx.AsyncClient,
    site: str,  # noqa: F811
) -> None:
    assert (await add(browser, site)).headers["location"] == "/connections/crm"
    said = words(await browser.get("/connections/crm"))
    assert "None of its tools may be used yet" in said
    assert "✓ crm" in said
    _, wrong = await judged(app, "desk", DESK)
    assert "nobody has read" in wrong[0].what
    assert (await pinned(browser, find_customer="read")).status_code == 303
    assert "find_customer looks, at a system of ours" in words(await browser.get("/connections/crm"))
    draft = await save(app, "desk", DESK, "ann", None, browser=True)
    await publish(app, "desk", "ann", draft.rev)
    assert "desk" in words(await browser.get("/connections"))
    model = ScriptedModel([[call("crm_find_customer", email="ann@a.example")], finish()], by_turn=True)
    run = await app.start(parse_agent(DESK), "look at ann@a.example", person=ANN, model=model)
    await app.advance(run)
    bodies = [event.body for event in await app.journal.read(run)]
    (acted,) = [one for one in bodies if isinstance(one, Acted) and one.tool == "crm_find_customer"]
    assert acted.status == "ok"
    assert acted.result["name"] == "Ann"
    assert isinstance(bodies[0], Started)
    assert bodies[0].spec["connections"]["crm"]["mcp"] == site, (
        "a run keeps the connection that it began with"
    )
    assert [entry.what for entry in await entries(app.store, what="connection")] == [
        "connection.changed",
        "connection.added",
    ]


async def test_a_builder_gives_an_agent_connections_by_ticks_and_takes_them_away(
    app: App,
    browser: httpx.AsyncClient,
    site: str,  # noqa: F811
) -> None:
    await add(browser, site)
    await pinned(browser, find_customer="read", wipe="destroy")
    await set_connection(app.store, "api", linked_of("api", {"http": "https://api.example"}), "ann")
    page = await begun(browser)
    assert "Connection crm" in page
    assert "HTTP API, requests to it get its key" in page
    page = await saved(
        browser, page, tools=["crm_find_customer", "crm_wipe"], systems=["api"], instructions=["x"]
    )
    data = document((await kept(app.store, "desk")).text)
    assert plain(data["connections"]) == {"api": {"use": "api"}, "crm": {"use": "crm"}}
    assert plain(data["tools"]) == ["crm:find_customer", "crm:wipe"]
    text = (await kept(app.store, "desk")).text
    page = await saved(browser, page)
    assert (await kept(app.store, "desk")).text == text, "as it is shown it stays"
    page = await saved(browser, page, tools=["crm_wipe"], systems=[])
    data = document((await kept(app.store, "desk")).text)
    assert plain(data["connections"]) == {"crm": {"use": "crm"}}
    await saved(browser, page, tools=["files_read"])
    assert "connections" not in document((await kept(app.store, "desk")).text)


async def test_only_what_was_read_is_pinned(browser: httpx.AsyncClient, app: App, site: str) -> None:  # noqa: F811
    await add(browser, site)
    page = await browser.post(
        "/connections/crm/pin", data={"tool:find_customer": "0" * 64, "effect:find_customer": "read"}
    )
    assert page.status_code == 409
    assert "changed find_customer since you read it" in words(page)
    (row,) = await list_connections(app.store)
    assert row.linked.connection.pinned == {}


async def test_a_key_goes_to_its_server_and_is_never_shown_again(
    app: App, browser: httpx.AsyncClient
) -> None:
    seen: list[str] = []

    async def answer(line: str, headers: dict[str, str], body: bytes, writer: asyncio.StreamWriter) -> None:
        seen.append(headers.get("authorization", ""))
        writer.write(reply(b"hello"))

    async with serving(answer) as port:
        await add(browser, f"http://127.0.0.1:{port}", "http", key=KEY)
        pages = [
            (await browser.get(path)).text
            for path in ("/connections", "/connections/crm", "/connections/crm/change")
        ]
    assert seen == [f"Bearer {KEY}"]
    assert not any("canary" in page for page in pages)
    assert "it answers: 200" in html.unescape(pages[1])
    assert [one.name for one in await list_secrets(app.store)] == ["crm.key"]


async def test_a_key_is_not_sent_to_another_address_than_it_was_given_for(
    app: App, browser: httpx.AsyncClient
) -> None:
    await add(browser, "https://crm.example", "http", key=KEY)
    form = {"kind": "http", "address": "https://evil.example", "header": "Authorization"}
    page = await browser.post("/connections/crm/change", data=form)
    assert page.status_code == 422
    assert "give the key again" in words(page)
    (row,) = await list_connections(app.store)
    assert row.linked.where == "https://crm.example"
    assert (await browser.post("/connections/crm/change", data={**form, "key": KEY + "2"})).status_code == 303
    assert (await add(browser, "https://evil.example", "http")).status_code == 422, "its name is taken"


@pytest.mark.parametrize(
    ("kind", "address", "says"),
    [
        ("mcp", "python -c 'import os'", "started by `remit connections add` only"),
        ("mcp", "file:///etc/passwd", "started by `remit connections add` only"),
        ("http", "https://ann:hunter22@crm.example", "give it as the key"),
        ("http", "https://crm.example/path", "http"),
        ("sql", "sqlite:////etc/passwd", "a file is named by a shell only"),
        ("sql", "secret:SHOP_URL", "postgresql://"),
        ("ftp", "https://crm.example", "one of mcp, openapi, http, sql, mail, slack"),
    ],
)
async def test_a_browser_starts_no_program_and_reads_no_file(
    app: App, browser: httpx.AsyncClient, kind: str, address: str, says: str
) -> None:
    page = await add(browser, address, kind)
    assert page.status_code == 422
    assert says in words(page)
    assert html.escape(address).replace("&#x27;", "&#39;") in page.text, "what was typed is kept"
    assert await list_connections(app.store) == []


@pytest.mark.parametrize(
    "address", ["http://127.0.0.1:9", "http://localhost:9/mcp", "http://[::1]/", "http://10.1.2.3"]
)
async def test_the_servers_own_network_and_databases_are_for_owners(
    app: App, browser_of: SignIn, address: str
) -> None:
    builder = await browser_of("bo", "builder")
    page = await add(builder, address)
    assert "an owner can add that" in words(page)
    assert "for an owner" in words(await add(builder, "postgresql://u:pw@db.example/x", "sql"))
    assert await list_connections(app.store) == []


async def test_a_database_is_kept_as_a_secret_and_tried(
    app: App, browser: httpx.AsyncClient, database_url: str
) -> None:
    await add(browser, "postgresql://u:hunter22@127.0.0.1:1/none", "sql")
    (row,) = await list_connections(app.store)
    assert (row.linked.url, row.works) == ("secret:crm.url", False)
    assert "hunter22" not in (await browser.get("/connections/crm")).text
    await set_secret(app.store, "crm.url", database_url, "ann")
    assert "✓ it answers" in words(await browser.post("/connections/crm/try"))
    changed = await browser.post("/connections/crm/change", data={"kind": "sql", "role": "reader"})
    assert changed.status_code == 303
    (row,) = await list_connections(app.store)
    assert (row.linked.url, row.linked.connection.role) == ("secret:crm.url", "reader")


async def test_an_agent_gets_the_database_under_its_own_name(app: App) -> None:
    await set_connection(
        app.store, "shop", linked_of("shop", {"url": "sqlite:///shop.db", "role": "r"}), "ann"
    )
    agent = await resolved(parse_agent("name: a\nconnections: {orders: {use: shop}}\n"), app.store)
    assert agent.resources == {"orders": "sqlite:///shop.db"}
    assert (agent.connections["orders"].sql, agent.connections["orders"].role) == ("orders", "r")


async def test_what_the_workspace_says_of_a_tool_holds_over_what_an_agent_says(app: App) -> None:
    given = {"mcp": "https://crm.example/mcp", "declare": {"close": {"effect": "destroy"}}}
    await set_connection(app.store, "crm", linked_of("crm", given), "ann")
    text = (
        "name: a\nconnections: {crm: {use: crm, declare: {close: {effect: read}, other: {effect: read}}}}\n"
    )
    declared = (await resolved(parse_agent(text), app.store)).connections["crm"].declare
    assert (declared["close"].effect, declared["other"].effect) == ("destroy", "read")


async def test_an_agent_that_uses_what_is_not_there_is_told_what_is(app: App) -> None:
    agent = parse_agent("name: a\nconnections: {crm: {use: crn}}\nteam: []\n")
    with pytest.raises(SpecError, match="no connection 'crn' \\(it has: none\\)"):
        await resolved(agent, app.store)
    with pytest.raises(SpecError, match="no connection 'crn'"):
        await app.start(agent, "go", model=ScriptedModel([finish()]))


async def test_in_a_browser_an_agent_is_given_connections_of_the_workspace_and_no_others(app: App) -> None:
    await set_connection(app.store, "api", linked_of("api", {"http": "https://api.example"}), "ann")
    for given, may in (
        ("{use: api}", True),
        ("{http: 'https://evil.example', headers: {X-Key: 'secret:crm.key'}}", False),
        ("{use: api, declare: {x: {effect: read}}}", False),
    ):
        text = f"name: a\ninstructions: x\nconnections: {{api: {given}}}\n"
        _, wrong = await judged(app, "a", text, browser=True)
        assert bool(wrong) is not may, (given, wrong)


@pytest.mark.parametrize(
    ("name", "data", "says"),
    [
        ("CRM", {"http": "https://a.example"}, "no name for a connection"),
        ("crm", {}, "a connection has one of"),
        ("crm", {"http": "https://a.example", "headers": {"Authorization": "Bearer abc"}}, "secret:CRM_KEY"),
        ("crm", {"url": "postgresql://u:pw@h/x"}, "an address with a password"),
        ("crm", {"use": "other"}, "uses no other one"),
    ],
)
def test_what_is_no_connection_is_told_why(name: str, data: dict[str, object], says: str) -> None:
    with pytest.raises(UserError, match=re.escape(says)):
        linked_of(name, data)


async def test_a_system_that_does_not_answer_is_said_not_to(app: App) -> None:
    linked = linked_of("crm", {"http": "http://127.0.0.1:1"})
    await set_connection(app.store, "crm", linked, "ann")
    trial = await try_out(app, "crm", linked)
    assert not trial.works
    (row,) = await list_connections(app.store)
    assert (row.works, row.tried) == (False, trial.words)

    async def refuse(line: str, headers: dict[str, str], body: bytes, writer: asyncio.StreamWriter) -> None:
        writer.write(reply(b"no", status="403 Forbidden"))

    async with serving(refuse) as port:
        trial = await try_out(app, "crm", linked_of("crm", {"http": f"http://127.0.0.1:{port}"}))
    assert not trial.works
    assert "look at its key" in trial.words


async def test_secrets_are_written_and_forgotten_and_never_read(app: App, browser: httpx.AsyncClient) -> None:
    assert (await browser.post("/secrets", data={"name": "CRM_KEY", "value": KEY})).status_code == 303
    page = (await browser.get("/connections")).text
    assert "CRM_KEY" in page
    assert "canary" not in page
    short = await browser.post("/secrets", data={"name": "X", "value": "abc"})
    assert short.status_code == 422
    assert "6 to" in words(short)
    assert (await browser.post("/secrets/CRM_KEY/remove")).status_code == 303
    assert await list_secrets(app.store) == []


async def test_a_connection_is_removed_and_what_others_wrote_is_text(
    app: App, browser: httpx.AsyncClient
) -> None:
    linked = linked_of("crm", {"mcp": f"python {EVIL}"})
    await set_connection(app.store, "crm", linked, EVIL)
    for path in ("/connections", "/connections/crm", "/connections/crm/change"):
        page = (await browser.get(path)).text
        assert "<script>alert" not in page
        assert path.endswith("change") or SAFE in page
    assert (await browser.post("/connections/crm/remove")).status_code == 303
    assert (await browser.get("/connections/crm")).status_code == 404


async def test_a_server_that_is_a_command_is_shown_with_what_its_walls_let_through(
    app: App, browser: httpx.AsyncClient
) -> None:
    for needs, said in (({}, "network off"), ({"network": True, "folder": "/srv/own"}, "network on")):
        await set_connection(app.store, "crm", linked_of("crm", {"mcp": "crm-server", "needs": needs}), "ann")
        assert said in words(await browser.get("/connections/crm"))
