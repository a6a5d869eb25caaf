"""What a client may ask of an agent: send it a message, look at its tasks, follow and end them. A task is a run; nothing of it
is kept here."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from datetime import UTC
from typing import Any
from uuid import UUID, uuid4

from a2a.server.context import ServerCallContext
from a2a.server.events.event_queue import Event as Told
from a2a.server.request_handlers.request_handler import RequestHandler
from a2a.types import a2a_pb2 as a2a
from a2a.utils.errors import (
    InvalidParamsError,
    InvalidRequestError,
    PushNotificationNotSupportedError,
    TaskNotCancelableError,
    TaskNotFoundError,
    UnsupportedOperationError,
)
from pydantic import ValidationError

from remit.api.begin import begin
from remit.api.guard import Caller
from remit.api.problems import Refused, printable
from remit.api.schemas import Begin
from remit.app import App
from remit.errors import NotWaiting, RemitError, UserError
from remit.following import follow
from remit.journal.events import Event
from remit.journal.search import Place, place
from remit.journal.state import State, fold
from remit.protocols.a2a import threads
from remit.protocols.a2a.card import whole_card
from remit.protocols.a2a.faults import answers, streams
from remit.protocols.a2a.reading import data_of, text_of, words_of
from remit.protocols.a2a.told import RUNS, artifact_of, status_of, step_of, task_of
from remit.protocols.agents import agent_named
from remit.protocols.asked import MAY, Question, answer, questions, theirs

BEAT = 1.0  # seconds after which a follower looks about, though nothing came
EARLIER = 3  # runs of a conversation whose reports the next one is shown
PAGE, LARGEST = 50, 100  # tasks of a page


@dataclass(frozen=True)
class Here:
    """Who calls which agent, and by which address."""

    caller: Caller
    agent: str
    base: str


class Desk(RequestHandler):
    """The library's interface, over one App."""

    def __init__(self, app: App) -> None:
        self.app = app
        self.closing = False

    @answers
    async def on_message_send(
        self, params: a2a.SendMessageRequest, context: ServerCallContext
    ) -> a2a.Task | a2a.Message:
        here = _here(context)
        thread = await self._taken(here, params)
        keep = _history_of(params.configuration)
        if not params.configuration.return_immediately:
            async with aclosing(self._coming(here, thread)) as news:
                async for _ in news:
                    continue
        return await self._task(here, thread, history=keep)

    @streams
    async def on_message_send_stream(
        self, params: a2a.SendMessageRequest, context: ServerCallContext
    ) -> AsyncGenerator[Told]:
        here = _here(context)
        thread = await self._taken(here, params)
        async with aclosing(self._coming(here, thread)) as news:
            async for told in news:
                yield told

    @streams
    async def on_subscribe_to_task(
        self, params: a2a.SubscribeToTaskRequest, context: ServerCallContext
    ) -> AsyncGenerator[Told]:
        here = _here(context)
        thread, events = await self._found(here, params.id)
        if fold(events).finished:
            raise UnsupportedOperationError("the task has ended: tasks/get has what came of it")
        async with aclosing(self._coming(here, thread)) as news:
            async for told in news:
                yield told

    @answers
    async def on_get_task(self, params: a2a.GetTaskRequest, context: ServerCallContext) -> a2a.Task | None:
        here = _here(context)
        thread, _ = await self._found(here, params.id)
        return await self._task(here, thread, history=_history_of(params))

    @answers
    async def on_list_tasks(
        self, params: a2a.ListTasksRequest, context: ServerCallContext
    ) -> a2a.ListTasksResponse:
        """Those that the caller has begun by this protocol, the latest change first."""
        here = _here(context)
        size = params.page_size if params.HasField("page_size") else PAGE
        if not 1 <= size <= LARGEST:
            raise InvalidParamsError(f"pageSize: 1 to {LARGEST}")
        wanted = threads.Wanted(
            here.caller.who,
            here.agent,
            params.context_id.replace("\x00", ""),
            RUNS.get(params.status, ()),
            params.status_timestamp_after.ToDatetime(UTC)
            if params.HasField("status_timestamp_after")
            else None,
        )
        after, keep = _place(params.page_token), _history_of(params)
        rows, total = await threads.page(self.app.store, wanted, after, size + 1)
        tasks = [
            await self._task(here, thread, history=keep, artifacts=params.include_artifacts)
            for thread, _ in rows[:size]
        ]
        if params.status:
            tasks = [one for one in tasks if one.status.state == params.status]
        last = rows[size - 1] if len(rows) > size else None
        following = str(Place(last[1], last[0].run)) if last else ""
        return a2a.ListTasksResponse(
            tasks=tasks, next_page_token=following, page_size=len(tasks), total_size=total
        )

    @answers
    async def on_cancel_task(
        self, params: a2a.CancelTaskRequest, context: ServerCallContext
    ) -> a2a.Task | None:
        here = _here(context)
        _require(here.caller, "runs:write", "ending a run")
        thread, events = await self._found(here, params.id)
        if fold(events).finished:
            raise TaskNotCancelableError(f"the task has ended: {fold(events).status}")
        try:
            await self.app.cancel(thread.run, here.caller.who, "by its client")
        except (NotWaiting, UserError) as error:
            raise TaskNotCancelableError(str(error)) from error
        return await self._task(here, thread)

    @answers
    async def on_get_extended_agent_card(
        self, params: a2a.GetExtendedAgentCardRequest, context: ServerCallContext
    ) -> a2a.AgentCard:
        here = _here(context)
        agent = await agent_named(self.app, here.agent)
        if agent is None:
            raise InvalidRequestError(f"there is no agent {here.agent!r}")
        return whole_card(agent, here.base)

    async def on_create_task_push_notification_config(
        self, params: a2a.TaskPushNotificationConfig, context: ServerCallContext
    ) -> a2a.TaskPushNotificationConfig:
        raise PushNotificationNotSupportedError

    async def on_get_task_push_notification_config(
        self, params: a2a.GetTaskPushNotificationConfigRequest, context: ServerCallContext
    ) -> a2a.TaskPushNotificationConfig:
        raise PushNotificationNotSupportedError

    async def on_list_task_push_notification_configs(
        self, params: a2a.ListTaskPushNotificationConfigsRequest, context: ServerCallContext
    ) -> a2a.ListTaskPushNotificationConfigsResponse:
        raise PushNotificationNotSupportedError

    async def on_delete_task_push_notification_config(
        self, params: a2a.DeleteTaskPushNotificationConfigRequest, context: ServerCallContext
    ) -> None:
        raise PushNotificationNotSupportedError

    async def _taken(self, here: Here, params: a2a.SendMessageRequest) -> threads.Thread:
        """The run that a message begins, or goes on with."""
        if params.configuration.HasField("task_push_notification_config"):
            raise PushNotificationNotSupportedError
        if params.message.task_id:
            return await self._answered(here, params.message)
        return await self._begun(here, params.message)

    async def _begun(self, here: Here, message: a2a.Message) -> threads.Thread:
        """Once for a message, however often it is sent."""
        _require(here.caller, "runs:write", "beginning a run")
        context = message.context_id.replace("\x00", "") or str(uuid4())
        data = data_of(message)
        wanted: dict[str, Any] = {
            "agent": here.agent,
            "goal": text_of(message),
            "inputs": {"data": data} if data else {},
        }
        if message.context_id:
            wanted["quoted"] = await self._earlier(here, context)
        try:
            run, _ = await begin(
                self.app, here.caller, Begin.model_validate(wanted), f"a2a:{message.message_id}"[:255]
            )
        except ValidationError as error:
            wrong = error.errors()[0]
            raise InvalidParamsError(
                printable(f"{'.'.join(map(str, wrong['loc']))}: {wrong['msg']}")
            ) from error
        except Refused as error:
            raise InvalidParamsError(error.detail) from error
        except RemitError as error:
            raise UnsupportedOperationError(str(error)) from error
        place = threads.Thread(run, context[:200], message.message_id[:200])
        return await threads.put(self.app.store, here.caller.who, here.agent, place)

    async def _earlier(self, here: Here, context: str) -> str:
        """What was said in that conversation before: shown to the agent, trusted for nothing."""
        told = []
        for run in reversed(await threads.before(self.app.store, here.caller.who, context, EARLIER)):
            state = await self.app.state(run)
            if state.started and state.finished:
                told.append(f"Earlier: {state.started.goal}\nReport: {state.finished.report}")
        return "\n\n".join(told)

    async def _answered(self, here: Here, message: a2a.Message) -> threads.Thread:
        """A word on what a run asks."""
        thread, events = await self._found(here, message.task_id)
        if message.context_id and message.context_id != thread.context:
            raise InvalidParamsError("contextId is not of that task")
        state = fold(events)
        if state.finished:
            raise UnsupportedOperationError(
                "the task has ended; send the message without taskId to begin another"
            )
        _require(here.caller, MAY, "a word on what a run asks")
        asked = await questions(self.app, here.caller, thread.run)
        if not asked:
            raise UnsupportedOperationError("the task asks nothing that you may decide now")
        for question, word in words_of(message, asked):
            if why := await answer(self.app, here.caller, thread.run, question, word):
                raise InvalidRequestError(why)
        return thread

    async def _found(self, here: Here, task: str) -> tuple[threads.Thread, Sequence[Event]]:
        """Raises TaskNotFoundError: what another began, or by another agent, is not there."""
        try:
            events = await self.app.journal.read(UUID(task))
        except ValueError:
            events = []
        state = fold(events)
        if not theirs(state, here.caller) or state.started is None or state.started.agent != here.agent:
            raise TaskNotFoundError
        return await threads.get(self.app.store, UUID(task)), events

    async def _task(
        self, here: Here, thread: threads.Thread, *, history: int | None = None, artifacts: bool = True
    ) -> a2a.Task:
        events = await self.app.journal.read(thread.run)
        asked = await self._asked(here, fold(events))
        return task_of(thread, events, asked, history=history, artifacts=artifacts)

    async def _asked(self, here: Here, state: State) -> list[Question]:
        if not state.waits or state.finished or state.paused or state.run is None:
            return []
        return await questions(self.app, here.caller, state.run)

    async def _coming(self, here: Here, thread: threads.Thread) -> AsyncGenerator[Told]:
        """The task as it is, then what happens, until it has ended or asks the caller something."""
        events = await self.app.journal.read(thread.run)
        state = fold(events)
        asked = await self._asked(here, state)
        yield task_of(thread, events, asked)
        task, context = str(thread.run), thread.context
        if state.finished or asked:
            return
        async with aclosing(follow(self.app, thread.run, state.seq, beat=BEAT)) as news:
            async for fresh in news:
                if self.closing:
                    return
                fold(fresh, state)
                asked = await self._asked(here, state) if fresh else []
                for event in fresh:
                    ends = state.finished is not None or bool(asked)
                    if made := artifact_of(state):
                        yield a2a.TaskArtifactUpdateEvent(
                            task_id=task, context_id=context, artifact=made, last_chunk=True
                        )
                    status = status_of(thread, state, event, asked) if ends else step_of(thread, event)
                    yield a2a.TaskStatusUpdateEvent(task_id=task, context_id=context, status=status)
                    if ends:
                        return


def _here(context: ServerCallContext) -> Here:
    found: Here = context.state["here"]
    return found


def _require(caller: Caller, scope: str, what: str) -> None:
    if scope not in caller.scopes:
        raise InvalidRequestError(
            f"{what} needs the scope {scope}; the token has {', '.join(sorted(caller.scopes))}"
        )


def _history_of(params: Any) -> int | None:
    """How many messages are wanted; None: all."""
    if not params.HasField("history_length"):
        return None
    if params.history_length < 0:
        raise InvalidParamsError("historyLength: 0 or more")
    return int(params.history_length)


def _place(token: str) -> Place | None:
    try:
        return place(token) if token else None
    except UserError as error:
        raise InvalidParamsError("pageToken is none of ours") from error
