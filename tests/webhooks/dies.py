"""A process that sends what is due and is killed (kill -9) after the other side has it, before that is written down."""

from __future__ import annotations

import asyncio
import os
import signal
import sys

from remit.settings import Settings
from remit.store.store import open_store
from remit.webhooks import deliver


async def main(url: str, data: str, allow: str) -> None:
    async def dies(*args: object) -> object:
        os.kill(os.getpid(), signal.SIGKILL)
        return None

    deliver.settle = dies  # type: ignore[assignment]
    settings = Settings(database_url=url, data_dir=data, webhook_allow=(allow,))  # type: ignore[arg-type]
    async with open_store(settings) as store:
        await deliver.deliver(store, asyncio.Event())


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
