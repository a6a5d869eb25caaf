"""How fast the pages of runs answer with a million runs stored: every filter, its first page and one far back; and the page of
a run that is long, by who looks at it first and by who looks again.

    python -m bench.console --runs 1000000
    python -m bench.console --runs 0 --events 10000 100000

Times are of the server alone, in this process: the request is handed to it without a network.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import statistics
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import perf_counter
from urllib.parse import urlencode
from uuid import UUID, uuid4

import httpx
import psycopg
from psycopg import sql

from bench import figures
from bench.database import drop, fresh, running
from remit.access.people import arrive
from remit.app import App, open_app
from remit.console.server import make_server
from remit.console.session import Door
from remit.journal.body import encode
from remit.journal.events import TYPES, Started
from remit.journal.search import Place
from remit.settings import Settings
from remit.store.guest import DEFAULT

PORT = 7700
FILL = """
    insert into runs (id, agent, goal, person, status, created_at, updated_at, cost, seconds, waited, answered, marks)
    select gen_random_uuid(),
        (array['support', 'support', 'support', 'billing', 'clerk'])[1 + n %% 5],
        'please look into order W' || n || case when n %% 1000 = 0 then ' about the parrot' else ' about a parcel' end,
        'person' || n %% 5000 || '@example.com',
        case when n %% 2000 = 0 then 'failed' when n %% 500 = 0 then 'waiting' when n %% 7 = 0 then 'not met' else 'met' end,
        now() - n * interval '9 seconds', now() - n * interval '9 seconds',
        cost, 3 + n %% 40, case when n %% 9 = 0 then n %% 4000 end, case when n %% 9 = 0 then 1 end,
        concat_ws(e'\\n', case when n %% 9 = 0 then 'asked' end, case when n %% 3000 = 0 then 'denied' end,
            case when n %% 3 = 0 then 'acted' end, '@look_up', case when n %% 5000 = 0 then '@refund' end,
            '$' || length((cost * 1000000)::bigint::bit(40)::text) - strpos((cost * 1000000)::bigint::bit(40)::text, '1') + 1)
    from (select n, case when n %% 4000 = 0 then 2.5 else 0.001 + n %% 50 * 0.0013 end as cost
          from generate_series(1, %s) as n) as filled
"""
PAGES = {
    "newest": {},
    "an agent": {"agent": "clerk"},
    "an agent that nobody knows": {"agent": "nobody"},
    "open": {"status": "open"},
    "a rare state": {"status": "failed"},
    "a state no run has": {"status": "refused"},
    "an agent and a state": {"agent": "billing", "status": "failed"},
    "a person": {"person": "Person77@example.com"},
    "a common word": {"q": "parcel"},
    "a rare word": {"q": "parrot"},
    "two words": {"q": "W777777 parcel"},
    "a word that stands nowhere": {"q": "zeppelin"},
    "a word and an agent": {"q": "parrot", "agent": "billing"},
    "a word and a state": {"q": "parrot", "status": "failed"},
    "a common happening": {"happened": "asked"},
    "a rare happening": {"happened": "denied"},
    "what never happened": {"happened": "doubt"},
    "a common tool": {"tool": "look_up"},
    "a rare tool": {"tool": "refund"},
    "a tool that none used": {"tool": "launch"},
    "a common cost": {"least": "0.01", "most": "0.05"},
    "a rare cost": {"least": "2"},
    "a cost that none had": {"least": "100"},
    "a tool, a happening, a cost": {"tool": "refund", "happened": "acted", "most": "0.05"},
    "a day": {"from": "2026-01-01", "until": "2026-01-01"},
}


async def fill(url: str, runs: int) -> None:
    """Store so many runs. Their indexes are made afterwards, which takes a seventh of the time."""
    query = """
        select indexname, indexdef from pg_indexes
        where tablename = 'runs' and indexname not in (select conname from pg_constraint)
    """
    async with await psycopg.AsyncConnection.connect(url, autocommit=True) as connection:
        await connection.execute("set maintenance_work_mem = '512MB'")
        indexes = await (await connection.execute(query)).fetchall()
        for name, _ in indexes:
            await connection.execute(sql.SQL("drop index {}").format(sql.Identifier(name)))
        await connection.execute(FILL, (runs,))
        for _, definition in indexes:
            await connection.execute(definition.encode())
        await connection.execute("vacuum analyze runs")


async def measure(app: App, runs: int) -> None:
    door = Door("bench")
    transport = httpx.ASGITransport(make_server(app, door, PORT))
    headers = {"sec-fetch-site": "same-origin"}
    async with httpx.AsyncClient(
        transport=transport, base_url=f"http://127.0.0.1:{PORT}", headers=headers
    ) as browser:
        await browser.get("/enter", params={"key": door.key})
        far = Place(datetime.now(UTC) - timedelta(seconds=9 * runs * 0.9), UUID(int=0))
        for name, filters in PAGES.items():
            for where, at in (("first", {}), ("far back", {"older": far})):
                print(f"{name:28} {where:9} {await timed(browser, {**filters, **at})}", flush=True)
        print(f"{'today':38} {await timed(browser, {}, '/')}", flush=True)


async def lengthen(app: App, events: int) -> UUID:
    """A run of about so many events, as an agent makes them: it thinks, is judged, reads or acts."""
    run, steps = uuid4(), events // 4
    await app.journal.append(
        run, 0, [Started(goal="go through all orders", agent="clerk", spec={"name": "clerk"})]
    )
    now, words = datetime.now(UTC), "the customer wrote that the parcel came late, and asks for a word. " * 5
    rows: list[tuple[UUID, int, datetime, str, str]] = []
    for step in range(1, steps + 1):
        call, seq, acts = f"{step}.1", len(rows) + 2, step % 10 == 0
        effect, tool = ("egress", "send_mail") if acts else ("read", "look_up")
        wish = {"id": call, "tool": tool, "args": {"order": f"W{step}", "text": words if acts else ""}}
        taken = {"input_tokens": 2000, "output_tokens": 80, "cost": "0.0021", "seconds": 1.7}
        thought = {"model": "m", "text": words, "calls": [wish], **taken}
        judged = {"call_id": call, "tool": tool, "effect": effect, "decision": "allow", "rule": "true"}
        found = {
            "call_id": call,
            "tool": tool,
            "effect": effect,
            "result": {"order": step, "note": words},
            "seconds": 0.2,
        }
        told = [
            ("answered", thought),
            ("judged", judged),
            ("intended", {"call_id": call, "key": call}),
            ("acted", found),
        ]
        bodies = [(kind, encode(TYPES[kind].model_validate(body))) for kind, body in told]
        rows += [(run, seq + at, now, kind, body) for at, (kind, body) in enumerate(bodies)]
    async with app.store.pool.connection() as connection:
        async with connection.cursor().copy("copy events (run, seq, at, type, body) from stdin") as copy:
            for row in rows:
                await copy.write_row(row)
        await connection.execute("update runs set seq = %s where id = %s", (len(rows) + 1, run))
    return run


async def measure_long(app: App, lengths: list[int]) -> None:
    door = Door("bench")
    server = make_server(app, door, PORT)
    headers = {"sec-fetch-site": "same-origin"}
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(server), base_url=f"http://127.0.0.1:{PORT}", headers=headers
    ) as browser:
        await browser.get("/enter", params={"key": door.key})
        for events in lengths:
            run = await lengthen(app, events)
            path = f"/runs/{run}"
            first = await timed(browser, {}, path, before=lambda: app.within(DEFAULT).gists.kept.clear())
            print(f"a run of {events:7,} events, by who looks first  {first}", flush=True)
            for name, query in (("again", {}), ("from its middle", {"event": events // 2})):
                print(f"{'':30} {name:15}  {await timed(browser, query, path)}", flush=True)
            last = events // 4
            for name, more in (
                ("why, its last", f"/why/{last - 1}.1"),
                ("why, all over", f"/why/{last // 10 * 10}.1"),
                ("why, its first", "/why/1.1"),
                ("fork", "/fork"),
                ("export", "/export"),
            ):
                print(f"{'':30} {name:15}  {await timed(browser, {}, path + more)}", flush=True)
            await measure_whole(browser, run, events)


async def measure_whole(browser: httpx.AsyncClient, run: UUID, events: int) -> None:
    """What tells of all of a run: for how long the server does nothing else meanwhile, and what memory it takes."""
    path, form = f"/runs/{run}", {"at": str(events // 4 * 4), "model": "auto", "how": "shadow"}
    async with watched() as seen:
        answer = await browser.post(f"{path}/fork", data=form)
    assert answer.status_code == 303, answer.text
    print(f"{'':30} {'fork, made':15}  {seen}", flush=True)
    fork = answer.headers["location"].removeprefix("/runs/")
    for name, where in (
        ("by the API", f"/api/v1{path}"),
        ("its last events", f"/api/v1{path}/events?after={events - 100}"),
        ("export, a page", f"{path}/export?form=html"),
        ("compare, a fork", f"/compare?a={run}&b={fork}"),
        ("same, by the API", f"/api/v1{path}/compare?with={fork}"),
    ):
        async with watched() as seen:
            answer = await browser.get(where)
        assert answer.status_code == 200, answer.text
        print(f"{'':30} {name:15}  {seen}", flush=True)


@dataclass
class Seen:
    """Of something that the server did: how long it took, how long nothing else had a turn, and by what memory grew."""

    took: float = 0.0
    stalled: float = 0.0
    grown: int = 0

    def __str__(self) -> str:
        return f"{1000 * self.took:7.0f} ms  nothing else for {1000 * self.stalled:7.0f} ms  {self.grown / 1e6:6.0f} MB more"


@asynccontextmanager
async def watched() -> AsyncIterator[Seen]:
    seen = Seen()

    async def tick() -> None:
        while True:
            begun = perf_counter()
            await asyncio.sleep(0.002)
            seen.stalled = max(seen.stalled, perf_counter() - begun)

    gc.collect()
    Path("/proc/self/clear_refs").write_text("5")  # the peak begins anew
    before, ticking = memory("VmRSS"), asyncio.create_task(tick())
    begun = perf_counter()
    try:
        yield seen
    finally:
        seen.took = perf_counter() - begun
        ticking.cancel()
        seen.grown = memory("VmHWM") - before


def memory(what: str) -> int:
    """Of this process, in bytes."""
    lines = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    return int(lines[what].split()[0]) * 1024


async def timed(
    browser: httpx.AsyncClient,
    query: Mapping[str, object],
    path: str = "/runs",
    times: int = 11,
    before: Callable[[], None] = lambda: None,
) -> str:
    took = []
    for _ in range(times):
        before()
        begun = perf_counter()
        answer = await browser.get(f"{path}?{urlencode(query)}")
        took.append(1000 * (perf_counter() - begun))
        assert answer.status_code == 200, answer.text
    rows = answer.text.count('<td class="goal">') + answer.text.count('<li id="e')
    return f"median {statistics.median(took):7.1f} ms  slowest {max(took):7.1f} ms  {rows:3} rows"


async def main(runs: int, lengths: list[int]) -> None:
    async with running() as address:
        url = await fresh(address, "bench_console")
        async with open_app(Settings(database_url=url, data_dir=figures.SCRATCH / "console")) as app:
            await arrive(app.store, "bench")
            if runs:
                begun = perf_counter()
                await fill(url, runs)
                print(f"{runs:,} runs stored in {perf_counter() - begun:.0f} s", flush=True)
                await measure(app, runs)
            await measure_long(app, lengths)
        await drop(address, "bench_console")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--runs", type=int, default=1_000_000)
    parser.add_argument("--events", type=int, nargs="*", default=[300, 10_000, 100_000], help="of a long run")
    given = parser.parse_args()
    asyncio.run(main(given.runs, given.events))
