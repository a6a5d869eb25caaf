"""A process that is in the middle of a limited effect until it is killed: `python -m tests.limits.worker RUN`."""

from __future__ import annotations

import asyncio
import sys
from uuid import UUID

from remit.app import open_app
from remit.settings import Settings
from tests.limits import world


async def work(run: UUID) -> None:
    async with open_app(Settings()) as app:
        model = world.script("hold")
        app.models[model.name] = model
        advancing = asyncio.create_task(app.advance(run))
        await world.begun.get()
        print("begun", flush=True)
        await advancing


asyncio.run(work(UUID(sys.argv[1])))
