"""A worker that is killed while somebody watches its run: the page catches up once another has taken over."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from playwright.async_api import Browser, expect

from remit.journal.events import Acted
from remit.settings import Settings
from tests.cli.typed import DONE, script
from tests.journeys.console import LONG, serving, visiting
from tests.journeys.test_start import CODE, environment

HOLD = {"tool": "hold", "args": {}}


class Scene:
    """Processes of `remit worker`, and the door at which the tool of their run waits."""

    def __init__(self, settings: Settings, door: Path) -> None:
        self.environment = environment(settings, REMIT_TEST_DOOR=str(door), REMIT_LEASE_TTL="1")
        self.started: list[asyncio.subprocess.Process] = []
        self.come: asyncio.Queue[asyncio.StreamWriter] = asyncio.Queue()

    async def worker(self) -> asyncio.subprocess.Process:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-c", CODE, "worker", env=self.environment
        )
        self.started.append(process)
        return process

    async def held(self) -> asyncio.StreamWriter:
        """Whoever waits at the door next."""
        return await asyncio.wait_for(self.come.get(), 3 * LONG / 1000)


@asynccontextmanager
async def scene(settings: Settings, folder: Path) -> AsyncIterator[Scene]:
    made = Scene(settings, folder / "door")
    opened = await asyncio.start_unix_server(lambda _, writer: made.come.put(writer), folder / "door")
    try:
        yield made
    finally:
        for process in made.started:
            if process.returncode is None:
                process.kill()
                await process.wait()
        opened.close()


async def test_a_page_goes_on_with_the_worker_that_takes_over(
    browser: Browser, settings: Settings, tmp_path: Path
) -> None:
    async with (
        serving(settings, work=False) as console,
        scene(settings, tmp_path) as workers,
        visiting(browser, console) as visit,
    ):
        model = script(tmp_path, HOLD, DONE)
        run = await console.begin("wait for me", model=model, rules=[{"tool": "hold", "allow": "true"}])
        page = await visit()
        await page.goto(f"/runs/{run}")
        first = await workers.worker()
        await workers.held()
        await expect(page.locator("#timeline")).to_contain_text("hold")
        first.kill()
        await first.wait()
        await expect(page.locator("#standing")).to_contain_text("running")
        await workers.worker()
        (await workers.held()).close()
        await expect(page.locator("#standing")).to_contain_text("It is done.")
        events = await console.app.journal.read(run)
        shown = await page.locator("#timeline > li").evaluate_all(
            "all => all.map(one => Number(one.dataset.seq))"
        )
        assert shown == [event.seq for event in events]
        assert [one.body.tool for one in events if isinstance(one.body, Acted)] == ["hold", "finish"]
