"""The console as other machines reach it: by https, by its name, and only where people sign in."""

from __future__ import annotations

from collections.abc import AsyncIterator

import httpx
import pytest

from remit.access.invitations import set_password
from remit.access.people import known
from remit.app import App
from remit.console.server import make_server
from remit.console.session import Door
from remit.settings import Settings
from tests.cli.typed import remit
from tests.console.conftest import PORT

PUBLIC = "https://remit.shop.example"
WORDS = "seven tin whistles of Arklow"


@pytest.fixture
async def away(app: App) -> AsyncIterator[httpx.AsyncClient]:
    """A browser on another machine."""
    await set_password(app.store, "ann", await known(app.store, "ann"), WORDS)
    server = make_server(app, Door("ann"), PORT, PUBLIC)
    headers = {"sec-fetch-site": "same-origin"}
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(server), base_url=PUBLIC, headers=headers
    ) as opened:
        yield opened


async def test_cookies_are_bound_to_https_and_to_this_host(away: httpx.AsyncClient) -> None:
    done = await away.post("/sign-in", data={"name": "ann", "password": WORDS})
    cookies = done.headers.get_list("set-cookie")
    assert len(cookies) == 2
    for line in cookies:
        assert line.startswith("__Host-remit_")
        assert {"Secure", "HttpOnly", "Path=/", "SameSite=strict"} <= {
            part.strip() for part in line.split(";")
        }
        assert "Domain" not in line
    assert (await away.get("/account")).status_code == 200
    out = await away.post("/leave")
    assert "storage" in out.headers["clear-site-data"]
    assert (await away.get("/account")).status_code == 303


async def test_browsers_are_told_to_come_by_https_only(away: httpx.AsyncClient) -> None:
    for path in ("/sign-in", "/static/remit.css", "/nothing", "/api/v1/runs"):
        said = (await away.get(path)).headers["strict-transport-security"]
        assert said == "max-age=63072000; includeSubDomains"


async def test_it_answers_to_its_public_name_and_its_own_and_to_no_other(away: httpx.AsyncClient) -> None:
    assert (await away.get("/sign-in", headers={"host": "remit.shop.example"})).status_code == 200
    assert (await away.get("/healthz", headers={"host": f"127.0.0.1:{PORT}"})).status_code == 200
    for host in ("evil.example", "remit.shop.example.evil.example", "remit.shop.example:8443"):
        assert (await away.get("/sign-in", headers={"host": host})).status_code == 421
    forged = {"sec-fetch-site": "", "origin": "https://evil.example"}
    assert (
        await away.post("/sign-in", data={"name": "ann", "password": WORDS}, headers=forged)
    ).status_code == 403


async def test_a_link_for_somebody_names_where_it_is_reached(app: App, away: httpx.AsyncClient) -> None:
    await away.post("/sign-in", data={"name": "ann", "password": WORDS})
    made = await away.post("/settings/people", data={"name": "bo", "role": "viewer"})
    assert f'value="{PUBLIC}/join?key=' in made.text


async def test_without_https_nothing_of_it_is_said(stranger: httpx.AsyncClient) -> None:
    assert "strict-transport-security" not in (await stranger.get("/sign-in")).headers


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--host", "0.0.0.0"], "--public-url https://"),
        (["--host", "::", "--public-url", "http://remit.shop.example"], "begins with https://"),
        (["--public-url", PUBLIC], "nobody can sign in"),
        (["--host", "0.0.0.0", "--public-url", PUBLIC], "nobody can sign in"),
        (["--host", "everywhere"], "an address of this machine"),
        (["--public-url", f"{PUBLIC}/console"], "scheme and host alone"),
    ],
)
def test_nothing_is_opened_to_others_before_people_sign_in(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, words: list[str], said: str
) -> None:
    from remit import settings as module

    monkeypatch.setattr(module, "load", lambda: settings)
    monkeypatch.setenv("REMIT_USER", "ann")
    result = remit("up", "--no-open", "--port", "7796", *words)
    assert (result.exit_code, said in " ".join(result.stderr.split())) == (2, True), result.output
