"""A platform whose workspace has a mailbox, and the host of it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from remit.access.people import arrive
from remit.app import App, open_app
from remit.connections.kept import linked_of, set_connection
from remit.settings import Settings
from remit.store.secrets import set_secret
from tests.channels.servers import PASSWORD, USER, Host, mail_host


@pytest.fixture
async def host() -> AsyncIterator[Host]:
    async with mail_host() as opened:
        yield opened


@pytest.fixture
async def app(settings: Settings, host: Host) -> AsyncIterator[App]:
    async with open_app(settings) as opened:
        await arrive(opened.store, "ann")
        await set_secret(opened.store, "DESK", PASSWORD, "ann")
        await connect(opened, host)
        yield opened


def data_of(host: Host, **more: Any) -> dict[str, Any]:
    servers = {"smtp": f"smtp://localhost:{host.smtp}", "imap": f"imap://localhost:{host.imap}"}
    return {
        "address": f"The shop <{USER}>",
        "password": "secret:DESK",
        "trusts": "mx.shop.example",
        **servers,
        **more,
    }


async def connect(app: App, host: Host, **more: Any) -> None:
    """The workspace's mailbox."""
    await set_connection(app.store, "desk", linked_of("desk", {"mail": data_of(host, **more)}), "ann")
