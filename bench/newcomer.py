"""How long somebody new needs to build an agent in the console and to publish it, with no documentation open.

    python -m bench.newcomer
    python -m bench.newcomer --picture .bench/newcomer --json

The pages are the real ones, in Chromium, from a database in which nothing was done yet; the walk is done for real. The person is
the keystroke-level model (Card, Moran and Newell, The Psychology of Human-Computer Interaction, 1983): 0.28 s for each key, 1.1 s
to point, 0.2 s to press, 0.4 s from the mouse to the keys and back, 1.35 s to make up one's mind before each thing done. That is
somebody who knows where things are. One who is new reads: at 238 words a minute (Brysbaert 2019), each word that can be seen, once,
and before any of it is used. People read some 28 words of 100 on a page that is new to them (Weinreich and others 2008): the second
figure. Nobody here makes a mistake, or thinks about what the agent should be; what the machine took is measured and added.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from dataclasses import dataclass, field
from pathlib import Path
from time import perf_counter
from typing import Any

from playwright.async_api import Locator, Page, async_playwright, expect

from bench import figures
from bench.browser import QUIET, chromium
from bench.database import drop, fresh, running
from bench.screen import up

KEY, POINT, PRESS, HOME, MIND = 0.28, 1.1, 0.2, 0.4, 1.35  # seconds
WORD = 60 / 238  # seconds
LINES = """() => {
  const whole = document.body.innerText, hidden = new Set([...document.querySelectorAll("option:not(:checked)")].map((one) => one.innerText.trim()));
  return whole.split("\\n").map((line) => line.trim()).filter((line) => line && !hidden.has(line));
}"""  # a list that is shut shows what is chosen
GLANCE = 0.28  # of the words of a page, by those who do not read it all
BAR = 300.0  # seconds


@dataclass
class Newcomer:
    page: Page
    pictures: Path | None
    known: set[str] = field(default_factory=set)  # lines that were read
    doing: float = 0.0
    waiting: float = 0.0
    words: int = 0
    deeds: int = 0
    seen: list[str] = field(default_factory=list)

    async def look(self, name: str) -> None:
        """Read what is there to be seen and was not there before."""
        lines: list[str] = await self.page.evaluate(LINES)
        new = [line for line in dict.fromkeys(lines) if line not in self.known]
        self.known.update(new)
        self.words += sum(len(line.split()) for line in new)
        if self.pictures is not None:
            self.pictures.mkdir(parents=True, exist_ok=True)
            await self.page.screenshot(path=self.pictures / f"{len(self.seen):02}-{name}.png", full_page=True)
        self.seen.append(name)

    async def _do(self, seconds: float, deed: Awaitable[Any]) -> None:
        begun = perf_counter()
        await deed
        self.waiting += perf_counter() - begun
        self.doing += MIND + seconds
        self.deeds += 1

    async def click(self, what: Locator) -> None:
        await self._do(POINT + PRESS, what.click())

    async def tick(self, what: Locator) -> None:
        await self._do(POINT + PRESS, what.check())

    async def write(self, what: Locator, text: str) -> None:
        await self._do(POINT + PRESS + 2 * HOME + KEY * len(text), what.fill(text))

    async def choose(self, what: Locator, value: str) -> None:
        await self._do(2 * (POINT + PRESS), what.select_option(value))


async def from_ready(me: Newcomer) -> None:
    """A ready agent that is nearly what is wanted, with other words and another budget."""
    page = me.page
    await me.click(page.get_by_role("link", name="Agents"))
    await me.look("agents")
    card = page.locator("li.card").filter(has=page.get_by_role("heading", name="support"))
    await me.write(card.get_by_label("Name"), "Orders")
    await me.click(card.get_by_role("button"))
    await page.wait_for_url("**/agents/orders")
    await me.look("builder")
    await me.write(page.locator("[name=description]"), "Answers questions about orders and parcels.")
    await publish(me, "0.50")


async def from_nothing(me: Newcomer) -> None:
    """All of it by hand: purpose, instructions, a tool that asks, autonomy, budget."""
    page = me.page
    await me.click(page.get_by_role("link", name="Agents"))
    await me.look("agents")
    card = page.locator("li.card").filter(has_text="Start").filter(has=page.get_by_label("Name")).first
    await me.write(card.get_by_label("Name"), "Answers")
    await me.click(card.get_by_role("button", name="Start", exact=True))
    await page.wait_for_url("**/agents/answers")
    await me.look("builder")
    await me.write(page.locator("[name=description]"), "Answers questions of customers, in a file.")
    await me.write(
        page.get_by_role("textbox", name="Instructions"),
        "Read the question. Write a short, friendly answer into answer.txt. Where you do not know, say so.",
    )
    await me.click(page.get_by_text("Files", exact=False).first)
    await me.look("tools")
    await me.tick(page.locator("#tool-files_write").get_by_role("checkbox"))
    await me.choose(page.locator("#tool-files_write").get_by_label("may be done"), "ask")
    await me.choose(page.get_by_label("How far it goes by itself"), "act")
    await publish(me, "0.50")


async def publish(me: Newcomer, dollars: str) -> None:
    page = me.page
    await me.write(page.get_by_label("Dollars"), dollars)
    await me.click(page.get_by_role("button", name="Save and publish…"))
    await page.wait_for_url("**/publish")
    await me.look("publish")
    await me.click(page.get_by_role("button", name="Publish", exact=True))
    await expect(page.locator("main")).to_contain_text("published")
    await me.look("published")


async def main(as_json: bool, pictures: Path | None) -> None:
    around = figures.machine()
    rows = []
    async with running() as address, async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=chromium(), args=QUIET)
        for walk in (from_ready, from_nothing):
            url = await fresh(address, "bench_newcomer")
            async with up(url) as (_, link):
                context = await browser.new_context(viewport={"width": 1280, "height": 900})
                page = await context.new_page()
                me = Newcomer(page, None if pictures is None else pictures / walk.__name__)
                begun = perf_counter()
                await page.goto(link)
                me.waiting += perf_counter() - begun
                await me.look("today")
                await walk(me)
                await context.close()
            await drop(address, "bench_newcomer")
            most, glanced = me.words * WORD, GLANCE * me.words * WORD
            rows.append(
                {
                    "walk": walk.__name__.replace("_", " "),
                    "things done": me.deeds,
                    "words to be seen": me.words,
                    "doing, s": round(me.doing),
                    "machine, s": round(me.waiting, 1),
                    "s, all read": round(me.doing + me.waiting + most),
                    "s, read as people do": round(me.doing + me.waiting + glanced),
                    f"under {BAR:.0f} s": "yes" if me.doing + me.waiting + most < BAR else "no",
                }
            )
        await browser.close()
    figures.show(as_json, "an agent built and published by somebody new", around, rows)


if __name__ == "__main__":
    parser = figures.arguments(__doc__ or "")
    parser.add_argument("--picture", type=Path, help="a folder for pictures of what was seen")
    given = parser.parse_args()
    asyncio.run(main(given.json, given.picture))
