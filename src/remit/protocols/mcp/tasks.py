"""Tasks: a run that a client follows by its number, whatever becomes of their connection or of this process. What a task is
at any time is read from the run's journal.

Clients of 2026-07-28 declare the extension `io.modelcontextprotocol/tasks`, and get one wherever an agent is called; those of
2025-11-25 ask for one, by the `task` of a call."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC
from typing import Any
from uuid import UUID

from mcp.shared.exceptions import MCPError
from mcp_types import HEADER_MISMATCH, INTERNAL_ERROR, ElicitResult, InputResponse, RequestParams
from pydantic import Field, ValidationError

from remit.api.guard import Caller
from remit.journal.events import Event
from remit.journal.state import State, fold
from remit.protocols.asked import MAY, questions, theirs
from remit.protocols.mcp.asking import form, take
from remit.protocols.mcp.host import Host, modern, require, require_tasks, takes_forms, unusable
from remit.protocols.mcp.shelf import Context
from remit.protocols.mcp.told import brief_state, result_of

Json = dict[str, Any]
EVERY = 1_000  # milliseconds between looks, as clients are told
RELATED = "io.modelcontextprotocol/related-task"  # in the _meta of what belongs to a task, until 2025-11-25


class OneTask(RequestParams):
    """Of a request about a task."""

    task_id: str = Field(max_length=200)


class Update(OneTask):
    """Answers to what a task asks, by its keys; what is none is passed over."""

    input_responses: dict[str, Any] = Field(default_factory=dict)


async def created(host: Host, ctx: Context, run: UUID) -> Json:
    """What a call of an agent gives to a client that knows tasks. The run has begun, and is found from now on."""
    events = await host.app.journal.read(run)
    state = fold(events)
    if modern(ctx):
        return {"resultType": "task", **_plain(state, events, "working")}
    return {"task": _former(state, events, "working")}


async def get(host: Host, ctx: Context, params: OneTask) -> Json:
    caller, events = await found(host, ctx, params.task_id)
    if modern(ctx):
        return await detailed(host, ctx, caller, events)
    state = fold(events)
    return _former(state, events, await _status(host, ctx, caller, state))


async def update(host: Host, ctx: Context, params: Update) -> Json:
    caller, events = await found(host, ctx, params.task_id)
    if not modern(ctx):
        unusable("tasks/update came with 2026-07-28")
    require(caller, MAY, "a word on what a run asks")
    run = fold(events).run
    assert run is not None
    read = {key: _response(value) for key, value in params.input_responses.items()}
    if refused := await take(host.app, caller, run, {key: one for key, one in read.items() if one}):
        unusable("; ".join(refused.values()))
    return {}


async def cancel(host: Host, ctx: Context, params: OneTask) -> Json:
    caller, events = await found(host, ctx, params.task_id)
    require(caller, "runs:write", "ending a run")
    state = fold(events)
    assert state.run is not None
    if state.finished is None:
        await host.cancel(state.run, caller.who, "its client cancelled the task")
    elif not modern(ctx):
        unusable(f"the task has ended: {state.status}")
    if modern(ctx):
        return {}
    events = await host.app.journal.read(state.run)
    return _former(fold(events), events, "cancelled")


async def found(
    host: Host, ctx: Context, task: str, *, named_in_header: bool = True
) -> tuple[Caller, Sequence[Event]]:
    """The events of a task of the caller's. Raises MCPError: what another began is not there for them."""
    if modern(ctx):
        require_tasks(ctx)
        if named_in_header and ctx.request is not None and ctx.request.headers.get("mcp-name") != task:
            raise MCPError(HEADER_MISMATCH, "the header Mcp-Name has to be the taskId")
    caller = host.caller_of(ctx)
    try:
        events = await host.app.journal.read(UUID(task))
    except ValueError:
        events = []
    if not events or not theirs(fold(events), caller):
        unusable("there is no such task, or it is not yours")
    return caller, events


async def detailed(host: Host, ctx: Context, caller: Caller, events: Sequence[Event]) -> Json:
    """A task with what it asks, or what came of it."""
    state = fold(events)
    status = await _status(host, ctx, caller, state)
    told = _plain(state, events, status)
    if status == "input_required":
        assert state.run is not None
        asked = await questions(host.app, caller, state.run)
        forms = {
            one.key: form(one).model_dump(mode="json", by_alias=True, exclude_none=True) for one in asked
        }
        return told | {"inputRequests": forms} if forms else told | {"status": "working"}
    if status == "completed":
        result = result_of(state).model_dump(mode="json", by_alias=True, exclude_none=True)
        return told | {"result": {"resultType": "complete", **result}}
    if status == "failed" and state.finished is not None:
        return told | {"error": {"code": INTERNAL_ERROR, "message": state.finished.why or "the run failed"}}
    return told


async def _status(host: Host, ctx: Context, caller: Caller, state: State) -> str:
    """`failed` is what broke; an agent that did not reach its goal has completed, and its result says so."""
    if state.finished is not None:
        return {"cancelled": "cancelled", "failed": "failed"}.get(state.finished.status, "completed")
    assert state.run is not None
    asks = state.waits and takes_forms(ctx) and not state.paused
    return "input_required" if asks and await questions(host.app, caller, state.run) else "working"


def _plain(state: State, events: Sequence[Event], status: str) -> Json:
    return {
        "taskId": str(state.run),
        "status": status,
        "statusMessage": brief_state(state),
        "createdAt": _time(events[0]),
        "lastUpdatedAt": _time(events[-1]),
        "ttlMs": None,
        "pollIntervalMs": EVERY,
    }


def _former(state: State, events: Sequence[Event], status: str) -> Json:
    """As 2025-11-25 has it."""
    told = _plain(state, events, status)
    return {
        **{k: v for k, v in told.items() if k not in ("ttlMs", "pollIntervalMs")},
        "ttl": None,
        "pollInterval": EVERY,
    }


def _time(event: Event) -> str:
    return event.at.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _response(value: Any) -> InputResponse | None:
    try:
        return ElicitResult.model_validate(value)
    except ValidationError:
        return None
