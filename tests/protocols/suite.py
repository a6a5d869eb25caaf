"""What the MCP conformance suite expects of a server, on the shelf of ours: tools, resources and prompts of the names that it
calls. How they are served is Remit's own code."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from mcp.shared.exceptions import MCPError
from mcp.shared.subscriptions import PromptsListChanged, ToolsListChanged
from mcp_types import (
    MISSING_REQUIRED_CLIENT_CAPABILITY,
    AudioContent,
    BlobResourceContents,
    CallToolRequestParams,
    CallToolResult,
    ContentBlock,
    CreateMessageRequest,
    CreateMessageRequestParams,
    CreateMessageResult,
    ElicitRequest,
    ElicitRequestFormParams,
    ElicitResult,
    EmbeddedResource,
    GetPromptRequestParams,
    GetPromptResult,
    ImageContent,
    InputRequest,
    InputRequiredResult,
    ListRootsRequest,
    ListRootsResult,
    Prompt,
    PromptArgument,
    PromptMessage,
    ReadResourceResult,
    Resource,
    ResourceTemplate,
    SamplingMessage,
    TextContent,
    TextResourceContents,
    Tool,
)

from remit.protocols.mcp.host import Host
from remit.protocols.mcp.shelf import Context, Plain, Prompts, Reads, Shelf
from tests.protocols.suite_agents import NAME, agent_tools

Json = Any
Result = CallToolResult | InputRequiredResult
PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8DwHwAFBQIAX8jx0gAAAABJRU5ErkJggg=="
SOUND = "UklGRiYAAABXQVZFZm10IBAAAAABAAEAQB8AAAB9AAACABAAZGF0YQIAAAA="
ANY: Json = {"type": "object"}
OK: Json = {"type": "object", "properties": {"ok": {"type": "boolean"}}, "required": ["ok"]}
COLOR: Json = {"type": "object", "properties": {"color": {"type": "string"}}, "required": ["color"]}
CONTEXT: Json = {"type": "object", "properties": {"context": {"type": "string"}}, "required": ["context"]}
DEFAULTS: Json = {
    "type": "object",
    "properties": {
        "name": {"type": "string", "default": "John Doe"},
        "age": {"type": "integer", "default": 30},
        "score": {"type": "number", "default": 95.5},
        "status": {"type": "string", "enum": ["active", "inactive", "pending"], "default": "active"},
        "verified": {"type": "boolean", "default": True},
    },
}
ONES, NAMED = (
    ["option1", "option2", "option3"],
    [("value1", "First"), ("value2", "Second"), ("value3", "Third")],
)
TITLED: Json = [{"const": value, "title": title} for value, title in NAMED]
ENUMS: Json = {
    "type": "object",
    "properties": {
        "untitledSingle": {"type": "string", "enum": ONES},
        "titledSingle": {"type": "string", "oneOf": TITLED},
        "legacyEnum": {
            "type": "string",
            "enum": ["opt1", "opt2", "opt3"],
            "enumNames": ["One", "Two", "Three"],
        },
        "untitledMulti": {"type": "array", "items": {"type": "string", "enum": ONES}},
        "titledMulti": {"type": "array", "items": {"anyOf": TITLED}},
    },
}
ADDRESS: Json = {
    "$anchor": "addressDef",
    "type": "object",
    "properties": {"street": {"type": "string"}, "city": {"type": "string"}},
}
WHOLE_SCHEMA: Json = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "type": "object",
    "$defs": {"address": ADDRESS},
    "properties": {
        "name": {"type": "string"},
        "address": {"$ref": "#/$defs/address"},
        "contactMethod": {"type": "string", "enum": ["phone", "email"]},
        "phone": {"type": "string"},
        "email": {"type": "string"},
    },
    "allOf": [{"anyOf": [{"required": ["phone"]}, {"required": ["email"]}]}],
    "if": {"properties": {"contactMethod": {"const": "phone"}}, "required": ["contactMethod"]},
    "then": {"required": ["phone"]},
    "else": {"required": ["email"]},
    "additionalProperties": False,
}
REGION: Json = {"type": "object", "properties": {"region": {"type": "string", "x-mcp-header": "Region"}}}


def text(words: str) -> TextContent:
    return TextContent(type="text", text=words)


def told(*content: ContentBlock, error: bool = False) -> CallToolResult:
    return CallToolResult(content=list(content), is_error=error)


def ask(message: str, schema: Json) -> ElicitRequest:
    return ElicitRequest(params=ElicitRequestFormParams(message=message, requested_schema=schema))


def sample(words: str) -> CreateMessageRequest:
    message = SamplingMessage(role="user", content=text(words))
    return CreateMessageRequest(params=CreateMessageRequestParams(messages=[message], max_tokens=100))


def said(params: CallToolRequestParams, key: str) -> Json:
    """What a person answered to a form."""
    found = (params.input_responses or {}).get(key)
    return found.content if isinstance(found, ElicitResult) and found.content else None


def embedded(uri: str, kind: str, words: str) -> EmbeddedResource:
    return EmbeddedResource(
        type="resource", resource=TextResourceContents(uri=uri, mime_type=kind, text=words)
    )


async def log(ctx: Context, *lines: str) -> None:
    for line in lines:
        await ctx.session.send_log_message("info", line, related_request_id=ctx.request_id)
        await asyncio.sleep(0.05)


def shelf(host: Callable[[], Host]) -> Shelf:
    """`host`: of the server that it is put into, once it runs."""
    tools = {**_contents(), **_sessions(), **_rounds(), **_changes(host)}
    return Shelf(tools, _reads(), _prompts())


def _plain(
    name: str, call: Callable[[Context, CallToolRequestParams], Awaitable[Result]], schema: Json = ANY
) -> Plain:
    return Plain(
        Tool(name=name, description=f"For the conformance suite: {name}", input_schema=schema), call, ""
    )


def _contents() -> dict[str, Plain]:
    image = ImageContent(type="image", data=PIXEL, mime_type="image/png")
    audio = AudioContent(type="audio", data=SOUND, mime_type="audio/wav")
    page = embedded("test://embedded-resource", "text/plain", "This is an embedded resource content.")
    mixed = embedded("test://mixed-content-resource", "application/json", '{"test":"data","value":123}')
    fixed: dict[str, CallToolResult] = {
        "test_simple_text": told(text("This is a simple text response for testing.")),
        "test_image_content": told(image),
        "test_audio_content": told(audio),
        "test_embedded_resource": told(page),
        "test_multiple_content_types": told(text("Multiple content types test:"), image, mixed),
        "test_error_handling": told(text("This tool intentionally returns an error for testing"), error=True),
    }

    def always(result: CallToolResult) -> Callable[[Context, CallToolRequestParams], Awaitable[Result]]:
        async def call(ctx: Context, params: CallToolRequestParams) -> Result:
            return result

        return call

    async def greet(ctx: Context, params: CallToolRequestParams) -> Result:
        return told(text(f"Hello, {(params.arguments or {}).get('name')}!"))

    async def region(ctx: Context, params: CallToolRequestParams) -> Result:
        return told(text(f"region={(params.arguments or {}).get('region')}"))

    return {
        **{name: _plain(name, always(result)) for name, result in fixed.items()},
        "json_schema_2020_12_tool": _plain(
            "json_schema_2020_12_tool", always(told(text("ok"))), WHOLE_SCHEMA
        ),
        "greet": _plain("greet", greet, NAME),
        "test_x_mcp_header": _plain("test_x_mcp_header", region, REGION),
    }


def _sessions() -> dict[str, Plain]:
    """What happens while a client waits."""

    async def logging(ctx: Context, params: CallToolRequestParams) -> Result:
        await log(ctx, "Tool execution started", "Tool processing data", "Tool execution completed")
        return told(text("It was logged."))

    async def progress(ctx: Context, params: CallToolRequestParams) -> Result:
        for done in (0, 50, 100):
            await ctx.session.report_progress(done, 100, f"Completed step {done} of 100")
            await asyncio.sleep(0.05)
        return told(text("All steps are done."))

    async def sampling(ctx: Context, params: CallToolRequestParams) -> Result:
        heard = await ctx.session.create_message(
            [SamplingMessage(role="user", content=text((params.arguments or {})["prompt"]))],
            max_tokens=100,
            related_request_id=ctx.request_id,
        )
        return told(text(f"LLM response: {getattr(heard.content, 'text', '')}"))

    def asks(schema: Json, words: str) -> Callable[[Context, CallToolRequestParams], Awaitable[Result]]:
        async def call(ctx: Context, params: CallToolRequestParams) -> Result:
            message = (params.arguments or {}).get("message", "Please fill it in")
            heard = await ctx.session.elicit_form(message, schema, ctx.request_id)
            return told(text(f"{words}: action={heard.action}, content={json.dumps(heard.content)}"))

        return call

    async def reconnect(ctx: Context, params: CallToolRequestParams) -> Result:
        assert ctx.close_sse_stream is not None
        await log(ctx, "before it breaks off")
        await ctx.close_sse_stream()
        await asyncio.sleep(0.2)
        return told(text("Reconnection test completed"))

    async def streaming(ctx: Context, params: CallToolRequestParams) -> Result:
        await ctx.session.report_progress(1, 1)
        return InputRequiredResult(input_requests={"user_name": ask("What is your name?", NAME)})

    response = {"type": "object", "properties": {"response": {"type": "string"}}, "required": ["response"]}
    return {
        "test_tool_with_logging": _plain("test_tool_with_logging", logging),
        "test_logging_tool": _plain("test_logging_tool", logging),
        "test_tool_with_progress": _plain("test_tool_with_progress", progress),
        "test_sampling": _plain("test_sampling", sampling),
        "test_elicitation": _plain("test_elicitation", asks(response, "User response")),
        "test_elicitation_sep1034_defaults": _plain(
            "test_elicitation_sep1034_defaults", asks(DEFAULTS, "Elicitation completed")
        ),
        "test_elicitation_sep1330_enums": _plain(
            "test_elicitation_sep1330_enums", asks(ENUMS, "Elicitation completed")
        ),
        "test_reconnection": _plain("test_reconnection", reconnect),
        "test_streaming_elicitation": _plain("test_streaming_elicitation", streaming),
    }


def _rounds() -> dict[str, Plain]:
    """What takes several requests, by what the client brings back."""
    prefix = "test_input_required_result_"

    async def one(ctx: Context, params: CallToolRequestParams) -> Result:
        if (answer := said(params, "user_name")) is not None:
            return told(text(f"Hello, {answer.get('name')}!"))
        return InputRequiredResult(input_requests={"user_name": ask("What is your name?", NAME)})

    async def model(ctx: Context, params: CallToolRequestParams) -> Result:
        heard = (params.input_responses or {}).get("capital_question")
        if isinstance(heard, CreateMessageResult):
            return told(text(f"The model said: {getattr(heard.content, 'text', '')}"))
        return InputRequiredResult(
            input_requests={"capital_question": sample("What is the capital of France?")}
        )

    async def roots(ctx: Context, params: CallToolRequestParams) -> Result:
        heard = (params.input_responses or {}).get("client_roots")
        if isinstance(heard, ListRootsResult):
            return told(text(f"{len(heard.roots)} roots"))
        return InputRequiredResult(input_requests={"client_roots": ListRootsRequest()})

    async def state(ctx: Context, params: CallToolRequestParams) -> Result:
        if said(params, "confirm") is not None and params.request_state == "nonce":
            return told(text("state-ok: it came back"))
        return InputRequiredResult(
            input_requests={"confirm": ask("Please confirm", OK)}, request_state="nonce"
        )

    async def several(ctx: Context, params: CallToolRequestParams) -> Result:
        if {"user_name", "greeting", "client_roots"} <= set(params.input_responses or ()):
            return told(text("All of it came back."))
        wanted: dict[str, InputRequest] = {
            "user_name": ask("What is your name?", NAME),
            "greeting": sample("Generate a greeting"),
            "client_roots": ListRootsRequest(),
        }
        return InputRequiredResult(input_requests=wanted, request_state="several")

    async def rounds(ctx: Context, params: CallToolRequestParams) -> Result:
        before = json.loads(params.request_state or '{"round": 0}')
        if before["round"] == 2 and (answer := said(params, "step2")):
            return told(text(f"{before['name']} likes {answer.get('color')}."))
        if before["round"] == 1 and (answer := said(params, "step1")):
            second = {"step2": ask("Step 2: What is your favorite color?", COLOR)}
            return InputRequiredResult(
                input_requests=dict(second),
                request_state=json.dumps({"round": 2, "name": answer.get("name")}),
            )
        first = {"step1": ask("Step 1: What is your name?", NAME)}
        return InputRequiredResult(input_requests=dict(first), request_state='{"round": 1}')

    async def sealed(ctx: Context, params: CallToolRequestParams) -> Result:
        if params.request_state is not None:
            return told(text(f"state-ok: {params.request_state}"))
        return InputRequiredResult(
            input_requests={"confirm": ask("Please confirm", OK)}, request_state="first"
        )

    async def able(ctx: Context, params: CallToolRequestParams) -> Result:
        can = ctx.session.client_capabilities
        wanted: dict[str, InputRequest] = {}
        if can is not None and can.sampling is not None:
            wanted["sample"] = sample("Say hello")
        if can is not None and can.elicitation is not None:
            wanted["ask"] = ask("What is your name?", NAME)
        return InputRequiredResult(input_requests=wanted, request_state="able")

    async def incapable(ctx: Context, params: CallToolRequestParams) -> Result:
        can = ctx.session.client_capabilities
        if can is None or can.sampling is None:
            raise MCPError(
                MISSING_REQUIRED_CLIENT_CAPABILITY,
                "sampling is wanted",
                {"requiredCapabilities": {"sampling": {}}},
            )
        return told(text("It can."))

    named: Sequence[tuple[str, Callable[[Context, CallToolRequestParams], Awaitable[Result]]]] = [
        ("elicitation", one),
        ("sampling", model),
        ("list_roots", roots),
        ("request_state", state),
        ("multiple_inputs", several),
        ("multi_round", rounds),
        ("tampered_state", sealed),
        ("capabilities", able),
    ]
    found = {prefix + name: _plain(prefix + name, call) for name, call in named}
    return {**found, "test_missing_capability": _plain("test_missing_capability", incapable)}


def _changes(host: Callable[[], Host]) -> dict[str, Plain]:
    async def tools(ctx: Context, params: CallToolRequestParams) -> Result:
        await host().bus.publish(ToolsListChanged())
        return told(text("tools changed"))

    async def prompts(ctx: Context, params: CallToolRequestParams) -> Result:
        await host().bus.publish(PromptsListChanged())
        return told(text("prompts changed"))

    return {
        "test_trigger_tool_change": _plain("test_trigger_tool_change", tools),
        "test_trigger_prompt_change": _plain("test_trigger_prompt_change", prompts),
    }


def _reads() -> list[Reads]:
    def of(words: str, kind: str) -> Callable[[Context, str], Awaitable[ReadResourceResult]]:
        async def read(ctx: Context, uri: str) -> ReadResourceResult:
            return ReadResourceResult(contents=[TextResourceContents(uri=uri, mime_type=kind, text=words)])

        return read

    async def blob(ctx: Context, uri: str) -> ReadResourceResult:
        return ReadResourceResult(contents=[BlobResourceContents(uri=uri, mime_type="image/png", blob=PIXEL)])

    async def filled(ctx: Context, uri: str) -> ReadResourceResult:
        number = uri.removeprefix("test://template/").removesuffix("/data")
        words = json.dumps({"id": number, "templateTest": True, "data": f"Data for ID: {number}"})
        return ReadResourceResult(
            contents=[TextResourceContents(uri=uri, mime_type="application/json", text=words)]
        )

    def fixed(uri: str, kind: str, read: Callable[[Context, str], Awaitable[ReadResourceResult]]) -> Reads:
        return Reads(Resource(uri=uri, name=uri, mime_type=kind), lambda wanted: wanted == uri, read, "")

    static = "This is the content of the static text resource."
    template = ResourceTemplate(
        uri_template="test://template/{id}/data", name="data", mime_type="application/json"
    )
    return [
        fixed("test://static-text", "text/plain", of(static, "text/plain")),
        fixed("test://static-binary", "image/png", blob),
        fixed("test://watched-resource", "text/plain", of("Watched resource content", "text/plain")),
        Reads(template, lambda uri: uri.startswith("test://template/"), filled, ""),
    ]


def _prompts() -> dict[str, Prompts]:
    def of(*content: ContentBlock) -> GetPromptResult:
        return GetPromptResult(messages=[PromptMessage(role="user", content=one) for one in content])

    async def simple(ctx: Context, params: GetPromptRequestParams) -> GetPromptResult:
        return of(text("This is a simple prompt for testing."))

    async def filled(ctx: Context, params: GetPromptRequestParams) -> GetPromptResult:
        args = params.arguments or {}
        return of(text(f"Prompt with arguments: arg1='{args.get('arg1')}', arg2='{args.get('arg2')}'"))

    async def resource(ctx: Context, params: GetPromptRequestParams) -> GetPromptResult:
        uri = (params.arguments or {})["resourceUri"]
        page = embedded(uri, "text/plain", "Embedded resource content for testing.")
        return of(page, text("Please process the embedded resource above."))

    async def image(ctx: Context, params: GetPromptRequestParams) -> GetPromptResult:
        return of(
            ImageContent(type="image", data=PIXEL, mime_type="image/png"),
            text("Please analyze the image above."),
        )

    async def asking(ctx: Context, params: GetPromptRequestParams) -> GetPromptResult | InputRequiredResult:
        found = (params.input_responses or {}).get("user_context")
        if isinstance(found, ElicitResult) and found.content:
            return of(text(f"Use the following context: {found.content.get('context')}"))
        return InputRequiredResult(
            input_requests={"user_context": ask("What context should it use?", CONTEXT)}
        )

    def prompt(name: str, get: Any, *args: str) -> Prompts:
        wanted = [PromptArgument(name=one, description=one, required=True) for one in args]
        return Prompts(Prompt(name=name, description=name, arguments=wanted), get, "")

    made = [
        prompt("test_simple_prompt", simple),
        prompt("test_prompt_with_arguments", filled, "arg1", "arg2"),
        prompt("test_prompt_with_embedded_resource", resource, "resourceUri"),
        prompt("test_prompt_with_image", image),
        prompt("test_input_required_result_prompt", asking),
    ]
    return {one.prompt.name: one for one in made}


def whole(host: Callable[[], Host], app: Any) -> Shelf:
    """With the agents that it calls as tasks."""
    return shelf(host).beside(Shelf(dict(agent_tools(app))))
