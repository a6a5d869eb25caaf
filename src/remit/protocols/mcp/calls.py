"""Calls of tools: begin a run, wait for it as long as a call may take, ask the client's person what the run asks, and say
how it ended. A client that knows tasks gets a task at once instead."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Collection, Sequence
from contextlib import aclosing
from typing import Any
from uuid import UUID

from mcp.shared.exceptions import MCPError
from mcp.shared.message import ServerMessageMetadata
from mcp_types import (
    INTERNAL_ERROR,
    CallToolRequestParams,
    CallToolResult,
    ElicitResult,
    InputRequiredResult,
    RequestParamsMeta,
    TextContent,
)
from pydantic import ValidationError

from remit.api.begin import begin
from remit.api.guard import Caller
from remit.api.problems import Refused, printable
from remit.api.tokens import token_of
from remit.errors import RemitError
from remit.following import follow
from remit.journal.events import Event
from remit.journal.state import State, fold
from remit.protocols.asked import Question, answer, questions, theirs
from remit.protocols.mcp.asking import form, take, word_of
from remit.protocols.mcp.host import (
    Host,
    modern,
    require,
    require_tasks,
    session_of,
    takes_forms,
    takes_tasks,
    unusable,
)
from remit.protocols.mcp.shelf import Context, Works
from remit.protocols.mcp.tasks import created
from remit.protocols.mcp.told import line, result_of

Result = CallToolResult | InputRequiredResult | dict[str, Any]
BEAT = 1.0  # seconds after which a call looks about, though nothing came
KEY = "remit/idempotency-key"  # in a request's _meta
LEVELS = ("debug", "info", "notice", "warning", "error", "critical", "alert", "emergency")


async def call(host: Host, ctx: Context, params: CallToolRequestParams) -> Result:
    """Raises MCPError for what is no call of ours; what the model can mend comes back as the tool's result."""
    caller, tool = host.caller_of(ctx), await host.tool(params.name)
    if tool is None:
        unusable(f"there is no tool {params.name!r}; tools/list has those that there are")
    require(caller, tool.needs, f"the tool {params.name}")
    if not isinstance(tool, Works):
        return await tool.call(ctx, params)
    if params.request_state is not None:
        run = await resumed(host, caller, params.request_state)
        refused = await take(host.app, caller, run, params.input_responses or {})
        if refused:
            return failed("; ".join(refused.values()))
        return await waited(host, ctx, caller, run, answered=frozenset(params.input_responses or {}))
    if tool.always_task:
        require_tasks(ctx)
    run_or_other = await begun(host, ctx, caller, tool, params)
    if not isinstance(run_or_other, UUID):
        return run_or_other
    if takes_tasks(ctx):
        return await created(host, ctx, run_or_other)
    host.remember(ctx, run_or_other)
    try:
        result = await waited(host, ctx, caller, run_or_other)
    except asyncio.CancelledError:
        # A closed response is how a client of today cancels its request. Others say it, and may come back otherwise
        if modern(ctx) and ctx.request is not None and not host.closing:
            host.soon(host.cancel(run_or_other, caller.who, "the call was given up"))
        raise
    host.forget(ctx)
    return result


async def begun(
    host: Host, ctx: Context, caller: Caller, tool: Works, params: CallToolRequestParams
) -> UUID | CallToolResult | InputRequiredResult:
    """The run that was wanted, once for its idempotency key; or what is missing, or wrong with it."""
    try:
        wanted = tool.begin(params, takes_forms(ctx) and modern(ctx))
        if isinstance(wanted, InputRequiredResult):
            return wanted
        run, _ = await begin(host.app, caller, wanted, key_of(ctx))
    except ValidationError as error:
        wrong = error.errors()[0]
        where = ".".join(str(part) for part in wrong["loc"]) or "the arguments"
        return failed(f"{where}: {printable(str(wrong['msg']))}")
    except Refused as error:
        return failed(error.detail)
    except RemitError as error:
        return failed(str(error))
    return run


def key_of(ctx: Context) -> str | None:
    """An idempotency key of the client's, so that a call that it repeats begins nothing twice."""
    meta = (ctx.params or {}).get("_meta")
    key = meta.get(KEY) if isinstance(meta, dict) else None
    if key is None and ctx.request is not None:
        key = ctx.request.headers.get("idempotency-key")
    if key is not None and not (
        isinstance(key, str) and 0 < len(key) <= 255 and key.isascii() and key.isprintable()
    ):
        unusable(f"{KEY} is a string of 1 to 255 characters that one sees")
    return key


def failed(why: str) -> CallToolResult:
    return CallToolResult(content=[TextContent(type="text", text=printable(why))], is_error=True)


async def resumed(host: Host, caller: Caller, request_state: str) -> UUID:
    """The run that a client was asked something about. Raises MCPError where it is none of theirs."""
    try:
        run = UUID(json.loads(request_state)["run"])
    except (ValueError, KeyError, TypeError):
        unusable("requestState is none of ours")
    if not theirs(fold(await host.app.journal.read(run)), caller):
        unusable("requestState is none of yours")
    return run


async def waited(
    host: Host, ctx: Context, caller: Caller, run: UUID, *, answered: frozenset[str] = frozenset()
) -> CallToolResult | InputRequiredResult:
    """How the run stands once it has ended, or waits for what cannot be asked here, or the time of a call is over.
    `answered`: what the client has just said something to; what is open still after that waits for the inbox."""
    clock = asyncio.get_running_loop().time
    until = clock() + host.wait
    while True:
        state = await _rest(host, ctx, run, until)
        asked = await _open_questions(host, ctx, caller, run) if state.waits else []
        if not asked or host.closing or answered & {one.key for one in asked}:
            return result_of(state)
        if modern(ctx):
            return InputRequiredResult(
                input_requests={one.key: form(one) for one in asked},
                request_state=json.dumps({"run": str(run)}),
            )
        for one in asked:
            if not await put(host, ctx, caller, run, one):
                return result_of(await host.app.state(run))
        until = clock() + host.wait


async def ended(host: Host, ctx: Context, caller: Caller, run: UUID, meta: dict[str, Any]) -> CallToolResult:
    """How the run ended, however long that takes. What it asks is put to the client's person once."""
    before = set[str]()
    while True:
        state = await _rest(host, ctx, run, float("inf"), known=before)
        if state.finished or host.closing:
            return result_of(state)
        for one in await _open_questions(host, ctx, caller, run):
            if one.key not in before:
                await put(host, ctx, caller, run, one, meta)
        before |= set(state.waits)


async def _rest(host: Host, ctx: Context, run: UUID, until: float, known: Collection[str] = ()) -> State:
    """How it stands once it has ended, or asks something that is not `known` yet, or at that time."""
    clock = asyncio.get_running_loop().time
    state = await host.app.state(run)

    def rests() -> bool:
        return bool(state.finished or set(state.waits) - set(known) or clock() > until or host.closing)

    if rests():
        return state
    async with aclosing(follow(host.app, run, state.seq, beat=BEAT)) as news:
        async for events in news:
            fold(events, state)
            await tell(host, ctx, state, events)
            if rests():
                break
            if not events:
                await still_holds(host, ctx)
    return state


async def _open_questions(host: Host, ctx: Context, caller: Caller, run: UUID) -> list[Question]:
    return await questions(host.app, caller, run) if takes_forms(ctx) else []


async def put(
    host: Host,
    ctx: Context,
    caller: Caller,
    run: UUID,
    question: Question,
    meta: dict[str, Any] | None = None,
) -> bool:
    """Ask the client's person while their call waits. Whether the run was told something, by them or meanwhile by others."""
    wanted = form(question)
    if meta:
        wanted.params.meta = RequestParamsMeta(**meta)  # type: ignore[typeddict-item]
    said = await ctx.session.send_request(wanted, ElicitResult, metadata=_along(ctx))
    word = word_of(question, said)
    if word is not None:
        await answer(host.app, caller, run, question, word)
    return question.ask not in (await host.app.state(run)).waits


def _along(ctx: Context) -> ServerMessageMetadata:
    """Has a request of ours go along the response that the client waits for."""
    return ServerMessageMetadata(related_request_id=ctx.request_id)


async def tell(host: Host, ctx: Context, state: State, events: Sequence[Event]) -> None:
    """Progress, and the log where the client wants it: each event in a line."""
    for event in events:
        await ctx.session.report_progress(float(event.seq), message=line(event))
    level = host.levels.get(session_of(ctx)) if not modern(ctx) else None
    if level in LEVELS[:2]:
        for event in events:
            await ctx.session.send_log_message(
                "info",
                {"run": str(state.run), "event": line(event)},
                "remit",
                related_request_id=ctx.request_id,
            )


async def still_holds(host: Host, ctx: Context) -> None:
    """Raises MCPError where the token of whoever waits was revoked, or has expired."""
    if ctx.request is None:
        return
    secret = ctx.request.headers.get("authorization", "").partition(" ")[2].strip()
    if secret and await token_of(host.app.store, secret) is None:
        raise MCPError(INTERNAL_ERROR, "the token holds no more; the run goes on")
