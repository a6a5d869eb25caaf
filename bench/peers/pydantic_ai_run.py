# mypy: ignore-errors
# (its libraries are installed in .bench/venvs only)
"""The run on Pydantic AI alone: nothing is durable. Prints one JSON object; run by `python -m bench.throughput`."""

from __future__ import annotations

import asyncio
import json
import sys
from importlib.metadata import version
from pathlib import Path

from pydantic_ai import Agent
from pydantic_ai.messages import ModelMessage, ModelResponse, TextPart, ToolCallPart, ToolReturnPart
from pydantic_ai.models.function import AgentInfo, FunctionModel
from pydantic_ai.usage import UsageLimits

sys.path.insert(0, str(Path(__file__).parent))
import workload


async def main() -> None:
    args = workload.options("The bench run on Pydantic AI alone.").parse_args()

    async def answer(messages: list[ModelMessage], info: AgentInfo) -> ModelResponse:
        step = sum(isinstance(part, ToolReturnPart) for message in messages for part in message.parts)
        if step == args.steps:
            return ModelResponse(parts=[TextPart(workload.REPORT)])
        call = ToolCallPart(workload.TOOL, {"order": workload.order_of(step)}, f"call_{step}")
        return ModelResponse(parts=[TextPart(workload.thought(step)), call])

    agent = Agent(FunctionModel(answer), name="clerk", instructions=workload.INSTRUCTIONS)

    @agent.tool_plain(name=workload.TOOL, description=workload.TOOL_DOC)
    async def look_up_order(order: str) -> dict[str, object]:
        return workload.record(order, args.size)

    async def run() -> None:
        limits = UsageLimits(request_limit=args.steps + 1)
        assert (await agent.run(workload.GOAL, usage_limits=limits)).output == workload.REPORT

    async def size_of() -> int:
        return 0

    found = await workload.measure(run, size_of, args)
    found["side"] = "Pydantic AI, nothing durable"
    found["setup"] = f"pydantic-ai-slim {version('pydantic-ai-slim')}"
    print(json.dumps(found))


if __name__ == "__main__":
    asyncio.run(main())
