# mypy: ignore-errors
# (its libraries are installed in .bench/venvs only)
"""The killed run on LangGraph with its PostgreSQL checkpointer.

As its documentation says: durability "sync", its safest; each look and each effect a node of its own; a thread that
was broken off is invoked again with its id and no input. The library has no workers: each process has its
share of the threads, and when it starts again it goes on with all of its share that have not ended. Run by
`python -m bench.durability`.
"""

from __future__ import annotations

import asyncio
import operator
import os
import sys
from pathlib import Path
from typing import Annotated, Any, TypedDict

from langgraph.checkpoint.postgres.aio import AsyncPostgresSaver
from langgraph.graph import END, START, StateGraph
from psycopg.rows import dict_row
from psycopg_pool import AsyncConnectionPool

sys.path.insert(0, str(Path(__file__).parent))
import killed
import workload


class Work(TypedDict):
    run: str
    step: int  # tool calls made
    wanted: str
    results: Annotated[list[dict[str, Any]], operator.add]


def graph(steps: int, saver: AsyncPostgresSaver) -> Any:
    async def think(state: Work) -> dict[str, Any]:
        step = state["step"]
        if step == steps:
            return {"wanted": END}
        return {"wanted": "refund" if killed.is_effect(step) else "look_up"}

    async def look_up(state: Work) -> dict[str, Any]:
        found = workload.record(workload.order_of(state["step"]))
        return {"results": [found], "step": state["step"] + 1}

    async def refund(state: Work) -> dict[str, Any]:
        done = await killed.refund(state["run"], state["step"])
        return {"results": [done], "step": state["step"] + 1}

    made = StateGraph(Work)
    for node in (think, look_up, refund):
        made.add_node(node.__name__, node)
    made.add_edge(START, "think")
    made.add_conditional_edges("think", lambda state: state["wanted"], ["look_up", "refund", END])
    made.add_edge("look_up", "think")
    made.add_edge("refund", "think")
    return made.compile(checkpointer=saver)


def thread(name: str, steps: int) -> dict[str, Any]:
    return {"configurable": {"thread_id": name}, "recursion_limit": 4 * steps + 10}


def ended(state: Any) -> bool:
    """Not by `next` alone: it is empty too where a thread was killed between its input and its first step."""
    return state.values.get("wanted") == END and not state.next


async def work(args, app: Any) -> None:
    gate = asyncio.Semaphore(args.at_once)

    async def one(name: str) -> None:
        async with gate:
            state = await app.aget_state(thread(name, args.steps))
            if ended(state):
                return
            begin = None if state.values else {"run": name, "step": 0, "wanted": "", "results": []}
            await app.ainvoke(begin, thread(name, args.steps), durability="sync")

    share = range(args.index, args.runs, args.workers)
    work = [asyncio.create_task(one(killed.name_of(index))) for index in share]
    await killed.until_stopped()
    for task in work:
        if task.done():
            task.result()
    os._exit(0)  # without waiting for what runs


async def finished(args, app: Any) -> int:
    gate = asyncio.Semaphore(8)

    async def one(name: str) -> bool:
        async with gate:
            return ended(await app.aget_state(thread(name, args.steps)))

    return sum(await asyncio.gather(*(one(killed.name_of(index)) for index in range(args.runs))))


async def main() -> None:
    args = killed.options("The killed run on LangGraph with its PostgreSQL checkpointer.").parse_args()
    keywords = {"autocommit": True, "prepare_threshold": 0, "row_factory": dict_row}
    async with AsyncConnectionPool(args.dsn, min_size=1, max_size=args.at_once, kwargs=keywords) as pool:
        saver = AsyncPostgresSaver(pool)
        app = graph(args.steps, saver)
        if args.mode == "start":
            await saver.setup()  # threads begin with their first invocation
        elif args.mode == "work":
            await work(args, app)
        else:
            print(await finished(args, app))


if __name__ == "__main__":
    asyncio.run(main())
