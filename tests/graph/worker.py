"""Takes a file in, batch by batch, until it is killed: `python -m tests.graph.worker URL FILE`."""

from __future__ import annotations

import asyncio
import sys
from itertools import islice
from pathlib import Path

from remit.graph.files import rows_in
from remit.graph.ingest import take
from remit.settings import Settings
from remit.store.store import open_store


async def main(url: str, path: str) -> None:
    async with open_store(Settings(database_url=url, data_dir=Path(path).parent)) as store:
        rows = rows_in(Path(path).read_bytes().splitlines(), "jsonl")
        while batch := list(islice(rows, 20)):
            await take(store.within("default"), batch, "shop")


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
