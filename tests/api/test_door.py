"""Who may call the API, and how: tokens, sessions, scopes, names of the server, sizes, and what is not there."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import httpx
import pytest

from remit.access.roles import RIGHTS
from remit.api.tokens import add_token, list_tokens, revoke_token
from remit.app import App
from remit.console.session import Door
from remit.testing import ScriptedModel
from tests.api.conftest import HERE, Client

Json = Any
NOWHERE = "00000000-0000-4000-8000-000000000000"


async def document(client: httpx.AsyncClient) -> Json:
    answer = await client.get("/api/v1/openapi.json")
    assert answer.status_code == 200
    return answer.json()


def operations(document: Json) -> list[tuple[str, str, Json]]:
    return [
        (
            method.upper(),
            path.format(
                run=NOWHERE,
                ask="a1.1",
                name="x",
                call="1.1",
                version=1,
                webhook=NOWHERE,
                delivery=NOWHERE,
                agent="x",
                period="day",
                trigger="x",
                provider="openai",
                path="x",
                person="x",
                account="x",
                conversation="x",
                field="about.x",
                erasure=NOWHERE,
                number=1,
            ),
            operation,
        )
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    ]


async def test_nothing_is_told_to_a_stranger_but_the_document(stranger: httpx.AsyncClient) -> None:
    found = operations(await document(stranger))
    assert len(found) >= 14
    for method, path, _ in [*found, ("GET", "/nothing", {})]:
        for headers in (
            {},
            {"authorization": "Bearer remit_x"},
            {"authorization": "Basic eDp5"},
            {"authorization": ""},
        ):
            answer = await stranger.request(method, f"/api/v1{path}", headers=headers)
            assert answer.status_code == 401, path
            assert answer.headers["www-authenticate"].startswith('Bearer realm="remit"')
            assert answer.json()["type"] == "urn:remit:problem:not-signed-in"


async def test_each_endpoint_refuses_a_token_without_the_scope_that_it_documents(
    app: App, client: Client, stranger: httpx.AsyncClient
) -> None:
    for method, path, operation in operations(await document(stranger)):
        scope = operation["x-remit-scope"]
        assert operation["security"] == [{"token": [scope]}, {"session": []}]
        assert scope in RIGHTS
        without = await client(*(other for other in RIGHTS if other != scope))
        answer = await without.request(method, path, json={} if method == "POST" else None)
        assert (answer.status_code, scope in answer.json()["detail"]) == (403, True), path
        having = await client(scope)
        answer = await having.request(method, path, json={} if method == "POST" else None)
        assert answer.status_code in (200, 404, 422), path


@pytest.mark.parametrize("more", [{"agent": {"name": "own"}}, {"model": "scripted:x.json"}])
async def test_a_spec_or_a_model_of_ones_own_needs_the_scope_for_it(
    app: App, client: Client, more: Json
) -> None:
    answer = await (await client("runs:write", "runs:read")).post(
        "/runs", json={"agent": "assistant", "goal": "go", **more}
    )
    assert (answer.status_code, "agents:write" in answer.json()["detail"]) == (403, True)


async def test_a_token_holds_until_it_expires_or_is_revoked_and_its_last_use_is_known(
    app: App, client: Client, stranger: httpx.AsyncClient
) -> None:
    _, secret = await add_token(app.store, "crm", "ann", ["runs:read"], timedelta(days=1))
    headers = {"authorization": f"bearer {secret}"}
    assert (await list_tokens(app.store))[0].used_at is None
    assert (await stranger.get("/api/v1/runs", headers=headers)).status_code == 200
    assert (await list_tokens(app.store))[0].used_at is not None
    async with app.store.pool.connection() as connection:
        row = await (await connection.execute("select tokens::text from tokens")).fetchone()
        assert row
        assert secret not in row[0]
        await connection.execute("update tokens set expires_at = expires_at - interval '1 day'")
    assert (await stranger.get("/api/v1/runs", headers=headers)).status_code == 401
    other = await client("runs:read")
    assert (await other.get("/runs")).status_code == 200
    await revoke_token(app.store, "t0", "ann")
    assert (await other.get("/runs")).status_code == 401


async def test_a_session_of_the_console_calls_from_its_own_pages_only(
    app: App, stranger: httpx.AsyncClient, door: Door
) -> None:
    await stranger.get("/enter", params={"key": door.key})
    assert (await stranger.get("/api/v1/runs")).status_code == 200
    for headers, status in (
        ({}, 403),
        ({"sec-fetch-site": "cross-site"}, 403),
        ({"origin": "https://evil.example"}, 403),
        ({"sec-fetch-site": "same-origin"}, 404),
        ({"origin": HERE}, 404),
    ):
        answer = await stranger.post(f"/api/v1/runs/{NOWHERE}/pause", headers=headers)
        assert answer.status_code == status, headers
    wrong = await stranger.get("/api/v1/runs", headers={"authorization": "Bearer remit_x"})
    assert wrong.status_code == 401


async def test_a_session_says_of_nobody_else_that_they_are_verified(
    app: App, stranger: httpx.AsyncClient, door: Door
) -> None:
    await stranger.get("/enter", params={"key": door.key})
    model = ScriptedModel([])
    app.models[model.name] = model
    spec = {"name": "x", "model": model.name, "remit": {"budget": {"money": None}}}
    body = {"agent": spec, "goal": "go", "person": {"id": "zoe"}}
    made = await stranger.post("/api/v1/runs", json=body, headers={"sec-fetch-site": "same-origin"})
    assert made.status_code == 201, made.text
    assert made.json()["person"]["verified"] is False


async def test_every_other_answer_is_a_problem_too(client: Client) -> None:
    ann = await client()
    for method, path, status in (
        ("GET", "/nothing", 404), ("GET", "/runs/", 404), ("DELETE", "/runs", 405), ("PUT", f"/runs/{NOWHERE}", 405),
        ("GET", "/runs/x", 422), ("GET", "/runs?limit=0", 422), ("GET", "/runs?status=done", 422),
        ("GET", "/agents/a%0Ab", 404), ("GET", "/triggers/%0A/b%0A/firings", 404), ("GET", "/%0A", 404),
    ):  # fmt: skip
        answer = await ann.request(method, path)
        assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json"), (
            answer.status_code,
            answer.text[:200],
        )
        assert answer.json()["status"] == status
        assert {"type", "title", "detail"} <= answer.json().keys()
    assert (await ann.delete("/runs")).headers["allow"]
    foreign = await ann.get("/runs", headers={"host": "evil.example"})
    assert (foreign.status_code, foreign.headers["content-type"]) == (421, "application/problem+json")
    for content, kind, status in (
        ("{", "application/json", 400), ("[" * 100_000, "application/json", 400), ("{}", "text/plain", 422),
        ('{"goal": "' + "x" * 16_000_000 + '"}', "application/json", 413), ("[]", "application/json", 422),
    ):  # fmt: skip
        answer = await ann.post("/runs", content=content, headers={"content-type": kind})
        assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json"), (
            answer.status_code,
            answer.text[:200],
        )


async def test_a_body_that_does_not_say_how_long_it_is_ends_at_the_limit(client: Client) -> None:
    async def endless() -> Any:
        for _ in range(300):
            yield b" " * 100_000

    answer = await (await client()).post(
        "/runs", content=endless(), headers={"content-type": "application/json"}
    )
    assert answer.status_code == 413


async def test_answers_are_not_kept_and_say_nothing_of_the_server(client: Client) -> None:
    answer = await (await client()).get("/runs")
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert "server" not in answer.headers


async def test_without_its_database_it_says_so_and_when_to_try_again(app: App, client: Client) -> None:
    ann = await client()
    await app.store.own.close()
    answer = await ann.get("/runs")
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
    assert answer.headers["content-type"] == "application/problem+json"
