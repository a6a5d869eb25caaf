"""Watching a killed workload: the server that counts effects, and what its report says of who did what, when."""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from bench import figures

POLL = 0.02  # seconds between looks


def environment(url: str, server: str, worker: str) -> dict[str, str]:
    """What a side's processes find in their environment."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("REMIT_")}
    return kept | {
        "PYTHONPATH": os.pathsep.join([str(figures.ROOT), *filter(None, [kept.get("PYTHONPATH", "")])]),
        "REMIT_DATABASE_URL": url,
        "REMIT_DATA_DIR": str(figures.SCRATCH / "data"),
        "BENCH_EFFECTS": server,
        "BENCH_WORKER": worker,
    }


@dataclass(frozen=True)
class Effects:
    """The server of bench/effect_server.py."""

    url: str

    @staticmethod
    @asynccontextmanager
    async def served(delay: float) -> AsyncIterator[Effects]:
        """A fresh one, in a process of its own; an effect takes `delay` milliseconds."""
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "bench.effect_server", "--delay", str(delay),
            cwd=figures.ROOT, stdout=asyncio.subprocess.PIPE,
        )  # fmt: skip
        assert process.stdout is not None
        try:
            yield Effects((await process.stdout.readline()).decode().strip())
        finally:
            process.kill()
            await process.wait()

    async def _get(self, path: str) -> Any:
        parts = urlsplit(self.url)
        reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
        writer.write(f"GET {path} HTTP/1.1\r\nhost: bench\r\n\r\n".encode())
        answer = await reader.read()
        writer.close()
        return json.loads(answer.partition(b"\r\n\r\n")[2])

    async def progress(self) -> dict[str, Any]:
        """`keys`: effects that came at least once; `sent`: all requests; `by`: those of each worker."""
        found: dict[str, Any] = await self._get("/progress")
        return found

    async def report(self) -> dict[str, Any]:
        found: dict[str, Any] = await self._get("/report")
        return found

    async def active(
        self, sent: Mapping[int, int], name: Callable[[int], str], mark: int, limit: float
    ) -> list[int]:
        """The workers that have sent more than in `sent`, once there is one and `mark` effects came in all; [] if
        nothing at all came for `limit` seconds."""
        before, since = -1, time.monotonic()
        while time.monotonic() - since < limit:
            progress = await self.progress()
            active = [index for index, count in sent.items() if progress["by"].get(name(index), 0) > count]
            if progress["sent"] >= mark and active:
                return active
            if progress["sent"] != before:
                before, since = progress["sent"], time.monotonic()
            await asyncio.sleep(POLL)
        return []

    async def in_flight(self, worker: str, at: float, delay: float) -> int:
        """Effects of `worker` that had come, and were not answered yet, when it died at `at`."""
        seen = (await self.report())["seen"]
        return sum(method == "POST" and who == worker and at - delay < when for when, method, _, who in seen)

    async def runs_of(self, worker: str, at: float, effects: int) -> set[str]:
        """The runs that `worker` was in the middle of when it died: it was the last to send something for them, and
        they have effects to come."""
        last: dict[str, str] = {}
        done: dict[str, set[str]] = {}
        for when, _, key, who in (await self.report())["seen"]:
            run = run_of(key)
            if when <= at or who == worker:
                last[run] = who
                done.setdefault(run, set()).add(key)
        return {run for run, who in last.items() if who == worker and len(done[run]) < effects}

    async def taken(self, runs: Iterable[str], worker: str, at: float) -> dict[str, float]:
        """Of `runs`, those that another than `worker` went on with: seconds after `at`."""
        wanted, found = set(runs), dict[str, float]()
        for when, _, key, who in (await self.report())["seen"]:
            if run_of(key) in wanted and who != worker and when > at:
                found.setdefault(run_of(key), when - at)
        return found


def run_of(key: str) -> str:
    return key.rpartition(".")[0]
