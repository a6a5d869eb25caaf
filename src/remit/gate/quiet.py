"""Hours in which a person is not asked: by the clock on their wall, whatever that does in spring and autumn. Pure.

While everybody who may decide has quiet hours, the time until a question expires, or goes to others, stands still.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from functools import lru_cache
from itertools import pairwise
from zoneinfo import ZoneInfo

LONGEST = timedelta(days=60)  # a longer time goes by the calendar: some nights make no difference to it
AHEAD = 2  # days that are looked at in one go
_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Quiet:
    """From `start` to `end` of each day, over midnight where `end` is earlier, and all of some `days` (0 is Monday)."""

    zone: str  # as Europe/Berlin
    start: time | None = None
    end: time | None = None
    days: frozenset[int] = frozenset()

    def at(self, now: datetime) -> bool:
        """Whether it is quiet now. `now` has a zone."""
        local = now.astimezone(ZoneInfo(self.zone))
        if local.weekday() in self.days:
            return True
        if self.start is None or self.end is None:
            return False
        clock = local.time()
        if self.start <= self.end:
            return self.start <= clock < self.end
        return clock >= self.start or clock < self.end

    def change(self, now: datetime) -> datetime:
        """When it next becomes quiet, or ends being so."""
        quiet = self.at(now)
        while True:
            for instant in _instants(self, now):
                if instant > now and self.at(instant) != quiet:
                    return instant
            now += AHEAD * _DAY

    def words(self, now: datetime) -> str:
        """Until when it is quiet, as the person's clock will show it."""
        until = self.change(now).astimezone(ZoneInfo(self.zone))
        days = (until.date() - now.astimezone(until.tzinfo).date()).days
        return f"{until:%H:%M}" + (f" on {until:%A}" if days > 1 else "") + f" {self.zone}"


def later(at: datetime, span: timedelta, quiet: Collection[Quiet | None]) -> datetime:
    """The moment when `span` has gone by, not counting when all of these people have quiet hours. None: one who has none;
    nobody named: anybody."""
    now, left = at.astimezone(UTC), span
    if not quiet or None in quiet or span > LONGEST:
        return now + span
    changes = {one: one.change(now) for one in quiet if one is not None}
    while True:
        until = min(changes.values())
        if not all(one.at(now) for one in changes):
            if left <= until - now:
                return now + left
            left -= until - now
        now = until
        changes |= {one: one.change(now) for one, at in changes.items() if at <= now}


def _instants(quiet: Quiet, since: datetime) -> Iterator[datetime]:
    """All moments of the next days at which it may change, in their order: an hour of the clock, which may come twice, and
    when the clock itself is put forward or back."""
    zone = ZoneInfo(quiet.zone)
    first = since.astimezone(zone).date() - _DAY
    clocks = {time(0), *(clock for clock in (quiet.start, quiet.end) if clock is not None)}
    found = {
        datetime.combine(first + day * _DAY, clock, zone).replace(fold=fold).astimezone(UTC)
        for day in range(AHEAD + 3)
        for clock in clocks
        for fold in (0, 1)
    }
    ordered = sorted(found)
    for one, other in pairwise(ordered):
        yield one
        if one.astimezone(zone).utcoffset() != other.astimezone(zone).utcoffset():
            yield _shift(quiet.zone, int(one.timestamp()), int(other.timestamp()))
    yield ordered[-1]


@lru_cache(maxsize=256)
def _shift(name: str, low: int, high: int) -> datetime:
    """The first second after `low`, up to `high`, at which the clock is not put as it was."""
    zone = ZoneInfo(name)

    def put(second: int) -> timedelta | None:
        return datetime.fromtimestamp(second, UTC).astimezone(zone).utcoffset()

    before = put(low)
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if put(middle) == before else (low, middle)
    return datetime.fromtimestamp(high, UTC)
