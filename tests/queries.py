"""Which queries something asks the database."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
import pytest


@contextmanager
def counted(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """All that are asked within the block, by anybody in this process."""
    asked: list[str] = []
    original = psycopg.AsyncCursor.execute

    async def execute(self: Any, query: Any, *args: Any, **how: Any) -> Any:
        asked.append(query.decode() if isinstance(query, bytes) else str(query))
        return await original(self, query, *args, **how)

    with monkeypatch.context() as patched:
        patched.setattr(psycopg.AsyncCursor, "execute", execute)
        yield asked
