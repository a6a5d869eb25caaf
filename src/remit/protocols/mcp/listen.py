"""What a client is told without asking again: tasks as they change, resources that are read differently by now. On the wire
of 2026-07-28 the answer to `subscriptions/listen` is the stream of it; before, a resource is subscribed to in a session."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import aclosing
from typing import Any
from uuid import UUID

from mcp.shared.exceptions import MCPError
from mcp.shared.subscriptions import (
    SUBSCRIPTION_ID_META_KEY,
    ServerEvent,
    event_matches,
    event_to_notification,
)
from mcp_types import (
    EmptyResult,
    NotificationParams,
    ResourceUpdatedNotification,
    ResourceUpdatedNotificationParams,
    SubscribeRequestParams,
    SubscriptionFilter,
    SubscriptionsAcknowledgedNotification,
    SubscriptionsAcknowledgedNotificationParams,
    SubscriptionsListenRequestParams,
    SubscriptionsListenResult,
    UnsubscribeRequestParams,
)
from mcp_types._types import Notification
from pydantic import ConfigDict

from remit.api.guard import Caller
from remit.errors import NoSuchRun
from remit.following import follow, has_ended
from remit.journal.events import Event
from remit.protocols.mcp.host import Host, require, require_tasks, session_of, unusable
from remit.protocols.mcp.reading import EVENTS, RUN, missing
from remit.protocols.mcp.shelf import Context
from remit.protocols.mcp.tasks import detailed, found

MOST = 100  # tasks and resources of one stream
HELD = 1_000  # things told that a slow reader has not read yet; then its stream ends, and it may come again


class TaskParams(NotificationParams):
    model_config = ConfigDict(extra="allow")


class TaskChanged(Notification[TaskParams, str]):
    """A task as `tasks/get` would show it now."""

    method: str = "notifications/tasks"
    params: TaskParams


async def listen(
    host: Host, ctx: Context, params: SubscriptionsListenRequestParams
) -> SubscriptionsListenResult:
    """Tell it until the client closes the stream."""
    caller, wanted = host.caller_of(ctx), params.notifications
    tasks = _tasks(ctx, wanted)
    uris = [uri for uri in wanted.resource_subscriptions or () if readable(host, caller, uri)]
    if len(tasks) + len(uris) > MOST:
        unusable(f"{MOST} tasks and resources at most on one stream")
    mine = [task for task in tasks if await _there(host, ctx, task)]
    uris = [uri for uri in uris if await _is_run(host, uri)]
    honored = SubscriptionFilter.model_validate(
        {
            "toolsListChanged": wanted.tools_list_changed or None,
            "promptsListChanged": wanted.prompts_list_changed or None,
            "resourcesListChanged": wanted.resources_list_changed or None,
            "resourceSubscriptions": uris or None,
            **({"taskIds": mine} if mine else {}),
        }
    )
    meta: dict[str, Any] = {SUBSCRIPTION_ID_META_KEY: ctx.request_id}
    news: asyncio.Queue[Any] = asyncio.Queue(HELD)
    told = frozenset(uris)

    def deliver(event: ServerEvent) -> None:
        if event_matches(honored, told, event) and not news.full():
            news.put_nowait(event_to_notification(event, meta))

    stop = host.bus.subscribe(deliver)
    followers = [asyncio.create_task(_task(host, ctx, caller, one, meta, news)) for one in mine]
    followers += [asyncio.create_task(_resource(host, uri, meta, news)) for uri in uris if _run_of(uri)]
    try:
        await _send(ctx, _acknowledged(honored, meta))
        while not host.closing:
            try:
                await _send(ctx, await asyncio.wait_for(news.get(), 1.0))
            except TimeoutError:
                continue
    finally:
        stop()
        for one in followers:
            one.cancel()
    return SubscriptionsListenResult(_meta=meta)


def _acknowledged(honored: SubscriptionFilter, meta: dict[str, Any]) -> SubscriptionsAcknowledgedNotification:
    params = SubscriptionsAcknowledgedNotificationParams(notifications=honored, _meta=meta)
    return SubscriptionsAcknowledgedNotification(params=params)


async def _send(ctx: Context, notification: Any) -> None:
    await ctx.session.send_notification(notification, related_request_id=ctx.request_id)


def _tasks(ctx: Context, wanted: SubscriptionFilter) -> Sequence[str]:
    named = (wanted.model_extra or {}).get("taskIds")
    if named is None:
        return []
    require_tasks(ctx)
    if not isinstance(named, list) or not all(isinstance(one, str) for one in named):
        unusable("taskIds is a list of tasks")
    return named


async def _there(host: Host, ctx: Context, task: str) -> bool:
    try:
        await found(host, ctx, task, named_in_header=False)
    except MCPError:
        return False
    return True


def readable(host: Host, caller: Caller, uri: str) -> bool:
    return any(one.fits(uri) and (not one.needs or one.needs in caller.scopes) for one in host.shelf.reads)


async def _is_run(host: Host, uri: str) -> bool:
    """Whether what is to be followed is there; what is about no run is."""
    try:
        run = _run_of(uri)
        if run is not None:
            await has_ended(host.app, run)
    except (NoSuchRun, ValueError):
        return False
    return True


def _run_of(uri: str) -> UUID | None:
    match = EVENTS.fullmatch(uri) or RUN.fullmatch(uri)
    return UUID(match[1]) if match else None


async def _task(
    host: Host, ctx: Context, caller: Caller, task: str, meta: dict[str, Any], news: asyncio.Queue[Any]
) -> None:
    """A task as it stands, and each time that this changes."""
    events: list[Event] = []
    before: Any = None
    async with aclosing(follow(host.app, UUID(task))) as coming:
        async for fresh in coming:
            events += fresh
            now = await detailed(host, ctx, caller, events) if fresh else before
            if _standing(now) != _standing(before):
                before = now
                await news.put(TaskChanged(params=TaskParams.model_validate({**now, "_meta": meta})))


def _standing(task: Any) -> Any:
    return task and (task["status"], sorted(task.get("inputRequests", ())))


async def _resource(host: Host, uri: str, meta: dict[str, Any] | None, news: asyncio.Queue[Any]) -> None:
    run = _run_of(uri)
    assert run is not None
    events = await host.app.journal.read(run)
    async with aclosing(follow(host.app, run, events[-1].seq if events else 0)) as coming:
        async for fresh in coming:
            if fresh:
                params = ResourceUpdatedNotificationParams.model_validate({"uri": uri, "_meta": meta})
                await news.put(ResourceUpdatedNotification(params=params))


async def subscribe(host: Host, ctx: Context, params: SubscribeRequestParams) -> EmptyResult:
    """In a session of 2025-11-25: told on its own stream, until the run ends or nobody wants it any more."""
    uri = str(params.uri)
    caller = host.caller_of(ctx)
    require(caller, "runs:read", "following what runs do")
    if not readable(host, caller, uri) or not await _is_run(host, uri):
        raise missing(ctx, uri)
    key = (session_of(ctx), uri)
    if (run := _run_of(uri)) and key not in host.followed:
        if sum(session == key[0] for session, _ in host.followed) >= MOST:
            unusable(f"{MOST} resources at most in one session")
        task = asyncio.create_task(_follow(host, ctx, run, uri))
        host.followed[key] = task
        task.add_done_callback(lambda _: host.followed.pop(key, None))
    return EmptyResult()


async def _follow(host: Host, ctx: Context, run: UUID, uri: str) -> None:
    events = await host.app.journal.read(run)
    async with aclosing(follow(host.app, run, events[-1].seq if events else 0)) as coming:
        async for fresh in coming:
            if host.closing:
                return
            if fresh:
                await ctx.session.send_resource_updated(uri)


async def unsubscribe(host: Host, ctx: Context, params: UnsubscribeRequestParams) -> EmptyResult:
    if task := host.followed.pop((session_of(ctx), str(params.uri)), None):
        task.cancel()
    return EmptyResult()
