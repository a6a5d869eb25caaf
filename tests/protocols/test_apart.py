"""Nothing of another workspace, or of an agent that a token is not for, by any method of the protocols: each is asked about what there is in the other one, with what
whoever works there would send, and says of it what it says of what there is nowhere. That somebody is a member of both
changes nothing: a token is of one."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from a2a.server.routes.jsonrpc_dispatcher import JSONRPC03Adapter, JsonRpcDispatcher
from a2a.server.routes.rest_routes import create_rest_routes
from fastapi.routing import iter_route_contexts

from remit.access.people import add_member
from remit.access.roles import BY_AGENT, RIGHTS
from remit.api.tokens import add_token
from remit.app import App
from remit.catalogue import kept
from remit.journal.search import Place
from remit.protocols.agui.server import make_agui
from remit.protocols.mcp.host import TASKS
from remit.protocols.mcp.server import make_mcp
from remit.protocols.openai import make_openai
from remit.workspaces import add_workspace
from tests.protocols.conftest import SENDS, SPEC, VERSION, Live, Serve, scripted

Json = Any
CANARY, NOSUCH = "canary-of-acme", "canary-of-none"
NOWHERE = UUID("00000000-0000-4000-8000-000000000000")
FORMER = "2025-11-25"
CAN: Json = {"elicitation": {}, "extensions": {TASKS: {}}}
META: Json = {
    "io.modelcontextprotocol/protocolVersion": VERSION,
    "io.modelcontextprotocol/clientCapabilities": CAN,
}


@dataclass(frozen=True)
class Theirs:
    """What there is of the other ones, or nowhere; and what they know who may see it."""

    agent: str
    run: UUID
    key: str = "a1.1:000000000000"  # of the question that the run asks
    state: str = "none"  # what a client is given to come back with
    context: str = "talk"


@dataclass
class Sender:
    """Somebody with a token, and what they have been told."""

    http: httpx.AsyncClient
    session: dict[str, str] = field(default_factory=dict)  # of 2025-11-25
    last: int = 0

    async def mcp(self, method: str, params: Json) -> Json:
        """By the revision that has no sessions."""
        headers = {"mcp-protocol-version": VERSION, "mcp-method": method}
        for one in ("name", "uri", "taskId"):
            if one in params:
                headers["mcp-name"] = params[one]
        return await self._rpc("/mcp", method, params | {"_meta": META | params.get("_meta", {})}, headers)

    async def former(self, method: str, params: Json) -> Json:
        if not self.session:
            hello = {
                "protocolVersion": FORMER,
                "capabilities": {"elicitation": {}},
                "clientInfo": {"name": "t", "version": "1"},
            }
            sent = {"jsonrpc": "2.0", "id": 0, "method": "initialize", "params": hello}
            answer = await self.http.post("/mcp", json=sent)
            self.session = {
                "mcp-session-id": answer.headers["mcp-session-id"],
                "mcp-protocol-version": FORMER,
            }
            ready = {"jsonrpc": "2.0", "method": "notifications/initialized"}
            await self.http.post("/mcp", json=ready, headers=self.session)
        return await self._rpc("/mcp", method, params, self.session)

    async def a2a(self, agent: str, method: str, params: Json) -> Json:
        return await self._rpc(
            f"/a2a/{agent}", method, params, {"a2a-version": "0.3" if "/" in method else "1.0"}
        )

    async def _rpc(self, path: str, method: str, params: Json, headers: dict[str, str]) -> Json:
        self.last += 1
        sent = {"jsonrpc": "2.0", "id": self.last, "method": method, "params": params}
        if method.startswith("notifications/"):
            del sent["id"]
        return await self.send("POST", path, sent, headers)

    async def send(self, method: str, path: str, body: Json = None, headers: Any = None) -> Json:
        """The status and what is told, of a stream its first word but what only keeps it alive, and, where it ends, the others."""
        async with self.http.stream(method, path, json=body, headers=headers) as answer:
            told = ""
            async for line in answer.aiter_lines():
                told += line
                if line.startswith("data:") and "acknowledged" in line:
                    break  # it would go on
            return answer.status_code, told


@dataclass
class Scene:
    """A run of acme's that waits, and cleo, who is a member there and elsewhere, with a token of each."""

    live: Live
    there: Theirs
    within: Sender
    beside: Sender

    async def state(self) -> Json:
        """All that acme has, but for when its token was used."""
        async with self.live.app.store.pool.connection() as connection:
            one = (
                "select e::text from events e join runs on runs.id = run where workspace = 'acme' order by 1"
            )
            events = await (await connection.execute(one)).fetchall()
            one = "select (to_jsonb(t) - 'at')::text from {} t where workspace = 'acme' order by 1"
            rows = [
                await (await connection.execute(one.replace("{}", table).encode())).fetchall()
                for table in ("runs", "threads", "begun", "agents")
            ]
        return events, rows


async def member_with_token(live: Live, workspace: str, *agents: str) -> Sender:
    store = live.app.store.within(workspace)
    scopes = BY_AGENT if agents else RIGHTS
    _, secret = await add_token(store, f"cleo-{len(agents)}", "cleo", tuple(scopes), None, agents=agents)
    headers = {
        "authorization": f"Bearer {secret}",
        "accept": "application/json, text/event-stream",
        "idempotency-key": "the-same",
    }
    return Sender(
        await live.stack.enter_async_context(
            httpx.AsyncClient(base_url=live.url, headers=headers, timeout=20)
        )
    )


@pytest.fixture(params=["workspace", "agent"])
async def scene(serve: Serve, request: pytest.FixtureRequest) -> Scene:
    """`beside` is in another workspace, or there for another agent."""
    live = await serve()
    live.pages.state.mcp.more = None
    app = live.app
    scripted(app, *SENDS)
    await add_workspace(app.store, "cleo", "acme", CANARY)
    await add_member(app.store, "cleo", "cleo", "owner")
    spec = json.dumps({**SPEC, "name": CANARY, "description": CANARY})
    acme = app.within("acme")
    made = await kept.save_draft(acme.store, CANARY, spec, "cleo", None)
    await kept.publish(acme.store, CANARY, "cleo", made.rev)
    within = await member_with_token(live, "acme")
    _, told = await within.mcp("tools/call", {"name": CANARY, "arguments": {"goal": CANARY}, "_meta": {"io.modelcontextprotocol/clientCapabilities": {"elicitation": {}}}})  # fmt: skip
    waits = json.loads(re.findall(r"\{.*\}", told)[-1])["result"]
    (key,) = waits["inputRequests"]
    run = await the_run(app)
    beside = ("default",) if request.param == "workspace" else ("acme", "assistant")
    return Scene(live, Theirs(CANARY, run, key, waits["requestState"]), within, await member_with_token(live, *beside))  # fmt: skip


async def the_run(app: App) -> UUID:
    async with app.store.pool.connection() as connection:
        ((run,),) = await (
            await connection.execute("select id from runs where workspace = 'acme'")
        ).fetchall()
    return UUID(str(run))


def bare(told: Json) -> Json:
    """What is told, without the names of what was asked for, which whoever asks knows already."""
    status, text = told
    text = re.sub(r"[0-9a-f]{8}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{12}", "it", text)
    text = re.sub(
        r'"(id|io.modelcontextprotocol/subscriptionId)":\s?\d+|id: \S+|"(timestamp|lastUpdatedAt|createdAt)":\s?"[^"]+"',
        "",
        text,
    )
    return status, text.replace(CANARY, "it").replace(NOSUCH, "it")


def yes(at: Theirs) -> Json:
    return {at.key: {"action": "accept", "content": {"confirm": True}}}


def of_mcp(at: Theirs) -> dict[str, Sequence[Json]]:
    """What each method is asked, of something of theirs."""
    run, uri = {"run": str(at.run)}, f"remit://runs/{at.run}"
    begin = {"name": at.agent, "arguments": {"goal": "do"}}
    template = {"type": "ref/resource", "uri": "remit://runs/{run}"}
    return {
        "ping": [{}],
        "server/discover": [{}],
        "tools/list": [{}],
        "tools/call": [
            {"name": "follow_run", "arguments": run},
            {"name": "cancel_run", "arguments": run},
            begin,
            begin | {"task": {}},
            begin | {"requestState": at.state, "inputResponses": yes(at)},
            {"name": "follow_run", "arguments": run, "requestState": at.state, "inputResponses": yes(at)},
            {"name": "assistant", "arguments": {"goal": "do"}, "requestState": at.state, "inputResponses": yes(at)},
        ],
        "prompts/list": [{}],
        "prompts/get": [{"name": "explain_run", "arguments": run}],
        "resources/list": [{}],
        "resources/templates/list": [{}],
        "resources/read": [{"uri": uri}, {"uri": f"{uri}/events/0"}],
        "resources/subscribe": [{"uri": uri}],
        "resources/unsubscribe": [{"uri": uri}],
        "completion/complete": [
            {"ref": ref, "argument": {"name": "run", "value": str(at.run)[:8]}}
            for ref in (template, {"type": "ref/prompt", "name": "explain_run"})
        ],
        "logging/setLevel": [{"level": "debug"}],
        "tasks/get": [{"taskId": str(at.run)}],
        "tasks/update": [{"taskId": str(at.run), "inputResponses": yes(at)}],
        "tasks/cancel": [{"taskId": str(at.run)}],
        "tasks/result": [{"taskId": str(at.run)}],
        "subscriptions/listen": [
            {"notifications": {"taskIds": [str(at.run)], "resourceSubscriptions": [uri]}}
        ],
        "notifications/cancelled": [{"requestId": 1}],
    }  # fmt: skip


def of_a2a(at: Theirs) -> dict[str, Sequence[Json]]:
    """By its own names, and by those that it had before."""
    part, old = {"text": "approve"}, {"kind": "text", "text": "approve"}
    task = {"id": str(at.run)}
    word = {"messageId": "m", "role": "ROLE_USER", "taskId": str(at.run), "parts": [part]}
    said = {"messageId": "m", "role": "user", "taskId": str(at.run), "parts": [old], "kind": "message"}
    begin = {"messageId": "b", "role": "ROLE_USER", "contextId": at.context, "parts": [part]}
    hook = {"taskId": str(at.run), "id": "x", "url": "https://x.example"}
    data = word | {"parts": [{"data": {"key": at.key, "confirm": True}}]}
    return {
        "SendMessage": [
            {"message": word}, {"message": data}, {"message": begin}, {"message": word, "tenant": "acme"},
        ],
        "SendStreamingMessage": [{"message": word}, {"message": begin}],
        "GetTask": [task, task | {"tenant": "acme"}],
        "ListTasks": [{}, {"contextId": at.context}, {"tenant": "acme"}],
        "CancelTask": [task],
        "SubscribeToTask": [task],
        "CreateTaskPushNotificationConfig": [hook],
        "GetTaskPushNotificationConfig": [{"taskId": str(at.run), "id": "x"}],
        "ListTaskPushNotificationConfigs": [{"taskId": str(at.run)}],
        "DeleteTaskPushNotificationConfig": [{"taskId": str(at.run), "id": "x"}],
        "GetExtendedAgentCard": [{}],
        "message/send": [{"message": said}],
        "message/stream": [{"message": said}],
        "tasks/get": [task],
        "tasks/cancel": [task],
        "tasks/resubscribe": [task],
        "tasks/pushNotificationConfig/set": [{"taskId": str(at.run), "pushNotificationConfig": {"url": "https://x.example"}}],
        "tasks/pushNotificationConfig/get": [task],
        "tasks/pushNotificationConfig/list": [task],
        "tasks/pushNotificationConfig/delete": [task | {"pushNotificationConfigId": "x"}],
        "agent/getAuthenticatedExtendedCard": [{}],
    }  # fmt: skip


async def same(scene: Scene, ask: Any, what: Json) -> None:
    """Asked about what is theirs as about what there is nowhere, and told the same."""
    none = Theirs(NOSUCH, NOWHERE, state=scene.there.state[:-4] + "none")
    told = [await ask(one) for one in (none, scene.there)]
    assert bare(told[1]) == bare(told[0]), what
    assert str(scene.there.key) not in told[1][1], what


@pytest.mark.parametrize("revision", ["mcp", "former"])
async def test_no_method_of_mcp_tells_or_does_anything_of_anothers(scene: Scene, revision: str) -> None:
    server, _ = make_mcp(scene.live.app)
    methods = {*server._request_handlers, *server._notification_handlers}
    assert methods - {"notifications/progress"} == set(of_mcp(scene.there)), (
        "say here what is asked by a new one"
    )
    before = await scene.state()
    for method in methods - {"notifications/progress"}:
        for number, _ in enumerate(of_mcp(scene.there)[method]):

            async def ask(at: Theirs, method: str = method, number: int = number) -> Json:
                return await getattr(scene.beside, revision)(method, of_mcp(at)[method][number])

            await same(scene, ask, (method, number))
    assert CANARY not in str(
        [await scene.beside.mcp(one, {}) for one in ("tools/list", "resources/list", "prompts/list")]
    )
    (first, *_) = await scene.live.app.journal.read(scene.there.run)
    older = str(Place(first.at, scene.there.run))
    assert CANARY not in str(await scene.beside.mcp("resources/list", {"cursor": older}))
    assert await scene.state() == before


async def test_what_a_client_is_given_to_come_back_with_is_no_good_with_another_token(scene: Scene) -> None:
    """Though it comes with the very same call, and in another workspace there is an agent of that name too."""
    store = scene.live.app.within("default").store
    made = await kept.save_draft(store, CANARY, json.dumps({**SPEC, "name": CANARY}), "cleo", None)
    await kept.publish(store, CANARY, "cleo", made.rev)
    before = await scene.state()
    call = {"name": CANARY, "arguments": {"goal": CANARY}}
    call |= {"requestState": scene.there.state, "inputResponses": yes(scene.there)}
    status, told = await scene.beside.mcp("tools/call", call)
    assert "requestState is none of yours" in told or "there is no tool" in told, (status, told)
    assert await scene.state() == before
    assert "It is sent." in str(await scene.within.mcp("tools/call", call))


async def test_a_session_of_mcp_goes_on_with_no_other_token(scene: Scene) -> None:
    assert "tools" in str(await scene.within.former("tools/list", {}))
    mine = scene.within.session
    for headers in (mine, mine | {"mcp-session-id": uuid4().hex}):
        for method in ("POST", "GET", "DELETE"):
            body = (
                {"jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": {}}
                if method == "POST"
                else None
            )
            status, told = await scene.beside.send(method, "/mcp", body, headers)
            assert status == 404, (method, told)
    assert CANARY in str(await scene.within.former("tools/list", {}))


async def test_no_method_of_a2a_tells_or_does_anything_of_anothers(scene: Scene) -> None:
    known = {*JsonRpcDispatcher.METHOD_TO_MODEL, *JSONRPC03Adapter.METHOD_TO_MODEL}
    assert known == set(of_a2a(scene.there)), "say here what is asked by a new one"
    before = await scene.state()
    for method in known:
        for number, _ in enumerate(of_a2a(scene.there)[method]):
            # of their agent, and of one that both workspaces have
            for agent in ("", "assistant"):

                async def ask(
                    at: Theirs, agent: str = agent, method: str = method, number: int = number
                ) -> Json:
                    return await scene.beside.a2a(agent or at.agent, method, of_a2a(at)[method][number])

                if not (agent and "Message" in method and "taskId" not in str(of_a2a(scene.there)[method][number])):  # fmt: skip
                    await same(scene, ask, (method, number, agent))
    assert await scene.state() == before


async def test_no_route_of_a2a_tells_or_does_anything_of_anothers(scene: Scene) -> None:
    *rest, _ = create_rest_routes(None, None)  # type: ignore[arg-type]
    before = await scene.state()
    asked = 0
    for route in rest:
        for method in (route.methods or set()) - {"HEAD"}:
            for agent in ("", "assistant"):

                async def ask(
                    at: Theirs, agent: str = agent, method: str = method, path: str = route.path
                ) -> Json:
                    where = path.replace("{id}", str(at.run)).replace("{push_id}", "x")
                    body = of_a2a(at)["SendMessage"][0] if "message:" in path else {}
                    headers = {"a2a-version": "1.0"}
                    sent = body if method == "POST" else None
                    return await scene.beside.send(method, f"/a2a/{agent or at.agent}{where}", sent, headers)

                asked += 1
                await same(scene, ask, (method, route.path, agent))
    for path in ("/.well-known/agent-card.json",):
        await same(scene, lambda at, path=path: scene.beside.send("GET", f"/a2a/{at.agent}{path}"), path)
    assert asked >= 20
    assert await scene.state() == before


async def test_agui_neither_begins_nor_goes_on_with_anything_of_anothers(scene: Scene) -> None:
    assert [one.path for one in iter_route_contexts(make_agui(scene.live.app).routes)] == ["/{agent}"]
    before = await scene.state()

    def given(at: Theirs, goes_on: bool) -> Json:
        answered = {"interruptId": f"{at.run}:{at.key}", "status": "resolved", "payload": {"approved": True}}
        said = [{"id": "m1", "role": "user", "content": "do"}]
        more = {"messages": [], "resume": [answered]} if goes_on else {"messages": said}
        return {"threadId": "t", "runId": "r1", "tools": [], "context": [], "state": None, "forwardedProps": {}, **more}  # fmt: skip

    for agent, goes_on in (("", False), ("", True), ("assistant", True)):
        await same(
            scene,
            lambda at, agent=agent, goes_on=goes_on: scene.beside.send(
                "POST", f"/ag-ui/{agent or at.agent}", given(at, goes_on)
            ),
            (agent, goes_on),
        )
    assert await scene.state() == before


async def test_what_openais_clients_ask_for_neither_begins_nor_tells_anything_of_anothers(
    scene: Scene,
) -> None:
    def decided(at: Theirs, yes: bool) -> Json:
        name = f"mcpr_{at.run.hex}_{at.key.replace(':', '_')}"
        return {"type": "mcp_approval_response", "approval_request_id": name, "approve": yes}

    def asks(at: Theirs) -> dict[tuple[str, str], Json]:
        begin = {"model": at.agent, "messages": [{"role": "user", "content": "do"}]}
        return {
            ("GET", "/models"): [("/models", None)],
            ("GET", "/models/{name}"): [(f"/models/{at.agent}", None)],
            ("GET", "/chat/completions/{completion}"): [(f"/chat/completions/chatcmpl-{at.run.hex}", None)],
            ("POST", "/chat/completions"): [
                ("/chat/completions", begin | more) for more in ({}, {"stream": True})
            ],
            ("POST", "/responses"): [
                ("/responses", {"model": at.agent, "input": "do"}),
                ("/responses", {"model": at.agent, "input": "do", "stream": True}),
                (
                    "/responses",
                    {"model": "assistant", "input": "do", "previous_response_id": f"resp_{at.run.hex}"},
                ),
                ("/responses", {"model": "assistant", "input": [decided(at, True)]}),
                (
                    "/responses",
                    {
                        "model": "assistant",
                        "input": [decided(at, False)],
                        "previous_response_id": f"resp_{at.run.hex}",
                    },
                ),
            ],
            ("GET", "/responses/{response}"): [
                (f"/responses/resp_{at.run.hex}", None),
                (f"/responses/resp_{at.run.hex}_2?stream=true", None),
            ],
            ("POST", "/responses/{response}/cancel"): [(f"/responses/resp_{at.run.hex}/cancel", {})],
            ("GET", "/responses/{response}/input_items"): [
                (f"/responses/resp_{at.run.hex}/input_items", None)
            ],
        }

    routes = {
        (method, one.path)
        for one in iter_route_contexts(make_openai(scene.live.app).routes)
        for method in one.methods or ()
        if one.path != "/openapi.json"
    }
    assert {one for one in routes if one[0] != "HEAD"} == set(asks(scene.there))
    before = await scene.state()
    for (method, path), several in asks(scene.there).items():
        for number, _ in enumerate(several):

            async def ask(at: Theirs, method: str = method, path: str = path, number: int = number) -> Json:
                where, body = asks(at)[method, path][number]
                return await scene.beside.send(method, f"/v1{where}", body)

            await same(scene, ask, (method, path, number))
    assert CANARY not in str(await scene.beside.send("GET", "/v1/models"))
    assert await scene.state() == before
