"""Journeys: people in a real browser, on a real server with a real worker and database. They take turns with one Chromium;
each has a window, a console and a database of its own."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from bench.browser import QUIET, chromium
from playwright.async_api import Browser, async_playwright, expect

from remit.settings import Settings
from tests.journeys.console import LONG, Console, Visitors, serving, visiting

HERE = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The browser lives as long as the session, and so does the loop of whoever speaks with it."""
    for item in items:
        if item.path.is_relative_to(HERE):
            item.add_marker(pytest.mark.browser)
            item.add_marker(pytest.mark.asyncio(loop_scope="session"), append=False)


@pytest_asyncio.fixture(loop_scope="session", scope="session")
async def browser() -> AsyncIterator[Browser]:
    try:
        path = chromium()
    except FileNotFoundError as error:
        pytest.fail(str(error), pytrace=False)
    expect.set_options(timeout=LONG)
    async with async_playwright() as playwright:
        opened = await playwright.chromium.launch(executable_path=path, args=QUIET)
        yield opened
        await opened.close()


@pytest_asyncio.fixture(loop_scope="session")
async def console(settings: Settings) -> AsyncIterator[Console]:
    async with serving(settings) as opened:
        yield opened


@pytest_asyncio.fixture(loop_scope="session")
async def visit(browser: Browser, console: Console) -> AsyncIterator[Visitors]:
    """Opens windows; no window may have complained when the test is over."""
    async with visiting(browser, console) as visitors:
        yield visitors
