"""What the graph hears from other systems."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

from remit.client.results.result import Result


class Intake(Result):
    """A webhook or a database by which rows come into the graph. `intake`: as it was set; `aside`: rows that wait to be mended."""

    name: str
    kind: Literal["webhook", "database"]
    state: str
    intake: dict[str, Any]
    path: str
    by: str
    at: datetime
    secret_at: datetime | None
    next_at: datetime | None
    heard_at: datetime | None
    taken: int
    aside: int
    went: str
    went_at: datetime | None
