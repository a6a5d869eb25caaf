"""Providers, through pydantic-ai: this module with `provider_inner` and `provider_errors` alone import it (0.7 s), so import this
one only to use it.

Model names: `openai:…`, `anthropic:…`, `google:…`, `mistral:…`, `bedrock:…`, `groq:…`, `ollama:…` and whatever else
pydantic-ai knows; an OpenAI-compatible endpoint of any kind is `http://host:port/v1#model`, with its key, if it
wants one, in REMIT_ENDPOINT_KEY (never OPENAI_API_KEY, which is not for strangers).
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any, Literal

from pydantic_ai import exceptions as ai
from pydantic_ai.direct import model_request, model_request_stream
from pydantic_ai.messages import (
    BinaryContent,
    FilePart,
    ModelMessage,
    ModelRequest,
    ModelRequestPart,
    ModelResponse,
    ModelResponsePart,
    PartDeltaEvent,
    PartStartEvent,
    TextPart,
    TextPartDelta,
    ToolCallPart,
    ToolReturnPart,
    UserPromptPart,
)
from pydantic_ai.models import Model as Inner
from pydantic_ai.models import ModelRequestParameters, known_model_names
from pydantic_ai.native_tools import ImageGenerationTool
from pydantic_ai.output import OutputObjectDefinition
from pydantic_ai.profiles import ModelProfile
from pydantic_ai.settings import ModelSettings, ToolOrOutput
from pydantic_ai.tools import ToolDefinition

from remit.errors import ModelError, UnknownName, UserError
from remit.models import prices, structured
from remit.models.model import Answer, Image, Message, Price, Request, ToolCall, Usage
from remit.models.provider_errors import failure
from remit.models.provider_inner import open_inner
from remit.settings import Settings

Json = Any
Mode = Literal["native", "tool", "prompted"]
OUTPUT_TOOL = "final_answer"  # how models without native JSON schema hand in their answer
UNKNOWN_WINDOW = 32_768  # tokens; where nobody says
OLLAMA_WINDOW = 4_096  # its own default: it silently cuts what is longer
_EXTRAS = ("anthropic", "google", "mistral", "bedrock", "groq")
_SIZE = re.compile(r"(?<![\d.a-z])(\d+(?:\.\d+)?)b(?![a-z])", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class ProviderModel:
    """A provider's model as a `Model`. One attempt a request; `retry.Retrying` is what asks again."""

    name: str
    inner: Inner[Any]
    settings: Settings
    price: Price | None
    window: int  # tokens
    small: bool = False

    async def request(self, request: Request, stream: Callable[[str], None] | None = None) -> Answer:
        """Ask once; an answer that is not by the schema is sent back for repair once.

        `stream` gets text only, never JSON of a schema. Raises ModelError, and UserError for what the model cannot do.
        """
        if request.schema is None:
            response = await self._ask(
                _history(request), _parameters(request, None, self.inner.profile), request, stream
            )
            return self._answer(response, self._usage(request, response))
        return await self._structured(request, request.schema)

    async def _structured(self, request: Request, schema: Mapping[str, Json]) -> Answer:
        structured.require_schema(schema)
        mode = output_mode(request, self.inner.profile)
        parameters = _parameters(request, mode, self.inner.profile)
        history = _history(request)
        spent = Usage()
        wrong = ""
        for _ in range(2):
            response = await self._ask(history, parameters, request, None)
            spent = prices.add(spent, self._usage(request, response))
            answer = self._answer(response, spent)
            if answer.calls or answer.finish == "refusal":
                return answer
            if answer.finish == "length":
                raise ModelError(
                    f"{self.name}: the JSON was cut off; give it more than {request.max_tokens} tokens"
                )
            data, wrong = _data(response, schema)
            if not wrong:
                return replace(answer, text="", data=data)
            history = [*history, *([response] if response.parts else []), _repair(response, wrong)]
        raise ModelError(f"{self.name}: its answer did not follow the schema, even asked again: {wrong}")

    async def _ask(
        self,
        history: Sequence[ModelMessage],
        parameters: ModelRequestParameters,
        request: Request,
        stream: Callable[[str], None] | None,
    ) -> ModelResponse:
        settings = _settings(request, self.settings.model_timeout, self.inner)
        try:
            if stream is not None:
                return await self._listen(history, parameters, settings, stream)
            return await self._fetch(history, parameters, settings)
        except (ai.AgentRunError, ai.UserError) as error:
            raise failure(self.name, error) from error

    async def _fetch(
        self, history: Sequence[ModelMessage], parameters: ModelRequestParameters, settings: ModelSettings
    ) -> ModelResponse:
        try:
            return await model_request(
                self.inner, history, model_settings=settings, model_request_parameters=parameters
            )
        except (
            LookupError,
            ValueError,
            AttributeError,
            TypeError,
        ) as error:  # the library trips over nonsense
            raise ModelError(f"{self.name}: the answer cannot be read: {error!r}", retryable=True) from error

    async def _listen(
        self,
        history: Sequence[ModelMessage],
        parameters: ModelRequestParameters,
        settings: ModelSettings,
        stream: Callable[[str], None],
    ) -> ModelResponse:
        async with model_request_stream(
            self.inner, history, model_settings=settings, model_request_parameters=parameters
        ) as pieces:
            async for event in pieces:
                piece = _text_of(event)
                if piece:
                    stream(piece)
            response = pieces.get()
        if response.state in ("incomplete", "interrupted"):
            raise ModelError(f"{self.name}: the answer broke off", retryable=True)
        return response

    def _usage(self, request: Request, response: ModelResponse) -> Usage:
        counted = response.usage
        usage = Usage(counted.input_tokens, counted.output_tokens, counted.cache_read_tokens, None)
        if (
            not usage.input_tokens and not usage.output_tokens
        ):  # a server that does not count: a budget must hold
            usage = Usage(*estimate(request, response), 0, None)
        cost = prices.cost_of(self.name, usage, self.settings, written=counted.cache_write_tokens)
        return replace(usage, cost=cost)

    def _answer(self, response: ModelResponse, usage: Usage) -> Answer:
        calls = tuple(
            ToolCall(part.tool_call_id, part.tool_name, structured.arguments(part.args))
            for part in response.parts
            if isinstance(part, ToolCallPart) and part.tool_name != OUTPUT_TOOL
        )
        images = tuple(
            Image(part.content.data, part.content.media_type)
            for part in response.parts
            if isinstance(part, FilePart) and part.content.is_image
        )
        finish: Literal["stop", "calls", "length", "refusal"] = "calls" if calls else "stop"
        if response.finish_reason == "length":
            finish = "length"
        elif response.finish_reason == "content_filter":
            finish = "refusal"
        text = _text(response)
        return Answer(text, calls, None, images, usage, self.name, finish)


def open_provider(
    name: str,
    settings: Settings,
    *,
    window: int | None = None,
    keys: Mapping[str, str] = MappingProxyType({}),
) -> ProviderModel:
    """The model of that name; nothing is sent yet. `window`: tokens, where an endpoint has told. `keys`: by provider, where
    the environment has none.

    Raises UnknownName, and UserError for a library that is not installed or a key that is not set.
    """
    try:
        inner = open_inner(name, settings, keys)
    except ImportError as error:
        provider = name.partition(":")[0]
        package = f"remit[{provider}]" if provider in _EXTRAS else f"pydantic-ai-slim[{provider}]"
        raise UserError(f"{name}: its library is not installed. pip install '{package}'") from error
    except (ai.UserError, ValueError) as error:
        if str(error).startswith(("Unknown model", "Unknown provider")):
            raise UnknownName("model", name, known_names()) from error
        said = str(error).split(" or pass it via")[0]  # the rest speaks to a programmer
        raise UserError(f"{name}: {said}") from error
    model = name.partition("#")[2] if "://" in name else name.partition(":")[2]
    return ProviderModel(
        name,
        inner,
        settings,
        prices.price_of(name, settings),
        window or _window(name, inner),
        is_small(model),
    )


def known_names() -> tuple[str, ...]:
    """Names to choose from; providers accept more than these."""
    return tuple(name for name in known_model_names() if name != "test")


def is_small(model: str) -> bool:
    """Whether the model's name says that it has fewer than ten billion parameters (`qwen3:8b`, `llama-3b`).

    Of a mixture of experts the whole counts: the largest figure in the name.
    """
    sizes = [float(size) for size in _SIZE.findall(model)]
    return bool(sizes) and max(sizes) < 10


def output_mode(request: Request, profile: ModelProfile) -> Mode:
    """How to ask for JSON by a schema. Native schemas and tools do not go together everywhere, so with
    tools the answer is a tool of its own."""
    native = profile.get("supports_json_schema_output", False)
    tools = profile.get("supports_tools", True)
    if native and not (request.tools and tools):
        return "native"
    return "tool" if tools else "prompted"


def estimate(request: Request, response: ModelResponse) -> tuple[int, int]:
    """(input, output) tokens where nobody counted, rather too many: three characters a token."""
    asked = len(request.instructions) + len(
        str([(tool.name, tool.description, tool.schema) for tool in request.tools])
    )
    asked += sum(len(m.text) + sum(len(str(call.args)) for call in m.calls) for m in request.messages)
    answered = len(_text(response)) + sum(
        len(str(p.args)) for p in response.parts if isinstance(p, ToolCallPart)
    )
    return asked // 3 + 1, answered // 3 + 1


def _window(name: str, inner: Inner[Any]) -> int:
    if name.startswith("ollama:"):
        told = os.environ.get("OLLAMA_CONTEXT_LENGTH", "")
        return int(told) if told.isdigit() and int(told) else OLLAMA_WINDOW
    return inner.context_window or UNKNOWN_WINDOW


def _settings(request: Request, timeout: float, inner: Inner[Any]) -> ModelSettings:
    # `cache` marks the stable prefix (tools, instructions) and the conversation where a provider wants it marked.
    settings = ModelSettings(request_timeout=timeout, cache=True)
    if "max_retries" not in inner.unsupported_settings:
        settings["max_retries"] = 0  # Retrying is the one that asks again
    if request.max_tokens is not None:
        settings["max_tokens"] = request.max_tokens
    if request.allowed is not None and request.tools:
        settings["tool_choice"] = ToolOrOutput(
            [tool.name for tool in request.tools if tool.name in request.allowed]
        )
    if request.temperature is not None:
        settings["temperature"] = request.temperature
    return settings


def _parameters(request: Request, mode: Mode | None, profile: ModelProfile) -> ModelRequestParameters:
    parameters = ModelRequestParameters(
        function_tools=[
            ToolDefinition(
                name=tool.name, description=tool.description, parameters_json_schema=dict(tool.schema)
            )
            for tool in request.tools
        ]
    )
    if request.image:
        supported = profile.get("supported_native_tools", frozenset())
        parameters = replace(
            parameters,
            allow_image_output=True,
            native_tools=[ImageGenerationTool()] if ImageGenerationTool in supported else [],
        )
    if mode is None or request.schema is None:
        return parameters
    schema, _ = structured.wrap(request.schema)
    if mode == "tool":
        hand_in = ToolDefinition(
            name=OUTPUT_TOOL,
            description="Hand in your final answer.",
            parameters_json_schema=schema,
            kind="output",
        )
        return replace(parameters, output_mode="tool", output_tools=[hand_in], allow_text_output=False)
    return replace(parameters, output_mode=mode, output_object=OutputObjectDefinition(schema, name="answer"))


def _history(request: Request) -> list[ModelMessage]:
    """Our messages as theirs: what the user and the tools say between two answers is one request."""
    history: list[ModelMessage] = []
    waiting: list[ModelRequestPart] = []
    for message in request.messages:
        if message.role == "assistant":
            parts = _assistant(message)
            if parts:
                history += [ModelRequest(parts=waiting)] if waiting else []
                history.append(ModelResponse(parts=parts))
                waiting = []
        elif message.role == "tool":
            waiting.append(ToolReturnPart(message.tool, _content(message), message.call_id))
        else:
            waiting.append(UserPromptPart(_content(message)))
    history.append(ModelRequest(parts=waiting, instructions=request.instructions or None))
    return history


def _assistant(message: Message) -> list[ModelResponsePart]:
    text: list[ModelResponsePart] = [TextPart(message.text)] if message.text else []
    return [*text, *(ToolCallPart(call.name, dict(call.args), call.id) for call in message.calls)]


def _content(message: Message) -> Any:
    if not message.images:
        return message.text
    images = [BinaryContent(image.data, media_type=image.media_type) for image in message.images]
    return [message.text, *images] if message.text else images


def _text(response: ModelResponse) -> str:
    return "".join(part.content for part in response.parts if isinstance(part, TextPart))


def _text_of(event: object) -> str:
    """The piece of text that a stream event brings."""
    if isinstance(event, PartStartEvent) and isinstance(event.part, TextPart):
        return event.part.content
    if isinstance(event, PartDeltaEvent) and isinstance(event.delta, TextPartDelta):
        return event.delta.content_delta
    return ""


def _handed_in(response: ModelResponse) -> list[ToolCallPart]:
    return [
        part for part in response.parts if isinstance(part, ToolCallPart) and part.tool_name == OUTPUT_TOOL
    ]


def _data(response: ModelResponse, schema: Mapping[str, Json]) -> tuple[Json, str]:
    """(the value, "") or (None, what is wrong with it)."""
    sent, wrapped = structured.wrap(schema)
    calls = _handed_in(response)
    try:
        value = structured.arguments(calls[0].args) if calls else structured.parse(_text(response))
    except ValueError as error:
        return None, f"not JSON: {error}"
    if isinstance(value, dict) and structured.INVALID in value:
        return None, "not a JSON object"
    wrong = structured.problem(sent, value)
    if wrong is not None:
        return None, wrong
    return (value["value"] if wrapped else value), ""


def _repair(response: ModelResponse, wrong: str) -> ModelRequest:
    ask = f"That did not follow the JSON schema: {wrong}. Answer again, with JSON by the schema only."
    returns: list[ModelRequestPart] = [
        ToolReturnPart(OUTPUT_TOOL, ask, call.tool_call_id) for call in _handed_in(response)
    ]
    return ModelRequest(parts=returns or [UserPromptPart(ask)])
