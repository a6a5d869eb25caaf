"""A worker process for the tests to kill: says which run it advances, and never finishes it."""

import asyncio
import sys
from uuid import UUID

from remit.dispatch import Pace, open_dispatch
from remit.settings import Settings
from remit.store.store import open_store


async def advance(run: UUID) -> None:
    print(run, flush=True)
    await asyncio.Event().wait()


async def main(url: str) -> None:
    async with (
        open_store(Settings(database_url=url)) as store,
        open_dispatch(store, Pace(heartbeat=0.1)) as dispatch,
    ):
        await dispatch.work(advance, concurrency=1, stop=asyncio.Event())


asyncio.run(main(sys.argv[1]))
