"""Mailboxes in a browser: added, tried by signing in, and their password never shown again."""

from __future__ import annotations

import html
from collections.abc import AsyncIterator

import httpx
import pytest

from remit.app import App
from remit.connections.kept import connection_of
from tests.channels.servers import PASSWORD, USER, Host, mail_host
from tests.console.conftest import SignIn
from tests.console.test_inbox import words


@pytest.fixture
async def host() -> AsyncIterator[Host]:
    async with mail_host() as opened:
        yield opened


def form(host: Host, **changes: str) -> dict[str, str]:
    return {
        "name": "desk",
        "kind": "mail",
        "address": f"The shop <{USER}>",
        "smtp": f"smtp://localhost:{host.smtp}",
        "imap": f"imap://localhost:{host.imap}",
        "trusts": "mx.shop.example",
        "sent": "server",
        "key": PASSWORD,
        **changes,
    }


async def test_a_mailbox_is_added_by_its_form_tried_by_signing_in_and_changed_without_its_password(
    app: App, browser: httpx.AsyncClient, host: Host
) -> None:
    assert (await browser.post("/connections/new", data=form(host))).headers[
        "location"
    ] == "/connections/desk"
    told = words(await browser.get("/connections/desk"))
    assert "✓ desk" in told or "SMTP lets us in" in told
    assert "verified by mx.shop.example" in told
    linked = (await connection_of(app.store, "desk")).linked
    assert linked.connection.mail is not None
    assert (linked.connection.mail.password, linked.connection.mail.sent) == ("secret:desk.key", "server")
    changed = await browser.post(
        "/connections/desk/change", data=form(host, key="", trusts="mx.other.example")
    )
    assert changed.status_code == 303
    row = await connection_of(app.store, "desk")
    assert row.works
    pages = [(await browser.get(f"/connections{path}")).text for path in ("", "/desk", "/desk/change")]
    assert not any(PASSWORD in page for page in pages)
    assert host.taken == []


@pytest.mark.parametrize(
    ("changes", "field", "why"),
    [
        ({"address": "desk"}, "address", "desk@shop.example"),
        ({"smtp": "mail.example"}, "smtp", "smtps://mail.example"),
        ({"smtp": "", "imap": ""}, "smtp", "where it sends"),
        ({"key": ""}, "key", "the password of the mailbox"),
        ({"unsubscribe": "http://shop.example"}, "address", "https://"),
    ],
)
async def test_what_cannot_be_a_mailbox_is_said_at_its_field(
    browser: httpx.AsyncClient, host: Host, changes: dict[str, str], field: str, why: str
) -> None:
    page = await browser.post("/connections/new", data=form(host, **changes))
    assert page.status_code == 422
    told = html.unescape(page.text.partition(f'id="wrong-{field}"')[2].partition("</span>")[0])
    assert why in told


async def test_other_servers_are_given_the_password_only_if_it_is_typed_again(
    app: App, browser: httpx.AsyncClient, host: Host
) -> None:
    await browser.post("/connections/new", data=form(host))
    page = await browser.post(
        "/connections/desk/change", data=form(host, key="", smtp="smtps://evil.example")
    )
    assert page.status_code == 422
    assert "give the password again" in words(page)


async def test_a_mailbox_in_the_servers_own_network_is_for_an_owner_to_add(
    browser_of: SignIn, host: Host
) -> None:
    builder = await browser_of("bo", "builder")
    page = await builder.post("/connections/new", data=form(host))
    assert page.status_code == 422
    assert "an owner can add that" in words(page)
