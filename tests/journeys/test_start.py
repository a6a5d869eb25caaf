"""`remit up` as a process: the first start, its one-time link, and the end of it."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import sys
from pathlib import Path

import pytest
from playwright.async_api import Browser, expect

from remit.settings import Settings

ROOT = Path(__file__).parents[2]
CODE = "from remit.cli.main import main; main()"


def environment(settings: Settings, **more: str) -> dict[str, str]:
    """Of a process that works on the test's own database."""
    return {
        **os.environ,
        "REMIT_DATABASE_URL": str(settings.database_url),
        "REMIT_DATA_DIR": str(settings.data_dir),
        "REMIT_USER": "ann",
        "PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")]),
        **more,
    }


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        return int(listening.getsockname()[1])


@pytest.mark.usefixtures("store")
async def test_the_first_start_prints_a_link_that_signs_one_browser_in_once(
    browser: Browser, settings: Settings
) -> None:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", CODE, "up", "--json", "--no-open", "--port", str(free_port())),
        env=environment(settings),
        stdout=asyncio.subprocess.PIPE,
    )
    try:
        assert process.stdout is not None
        link = json.loads(await process.stdout.readline())["link"]
        async with await browser.new_context() as mine, await browser.new_context() as theirs:
            page = await mine.new_page()
            await page.goto(link)
            await expect(page.get_by_role("heading", name="Today")).to_be_visible()
            await expect(page.get_by_role("banner")).to_contain_text("ann")
            assert "key=" not in page.url
            again = await theirs.new_page()
            answer = await again.goto(link)
            assert answer is not None
            assert answer.status == 403
            await expect(again.get_by_role("heading", name="Not signed in")).to_be_visible()
            await again.goto(page.url)
            await expect(again.get_by_role("heading", name="Not signed in")).to_be_visible()
            await page.get_by_role("button", name="Sign out").click()
            await page.goto(page.url.replace("/enter", "/"))
            await expect(page.get_by_role("heading", name="Not signed in")).to_be_visible()
        process.send_signal(signal.SIGINT)
        assert await process.wait() == 0
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
