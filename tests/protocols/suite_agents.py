"""The agents that the conformance suite wants to call as tasks: real runs, with models that follow a script."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from mcp_types import (
    CallToolRequestParams,
    ElicitRequest,
    ElicitRequestFormParams,
    ElicitResult,
    InputRequiredResult,
    Tool,
)

from remit.api.schemas import Begin
from remit.app import App
from remit.models.model import Answer, Request, ToolCall
from remit.protocols.mcp.shelf import Works
from remit.testing import ScriptedModel

Json = Any
NAME = {"type": "object", "properties": {"name": {"type": "string"}}, "required": ["name"]}


def finish(report: str, outcome: str = "done") -> ToolCall:
    return ToolCall("f", "finish", {"report": report, "outcome": outcome})


def _turn(request: Request) -> int:
    return sum(message.role == "assistant" for message in request.messages)


def _goal(request: Request) -> str:
    return "\n".join(message.text for message in request.messages)


def _slow(request: Request) -> Answer:
    found = re.search(r"work ([0-9.]+) seconds", _goal(request))
    assert found is not None
    calls = (ToolCall("w", "work", {"seconds": float(found[1])}), finish("It is computed."))
    return Answer(calls=(calls[min(_turn(request), 1)],))


def _delete(*names: str) -> Callable[[Request], Answer]:
    def think(request: Request) -> Answer:
        if _turn(request) == 0:
            return Answer(calls=tuple(ToolCall(name, "delete", {"filename": name}) for name in names))
        return Answer(calls=(finish("It is deleted."),))

    return think


def _greet(request: Request) -> Answer:
    found = re.search(r"greet (\w+)", _goal(request))
    assert found is not None
    return Answer(calls=(finish(f"Hello, {found[1]}!"),))


def spec(name: str) -> Json:
    return {
        "name": name,
        "tools": ["tests.protocols.jobs"],
        "model": f"scripted:{name}",
        "reflect": False,
        "plan": False,
        "remit": {"autonomy": "act"},
        "rules": [
            {"tool": "work", "allow": "true"},
            {"tool": "delete", "ask": "true", "because": "what is deleted is asked"},
        ],
    }


def _works(name: str, schema: Json, goal: Callable[[Json], str], *, always_task: bool = False) -> Works:
    def begin(params: CallToolRequestParams, may_ask: bool) -> Begin:
        return Begin.model_validate({"agent": spec(name), "goal": goal(params.arguments or {})})

    tool = Tool(name=name, description=name, input_schema={"type": "object", **schema})
    return Works(tool, begin, always_task=always_task)


def _with_task() -> Works:
    def begin(params: CallToolRequestParams, may_ask: bool) -> Begin | InputRequiredResult:
        said = (params.input_responses or {}).get("user_name")
        if not isinstance(said, ElicitResult):
            ask = ElicitRequestFormParams(message="What is your name?", requested_schema=NAME)
            return InputRequiredResult(input_requests={"user_name": ElicitRequest(params=ask)})
        return Begin.model_validate(
            {"agent": spec("greeter"), "goal": f"greet {(said.content or {})['name']}"}
        )

    return Works(
        Tool(name="test_tool_with_task", description="asks first", input_schema={"type": "object"}),
        begin,
        always_task=True,
    )


def agent_tools(app: App) -> dict[str, Works]:
    models: dict[str, Any] = {
        "slow_compute": _slow,
        "failing_job": [finish("It cannot be done.", "cannot")],
        "protocol_error_job": ["", "", "", ""],
        "confirm_delete": _delete("one.txt"),
        "multi_input": _delete("one.txt", "two.txt"),
        "greeter": _greet,
    }
    for name, script in models.items():
        app.models[f"scripted:{name}"] = ScriptedModel(
            script, name=f"scripted:{name}", by_turn=isinstance(script, list)
        )
    seconds = {"properties": {"seconds": {"type": "number"}, "label": {"type": "string"}}}
    file = {"properties": {"filename": {"type": "string"}}}
    return {
        "slow_compute": _works(
            "slow_compute", seconds, lambda args: f"work {args.get('seconds', 0)} seconds"
        ),
        "failing_job": _works("failing_job", {}, lambda args: "do it", always_task=True),
        "protocol_error_job": _works("protocol_error_job", {}, lambda args: "do it"),
        "confirm_delete": _works("confirm_delete", file, lambda args: "delete one.txt"),
        "multi_input": _works("multi_input", file, lambda args: "delete one.txt and two.txt"),
        "test_tool_with_task": _with_task(),
    }
