"""When runs last used a connection, by which agent, and whether that worked: told beside their work, at most once a minute."""

from __future__ import annotations

import asyncio
import html
from typing import Any
from uuid import UUID

import httpx
import pytest

from remit.agents.load import parse_agent
from remit.app import App
from remit.connections import used
from remit.connections.kept import Row, connection_of, linked_of, note_trial, set_connection
from remit.errors import StoreError
from remit.journal.events import Acted
from remit.store.secrets import set_secret
from remit.testing import ScriptedModel
from tests.agents.test_loop import ANN, call, finish
from tests.console.test_connections import DESK, add, pinned
from tests.console.test_inbox import EVIL, words
from tests.mcp.conftest import site  # noqa: F401
from tests.tools.test_http import reply, serving

ASKER = """\
name: asker
tools: [http_get, sql_query]
reflect: false
connections: {crm: {use: crm}}
remit: {autonomy: act, destinations: [127.0.0.1], budget: {steps: 12}}
rules: [{tool: '*', allow: 'true'}]
"""


async def ran(app: App, text: str, *calls: Any) -> UUID:
    """A run that makes these calls, and what it used is told."""
    model = ScriptedModel([list(calls), finish()], by_turn=True)
    run = await app.start(parse_agent(text), "look", person=ANN, model=model)
    await app.advance(run)
    await app.uses.settled()
    return run


async def crm(app: App) -> Row:
    return await connection_of(app.store, "crm")


async def test_a_call_of_a_servers_tool_is_its_last_use(
    app: App,
    browser: httpx.AsyncClient,
    site: str,  # noqa: F811
) -> None:
    await add(browser, site)
    await pinned(browser, find_customer="read")
    assert "never" in words(await browser.get("/connections"))
    run = await ran(app, DESK, call("crm_find_customer", email="ann@a.example"))
    row = await crm(app)
    assert (row.used_by, row.used_run, row.worked, row.healthy) == ("desk", run, True, True)
    for path in ("/connections", "/connections/crm"):
        page = await browser.get(path)
        assert "by a run of desk" in words(page)
        assert f'href="/runs/{run}"' in page.text
        assert "a run got what it asked for" in words(page)


async def test_what_a_run_finds_out_of_an_api_is_told_and_a_change_of_it_at_once(
    app: App, browser: httpx.AsyncClient
) -> None:
    status = ["403 Forbidden"]

    async def answer(line: str, headers: dict[str, str], body: bytes, writer: asyncio.StreamWriter) -> None:
        writer.write(reply(b"x", status=status[0]))

    async with serving(answer) as port:
        origin = f"http://127.0.0.1:{port}"
        await set_connection(app.store, "crm", linked_of("crm", {"http": origin}), "ann")
        await note_trial(app.store, "crm", True, "it answers")
        await ran(app, ASKER, call("http_get", url=f"{origin}/a"))
        row = await crm(app)
        assert (row.healthy, row.went) == (False, "it refuses with 403")
        assert "✗ it refuses with 403" in words(await browser.get("/connections"))
        status[0] = "200 OK"
        first = await ran(app, ASKER, call("http_get", url=f"{origin}/b"))
        assert (await crm(app)).healthy
        await ran(app, ASKER, call("http_get", url=f"{origin}/c"))
        assert (await crm(app)).used_run == first  # within the minute, and nothing new
        app.uses._told.clear()
        later = await ran(app, ASKER, call("http_get", url=f"{origin}/c"))
        assert (await crm(app)).used_run == later
    app.uses._told.clear()
    await ran(app, ASKER, call("http_get", url=f"{origin}/d"))
    assert "could not be read" in (await crm(app)).went
    await note_trial(app.store, "crm", True, "it answers again")
    assert (await crm(app)).healthy


async def test_a_database_is_used_under_the_name_that_the_agent_has_for_it(
    app: App, database_url: str
) -> None:
    await set_secret(app.store, "crm.url", database_url, "ann")
    await set_connection(app.store, "crm", linked_of("crm", {"url": "secret:crm.url"}), "ann")
    text = ASKER.replace("{crm: {use: crm}}", "{orders: {use: crm}}")
    run = await ran(app, text, call("sql_query", query="select 1 as one"))
    bodies = [event.body for event in await app.journal.read(run)]
    assert {one.status for one in bodies if isinstance(one, Acted)} == {"ok"}
    row = await crm(app)
    assert (row.used_run, row.healthy) == (run, True)


async def test_what_else_a_run_does_is_no_use_of_a_connection(app: App) -> None:
    async def answer(line: str, headers: dict[str, str], body: bytes, writer: asyncio.StreamWriter) -> None:
        writer.write(reply(b"x"))

    async with serving(answer) as port, serving(answer) as other:
        origin = f"http://127.0.0.1:{port}"
        linked = linked_of("crm", {"http": origin})
        await set_connection(app.store, "crm", linked, "ann")
        await ran(app, ASKER, call("http_get", url=f"http://127.0.0.1:{other}/"))
        assert (await crm(app)).used_at is None
        model = ScriptedModel([call("http_get", url=f"{origin}/a"), finish()], by_turn=True)
        run = await app.start(parse_agent(ASKER), "look", person=ANN, model=model)
        changed = linked_of("crm", {"http": origin, "headers": {"X-Team": "two"}})
        await set_connection(app.store, "crm", changed, "ann")  # the run has the one before
        await app.advance(run)
        await app.uses.settled()
        assert (await crm(app)).used_at is None


async def test_wrong_arguments_say_nothing_of_a_systems_health(
    app: App,
    browser: httpx.AsyncClient,
    site: str,  # noqa: F811
) -> None:
    await add(browser, site)
    await pinned(browser, refuse="read")
    await note_trial(app.store, "crm", True, "it answers")
    await ran(app, DESK, call("crm_refuse", reason="ann@a.example"))
    assert (await crm(app)).used_at is None  # the system was not asked
    await ran(app, DESK, call("crm_refuse", why="never heard of it"))
    row = await crm(app)
    assert row.used_by == "desk"
    assert (row.worked, row.healthy) == (None, True)  # as when it was tried


async def test_a_run_goes_on_though_its_use_cannot_be_told(
    app: App,
    browser: httpx.AsyncClient,
    site: str,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    await add(browser, site)
    await pinned(browser, find_customer="read")

    async def away(store: object) -> list[Row]:
        raise StoreError("the database is away")

    monkeypatch.setattr(used, "list_connections", away)
    run = await ran(app, DESK, call("crm_find_customer", email="ann@a.example"))
    assert (await app.state(run)).finished is not None
    assert (await crm(app)).used_at is None


async def test_a_change_of_a_connection_forgets_how_the_one_before_stood(app: App) -> None:
    await set_connection(app.store, "crm", linked_of("crm", {"http": "https://a.example"}), "ann")
    async with app.store.pool.connection() as connection:
        query = "update connections set used_at = now(), used_by = 'desk', worked_at = now(), worked = false, went = 'x'"
        await connection.execute(query)
    await set_connection(app.store, "crm", linked_of("crm", {"http": "https://b.example"}), "ann")
    row = await crm(app)
    assert (row.used_by, row.healthy, row.went) == ("desk", None, "")


async def test_what_a_system_says_of_itself_is_text(app: App, browser: httpx.AsyncClient) -> None:
    await set_connection(app.store, "crm", linked_of("crm", {"http": "https://a.example"}), "ann")
    async with app.store.pool.connection() as connection:
        query = "update connections set used_at = now(), used_by = %s, used_run = gen_random_uuid(), worked_at = now(), worked = false, went = %s"
        await connection.execute(query, (EVIL, EVIL))
    for path in ("/connections", "/connections/crm"):
        text = (await browser.get(path)).text
        assert "<script>alert" not in text
        assert "\u202e" not in html.unescape(text)
