"""Means with their intervals, one below the other on one scale: a drawing for a page whose table says the same. Pure."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from remit.decisions.offpolicy import Z95
from remit.decisions.stage import Values

ROW, WIDE, LEFT, RIGHT = 28, 400, 120, 20  # in its own units
CUT = 18  # characters of a name


@dataclass(frozen=True, slots=True)
class Whisker:
    """`low` to `high`: where the mean is, 95 times of 100."""

    name: str
    label: str
    tone: str
    count: int
    mean: float
    low: float
    high: float
    y: int = 0
    x: float = 0.0
    x_low: float = 0.0
    x_high: float = 0.0


@dataclass(frozen=True, slots=True)
class Whiskers:
    height: int
    wide: int
    left: int
    zero: float | None  # where nothing is, if it is in sight
    rows: tuple[Whisker, ...]
    ticks: tuple[tuple[float, str], ...]


def whiskers(given: Sequence[tuple[str, Values, str]]) -> Whiskers | None:
    """Of each its name, what is known and a tone; None where nothing is known of any, as an interval takes two."""
    made = [
        (name, values, tone, values.mean - Z95 * values.error, values.mean + Z95 * values.error)
        for name, values, tone in given
        if values.count > 1 and math.isfinite(values.error)
    ]
    if not made:
        return None
    least, most = min(0.0, *(one[3] for one in made)), max(0.0, *(one[4] for one in made))
    span = (most - least) or 1.0

    def at(value: float) -> float:
        return round(LEFT + (value - least) / span * (WIDE - LEFT - RIGHT), 1)

    rows = tuple(
        Whisker(
            name, name if len(name) <= CUT else f"{name[: CUT - 1]}…", tone, values.count, values.mean, low, high,
            ROW * number + ROW // 2, at(values.mean), at(low), at(high),
        )
        for number, (name, values, tone, low, high) in enumerate(made)
    )  # fmt: skip
    ticks = tuple((at(value), f"{value:.3g}") for value in (least, most) if value)
    return Whiskers(ROW * len(rows) + 24, WIDE, LEFT, at(0.0), rows, ticks)
