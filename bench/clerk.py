"""Remit's side of the runs that the benches make: the agent, its one tool, and the scripted model."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import UUID

from bench.peers import workload
from remit.agents.spec import Agent, Budget, RemitSpec
from remit.app import App
from remit.models.model import Answer, Request, ToolCall
from remit.testing import ScriptedModel
from remit.tools.decorate import tool
from remit.tools.tool import ToolContext


@tool(effect="read", name=workload.TOOL)
async def look_up_order(context: ToolContext, order: str) -> dict[str, Any]:
    """An order of the shop: its items, its state and when it is due."""
    return workload.record(order, context.inputs["size"])


TOOLS = (look_up_order,)


def agent(steps: int) -> Agent:
    return Agent(
        name="clerk",
        instructions=workload.INSTRUCTIONS,
        tools=(f"{__name__}:{workload.TOOL}",),
        remit=RemitSpec(autonomy="act", budget=Budget(money=None, tokens=None, steps=steps + 1)),
        plan=False,
        reflect=False,
    )


def scripted(steps: int, watch: Callable[[int], None] | None = None) -> ScriptedModel:
    """Looks up the next order until `steps` are seen, then answers. Knows no run: all is in the request.
    `watch` is told the number of the step that is asked for."""

    def answer(request: Request) -> Answer:
        step = sum(message.role == "tool" for message in request.messages)
        if watch is not None:
            watch(step)
        if step == steps:
            return Answer(text=workload.REPORT)
        call = ToolCall(f"call_{step}", workload.TOOL, {"order": workload.order_of(step)})
        return Answer(text=workload.thought(step), calls=(call,), finish="calls")

    return ScriptedModel(answer, window=100_000_000)


async def remit_side(app: App, model: ScriptedModel, steps: int, size: int) -> UUID:
    """One whole run in this process: begun, advanced to its end, and seen to be whole."""
    run = await app.start(agent(steps), workload.GOAL, inputs={"size": size}, model=model)
    state = await app.advance(run)
    assert state.finished is not None, state.status
    assert workload.REPORT in state.finished.report, state.finished
    assert (state.steps, len(state.calls)) == (steps + 1, steps), state
    return run
