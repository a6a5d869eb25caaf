"""Nothing of another workspace by any route of the console, the API, the chat endpoint or MCP: each is asked, with what there is
in the other one, and says of it what it says of what there is nowhere."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from fastapi import FastAPI
from fastapi.routing import iter_route_contexts

from remit.access.people import add_member, disable, known
from remit.access.providers import Provider, keep
from remit.access.roles import RIGHTS
from remit.agents.spec import Connection
from remit.api.tokens import add_token
from remit.app import App
from remit.budgets import set_budget
from remit.catalogue.kept import save_draft
from remit.chat import kept as chats
from remit.chat.identity import Visitor
from remit.connections.kept import Linked, set_connection
from remit.console.session import COOKIE, sign_in
from remit.graph import behaviours, intents
from remit.graph.behaviour import Pattern
from remit.graph.intent import Example
from remit.graph.people import find
from remit.graph.segment import Did, Segment
from remit.graph.segments import save
from remit.intake import uploads
from remit.intake.kept import put as put_intake
from remit.intake.spec import intake_of
from remit.keeping.rules import set_rule as keep_for
from remit.knowledge.kept import About, File, add_source, put
from remit.knowledge.text import read
from remit.models.keys import set_key
from remit.privacy import erase
from remit.remembered import list_remembered
from remit.retention import set_rule
from remit.rulebook import mark_of
from remit.store.secrets import set_secret
from remit.testing import ScriptedModel
from remit.webhooks.kept import add_webhook
from remit.workspaces import add_workspace
from tests.agents.test_loop import agent, call, finish
from tests.console.conftest import HERE, client
from tests.console.test_roles import ENDLESS, ROUTES, routes
from tests.graph.conftest import row, taken

CANARY = "canary-of-acme"  # in whatever acme has that is text
NOWHERE = UUID("00000000-0000-4000-8000-000000000000")


@dataclass(frozen=True)
class Acme:
    """What there is in the other workspace."""

    waiting: UUID  # a run that asks
    ended: UUID
    remembered: int
    rules: int  # a version of its rules
    person: int
    webhook: UUID
    erasure: UUID
    upload: UUID = NOWHERE
    chat: UUID = NOWHERE


async def answers(_: Provider) -> None:
    """It is not asked before it is kept."""


@pytest.fixture
async def acme(app: App) -> Acme:
    """A workspace beside the first one, in which cleo works."""
    await add_workspace(app.store, "cleo", "acme", CANARY)
    here = app.within("acme")

    async def begin(*script: Any) -> UUID:
        model = ScriptedModel([*script, finish(), finish()], by_turn=True, name=f"scripted:{len(app.models)}")
        spec = agent(name=CANARY, rules=[{"tool": ["charge", "send"], "ask": "true"}], reflect=False)
        run = await here.start(spec, f"do it for {CANARY}", model=model)
        await app.advance(run)
        return run

    ended = await begin(call("charge", amount=5))
    await here.answer_and_remember(ended, "cleo", ["amount<=7"])
    await app.advance(ended)
    waiting = await begin(call("send", to=f"{CANARY}@x.example", text=CANARY))
    await set_secret(here.store, CANARY, CANARY, "cleo")
    await save_draft(here.store, CANARY, f"name: {CANARY}\n", "cleo", None)
    text = f"rules:\n  - {{tool: charge, deny: 'args.amount > 99', because: {CANARY}}}\n"
    version = await here.rulebook.save(here.store, text, CANARY, "cleo", mark_of(""))
    await add_token(here.store, CANARY, "cleo", ["runs:read"], None)
    (kept,) = await list_remembered(here.store)
    await set_connection(
        here.store, CANARY, Linked(connection=Connection(http=f"https://{CANARY}.example")), "cleo"
    )
    await add_source(here.store, CANARY, About(CANARY, CANARY), "cleo")
    await put(here.store, CANARY, [File(f"{CANARY}.md", b"x", read("a.md", CANARY.encode()))], "cleo")
    await set_key(here.store, "mistral", CANARY, f"cleo of {CANARY}")
    await set_budget(here.store, CANARY, "month", Decimal(7), None, "cleo")
    await set_rule(here.store, CANARY, timedelta(days=9), None, f"cleo of {CANARY}")
    await keep_for(here.store, "aside", timedelta(days=9), f"cleo of {CANARY}")
    provider = Provider("acme", CANARY, CANARY, f"https://{CANARY}.example", CANARY)
    await keep(here.store, "cleo", provider, CANARY, ask=answers)
    rows = [
        row(
            "e1",
            email=f"{CANARY}@x.example",
            customer=CANARY,
            name=CANARY,
            account={"crm": CANARY, "name": CANARY},
        ),
        row("e2", emial=CANARY),
    ]
    await taken(here.store, *rows, source=CANARY)
    await save(here.store, CANARY, Segment(conditions=(Did(kind="visit"),)), CANARY, "cleo")
    upload = await uploads.put(here.store, f"{CANARY}.csv", f"email\n{CANARY}@x.example\n".encode(), "cleo")
    row_of = {"id": "/id", "at": "/at", "kind": "visit", "email": f"/{CANARY}"}
    read_of = {"database": CANARY, "query": f"select '{CANARY}'", "cursor": "at", "row": row_of}
    await put_intake(here.store, intake_of(CANARY, read_of), "cleo")
    await intents.teach(here.store, [Example(CANARY, CANARY)], "cleo")
    pattern = {"intent": CANARY, "when": [{"kind": "visit", "properties": {"page": CANARY}}]}
    await behaviours.save(here.store, [Pattern.model_validate(pattern)], "cleo")
    erasure = await erase.begin(here.store, await find(here.store, f"{CANARY}@x.example"), "cleo", CANARY)
    hook = await add_webhook(here.store, f"https://{CANARY}.example/hook", ["run.finished"], [], "cleo")
    of = (CANARY, CANARY, "https://acme.example", str(uuid4()), Visitor(name=CANARY))
    chat = (await chats.begin(here.store, *of))[0]
    await chats.write(here.store, chat.id, "visitor", CANARY, "1")
    cleo = (await known(here.store, "cleo")).id
    return Acme(waiting, ended, kept.id, version.id, cleo, hook[0].id, erasure, upload, chat.id)


def filled(path: str, acme: Acme | None) -> list[str]:
    """The path with each of acme's things in its place; with None, of what there is nowhere."""
    runs = [acme.waiting, acme.ended] if acme else [NOWHERE]
    found = []
    for run in runs:
        one = path
        for name in ("run", "prefix"):
            one = one.replace(f"{{{name}}}", str(run))
        number = "77777" if acme is None else str(acme.rules if "versions" in path else acme.remembered)
        number = str(acme.person) if acme and "/people/" in path else number
        hook = acme.webhook if acme else NOWHERE
        one = one.replace("{workspace}", "acme" if acme else "none")
        one = one.replace("{upload}", str(acme.upload if acme else NOWHERE))
        talk = f"chat:{acme.chat if acme else NOWHERE}"
        one = one.replace("{talk}", talk).replace("{conversation}", talk)
        one = one.replace("{erasure}", str(acme.erasure if acme else NOWHERE))
        one = one.replace("{webhook}", str(hook)).replace("{delivery}", str(hook)).replace("{session}", "1")
        one = (
            one.replace("{id}", number)
            .replace("{ask}", "1.1")
            .replace("{deed}", "cancel")
            .replace("{step}", "1.1")
            .replace("{period}", "month")
            .replace("{provider}", "mistral")
            .replace("{person}", f"{CANARY}@x.example")
            .replace("{account}", f"crm:{CANARY}")
            .replace("{number}", "77777" if acme is None else "1")
            .replace("{path:path}", "x.txt")
            .replace("{what}", "sessions")
            .replace("{field}", "about.x")
        )
        one = (
            one.replace("{call}", "1.1").replace("{completion}", f"chatcmpl-{run.hex}").replace("{seq}", "1")
        ).replace("{response}", f"resp_{run.hex}")
        found.append(
            re.sub(
                r"\{(name|agent|trigger|model|playbook|segment|version|word|flow|signature)\}",
                lambda m: "1" if m[1] == "version" else CANARY,
                one,
            )
        )
    assert not any("{" in one for one in found), f"say here what acme's part of {path} is"
    return list(dict.fromkeys(found))


def told(answer: httpx.Response) -> str:
    """What an answer says, without the names of what was asked for, which whoever asks knows already."""
    text = re.sub(r"[0-9a-f]{8}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{12}", "it", answer.text)
    for number in re.findall(r"/(\d+)", str(answer.request.url.path)):
        text = re.sub(rf"(person|version|as|session|id|row|link) {number}\b", r"\1 it", text)
    return text.replace(CANARY, "it") if CANARY in str(answer.request.url) else text


async def state_of(app: App) -> list[Any]:
    """All that acme has, as the owner of the database sees it."""
    own = "select table_name from information_schema.columns where column_name = 'workspace' and table_name <> 'sessions'"
    async with app.store.pool.connection() as connection:
        tables = [str(name) for (name,) in await (await connection.execute(own)).fetchall()]
        assert len(tables) > 12
        queries = [
            f"select t::text from {table} as t where workspace = 'acme' order by 1"
            for table in sorted(tables)
        ]
        of_runs = "run in (select id from runs where workspace = 'acme')"
        queries += [
            f"select t::text from {table} as t where {of_runs} order by 1"
            for table in ("events", "asks", "remit_timers")
        ]
        return [await (await connection.execute(query.encode())).fetchall() for query in queries]


async def test_no_route_of_the_console_shows_or_changes_what_is_anothers(
    app: App, browser: httpx.AsyncClient, server: FastAPI, acme: Acme
) -> None:
    before = await state_of(app)
    assert CANARY in str(before)
    forms = {
        "seen": "",
        "word": "approve",
        "wanted": "amount",
        "to": "bo",
        "at": "1",
        "name": "acme",
        "base": mark_of(""),
    }
    assert routes(server) - {("GET", "/mcp")} == set(ROUTES) - {("GET", "/mcp")}
    for method, path in ROUTES:
        if (
            (method, path) in ENDLESS
            or path in ("/leave", "/enter")
            or (method, path) == ("POST", "/policy/edit")
            or path.startswith(
                "/sign-in/"
            )  # whoever knows a workspace's name finds its door, signed in or not
        ):
            continue
        (nowhere,) = filled(path, None)
        for mine in filled(path, acme):
            answers = [
                await browser.request(method, where, params={"a": str(run), "b": str(run)} if path == "/compare" else None,
                                      data=forms if method == "POST" else None)
                for where, run in ((nowhere, NOWHERE), (mine, acme.waiting))
            ]  # fmt: skip
            assert answers[1].status_code == answers[0].status_code, (method, path)
            assert CANARY not in told(answers[1]), (method, path)
            if mine != nowhere and "{" in path:
                assert told(answers[1]) == told(answers[0]), (method, path)
    assert await state_of(app) == before


async def test_no_operation_over_http_shows_or_changes_what_is_anothers(
    app: App, server: FastAPI, acme: Acme
) -> None:
    before = await state_of(app)
    _, secret = await add_token(app.store, "all", "ann", tuple(RIGHTS), None)
    transport = httpx.ASGITransport(server, raise_app_exceptions=False)
    headers = {"authorization": f"Bearer {secret}"}
    asked = 0
    async with httpx.AsyncClient(transport=transport, base_url=HERE, headers=headers, timeout=60) as caller:
        for root, mounted in mounts(server):
            for route in iter_route_contexts(mounted.routes):
                for method in (route.methods or {"GET"}) - {"HEAD"}:
                    path = root + (route.path or "")
                    if "{" not in path:
                        answer = await caller.get(path)
                        assert CANARY not in answer.text, path
                        continue
                    (nowhere,) = filled(path, None)
                    for mine in filled(path, acme):
                        asked += 1
                        body = {} if method in ("POST", "PUT", "PATCH") else None
                        one, other = [
                            await caller.request(method, where, json=body) for where in (nowhere, mine)
                        ]
                        assert other.status_code == one.status_code, (method, path, other.text)
                        assert other.status_code >= 400 or CANARY not in other.text, (method, path)
                        assert told(other) == told(one), (method, path)
    assert asked > 20
    assert await state_of(app) == before


def mounts(server: FastAPI) -> list[tuple[str, FastAPI]]:
    return [
        (route.path, route.app) for route in server.routes if isinstance(getattr(route, "app", None), FastAPI)
    ]  # type: ignore[attr-defined]


async def test_who_works_in_several_chooses_and_sees_one_at_a_time(
    app: App, server: FastAPI, acme: Acme
) -> None:
    await add_member(app.within("acme").store, "cleo", "ann", "viewer")
    async with client(server) as browser:
        browser.cookies.set(COOKIE, await sign_in(app.store, "ann"), domain="127.0.0.1")
        assert CANARY not in (await browser.get("/runs")).text
        listed = (await browser.get("/workspaces")).text
        assert "Default" in listed
        assert CANARY in listed
        assert (await browser.post("/workspaces", data={"name": "acme"})).status_code == 303
        assert CANARY in (await browser.get("/runs")).text
        assert (await browser.get(f"/runs/{acme.waiting}")).status_code == 200
        assert (
            await browser.post(f"/runs/{acme.waiting}/cancel")
        ).status_code == 403  # a viewer there, an owner here
        runs = (await browser.get("/api/v1/runs")).json()["runs"]
        assert {one["agent"] for one in runs} == {CANARY}
        await disable(app.within("acme").store, "cleo", "ann")
        assert CANARY not in (await browser.get("/runs")).text  # back in the first one, at once
        assert (await browser.post("/workspaces", data={"name": "acme"})).status_code == 400


async def test_a_workspace_in_which_somebody_is_nobody_is_not_there(
    app: App, browser: httpx.AsyncClient, acme: Acme
) -> None:
    one, other = [await browser.post("/workspaces", data={"name": name}) for name in ("acme", "nosuch")]
    assert one.status_code == other.status_code == 400
    assert one.text.replace("acme", "it") == other.text.replace("nosuch", "it")
    assert 'href="/workspaces"' not in (await browser.get("/")).text


async def test_a_token_belongs_to_one_workspace(app: App, server: FastAPI, acme: Acme) -> None:
    there = app.within("acme").store
    await add_member(there, "cleo", "ann", "operator")
    transport = httpx.ASGITransport(server, raise_app_exceptions=False)
    for store, sees in ((app.store, False), (there, True)):
        _, secret = await add_token(store, "mine", "ann", ["runs:read"], None)
        headers = {"authorization": f"Bearer {secret}"}
        async with httpx.AsyncClient(transport=transport, base_url=HERE, headers=headers) as caller:
            assert (CANARY in (await caller.get("/api/v1/runs")).text) == sees
            assert (await caller.get(f"/api/v1/runs/{acme.ended}")).status_code == (200 if sees else 404)
    assert (await known(there, "ann")).role == "operator"


@pytest.mark.parametrize("text", ["<script>alert(1)</script>", "a\u202eb"])
async def test_what_a_workspace_is_called_is_shown_as_text(
    app: App, browser: httpx.AsyncClient, text: str
) -> None:
    async with app.store.pool.connection() as connection:  # past the check of what it may be called
        await connection.execute("insert into workspaces (name, title) values ('acme', %s)", (text,))
    await add_member(app.within("acme").store, "ann", "ann", "owner")
    for path in ("/", "/workspaces"):
        assert text not in (await browser.get(path)).text
    await browser.post("/workspaces", data={"name": "acme"})
    assert text not in (await browser.get("/")).text
