"""Outside systems that agents use."""

from __future__ import annotations

from datetime import datetime
from typing import Literal
from uuid import UUID

from remit.client.results.result import Result

ConnectionKind = Literal["mcp", "openapi", "http", "sql", "mail", "slack", "twilio"]


class Connection(Result):
    """An outside system, without its secrets. `healthy` None: nobody has tried; `went`: what went wrong when a run last used it;
    `pace`: of each sender how fast it may send, and who waits for that."""

    name: str
    kind: ConnectionKind
    where: str
    secrets: tuple[str, ...]
    by: str
    at: datetime
    healthy: bool | None
    tried: str
    tried_at: datetime | None
    used_by: str
    used_run: UUID | None
    used_at: datetime | None
    went: str
    pace: tuple[str, ...]


class Trial(Result):
    """What came of trying a connection."""

    works: bool
    words: str
