"""Providers: real requests of the OpenAI client to a loopback server, and pydantic-ai's own doubles."""

from __future__ import annotations

import asyncio
import gc
import itertools
import json
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic_ai.messages import BinaryContent, FilePart, ModelMessage, ModelResponse, TextPart, ToolCallPart
from pydantic_ai.models.function import AgentInfo, FunctionModel
from pydantic_ai.models.test import TestModel
from pydantic_ai.profiles import ModelProfile

from remit.errors import ModelError, UnknownName, UserError
from remit.models import structured
from remit.models.model import Image, Message, Request, ToolCall, ToolSpec
from remit.models.prices import FREE
from remit.models.provider import ProviderModel, is_small, known_names, open_provider, output_mode
from remit.models.registry import PROVIDERS
from remit.settings import Settings
from tests.models.openai_endpoint import Reply, chunk, completion, serving

SETTINGS = Settings(model_timeout=10)
HELLO = Request("Be brief.", [Message("user", "hi")])
LOOK = ToolSpec("look", "Look an order up.", {"type": "object", "properties": {"order": {"type": "string"}}})
CANCEL = ToolSpec("cancel", "Cancel an order.", {"type": "object", "properties": {}}, writes=True)
NUMBERS = {"type": "array", "items": {"type": "integer"}}


def over(inner: Any, name: str = "function:x") -> ProviderModel:
    return ProviderModel(name, inner, SETTINGS, FREE, 1000)


async def test_an_answer_comes_with_its_usage_and_its_model() -> None:
    with serving(Reply(completion("hello"))) as endpoint:
        answer = await open_provider(endpoint.name(), SETTINGS).request(HELLO)
    assert (answer.text, answer.finish, answer.model) == ("hello", "stop", endpoint.name())
    usage = answer.usage
    assert (usage.input_tokens, usage.output_tokens, usage.cached_tokens, usage.cost) == (
        100,
        7,
        40,
        Decimal(0),
    )
    assert endpoint.requests[0]["messages"] == [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "hi"},
    ]


async def test_a_cut_off_answer_says_that_it_was_cut_off() -> None:
    with serving(Reply(completion("hel", finish="length"))) as endpoint:
        answer = await open_provider(endpoint.name(), SETTINGS).request(HELLO)
    assert answer.finish == "length"


async def test_the_sent_prefix_stays_the_same_byte_for_byte_as_a_run_grows() -> None:
    turns = (
        Message("user", "where is W1?"),
        Message("assistant", "", (ToolCall("c1", "look", {"order": "W1", "deep": {"b": 1, "a": 2}}),)),
        Message("tool", "lost", call_id="c1", tool="look"),
        Message("assistant", "It is lost."),
        Message("user", "cancel it"),
    )
    with serving(*[Reply(completion("x"))] * 3) as endpoint:
        model = open_provider(endpoint.name(), SETTINGS)
        for length in (1, 3, 5):
            await model.request(Request("Be brief.", turns[:length], [LOOK, CANCEL]))
    sent = [[json.dumps(message) for message in body["messages"]] for body in endpoint.requests]
    for shorter, longer in itertools.pairwise(sent):
        assert longer[: len(shorter)] == shorter
    assert len({json.dumps(body["tools"]) for body in endpoint.requests}) == 1


async def test_tool_calls_come_as_dicts_and_broken_arguments_come_marked() -> None:
    calls = [("look", '{"order": "W1"}'), ("look", "{oops"), ("nope", "[1]"), ("look", "")]
    with serving(Reply(completion(None, calls))) as endpoint:
        answer = await open_provider(endpoint.name(), SETTINGS).request(Request("i", HELLO.messages, [LOOK]))
    assert answer.finish == "calls"
    assert [(call.name, dict(call.args)) for call in answer.calls] == [
        ("look", {"order": "W1"}),
        ("look", {"$invalid": "{oops"}),
        ("nope", {"$invalid": "[1]"}),
        ("look", {}),
    ]


async def test_a_tool_result_is_sent_as_the_answer_to_its_call() -> None:
    messages = [
        Message("user", "hi"),
        Message("assistant", "I look.", (ToolCall("c9", "look", {"order": "1"}),)),
        Message("tool", "gone", call_id="c9", tool="look"),
        Message("user", "well?"),
    ]
    with serving(Reply(completion("x"))) as endpoint:
        await open_provider(endpoint.name(), SETTINGS).request(Request("i", messages, [LOOK]))
    _, _, assistant, result, user = endpoint.requests[0]["messages"]
    assert assistant["tool_calls"][0]["id"] == result["tool_call_id"] == "c9"
    assert json.loads(assistant["tool_calls"][0]["function"]["arguments"]) == {"order": "1"}
    assert (result["role"], result["content"], user["content"]) == ("tool", "gone", "well?")


async def test_only_the_allowed_tools_can_be_called() -> None:
    with serving(Reply(completion("x")), Reply(completion("x"))) as endpoint:
        model = open_provider(endpoint.name(), SETTINGS)
        await model.request(Request("i", HELLO.messages, [LOOK, CANCEL], allowed=frozenset({"look"})))
        await model.request(Request("i", HELLO.messages, [LOOK, CANCEL], allowed=frozenset()))
    some, none = endpoint.requests
    assert [tool["function"]["name"] for tool in some["tools"]] == ["look"]
    assert none["tool_choice"] == "none"


async def test_limits_are_sent_along() -> None:
    with serving(Reply(completion("x"))) as endpoint:
        request = Request("i", HELLO.messages, max_tokens=5, temperature=0.5)
        await open_provider(endpoint.name(), SETTINGS).request(request)
    body = endpoint.requests[0]
    assert body.get("max_tokens", body.get("max_completion_tokens")) == 5
    assert body["temperature"] == 0.5


async def test_text_streams_in_pieces_that_make_up_the_answer() -> None:
    events = [chunk({"role": "assistant", "content": "he"}), chunk({"content": "llo"}), chunk({}, "stop")]
    pieces: list[str] = []
    with serving(Reply(events=events)) as endpoint:
        answer = await open_provider(endpoint.name(), SETTINGS).request(HELLO, pieces.append)
    assert pieces == ["he", "llo"]
    assert answer.text == "hello"


async def test_tool_calls_arrive_by_stream_too() -> None:
    call = {"index": 0, "id": "c1", "type": "function", "function": {"name": "look", "arguments": '{"ord'}}
    rest = {"index": 0, "function": {"arguments": 'er": "W1"}'}}
    events = [chunk({"tool_calls": [call]}), chunk({"tool_calls": [rest]}), chunk({}, "tool_calls")]
    with serving(Reply(events=events)) as endpoint:
        model = open_provider(endpoint.name(), SETTINGS)
        answer = await model.request(Request("i", HELLO.messages, [LOOK]), lambda _: None)
    assert answer.calls == (ToolCall("c1", "look", {"order": "W1"}),)


async def test_a_server_that_counts_no_tokens_is_counted_for() -> None:
    events = [chunk({"role": "assistant", "content": "hello " * 30}), chunk({}, "stop")]
    with serving(Reply(events=events)) as endpoint:
        answer = await open_provider(endpoint.name(), SETTINGS).request(HELLO, lambda _: None)
    assert answer.usage.output_tokens >= 30
    assert answer.usage.input_tokens > 0


BROKEN = {
    "rate limit": (Reply({"error": {"message": "slow down"}}, 429, {"Retry-After": "7"}), True, "slow down"),
    "server error": (Reply({"error": {"message": "oops"}}, 500), True, "oops"),
    "overload without a body": (Reply(raw=b"", status=503), True, "503"),
    "a web page": (Reply(raw=b"<html>no</html>"), True, "JSON"),
    "a list": (Reply([1, 2]), True, "cannot be read"),
    "bytes": (Reply(raw=b"\xff\xfe\x00"), True, "decode"),
    "no choices": (Reply({**completion("x"), "choices": []}), True, "cannot be read"),
    "wrong key": (Reply({"error": {"message": "bad key"}}, 401), False, "key"),
    "no such model": (
        Reply({"error": {"message": "?", "code": "model_not_found"}}, 404),
        False,
        "no such model",
    ),
    "used up": (Reply({"error": {"message": "q", "code": "insufficient_quota"}}, 429), False, "quota"),
    "too long": (
        Reply({"error": {"message": "l", "code": "context_length_exceeded"}}, 400),
        False,
        "longer than",
    ),
    "bad request": (Reply({"error": {"message": "no such field"}}, 400), False, "no such field"),
}


@pytest.mark.parametrize("case", BROKEN)
async def test_a_failure_says_what_happened_and_whether_waiting_helps(case: str) -> None:
    reply, retryable, says = BROKEN[case]
    with serving(reply) as endpoint:
        with pytest.raises(ModelError) as caught:
            await open_provider(endpoint.name(), SETTINGS).request(HELLO)
        assert len(endpoint.requests) == 1  # the client library does not ask again behind our back
    assert caught.value.retryable is retryable
    assert says in str(caught.value)
    assert endpoint.name() in str(caught.value)
    assert caught.value.retry_after == (7.0 if case == "rate limit" else None)


STREAM_BROKEN = {
    "cut": Reply(events=[chunk({"role": "assistant", "content": "he"})], cut=True),
    "error": Reply(events=[chunk({"content": "he"}), {"error": {"message": "overloaded", "code": 503}}]),
    "garbage": Reply(raw=b"data: {nope\n\ndata: [DONE]\n\n"),
}


@pytest.mark.parametrize("case", STREAM_BROKEN)
async def test_a_stream_that_breaks_off_is_a_failure_that_can_be_tried_again(case: str) -> None:
    with serving(STREAM_BROKEN[case]) as endpoint, pytest.raises(ModelError) as caught:
        await open_provider(endpoint.name(), SETTINGS).request(HELLO, lambda _: None)
    assert caught.value.retryable


@pytest.mark.parametrize("streaming", [False, True])
async def test_a_server_that_hangs_is_given_up_after_the_timeout(streaming: bool) -> None:
    with serving(Reply(hang=True)) as endpoint:
        model = open_provider(endpoint.name(), Settings(model_timeout=0.05))
        with pytest.raises(ModelError, match="timed out") as caught:
            await model.request(HELLO, (lambda _: None) if streaming else None)
    assert caught.value.retryable


async def test_a_server_that_is_not_there_is_said_to_be_unreachable() -> None:
    with serving() as endpoint:
        name = endpoint.name()
    with pytest.raises(ModelError, match="the connection failed") as caught:
        await open_provider(name, SETTINGS).request(HELLO)
    assert caught.value.retryable


@pytest.mark.parametrize("text", ["", None])
async def test_an_empty_answer_is_an_answer_with_nothing_in_it(text: str | None) -> None:
    with serving(Reply(completion(text))) as endpoint:
        answer = await open_provider(endpoint.name(), SETTINGS).request(HELLO)
    assert (answer.text, answer.calls, answer.data, answer.finish) == ("", (), None, "stop")


async def test_data_by_a_schema_is_asked_for_natively_and_unwrapped() -> None:
    with serving(Reply(completion('{"value": [1, 2]}'))) as endpoint:
        answer = await open_provider(endpoint.name(), SETTINGS).request(
            Request("i", HELLO.messages, schema=NUMBERS)
        )
    assert (answer.data, answer.text) == ([1, 2], "")
    sent = endpoint.requests[0]["response_format"]["json_schema"]["schema"]
    assert sent["properties"]["value"] == NUMBERS


async def test_an_answer_beside_the_schema_is_sent_back_once_with_what_is_wrong() -> None:
    replies = [Reply(completion('{"value": ["x"]}')), Reply(completion('```json\n{"value": [3]}\n```'))]
    with serving(*replies) as endpoint:
        answer = await open_provider(endpoint.name(), SETTINGS).request(
            Request("i", HELLO.messages, schema=NUMBERS)
        )
    assert answer.data == [3]
    assert answer.usage.input_tokens == 200  # both attempts are paid
    assert "'x' is not of type 'integer'" in endpoint.requests[1]["messages"][-1]["content"]


@pytest.mark.parametrize("text", ["nonsense", "", '{"value": NaN}', '{"other": 1}'])
async def test_an_answer_that_stays_beside_the_schema_is_an_error_after_two_attempts(text: str) -> None:
    with serving(Reply(completion(text)), Reply(completion(text))) as endpoint:
        with pytest.raises(ModelError, match="did not follow the schema"):
            await open_provider(endpoint.name(), SETTINGS).request(
                Request("i", HELLO.messages, schema=NUMBERS)
            )
        assert len(endpoint.requests) == 2


async def test_data_that_was_cut_off_says_so_and_is_not_asked_for_again() -> None:
    with serving(Reply(completion('{"value": [1', finish="length"))) as endpoint:
        request = Request("i", HELLO.messages, schema=NUMBERS, max_tokens=4)
        with pytest.raises(ModelError, match="more than 4 tokens"):
            await open_provider(endpoint.name(), SETTINGS).request(request)


async def test_with_tools_the_data_is_handed_in_by_a_tool_and_repaired_by_its_result() -> None:
    wrong, right = [("final_answer", '{"value": ["x"]}')], [("final_answer", '{"value": [1]}')]
    with serving(Reply(completion(None, wrong)), Reply(completion(None, right))) as endpoint:
        model = open_provider(endpoint.name(), SETTINGS)
        answer = await model.request(Request("i", HELLO.messages, [LOOK], schema=NUMBERS))
    assert (answer.data, answer.calls) == ([1], ())
    assert endpoint.requests[1]["messages"][-1]["tool_call_id"] == "c0"


async def test_with_tools_a_call_comes_before_the_data() -> None:
    with serving(Reply(completion(None, [("look", "{}")]))) as endpoint:
        model = open_provider(endpoint.name(), SETTINGS)
        answer = await model.request(Request("i", HELLO.messages, [LOOK], schema=NUMBERS))
    assert [call.name for call in answer.calls] == ["look"]
    assert answer.data is None


async def test_a_schema_that_is_none_is_refused_before_anything_is_sent() -> None:
    with serving() as endpoint:
        with pytest.raises(UserError, match="not a JSON Schema"):
            await open_provider(endpoint.name(), SETTINGS).request(
                Request("i", HELLO.messages, schema={"type": 7})
            )
        assert endpoint.requests == []


async def test_a_model_without_native_schemas_hands_in_by_tool_and_one_without_tools_is_prompted() -> None:
    asked = Request("i", HELLO.messages, schema=NUMBERS)
    assert output_mode(asked, ModelProfile(supports_json_schema_output=True)) == "native"
    assert output_mode(asked, ModelProfile(supports_json_schema_output=False)) == "tool"
    assert output_mode(asked, ModelProfile(supports_tools=False)) == "prompted"


async def test_a_prompted_model_is_told_the_schema_in_words() -> None:
    seen: list[AgentInfo] = []

    def reply(_: list[ModelMessage], info: AgentInfo) -> ModelResponse:
        seen.append(info)
        return ModelResponse(parts=[TextPart('{"value": [4]}')])

    profile = ModelProfile(supports_tools=False, supports_json_schema_output=False)
    answer = await over(FunctionModel(reply, profile=profile)).request(
        Request("i", HELLO.messages, schema=NUMBERS)
    )
    assert answer.data == [4]
    parts = seen[0].model_request_parameters.instruction_parts or []
    assert "integer" in parts[-1].content


async def test_images_go_in() -> None:
    picture = Message("user", "what is it?", images=(Image(b"xx", "image/png"),))
    with serving(Reply(completion("a cat"))) as endpoint:
        await open_provider(endpoint.name(), SETTINGS).request(Request("i", [picture]))
    text, image = endpoint.requests[0]["messages"][-1]["content"]
    assert text["text"] == "what is it?"
    assert image["image_url"]["url"] == "data:image/png;base64,eHg="


async def test_images_come_out_where_the_model_makes_them() -> None:
    def paint(_: list[ModelMessage], info: AgentInfo) -> ModelResponse:
        assert info.model_request_parameters.allow_image_output
        return ModelResponse(parts=[FilePart(BinaryContent(b"yy", media_type="image/png"))])

    painter = FunctionModel(paint, profile=ModelProfile(supports_image_output=True))
    answer = await over(painter).request(Request("i", HELLO.messages, image=True))
    assert answer.images == (Image(b"yy", "image/png"),)


async def test_a_model_that_makes_no_images_says_so() -> None:
    with serving() as endpoint, pytest.raises(UserError, match="Image output is not supported"):
        await open_provider(endpoint.name(), SETTINGS).request(Request("i", HELLO.messages, image=True))


async def test_arguments_that_come_as_a_dict_stay_one() -> None:
    answer = await over(TestModel(call_tools=["look"])).request(Request("i", HELLO.messages, [LOOK]))
    assert [call.name for call in answer.calls] == ["look"]
    assert isinstance(answer.calls[0].args, dict)


async def test_a_refusal_by_the_content_filter_is_a_refusal() -> None:
    def refuse(_: list[ModelMessage], __: AgentInfo) -> ModelResponse:
        return ModelResponse(parts=[], finish_reason="content_filter")

    answer = await over(FunctionModel(refuse)).request(Request("i", HELLO.messages, schema=NUMBERS))
    assert answer.finish == "refusal"


async def test_a_mistake_in_the_stream_callback_is_not_taken_for_the_models() -> None:
    def broken(_: str) -> None:
        raise KeyError("mine")

    events = [chunk({"content": "he"}), chunk({}, "stop")]
    with serving(Reply(events=events)) as endpoint, pytest.raises(KeyError, match="mine"):
        await open_provider(endpoint.name(), SETTINGS).request(HELLO, broken)


def test_one_model_serves_one_event_loop_after_another() -> None:
    with serving(Reply(completion("one")), Reply(completion("two"))) as endpoint:
        model = open_provider(endpoint.name(), SETTINGS)
        texts = [asyncio.run(model.request(HELLO)).text for _ in range(2)]
    gc.collect()
    assert texts == ["one", "two"]


async def test_an_endpoint_gets_its_own_key_and_never_the_one_for_openai(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-secret")
    with serving(Reply(completion("x")), Reply(completion("x"))) as endpoint:
        await open_provider(endpoint.name(), SETTINGS).request(HELLO)
        await open_provider(endpoint.name(), Settings.model_validate({"endpoint_key": "mine"})).request(HELLO)
    first, second = endpoint.headers
    assert "sk-secret" not in json.dumps(first)
    assert second["authorization"] == "Bearer mine"


@pytest.mark.parametrize("name", ["http://127.0.0.1:9/v1", "http://#x", "https://"])
def test_an_endpoint_without_a_model_or_host_is_explained(name: str) -> None:
    with pytest.raises(UserError, match="http://host:port/v1#model"):
        open_provider(name, SETTINGS)


@pytest.mark.parametrize(
    ("name", "nearest"), [("opnai:gpt-6-luna", "openai:gpt-6-luna"), ("gpt-6-luna", "openai:gpt-6-luna")]
)
def test_an_unknown_name_comes_with_the_nearest(name: str, nearest: str) -> None:
    with pytest.raises(UnknownName) as caught:
        open_provider(name, SETTINGS)
    assert caught.value.nearest == nearest


def test_a_missing_key_names_its_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("OPENAI_API_KEY", "OPENAI_BASE_URL"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(UserError, match="OPENAI_API_KEY"):
        open_provider("openai:gpt-6-luna", SETTINGS)


def test_a_missing_library_comes_with_its_pip_line() -> None:
    with pytest.raises(UserError, match=r"pip install 'pydantic-ai-slim\[cohere\]'"):
        open_provider("cohere:command-r7b-12-2024", SETTINGS)


def test_every_default_model_is_one_that_the_library_knows() -> None:
    assert {provider.default for provider in PROVIDERS} <= set(known_names())


def test_ollama_needs_no_setting_and_takes_its_window_from_ollamas(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OLLAMA_BASE_URL", raising=False)
    monkeypatch.delenv("OLLAMA_CONTEXT_LENGTH", raising=False)
    model = open_provider("ollama:qwen3:8b", SETTINGS)
    assert (model.price, model.small, model.window) == (FREE, True, 4096)
    monkeypatch.setenv("OLLAMA_CONTEXT_LENGTH", "32000")
    assert open_provider("ollama:qwen3:70b", SETTINGS).window == 32_000


async def test_openais_own_models_are_asked_by_its_responses_api(monkeypatch: pytest.MonkeyPatch) -> None:
    body = {
        "id": "r", "object": "response", "created_at": 1, "model": "gpt-6-luna", "status": "completed",
        "parallel_tool_calls": True, "tool_choice": "auto", "tools": [],
        "output": [{"type": "message", "id": "m", "role": "assistant", "status": "completed",
                    "content": [{"type": "output_text", "text": "hello", "annotations": []}]}],
        "usage": {"input_tokens": 1000, "input_tokens_details": {"cached_tokens": 500}, "output_tokens": 100,
                  "output_tokens_details": {"reasoning_tokens": 0}, "total_tokens": 1100},
    }  # fmt: skip
    with serving(Reply(body)) as endpoint:
        monkeypatch.setenv("OPENAI_API_KEY", "k")
        monkeypatch.setenv("OPENAI_BASE_URL", endpoint.url)
        model = open_provider("openai:gpt-6-luna", SETTINGS)
        answer = await model.request(HELLO)
    assert answer.text == "hello"
    assert model.price is not None
    assert answer.usage.cached_tokens == 500
    assert answer.usage.cost is not None
    assert 0 < answer.usage.cost < model.price.of(1000, 100)  # cached tokens are cheaper


async def test_anthropic_is_told_to_cache_the_prefix(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("anthropic")
    used = {
        "input_tokens": 10,
        "cache_read_input_tokens": 900,
        "cache_creation_input_tokens": 90,
        "output_tokens": 1,
    }
    message: dict[str, Any] = {"id": "m", "type": "message", "role": "assistant", "model": "claude-sonnet-5-5", "content": [],
               "stop_reason": None, "stop_sequence": None, "usage": used}  # fmt: skip
    stop = {"stop_reason": "end_turn", "stop_sequence": None}
    events = [
        {"type": "message_start", "message": message},
        {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
        {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "hello"}},
        {"type": "content_block_stop", "index": 0},
        {"type": "message_delta", "delta": stop, "usage": {"output_tokens": 5}},
        {"type": "message_stop"},
    ]
    with serving(Reply(events=events)) as endpoint:
        monkeypatch.setenv("ANTHROPIC_API_KEY", "k")
        monkeypatch.setenv("ANTHROPIC_BASE_URL", endpoint.url)
        answer = await open_provider("anthropic:claude-sonnet-5-5", SETTINGS).request(
            Request("Be brief.", HELLO.messages, [LOOK])
        )
    sent = endpoint.requests[0]
    assert "cache_control" in json.dumps(sent["system"])
    assert "cache_control" in json.dumps(sent["tools"])
    assert (answer.usage.input_tokens, answer.usage.cached_tokens) == (1000, 900)
    assert (
        answer.usage.cost
        == (10 * Decimal(2) + 90 * Decimal("2.5") + 900 * Decimal("0.1") + 5 * 10) / 1_000_000
    )


@pytest.mark.parametrize(
    ("model", "small"),
    [("qwen3:8b", True), ("llama-3.2-3b-instruct", True), ("qwen2.5-coder-1.5b", True), ("qwen3-30b-a3b", False),
     ("gpt-6-luna", False), ("openai/gpt-oss-120b", False), ("b", False), ("llama3.3-70b", False)],
)  # fmt: skip
def test_a_small_model_is_known_by_the_size_in_its_name(model: str, small: bool) -> None:
    assert is_small(model) is small


@given(st.text())
def test_any_text_of_arguments_becomes_a_dict(raw: str) -> None:
    made = structured.arguments(raw)
    assert isinstance(made, dict)
    assert made.get("$invalid", raw) == raw or json.loads(raw) == made


@given(st.dictionaries(st.text(), st.integers() | st.text() | st.none()))
def test_arguments_that_are_an_object_come_through_unchanged(value: dict[str, Any]) -> None:
    assert structured.arguments(json.dumps(value)) == value
    assert structured.arguments(value) == value


def test_the_output_tool_is_never_taken_for_a_call_of_ours() -> None:
    def hand_in(_: list[ModelMessage], __: AgentInfo) -> ModelResponse:
        return ModelResponse(parts=[ToolCallPart("final_answer", {"value": [1]}), TextPart("done")])

    answer = asyncio.run(
        over(FunctionModel(hand_in)).request(Request("i", HELLO.messages, [LOOK], schema=NUMBERS))
    )
    assert (answer.calls, answer.data) == ((), [1])
