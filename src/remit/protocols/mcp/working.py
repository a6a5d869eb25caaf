"""Agents as tools: what a call may say of the run that it begins."""

from __future__ import annotations

from functools import partial
from typing import Any

from mcp_types import (
    CallToolRequestParams,
    ElicitRequest,
    ElicitRequestFormParams,
    ElicitResult,
    InputRequiredResult,
    Tool,
    ToolAnnotations,
    ToolExecution,
)

from remit.agents.spec import Agent
from remit.api.schemas import Begin
from remit.app import App
from remit.protocols.agents import agent_named, agents, reach
from remit.protocols.mcp.shelf import Works
from remit.protocols.mcp.told import SCHEMA

Json = Any
TAKEN = ("goal", "inputs", "quoted", "person")  # what a call may say of the run that it begins
GOAL: dict[str, Json] = {
    "type": "object",
    "properties": {
        "goal": {"type": "string", "title": "Goal", "description": "What should be reached, in words."}
    },
    "required": ["goal"],
}


async def working(app: App) -> dict[str, Works]:
    """Each agent at hand."""
    return {agent.name: working_tool(agent) for agent in await agents(app)}


async def working_named(app: App, name: str) -> Works | None:
    agent = await agent_named(app, name)
    return working_tool(agent) if agent else None


def working_tool(agent: Agent) -> Works:
    """An agent as a tool: it takes a goal with what comes along, and says what came of it."""
    far = reach(agent)
    tool = Tool(
        name=agent.name,
        title=agent.name,
        description=agent.description or f"The agent {agent.name}.",
        input_schema=_input_schema(),
        output_schema=SCHEMA,
        execution=ToolExecution(task_support="optional"),
        annotations=ToolAnnotations(
            read_only_hint=not far.changes,
            destructive_hint=far.destroys,
            idempotent_hint=False,
            open_world_hint=far.outside,
        ),
    )
    return Works(tool, partial(wanted_of, agent.name))


def _input_schema() -> dict[str, Json]:
    """The part of what begins a run that a call may say; one definition holds for the API and for this."""
    whole = Begin.model_json_schema()
    return {
        "type": "object",
        "properties": {name: whole["properties"][name] for name in TAKEN},
        "required": ["goal"],
        "additionalProperties": False,
        "$defs": whole["$defs"],
    }


def wanted_of(agent: str, params: CallToolRequestParams, may_ask: bool) -> Begin | InputRequiredResult:
    """Raises ValidationError. A goal that is missing is asked of the client's person, where that can be done."""
    given = dict(params.arguments or {})
    if not str(given.get("goal") or "").strip() and may_ask:
        said = (params.input_responses or {}).get("goal")
        goal = (said.content or {}).get("goal") if isinstance(said, ElicitResult) else None
        if said is None:
            ask = ElicitRequestFormParams(message=f"What should {agent} do?", requested_schema=GOAL)
            return InputRequiredResult(input_requests={"goal": ElicitRequest(params=ask)})
        given["goal"] = goal or ""
    return Begin.model_validate({**given, "agent": agent})
