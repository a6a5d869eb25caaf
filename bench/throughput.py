"""How many durable steps a second, at what CPU, how late, how many bytes; and what waiting and finished runs cost.

A step is one model call or one tool call, journaled: a run of the default length has 21, in 11 turns of the loop.
Parts, each of which can be measured alone (`--parts`):

  steps     steps/s, CPU a step (of the process, and of the database server), and each run's time from start to
            finish, with 1, 50, 200 and 500 runs at once, beside peers; those marked "nothing durable" write nothing
  bytes     what a run leaves in the database at 10, 100 and 1,000 tool calls
  waiting   what 10,000 waiting runs in the store cost a worker: memory and CPU, beside a worker of an empty store
  finished  how much slower a new run is in a store of a million finished ones

Each side has a database and a process of its own, on the same server with synchronous_commit=on.
"""

from __future__ import annotations

import asyncio
import statistics
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bench import chart, figures, full_store
from bench.database import Address, drop, fresh, running, server_of
from bench.loop import answer_of, command_of
from bench.peers import workload

SIDES = ("remit", "langgraph", "langgraph-savers", "dbos", "langgraph-memory", "pydantic-ai")
DURABLE = ("remit", "langgraph", "dbos")  # the sides whose bytes are counted
LABELS = {
    "remit": "Remit",
    "langgraph": "LangGraph + PostgreSQL",
    "langgraph-savers": "LangGraph, 10 savers",
    "dbos": "Pydantic AI + DBOS",
    "langgraph-memory": "LangGraph, nothing durable",
    "pydantic-ai": "Pydantic AI, nothing durable",
}
PARTS = ("steps", "bytes", "waiting", "finished")


async def steps(address: Address, args: Any) -> list[dict[str, Any]]:
    """A row for each side and level: the medians over the rounds. Sides take turns within a round."""
    found: dict[tuple[str, int], list[dict[str, Any]]] = {}
    for number in range(args.rounds):
        for side in args.sides:
            figures.note(f"steps, round {number + 1} of {args.rounds}: {side}")
            url = await fresh(address, "bench_throughput")
            server = str(await server_of(url))
            levels = ["--levels", *map(str, args.at_once), "--each", str(args.each), "--server", server]
            answer = await answer_of([*command_of(side), url, *levels, "--steps", str(args.steps)], side)
            for level in answer["levels"]:
                found.setdefault((side, level["at_once"]), []).append(level)
    await drop(address, "bench_throughput")
    return [
        _row(side, at_once, found[side, at_once], found) for at_once in args.at_once for side in args.sides
    ]


def _row(
    side: str,
    at_once: int,
    rounds: Sequence[dict[str, Any]],
    found: dict[tuple[str, int], list[dict[str, Any]]],
) -> dict[str, Any]:
    def median(key: str, of: Sequence[dict[str, Any]] = rounds) -> float | None:
        values = [one[key] for one in of if one[key] is not None]
        return round(statistics.median(values), 1) if values else None

    rate, beside = median("steps_per_s"), None
    if ("langgraph", at_once) in found and rate is not None:
        beside = median("steps_per_s", found["langgraph", at_once])
    return {
        "side": LABELS[side],
        "runs at once": at_once,
        "steps/s": rate,
        "× LangGraph": round(rate / beside, 1) if rate and beside else None,
        "CPU µs a step": median("cpu_us"),
        "server's CPU µs a step": median("server_us"),
        "a run, p50 ms": median("p50_ms"),
        "p95 ms": median("p95_ms"),
    }


async def size(address: Address, args: Any) -> list[dict[str, Any]]:
    """Bytes a run by its length. LangGraph stores the whole state at each step, so that its longest takes long; it
    is made once, without a run to warm up."""
    rows = []
    for length in args.lengths:
        row: dict[str, Any] = {"tool calls a run": length}
        for side in (side for side in args.sides if side in DURABLE):
            label = LABELS[side]
            if side != "remit" and length > args.longest:
                row[label] = None
                continue
            figures.note(f"bytes: {side}, {length} tool calls")
            url = await fresh(address, "bench_throughput")
            runs = 1 if length >= 1000 else max(2, 200 // length)
            warm = "0" if length >= 1000 else "2"
            began = time.perf_counter()
            answer = await answer_of(
                [
                    *command_of(side),
                    url,
                    "--steps",
                    str(length),
                    "--alone",
                    str(runs),
                    "--at-once",
                    "0",
                    "--warm",
                    warm,
                ],
                side,
            )
            row[label] = answer["bytes_per_run"]
            row[f"{label}, s a run"] = round((time.perf_counter() - began) / (runs + int(warm)), 2)
        rows.append(row)
    await drop(address, "bench_throughput")
    return rows


async def bench(args: Any) -> dict[str, list[dict[str, Any]]]:
    found = {}
    async with running(args.database_url) as address:
        if "steps" in args.parts:
            found["steps"] = await steps(address, args)
        if "bytes" in args.parts:
            found["bytes"] = await size(address, args)
        if "waiting" in args.parts:
            found["waiting"] = await full_store.waiting(address, args)
        if "finished" in args.parts:
            found["finished"] = await full_store.finished(address, args)
    return found


def draw(found: dict[str, list[dict[str, Any]]], args: Any) -> None:
    """The charts of the parts that were measured."""
    folder = Path(args.charts)
    if rows := found.get("steps"):
        panels = [
            chart.Panel(f"steps a second, {n} runs at once", _bars(rows, n, "steps/s", ""))
            for n in args.at_once[-2:]
        ]
        panels += [
            chart.Panel(f"CPU µs a step, {n} runs at once", _bars(rows, n, "CPU µs a step", " µs"))
            for n in args.at_once[-1:]
        ]
        (folder / "throughput.svg").write_text(chart.bars(panels))
    if (rows := found.get("bytes")) and len(rows) > 1:
        sides = [label for label in LABELS.values() if label in rows[0]]
        drawn = chart.lines(
            "bytes that a run leaves in the database",
            "tool calls a run",
            [row["tool calls a run"] for row in rows],
            [(label, [row[label] for row in rows]) for label in sides],
        )
        (folder / "bytes.svg").write_text(drawn)


def _bars(
    rows: Sequence[dict[str, Any]], at_once: int, key: str, unit: str
) -> list[tuple[str, float | None, str]]:
    return [
        (row["side"], row[key], f"{row[key]:,.0f}{unit}")
        for row in rows
        if row["runs at once"] == at_once and row[key] is not None
    ]


def main() -> None:
    parser = figures.arguments(__doc__ or "")
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=list(PARTS))
    parser.add_argument(
        "--quick", action="store_true", help="small sizes: a minute or two, and rough figures"
    )
    parser.add_argument(
        "--sides", nargs="+", choices=SIDES, default=[s for s in SIDES if s != "langgraph-savers"]
    )
    parser.add_argument("--at-once", type=int, nargs="+", default=[1, 50, 200, 500])
    parser.add_argument(
        "--each", type=int, default=2, help="runs that each of those at once makes (100 in all at least)"
    )
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--steps", type=int, default=workload.STEPS, help="tool calls a run, for steps")
    parser.add_argument(
        "--lengths", type=int, nargs="+", default=[10, 100, 1000], help="tool calls a run, for bytes"
    )
    parser.add_argument("--longest", type=int, default=1000, help="of the peers' runs, for bytes")
    parser.add_argument("--waiting", type=int, default=10_000, help="waiting runs in the store")
    parser.add_argument("--finished", type=int, default=1_000_000, help="finished runs in the store")
    parser.add_argument("--new", type=int, default=200, help="new runs in the full store, a round")
    parser.add_argument("--database-url", help="your own server instead of the embedded one")
    parser.add_argument("--charts", metavar="FOLDER", help="also draw the figures there, as SVG")
    args = parser.parse_args()
    if args.quick:
        args.rounds, args.each, args.at_once, args.lengths = 1, 1, [1, 50, 200], [10, 100]
        args.finished, args.waiting = 50_000, 2_000
    around = figures.machine()
    found = asyncio.run(bench(args))
    if args.charts:
        draw(found, args)
    for title, rows in found.items():
        figures.show(args.json, f"throughput: {title}", around, rows)


if __name__ == "__main__":
    main()
