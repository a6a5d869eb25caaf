"""An authenticator app, as tests have one: it counts codes as RFC 6238 says, by itself."""

from __future__ import annotations

import base64
import hashlib
import hmac
import re

import httpx

from remit.app import App


def counted(key: str, step: int, digits: int = 6) -> str:
    """The code of a step of thirty seconds."""
    mac = hmac.digest(base64.b32decode(key.replace(" ", "")), step.to_bytes(8, "big"), hashlib.sha1)
    at = mac[-1] & 15
    return str((int.from_bytes(mac[at : at + 4], "big") & 0x7FFF_FFFF) % 10**digits).zfill(digits)


async def code(app: App, key: str, ahead: int = 0) -> str:
    """The code of now by the database's clock, or of a step after it."""
    async with app.store.pool.connection() as connection:
        row = await (
            await connection.execute("select extract(epoch from clock_timestamp())::bigint / 30")
        ).fetchone()
    assert row
    return counted(key, int(row[0]) + ahead)


def key_on(page: str) -> str:
    found = re.search(r"<dt>Key</dt><dd class=\"mono\">([A-Z2-7 ]+)</dd>", page)
    assert found, page
    return found[1]


async def enrol(app: App, browser: httpx.AsyncClient) -> tuple[str, list[str]]:
    """Set one up in a browser that has just shown the password: its key, and the recovery codes."""
    begun = await browser.post("/account/second", data={"deed": "begin"})
    assert begun.status_code == 303, begun.text
    key = key_on((await browser.get("/account/second")).text)
    done = await browser.post("/account/second", data={"deed": "confirm", "code": await code(app, key)})
    assert done.status_code == 200, done.text
    codes = re.findall(r"<li>((?:[a-z2-7]{4}-){5}[a-z2-7]{4})</li>", done.text)
    assert len(set(codes)) == 10
    return key, codes
