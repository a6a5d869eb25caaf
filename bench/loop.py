"""A run of 11 model calls and 10 tool calls with a scripted model, durable: Remit beside its peers.

All sides make the same run (bench/peers/workload.py) on the same PostgreSQL server with synchronous_commit=on,
each in a database and a process of its own, one after the other, in `--rounds` rounds so that a noisy moment
of the machine does not hit one side only. Shown: the median over the rounds. Each side commits every step.
"""

from __future__ import annotations

import asyncio
import json
import statistics
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bench import figures
from bench.database import Address, drop, fresh, running
from bench.peers import workload

LANGGRAPH = ["langgraph", "langgraph-checkpoint-postgres", "langchain", "psycopg[binary,pool]"]
DBOS = ["dbos", "pydantic-ai-slim", "psycopg[binary]"]
SIDES = ("remit", "langgraph", "langgraph-savers", "langgraph-agent", "dbos")
PEERS = Path(__file__).parent / "peers"


def command_of(side: str) -> list[str]:
    """How a side is started; installs a peer on first use."""
    match side:
        case "remit":
            return [sys.executable, "-m", "bench.remit_run"]
        case "langgraph":
            return [str(figures.peer_python("langgraph", LANGGRAPH)), str(PEERS / "langgraph_run.py")]
        case (
            "langgraph-savers"
        ):  # better than documented: a saver's lock lets it use one connection at a time
            return [*command_of("langgraph"), "--savers", "10"]
        case "langgraph-agent":
            return [*command_of("langgraph"), "--shape", "agent"]
        case "langgraph-memory":
            return [*command_of("langgraph"), "--memory"]
        case "pydantic-ai":
            return [str(figures.peer_python("dbos", DBOS)), str(PEERS / "pydantic_ai_run.py")]
        case _:
            return [str(figures.peer_python("dbos", DBOS)), str(PEERS / "dbos_run.py")]


async def measured(side: str, address: Address, options: Sequence[str]) -> dict[str, Any]:
    """One side's figures of one round. Ends the bench, with the side's own words, where it fails."""
    name = "bench_" + side.replace("-", "_")
    url = await fresh(address, name)
    commit_ms = figures.commit_ms()
    found = await answer_of([*command_of(side), url, *options], side)
    await drop(address, name)
    return {**found, "commit_ms": commit_ms}


async def answer_of(command: Sequence[str], side: str) -> dict[str, Any]:
    """The JSON object that a side's script prints last. Ends the bench where it fails."""
    process = await asyncio.create_subprocess_exec(
        *command, cwd=figures.ROOT, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    out, err = await process.communicate()
    if process.returncode:
        raise SystemExit(f"bench: {side} failed:\n{err.decode(errors='replace')[-4000:]}")
    found: dict[str, Any] = json.loads(out.decode().strip().splitlines()[-1])
    return found


def row_of(rounds: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """The medians of a side's rounds."""

    def median(key: str) -> float | None:
        values = [one[key] for one in rounds if one[key] is not None]
        return round(statistics.median(values), 2) if values else None

    return {
        "side": rounds[0]["side"],
        "ms a run alone": median("ms_alone"),
        "runs/s at once": median("runs_per_s"),
        "bytes a run": median("bytes_per_run"),
        "disk: ms a commit": median("commit_ms"),
        "setup": rounds[0]["setup"],
    }


async def bench(args: Any) -> list[dict[str, Any]]:
    options = [
        *("--alone", str(args.alone), "--at-once", str(args.at_once)),
        *("--steps", str(args.steps), "--size", str(args.size)),
    ]
    found: dict[str, list[dict[str, Any]]] = {side: [] for side in args.sides}
    async with running(args.database_url) as address:
        for number in range(args.rounds):
            for side in args.sides:
                figures.note(f"round {number + 1} of {args.rounds}: {side}")
                found[side].append(await measured(side, address, options))
    return [row_of(rounds) for rounds in found.values()]


def main() -> None:
    parser = figures.arguments(__doc__ or "")
    parser.add_argument(
        "--sides", nargs="+", choices=SIDES, default=["remit", "langgraph", "langgraph-savers", "dbos"]
    )
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--alone", type=int, default=20, help="runs made one after the other")
    parser.add_argument("--at-once", type=int, default=200, help="runs made at the same time")
    parser.add_argument("--steps", type=int, default=workload.STEPS, help="tool calls a run")
    parser.add_argument("--size", type=int, default=workload.SIZE, help="bytes of a tool's result")
    parser.add_argument("--database-url", help="your own server instead of the embedded one")
    args = parser.parse_args()
    around = figures.machine()
    rows = asyncio.run(bench(args))
    figures.show(args.json, "loop", around, rows)


if __name__ == "__main__":
    main()
