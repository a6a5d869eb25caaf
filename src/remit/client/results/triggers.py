"""What begins runs without a person."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from remit.client.results.result import Result


class Firing(Result):
    """What a trigger heard, and what became of it; `run`: the one that it begins, once it is begun."""

    id: UUID
    at: datetime
    by: str
    state: Literal["due", "starting", "begun", "skipped", "failed"]
    why: str
    run: UUID


class Refusal(Result):
    """A delivery that was not taken."""

    at: datetime
    why: str


class Trigger(Result):
    """A trigger of the version of an agent that runs; `next`: the next times of a schedule."""

    agent: str
    name: str
    kind: Literal["schedule", "webhook", "after", "mail", "slack", "sms", "chat"]
    version: int
    begins: str
    state: str
    spec: dict[str, Any]
    paused_at: datetime | None
    paused_by: str
    next: list[datetime]
    path: str
    secret_at: datetime | None
    last: Firing | None
