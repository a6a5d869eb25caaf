"""What each role may do on each route. A route that is not in the table fails here: say what it takes."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from fastapi.routing import iter_route_contexts
from starlette.routing import Mount

from remit.access.people import add_member, arrive, disable, enable, list_members, set_role
from remit.access.roles import OF_ROLE, RIGHTS, ROLES, Role
from remit.api.tokens import add_token
from remit.app import App
from remit.console.guard import API
from remit.errors import Forbidden, UnknownName, UserError
from tests.console.conftest import HERE, SignIn

NOWHERE = "00000000-0000-4000-8000-000000000000"
ANYBODY = ""  # who is not signed in too
SELF = "self"  # whoever is signed in, about themselves
# What each route takes. GET is said for HEAD too
ROUTES: dict[tuple[str, str], str] = {
    ("GET", "/healthz"): ANYBODY,
    ("GET", "/enter"): ANYBODY,
    ("GET", "/sign-in"): ANYBODY,
    ("POST", "/sign-in"): ANYBODY,
    ("GET", "/sign-in/code"): ANYBODY,
    ("POST", "/sign-in/code"): ANYBODY,
    ("GET", "/sign-in/with/{workspace}/{name}"): ANYBODY,
    ("GET", "/sign-in/back/{workspace}/{name}"): ANYBODY,
    ("GET", "/join"): ANYBODY,
    ("POST", "/join"): ANYBODY,
    ("POST", "/leave"): ANYBODY,
    ("GET", "/confirm"): SELF,
    ("POST", "/confirm"): SELF,
    ("GET", "/account"): SELF,
    ("GET", "/account/second"): SELF,
    ("POST", "/account/second"): SELF,
    ("GET", "/settings"): SELF,
    ("GET", "/settings/tokens"): SELF,
    ("POST", "/settings/tokens"): SELF,
    ("POST", "/settings/tokens/{name}/revoke"): SELF,
    ("GET", "/settings/people"): "settings:read",
    ("POST", "/settings/people"): "settings:write",
    ("GET", "/settings/people/{id}"): "settings:read",
    ("POST", "/settings/people/{id}/role"): "settings:write",
    ("POST", "/settings/people/{id}/agents"): "settings:write",
    ("POST", "/settings/people/{id}/disable"): "settings:write",
    ("POST", "/settings/people/{id}/enable"): "settings:write",
    ("POST", "/settings/people/{id}/link"): "settings:write",
    ("POST", "/settings/people/{id}/factor"): "settings:write",
    ("GET", "/settings/sign-in"): "settings:read",
    ("POST", "/settings/sign-in/second"): "settings:write",
    ("GET", "/settings/sign-in/{name}"): "settings:write",
    ("POST", "/settings/sign-in/{name}"): "settings:write",
    ("POST", "/settings/sign-in/{name}/remove"): "settings:write",
    ("POST", "/settings/people/{id}/identity"): "settings:write",
    ("POST", "/settings/people/{id}/sessions/{session}/end"): "settings:write",
    ("POST", "/settings/people/{id}/sessions/all/end"): "settings:write",
    ("GET", "/settings/models"): "agents:read",
    ("POST", "/settings/models/keys"): "settings:write",
    ("POST", "/settings/models/keys/{name}/remove"): "settings:write",
    ("POST", "/settings/models/test"): "settings:write",
    ("GET", "/settings/workspace"): "settings:read",
    ("GET", "/settings/webhooks"): "connections:write",
    ("POST", "/settings/webhooks"): "connections:write",
    ("GET", "/settings/webhooks/{webhook}"): "connections:write",
    ("POST", "/settings/webhooks/{webhook}/test"): "connections:write",
    ("POST", "/settings/webhooks/{webhook}/enable"): "connections:write",
    ("POST", "/settings/webhooks/{webhook}/disable"): "connections:write",
    ("POST", "/settings/webhooks/{webhook}/rotate"): "connections:write",
    ("POST", "/settings/webhooks/{webhook}/remove"): "connections:write",
    ("POST", "/settings/webhooks/{webhook}/deliveries/{delivery}/resend"): "connections:write",
    ("GET", "/settings/budgets"): "settings:read",
    ("POST", "/settings/budgets"): "settings:write",
    ("POST", "/settings/budgets/remove"): "settings:write",
    ("GET", "/settings/retention"): "settings:read",
    ("POST", "/settings/retention"): "settings:write",
    ("POST", "/settings/retention/remove"): "settings:write",
    ("GET", "/settings/retention/data"): "settings:read",
    ("POST", "/settings/retention/data"): "settings:write",
    ("POST", "/settings/retention/data/remove"): "settings:write",
    ("GET", "/settings/audit"): "settings:read",
    ("GET", "/settings/audit/export"): "settings:read",
    ("POST", "/account/password"): SELF,
    ("POST", "/account/sessions/others"): SELF,
    ("POST", "/account/sessions/{id}/end"): SELF,
    ("GET", "/workspaces"): SELF,
    ("POST", "/workspaces"): SELF,
    ("GET", "/"): "runs:read",
    ("GET", "/inbox"): "runs:read",
    ("GET", "/inbox/live"): "runs:read",
    ("POST", "/inbox/fresh"): "runs:read",
    ("POST", "/inbox/{run}"): "approvals:write",
    ("POST", "/inbox/{run}/{ask}"): "approvals:write",
    ("POST", "/inbox/{run}/{ask}/change"): "approvals:write",
    ("POST", "/inbox/{run}/{ask}/remember"): "approvals:write",
    ("POST", "/inbox/{run}/{ask}/delegate"): "approvals:write",
    ("GET", "/runs"): "runs:read",
    ("GET", "/runs.csv"): "runs:read",
    ("GET", "/runs/newer"): "runs:read",
    ("GET", "/runs/new"): "runs:write",
    ("POST", "/runs/new"): "runs:write",
    ("POST", "/runs/several"): "runs:write",
    ("GET", "/runs/{run}/live"): "runs:read",
    ("GET", "/runs/{prefix}"): "runs:read",
    ("GET", "/runs/{prefix}/export"): "runs:read",
    ("GET", "/runs/{prefix}/file"): "runs:read",
    ("GET", "/runs/{prefix}/fork"): "runs:write",
    ("POST", "/runs/{prefix}/fork"): "runs:write",
    ("GET", "/compare"): "runs:read",
    ("GET", "/design"): "runs:read",
    ("GET", "/runs/{prefix}/{deed}/sure"): "runs:write",
    ("POST", "/runs/{prefix}/{deed}"): "runs:write",
    ("GET", "/runs/{prefix}/why/{step}"): "runs:read",
    ("GET", "/agents"): "agents:read",
    ("POST", "/agents"): "agents:write",
    ("GET", "/agents/{name}"): "agents:read",
    ("POST", "/agents/{name}"): "agents:write",
    ("GET", "/agents/{name}/export"): "agents:read",
    ("GET", "/agents/{name}/yaml"): "agents:read",
    ("POST", "/agents/{name}/yaml"): "agents:write",
    ("GET", "/agents/{name}/publish"): "agents:write",
    ("POST", "/agents/{name}/publish"): "agents:write",
    ("GET", "/agents/{name}/versions"): "agents:read",
    ("GET", "/agents/{name}/versions/{version}"): "agents:read",
    ("POST", "/agents/{name}/versions/{version}"): "agents:write",
    ("GET", "/agents/{name}/triggers"): "agents:read",
    ("POST", "/agents/{name}/triggers/{trigger}/pause"): "runs:write",
    ("POST", "/agents/{name}/triggers/{trigger}/resume"): "runs:write",
    ("POST", "/agents/{name}/triggers/{trigger}/fire"): "runs:write",
    ("POST", "/agents/{name}/triggers/{trigger}/secret"): "connections:write",
    ("POST", "/agents/{name}/{deed}"): "agents:write",
    ("POST", "/agents/{name}/describe"): "agents:write",
    ("POST", "/agents/{name}/model"): "agents:write",
    ("POST", "/agents/{name}/try"): "agents:write",
    ("GET", "/agents/{name}/tries/{run}/live"): "agents:write",
    ("POST", "/agents/{name}/tries/{run}/{ask}"): "agents:write",
    ("GET", "/connections"): "agents:read",
    ("GET", "/connections/new"): "connections:write",
    ("POST", "/connections/new"): "connections:write",
    ("GET", "/connections/{name}"): "agents:read",
    ("GET", "/connections/{name}/change"): "connections:write",
    ("POST", "/connections/{name}/change"): "connections:write",
    ("POST", "/connections/{name}/try"): "connections:write",
    ("POST", "/connections/{name}/pin"): "connections:write",
    ("POST", "/connections/{name}/remove"): "connections:write",
    ("GET", "/knowledge"): "agents:read",
    ("GET", "/knowledge/new"): "knowledge:write",
    ("POST", "/knowledge/new"): "knowledge:write",
    ("GET", "/knowledge/{name}"): "agents:read",
    ("GET", "/knowledge/{name}/read"): "agents:read",
    ("GET", "/knowledge/{name}/change"): "knowledge:write",
    ("POST", "/knowledge/{name}/change"): "knowledge:write",
    ("POST", "/knowledge/{name}/documents"): "knowledge:write",
    ("POST", "/knowledge/{name}/documents/remove"): "knowledge:write",
    ("POST", "/knowledge/{name}/remove"): "knowledge:write",
    ("GET", "/people"): "persons:read",
    ("GET", "/people/doubtful"): "persons:read",
    ("POST", "/people/doubtful"): "persons:write",
    ("GET", "/people/aside"): "persons:write",
    ("POST", "/people/aside/{number}"): "persons:write",
    ("GET", "/people/journeys"): "persons:read",
    ("GET", "/people/live"): "persons:read",
    ("GET", "/people/live/stream"): "persons:read",
    ("GET", "/people/conversations"): "persons:read",
    ("GET", "/people/conversations/{talk}"): "persons:read",
    ("GET", "/people/conversations/{talk}/live"): "persons:read",
    ("POST", "/people/conversations/{talk}/take"): "runs:write",
    ("POST", "/people/conversations/{talk}/words"): "runs:write",
    ("POST", "/people/conversations/{talk}/back"): "runs:write",
    ("GET", "/people/accounts"): "persons:read",
    ("GET", "/people/accounts/{account}"): "persons:read",
    ("POST", "/people/accounts/{account}"): "persons:write",
    ("GET", "/people/segments"): "persons:read",
    ("GET", "/people/segments/new"): "persons:write",
    ("GET", "/people/segments/{segment}"): "persons:read",
    ("GET", "/people/segments/{segment}/edit"): "persons:write",
    ("GET", "/people/segments/{segment}/export"): "persons:read",
    ("POST", "/people/segments"): "persons:write",
    ("POST", "/people/segments/size"): "persons:write",
    ("POST", "/people/segments/{segment}/remove"): "persons:write",
    ("GET", "/people/sources"): "persons:write",
    ("POST", "/people/sources/files"): "persons:write",
    ("GET", "/people/sources/files/{upload}"): "persons:write",
    ("POST", "/people/sources/files/{upload}"): "persons:write",
    ("GET", "/people/sources/new"): "connections:write",
    ("GET", "/people/sources/{name}"): "connections:write",
    ("GET", "/people/sources/{name}/edit"): "connections:write",
    ("POST", "/people/sources"): "connections:write",
    ("POST", "/people/sources/{name}/secret"): "connections:write",
    ("POST", "/people/sources/{name}/{deed}"): "connections:write",
    ("GET", "/people/intents"): "persons:read",
    ("POST", "/people/intents"): "persons:write",
    ("POST", "/people/intents/try"): "persons:write",
    ("POST", "/people/intents/infer"): "persons:write",
    ("POST", "/people/intents/reader"): "persons:write",
    ("POST", "/people/intents/reader/retry"): "persons:write",
    ("POST", "/people/intents/messages/{number}"): "persons:write",
    ("GET", "/people/intents/taught/{name}"): "persons:read",
    ("POST", "/people/intents/taught/{name}/forget"): "persons:write",
    ("POST", "/people/intents/taught/{name}/examples/{number}/remove"): "persons:write",
    ("GET", "/people/intents/behaviours/new"): "persons:write",
    ("GET", "/people/intents/behaviours/{name}"): "persons:write",
    ("POST", "/people/intents/behaviours"): "persons:write",
    ("POST", "/people/intents/behaviours/tried"): "persons:write",
    ("POST", "/people/intents/behaviours/count"): "persons:write",
    ("POST", "/people/intents/behaviours/{name}/forget"): "persons:write",
    ("GET", "/people/{person}"): "persons:read",
    ("GET", "/people/erasures"): "settings:read",
    ("POST", "/people/holds"): "settings:write",
    ("POST", "/people/holds/{name}/remove"): "settings:write",
    ("GET", "/people/erasures/{erasure}"): "settings:read",
    ("GET", "/people/erasures/{erasure}/receipt"): "settings:read",
    ("GET", "/people/{person}/export"): "settings:write",
    ("GET", "/people/{person}/erase"): "settings:write",
    ("POST", "/people/{person}/erase"): "settings:write",
    ("POST", "/people/{person}/links/{number}"): "persons:write",
    ("POST", "/people/{person}/same"): "persons:write",
    ("POST", "/people/{person}/intents/{number}"): "persons:write",
    ("POST", "/people/{person}/suppress"): "persons:write",
    ("GET", "/decisions"): "persons:read",
    ("GET", "/decisions/new"): "agents:write",
    ("GET", "/decisions/flows"): "agents:write",
    ("GET", "/decisions/flows/{flow}"): "agents:write",
    ("POST", "/decisions/flows/{flow}"): "agents:write",
    ("GET", "/decisions/rules"): "agents:write",
    ("POST", "/decisions/rules"): "agents:write",
    ("POST", "/decisions/edit"): "agents:write",
    ("GET", "/decisions/{playbook}/edit"): "agents:write",
    ("GET", "/decisions/{playbook}"): "persons:read",
    ("GET", "/decisions/{playbook}/candidates"): "persons:read",
    ("POST", "/decisions/{playbook}/stage"): "agents:write",
    ("GET", "/decisions/{playbook}/versions/{version}"): "persons:read",
    ("POST", "/secrets"): "connections:write",
    ("POST", "/secrets/{name}/remove"): "connections:write",
    ("GET", "/policy"): "agents:read",
    ("GET", "/policy/people"): "agents:read",
    ("GET", "/policy/versions/{id}"): "agents:read",
    ("POST", "/policy/forget/{id}"): "policy:write",
    ("GET", "/policy/edit"): "policy:write",
    ("POST", "/policy/edit"): "policy:write",
}
# Streams: asked only by who may not
ENDLESS = {("GET", "/inbox/live"), ("GET", "/runs/{run}/live"), ("GET", "/people/live/stream")}


def routes(server: FastAPI) -> set[tuple[str, str]]:
    """Each route with its method; what programs call has guards of its own, and tests."""
    """Each route with its method; those of the API, which is mounted, and of MCP have tests of their own."""
    return {
        (method, route.path)
        for route in iter_route_contexts(server.routes)
        for method in (route.methods or {"GET"}) - {"HEAD"}
        if route.path is not None
        and not isinstance(route.original_route, Mount)
        and not route.path.startswith(API)
        if route.path not in (None, "/mcp") and not isinstance(route.original_route, Mount)
    }


async def ask(browser: httpx.AsyncClient, method: str, path: str) -> httpx.Response:
    for name in ("run", "prefix", "webhook", "delivery", "upload"):
        path = path.replace(f"{{{name}}}", NOWHERE)
    path = path.replace("{id}", "999999").replace("{session}", "999999").replace("{number}", "999999")
    for name in ("ask", "deed", "step", "name", "version", "person", "flow"):
        path = path.replace(f"{{{name}}}", "1")
    return await browser.request(method, path)


def test_every_route_is_in_the_table(server: FastAPI) -> None:
    found = routes(server)
    assert len(found) > 15
    assert found == set(ROUTES)
    assert set(ROUTES.values()) <= {ANYBODY, SELF, *RIGHTS}


@pytest.mark.parametrize("role", ROLES)
async def test_a_role_opens_the_routes_that_it_has_the_right_to_and_no_other(
    browser_of: SignIn, role: Role
) -> None:
    browser = await browser_of("bo", role)
    for (method, path), right in ROUTES.items():
        may = right in (ANYBODY, SELF) or right in OF_ROLE[role]
        if (may and (method, path) in ENDLESS) or path in ("/leave", "/enter"):
            continue
        answer = await ask(browser, method, path)
        assert (answer.status_code == 403) == (not may), (method, path)
        assert answer.status_code < 500, (method, path)
        # whoever may not even look is told of that
        said = {right, "persons:read"} | (set() if OF_ROLE[role] else {"runs:read", "agents:read"})
        assert may or any(RIGHTS[one].split(",")[0] in answer.text for one in said), (method, path)


async def test_without_any_right_every_route_is_shut(
    browser_of: SignIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(OF_ROLE, "viewer", frozenset())
    browser = await browser_of("bo", "viewer")
    for (method, path), right in ROUTES.items():
        if right not in (ANYBODY, SELF):
            assert (await ask(browser, method, path)).status_code == 403, (method, path)


async def test_a_stranger_is_sent_to_sign_in_from_every_route(stranger: httpx.AsyncClient) -> None:
    for (method, path), right in ROUTES.items():
        if right != ANYBODY:
            answer = await ask(stranger, method, path)
            assert (answer.status_code, answer.headers["location"].partition("?")[0]) == (303, "/sign-in"), (
                path
            )


async def test_what_somebody_tried_without_the_right_is_logged(
    browser_of: SignIn, caplog: pytest.LogCaptureFixture
) -> None:
    browser = await browser_of("bo", "viewer")
    await browser.get("/settings/people/1%0Aforged")
    await browser.post("/settings/people")
    assert "'bo' may not POST '/settings/people'" in caplog.text
    assert "\nforged" not in caplog.text


async def test_a_change_of_role_holds_from_the_next_request_on(app: App, browser_of: SignIn) -> None:
    browser = await browser_of("bo", "viewer")
    path = f"/inbox/{NOWHERE}/a1"
    form = {"decision": "reject", "seen": "x"}
    assert (await browser.post(path, data=form)).status_code == 403
    await set_role(app.store, "ann", "BO", "approver")
    assert (await browser.post(path, data=form)).status_code != 403
    await disable(app.store, "ann", "bo")
    assert (await browser.get("/")).headers["location"] == "/sign-in"


async def test_a_session_calls_the_api_with_the_rights_of_its_role(browser_of: SignIn) -> None:
    browser = await browser_of("bo", "viewer")
    assert (await browser.get("/api/v1/runs")).status_code == 200
    for path in (f"/runs/{NOWHERE}/pause", f"/runs/{NOWHERE}/asks/a1/approve"):
        answer = await browser.post(f"/api/v1{path}", json={})
        assert (answer.status_code, "scope" in answer.json()["detail"]) == (403, True)


async def test_a_token_does_no_more_than_its_owner_may_now(app: App, stranger: httpx.AsyncClient) -> None:
    await add_member(app.store, "ann", "bo", "operator")
    with pytest.raises(Forbidden, match="policy:write"):
        await add_token(app.store, "much", "bo", ["runs:read", "policy:write"], None)
    _, secret = await add_token(app.store, "crm", "Bo", ["runs:read", "runs:write"], None)
    headers = {"authorization": f"Bearer {secret}"}
    pause = f"{HERE}/api/v1/runs/{NOWHERE}/pause"
    assert (await stranger.post(pause, headers=headers)).status_code == 404
    await set_role(app.store, "ann", "bo", "viewer")
    assert (await stranger.post(pause, headers=headers)).status_code == 403
    assert (await stranger.get("/api/v1/runs", headers=headers)).status_code == 200
    await disable(app.store, "ann", "bo")
    assert (await stranger.get("/api/v1/runs", headers=headers)).status_code == 401
    await enable(app.store, "ann", "bo")
    assert (await stranger.get("/api/v1/runs", headers=headers)).status_code == 200


async def test_whoever_starts_it_is_an_owner_once_and_keeps_the_role_they_have_later(app: App) -> None:
    assert (await arrive(app.store, "Zoe")).role == "owner"
    await set_role(app.store, "ann", "zoe", "viewer")
    assert (await arrive(app.store, "ZOE")).role == "viewer"
    await disable(app.store, "ann", "zoe")
    with pytest.raises(Forbidden, match="remit people enable Zoe"):
        await arrive(app.store, "zoe")


async def test_there_is_always_an_owner(app: App) -> None:
    for change in (set_role(app.store, "ann", "ann", "viewer"), disable(app.store, "ann", "ann")):
        with pytest.raises(UserError, match="last owner"):
            await change
    await add_member(app.store, "ann", "bo", "owner")
    await disable(app.store, "ann", "bo")
    with pytest.raises(UserError, match="last owner"):
        await set_role(app.store, "ann", "ann", "viewer")
    assert [(one.name, one.role, bool(one.disabled_at)) for one in await list_members(app.store)] == [
        ("ann", "owner", False),
        ("bo", "owner", True),
    ]


@pytest.mark.parametrize(
    "name", ["", "  ", "group:nobody", "an\u200bn", "\u202eann", "x" * 201, "a\x00b", "a\nb", "straße"]
)
async def test_a_name_that_is_nobodys_or_hides_something_is_refused(app: App, name: str) -> None:
    with pytest.raises(UserError):
        await add_member(app.store, "ann", name, "viewer")


async def test_a_person_is_one_whatever_the_case_of_their_name(app: App) -> None:
    with pytest.raises(UserError, match="here already"):
        await add_member(app.store, "ann", "ANN", "viewer")
    with pytest.raises(UnknownName, match="operator"):
        await add_member(app.store, "ann", "bo", "operater")
    with pytest.raises(UnknownName, match="'ann'"):
        await set_role(app.store, "ann", "anm", "viewer")


async def changes(app: App) -> list[tuple[str, str, str, Any]]:
    async with app.store.pool.connection() as connection:
        rows = await (
            await connection.execute("select who, what, about, detail from audit order by id")
        ).fetchall()
    return [tuple(row) for row in rows]


async def test_what_happens_to_people_and_tokens_is_in_the_audit_log_once(app: App) -> None:
    await add_member(app.store, "ann", "bo", "viewer")
    await set_role(app.store, "ann", "bo", "approver")
    await set_role(app.store, "ann", "bo", "approver")
    _, secret = await add_token(app.store, "crm", "bo", ["runs:read"], None)
    found = await changes(app)
    assert [(who, what, about) for who, what, about, _ in found] == [
        ("ann", "person.added", "ann"),
        ("ann", "person.added", "bo"),
        ("ann", "role.changed", "bo"),
        ("bo", "token.added", "crm"),
    ]
    assert found[2][3] == {"from": "viewer", "to": "approver"}
    assert secret not in str(found)


async def test_whoever_only_looks_is_shown_no_way_to_do_more(browser_of: SignIn) -> None:
    assert '<body class="looks">' in (await (await browser_of("bo", "viewer")).get("/")).text
    assert '<body class="looks">' not in (await (await browser_of("cleo", "operator")).get("/")).text
