"""Who is told of what happens."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from remit.client.results.result import Result


class Webhook(Result):
    """An address that is told; `secret` only where it was just made."""

    id: UUID
    url: str
    events: list[str]
    agents: list[str]
    by: str
    created_at: datetime
    failing_since: datetime | None
    disabled_at: datetime | None
    disabled_why: str
    secret: str | None = None


class Delivery(Result):
    """A message to a webhook, and how its sending went."""

    id: UUID
    number: str
    message: dict[str, Any]
    state: Literal["due", "done", "dead"]
    attempts: int
    due_at: datetime
    tried_at: datetime | None
    status: int | None
    said: str
