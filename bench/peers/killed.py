"""The run of `bench/durability.py`, whose workers are killed: looks and effects by turns, then a report.

Standard library only: it is imported in the peers' own virtual environments. An effect is an HTTP request to a
server of its own process (bench/effect_server.py), which counts how often each key came. The key is the run's
name and the step's number, the same on all sides, so that any repeat shows.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import signal
from typing import Any
from urllib.parse import urlsplit

GOAL = "Look at each order of the customer and refund what was promised."
REPORT = "All that was promised is refunded."
STEPS = 6  # tool calls a run, every second one an effect
SERVER = os.environ.get("BENCH_EFFECTS", "")  # the effect server's address
WORKER = os.environ.get("BENCH_WORKER", "")  # this worker's name, sent along so that a take-over can be seen


def name_of(index: int) -> str:
    return f"run-{index}"


def is_effect(step: int) -> bool:
    return step % 2 == 1


def effects_of(steps: int) -> int:
    """Effects of one run."""
    return steps // 2


def key_of(run: str, step: int) -> str:
    return f"{run}.{step}"


async def refund(run: str, step: int) -> dict[str, Any]:
    """The effect. Not safe to repeat: the server counts each request."""
    found = await _ask("POST", f"/effects/{key_of(run, step)}")
    assert found is not None
    return found


async def find(run: str, step: int) -> dict[str, Any] | None:
    """What became of the effect, as the server tells it; None if it never came there."""
    return await _ask("GET", f"/effects/{key_of(run, step)}")


async def _ask(method: str, path: str) -> dict[str, Any] | None:
    parts = urlsplit(SERVER)
    reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
    try:
        writer.write(f"{method} {path} HTTP/1.1\r\nhost: bench\r\nx-worker: {WORKER}\r\n\r\n".encode())
        answer = await reader.read()
    finally:
        writer.close()
    head, _, body = answer.partition(b"\r\n\r\n")
    status = int(head.split()[1])
    if status == 404:
        return None
    assert status == 200, answer
    found: dict[str, Any] = json.loads(body)
    return found


def options(description: str) -> argparse.ArgumentParser:
    """The options that each side's script has."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("mode", choices=["start", "work", "finished"])
    parser.add_argument("dsn", help="a PostgreSQL database; empty before `start`")
    parser.add_argument("--runs", type=int, required=True)
    parser.add_argument("--steps", type=int, required=True)
    parser.add_argument(
        "--at-once", type=int, default=10, help="runs that a worker advances at the same time"
    )
    parser.add_argument("--index", type=int, default=0, help="of this worker")
    parser.add_argument("--workers", type=int, default=1, help="how many there are")
    return parser


async def until_stopped() -> None:
    """Return when the process is asked to end."""
    stop = asyncio.Event()
    for sign in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(sign, stop.set)
    await stop.wait()
