"""A run as a chat completion: its report, what it waits for, and what it took."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from remit.gate.unseen import shown
from remit.journal.events import Answered, Event
from remit.journal.refs import given
from remit.journal.state import State

Json = Any
PREFIX = "chatcmpl-"
MOST = 5  # things that are asked, in words


@dataclass(frozen=True, slots=True)
class Frame:
    """What each piece of an answer has around it."""

    run: UUID
    agent: str
    created: datetime
    site: str  # where the console is
    as_json: bool = False

    @property
    def link(self) -> str:
        return f"{self.site}/runs/{self.run}"

    @property
    def again(self) -> str:
        """What is asked for, once there is a report."""
        return f"completion {id_of(self.run)}"


def id_of(run: UUID) -> str:
    return f"{PREFIX}{run}"


def content(state: State, frame: Frame) -> str:
    """The whole answer: the report of an end, or what has to happen before there is one."""
    finished = state.finished
    if finished is None:
        return waiting(state, frame)
    if frame.as_json and finished.output is not None:
        return json.dumps(finished.output, ensure_ascii=False)
    if finished.report.strip():
        return finished.report
    return f"The run ended: {finished.status}. {finished.why}".strip()


def waiting(state: State, frame: Frame) -> str:
    """What the run waits for, in words, and where a person decides it. Nothing here is a person's word: what follows in the
    conversation decides nothing either."""
    if not state.waits:
        return f"The run is {state.status} and goes on: {frame.link} shows it, and this answer is complete once it has ended."
    lines = ["This waits for a person:", ""]
    for asked in list(state.waits.values())[:MOST]:
        call = state.calls.get(asked.call_id)
        if call is not None and asked.kind != "question":
            args = json.dumps(given(state, call), ensure_ascii=False, default=str)
            lines.append(f"- {asked.kind}: {call.call.tool} {shown(args)}")
        else:
            lines.append(f"- {asked.kind}: {shown(' '.join(asked.text.split()))}")
    more = len(state.waits) - MOST
    lines += [f"- and {more} more"] if more > 0 else []
    lines += [
        "",
        f"Decide at {frame.site}/inbox. Then ask for {frame.again} again, or see {frame.link}.",
    ]
    return "\n".join(lines)


def usage(events: Iterable[Event]) -> dict[str, Json]:
    """What the models took, all of the run's calls together, as its journal has it."""
    answers = [event.body for event in events if isinstance(event.body, Answered)]
    prompt, said = sum(a.input_tokens for a in answers), sum(a.output_tokens for a in answers)
    return {
        "prompt_tokens": prompt,
        "completion_tokens": said,
        "total_tokens": prompt + said,
        "prompt_tokens_details": {"cached_tokens": sum(a.cached_tokens for a in answers)},
    }


def about(state: State, frame: Frame) -> dict[str, Json]:
    """What only Remit has to say."""
    return {
        "run": str(frame.run),
        "status": state.status,
        "link": frame.link,
        "cost": str(state.spent),
        "asks": [{"id": one.ask_id, "kind": one.kind} for one in state.waits.values()],
    }


def whole(state: State, events: Iterable[Event], frame: Frame, metadata: dict[str, str]) -> dict[str, Json]:
    """An answer that is not streamed."""
    return {
        "id": id_of(frame.run),
        "object": "chat.completion",
        "created": int(frame.created.timestamp()),
        "model": frame.agent,
        "choices": [
            {
                "index": 0,
                "message": {"role": "assistant", "content": content(state, frame), "refusal": None},
                "finish_reason": "stop",
                "logprobs": None,
            }
        ],
        "usage": usage(events),
        "metadata": metadata | {"run": str(frame.run)},
        "remit": about(state, frame),
    }


def chunk(frame: Frame, delta: dict[str, Json] | None, finish: str | None = None, **more: Json) -> str:
    """A piece of an answer that is streamed."""
    choices = (
        [] if delta is None else [{"index": 0, "delta": delta, "finish_reason": finish, "logprobs": None}]
    )
    piece = {
        "id": id_of(frame.run),
        "object": "chat.completion.chunk",
        "created": int(frame.created.timestamp()),
        "model": frame.agent,
        "choices": choices,
        **more,
    }
    return f"data: {json.dumps(piece, ensure_ascii=False)}\n\n"
