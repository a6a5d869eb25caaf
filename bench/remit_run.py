"""The run on Remit. Prints one JSON object; run by `python -m bench.loop`, as its peers are."""

from __future__ import annotations

import asyncio
import json
from importlib.metadata import version

from bench.clerk import remit_side, scripted
from bench.database import size_of
from bench.peers import workload
from remit.app import open_app
from remit.crew import tune_collector
from remit.settings import Settings


async def main() -> None:
    args = workload.options("The bench run on Remit.").parse_args()
    async with open_app(Settings(database_url=args.dsn, pool_size=args.pool)) as app:
        model = scripted(args.steps)

        async def run() -> None:
            await remit_side(app, model, args.steps, args.size)

        async def size() -> int:
            return await size_of(args.dsn)

        tune_collector()  # as `remit worker` does when it begins
        found = await workload.measure(run, size, args)
    found["side"] = "Remit"
    found["setup"] = f"remit {version('remit')}, pool={args.pool}"
    print(json.dumps(found))


if __name__ == "__main__":
    asyncio.run(main())
