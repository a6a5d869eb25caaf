"""A worker process that advances one run: `python -m tests.agents.worker RUN`."""

from __future__ import annotations

import asyncio
import sys
from uuid import UUID

from remit.app import open_app
from remit.settings import Settings


async def work(run: UUID) -> None:
    async with open_app(Settings()) as app:
        await app.advance(run)


if __name__ == "__main__":
    asyncio.run(work(UUID(sys.argv[1])))
