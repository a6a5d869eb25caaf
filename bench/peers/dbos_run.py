# mypy: ignore-errors
# (its libraries are installed in .bench/venvs only)
"""The run on Pydantic AI with DBOS. Prints one JSON object.

As favourable as it reasonably gets: Pydantic AI's own durability capability, asynchronous workflows in one
process, the tool a DBOS step, logging at errors only. Run by `python -m bench.loop`.
"""

from __future__ import annotations

import asyncio
import json
import sys
from importlib.metadata import version
from pathlib import Path

import psycopg
from dbos import DBOS, DBOSConfig
from pydantic_ai import Agent
from pydantic_ai.durable_exec.dbos import DBOSDurability
from pydantic_ai.messages import ModelMessage, ModelResponse, TextPart, ToolCallPart, ToolReturnPart
from pydantic_ai.models.function import AgentInfo, FunctionModel
from pydantic_ai.usage import UsageLimits

sys.path.insert(0, str(Path(__file__).parent))
import workload


async def main() -> None:
    parser = workload.options("The bench run on Pydantic AI with DBOS.")
    args = parser.parse_args()

    async def answer(messages: list[ModelMessage], info: AgentInfo) -> ModelResponse:
        step = sum(isinstance(part, ToolReturnPart) for message in messages for part in message.parts)
        if step == args.steps:
            return ModelResponse(parts=[TextPart(workload.REPORT)])
        call = ToolCallPart(workload.TOOL, {"order": workload.order_of(step)}, f"call_{step}")
        return ModelResponse(parts=[TextPart(workload.thought(step)), call])

    url = args.dsn.replace("postgresql://", "postgresql+psycopg://", 1)
    config: DBOSConfig = {
        "name": "bench",
        "system_database_url": url,
        "sys_db_pool_size": args.pool,
        "log_level": "ERROR",
        "run_admin_server": False,
    }
    DBOS(config=config)
    agent = Agent(
        FunctionModel(answer),
        name="clerk",
        instructions=workload.INSTRUCTIONS,
        capabilities=[DBOSDurability()],
    )

    @agent.tool_plain(name=workload.TOOL, description=workload.TOOL_DOC)
    @DBOS.step()
    async def look_up_order(order: str) -> dict[str, object]:
        return workload.record(order, args.size)

    @DBOS.workflow()
    async def work(goal: str) -> str:
        return (await agent.run(goal, usage_limits=UsageLimits(request_limit=args.steps + 1))).output

    DBOS.launch()

    async def run() -> None:
        assert await work(workload.GOAL) == workload.REPORT

    async def size_of() -> int:
        async with await psycopg.AsyncConnection.connect(args.dsn, autocommit=True) as connection:
            await connection.execute("CHECKPOINT")
            row = await (await connection.execute(workload.SIZE_SQL)).fetchone()
            assert row is not None
            return int(row[0])

    found = await workload.measure(run, size_of, args)
    DBOS.destroy()
    found["side"] = "Pydantic AI + DBOS"
    found["setup"] = (
        f"dbos {version('dbos')}, pydantic-ai-slim {version('pydantic-ai-slim')}, pool={args.pool}"
    )
    print(json.dumps(found))


if __name__ == "__main__":
    asyncio.run(main())
