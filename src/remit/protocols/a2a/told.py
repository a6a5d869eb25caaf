"""A run as A2A has it: a task with its state, what was said, and what came of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from a2a.types.a2a_pb2 import Artifact, Message, Part, Role, Task, TaskState, TaskStatus
from google.protobuf.json_format import ParseDict
from google.protobuf.struct_pb2 import Value
from google.protobuf.timestamp_pb2 import Timestamp

from remit.gate.unseen import shown
from remit.journal.events import Asked, Event, Replied
from remit.journal.state import State, fold
from remit.protocols.a2a.threads import Thread
from remit.protocols.asked import Question
from remit.said import brief, said

Json = Any
ENDS = {
    "met": TaskState.TASK_STATE_COMPLETED,
    "cannot verify": TaskState.TASK_STATE_COMPLETED,
    "not met": TaskState.TASK_STATE_FAILED,
    "failed": TaskState.TASK_STATE_FAILED,
    "refused": TaskState.TASK_STATE_REJECTED,
    "cancelled": TaskState.TASK_STATE_CANCELED,
}
OPEN = ("running", "waiting", "paused")
# Which runs may be in a state: what a run asks, and of whom, is read from its journal
RUNS: dict[int, tuple[str, ...]] = {
    TaskState.TASK_STATE_SUBMITTED: ("running",),
    TaskState.TASK_STATE_WORKING: OPEN,
    TaskState.TASK_STATE_INPUT_REQUIRED: ("waiting",),
    TaskState.TASK_STATE_COMPLETED: ("met", "cannot verify"),
    TaskState.TASK_STATE_FAILED: ("not met", "failed"),
    TaskState.TASK_STATE_REJECTED: ("refused",),
    TaskState.TASK_STATE_CANCELED: ("cancelled",),
}


def state_of(state: State, asked: Sequence[Question]) -> int:
    """`asked`: what the caller may decide; what others decide is work going on, for the caller."""
    if state.finished is not None:
        return ENDS[state.finished.status]
    if asked:
        return TaskState.TASK_STATE_INPUT_REQUIRED
    return TaskState.TASK_STATE_SUBMITTED if state.seq <= 1 else TaskState.TASK_STATE_WORKING


def task_of(
    thread: Thread,
    events: Sequence[Event],
    asked: Sequence[Question],
    *,
    history: int | None = None,
    artifacts: bool = True,
) -> Task:
    state = fold(events)
    task = Task(
        id=str(thread.run), context_id=thread.context, status=status_of(thread, state, events[-1], asked)
    )
    said_so_far = _history(thread, events)
    task.history.extend(
        said_so_far if history is None else said_so_far[len(said_so_far) - history :] if history else []
    )
    if artifacts and (made := artifact_of(state)):
        task.artifacts.append(made)
    return task


def status_of(thread: Thread, state: State, last: Event, asked: Sequence[Question]) -> TaskStatus:
    status = TaskStatus(state=state_of(state, asked), timestamp=_time(last))  # type: ignore[arg-type]
    if parts := _words(state, asked):
        number = f"{thread.run}-{last.seq}"
        status.message.CopyFrom(_message(thread, number, Role.ROLE_AGENT, parts))
    return status


def step_of(thread: Thread, event: Event) -> TaskStatus:
    """An event of a run at work, in a line."""
    line = brief(shown("".join(text for text, _ in said(event))), 160)
    message = _message(thread, f"{thread.run}-{event.seq}", Role.ROLE_AGENT, [Part(text=line)])
    return TaskStatus(state=TaskState.TASK_STATE_WORKING, timestamp=_time(event), message=message)


def artifact_of(state: State) -> Artifact | None:
    """What came of it: the report, and the result where the agent has one with a schema."""
    finished = state.finished
    if finished is None or not (finished.report or finished.output is not None):
        return None
    parts = [Part(text=finished.report, media_type="text/plain")] if finished.report else []
    if finished.output is not None:
        parts.append(Part(data=_value(finished.output), media_type="application/json"))
    return Artifact(artifact_id="report", name="report", parts=parts)


def _words(state: State, asked: Sequence[Question]) -> list[Part]:
    if state.finished is not None:
        return [Part(text=state.finished.why)] if state.finished.why else []
    if not asked:
        waits = "; ".join(brief(shown(one.text)) for one in state.waits.values())
        return [Part(text=f"It waits for people: {waits}")] if waits else []
    parts = [Part(text=one.words) for one in asked]
    return [*parts, Part(data=_value({"asks": [_asks(one) for one in asked]}), media_type="application/json")]


def _asks(question: Question) -> Json:
    """How to answer: a data part of a message for this task, as it stands in `answer`, filled in."""
    answer = {"answer": ""} if question.in_words else {"confirm": None, "reason": ""}
    return {"ask": question.ask, "answer": {"key": question.key, **answer}}


def _history(thread: Thread, events: Sequence[Event]) -> list[Message]:
    """The client's words and the questions between them; what the run did is in its journal."""
    state = fold(events[:1])
    goal = state.started.goal if state.started else ""
    told = [_message(thread, thread.message, Role.ROLE_USER, [Part(text=goal)])]
    for event in events:
        number = f"{thread.run}-{event.seq}"
        if isinstance(event.body, Asked):
            told.append(_message(thread, number, Role.ROLE_AGENT, [Part(text=shown(event.body.text))]))
        elif isinstance(event.body, Replied):
            words = f"{event.body.decision} {event.body.ask_id} {event.body.text}".rstrip()
            told.append(_message(thread, number, Role.ROLE_USER, [Part(text=words)]))
    return told


def _message(thread: Thread, number: str, role: Any, parts: Sequence[Part]) -> Message:
    return Message(
        message_id=number, context_id=thread.context, task_id=str(thread.run), role=role, parts=list(parts)
    )


def _value(value: Json) -> Value:
    return ParseDict(value, Value())


def _time(event: Event) -> Timestamp:
    stamp = Timestamp()
    stamp.FromDatetime(event.at)
    return stamp
