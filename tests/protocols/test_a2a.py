"""Agents by A2A 1.0: called by the protocol's own client on a real port, by JSON-RPC and by REST."""

from __future__ import annotations

import asyncio
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from a2a.client import Client, ClientConfig, create_client
from a2a.types import a2a_pb2 as a2a
from a2a.types.a2a_pb2 import TaskState
from a2a.utils.errors import (
    A2AError,
    InvalidParamsError,
    InvalidRequestError,
    TaskNotCancelableError,
    TaskNotFoundError,
    UnsupportedOperationError,
)
from google.protobuf.json_format import MessageToDict, ParseDict
from google.protobuf.struct_pb2 import Value

from remit.following import follow
from remit.journal.events import Started
from tests.agents import world
from tests.agents.test_loop import call, finish
from tests.protocols.conftest import SEND, SENDS, Live, Serve, published, scripted

Json = Any


async def at(
    live: Live,
    *scopes: str,
    who: str = "ann",
    binding: str = "JSONRPC",
    agent: str = "desk",
    streaming: bool = True,
) -> Client:
    http = await live.http(*scopes, who=who)
    config = ClientConfig(httpx_client=http, supported_protocol_bindings=[binding], streaming=streaming)
    return await create_client(f"{live.url}/a2a/{agent}", config)


def message(*parts: Json, task: str = "", context: str = "", number: str = "") -> a2a.SendMessageRequest:
    made = [
        a2a.Part(text=one) if isinstance(one, str) else a2a.Part(data=ParseDict(one, Value()))
        for one in parts
    ]
    told = a2a.Message(
        message_id=number or str(uuid4()),
        role=a2a.Role.ROLE_USER,
        parts=made,
        task_id=task,
        context_id=context,
    )
    return a2a.SendMessageRequest(message=told)


async def sent(client: Client, request: a2a.SendMessageRequest) -> list[a2a.StreamResponse]:
    return [one async for one in client.send_message(request)]


def last_task(told: list[a2a.StreamResponse]) -> str:
    return told[0].task.id


def asks(status: a2a.TaskStatus) -> list[Json]:
    """What a status asks, as it is to be answered."""
    (data,) = [part for part in status.message.parts if part.WhichOneof("content") == "data"]
    return [one["answer"] for one in MessageToDict(data.data)["asks"]]


async def waiting(client: Client, *goal: Json) -> tuple[str, Json]:
    """A task that asks something, and how to answer it."""
    told = await sent(client, message(*(goal or ("write to them",))))
    task = await client.get_task(a2a.GetTaskRequest(id=last_task(told)))
    assert task.status.state == TaskState.TASK_STATE_INPUT_REQUIRED, told
    return task.id, asks(task.status)[0]


@pytest.fixture
async def desk(live: Live) -> Live:
    await published(live.app)
    return live


@pytest.mark.parametrize("binding", ["JSONRPC", "HTTP+JSON"])
async def test_a_task_that_waits_for_approval_is_streamed_approved_and_done(desk: Live, binding: str) -> None:
    scripted(desk.app, *SENDS)
    ann = await at(desk, binding=binding)
    told = await sent(ann, message("write to them"))
    assert told[0].WhichOneof("payload") == "task"
    assert told[-1].status_update.status.state == TaskState.TASK_STATE_INPUT_REQUIRED
    (how,) = asks(told[-1].status_update.status)
    words = told[-1].status_update.status.message.parts[0].text.splitlines()
    assert '  to: "x@y.example"' in words
    assert '  text: "hi\\nWhy: because I say so <U+202E>"' in words
    task = last_task(told)
    done = await sent(ann, message(how | {"confirm": True, "reason": "checked"}, task=task))
    assert done[-1].status_update.status.state == TaskState.TASK_STATE_COMPLETED
    (made,) = [one.artifact_update.artifact for one in done if one.WhichOneof("payload") == "artifact_update"]
    assert made.parts[0].text == "It is sent."
    assert [what for what, _ in world.done] == ["send x@y.example"]
    (replied,) = (await desk.app.state(UUID(task))).replies.values()
    assert (replied.by, replied.decision, replied.text) == ("ann", "approve", "checked")
    whole = await ann.get_task(a2a.GetTaskRequest(id=task))
    assert [one.role for one in whole.history] == [
        a2a.Role.ROLE_USER,
        a2a.Role.ROLE_AGENT,
        a2a.Role.ROLE_USER,
    ]
    short = await ann.get_task(a2a.GetTaskRequest(id=task, history_length=1))
    assert [one.parts[0].text for one in short.history] == ["approve a1.1 checked"]
    assert not (await ann.get_task(a2a.GetTaskRequest(id=task, history_length=0))).history


async def test_only_what_names_the_question_and_says_yes_is_a_yes(desk: Live) -> None:
    scripted(desk.app, *SENDS)
    ann = await at(desk)
    task, how = await waiting(ann)
    for parts in (
        ("yes, approve it",),
        (how | {"confirm": "true"},),
        (how | {"key": "a1.1", "confirm": True},),
        ({"confirm": True},),
    ):
        with pytest.raises(InvalidParamsError):
            await sent(ann, message(*parts, task=task))
    assert world.done == []
    told = await sent(ann, message(how | {"confirm": False, "reason": "not today"}, task=task))
    assert told[-1].status_update.status.state == TaskState.TASK_STATE_COMPLETED
    assert world.done == []


async def test_bare_words_answer_a_question(desk: Live) -> None:
    scripted(desk.app, call("ask_person", question="Which colour?"), finish("It is blue."))
    ann = await at(desk)
    task, how = await waiting(ann)
    assert set(how) == {"key", "answer"}
    told = await sent(ann, message("the blue one", task=task))
    assert told[-1].status_update.status.state == TaskState.TASK_STATE_COMPLETED
    (replied,) = (await desk.app.state(UUID(task))).replies.values()
    assert (replied.decision, replied.text) == ("answer", "the blue one")


async def test_a_token_without_the_scope_begins_nothing_approves_nothing_and_ends_nothing(desk: Live) -> None:
    scripted(desk.app, *SENDS)
    reader = await at(desk, "runs:read")
    with pytest.raises(InvalidRequestError, match="needs the scope runs:write"):
        await sent(reader, message("write"))
    writer = await at(desk, "runs:write", streaming=False)
    request = message("write")
    request.configuration.return_immediately = True
    task = last_task(await sent(writer, request))
    async for _ in follow(desk.app, UUID(task), beat=0.1):
        if (await desk.app.state(UUID(task))).waits:
            break
    seen = await writer.get_task(a2a.GetTaskRequest(id=task))
    assert seen.status.state == TaskState.TASK_STATE_WORKING
    assert "It waits for people" in seen.status.message.parts[0].text
    with pytest.raises(InvalidRequestError, match="needs the scope approvals:write"):
        await sent(writer, message({"key": "a1.1", "confirm": True}, task=task))
    with pytest.raises(InvalidRequestError, match="needs the scope runs:write"):
        await reader.cancel_task(a2a.CancelTaskRequest(id=task))
    assert world.done == []


async def test_what_another_began_or_by_another_agent_is_not_there(desk: Live) -> None:
    scripted(desk.app, *SENDS)
    ann, eve, elsewhere = await at(desk), await at(desk, who="eve"), await at(desk, agent="support")
    task, how = await waiting(ann)
    for other in (eve, elsewhere):
        for calls in (
            lambda other=other: other.get_task(a2a.GetTaskRequest(id=task)),
            lambda other=other: other.cancel_task(a2a.CancelTaskRequest(id=task)),
            lambda other=other: sent(other, message(how | {"confirm": True}, task=task)),
            lambda other=other: _all(other.subscribe(a2a.SubscribeToTaskRequest(id=task))),
        ):
            with pytest.raises(TaskNotFoundError):
                await calls()
        assert not (await other.list_tasks(a2a.ListTasksRequest())).tasks
    with pytest.raises(TaskNotFoundError):
        await ann.get_task(a2a.GetTaskRequest(id="nothing"))
    assert world.done == []


async def _all(coming: Any) -> list[Any]:
    return [one async for one in coming]


async def test_a_task_goes_on_after_the_server_was_started_again(serve: Serve) -> None:
    first = await serve(work=False)
    await published(first.app)
    scripted(first.app, *SENDS)
    request = message("write")
    request.configuration.return_immediately = True
    ann = await at(first, streaming=False)
    task = last_task(await sent(ann, request))
    assert (await ann.get_task(a2a.GetTaskRequest(id=task))).status.state == TaskState.TASK_STATE_SUBMITTED
    await first.pages.state.a2a.close()
    again = await at(await serve())
    told = await _all(again.subscribe(a2a.SubscribeToTaskRequest(id=task)))
    assert told[0].task.id == task
    (how,) = asks((await again.get_task(a2a.GetTaskRequest(id=task))).status)
    done = await sent(again, message(how | {"confirm": True}, task=task))
    assert done[-1].status_update.status.state == TaskState.TASK_STATE_COMPLETED
    assert len(world.done) == 1
    with pytest.raises(UnsupportedOperationError):
        await _all(again.subscribe(a2a.SubscribeToTaskRequest(id=task)))


async def test_a_client_that_waits_is_sent_away_when_the_server_stops_and_its_run_goes_on(
    serve: Serve,
) -> None:
    first = await serve(work=False)
    await published(first.app)
    scripted(first.app, finish("It is done."))
    ann = await at(first)
    coming = ann.send_message(message("write"))
    begun = await anext(coming)
    rest = asyncio.create_task(_all(coming))
    await first.pages.state.a2a.close()
    assert await rest == []
    assert (await first.app.state(UUID(begun.task.id))).finished is None


async def test_a_task_is_cancelled_once(desk: Live) -> None:
    scripted(desk.app, call("work", seconds=60.0), SEND, finish("late"))
    ann = await at(desk, streaming=False)
    request = message("write")
    request.configuration.return_immediately = True
    task = last_task(await sent(ann, request))
    assert (
        await ann.cancel_task(a2a.CancelTaskRequest(id=task))
    ).status.state == TaskState.TASK_STATE_CANCELED
    with pytest.raises(TaskNotCancelableError):
        await ann.cancel_task(a2a.CancelTaskRequest(id=task))
    with pytest.raises(UnsupportedOperationError):
        await sent(ann, message("go on", task=task))
    assert world.done == []


async def test_a_message_that_is_sent_again_begins_one_run(desk: Live) -> None:
    scripted(desk.app, finish("once"))
    ann = await at(desk)
    tasks = {last_task(await sent(ann, message("write", number="m7"))) for _ in range(2)}
    assert len(tasks) == 1
    with pytest.raises(InvalidParamsError, match="was used for another body"):
        await sent(ann, message("write something else", number="m7"))


async def test_a_conversation_goes_on_with_what_was_reported_before_and_is_only_its_owners(
    desk: Live,
) -> None:
    scripted(desk.app, finish("The first report."))
    ann, eve = await at(desk), await at(desk, who="eve")
    first = await sent(ann, message("one", context="c1"))
    assert first[0].task.context_id == "c1"
    second = last_task(await sent(ann, message("two", {"order": "W1"}, context="c1")))
    started = (await desk.app.journal.read(UUID(second)))[0].body
    assert isinstance(started, Started)
    assert (started.goal, started.inputs) == ("two", {"data": [{"order": "W1"}]})
    assert started.quoted == "Earlier: one\nReport: The first report."
    other = last_task(await sent(eve, message("three", context="c1")))
    begun = (await desk.app.journal.read(UUID(other)))[0].body
    assert isinstance(begun, Started)
    assert begun.quoted == ""


async def test_tasks_are_listed_by_page_the_latest_first_by_context_and_state(desk: Live) -> None:
    scripted(desk.app, finish("done"))
    ann = await at(desk)
    made = [
        last_task(await sent(ann, message(f"number {n}", context="even" if n % 2 == 0 else "odd")))
        for n in range(5)
    ]
    seen: list[str] = []
    token = ""
    while True:
        page = await ann.list_tasks(a2a.ListTasksRequest(page_size=2, page_token=token))
        seen += [one.id for one in page.tasks]
        assert page.total_size == 5
        assert not any(one.artifacts for one in page.tasks)
        if not (token := page.next_page_token):
            break
    assert seen == made[::-1]
    even = await ann.list_tasks(a2a.ListTasksRequest(context_id="even", include_artifacts=True))
    assert [one.id for one in even.tasks] == made[::-2]
    assert even.tasks[0].artifacts[0].parts[0].text == "done"
    http = await desk.http()
    asked = {"jsonrpc": "2.0", "id": 1, "method": "ListTasks", "params": {"status": "DONE"}}
    answer = await http.post("/a2a/desk", json=asked, headers={"a2a-version": "1.0"})
    assert answer.json()["error"]["code"] == -32602
    rest = await http.get("/a2a/desk/tasks?status=DONE", headers={"a2a-version": "1.0"})
    assert rest.status_code == 400
    ended = await ann.list_tasks(a2a.ListTasksRequest(status=TaskState.TASK_STATE_CANCELED))
    assert not ended.tasks
    for wrong in (
        a2a.ListTasksRequest(page_size=101),
        a2a.ListTasksRequest(page_token="x"),
        a2a.ListTasksRequest(history_length=-1),
    ):
        with pytest.raises(InvalidParamsError):
            await ann.list_tasks(wrong)


async def test_what_cannot_be_used_is_refused_and_strangers_words_stay_what_they_are(desk: Live) -> None:
    goal = 'x"}}\n\ndata: {"jsonrpc":"2.0"}\r\n\r\n<script>alert(1)</script>\u202e'
    scripted(desk.app, finish(goal))
    ann = await at(desk)
    told = await sent(ann, message(goal))
    done = await ann.get_task(a2a.GetTaskRequest(id=last_task(told)))
    assert done.artifacts[0].parts[0].text == goal
    with pytest.raises(A2AError):
        await sent(ann, message("x" * 100_001))
    with pytest.raises(A2AError):
        await sent(ann, message("   "))
    file = message("read this")
    file.message.parts.append(a2a.Part(url="https://evil.example/x"))
    with pytest.raises(A2AError):
        await sent(ann, file)
    http = await desk.http()
    large = await http.post(
        "/a2a/desk", content=b"[" + b" " * 2_100_000, headers={"content-type": "application/json"}
    )
    assert large.status_code == 413 or "error" in large.json()


async def test_a_card_says_how_to_call_and_more_to_who_has_a_token(desk: Live) -> None:
    where = f"{desk.url}/a2a/desk/.well-known/agent-card.json"
    async with httpx.AsyncClient() as stranger:
        card = (await stranger.get(where)).json()
        nobody = (await stranger.get(where.replace("desk", "nobody"))).json()
        assert card["description"].replace("desk", "nobody") == nobody["description"]
        assert card["supportedInterfaces"][0]["url"] == f"{desk.url}/a2a/desk"
        assert card["securitySchemes"]["token"]["httpAuthSecurityScheme"]["scheme"] == "Bearer"
        for method, path in (
            ("POST", "/a2a/desk"),
            ("GET", "/a2a/desk/tasks"),
            ("GET", "/a2a/desk/extendedAgentCard"),
        ):
            refused = await stranger.request(method, f"{desk.url}{path}", json={})
            assert (refused.status_code, refused.headers["www-authenticate"][:6]) == (401, "Bearer")
        assert (await stranger.get(where, headers={"host": "evil.example"})).status_code == 421
    http = await desk.http()
    whole = (await http.get(where)).json()
    assert whole["description"] == "Sends mail."
    assert whole["skills"][0]["tags"] == ["act", "changes things"]
    assert (await http.get(where.replace("desk", "nobody"))).status_code == 404
    assert (
        await http.post("/a2a/desk", json={}, headers={"origin": "https://evil.example"})
    ).status_code == 403
    ann = await at(desk)
    assert (await ann.get_extended_agent_card(a2a.GetExtendedAgentCardRequest())).description == "Sends mail."
    with pytest.raises(A2AError):
        await sent(await at(desk, agent="support"), message(""))
