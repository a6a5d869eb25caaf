# mypy: ignore-errors
# (its libraries are installed in .bench/venvs only)
"""The run on LangGraph with its PostgreSQL checkpointer. Prints one JSON object.

As favourable as it reasonably gets: a hand-written graph of two nodes (`--shape agent` takes LangChain's
ready agent instead), the asynchronous saver on a warm pool, and the library's default durability ("async": a
checkpoint is written while the next step runs). `--savers` above 1 goes beyond the documented use. Run by `python -m bench.loop`.
"""

from __future__ import annotations

import asyncio
import json
import sys
import uuid
from importlib.metadata import version
from itertools import cycle
from pathlib import Path
from typing import Any

from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, BaseMessage, SystemMessage, ToolMessage
from langchain_core.outputs import ChatGeneration, ChatResult
from langchain_core.tools import tool
from langgraph.checkpoint.postgres.aio import AsyncPostgresSaver
from langgraph.graph import END, START, MessagesState, StateGraph
from psycopg.rows import dict_row
from psycopg_pool import AsyncConnectionPool

sys.path.insert(0, str(Path(__file__).parent))
import workload


def answer(messages: list[BaseMessage], steps: int) -> AIMessage:
    """The scripted model: what step it is at is what has been answered so far."""
    step = sum(isinstance(message, ToolMessage) for message in messages)
    if step == steps:
        return AIMessage(content=workload.REPORT)
    call = {"name": workload.TOOL, "args": {"order": workload.order_of(step)}, "id": f"call_{step}"}
    return AIMessage(content=workload.thought(step), tool_calls=[call])


def hand_written(steps: int, size: int, saver: AsyncPostgresSaver | None) -> Any:
    async def think(state: MessagesState) -> dict[str, list[BaseMessage]]:
        return {"messages": [answer(state["messages"], steps)]}

    async def act(state: MessagesState) -> dict[str, list[BaseMessage]]:
        call = state["messages"][-1].tool_calls[0]
        found = json.dumps(workload.record(call["args"]["order"], size))
        return {"messages": [ToolMessage(content=found, tool_call_id=call["id"], name=call["name"])]}

    graph = StateGraph(MessagesState)
    graph.add_node("think", think)
    graph.add_node("act", act)
    graph.add_edge(START, "think")
    graph.add_conditional_edges("think", lambda state: "act" if state["messages"][-1].tool_calls else END)
    graph.add_edge("act", "think")
    return graph.compile(checkpointer=saver)


class Scripted(BaseChatModel):
    """The scripted model behind LangChain's interface, for the ready agent."""

    steps: int

    @property
    def _llm_type(self) -> str:
        return "scripted"

    def bind_tools(self, tools: Any, **kwargs: Any) -> Any:
        return self

    def _generate(
        self, messages: list[BaseMessage], stop: Any = None, run_manager: Any = None, **kwargs: Any
    ) -> Any:
        return ChatResult(generations=[ChatGeneration(message=answer(messages, self.steps))])

    async def _agenerate(
        self, messages: list[BaseMessage], stop: Any = None, run_manager: Any = None, **kwargs: Any
    ) -> Any:
        return self._generate(messages)


def ready_agent(steps: int, size: int, saver: AsyncPostgresSaver | None) -> Any:
    from langchain.agents import create_agent

    @tool(workload.TOOL, description=workload.TOOL_DOC)
    async def look_up_order(order: str) -> str:
        return json.dumps(workload.record(order, size))

    return create_agent(
        Scripted(steps=steps), [look_up_order], system_prompt=workload.INSTRUCTIONS, checkpointer=saver
    )


async def main() -> None:
    parser = workload.options("The bench run on LangGraph with its PostgreSQL checkpointer.")
    parser.add_argument("--shape", choices=["graph", "agent"], default="graph")
    parser.add_argument("--durability", choices=["async", "sync"], default="async")
    parser.add_argument("--savers", type=int, default=1, help="checkpointers that share the pool")
    parser.add_argument("--memory", action="store_true", help="no checkpointer: nothing is durable")
    args = parser.parse_args()
    keywords = {"autocommit": True, "prepare_threshold": 0, "row_factory": dict_row}
    async with AsyncConnectionPool(
        args.dsn, min_size=args.pool, max_size=args.pool, kwargs=keywords, timeout=300
    ) as pool:
        await AsyncPostgresSaver(pool).setup()
        build = hand_written if args.shape == "graph" else ready_agent
        # A saver holds a lock around each of its statements, so one saver would use one connection at a time.
        savers = [None] if args.memory else [AsyncPostgresSaver(pool) for _ in range(args.savers)]
        graphs = cycle([build(args.steps, args.size, saver) for saver in savers])
        durability = {} if args.memory else {"durability": args.durability}
        start = [SystemMessage(content=workload.INSTRUCTIONS)] if args.shape == "graph" else []

        async def run() -> None:
            config = {
                "configurable": {"thread_id": str(uuid.uuid4())},
                "recursion_limit": 4 * args.steps + 10,
            }
            state = await next(graphs).ainvoke(
                {"messages": [*start, ("user", workload.GOAL)]}, config, **durability
            )
            assert state["messages"][-1].content == workload.REPORT

        async def size_of() -> int:
            async with pool.connection() as connection:
                await connection.execute("CHECKPOINT")
                row = await (await connection.execute(workload.SIZE_SQL)).fetchone()
                return int(row["coalesce"])

        found = await workload.measure(run, size_of, args)
    found["side"] = "LangGraph, nothing durable" if args.memory else "LangGraph + PostgreSQL checkpointer"
    found["setup"] = (
        f"langgraph {version('langgraph')}, langgraph-checkpoint-postgres {version('langgraph-checkpoint-postgres')}, "
        f"shape={args.shape}, durability={args.durability}, pool={args.pool}, savers={args.savers}"
    )
    print(json.dumps(found))


if __name__ == "__main__":
    asyncio.run(main())
