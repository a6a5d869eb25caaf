"""What the gate adds to a step, counted: instructions that this process carries out, under valgrind, which a machine's other work does not
change, as it changes times (`bench.gate_cost` has those, the runs, and what each side is).

A side's run is played once and then `--batches` times more in processes of their own; what the second took more than the first is
divided by the steps between them, so that starting costs nothing. Counts of one and the same code differ by half a percent: with
the database's answers the turns of the loop do. Needs valgrind, of any Linux distribution. Seven minutes on two cores.

Examples: python -m bench.gate_count · python -m bench.gate_count --run looks --sides nothing "the verdict" --json
"""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import subprocess
import sys
from typing import Any

from bench import figures
from bench.database import Address, drop, fresh, running
from bench.gate_cost import LOOKS, RUNS, SIDES, cpu, only, scripted
from remit.app import open_app
from remit.crew import tune_collector
from remit.settings import Settings

VALGRIND = ("valgrind", "--tool=cachegrind", "--cache-sim=no", "--cachegrind-out-file=/dev/null")
COUNTED = re.compile(r"I\s+refs:\s+([0-9,]+)")


async def play(url: str, args: Any) -> None:
    """In a process that is counted."""
    async with open_app(Settings(database_url=url, lease_ttl=300)) as app:
        tune_collector()
        model = scripted(args.steps, "" if args.run == LOOKS else args.run)
        with only(args.play):
            for _ in range(args.batches):
                await cpu(app, model, args)


async def counted(address: Address, args: Any, side: str, batches: int) -> int:
    """Instructions of a process that plays so many batches of runs."""
    name = f"bench_gate_count_{SIDES.index(side)}_{batches}"
    given = {"play": side, "url": await fresh(address, name), "batches": batches, "run": args.run}
    given |= {"steps": args.steps, "at-once": args.at_once, "rules": args.rules}
    child = await asyncio.create_subprocess_exec(
        *VALGRIND,
        sys.executable,
        "-m",
        "bench.gate_count",
        *(f"--{one}={value}" for one, value in given.items()),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        env=os.environ | {"PYTHONHASHSEED": "0"},
    )
    _, told = await child.communicate()
    await drop(address, name)
    found = COUNTED.search(told.decode())
    if child.returncode != 0 or found is None:
        raise SystemExit(f"bench: {side} was not counted:\n{told.decode()[-2000:]}")
    figures.note(f"{side}, {batches} batches: {found[1]} instructions")
    return int(found[1].replace(",", ""))


async def bench(args: Any) -> list[dict[str, Any]]:
    places = asyncio.Semaphore(os.cpu_count() or 1)
    more: int = args.batches * args.at_once * args.steps

    async with running(args.database_url) as address:

        async def count(side: str, batches: int) -> int:
            async with places:
                return await counted(address, args, side, batches)

        async def a_step(side: str) -> float:
            once, several = await asyncio.gather(count(side, 1), count(side, 1 + args.batches))
            return (several - once) / more

        took = await asyncio.gather(*map(a_step, args.sides))
    return [
        {
            "run": RUNS["" if args.run == LOOKS else args.run],
            "up to": side,
            "thousand instructions a step": round(each / 1000, 1),
            "adds": f"{100 * (each / took[0] - 1):.1f} %",
        }
        for side, each in zip(args.sides, took, strict=True)
    ]


def main() -> None:
    parser = figures.arguments(__doc__ or "")
    parser.add_argument("--run", choices=(LOOKS, *filter(None, RUNS)), default="mix")
    parser.add_argument(
        "--sides", nargs="+", choices=SIDES, default=list(SIDES), help="the first is what the others add to"
    )
    parser.add_argument("--steps", type=int, default=100)
    parser.add_argument("--at-once", type=int, default=10, help="runs side by side")
    parser.add_argument("--batches", type=int, default=4)
    parser.add_argument("--rules", type=int, default=50)
    parser.add_argument("--database-url", help="your own server instead of the embedded one")
    parser.add_argument("--play", choices=SIDES, help="be the process that is counted, on --url")
    parser.add_argument("--url")
    args = parser.parse_args()
    if args.play:
        asyncio.run(play(args.url, args))
        return
    if shutil.which(VALGRIND[0]) is None:
        raise SystemExit(
            "bench: instructions are counted by valgrind, which is not here: apt install valgrind"
        )
    around = figures.machine()
    figures.show(args.json, "the gate's share of a step, counted", around, asyncio.run(bench(args)))


if __name__ == "__main__":
    main()
