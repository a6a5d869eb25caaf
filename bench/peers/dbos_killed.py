# mypy: ignore-errors
# (its libraries are installed in .bench/venvs only)
"""The killed run on DBOS (`--shape workflow`) and on Pydantic AI with DBOS (`--shape agent`).

As its documentation says for several processes without Conductor, which is a service apart: runs are put on a
queue, each process has an executor id that it keeps over restarts, and when it starts again it recovers what
it had. Looks and effects are steps. Run by `python -m bench.durability`.
"""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

import psycopg
from dbos import DBOS, DBOSClient, DBOSConfig
from pydantic_ai import Agent, RunContext
from pydantic_ai.durable_exec.dbos import DBOSDurability
from pydantic_ai.messages import ModelMessage, ModelResponse, TextPart, ToolCallPart, ToolReturnPart
from pydantic_ai.models.function import AgentInfo, FunctionModel

sys.path.insert(0, str(Path(__file__).parent))
import killed
import workload

QUEUE, WORKFLOW, VERSION = "runs", "work", "1"


@DBOS.step()
async def think(step: int, steps: int) -> str:
    if step == steps:
        return killed.REPORT
    return "refund" if killed.is_effect(step) else "look_up"


@DBOS.step()
async def look_up(step: int) -> dict[str, object]:
    return workload.record(workload.order_of(step))


@DBOS.step()
async def refund(run: str, step: int) -> dict[str, object]:
    return await killed.refund(run, step)


def plain_workflow() -> None:
    @DBOS.workflow(name=WORKFLOW, max_recovery_attempts=1000)
    async def work(run: str, steps: int) -> str:
        step = 0
        while (answer := await think(step, steps)) != killed.REPORT:
            await (refund(run, step) if answer == "refund" else look_up(step))
            step += 1
        return answer


def agent_workflow(steps: int) -> None:
    async def answer(messages: list[ModelMessage], info: AgentInfo) -> ModelResponse:
        step = sum(isinstance(part, ToolReturnPart) for message in messages for part in message.parts)
        if step == steps:
            return ModelResponse(parts=[TextPart(killed.REPORT)])
        tool = "refund" if killed.is_effect(step) else "look_up"
        return ModelResponse(parts=[ToolCallPart(tool, {"step": step}, f"call_{step}")])

    agent = Agent(
        FunctionModel(answer),
        name="refunds",
        instructions=workload.INSTRUCTIONS,
        deps_type=str,
        capabilities=[DBOSDurability()],
    )

    @agent.tool_plain(name="look_up")
    async def look(step: int) -> dict[str, object]:
        return await look_up(step)

    @agent.tool(name="refund")
    async def pay(context: RunContext[str], step: int) -> dict[str, object]:
        return await refund(context.deps, step)

    @DBOS.workflow(name=WORKFLOW, max_recovery_attempts=1000)
    async def work(run: str, steps: int) -> str:
        return (await agent.run(killed.GOAL, deps=run)).output


def config(args) -> DBOSConfig:
    return {
        "name": "bench",
        "system_database_url": args.dsn.replace("postgresql://", "postgresql+psycopg://", 1),
        "executor_id": f"worker-{args.index}",
        "application_version": VERSION,
        "log_level": "ERROR",
    }


def start(args) -> None:
    DBOS(config=config(args))
    DBOS.launch()  # makes the tables
    DBOS.register_queue(QUEUE, worker_concurrency=args.at_once, polling_interval_sec=0.1)
    DBOS.destroy()
    client = DBOSClient(system_database_url=config(args)["system_database_url"])
    options = {"queue_name": QUEUE, "workflow_name": WORKFLOW, "app_version": VERSION}
    for index in range(args.runs):
        name = killed.name_of(index)
        client.enqueue({**options, "workflow_id": name}, name, args.steps)
    client.destroy()


async def work(args) -> None:
    DBOS(config=config(args))
    plain_workflow() if args.shape == "workflow" else agent_workflow(args.steps)
    DBOS.launch()
    await killed.until_stopped()
    os._exit(0)  # without waiting for what runs


def finished(args) -> int:
    with psycopg.connect(args.dsn) as connection:
        query = "select count(*) from dbos.workflow_status where name = %s and status = 'SUCCESS'"
        return connection.execute(query, (WORKFLOW,)).fetchone()[0]


def main() -> None:
    parser = killed.options("The killed run on DBOS.")
    parser.add_argument("--shape", choices=["workflow", "agent"], default="workflow")
    args = parser.parse_args()
    if args.mode == "start":
        start(args)
    elif args.mode == "work":
        asyncio.run(work(args))
    else:
        print(finished(args))


if __name__ == "__main__":
    main()
