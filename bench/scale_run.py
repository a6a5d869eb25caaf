"""The run of `bench/scale.py`: a model call, a tool call, by turns; every fifth call is an effect settled by its key.

The model is a script in a file, so that any `remit worker` goes on with a run. `python -m bench.scale_run DSN --runs N`
begins runs and queues them, as an application would, and prints how long that took.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import time
from pathlib import Path
from typing import Any

from bench.figures import SCRATCH
from bench.peers import workload
from remit.agents.spec import Agent, Budget, RemitSpec, Rule
from remit.app import open_app
from remit.dispatch import open_dispatch
from remit.settings import Settings
from remit.tools.decorate import tool
from remit.tools.tool import ToolContext

STEPS = workload.STEPS  # tool calls
AT_ONCE = 50  # runs that are begun at the same time
EFFECT = "refund"


@tool(effect="read", name=workload.TOOL)
async def look_up_order(context: ToolContext, order: str) -> dict[str, Any]:
    """An order of the shop: its items, its state and when it is due."""
    await asyncio.sleep(context.inputs["delay"])
    return workload.record(order)


@tool(effect="egress", settle="key", integrity="system")
async def refund(context: ToolContext, order: str) -> dict[str, str]:
    """Refund an order; done at once, as nothing outside is measured here."""
    return {"refunded": order, "key": context.key}


TOOLS = (look_up_order, refund)


def script() -> Path:
    """The model's answers, in a file."""
    calls = [
        {"tool": EFFECT if step % 5 == 4 else workload.TOOL, "args": {"order": workload.order_of(step)}}
        for step in range(STEPS)
    ]
    answers = [{"text": workload.thought(step), "calls": [call]} for step, call in enumerate(calls)]
    path = SCRATCH / "scale.json"
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps({"by": "turn", "answers": [*answers, {"text": workload.REPORT}]}))
    return path


def agent() -> Agent:
    return Agent(
        name="clerk",
        instructions=workload.INSTRUCTIONS,
        model=f"scripted:{script()}",
        tools=(__name__.replace("__main__", "bench.scale_run"),),
        rules=(Rule(tool=EFFECT, allow="true"), Rule(tool=workload.TOOL, allow="true")),
        remit=RemitSpec(autonomy="act", budget=Budget(money=None, tokens=None, steps=STEPS + 1)),
        plan=False,
        reflect=False,
    )


async def main() -> None:
    parser = argparse.ArgumentParser(description="Begin runs and queue them.")
    parser.add_argument("dsn", help="a migrated PostgreSQL database")
    parser.add_argument("--runs", type=int, required=True)
    parser.add_argument("--delay", type=float, default=0.0, help="seconds that a look takes")
    args = parser.parse_args()
    spec, gate = agent(), asyncio.Semaphore(AT_ONCE)
    async with open_app(Settings(database_url=args.dsn)) as app, open_dispatch(app.store) as dispatch:

        async def one() -> None:
            async with gate:
                run = await app.start(spec, workload.GOAL, inputs={"delay": args.delay})
                await dispatch.enqueue(run)

        await one()  # connections are open before the clock starts
        began = time.perf_counter()
        await asyncio.gather(*(one() for _ in range(args.runs - 1)))
        print(json.dumps({"seconds": time.perf_counter() - began}))


if __name__ == "__main__":
    asyncio.run(main())
