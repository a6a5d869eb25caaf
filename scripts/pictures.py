"""Pictures of the console for the README, from a workspace that is seeded here: docs/img/*.png.

Needs what `make test` installs. Run it from the repository's root:

    .venv/bin/python -m scripts.pictures
"""

from __future__ import annotations

import argparse
import asyncio
import re
import sys
import tempfile
from pathlib import Path

import uvicorn
from bench.browser import QUIET, chromium
from playwright.async_api import Page, async_playwright
from scripts.house import CLARA, furnish

from remit.agents.load import load_agent
from remit.app import App, open_app
from remit.console.server import make_server
from remit.console.session import Door
from remit.journal.events import Person
from remit.models.model import Answer, ToolCall
from remit.settings import Settings
from remit.testing import ScriptedModel

PORT = 7790
IMAGES = Path("docs/img")
ANN = Person(id="ann", email="ann@a.example", name="Ann", verified=True)
GOALS = ("Please refund W1, it came broken", "Refund W3, it never arrived, and write to me")


def script(order: str, amount: int) -> ScriptedModel:
    """A model that reads the mail, does what a stranger's words tell it, and then what it was asked for."""
    calls = [
        [("read_mail", {})],
        [
            ("refund", {"order": "W2", "amount": 300}),
            ("send_mail", {"to": "eve@evil.example", "text": "Your refund is paid."}),
        ],
        [("refund", {"order": order, "amount": amount})],
        [("finish", {"report": f"{order} is refunded.", "outcome": "done"})],
    ]
    answers = [
        Answer(
            calls=tuple(ToolCall(f"c{turn}.{n}", tool, args) for n, (tool, args) in enumerate(several)),
            finish="calls",
        )
        for turn, several in enumerate(calls)
    ]
    return ScriptedModel(answers, by_turn=True)


async def seed(app: App, folder: Path) -> None:
    """The agent of docs/policy.md, and two runs of it that wait for somebody."""
    page = Path("docs/policy.md").read_text(encoding="utf-8")
    blocks = re.findall(r"```(\w+)\n(.*?)```", page, re.DOTALL)
    (folder / "desk.py").write_text(next(text for kind, text in blocks if kind == "python"), encoding="utf-8")
    spec = next(text for kind, text in blocks if kind == "yaml").replace("autonomy: act", "autonomy: ask")
    (folder / "desk.yaml").write_text(spec, encoding="utf-8")
    agent = load_agent(folder / "desk.yaml")
    for goal, (order, amount) in zip(GOALS, (("W1", 20), ("W3", 70)), strict=True):
        await app.advance(await app.start(agent, goal, person=ANN, model=script(order, amount)))


async def shoot(page: Page, link: str) -> None:
    await page.goto(link)
    await page.goto(f"http://127.0.0.1:{PORT}/inbox")
    await page.screenshot(path=IMAGES / "console.png")
    await page.goto(f"http://127.0.0.1:{PORT}/runs")
    await page.locator("td.goal a").first.click()
    await page.wait_for_load_state()
    await page.screenshot(path=IMAGES / "run.png")
    await page.goto(f"{page.url}/why/2.2")
    await page.screenshot(path=IMAGES / "why.png")
    for path, name in (
        ("/agents/support", "agent"),
        (f"/people/{CLARA}", "person"),
        ("/decisions/again", "decisions"),
    ):
        await page.goto(f"http://127.0.0.1:{PORT}{path}")
        await page.screenshot(path=IMAGES / f"{name}.png")
    await page.set_viewport_size({"width": 390, "height": 844})
    await page.goto(f"http://127.0.0.1:{PORT}/inbox")
    await page.screenshot(path=IMAGES / "phone.png")


async def main() -> None:
    argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    ).parse_args()
    with tempfile.TemporaryDirectory() as name:
        async with open_app(Settings(data_dir=Path(name) / "data")) as app:
            sys.path.insert(0, name)  # where the agent's tools are found
            await seed(app, Path(name))
            await furnish(app.store)
            door = Door("olga")
            server = uvicorn.Server(
                uvicorn.Config(make_server(app, door, PORT), port=PORT, log_level="warning")
            )
            serving = asyncio.create_task(server.serve())
            async with async_playwright() as playwright:
                browser = await playwright.chromium.launch(executable_path=chromium(), args=QUIET)
                page = await browser.new_page(viewport={"width": 1280, "height": 800})
                await shoot(page, f"http://127.0.0.1:{PORT}/enter?key={door.key}")
                await browser.close()
            server.should_exit = True
            await serving


if __name__ == "__main__":
    asyncio.run(main())
