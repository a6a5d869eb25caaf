"""Every page in every state: usable by whoever sees little, by whoever has no mouse, on a narrow screen, in light and dark."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import pytest
import pytest_asyncio
from axe_playwright_python.async_playwright import Axe
from fastapi.routing import iter_route_contexts
from playwright.async_api import Browser, Page
from playwright.async_api import TimeoutError as PlaywrightTimeout
from starlette.routing import Mount

from remit.settings import Settings
from tests.conftest import database
from tests.journeys.console import Console, Visitors, serving, visiting
from tests.journeys.sights import NOT_PAGES, SIGHTS, Sight, seed

WIDTH, HEIGHT = 1280, 720
AXE = Axe()
COLOURS = ["color-contrast", "link-in-text-block"]


@dataclass
class Places:
    """The workspace that has been worked in, and the one where nothing has happened."""

    full: Visitors
    empty: Visitors
    runs: dict[str, str]

    async def go(self, sight: Sight) -> Page:
        visit = self.empty if sight.empty else self.full
        size = {"width": WIDTH, "height": HEIGHT}
        page = await visit(sight.who, but="Failed to load resource", viewport=size)
        failed: list[str] = []
        page.on("response", lambda one: failed.append(one.url) if one.status >= 500 else None)
        await page.goto(sight.path.format(**self.runs))
        await sight.then(page)
        assert not failed, "a page that says that something went wrong is no sight of what it stands for"
        return page


@pytest_asyncio.fixture(loop_scope="session", scope="module")
async def places(
    browser: Browser, postgres: str, template: str, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Places]:
    folder = tmp_path_factory.mktemp("sights")

    def there(url: str, name: str) -> Settings:
        return Settings(database_url=url, data_dir=folder / name, pool_size=4)

    async with (
        database(postgres, template) as full,
        database(postgres, template) as empty,
        serving(there(full, "full"), work=False) as busy,
        serving(there(empty, "empty"), work=False) as idle,
        visiting(browser, busy) as at_busy,
        visiting(browser, idle) as at_idle,
    ):
        yield Places(at_busy, at_idle, await seed(busy.app))


@pytest_asyncio.fixture(loop_scope="session", scope="module", params=SIGHTS, ids=lambda one: one.name)
async def page(places: Places, request: pytest.FixtureRequest) -> AsyncIterator[Page]:
    """A sight, loaded once for all that is tried of it."""
    shown = await places.go(request.param)
    yield shown
    await shown.context.close()


async def test_no_page_is_missing_from_the_table(console: Console) -> None:
    gets = {
        route.path
        for route in iter_route_contexts(console.server.routes)
        if "GET" in (route.methods or ()) and not isinstance(route.original_route, Mount)
    }
    looked_at = {sight.route for sight in SIGHTS if sight.route}
    assert gets - set(NOT_PAGES) == looked_at, "say in tests/journeys/sights.py how the page is reached"


def violations(found: dict[str, Any]) -> list[str]:
    """What axe found, in lines that say where."""
    return [
        f"{one['impact']}: {one['help']} ({one['id']}): {node['html'][:160]}\n    {node['failureSummary']}"
        for one in found["violations"]
        for node in one["nodes"]
    ]


async def test_axe_finds_nothing_in_light_and_in_dark(page: Page) -> None:
    light = await AXE.run(page)
    assert not violations(light.response), "\n".join(violations(light.response))
    await page.emulate_media(color_scheme="dark")
    dark = await AXE.run(page, options={"runOnly": COLOURS})
    assert not violations(dark.response), "dark: " + "\n".join(violations(dark.response))
    await page.emulate_media(color_scheme="light")


async def test_no_page_is_scrolled_sideways_on_a_phone_or_at_200_percent(page: Page) -> None:
    for width in (640, 320):  # half of a laptop's, and the narrowest phone's
        await page.set_viewport_size({"width": width, "height": 700})
        try:  # a chart follows its window a moment later
            await page.wait_for_function("document.documentElement.scrollWidth <= innerWidth")
        except PlaywrightTimeout:
            pytest.fail(f"at {width}: " + "\n".join(await page.evaluate(WIDER)))
    await page.set_viewport_size({"width": WIDTH, "height": HEIGHT})


WIDER = """() => [...document.querySelectorAll("body *")]
    .filter((one) => !one.closest(".scroll, svg") && one.getBoundingClientRect().right > innerWidth + 1)
    .map((one) => one.outerHTML.slice(0, 120))"""
STOPS = """() => [...document.querySelectorAll("a[href], button, input, select, textarea, summary, [tabindex]")]
    .filter((one) => one.tabIndex >= 0 && !one.matches(":disabled") && one.type !== "hidden" && one.checkVisibility())
    .filter((one) => one.type !== "radio" || one.checked)
    .map((one) => { one.dataset.stop ??= String(Math.random()); return one.dataset.stop; })"""
FOCUS = """() => {
    const one = document.activeElement, style = getComputedStyle(one);
    return [one.dataset.stop ?? "", one === document.body, one.outerHTML.slice(0, 120),
        style.outlineStyle !== "none" && parseFloat(style.outlineWidth) > 0];
}"""


async def test_every_control_is_reached_by_tab_in_order_and_seen_there(page: Page) -> None:
    stops: list[str] = await page.evaluate(STOPS)
    await page.locator(".skip").focus()  # where a page begins, whatever it has focused by itself
    reached, unseen = stops[:1], []
    for _ in range(4 * len(stops) + 20):
        await page.keyboard.press("Tab")
        stop, outside, html, seen = await page.evaluate(FOCUS)
        if outside or (stop == stops[0] and reached[1:]):
            break
        if [stop] == reached[-1:]:
            continue  # another part of the same control: the day of a date, its calendar
        reached.append(stop)
        if not seen:
            unseen.append(html)
    else:
        pytest.fail(f"the focus is caught at {html}")
    assert [stop for stop in reached if stop in stops] == stops
    assert not unseen, "\n".join(unseen)


async def test_the_first_stop_skips_to_the_content(places: Places) -> None:
    page = await places.full()
    await page.goto("/inbox")
    await page.keyboard.press("Tab")
    assert await page.evaluate("document.activeElement.textContent") == "Skip to the content"
    await page.keyboard.press("Enter")
    await page.keyboard.press("Tab")
    assert await page.evaluate("document.activeElement.closest('main') !== null")
    await page.context.close()
