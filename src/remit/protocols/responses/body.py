"""What a client asks for: a run with a goal, or a word on what a run asks.

As with completions, only the last message of the user is the goal; what came before it is quoted. Where the last items are
answers to requests for approval, no run begins: they are for the run that asked.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from remit.api.problems import pointer
from remit.api.schemas import Begin, Whom
from remit.journal.state import State
from remit.protocols.chat.body import BEFORE, NOT_HERE, SAID, Format, Part, quoted, text_of, wrong

TOLD = "\n\nInstructions of the application:\n\n"
REFUSED = NOT_HERE | {
    "conversation": "there are none here: send previous_response_id, or the items themselves",
    "prompt": "there are no templates here: send what should be reached",
}
CHOSEN_BY_AGENT = (  # what its file says, or its model does by itself: taken, and of no weight
    "context_management", "include", "max_output_tokens", "max_tool_calls", "parallel_tool_calls", "prompt_cache_key",
    "prompt_cache_options", "prompt_cache_retention", "reasoning", "safety_identifier", "service_tier", "store", "stream_options",
    "temperature", "tool_choice", "top_p", "truncation",
)  # fmt: skip
# What an answer of ours may hold beside messages; who keeps the conversation sends it back
ANSWER = "mcp_approval_response"
KNOWN = ("message", "mcp_approval_request", ANSWER, "reasoning")
ROLES = ("user", "assistant", "system", "developer")
REQUEST = re.compile(r"mcpr_([0-9a-f]{32})_(.{1,100})_([0-9a-f]{12})")


class Item(BaseModel):
    """Something of a conversation."""

    model_config = ConfigDict(extra="allow")

    type: str = "message"
    role: str = ""
    content: str | list[Part] | None = None
    approval_request_id: str = ""
    approve: bool | None = None
    reason: str | None = None


class Text(BaseModel):
    """How the answer is to look."""

    model_config = ConfigDict(extra="allow")

    format: Format | None = None


class Wanted(BaseModel):
    """The body of a request. What it does not know is refused, rather than passed over."""

    model_config = ConfigDict(extra="allow")

    model: str = Field(min_length=1, max_length=200)
    input: str | list[Item] = Field(min_length=1, max_length=100_000)
    instructions: str | None = None
    previous_response_id: str | None = None
    stream: bool | None = False
    background: bool | None = False
    user: str | None = None
    metadata: dict[str, str] | None = None
    text: Text | None = None
    inputs: dict[str, Any] = Field(default_factory=dict)  # of Remit: facts for which the caller vouches

    @property
    def as_json(self) -> bool:
        return self.text is not None and self.text.format is not None and self.text.format.type != "text"


@dataclass(frozen=True, slots=True)
class Decided:
    """A word on a request for approval."""

    run: UUID
    key: str  # of the question
    approve: bool
    reason: str


@dataclass(frozen=True, slots=True)
class Spoken:
    """The user's last words, and the conversation before them."""

    words: str
    where: str  # the parameter that has them
    before: tuple[str, ...]


def read(body: Wanted) -> Spoken | list[Decided]:
    """Raises Refused with the parameter that cannot be had."""
    for name, given in (body.model_extra or {}).items():
        if name in REFUSED and given:
            raise wrong(name, REFUSED[name])
        if name not in REFUSED and name not in CHOSEN_BY_AGENT:
            raise wrong(name, "is not known here")
    if isinstance(body.input, str):
        return _spoken(body.input, "input", ())
    items = body.input
    for at, item in enumerate(items):
        if item.type not in KNOWN:
            raise wrong(f"input/{at}", f"{item.type[:80]} cannot be given to an agent here: send messages")
        if item.type == "message" and item.role not in ROLES:
            raise wrong(f"input/{at}/role", f"is one of {', '.join(ROLES)}")
    if items[-1].type == ANSWER:
        first = len(items)
        while first and items[first - 1].type == ANSWER:
            first -= 1
        return [_decided(items[at], f"input/{at}") for at in range(first, len(items))]
    last = len(items) - 1
    if items[last].type != "message" or items[last].role != "user":
        raise wrong("input", "the last item is the goal of the run and must be a message of the user")
    said = [
        (SAID.get(one.role, one.role), text_of(one.content, f"input/{at}/content"))
        for at, one in enumerate(items[:last])
        if one.type == "message"
    ]
    before = tuple(f"{who}: {text.strip()}" for who, text in said if text.strip())
    return _spoken(text_of(items[last].content, f"input/{last}/content"), f"input/{last}/content", before)


def _spoken(words: str, where: str, before: tuple[str, ...]) -> Spoken:
    if not words.strip():
        raise wrong(where, "there is no goal: say what should be reached")
    return Spoken(words, where, before)


def _decided(item: Item, where: str) -> Decided:
    found = REQUEST.fullmatch(item.approval_request_id)
    if found is None:
        raise wrong(f"{where}/approval_request_id", "is of no request for approval here")
    if item.approve is None:
        raise wrong(f"{where}/approve", "must be true or false")
    return Decided(UUID(found[1]), f"{found[2]}:{found[3]}", item.approve, item.reason or "")


def goal_of(body: Wanted, spoken: Spoken, earlier: Sequence[str]) -> Begin:
    """The run that is asked for, after those lines of the conversation. Raises Refused."""
    told = (body.instructions or "").strip()
    try:
        return Begin(
            agent=body.model,
            goal=spoken.words,
            quoted=quoted([*earlier, *spoken.before]) + (f"{TOLD}{told}" if told else ""),
            inputs=body.inputs,
            person=Whom(id=body.user) if body.user else None,
        )
    except ValidationError as error:
        first = error.errors()[0]
        where = {"goal": spoken.where, "person": "user", "quoted": "instructions"}.get(str(first["loc"][0]))
        raise wrong(where or pointer(("body", *first["loc"]))[1:], str(first["msg"])) from error


def conversation(state: State) -> list[str]:
    """What was said up to the end of a run, for the one that comes after it. Instructions of the application are each
    request's own."""
    assert state.started is not None
    before = state.started.quoted.partition(TOLD)[0].removeprefix(BEFORE).strip()
    report = state.finished.report if state.finished else ""
    said = [
        f"user: {state.started.goal.strip()}",
        *([f"assistant: {report.strip()}"] if report.strip() else []),
    ]
    return [*([before] if before else []), *said]
