"""A visitor of a shop's site writes in its chat: in a page with a strict policy of its own, by keyboard, on a telephone."""

from __future__ import annotations

import asyncio
import os
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Page, expect

from remit.models.model import Answer, Request, ToolCall
from remit.testing import ScriptedModel
from tests.journeys.console import PHONE, Console, Visitors
from tests.tools.test_http import reply, serving
from tests.triggers.conftest import publish

PAGE = """<!doctype html><html lang="en"><head><title>The shop</title><meta name="viewport" content="width=device-width">
<script src="{url}/chat/default/desk.js" data-title="Ask the shop" data-greeting="Hello! What are you looking for?" defer></script>
</head><body><main><h1>The shop</h1><p>Lamps, and what belongs to them.</p></main></body></html>"""
PICTURES = os.environ.get("REMIT_PICTURES")  # a folder: look at them


@asynccontextmanager
async def site(console: Console) -> AsyncIterator[str]:
    """A shop's own site, whose policy lets nothing in but the chat's file and its answers."""
    policy = f"default-src 'none'; script-src {console.url}; connect-src {console.url}"

    async def answer(line: str, _: dict[str, str], __: bytes, writer: asyncio.StreamWriter) -> None:
        if line.startswith("GET / "):
            body = PAGE.format(url=console.url).encode()
            writer.write(reply(body, "text/html; charset=utf-8", Content_Security_Policy=policy))
        else:
            writer.write(reply(b"", status="204 No Content"))

    async with serving(answer) as port:
        yield f"http://127.0.0.1:{port}"


def clerk(request: Request) -> Answer:
    """Answers, waits, asks a person, and is done."""
    said = " ".join(str(message) for message in request.messages)
    chat = re.findall(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", said)
    number = re.search(r"after\W+(\d+)", said)
    turn = sum(message.role == "assistant" for message in request.messages)
    args: list[tuple[str, dict[str, Any]]] = [
        ("chat_reply", {"chat": chat[0], "text": "A lamp is 40 EUR.\nSee https://shop.example/lamps."}),
        ("chat_wait", {"chat": chat[0], "after": int(number[1]) if number else 0}),
        ("chat_reply", {"chat": chat[0], "text": "I have put one aside for you."}),
        ("finish", {"report": "Answered.", "outcome": "done"}),
    ]
    name, given = args[min(turn, 3)]
    return Answer(calls=(ToolCall(f"c{turn}", name, given),))


async def picture(page: Page, name: str) -> None:
    if PICTURES:
        await page.screenshot(path=str(Path(PICTURES) / f"{name}.png"))


async def test_a_visitor_is_answered_in_the_sites_own_page(console: Console, visit: Visitors) -> None:
    rules = [
        {"tool": "chat_reply", "allow": 'args.text.startsWith("A lamp")'},
        {"tool": "chat_reply", "ask": "true"},
    ]
    async with site(console) as shop:
        trigger = {"name": "site", "chat": [shop], "goal": "Answer the visitor."}
        spec = {"tools": ["chat.*"], "remit": {"autonomy": "act"}, "rules": rules, "model": "scripted:clerk"}
        console.app.models["scripted:clerk"] = ScriptedModel(clerk, name="scripted:clerk")
        await publish(console.app, trigger, **spec)
        page = await visit("", color_scheme="light")
        await page.goto(shop)
        await page.get_by_role("button", name="Open the chat").press("Enter")
        panel, log = page.get_by_role("dialog", name="Ask the shop"), page.get_by_role("log")
        await expect(panel.get_by_label("Your message")).to_be_focused()
        await page.keyboard.type("What does a lamp cost?")
        await page.keyboard.press("Enter")
        await expect(log).to_contain_text("A lamp is 40 EUR.")
        await expect(log.get_by_role("link")).to_have_attribute("href", "https://shop.example/lamps")
        await picture(page, "chat-light")
        assert [one["id"] for one in (await Axe().run(page)).response["violations"]] == []
        await page.reload()
        await page.get_by_role("button", name="Open the chat").click()
        await expect(log).to_contain_text("What does a lamp cost?")
        await page.get_by_label("Your message").fill("I take one")
        await page.get_by_role("button", name="Send").click()
        await expect(page.get_by_role("status")).to_have_text(re.compile("A colleague is being asked"))
        await picture(page, "chat-asked")
        colleague = await visit()
        await colleague.goto("/inbox")
        await colleague.get_by_role("button", name=re.compile("Approve|Yes")).first.click()
        await expect(log).to_contain_text("I have put one aside for you.")
        await page.keyboard.press("Escape")
        await expect(panel).to_be_hidden()
        await expect(page.get_by_role("button", name="Open the chat")).to_be_focused()


async def test_the_chat_fits_a_telephone_in_the_dark(console: Console, visit: Visitors) -> None:
    async with site(console) as shop:
        await publish(console.app, {"name": "site", "chat": [shop], "goal": "Answer."}, tools=["chat.*"])
        page = await visit("", color_scheme="dark", **PHONE)
        await page.goto(shop)
        await page.get_by_role("button", name="Open the chat").click()
        await page.get_by_label("Your message").fill("Hello " * 60)
        await picture(page, "chat-phone-dark")
        wide = await page.evaluate(
            "document.documentElement.scrollWidth <= document.documentElement.clientWidth"
        )
        assert wide
        assert [one["id"] for one in (await Axe().run(page)).response["violations"]] == []


async def test_a_colleague_takes_the_chat_over_while_the_visitor_watches_and_hands_it_back(
    console: Console, visit: Visitors
) -> None:
    async with site(console) as shop:
        trigger = {"name": "site", "chat": [shop], "goal": "Answer the visitor."}
        rules = [{"tool": "chat_reply", "allow": 'evidence.chat == "grant"'}]
        spec = {"tools": ["chat.*"], "remit": {"autonomy": "act"}, "rules": rules, "model": "scripted:clerk"}
        console.app.models["scripted:clerk"] = ScriptedModel(clerk, name="scripted:clerk")
        await publish(console.app, trigger, **spec)
        page, colleague = await visit("", color_scheme="light"), await visit()
        await page.goto(shop)
        await page.get_by_role("button", name="Open the chat").click()
        await page.get_by_label("Your message").fill("What does a lamp cost?")
        await page.get_by_role("button", name="Send").click()
        log = page.get_by_role("log")
        await expect(log).to_contain_text("A lamp is 40 EUR.")
        await colleague.goto("/people/conversations")
        await colleague.get_by_role("link", name="a visitor").click()
        await colleague.get_by_role("button", name="Take it over").click()
        await expect(page.get_by_role("status")).to_have_text("You are talking with a colleague now.")
        await page.get_by_label("Your message").fill("And a large one?")
        await page.get_by_role("button", name="Send").click()
        said = colleague.get_by_role("list", name="What was said")
        await expect(said).to_contain_text("And a large one?")
        await colleague.get_by_label("Write to them").fill("60 EUR.")
        await colleague.get_by_role("button", name="Send").click()
        await expect(log).to_contain_text("A colleague: 60 EUR.")
        await expect(said).to_contain_text("60 EUR.")
        await picture(colleague, "talk-light")
        await picture(page, "chat-colleague")
        await colleague.get_by_label(re.compile("should know")).fill("She takes the large one.")
        await colleague.get_by_role("button", name="Hand it back").click()
        await expect(log).to_contain_text("I have put one aside for you.")
        await expect(said).to_contain_text("I have put one aside for you.")
        await expect(page.get_by_role("status")).to_have_text("")
