"""Several workers on one PostgreSQL: how throughput grows, what a run costs, who takes over, and a rolling deploy.

  throughput  runs/s with 1, 2 and 4 `remit worker` processes on runs that another process began, and the CPU that the
              workers and the database server take for a run: from the time a fifth of the runs had ended until nine
              tenths had; of runs that wait for nothing, and of runs that wait
  cost        rows, bytes, WAL, commits and database CPU of a run, advanced alone and 50 at once
  takeover    three machines (network namespaces; needs root), a worker each. One is killed, or its cable is pulled:
              seconds until another machine's worker has gone on with each of its runs
  deploy      three workers, replaced one after the other (SIGTERM) while they work

Workers, database and this bench share the machine's CPUs. A run is 11 model calls (answered at once, from a script),
8 looks and 2 effects. Each part has a fresh database; synchronous_commit is on.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, LiteralString
from urllib.parse import urlsplit, urlunsplit
from uuid import UUID

import psycopg

from bench import chart, figures
from bench.database import Address, _address, count, drop, fresh, server_of, size_of
from bench.machines import Machine, gone, machines, network, possible
from bench.peers.workload import cpu_of
from bench.scale_run import STEPS
from remit.settings import Settings
from remit.store.embedded import server
from remit.store.store import prepare

PARTS = ("throughput", "cost", "takeover", "deploy")
ENDED: LiteralString = "select count(*) from runs where status in ('met', 'cannot verify')"
OPEN: LiteralString = "select count(*) from runs where status in ('running', 'waiting', 'paused')"
WORKERS: LiteralString = "select count(*) from procrastinate_workers"
POLL = 0.05
LOOK = 0.2  # seconds, of the runs that wait


@dataclass
class Fleet:
    """Worker processes."""

    url: str
    concurrency: int
    log: Path
    processes: list[asyncio.subprocess.Process] = field(default_factory=list)

    async def begin(self, name: str, prefix: Sequence[str] = (), url: str = "") -> asyncio.subprocess.Process:
        remit = str(Path(sys.executable).with_name("remit"))
        env = {name: value for name, value in os.environ.items() if not name.startswith("REMIT_")}
        env |= {"REMIT_DATABASE_URL": url or self.url, "REMIT_DATA_DIR": str(figures.SCRATCH / "data")}
        env |= {"PYTHONPATH": str(figures.ROOT)}
        with self.log.open("a") as log:
            process = await asyncio.create_subprocess_exec(
                *(*prefix, remit, "worker", "--concurrency", str(self.concurrency), "--name", name),
                cwd=figures.ROOT, env=env, stdout=log, stderr=log,
            )  # fmt: skip
        self.processes.append(process)
        return process

    def cpu(self) -> float:
        """CPU seconds so far of those that live."""
        return sum(_cpu(process.pid) for process in self.processes if process.returncode is None)


@asynccontextmanager
async def fleet(url: str, concurrency: int) -> AsyncIterator[Fleet]:
    made = Fleet(url, concurrency, figures.SCRATCH / "scale.log")
    try:
        yield made
    finally:
        await asyncio.gather(*(gone(process) for process in made.processes))


async def begin_runs(url: str, runs: int, delay: float) -> float:
    """Have a process begin runs; seconds that it took."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "bench.scale_run", url, "--runs", str(runs), "--delay", str(delay)),
        cwd=figures.ROOT, stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    said, _ = await process.communicate()
    if process.returncode:
        raise SystemExit("bench: the runs could not be begun")
    return float(json.loads(said)["seconds"])


async def until(url: str, query: LiteralString, wanted: int, limit: float = 120.0) -> None:
    """Wait until `query` finds at least `wanted`."""
    end = time.monotonic() + limit
    async with await psycopg.AsyncConnection.connect(url, autocommit=True) as connection:
        while True:
            row = await (await connection.execute(query)).fetchone()
            if row and row[0] >= wanted:
                return
            if time.monotonic() > end:
                raise SystemExit(f"bench: not over after {limit} s: {query} finds {row}, not {wanted}")
            await asyncio.sleep(POLL)


async def throughput(address: Address, args: Any) -> list[dict[str, Any]]:
    """With runs that wait for nothing, which CPU bounds, and with runs that wait, of which a worker has 20 at once."""
    rows = []
    for number in args.workers:
        rows.append(await _throughput(address, number, args.concurrency, args.runs, 0.0))
    for number in args.workers:
        rows.append(await _throughput(address, number, 20, 120 * number, LOOK))
    return rows


async def _throughput(
    address: Address, number: int, concurrency: int, runs: int, delay: float
) -> dict[str, Any]:
    url = await fresh(address, "bench_scale")
    await prepare(url)
    await begin_runs(url, runs, delay)
    postmaster = await server_of(url)
    async with fleet(url, concurrency) as crew:
        for index in range(number):
            await crew.begin(f"worker-{index}")
        marks = []
        for share in (0.2, 0.9):
            await until(url, ENDED, int(runs * share), 300)
            ended = await count(url, ENDED)
            marks.append((time.monotonic(), ended, crew.cpu(), cpu_of(postmaster)))
        await until(url, ENDED, runs, 300)
    await drop(address, "bench_scale")
    wall, done, own, theirs = (after - before for before, after in zip(*marks, strict=True))
    row = {
        "a look takes": f"{delay} s" if delay else "no time",
        "workers": number,
        "runs/s": round(done / wall, 1),
        "steps/s": round(done * (2 * STEPS + 1) / wall),
        "worker CPU ms a run": round(1000 * own / done, 2),
        "database CPU ms a run": round(1000 * theirs / done, 2),
        "CPUs busy with it": round((own + theirs) / wall, 2),
    }
    figures.note(str(row))
    return row


async def cost(address: Address, args: Any) -> list[dict[str, Any]]:
    rows = []
    for concurrency, runs in ((1, args.runs // 10), (50, args.runs)):
        url = await fresh(address, "bench_scale")
        await prepare(url)
        postmaster = await server_of(url)
        before, kept, busy = await _counters(url), await size_of(url), cpu_of(postmaster)
        await begin_runs(url, runs, 0.0)
        async with fleet(url, concurrency) as crew:
            worker = await crew.begin("worker")
            await until(url, ENDED, runs, 300)
            worker.send_signal(signal.SIGTERM)
            await worker.wait()
        busy = cpu_of(postmaster) - busy
        wal, commits, *by_table = (b - a for a, b in zip(before, await _counters(url), strict=True))
        rows.append(
            {
                "at once": concurrency,
                "journal rows": round(by_table[0] / runs, 1),
                "other rows written": round((by_table[1] - by_table[0]) / runs, 1),
                "of these the queue's": round(by_table[2] / runs, 1),
                "commits": round(commits / runs, 1),
                "WAL bytes": round(wal / runs),
                "bytes kept": round((await size_of(url) - kept) / runs),
                "database CPU ms": round(1000 * busy / runs, 2),
            }
        )
        figures.note(str(rows[-1]))
        await drop(address, "bench_scale")
    return rows


async def _counters(url: str) -> list[int]:
    """WAL bytes, commits; rows written: to the journal, to all tables, to the queue's."""
    query: LiteralString = """
        select pg_wal_lsn_diff(pg_current_wal_lsn(), '0/0')::bigint,
               (select xact_commit from pg_stat_database where datname = current_database()),
               sum(n_tup_ins + n_tup_upd + n_tup_del) filter (where relname = 'events'),
               sum(n_tup_ins + n_tup_upd + n_tup_del),
               sum(n_tup_ins + n_tup_upd + n_tup_del) filter (where relname ~ '^procrastinate')
          from pg_stat_user_tables
    """
    async with await psycopg.AsyncConnection.connect(url, autocommit=True) as connection:
        row = await (await connection.execute(query)).fetchone()
    assert row is not None
    return [int(value) for value in row]


async def takeover(address: Address, args: Any, host: str) -> list[dict[str, Any]]:
    if not possible():
        figures.note("takeover needs root, for network namespaces; left out")
        return []
    rows = []
    for how in ("killed", "cut off"):
        taken: list[float] = []
        for _ in range(args.rounds):
            with machines(3) as each:
                taken += await _one_takeover(address, args, each, how, host)
        taken.sort()
        rows.append(
            {
                "the worker is": how,
                "runs of it": len(taken),
                "first taken after s": round(taken[0], 2),
                "median": round(taken[len(taken) // 2], 2),
                "last": round(taken[-1], 2),
            }
        )
        figures.note(str(rows[-1]))
    return rows


async def _one_takeover(
    address: Address, args: Any, each: Sequence[Machine], how: str, host: str
) -> list[float]:
    """Seconds after which each run of the first machine was gone on with elsewhere."""
    url = await fresh(address, "bench_scale")
    await prepare(url)
    parts = urlsplit(url)
    over_network = urlunsplit(parts._replace(netloc=f"{parts.netloc.partition('@')[0]}@{host}", query=""))
    async with fleet(url, 100) as crew:
        for machine in each:
            await crew.begin(machine.name, machine.prefix, over_network)
        await until(url, WORKERS, len(each))
        await begin_runs(url, args.takeover_runs, 1.0)
        await until(url, "select count(distinct run) from events where type = 'acted'", args.takeover_runs)
        at = time.monotonic()
        if how == "killed":
            await gone(crew.processes[0])
        else:
            each[0].cut()
        found = await _watch(url, each[0].name, at)
        each[0].mend()  # whoever was cut off finds that its runs are others'
        await until(url, ENDED, args.takeover_runs, 60)
    acted = await count(url, "select count(*) from events where type = 'acted'")
    assert acted == args.takeover_runs * STEPS, f"{acted} outcomes of {args.takeover_runs * STEPS}"
    await drop(address, "bench_scale")
    return found


async def _watch(url: str, name: str, at: float) -> list[float]:
    """Of the runs that `name` held at `at`: seconds until another holds it, or has ended it, with an event more."""
    held: LiteralString = """
        select l.run, max(e.seq) from leases l join workers w on w.id = l.worker join events e on e.run = l.run
         where w.name = %s group by l.run
    """
    moved: LiteralString = """
        select r.run from unnest(%s::uuid[], %s::int[]) as r (run, seq)
         where exists (select from events e where e.run = r.run and e.seq > r.seq)
           and not exists (select from leases l join workers w on w.id = l.worker where l.run = r.run and w.name = %s)
    """
    async with await psycopg.AsyncConnection.connect(url, autocommit=True) as connection:
        await asyncio.sleep(0.2)  # what was on its way has come
        waiting: dict[UUID, int] = dict(await (await connection.execute(held, (name,))).fetchall())
        found: list[float] = []
        while waiting and time.monotonic() - at < 60:
            rows = await connection.execute(moved, (list(waiting), list(waiting.values()), name))
            for (run,) in await rows.fetchall():
                del waiting[run]
                found.append(time.monotonic() - at)
            await asyncio.sleep(POLL)
    if waiting or not found:
        raise SystemExit(f"bench: {len(waiting)} runs were not taken over, {len(found)} were")
    return found


async def deploy(address: Address, args: Any) -> list[dict[str, Any]]:
    """The longest pauses between two events of a run that has begun, with and without workers being replaced."""
    rows = []
    for replaced in (False, True):
        url = await fresh(address, "bench_scale")
        await prepare(url)
        drained: list[float] = []
        async with fleet(url, args.deploy_runs // 2) as crew:
            old = [await crew.begin(f"old-{index}") for index in range(3)]
            await until(url, WORKERS, 3)
            await begin_runs(url, args.deploy_runs, 0.5)
            for index, process in enumerate(old if replaced else ()):
                await crew.begin(f"new-{index}")
                await until(url, WORKERS, 4)
                asked = time.monotonic()
                process.send_signal(signal.SIGTERM)
                await process.wait()
                drained.append(time.monotonic() - asked)
                await begin_runs(url, args.deploy_runs // 3, 0.5)
            total = args.deploy_runs + len(drained) * (args.deploy_runs // 3)
            await until(url, ENDED, total)
        rows.append(
            {
                "workers": "replaced one by one" if replaced else "left alone",
                "runs": total,
                "ended": await count(url, ENDED),
                "outcomes": await count(url, "select count(*) from events where type = 'acted'"),
                "wanted": total * STEPS,
                "longest pause of a run ms": await count(url, PAUSE),
                "a worker left after s": [round(one, 1) for one in drained] or None,
            }
        )
        figures.note(str(rows[-1]))
        await drop(address, "bench_scale")
    return rows


PAUSE: LiteralString = """
    select 1000 * extract(epoch from max(pause))
      from (select at - lag(at) over (partition by run order by seq) as pause, seq from events) as e where seq > 2
"""


@asynccontextmanager
async def serving(args: Any) -> AsyncIterator[tuple[Address, str]]:
    """Databases on a server of the bench's own, which listens on the bridge where there is one."""
    async with AsyncExitStack() as held:
        host = held.enter_context(network() if "takeover" in args.part and possible() else nullcontext(""))
        folder = Path(held.enter_context(tempfile.TemporaryDirectory(prefix="remit-scale-", dir="/tmp")))
        folder.chmod(0o755)
        (folder / "hba").write_text("local all all scram-sha-256\nhost all all 10.99.0.0/24 scram-sha-256\n")
        (folder / "hba").chmod(0o644)
        tuning = {"listen_addresses": host, "hba_file": str(folder / "hba"), "max_connections": "200"}
        settings = Settings(data_dir=figures.SCRATCH / "scale", database_url=None)
        yield _address(await held.enter_async_context(server(settings, tuning))), host


def _cpu(pid: int) -> float:
    """CPU seconds of a process."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return sum(map(int, fields[11:13])) / os.sysconf("SC_CLK_TCK")


def draw(rows: Sequence[dict[str, Any]], to: Path) -> None:
    """The throughput as a chart."""
    panels = []
    for look in dict.fromkeys(row["a look takes"] for row in rows):
        bars = [
            (f"Remit, {row['workers']} workers", row["runs/s"], f"{row['runs/s']} runs/s")
            for row in rows
            if row["a look takes"] == look
        ]
        panels.append(chart.Panel(f"Runs a second where a look takes {look}", bars))
    to.write_text(chart.bars(panels))


async def bench(args: Any) -> dict[str, list[dict[str, Any]]]:
    found: dict[str, list[dict[str, Any]]] = {}
    async with serving(args) as (address, host):
        for part in args.part:
            match part:
                case "throughput":
                    found[part] = await throughput(address, args)
                case "cost":
                    found[part] = await cost(address, args)
                case "takeover":
                    found[part] = await takeover(address, args, host)
                case _:
                    found[part] = await deploy(address, args)
    return found


def main() -> None:
    parser = figures.arguments(__doc__ or "")
    parser.add_argument("--part", nargs="+", choices=PARTS, default=list(PARTS))
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 2, 4], help="worker processes")
    parser.add_argument("--concurrency", type=int, default=50, help="runs that a worker advances at once")
    parser.add_argument("--runs", type=int, default=2000, help="of throughput and cost")
    parser.add_argument("--takeover-runs", type=int, default=60)
    parser.add_argument("--rounds", type=int, default=2, help="take-overs of each kind")
    parser.add_argument("--deploy-runs", type=int, default=150)
    parser.add_argument("--svg", type=Path, help="write the throughput as a chart")
    args = parser.parse_args()
    machine = figures.machine()
    found = asyncio.run(bench(args))
    for part, rows in found.items():
        figures.show(args.json, f"scale: {part}", machine, rows)
    if args.svg and found.get("throughput"):
        draw(found["throughput"], args.svg)


if __name__ == "__main__":
    main()
