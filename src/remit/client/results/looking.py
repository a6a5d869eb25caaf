"""Why a run did something, and how two runs differ."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, Literal
from uuid import UUID

from remit.client.results.result import Result, Status


class Origin(Result):
    """An event in which a value stood before a call, and who says so."""

    event: int
    what: str
    integrity: str


class Value(Result):
    """An argument of a call: what the tool got, what the model wrote, and what vouches for it."""

    name: str
    value: Any
    written: Any
    evidence: str
    sources: list[Origin]


class Why(Result):
    """What led to a call. `answer`: the event with the model's answer that wanted it."""

    run: UUID
    call: str
    tool: str
    outcome: str
    answer: int
    verdict: str
    rule: str
    reasons: list[str]
    approved_by: str
    values: list[Value]


class Totals(Result):
    """What a run came to. Money in US dollars, time in seconds."""

    run: UUID
    status: Status
    steps: int
    tokens: int
    cost: Decimal
    seconds: float
    effects: int
    simulated: int
    denied: int
    asked: int


class Change(Result):
    """A value that differs."""

    where: str
    a: Any
    b: Any


class Row(Result):
    """Two events side by side, by their numbers, or one alone."""

    kind: Literal["same", "a", "b", "differs"]
    a: int | None
    b: int | None
    aside: bool
    note: str
    changes: list[Change]


class Parting(Result):
    """Where two runs part: in each the event, or the last one before it."""

    a: int
    b: int


class Comparison(Result):
    """Two runs, event by event."""

    same: bool
    parted: Parting | None
    a: Totals
    b: Totals
    rows: list[Row]
