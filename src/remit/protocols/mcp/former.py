"""Tasks as clients of 2025-11-25 know them: asked for by the `task` of a call, and their result waited for by a request."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from mcp.server.context import CallNext, HandlerResult
from mcp.shared.exceptions import MCPError
from mcp_types import (
    METHOD_NOT_FOUND,
    CallToolRequestParams,
    CallToolResult,
    InputRequiredResult,
    TextContent,
)
from pydantic import ValidationError

from remit.protocols.mcp.calls import begun, ended
from remit.protocols.mcp.host import Host, modern, require, unusable
from remit.protocols.mcp.shelf import Context, Works
from remit.protocols.mcp.tasks import RELATED, OneTask, created, found


async def as_task(host: Host, ctx: Context, call_next: CallNext) -> HandlerResult:
    """Middleware: a call that wants a task gets one, in the shape of that revision."""
    task = (ctx.params or {}).get("task")
    if modern(ctx) or ctx.method != "tools/call" or task is None:
        return await call_next(ctx)
    try:
        params = CallToolRequestParams.model_validate(ctx.params, by_name=False)
    except ValidationError:
        return await call_next(ctx)  # which says what is wrong with it
    tool, caller = await host.tool(params.name), host.caller_of(ctx)
    if not isinstance(tool, Works):
        raise MCPError(METHOD_NOT_FOUND, f"{params.name} is done at once and never a task")
    require(caller, tool.needs, f"the tool {params.name}")
    run = await begun(host, ctx, caller, tool, params)
    if not isinstance(run, UUID):
        unusable(_why(run))
    return await created(host, ctx, run)


def _why(given: CallToolResult | InputRequiredResult) -> str:
    first = given.content[0] if isinstance(given, CallToolResult) else None
    return first.text if isinstance(first, TextContent) else "something is missing"


async def result(host: Host, ctx: Context, params: OneTask) -> dict[str, Any]:
    """What came of a task, waited for as long as it takes; what its run asks is asked meanwhile."""
    if modern(ctx):
        raise MCPError(METHOD_NOT_FOUND, "Method not found", ctx.method)
    caller, events = await found(host, ctx, params.task_id)
    meta = {RELATED: {"taskId": params.task_id}}
    told = await ended(host, ctx, caller, events[0].run, meta)
    shaped = told.model_dump(mode="json", by_alias=True, exclude_none=True)
    shaped.pop("resultType", None)
    return {**shaped, "_meta": meta}
