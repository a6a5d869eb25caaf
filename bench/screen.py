"""What people in front of the console wait for, and what many of them take: how soon a page is painted in Chromium, and the
memory of a server while viewers watch a run that goes on.

    python -m bench.screen
    python -m bench.screen --viewers 2000 --json

The server is `remit up`, a process of its own on loopback. Each page is opened in a browser window that has nothing in its cache,
and the figure is its first contentful paint. A viewer is an open stream of the run's page: each is sent each event, as a fragment
of the page. Memory is the server's own (unique set size), without the database and the browser.
"""

from __future__ import annotations

import asyncio
import json
import os
import socket
import statistics
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from time import perf_counter
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

import httpx
from playwright.async_api import BrowserContext, async_playwright

from bench import figures
from bench.browser import QUIET, chromium
from bench.console import fill, lengthen
from bench.database import drop, fresh, running
from remit.app import App, open_app
from remit.journal.events import Nudged
from remit.settings import Settings

PAGES = (
    "/", "/inbox", "/runs", "/runs/{run}", "/agents", "/agents/new", "/people", "/decisions", "/policy", "/connections", "/settings",
)  # fmt: skip
PAINTED = """new Promise((done) => new PerformanceObserver((seen) => {
    for (const one of seen.getEntriesByName("first-contentful-paint")) done(one.startTime);
}).observe({type: "paint", buffered: true}))"""
CALM = 3.0  # seconds before memory is read
EVERY = 0.5  # seconds between two events
LONGEST = 60.0  # seconds that the last viewer is waited for


@asynccontextmanager
async def up(url: str) -> AsyncIterator[tuple[int, str]]:
    """A console over that database: the process, and the link that signs one browser in."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port = str(found.getsockname()[1])
    environment = os.environ | {"REMIT_DATABASE_URL": url, "REMIT_DATA_DIR": str(figures.SCRATCH / "screen")}
    process = await asyncio.create_subprocess_exec(
        "remit", "up", "--no-open", "--concurrency", "0", "--port", port, "--json",
        env=environment, stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    try:
        assert process.stdout is not None
        said = json.loads(await process.stdout.readline())
        yield process.pid, said["link"]
    finally:
        with suppress(ProcessLookupError):
            process.terminate()
        await process.wait()


def own(pid: int) -> float:
    """MB that only this process has."""
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    return sum(int(line.split()[1]) for line in lines if line.startswith("Private_")) / 1024


async def painted(context: BrowserContext, address: str) -> float:
    """Milliseconds until something of the page could be seen."""
    page = await context.new_page()
    await page.goto(address)
    found: float = await page.evaluate(PAINTED)
    await page.close()
    return found


async def paint(at: str, cookies: list[Any], run: UUID, times: int) -> list[dict[str, Any]]:
    rows = []
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=chromium(), args=QUIET)
        for path in PAGES:
            took = []
            for _ in range(times):
                context = await browser.new_context()
                await context.add_cookies(cookies)
                took.append(await painted(context, at + path.format(run=run)))
                await context.close()
            figures.note(f"{path}: {statistics.median(took):.0f} ms")
            rows.append(
                {"page": path, "first paint, ms": round(statistics.median(took)), "slowest": round(max(took))}
            )
        await browser.close()
    return rows


async def watch(
    app: App, pid: int, at: str, cookies: dict[str, str], run: UUID, many: int, events: int
) -> dict[str, Any]:
    """`many` viewers of a run while `events` are added to it, two a second."""
    heard: list[int] = [0] * many
    late: list[float] = []
    written: dict[int, float] = {}
    over = asyncio.Event()
    before, seq = own(pid), (await app.state(run)).seq

    async def view(client: httpx.AsyncClient, number: int) -> None:
        async with client.stream("GET", f"{at}/runs/{run}/live?after={seq}") as answer:
            assert answer.status_code == 200, answer.status_code
            async for line in answer.aiter_lines():
                if line.startswith("id: ") and (got := int(line[4:])) in written:
                    heard[number] = got
                    late.append(1000 * (perf_counter() - written[got]))
                    if got == seq + events and all(one == got for one in heard):
                        over.set()

    limits = httpx.Limits(max_connections=None)
    async with httpx.AsyncClient(cookies=cookies, limits=limits, timeout=None) as client:
        viewers = [asyncio.create_task(view(client, number)) for number in range(many)]
        await asyncio.sleep(CALM)
        most = own(pid)
        for number in range(1, events + 1):
            written[seq + number] = perf_counter()
            nudge = Nudged(level=1, reason="stuck", text=f"try another way, the {number}th")
            await app.journal.append(run, seq + number - 1, [nudge])
            await asyncio.sleep(EVERY)
            most = max(most, own(pid))
        with suppress(TimeoutError):
            await asyncio.wait_for(over.wait(), LONGEST)
        for viewer in viewers:
            viewer.cancel()
        await asyncio.gather(*viewers, return_exceptions=True)
    return {
        "viewers": many,
        "MB before": round(before),
        "MB at most": round(most),
        "have seen the last event": sum(one == seq + events for one in heard),
        "ms until it is there": round(statistics.median(late)) if late else None,
        "99 of 100": round(sorted(late)[int(len(late) * 0.99)]) if late else None,
    }


async def main(as_json: bool, many: int, events: int, times: int) -> None:
    around = figures.machine()
    async with running() as address:
        url = await fresh(address, "bench_screen")
        settings = Settings(database_url=url, data_dir=figures.SCRATCH / "screen")
        async with open_app(settings) as app:
            await fill(url, 10_000)
            run = await lengthen(app, 300)
            async with up(url) as (pid, link):
                parts = urlsplit(link)
                at = f"{parts.scheme}://{parts.netloc}"
                async with httpx.AsyncClient(headers={"sec-fetch-site": "same-origin"}) as client:
                    await client.get(link)
                    cookies = dict(client.cookies)
                given = [{"name": name, "value": value, "url": at} for name, value in cookies.items()]
                figures.show(as_json, "first paint", around, await paint(at, given, run, times))
                row = await watch(app, pid, at, cookies, run, many, events)
                figures.show(as_json, "viewers of one run", around, [row])
        await drop(address, "bench_screen")


if __name__ == "__main__":
    parser = figures.arguments(__doc__ or "")
    parser.add_argument("--viewers", type=int, default=500)
    parser.add_argument("--events", type=int, default=60, help="that happen while they watch")
    parser.add_argument("--times", type=int, default=5, help="that each page is opened")
    given = parser.parse_args()
    asyncio.run(main(given.json, given.viewers, given.events, given.times))
