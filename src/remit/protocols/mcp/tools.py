"""The tools that Remit's MCP server has: each agent at hand, and two for runs that take longer than a call."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from mcp_types import (
    CallToolRequestParams,
    CallToolResult,
    InputRequiredResult,
    Tool,
    ToolAnnotations,
)

from remit.journal.state import State, fold
from remit.protocols.asked import theirs
from remit.protocols.mcp.calls import failed, waited
from remit.protocols.mcp.host import Host, require
from remit.protocols.mcp.shelf import Context, Plain, Works
from remit.protocols.mcp.told import SCHEMA, result_of

Json = Any
RUN: dict[str, Json] = {
    "type": "object",
    "properties": {
        "run": {"type": "string", "format": "uuid", "description": "As the agent's tool said it."}
    },
    "required": ["run"],
    "additionalProperties": False,
}


def tools_of(host: Host) -> dict[str, Plain | Works]:
    """Those that are there whatever agents there are."""
    return {"follow_run": _follow(host), "cancel_run": _cancel(host)}


def _follow(host: Host) -> Plain:
    async def follow_run(ctx: Context, params: CallToolRequestParams) -> CallToolResult | InputRequiredResult:
        state = await _own(host, ctx, params)
        if not isinstance(state, State):
            return state
        assert state.run is not None
        return await waited(host, ctx, host.caller_of(ctx), state.run)

    tool = Tool(
        name="follow_run",
        title="Follow a run",
        description="Wait a while for a run that an agent's tool has begun and that was not done in time, and say how it "
        "stands. What it asks of people only people decide.",
        input_schema=RUN,
        output_schema=SCHEMA,
        annotations=ToolAnnotations(read_only_hint=True, open_world_hint=False),
    )
    return Plain(tool, follow_run, needs="")


def _cancel(host: Host) -> Plain:
    async def cancel_run(ctx: Context, params: CallToolRequestParams) -> CallToolResult:
        state = await _own(host, ctx, params)
        if not isinstance(state, State):
            return state
        assert state.run is not None
        caller = host.caller_of(ctx)
        require(caller, "runs:write", "ending a run")
        await host.cancel(state.run, caller.who, "by its client")
        return result_of(await host.app.state(state.run))

    tool = Tool(
        name="cancel_run",
        title="End a run",
        description="End a run that an agent's tool has begun. What it did stays done.",
        input_schema=RUN,
        output_schema=SCHEMA,
        annotations=ToolAnnotations(destructive_hint=False, idempotent_hint=True, open_world_hint=False),
    )
    return Plain(tool, cancel_run, needs="runs:write")


async def _own(host: Host, ctx: Context, params: CallToolRequestParams) -> State | CallToolResult:
    """The run that is meant, where it is the caller's."""
    named = (params.arguments or {}).get("run")
    try:
        run = UUID(named) if isinstance(named, str) else None
    except ValueError:
        run = None
    events = await host.app.journal.read(run) if run else []
    state = fold(events)
    return state if theirs(state, host.caller_of(ctx)) else failed("there is no such run of yours")
