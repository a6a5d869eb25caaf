"""What a client asks for, and what of it becomes the goal of a run.

Only the last message of the user is the goal: the caller's words, and what they name is granted. All before it is quoted, as
third parties' words are: what a model answered, what an application pasted into its system message, and what the user said
earlier may hold anybody's words by now.
"""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from remit.api.problems import FieldError, Refused, pointer
from remit.api.schemas import Begin, Whom

LONGEST = 190_000  # characters of what is quoted: of more, the latest
CUT = "[what was said before is left out]\n\n"
BEFORE = "The conversation before:\n\n"
SAID = {"system": "instructions of the application", "developer": "instructions of the application"}
NOT_HERE = {  # what would be another answer than the one asked for, if it were passed over
    "tools": "an agent has the tools that its file names, and its calls are judged by its rules; leave tools out",
    "functions": "an agent has the tools that its file names, and its calls are judged by its rules; leave functions out",
    "logprobs": "there are none of an agent's report",
    "top_logprobs": "there are none of an agent's report",
    "audio": "an agent answers in text",
    "web_search_options": "an agent has the tools that its file names; leave this out",
    "moderation": "what an agent may do is judged by its rules; leave this out",
}
CHOSEN_BY_AGENT = (  # what its file says, or its model does by itself: taken, and of no weight
    "frequency_penalty", "function_call", "logit_bias", "max_completion_tokens", "max_tokens", "parallel_tool_calls",
    "prediction", "presence_penalty", "prompt_cache_key", "prompt_cache_options", "prompt_cache_retention",
    "reasoning_effort", "safety_identifier", "seed", "service_tier", "stop", "store", "temperature", "tool_choice", "top_p",
    "verbosity",
)  # fmt: skip


class Part(BaseModel):
    """A part of a message."""

    model_config = ConfigDict(extra="allow")

    type: str
    text: str | None = None


class Message(BaseModel):
    """What somebody said."""

    model_config = ConfigDict(extra="allow")

    role: Literal["system", "developer", "user", "assistant", "tool", "function"]
    content: str | list[Part] | None = None


class Usage(BaseModel):
    """What a stream tells beside its pieces."""

    model_config = ConfigDict(extra="allow")

    include_usage: bool = False


class Format(BaseModel):
    """How the answer is to look."""

    model_config = ConfigDict(extra="allow")

    type: Literal["text", "json_object", "json_schema"] = "text"


class Completion(BaseModel):
    """The body of a request. What it does not know is refused, rather than passed over."""

    model_config = ConfigDict(extra="allow")

    model: str = Field(min_length=1, max_length=200)
    messages: list[Message] = Field(min_length=1, max_length=10_000)
    stream: bool | None = False
    stream_options: Usage | None = None
    n: int | None = 1
    user: str | None = None
    metadata: dict[str, str] | None = None
    modalities: list[str] | None = None
    response_format: Format | None = None
    inputs: dict[str, Any] = Field(default_factory=dict)  # of Remit: facts for which the caller vouches

    @property
    def as_json(self) -> bool:
        return self.response_format is not None and self.response_format.type != "text"


def wanted(body: Completion) -> Begin:
    """The run that is asked for. Raises Refused with the parameter that cannot be had."""
    for name, given in (body.model_extra or {}).items():
        if name in NOT_HERE and given:
            raise wrong(name, NOT_HERE[name])
        if name not in NOT_HERE and name not in CHOSEN_BY_AGENT:
            raise wrong(name, "is not known here")
    if body.n not in (None, 1):
        raise wrong("n", "a run is begun once, and has one report: leave n out")
    if body.modalities and set(body.modalities) - {"text"}:
        raise wrong("modalities", "an agent answers in text")
    *before, last = body.messages
    if last.role != "user":
        raise wrong(
            "messages", f"the last one is the goal of the run and must be the user's, not the {last.role}'s"
        )
    goal = text_of(last.content, f"messages/{len(before)}/content")
    if not goal.strip():
        raise wrong(f"messages/{len(before)}/content", "there is no goal: say what should be reached")
    try:
        return Begin(
            agent=body.model,
            goal=goal,
            quoted=quoted(lines_of(before)),
            inputs=body.inputs,
            person=Whom(id=body.user) if body.user else None,
        )
    except ValidationError as error:
        first = error.errors()[0]
        where = {"goal": f"messages/{len(before)}/content", "person": "user"}.get(str(first["loc"][0]))
        raise wrong(where or pointer(("body", *first["loc"]))[1:], str(first["msg"])) from error


def lines_of(before: list[Message]) -> list[str]:
    """What each said, as the agent reads it."""
    said = [
        (SAID.get(one.role, one.role), text_of(one.content, f"messages/{at}/content"))
        for at, one in enumerate(before)
    ]
    return [f"{who}: {text.strip()}" for who, text in said if text.strip()]


def quoted(lines: list[str]) -> str:
    """The conversation before its last message, oldest first; of a long one, its end."""
    text = "\n\n".join(lines)
    text = text if len(text) <= LONGEST else CUT + text[-LONGEST:]
    return f"{BEFORE}{text}" if text else ""


def text_of(content: str | list[Part] | None, where: str) -> str:
    """Raises Refused for what is no text."""
    if content is None or isinstance(content, str):
        return content or ""
    for number, part in enumerate(content):
        if part.type not in ("text", "input_text", "output_text", "refusal"):
            raise wrong(f"{where}/{number}", f"{part.type} cannot be given to an agent here: send text")
    return "\n".join(part.text or "" for part in content)


def wrong(where: str, what: str) -> Refused:
    return Refused(400, f"{named(where)}: {what}", [FieldError(pointer=f"/{where}", detail=what)])


def named(where: str) -> str:
    """As OpenAI names a parameter: `messages[0].content`."""
    first, *rest = where.strip("/").split("/")
    return first + "".join(f"[{part}]" if part.isdigit() else f".{part}" for part in rest)
