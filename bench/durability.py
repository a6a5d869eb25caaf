"""Workers are killed with SIGKILL, over and over: what is lost, what is done twice, who goes on, and how soon.

All sides make the same runs (bench/peers/killed.py) on the same PostgreSQL server with synchronous_commit=on, by
several worker processes, each side in its library's documented way to recover. A server of its own process counts the
effects by key and deduplicates nothing. First part: when so many effects were sent (the same seeded numbers for
all), a moment later one of the workers that are at work is killed and started again. Second part: one worker is
killed for good; shown is how long after its death another goes on with its runs.
"""

from __future__ import annotations

import asyncio
import os
import random
import sys
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bench import chart, figures
from bench.database import Address, drop, fresh, running
from bench.loop import DBOS, LANGGRAPH, PEERS
from bench.peers import killed
from bench.watch import Effects, environment

PROCRASTINATE = ["procrastinate", "psycopg[binary,pool]"]
APART = ("unshare", "--fork", "--pid", "--mount-proc", "--kill-child")
POLL = 0.02  # seconds between looks at how far it is


@dataclass(frozen=True)
class Side:
    label: str
    script: tuple[str, ...]  # an interpreter and the script with its own options
    remit: bool = False  # its workers are `remit worker`


def side_of(name: str) -> Side:
    """How a side is run; installs a peer on first use."""

    def peer(venv: str, packages: Sequence[str], script: str, *options: str) -> tuple[str, ...]:
        return (str(figures.peer_python(venv, packages)), str(PEERS / script), *options)

    remit = (sys.executable, "-m", "bench.remit_killed")
    match name:
        case "remit":
            return Side("Remit, settle by lookup", remit, remit=True)
        case "remit-key":
            return Side("Remit, settle by key", (*remit, "--settle", "key"), remit=True)
        case "dbos":
            return Side("DBOS", peer("dbos", DBOS, "dbos_killed.py"))
        case "pydantic-ai":
            return Side("Pydantic AI + DBOS", peer("dbos", DBOS, "dbos_killed.py", "--shape", "agent"))
        case "langgraph":
            return Side("LangGraph + PostgreSQL", peer("langgraph", LANGGRAPH, "langgraph_killed.py"))
        case _:
            return Side("procrastinate", peer("procrastinate", PROCRASTINATE, "procrastinate_killed.py"))


SIDES = ("remit", "remit-key", "langgraph", "dbos", "pydantic-ai", "procrastinate")


@dataclass
class Crowd:
    """The worker processes of a side."""

    side: Side
    url: str
    server: str
    args: Any
    options: tuple[str, ...]
    log: Path
    processes: dict[int, asyncio.subprocess.Process] = field(default_factory=dict)

    async def begin(self, index: int) -> None:
        name = worker_name(index)
        if self.side.remit:
            remit = str(Path(sys.executable).with_name("remit"))
            command = [remit, "worker", "--concurrency", str(self.args.at_once), "--name", name]
        else:
            command = [*self.side.script, "work", self.url, *self.options, "--index", str(index)]
        if self.args.apart:
            command = [*APART, *command]
        with self.log.open("a") as log:
            self.processes[index] = await asyncio.create_subprocess_exec(
                *command,
                cwd=figures.ROOT,
                env=environment(self.url, self.server, name),
                stdout=log,
                stderr=log,
            )

    async def kill(self, index: int) -> float:
        """SIGKILL. Returns when, by the monotonic clock."""
        process = self.processes.pop(index)
        process.kill()
        at = time.monotonic()
        await process.wait()
        return at

    async def end(self) -> None:
        for index, process in self.processes.items():
            if process.returncode is None:
                process.kill()
            else:
                figures.note(f"{worker_name(index)} of {self.side.label} ended by itself; see {self.log}")
        await asyncio.gather(*(process.wait() for process in self.processes.values()))


def worker_name(index: int) -> str:
    return f"worker-{index}"


async def call(side: Side, mode: str, url: str, options: Sequence[str]) -> str:
    """Run a side's script to its end. Ends the bench, with the side's own words, where it fails."""
    process = await asyncio.create_subprocess_exec(
        *side.script, mode, url, *options, cwd=figures.ROOT, env=environment(url, "", ""),
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    out, err = await process.communicate()
    if process.returncode:
        raise SystemExit(f"bench: {side.label} failed:\n{err.decode(errors='replace')[-4000:]}")
    return out.decode().strip()


@asynccontextmanager
async def at_work(
    name: str, address: Address, args: Any, runs: int, steps: int, delay: float
) -> AsyncIterator[tuple[Crowd, Effects]]:
    """A side with its runs begun and its workers started, and the world that they act on."""
    side, database = side_of(name), "bench_durability_" + name.replace("-", "_")
    url = await fresh(address, database)
    options: tuple[str, ...] = ("--runs", str(runs), "--steps", str(steps), "--at-once", str(args.at_once))
    options += ("--workers", str(args.workers))
    logs = figures.SCRATCH / "logs"
    logs.mkdir(parents=True, exist_ok=True)
    async with Effects.served(delay) as effects:
        await call(side, "start", url, options)
        crowd = Crowd(side, url, effects.url, args, options, logs / f"durability-{name}.log")
        try:
            for index in range(args.workers):
                await crowd.begin(index)
            yield crowd, effects
        finally:
            await crowd.end()
    await drop(address, database)


async def killed_runs(name: str, address: Address, args: Any) -> dict[str, Any]:
    """The first part, for one side."""
    dice = random.Random(args.seed)
    expected = args.runs * killed.effects_of(args.steps)
    marks = sorted(dice.randrange(1, max(2, int(0.9 * expected))) for _ in range(args.kills))
    async with at_work(name, address, args, args.runs, args.steps, args.delay) as (crowd, effects):
        began = time.monotonic()
        kills, in_flight = 0, 0
        started_with = dict.fromkeys(range(args.workers), 0)  # what each had sent when it was started last
        for mark in marks:
            victims = await effects.active(started_with, worker_name, mark, args.limit)
            if not victims:
                break  # it stands still
            victim = dice.choice(victims)
            await asyncio.sleep(dice.random() * 2 * args.delay / 1000)
            at = await crowd.kill(victim)
            kills += 1
            in_flight += await effects.in_flight(worker_name(victim), at, args.delay / 1000)
            started_with[victim] = (await effects.progress())["by"].get(worker_name(victim), 0)
            await crowd.begin(victim)
        finished = await until_finished(crowd, effects, expected, args)
        took = time.monotonic() - began
        counts: dict[str, int] = (await effects.report())["counts"]
        lookups = sum(method == "GET" for _, method, _, _ in (await effects.report())["seen"])
    return {
        "side": crowd.side.label,
        "runs": args.runs,
        "kills": kills,
        "runs lost": args.runs - finished,
        "effects": expected,
        "in flight at a kill": in_flight,
        "repeated": sum(count > 1 for count in counts.values()),
        "missing": expected - len(counts),
        "looked up": lookups,
        "seconds": round(took, 1),
    }


async def until_finished(crowd: Crowd, effects: Effects, expected: int, args: Any) -> int:
    """Runs that have ended, once all have or nothing has happened for the limit."""
    finished, sent, since = 0, -1, time.monotonic()
    while finished < args.runs and time.monotonic() - since < args.limit:
        progress = await effects.progress()
        if progress["sent"] != sent:
            sent, since = progress["sent"], time.monotonic()
        if progress["keys"] >= expected or time.monotonic() - since > 2:
            finished = int(await call(crowd.side, "finished", crowd.url, crowd.options))
        await asyncio.sleep(10 * POLL)
    return finished


async def taken_over(name: str, address: Address, args: Any) -> dict[str, Any]:
    """The second part, for one side: a worker dies for good while the others have room for what it leaves."""
    async with at_work(name, address, args, args.over_runs, args.over_steps, args.over_delay) as (
        crowd,
        effects,
    ):
        begun, progress = time.monotonic(), await effects.progress()
        while progress["keys"] < 3 * args.over_runs:  # they are in the middle of it
            if time.monotonic() - begun > args.limit:
                raise SystemExit(f"bench: the workers of {crowd.side.label} do not start; see {crowd.log}")
            await asyncio.sleep(POLL)
            progress = await effects.progress()
        busiest = max(range(args.workers), key=lambda index: progress["by"].get(worker_name(index), 0))
        dead, at = worker_name(busiest), await crowd.kill(busiest)
        orphaned = await effects.runs_of(dead, at, killed.effects_of(args.over_steps))
        took: dict[str, float] = {}
        while len(took) < len(orphaned) and time.monotonic() - at < args.over_limit:
            await asyncio.sleep(10 * POLL)
            took = await effects.taken(orphaned, dead, at)
    return {
        "taken over": f"{len(took)} of {len(orphaned)}",
        "first after, s": round(min(took.values()), 1) if took else None,
        "all after, s": round(max(took.values()), 1) if took and len(took) == len(orphaned) else None,
    }


async def bench(args: Any) -> list[dict[str, Any]]:
    rows = []
    async with running(args.database_url) as address:
        for name in args.sides:
            row: dict[str, Any] = {"side": side_of(name).label}
            if "kills" in args.parts:
                figures.note(f"{name}: {args.runs} runs, {args.kills} kills")
                row |= await killed_runs(name, address, args)
            if "take-over" in args.parts:
                figures.note(f"{name}: a worker dies for good")
                row |= await taken_over(name, address, args)
            rows.append(row)
    return rows


def main() -> None:
    parser = figures.arguments(__doc__ or "")
    parser.add_argument("--sides", nargs="+", choices=SIDES, default=[s for s in SIDES if s != "remit-key"])
    parser.add_argument("--parts", nargs="+", choices=["kills", "take-over"], default=["kills", "take-over"])
    parser.add_argument("--runs", type=int, default=200)
    parser.add_argument(
        "--steps", type=int, default=killed.STEPS, help="tool calls a run, half of them effects"
    )
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--workers", type=int, default=3)
    parser.add_argument(
        "--at-once", type=int, default=10, help="runs that a worker advances at the same time"
    )
    parser.add_argument("--delay", type=float, default=20, help="milliseconds that an effect takes")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument(
        "--limit", type=float, default=60, help="seconds of standstill after which runs are lost"
    )
    parser.add_argument(
        "--over-runs", type=int, default=18, help="take-over: runs, which the workers but one have room for"
    )
    parser.add_argument("--over-steps", type=int, default=60, help="take-over: tool calls a run")
    parser.add_argument("--over-delay", type=float, default=200, help="take-over: milliseconds of an effect")
    parser.add_argument("--over-limit", type=float, default=30, help="take-over: seconds to wait for it")
    parser.add_argument(
        "--apart",
        action="store_true",
        help="each worker in a process namespace of its own, where nobody sees whether it lives, as on "
        "machines of their own (Linux, root)",
    )
    parser.add_argument("--database-url", help="your own server instead of the embedded one")
    parser.add_argument("--chart", metavar="FILE", help="also draw the figures, as SVG")
    args = parser.parse_args()
    if args.apart and os.geteuid() != 0:
        parser.error("--apart needs root")
    around = figures.machine()
    rows = asyncio.run(bench(args))
    if args.chart:
        draw(rows, args)
    figures.show(args.json, "durability", around, rows)


def draw(rows: Sequence[dict[str, Any]], args: Any) -> None:
    """Bars of what was repeated, and of the time until another worker went on."""
    panels = []
    if "kills" in args.parts:
        title = f"effects done twice, of {rows[0]['effects']}, after {args.kills} kill -9"
        panels.append(
            chart.Panel(title, [(row["side"], row["repeated"], str(row["repeated"])) for row in rows])
        )
    if "take-over" in args.parts:
        bars = []
        for row in rows:
            after = row["all after, s"]
            bars.append((row["side"], after, f"{after} s" if after is not None else "not by another worker"))
        panels.append(chart.Panel("until others have taken over a dead worker's runs", bars))
    Path(args.chart).write_text(chart.bars(panels))


if __name__ == "__main__":
    main()
