"""How old something may be, as people write it: `12h`, `90d`, `6w`, `7y`."""

from __future__ import annotations

import re
from datetime import timedelta

from remit.errors import FieldError, UserError

# A year has 366 days here: what is to be kept for years is never let go a day early.
UNITS = {"y": timedelta(days=366), "w": timedelta(weeks=1), "d": timedelta(days=1), "h": timedelta(hours=1)}


def parse_age(text: str) -> timedelta:
    """Raises UserError for what is no age, or none at all."""
    found = re.fullmatch(r"\s*(\d{1,6})\s*([hdwy])\s*", text)
    if found is None or not int(found[1]):
        raise UserError(f"{text!r} is no age: write a number and h, d, w or y, as 90d or 7y")
    return int(found[1]) * UNITS[found[2]]


NEVER = "never"  # how people write that nothing is done


def read_age(field: str, text: str) -> timedelta | None:
    """`90d`; None for what is empty or `never`. Raises FieldError."""
    if text.strip().lower() in ("", NEVER):
        return None
    try:
        return parse_age(text)
    except UserError as error:
        raise FieldError(field, f"{error}; or {NEVER}") from None


def write_age(age: timedelta) -> str:
    """As `parse_age` reads it, in the largest unit that fits."""
    for unit, length in UNITS.items():
        if age >= length and not age % length:
            return f"{age // length}{unit}"
    return f"{age.total_seconds():g} s"


def age_in_words(age: timedelta) -> str:
    """`90 days`, `1 year`."""
    number, unit = write_age(age)[:-1], write_age(age)[-1]
    name = {"y": "year", "w": "week", "d": "day", "h": "hour"}.get(unit, "second")
    return f"{number.strip()} {name}{'' if number == '1' else 's'}"
