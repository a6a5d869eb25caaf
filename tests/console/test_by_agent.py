"""Who is there for single agents only: of others nothing is seen, begun, said or changed, by any route of the console or
operation of the API; and beside a role in the whole workspace one for an agent adds to it, for that agent alone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from uuid import UUID

import httpx
import pytest
from fastapi import FastAPI
from fastapi.routing import iter_route_contexts

from remit.access.people import add_member, known, set_agent_role, set_role
from remit.access.roles import BY_AGENT, OF_ROLE
from remit.api.tokens import add_token
from remit.app import App
from remit.catalogue.kept import publish, save_draft
from remit.console.session import holds, sign_in
from remit.errors import Forbidden, NoSuchRun, StoreError, UnknownName, UserError
from remit.journal.index import find_run, list_asks, list_runs
from remit.journal.search import Wanted, agents_known, search
from remit.remembered import list_remembered
from remit.testing import ScriptedModel
from tests.agents.test_loop import agent, call, finish
from tests.console.conftest import HERE, SignIn
from tests.console.test_apart import CANARY, NOWHERE, Acme, filled, mounts, told
from tests.console.test_roles import ENDLESS, ROUTES

OWN = "desk"


@dataclass(frozen=True)
class Both:
    """A run of each that waits; `theirs` is whatever there is of the other agent."""

    own: UUID
    ended: UUID
    theirs: Acme


async def begin(app: App, name: str, *script: Any) -> UUID:
    model = ScriptedModel([*script, finish(), finish()], by_turn=True, name=f"scripted:{len(app.models)}")
    spec = agent(name=name, rules=[{"tool": ["charge", "send"], "ask": "true"}], reflect=False)
    run = await app.within("default").start(spec, f"do it for {name}", model=model)
    await app.advance(run)
    return run


@pytest.fixture
async def both(app: App) -> Both:
    here = app.within("default")
    runs = {}
    for name in (CANARY, OWN):
        ended = await begin(app, name, call("charge", amount=5))
        await here.answer_and_remember(ended, "ann", ["amount<=7"])
        await app.advance(ended)
        runs[name] = (await begin(app, name, call("send", to=f"{name}@x.example", text=name)), ended)
        made = await save_draft(here.store, name, f"name: {name}\ninstructions: for {name}\n", "ann", None)
        await publish(here.store, name, "ann", made.rev, name)
    kept = {one.agent: one.id for one in await list_remembered(here.store)}
    person = (await known(here.store, "ann")).id
    theirs = Acme(*runs[CANARY], kept[CANARY], 77777, person, NOWHERE, NOWHERE)
    return Both(*runs[OWN], theirs)


async def state_of(app: App) -> list[Any]:
    """All that there is of the other agent, as the owner of the database sees it."""
    of = "(select id from runs where agent = 'canary-of-acme')"
    queries = [
        f"select t::text from {table} as t where run in {of} order by 1"
        for table in ("events", "asks", "remit_timers")
    ]
    queries += [
        f"select t::text from {table} as t where {column} = 'canary-of-acme' order by 1"
        for table, column in (("runs", "agent"), ("agents", "name"), ("agent_versions", "agent"), ("remembered", "agent"))
    ]  # fmt: skip
    async with app.store.pool.connection() as connection:
        return [await (await connection.execute(query.encode())).fetchall() for query in queries]


async def only_for(app: App, browser_of: SignIn, role: str = "operator") -> httpx.AsyncClient:
    """Bo, who is nothing here but that for one agent."""
    browser = await browser_of("bo", "guest")
    await set_agent_role(app.store, "ann", "bo", OWN, role)
    return browser


async def test_no_route_of_the_console_shows_or_changes_anything_of_another_agent(
    app: App, browser_of: SignIn, both: Both
) -> None:
    bo, before = await only_for(app, browser_of), await state_of(app)
    assert CANARY in str(before)
    forms = {
        "seen": "",
        "decision": "approve",
        "wanted": "amount",
        "to": "bo",
        "at": "1",
        "deed": "cancel",
        "shown": "x 1.1",
    }
    for (method, path), right in ROUTES.items():
        if (method, path) in ENDLESS or path in ("/leave", "/enter") or path.startswith("/account"):
            continue
        (nowhere,) = filled(path, None)
        for mine in filled(path, both.theirs):
            nothing, theirs = [
                await bo.request(method, where, params={"a": str(run), "b": str(run)} if path == "/compare" else None,
                                 data=forms | {"run": str(run), "have": f"{run} 1 x 1.1"} if method == "POST" else None)
                for where, run in ((nowhere, NOWHERE), (mine, both.theirs.waiting))
            ]  # fmt: skip
            assert theirs.status_code == nothing.status_code, (method, path)
            assert CANARY not in told(theirs), (method, path)
            if mine != nowhere and "{" in path:
                assert told(theirs) == told(nothing), (method, path)
                if right in OF_ROLE["operator"] and "/people/" not in path and "policy" not in path:
                    refused = (
                        403
                        if right == "agents:read" and path.split("/")[1] in ("connections", "knowledge")
                        else 404
                    )
                    assert theirs.status_code in (refused, 409), (method, path, theirs.text)
    assert await state_of(app) == before


@pytest.mark.parametrize("whose", ["of a guest", "for one agent"])
async def test_no_operation_over_http_shows_or_changes_anything_of_another_agent(
    app: App, server: FastAPI, both: Both, whose: str
) -> None:
    before = await state_of(app)
    if whose == "of a guest":
        await add_member(app.store, "ann", "bo", "guest")
        await set_agent_role(app.store, "ann", "bo", OWN, "operator")
        _, secret = await add_token(app.store, "t", "bo", tuple(OF_ROLE["operator"] & BY_AGENT), None)
    else:
        _, secret = await add_token(app.store, "t", "ann", tuple(BY_AGENT), None, agents=[OWN])
    transport = httpx.ASGITransport(server, raise_app_exceptions=False)
    headers, asked = {"authorization": f"Bearer {secret}"}, 0
    async with httpx.AsyncClient(transport=transport, base_url=HERE, headers=headers, timeout=60) as caller:
        for root, mounted in mounts(server):
            for route in iter_route_contexts(mounted.routes):
                for method in (route.methods or {"GET"}) - {"HEAD"}:
                    path = root + (route.path or "")
                    if "{" not in path:
                        answer = await caller.get(path, params={"agent": CANARY})
                        assert CANARY not in told(answer), path
                        assert str(both.theirs.waiting) not in answer.text, path
                        assert CANARY not in (await caller.get(path)).text, path
                        continue
                    (nowhere,) = filled(path, None)
                    for mine in filled(path, both.theirs):
                        asked += 1
                        body = {} if method in ("POST", "PUT", "PATCH") else None
                        one, other = [
                            await caller.request(method, where, json=body) for where in (nowhere, mine)
                        ]
                        assert other.status_code == one.status_code, (method, path, other.text)
                        of_all = path.endswith(".js") or path.startswith("/o/")  # one file, one picture
                        assert other.status_code >= 400 or of_all, (method, path)
                        assert told(other) == told(one), (method, path)
        for body in ({"agent": CANARY, "goal": "x"}, {"agent": {"name": OWN, "model": "x"}, "goal": "x"}):
            assert (await caller.post("/api/v1/runs", json=body)).status_code in (400, 403, 422)
        assert (await caller.get(f"/api/v1/runs/{both.own}")).status_code == 200
        assert {one["agent"] for one in (await caller.get("/api/v1/runs")).json()["runs"]} == {OWN}
        assert {one["run"] for one in (await caller.get("/api/v1/asks")).json()["asks"]} == {str(both.own)}
        assert [one["name"] for one in (await caller.get("/api/v1/agents")).json()["agents"]] in ([], [OWN])
    assert asked > 20
    assert await state_of(app) == before


async def test_who_is_there_for_one_agent_does_there_what_their_role_says(
    app: App, browser_of: SignIn, both: Both
) -> None:
    bo = await only_for(app, browser_of, "viewer")
    for path in ("/", "/inbox", "/runs", "/agents", f"/runs/{both.own}", f"/agents/{OWN}", "/runs.csv"):
        answer = await bo.get(path)
        assert answer.status_code == 200, path
        assert OWN in answer.text, path
        assert CANARY not in answer.text, path
        assert 'href="/policy"' not in answer.text
    assert 'class="looks"' in (await bo.get(f"/runs/{both.own}")).text
    assert (await bo.post(f"/runs/{both.own}/cancel")).status_code == 403
    assert (
        await bo.post(f"/inbox/{both.own}/a1.1", data={"decision": "reject", "seen": "x"})
    ).status_code == 403
    for path in (
        "/policy",
        "/connections",
        "/knowledge",
        "/settings/models",
        "/settings/people",
        "/settings/audit",
    ):
        assert (await bo.get(path)).status_code == 403, path
    await set_agent_role(app.store, "ann", "bo", OWN, "operator")
    assert 'class="looks"' not in (await bo.get(f"/runs/{both.own}")).text
    assert (await bo.post(f"/runs/{both.own}/cancel")).status_code == 303
    assert (await app.state(both.own)).status == "cancelled"
    await set_agent_role(app.store, "ann", "bo", OWN, "")
    assert (await bo.get("/runs")).status_code == 403  # at once


async def test_beside_a_role_in_the_workspace_one_for_an_agent_adds_to_it_there_alone(
    app: App, browser_of: SignIn, both: Both
) -> None:
    bo = await browser_of("bo", "viewer")
    await set_agent_role(app.store, "ann", "bo", OWN, "approver")
    inbox = (await bo.get("/inbox")).text
    assert CANARY in inbox
    assert inbox.count('value="approve"') >= 1
    assert f"/inbox/{both.own}/a1.1" in inbox
    assert f'action="/inbox/{both.theirs.waiting}/a1.1"' not in inbox
    said = {"decision": "reject", "seen": "x", "text": ""}
    assert (await bo.post(f"/inbox/{both.theirs.waiting}/a1.1", data=said)).status_code == 404
    assert (await bo.post(f"/inbox/{both.own}/a1.1", data=said)).status_code != 404
    assert (await bo.get(f"/runs/{both.theirs.waiting}")).status_code == 200
    assert (await bo.post(f"/runs/{both.own}/cancel")).status_code == 403


async def test_the_stores_of_some_agents_see_those_and_open_nothing_else(app: App, both: Both) -> None:
    some = app.within("default", frozenset({OWN}))
    assert {row.agent for row in (await search(some.store, Wanted())).rows} == {OWN}
    assert not (await search(some.store, Wanted(agent=CANARY))).rows
    assert {row.agent for row in (await search(some.store, Wanted(words="do"))).rows} == {OWN}
    assert await agents_known(some.store) == [OWN]
    newest = await list_runs(some.store, limit=1)
    assert [row.id for row in newest] == [both.own] == [await find_run(some.store, "last")]
    assert {row.agent for row in await list_runs(some.store)} == {OWN}
    assert not await list_runs(some.store, agent=CANARY)
    assert {row.agent for row in await list_asks(some.store)} == {OWN}
    with pytest.raises(NoSuchRun):
        await some.state(both.theirs.waiting)
    with pytest.raises(TypeError):
        some.within("default")
    none = app.within("default", frozenset())
    assert not (await search(none.store, Wanted())).rows
    assert not await list_asks(none.store)
    with pytest.raises(StoreError, match="of_agents"):
        await some.start(agent(name=CANARY, reflect=False), "do", model=ScriptedModel([], name="scripted:x"))
    odd = app.within("default", frozenset({'a"b', "c\\d", "e,f"}))
    async with odd.store.pool.connection() as connection:
        row = await (await connection.execute("select remit_agents()")).fetchone()
    assert row == (['a"b', "c\\d", "e,f"],)


async def test_a_page_of_some_agents_is_as_long_as_any_and_goes_on_where_it_ended(app: App) -> None:
    rows = "insert into runs (id, agent, goal, status, created_at, updated_at) values (gen_random_uuid(), %s, 'g', 'met', now() - make_interval(secs => %s), now())"  # fmt: skip
    async with app.store.pool.connection() as connection, connection.cursor() as cursor:
        await cursor.executemany(rows, [(("x", "y", "z")[n % 3], n) for n in range(60)])
    store = app.within("default", frozenset({"x", "z"})).store
    first = await search(store, Wanted(), limit=15)
    second = await search(store, Wanted(), older=first.older, limit=15)
    third = await search(store, Wanted(status=("met", "failed")), older=second.older, limit=15)
    found = [row.agent for page in (first, second, third) for row in page.rows]
    assert found == [agent for n in range(60) if (agent := ("x", "y", "z")[n % 3]) != "y"]
    assert third.older is None
    back = await search(store, Wanted(), newer=second.newer, limit=15)
    assert [row.id for row in back.rows] == [row.id for row in first.rows]


async def test_a_session_that_may_see_less_by_now_is_shown_nothing_more(app: App) -> None:
    await add_member(app.store, "ann", "bo", "guest")
    await set_agent_role(app.store, "ann", "bo", OWN, "viewer")
    token = await sign_in(app.store, "bo")
    assert await holds(app.within("default", frozenset({OWN})).store, token)
    assert not await holds(app.within("default", frozenset({OWN, CANARY})).store, token)
    assert not await holds(app.within("default").store, token)
    await set_role(app.store, "ann", "bo", "viewer")
    assert await holds(app.within("default").store, token)


async def test_a_token_is_for_no_more_than_its_owner_may_with_each_of_its_agents(app: App) -> None:
    await add_member(app.store, "ann", "bo", "guest")
    with pytest.raises(Forbidden):
        await add_token(app.store, "a", "bo", ["runs:read"], None)
    await set_agent_role(app.store, "ann", "bo", OWN, "operator")
    await set_agent_role(app.store, "ann", "bo", "other", "viewer")
    with pytest.raises(Forbidden, match="runs:write for desk, other"):
        await add_token(app.store, "a", "bo", ["runs:write"], None)
    with pytest.raises(UserError, match="of the whole workspace"):
        await add_token(app.store, "a", "ann", ["settings:read"], None, agents=[OWN])
    made, _ = await add_token(app.store, "a", "bo", ["runs:read", "runs:write"], None, agents=[OWN])
    assert (made.of, made.holds) == (frozenset({OWN}), ["runs:read", "runs:write"])


async def test_a_role_for_an_agent_is_given_and_taken_on_a_persons_page_and_audited(
    app: App, browser: httpx.AsyncClient, both: Both
) -> None:
    await add_member(app.store, "ann", "bo", "guest")
    bo = (await known(app.store, "bo")).id
    page = f"/settings/people/{bo}"
    given = await browser.post(f"{page}/agents", data={"agent": OWN, "role": "approver"})
    assert given.status_code == 303
    for path in (page, "/settings/people"):
        assert "approver for desk" in (await browser.get(path)).text
    for wrong in (
        {"agent": "nosuch", "role": "viewer"},
        {"agent": OWN, "role": "owner"},
        {"agent": "", "role": "viewer"},
    ):
        refused = await browser.post(f"{page}/agents", data=wrong)
        assert (refused.status_code, 'class="wrong"' in refused.text) == (422, True), wrong
    assert (await browser.post(f"{page}/agents", data={"agent": OWN, "role": ""})).status_code == 303
    assert (await known(app.store, "bo")).agents == {}
    async with app.store.pool.connection() as connection:
        rows = await (await connection.execute("select who, about, detail from audit where what = 'role.changed' order by id")).fetchall()  # fmt: skip
    assert rows == [
        ("ann", "bo", {"agent": OWN, "from": "", "to": "approver"}),
        ("ann", "bo", {"agent": OWN, "from": "approver", "to": ""}),
    ]
    with pytest.raises(UnknownName):
        await set_agent_role(app.store, "ann", "bo", OWN, "builder")


async def test_a_guest_makes_a_token_for_some_of_their_agents_on_the_page(
    app: App, browser_of: SignIn, both: Both
) -> None:
    bo = await only_for(app, browser_of)
    page = (await bo.get("/settings/tokens")).text
    assert 'value="runs:write"' in page
    assert 'value="agents:write"' not in page
    assert f'name="agent" value="{OWN}"' in page
    assert CANARY not in page
    form = {"name": "mine", "scope": ["runs:read", "runs:write"], "lasts": "7"}
    refused = await bo.post("/settings/tokens", data=form | {"agent": [CANARY]})
    assert refused.status_code == 422
    made = await bo.post("/settings/tokens", data=form | {"agent": [OWN]})
    assert made.status_code == 200
    assert f"with {OWN}" in made.text


async def test_the_name_of_an_agent_that_is_a_script_is_shown_as_text(
    app: App, browser: httpx.AsyncClient
) -> None:
    await add_member(app.store, "ann", "bo", "guest")
    for name in ("<script>alert(1)</script>", '"><b>'):
        await set_agent_role(app.store, "ann", "bo", name, "viewer")
        for path in ("/settings/people", f"/settings/people/{(await known(app.store, 'bo')).id}"):
            assert name not in (await browser.get(path)).text
