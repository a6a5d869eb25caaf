"""Segments of people."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from remit.client.results.result import Result


class Segment(Result):
    """People by what is true of them, with how many they were when that was counted last; `exact` is False where it was estimated."""

    name: str
    note: str
    segment: dict[str, Any]
    words: str
    who: str
    at: datetime
    people: int | None
    exact: bool | None
    day: date | None


class SegmentSize(Result):
    """How many they are, of how many; `off`: by how many that may be off, 95 times of 100."""

    people: int
    whole: int
    off: int
