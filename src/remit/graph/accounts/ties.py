"""Who belongs to what, and stands to whom how, at a moment: told from all that was ever said of it, in whatever order it came. Pure.

Each statement speaks from a time on (`since`), and until another where it says so. Of those that speak of a moment or of what was before
it, the one that was said last counts: belonging ends where that one has ended. What a source says again and again stays one belonging. A
person's no stands whatever else is said, until they take it back; what is only proposed counts for nothing.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

How = Literal["said", "proposed", "yes", "no"]


@dataclass(frozen=True, slots=True)
class Said:
    """That two belong together, or do not, as it was said once."""

    how: How
    at: datetime
    since: datetime
    until: datetime | None = None
    role: str = ""
    source: str = ""
    event: str = ""
    by: str = ""
    id: int = 0


@dataclass(frozen=True, slots=True)
class Tie:
    """How it stands at a moment. `last`: what counts, with who said so."""

    role: str
    since: datetime
    until: datetime | None
    last: Said


def tie(said: Iterable[Said], at: datetime) -> Tie | None:
    """How two stand together at a moment; None: they do not. `said`: of these two all that was not taken back."""
    told = list(said)
    if any(one.how == "no" for one in told):
        return None
    told = [one for one in told if one.how != "proposed" and one.since <= at]
    if not told:
        return None
    last = max(told, key=turn)
    if last.until is not None and last.until <= at:
        return None
    ended = max((one.until for one in told if one.until and one.until <= at), default=None)
    going = [one for one in told if one is last or _goes_on(one, at, ended)]
    role = max((one for one in going if one.role), key=turn, default=last).role
    return Tie(role, min(one.since for one in going), last.until, last)


def turn(one: Said) -> tuple[datetime, str, str, int]:
    """Which was said later."""
    return one.at, one.source, one.event, one.id


def _goes_on(one: Said, at: datetime, ended: datetime | None) -> bool:
    """Whether it speaks of what has not ended since."""
    return (one.until is None or one.until > at) and (ended is None or one.since >= ended)
