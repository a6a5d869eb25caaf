"""A process for the tests: opens the store of a data folder, says its address, and holds it until told to end."""

import asyncio
import sys
from pathlib import Path

from remit.settings import Settings
from remit.store.store import open_store


async def main(data_dir: str) -> None:
    async with open_store(Settings(database_url=None, data_dir=Path(data_dir))) as store:
        async with store.pool.connection() as connection:
            found = await connection.execute("SELECT count(*) FROM remit_migrations")
            print(store.url, (await found.fetchone() or (None,))[0], flush=True)
        await asyncio.to_thread(sys.stdin.readline)


asyncio.run(main(sys.argv[1]))
