"""Times by the clock on a wall, as cron has them: five fields, in a time zone. Pure.

Where a zone's clock is put forward, what falls into the hour that is not there runs once, as much later; where it is put back,
what names hours runs once, the first time that the clock shows them. What runs in every hour runs in both of the doubled ones:
"every 15 minutes" stays every 15 minutes.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from remit.errors import UserError

MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
DAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
NAMED = ("Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday")
CALLED = (
    *("January", "February", "March", "April", "May", "June", "July"),
    *("August", "September", "October", "November", "December"),
)
FIELDS = (("minute", 0, 59), ("hour", 0, 23), ("day of the month", 1, 31), ("month", 1, 12), ("day", 0, 7))
FURTHEST = 366 * 9  # days: a 29 February may be eight years away
MANY = 6  # times of a day that are told one by one
EXAMPLE = "as 0 9 * * mon-fri: minute, hour, day of the month, month, day of the week"


@dataclass(frozen=True, slots=True)
class Cron:
    """Which minutes of which days. Days are of the month (1-31) or of the week (0 is Sunday): of either, where both are named."""

    minutes: tuple[int, ...]
    hours: tuple[int, ...]
    dates: frozenset[int]
    months: frozenset[int]
    weekdays: frozenset[int]
    either: bool  # both days are named

    @property
    def hourly(self) -> bool:
        return len(self.hours) == 24

    def on(self, day: date) -> bool:
        dated, named = day.day in self.dates, day.isoweekday() % 7 in self.weekdays
        return day.month in self.months and (dated or named if self.either else dated and named)


@cache
def parse_cron(text: str) -> Cron:
    """Raises UserError saying which field cannot be read."""
    parts = text.split()
    if len(parts) != len(FIELDS):
        raise UserError(f"{text!r} has {len(parts)} fields: write five, {EXAMPLE}")
    minutes, hours, dates, months, weekdays = (
        _field(part, *field) for part, field in zip(parts, FIELDS, strict=True)
    )
    days = frozenset(day % 7 for day in weekdays)
    either = not parts[2].startswith("*") and not parts[4].startswith("*")
    made = Cron(
        tuple(sorted(minutes)), tuple(sorted(hours)), frozenset(dates), frozenset(months), days, either
    )
    leap = date(2028, 1, 1)
    if not any(made.on(leap + timedelta(days=number)) for number in range(FURTHEST)):
        raise UserError(f"{text!r} never comes: there is no such day")
    return made


def parse_zone(name: str) -> ZoneInfo:
    """Raises UserError for what is no zone of the IANA database."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise UserError(f"{name!r} is no time zone; write one as Europe/Berlin") from None


def after(cron: Cron, zone: ZoneInfo, moment: datetime) -> datetime:
    """The first time after a moment, in UTC."""
    return next(times(cron, zone, moment))


def times(cron: Cron, zone: ZoneInfo, moment: datetime) -> Iterator[datetime]:
    """The times after a moment, in UTC, in their order."""
    begin = moment.astimezone(zone).date() - timedelta(days=1)
    came: set[datetime] = set()
    for number in range(FURTHEST * 10):
        for one in _of_day(cron, zone, begin + timedelta(days=number)):
            if one > moment and one not in came:
                came.add(one)
                yield one


def words(cron: Cron, zone: str = "") -> str:
    """`At 09:00 on Monday to Friday, in Europe/Berlin`."""
    told = f"{_clock(cron)}{_days(cron)}"
    return f"{told}, {'in ' if zone != 'UTC' else ''}{zone}" if zone else told


def _of_day(cron: Cron, zone: ZoneInfo, day: date) -> Sequence[datetime]:
    """In UTC. A time that the clock leaves out is as much later as it was put forward, which is how zoneinfo reads it."""
    if not cron.on(day):
        return ()
    folds = (0, 1) if cron.hourly else (0,)
    found = {
        _utc(datetime(day.year, day.month, day.day, hour, minute, fold=fold), zone)
        for hour in cron.hours
        for minute in cron.minutes
        for fold in folds
    }
    return sorted(found)


def _utc(wall: datetime, zone: ZoneInfo) -> datetime:
    first = wall.replace(tzinfo=zone, fold=0).astimezone(UTC)
    if not wall.fold:
        return first
    again = wall.replace(tzinfo=zone).astimezone(UTC)
    return max(first, again)  # of a time that is left out, the later reading is the first


def _field(text: str, name: str, least: int, most: int) -> set[int]:
    found: set[int] = set()
    for part in text.lower().split(","):
        match = re.fullmatch(r"(\*|[a-z0-9]+(?:-[a-z0-9]+)?)(?:/(\d{1,2}))?", part)
        if match is None:
            raise UserError(f"{name}: {part!r} cannot be read; write {EXAMPLE}")
        span, step = match[1], int(match[2] or 1)
        if step < 1:
            raise UserError(f"{name}: a step of 0 leads nowhere")
        if span == "*":
            first, last = least, most - (name == "day")
        else:
            begin, dash, end = span.partition("-")
            first = _number(begin, name, least, most)
            last = _number(end, name, least, most) if dash else (most if match[2] else first)
        if name == "day" and last == 0 and first > 0:  # fri-sun
            last = 7
        if last < first:
            raise UserError(f"{name}: {span} goes backwards; write it in two parts, with a comma")
        found |= set(range(first, last + 1, step))
    return found


def _number(text: str, name: str, least: int, most: int) -> int:
    named = {"month": MONTHS, "day": DAYS}.get(name, ())
    if text in named:
        return named.index(text) + least
    if not text.isascii() or not text.isdigit() or not least <= int(text) <= most:
        also = f", or {named[0]} to {named[-1]}" if named else ""
        raise UserError(f"{name}: {text!r} is none; write {least} to {most}{also}")
    return int(text)


def _clock(cron: Cron) -> str:
    every = _step(cron.minutes, 60)
    if cron.hourly and every == 1:
        return "Every minute"
    if cron.hourly and every:
        return f"Every {every} minutes"
    if cron.hourly:
        return f"Every hour at {_listed([f':{minute:02}' for minute in cron.minutes])}"
    if len(cron.hours) * len(cron.minutes) <= MANY:
        return "At " + _listed([f"{hour:02}:{minute:02}" for hour in cron.hours for minute in cron.minutes])
    between = (
        f"from {cron.hours[0]:02}:00 to {cron.hours[-1]:02}:59"
        if cron.hours == tuple(range(cron.hours[0], cron.hours[-1] + 1))
        else f"in the hours {_listed([f'{hour:02}' for hour in cron.hours])}"
    )
    if every:
        return f"{'Every minute' if every == 1 else f'Every {every} minutes'} {between}"
    if between.startswith("from") and len(cron.minutes) == 1:
        return f"Every hour from {cron.hours[0]:02}:{cron.minutes[0]:02} to {cron.hours[-1]:02}:{cron.minutes[0]:02}"
    if (hours := _step(cron.hours, 24)) and len(cron.minutes) == 1:
        return f"Every {hours} hours at :{cron.minutes[0]:02}"
    if between.startswith("from"):
        return f"Every hour at {_listed([f':{minute:02}' for minute in cron.minutes])} {between}"
    return f"At {_listed([f':{minute:02}' for minute in cron.minutes])} {between}"


def _step(values: Sequence[int], whole: int) -> int:
    """The even step of values that begin at 0 and go through; 0: there is none."""
    step = values[1] - values[0] if len(values) > 1 else 0
    return step if step and not whole % step and list(values) == list(range(0, whole, step)) else 0


def _days(cron: Cron) -> str:
    some = []
    if len(cron.dates) < 31:
        some.append(f"the {_listed([_ordinal(one) for one in sorted(cron.dates)])} of the month")
    if len(cron.weekdays) < 7:
        some.append(_ranges(sorted((day + 6) % 7 for day in cron.weekdays)))
    joined = (" and on " if cron.either else ", if it is a ").join(some)
    days = f" on {joined}" if some else " every day" if not cron.hourly and len(cron.months) == 12 else ""
    months = (
        f" in {_listed([CALLED[one - 1] for one in sorted(cron.months)])}" if len(cron.months) < 12 else ""
    )
    return days + months


def _ranges(days: Sequence[int]) -> str:
    """Days of the week from 0, Monday."""
    called = [NAMED[(day + 1) % 7] for day in days]
    if len(days) > 2 and list(days) == list(range(days[0], days[-1] + 1)):
        return f"{called[0]} to {called[-1]}"
    return _listed(called)


def _ordinal(number: int) -> str:
    ending = "th" if number in (11, 12, 13) else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"{number}{ending}"


def _listed(several: Sequence[str]) -> str:
    return f"{', '.join(several[:-1])} and {several[-1]}" if len(several) > 1 else several[0]
