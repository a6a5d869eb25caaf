"""The killed run on Remit: an agent whose effect is settled by looking. Its workers are `remit worker` itself.

The model is a script in a file, answered by turn, so that any process that takes a run over goes on with it.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bench.database import count
from bench.figures import SCRATCH
from bench.peers import killed, workload
from remit.agents.spec import Agent, Budget, RemitSpec, Rule
from remit.app import open_app
from remit.dispatch import open_dispatch
from remit.settings import Settings
from remit.tools.decorate import tool
from remit.tools.tool import Settle, ToolContext

MODULE = "bench.remit_killed"  # also where this file is run as a script
AT_ONCE = 20  # runs that are begun at the same time


@tool(effect="read")
async def look_up(context: ToolContext, step: int) -> dict[str, Any]:
    """An order of the customer."""
    return workload.record(workload.order_of(step))


async def _find(context: ToolContext, args: Mapping[str, Any]) -> Any | None:
    return await killed.find(context.inputs["name"], args["step"])


@tool(effect="egress", settle=Settle("lookup", _find), integrity="system")
async def refund(context: ToolContext, step: int) -> dict[str, Any]:
    """Refund what was promised for an order."""
    return await killed.refund(context.inputs["name"], step)


@tool(effect="egress", settle="key", integrity="system")
async def refund_by_key(context: ToolContext, step: int) -> dict[str, Any]:
    """Refund what was promised for an order, at a service that is said to know the key of an earlier attempt."""
    return await killed.refund(context.inputs["name"], step)


def script(steps: int, effect: str) -> Path:
    """The model's answers, in a file."""
    tools = [effect if killed.is_effect(step) else "look_up" for step in range(steps)]
    calls = [{"calls": [{"tool": name, "args": {"step": step}}]} for step, name in enumerate(tools)]
    path = SCRATCH / f"killed-{effect}-{steps}.json"
    path.write_text(json.dumps({"by": "turn", "answers": [*calls, {"text": killed.REPORT}]}))
    return path


def agent(steps: int, settle: str) -> Agent:
    effect = "refund" if settle == "lookup" else "refund_by_key"
    return Agent(
        name="refunds",
        instructions=workload.INSTRUCTIONS,
        model=f"scripted:{script(steps, effect)}",
        tools=(f"{MODULE}:look_up", f"{MODULE}:{effect}"),
        rules=(Rule(tool=effect, allow="true"),),
        remit=RemitSpec(autonomy="act", budget=Budget(money=None, tokens=None, steps=2 * steps + 2)),
        plan=False,
        reflect=False,
    )


async def start(args: Any) -> None:
    spec, gate = agent(args.steps, args.settle), asyncio.Semaphore(AT_ONCE)
    async with open_app(Settings(database_url=args.dsn)) as app, open_dispatch(app.store) as dispatch:

        async def one(index: int) -> None:
            async with gate:
                run = await app.start(spec, killed.GOAL, inputs={"name": killed.name_of(index)})
                await dispatch.enqueue(run)

        await asyncio.gather(*(one(index) for index in range(args.runs)))


async def main() -> None:
    parser = killed.options("The killed run on Remit; its workers are `remit worker`.")
    parser.add_argument("--settle", choices=["lookup", "key"], default="lookup")
    args = parser.parse_args()
    if args.mode == "start":
        await start(args)
    elif args.mode == "finished":
        print(await count(args.dsn, "select count(*) from runs where status in ('met', 'cannot verify')"))
    else:
        parser.error("run `remit worker`")


if __name__ == "__main__":
    asyncio.run(main())
