"""Who may ask the console for anything: whom the printed link let in, from a page of its own, by its own name."""

from __future__ import annotations

import httpx
import pytest

from remit.app import App
from remit.console.session import COOKIE, Door
from tests.console.conftest import HERE, PORT


async def test_the_printed_link_signs_one_browser_in_and_no_second(
    stranger: httpx.AsyncClient, door: Door
) -> None:
    assert (await stranger.get("/")).headers["location"] == "/sign-in"
    assert (await stranger.get("/enter", params={"key": "wrong"})).status_code == 403
    assert (await stranger.get("/enter", params={"key": door.key})).headers["location"] == "/"
    assert "ann" in (await stranger.get("/")).text
    stranger.cookies.clear()
    assert (await stranger.get("/enter", params={"key": door.key})).status_code == 403


async def test_who_signs_out_is_out_with_that_cookie_for_good(browser: httpx.AsyncClient) -> None:
    token = browser.cookies[COOKIE]
    await browser.post("/leave")
    browser.cookies.set(COOKIE, token, domain="127.0.0.1")
    assert (await browser.get("/")).headers["location"] == "/sign-in"


async def test_the_database_does_not_hold_what_signs_in(app: App, browser: httpx.AsyncClient) -> None:
    async with app.store.pool.connection() as connection:
        rows = await (await connection.execute("select token, who from sessions")).fetchall()
    assert [who for _, who in rows] == ["ann"]
    assert browser.cookies[COOKIE].encode() not in rows[0][0]


@pytest.mark.parametrize(
    "host", ["evil.example", f"evil.example:{PORT}", "127.0.0.1", "", f"127.0.0.1.:{PORT}"]
)
async def test_another_name_for_this_machine_is_not_answered(browser: httpx.AsyncClient, host: str) -> None:
    assert (await browser.get("/", headers={"host": host})).status_code == 421


@pytest.mark.parametrize(
    "headers",
    [
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
        {"sec-fetch-site": "none"},
        {"sec-fetch-site": "", "origin": "https://evil.example"},
        {"sec-fetch-site": "", "origin": "null"},
        {"sec-fetch-site": ""},
    ],
)
async def test_a_form_of_another_site_changes_nothing(
    browser: httpx.AsyncClient, headers: dict[str, str]
) -> None:
    assert (await browser.post("/leave", headers=headers)).status_code == 403
    assert (await browser.get("/")).status_code == 200
    assert (await browser.post("/leave", headers={"sec-fetch-site": "", "origin": HERE})).status_code == 303


async def test_every_answer_has_the_headers_that_keep_foreign_code_out(stranger: httpx.AsyncClient) -> None:
    for path in ("/", "/enter", "/static/remit.css", "/nothing", "/healthz"):
        headers = (await stranger.get(path)).headers
        assert "script-src 'self'" in headers["content-security-policy"]
        assert "unsafe" not in headers["content-security-policy"]
        assert headers["x-content-type-options"] == "nosniff"
        assert "server" not in headers


async def test_an_address_that_no_page_has_is_answered_by_a_page(browser: httpx.AsyncClient) -> None:
    for path, status in (("/nowhere", 404), ("/inbox/fresh", 405), ("/runs/1/fork?at=x", 400)):
        answer = await browser.get(path)
        assert answer.status_code == status
        assert "That did not work" in answer.text
