"""The outside world of `bench/durability.py`: a server that counts effects and forgives nothing.

It deduplicates nothing. An effect counts when its request arrives; the answer comes `--delay` milliseconds later, so
that there is a time in which an effect has happened and its sender does not know. Prints its address, and serves:
POST /effects/KEY, GET /effects/KEY (404 if it never came), GET /progress (how far it is),
GET /report (all that came, in order).
"""

from __future__ import annotations

import argparse
import asyncio
import json
import time
from dataclasses import dataclass, field
from typing import Any


@dataclass
class Ledger:
    """What came. Times are of CLOCK_MONOTONIC, which all processes of a machine share."""

    delay: float  # seconds
    counts: dict[str, int] = field(default_factory=dict)
    by: dict[str, int] = field(default_factory=dict)  # effects that each worker sent
    seen: list[tuple[float, str, str, str]] = field(default_factory=list)  # at, method, key, worker

    async def answer(self, method: str, path: str, worker: str) -> tuple[int, Any]:
        if path == "/report":
            return 200, {"counts": self.counts, "seen": self.seen}
        if path == "/progress":
            return 200, {"keys": len(self.counts), "sent": sum(self.by.values()), "by": self.by}
        key = path.removeprefix("/effects/")
        self.seen.append((time.monotonic(), method, key, worker))
        if method == "GET":
            return (200, {"receipt": key}) if key in self.counts else (404, {})
        self.by[worker] = self.by.get(worker, 0) + 1
        self.counts[key] = self.counts.get(key, 0) + 1
        await asyncio.sleep(self.delay)
        return 200, {"receipt": key}

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One request a connection; whoever goes away meanwhile changes nothing."""
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            method, path, _ = head.split(" ", 2)
            worker = next((line[10:] for line in head.split("\r\n") if line.startswith("x-worker: ")), "")
            status, found = await self.answer(method, path, worker)
            writer.write(f"HTTP/1.1 {status} -\r\nconnection: close\r\n\r\n{json.dumps(found)}".encode())
            await writer.drain()
        except (OSError, asyncio.IncompleteReadError):
            return
        finally:
            writer.close()


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--delay", type=float, default=20.0, help="milliseconds that an effect takes to answer"
    )
    args = parser.parse_args()
    server = await asyncio.start_server(Ledger(args.delay / 1000).serve, "127.0.0.1", 0, backlog=1024)
    port = server.sockets[0].getsockname()[1]
    print(f"http://127.0.0.1:{port}", flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main())
