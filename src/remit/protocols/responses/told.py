"""A run as a response: what is said in it and what it asks, as items, whole or event by event as it comes."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from remit.feed import Said, rests
from remit.journal.events import Event
from remit.journal.refs import given
from remit.journal.state import State
from remit.protocols.asked import Question
from remit.protocols.chat import told as chat
from remit.protocols.speech import Piece, Speech

Json = Any
PREFIX = "resp_"
ENDS = {"completed": "response.completed", "failed": "response.failed"}  # others: response.incomplete
STATUS = {"failed": "failed", "cancelled": "cancelled"}  # of a run that has ended; else completed


@dataclass(frozen=True)
class Frame(chat.Frame):
    """What each piece of a response has around it. One run may be several responses: the first begins it, and each word on
    what it asks begins another, `after` that event."""

    after: int = 0
    told: dict[str, Json] = field(default_factory=dict)  # what the request said, said back

    @property
    def id(self) -> str:
        return id_of(self.run, self.after)

    @property
    def again(self) -> str:
        return f"response {self.id}"


def id_of(run: UUID, after: int = 0) -> str:
    return f"{PREFIX}{run.hex}" + (f"_{after}" if after else "")


class Teller:
    """A response as it grows: its items, and the events that tell of them."""

    def __init__(self, frame: Frame) -> None:
        self.frame = frame
        self.items: list[Json] = []
        self._number = 0  # of the next event
        self._speech = Speech()

    def begin(self, state: State) -> list[Json]:
        whole = response(self.frame, state, (), "in_progress", [])
        return [self._event(f"response.{kind}", response=whole) for kind in ("created", "in_progress")]

    def of(self, one: Event | Said | None) -> list[Json]:
        """What is told of it now."""
        return self._say(self._speech.of(one))

    def end(self, state: State, events: Iterable[Event], asked: Sequence[Question]) -> list[Json]:
        """The report, or what the run waits for; and the whole."""
        told = self._rest(state, asked)
        whole = response(self.frame, state, events, status_of(state, asked), self.items)
        return [*told, self._event(ENDS.get(whole["status"], "response.incomplete"), response=whole)]

    def whole(self, state: State, events: Sequence[Event], asked: Sequence[Question]) -> Json:
        """As it stands, where nobody hears it grow."""
        for event in events:
            self.of(event)
        status = status_of(state, asked)
        if status != "in_progress":
            self._rest(state, asked)
        else:
            self._close("commentary")
        return response(self.frame, state, events, status, self.items)

    def _rest(self, state: State, asked: Sequence[Question]) -> list[Json]:
        told = []
        if STATUS.get(state.status) is None:
            told += self._say(self._speech.end(content(state, self.frame, asked)))
        told += self._close("final_answer")
        for question in asked:
            if not question.in_words:
                told += self._put(request(state, self.frame, question))
        return told

    def _say(self, piece: Piece) -> list[Json]:
        told: list[Json] = []
        if not piece.text:
            return told
        if piece.another:
            told += self._close("commentary")
        if not self._opened:
            told += self._open()
        part = self.items[-1]["content"][0]
        part["text"] += piece.text
        return [*told, self._of_part("response.output_text.delta", delta=piece.text, logprobs=[])]

    @property
    def _opened(self) -> bool:
        return bool(self.items) and self.items[-1].get("status") == "in_progress"

    def _open(self) -> list[Json]:
        text = {"type": "output_text", "text": "", "annotations": [], "logprobs": []}
        name = f"msg_{self.frame.id.removeprefix(PREFIX)}_{len(self.items)}"
        item = {
            "id": name,
            "type": "message",
            "role": "assistant",
            "status": "in_progress",
            "content": [text],
        }
        self.items.append(item)
        added = self._event(
            "response.output_item.added", output_index=self._last, item=item | {"content": []}
        )
        return [added, self._of_part("response.content_part.added", part=dict(text))]

    def _close(self, phase: str) -> list[Json]:
        """End the message that is open. What comes before the last one ends with an empty line: clients read all of it as
        one text."""
        if not self._opened:
            return []
        item, told = self.items[-1], []
        part = item["content"][0]
        if phase == "commentary":
            part["text"] += "\n\n"
            told.append(self._of_part("response.output_text.delta", delta="\n\n", logprobs=[]))
        told.append(self._of_part("response.output_text.done", text=part["text"], logprobs=[]))
        told.append(self._of_part("response.content_part.done", part=dict(part)))
        item |= {"status": "completed", "phase": phase}
        return [*told, self._event("response.output_item.done", output_index=self._last, item=item)]

    def _put(self, item: Json) -> list[Json]:
        self.items.append(item)
        return [
            self._event(f"response.output_item.{kind}", output_index=self._last, item=item)
            for kind in ("added", "done")
        ]

    @property
    def _last(self) -> int:
        return len(self.items) - 1

    def _of_part(self, kind: str, **more: Json) -> Json:
        where = {"item_id": self.items[-1]["id"], "output_index": self._last, "content_index": 0}
        return self._event(kind, **where, **more)

    def _event(self, kind: str, **more: Json) -> Json:
        """Frozen as it is now: items grow on."""
        event = json.loads(json.dumps({"type": kind, "sequence_number": self._number, **more}))
        self._number += 1
        return event


def status_of(state: State, asked: Sequence[Question]) -> str:
    """By who has to do something now: the workers, the client, or nobody here."""
    if state.finished is not None:
        return STATUS.get(state.finished.status, "completed")
    if not rests(state):
        return "in_progress"
    return "completed" if asked else "incomplete"


def content(state: State, frame: Frame, asked: Sequence[Question]) -> str:
    """The report of an end, or what has to happen before there is one: what the client may say, and what others decide."""
    if state.finished is not None or not asked:
        return chat.content(state, frame)
    words = [one.words for one in asked]
    if len(asked) < len(state.waits):
        words.append(f"More waits for others: {frame.site}/inbox")
    return "\n\n".join(words)


def request(state: State, frame: Frame, question: Question) -> Json:
    """What the client may say yes or no to. Its name is of what is shown: a word on it is for that and nothing else."""
    asked = state.asked[question.ask]
    call = state.calls.get(asked.call_id)
    key, _, mark = question.key.rpartition(":")
    return {
        "id": f"mcpr_{frame.run.hex}_{key}_{mark}",
        "type": "mcp_approval_request",
        "server_label": frame.agent,
        "name": call.call.tool if call else asked.kind,
        "arguments": json.dumps(given(state, call) if call else {"question": asked.text}, default=str),
    }


def response(frame: Frame, state: State, events: Iterable[Event], status: str, items: list[Json]) -> Json:
    """As OpenAI's clients know one. `events`: those whose tokens it took."""
    finished, taken = state.finished, chat.usage(events)
    ended = finished is not None or status in ("completed", "incomplete")
    failed = finished is not None and status == "failed"
    told = dict(frame.told)
    return {
        "id": frame.id,
        "object": "response",
        "created_at": int(frame.created.timestamp()),
        "status": status,
        "completed_at": None,
        "error": {"code": "server_error", "message": finished.why or "it failed"}
        if failed and finished
        else None,
        "incomplete_details": None,
        "model": frame.agent,
        "output": items,
        "parallel_tool_calls": True,
        "tool_choice": "auto",
        "tools": [],
        "text": {"format": {"type": "text"}},
        "store": True,
        "usage": {
            "input_tokens": taken["prompt_tokens"],
            "input_tokens_details": {"cache_write_tokens": 0, **taken["prompt_tokens_details"]},
            "output_tokens": taken["completion_tokens"],
            "output_tokens_details": {"reasoning_tokens": 0},
            "total_tokens": taken["total_tokens"],
        }
        if ended
        else None,
        **told,
        "metadata": {**(told.get("metadata") or {}), "run": str(frame.run)},
        "remit": chat.about(state, frame),
    }
