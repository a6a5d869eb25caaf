"""What may be spent."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

from remit.client.results.result import Period, Result


class Budget(Result):
    """A budget, and what is spent of it in the day or month that goes on; of no `agent`: the workspace's. None: not limited."""

    agent: str
    period: Period
    money: Decimal | None
    tokens: int | None
    since: datetime
    until: datetime
    spent_money: Decimal
    spent_tokens: int
    waiting: int
    by: str
    set_at: datetime
