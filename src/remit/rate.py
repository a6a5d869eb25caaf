"""How much of something may happen: so many at once, and so many in a time, as people write it: `60/m`."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache

from remit.errors import UserError

UNITS = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}


@dataclass(frozen=True, slots=True)
class Rate:
    """`count` in `seconds`, evenly spaced but for a tenth of them that may come at once after a pause."""

    count: int
    seconds: float

    @property
    def every(self) -> float:
        """Seconds between two."""
        return self.seconds / self.count

    @property
    def burst(self) -> int:
        """How many may come at once when there were none for a while."""
        return max(1, self.count // 10)

    @property
    def late(self) -> float:
        """Seconds after which a turn that was set aside is lost, so that no crowd comes at once after a standstill."""
        return min(60.0, max(10.0, self.seconds))


@dataclass(frozen=True, slots=True)
class Limit:
    """Of a tool, over all workers: calls at the same time, and a rate as `60/m`. Raises UserError for what is none."""

    concurrent: int | None = None
    rate: str | None = None

    def __post_init__(self) -> None:
        if self.concurrent is not None and self.concurrent < 1:
            raise UserError(
                f"concurrent {self.concurrent}: write 1 or more; a tool that may never run is one to leave out"
            )
        if self.rate is not None:
            parse_rate(self.rate)


@cache
def parse_rate(text: str) -> Rate:
    """`60/m`, `5/s`, `100/h`, `10/5m`. Raises UserError for what is no rate, or none at all."""
    found = re.fullmatch(r"\s*(\d{1,7})\s*/\s*(\d{0,4})\s*([smhd])\s*", text)
    if found is None or not int(found[1]) or (found[2] and not int(found[2])):
        raise UserError(
            f"{text!r} is no rate: write how many in a second, minute, hour or day, as 5/s, 60/m, 100/h"
        )
    return Rate(int(found[1]), int(found[2] or 1) * UNITS[found[3]])
