"""What of people may not be used for everything."""

from __future__ import annotations

from datetime import datetime

from remit.client.results.result import Result


class Limit(Result):
    """Something of people, and all that it may be used for."""

    field: str
    purposes: list[str]
    because: str
    by: str
    at: datetime
