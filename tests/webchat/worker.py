"""Sends what a colleague has written: `python -m tests.webchat.worker URL FOLDER` forks one that does for each run that it reads, and says its
number and then how it ended."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path
from uuid import UUID

from remit import talking
from remit.app import open_app
from remit.settings import Settings


async def nobody(run: UUID) -> None:
    """It is advanced here."""


async def send(url: str, folder: str, run: UUID) -> None:
    async with open_app(Settings(database_url=url, data_dir=Path(folder))) as app:
        await talking.see_to(app, nobody)
        await app.advance(run)


def main(url: str, folder: str) -> None:
    for line in sys.stdin:
        if (child := os.fork()) == 0:
            asyncio.run(send(url, folder, UUID(line.strip())))
            os._exit(0)
        print(child, flush=True)
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
