"""One loaded shop a session for tests that roll back, one of its own for a test that writes."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID, uuid4

import psycopg
import pytest

from remit.library.support import shop
from remit.tools.tool import ToolContext

Context = Callable[..., ToolContext]


@pytest.fixture(scope="session")
def shared_shop(postgres: str) -> Iterator[str]:
    """A loaded shop that nobody may change."""
    with psycopg.connect(postgres, autocommit=True) as admin:
        admin.execute("create database shared_shop")
        url = urlsplit(postgres)._replace(path="/shared_shop").geturl()
        asyncio.run(shop.load(url))
        yield url
        admin.execute("drop database shared_shop with (force)")


@pytest.fixture
async def shop_url(empty_database_url: str) -> str:
    await shop.load(empty_database_url)
    return empty_database_url


@pytest.fixture
def context(tmp_path: Path) -> Context:
    def make(
        url: str, customer: str, *, key: str = "", run: UUID | None = None, **person: Any
    ) -> ToolContext:
        who = {"id": customer, "verified": True, **person}
        return ToolContext(run or uuid4(), "c1", key or uuid4().hex, tmp_path, who, {}, {"shop": url})

    return make
