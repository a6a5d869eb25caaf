"""What a model is asked and what it answers, whoever provides it.

`Model` is the one protocol of the generative layer: providers, the local model and the test doubles all
implement it. Everything above speaks these types only; a provider's library stays inside `remit.models`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Literal, Protocol

from remit.errors import ModelError

Json = Any  # a JSON value: None, bool, int, float, str, list, dict with str keys


@dataclass(frozen=True, slots=True)
class ToolSpec:
    """A tool as the model sees it. `schema` is the JSON Schema (an object) of its arguments."""

    name: str
    description: str
    schema: Mapping[str, Json]
    writes: bool = (
        False  # changes something outside; small models are offered it only where the goal calls for it
    )


@dataclass(frozen=True, slots=True)
class ToolCall:
    """One call the model wants. `args` may be anything the model produced: nothing is validated yet."""

    id: str
    name: str
    args: Mapping[str, Json]


@dataclass(frozen=True, slots=True)
class Image:
    data: bytes
    media_type: str  # image/png, image/jpeg, …


@dataclass(frozen=True, slots=True)
class Message:
    """One turn. A `tool` message answers the call `call_id` of an earlier assistant message."""

    role: Literal["user", "assistant", "tool"]
    text: str = ""
    calls: tuple[ToolCall, ...] = ()
    call_id: str = ""
    tool: str = ""
    images: tuple[Image, ...] = ()


@dataclass(frozen=True, slots=True)
class Request:
    """One question to a model. `instructions` and `tools` come first and stay byte-stable over a run,
    so that a provider's prompt cache (or the local model's prefix cache) hits."""

    instructions: str
    messages: Sequence[Message]
    tools: Sequence[ToolSpec] = ()
    schema: Mapping[str, Json] | None = None  # wanted: JSON by this schema, in Answer.data
    max_tokens: int | None = None
    temperature: float | None = None
    image: bool = False  # wanted: an image, in Answer.images
    allowed: frozenset[str] | None = (
        None  # only these of `tools` may be called now; the others stay in the prompt
    )


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens as the provider counts them; `cost` in US dollars, None where the price is unknown."""

    input_tokens: int = 0
    output_tokens: int = 0
    cached_tokens: int = 0  # of the input, read from a prompt cache
    cost: Decimal | None = Decimal(0)


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back. Neither text, calls nor data: the model answered nothing."""

    text: str = ""
    calls: tuple[ToolCall, ...] = ()
    data: Json = None
    images: tuple[Image, ...] = ()
    usage: Usage = field(default_factory=Usage)
    model: str = ""  # which model of a chain answered
    finish: Literal["stop", "calls", "length", "refusal"] = "stop"


@dataclass(frozen=True, slots=True)
class Price:
    """US dollars a million tokens. `tiers` (from that many input tokens on, input, output), ascending, are
    for providers that charge all tokens of a long request dearer."""

    input: Decimal
    output: Decimal
    tiers: tuple[tuple[int, Decimal, Decimal], ...] = ()

    @property
    def free(self) -> bool:
        return not (self.input or self.output or self.tiers)

    def of(self, input_tokens: int, output_tokens: int) -> Decimal:
        input_price, output_price = self.input, self.output
        for start, tier_input, tier_output in self.tiers:
            if input_tokens > start:
                input_price, output_price = tier_input, tier_output
        return (input_price * input_tokens + output_price * output_tokens) / 1_000_000


class Model(Protocol):
    """Anything that answers a Request. Raises ModelError; `retryable` on it says if waiting can help."""

    @property
    def name(self) -> str:
        """`provider:model`."""

    @property
    def window(self) -> int:
        """Tokens of context."""

    @property
    def price(self) -> Price | None:
        """None: unknown."""

    @property
    def small(self) -> bool:
        """A small model that the loop guards more closely."""

    async def request(self, request: Request, stream: Callable[[str], None] | None = None) -> Answer:
        """Ask once. `stream` receives pieces of text as they come."""


@dataclass(frozen=True, slots=True)
class Unopened:
    """In place of a model where nothing is left to think about: a run that has ended is wound up, or undone, without."""

    name: str = "none"
    window: int = 1_000_000
    price: Price | None = None
    small: bool = False

    async def request(self, request: Request, stream: Callable[[str], None] | None = None) -> Answer:
        raise ModelError("the run has ended; no model was opened for it")


class Chooser(Protocol):
    """A model that can also score labels by log-probability (the local one)."""

    async def choose(self, prompt: str, labels: Sequence[str]) -> Mapping[str, float]:
        """Calibrated probability of each label as the continuation of `prompt`; sums to 1."""
