"""Does what was decided until nothing is due, or it is killed: `python -m tests.acting.worker URL FOLDER`."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from uuid import UUID

from remit.acting.begin import look
from remit.app import open_app
from remit.settings import Settings


async def nobody(run: UUID) -> None:
    """Whoever sweeps finds it."""


async def main(url: str, folder: str) -> None:
    async with open_app(Settings(database_url=url, data_dir=Path(folder))) as app:
        while await look(app, nobody):
            pass


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
