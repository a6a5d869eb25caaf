"""What may be known of people when something is decided for them, and conditions on it: of whom a playbook is, whom a round is for. Pure."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Any

from remit.errors import UnknownName, UserError

Known = Sequence[float | str | None]  # in the order of NAMES
NUMBERS = {
    "recency": "days since the last thing that came from them",
    "age": "days since the first",
    "gap": "days between the last and the one before it: a long silence that ended shows here",
    "frequency": "what came from them, half forgotten in the long half-life",
    "lately": "the same, in the short one",
    "spent": "purchases less refunds, half forgotten in the long half-life, whatever the currency",
    "looked": "pages and visits, in the short half-life",
    "asked": "messages, calls and replies, in the short half-life",
    "opened": "what was opened and clicked, in the long one",
    "reached": "what went to them, in the long one",
    "since_reached": "days since the last of it",
    "affinity": "the share of their channel in what came from them",
}
WORDS = {
    "channel": "on which most came from them",
    "stage": "new, active, back, quiet or dormant",
    "intent": "what they want now, and surest of all, from what they wrote and what they do",
}
NAMES = (*NUMBERS, *WORDS)
SEGMENT = "segment"
WITHIN = -1  # in the place of what is known: not that, but whether they are in a segment
CONDITION = re.compile(r"\s*([a-z_]+)\s*(!=|=|<|>)\s*(.*?)\s*")
COMPARED: Mapping[str, Callable[[Any, Any], bool]] = {
    "=": operator.eq, "!=": operator.ne, "<": operator.lt, ">": operator.gt,
}  # fmt: skip


def meant(condition: str) -> tuple[int, str, float | str]:
    """What a condition asks of which part of what is known. Raises UserError, UnknownName."""
    found = CONDITION.fullmatch(condition)
    if found is None:
        raise UserError(f"{condition!r} is no condition: write stage=dormant, or recency>180")
    name, sign, value = found.groups()
    if name == SEGMENT:
        if sign in "<>" or not value:
            raise UserError(
                f"{condition!r}: somebody is in a segment or is not: segment=NAME or segment!=NAME"
            )
        return WITHIN, sign, value
    if name not in NAMES:
        raise UnknownName("thing that is known of people", name, (*NAMES, SEGMENT))
    if name not in NUMBERS:
        if sign in "<>":
            raise UserError(f"{condition!r}: {name} is a word: ask by = or !=")
        return NAMES.index(name), sign, value
    try:
        return NAMES.index(name), sign, float(value)
    except ValueError:
        raise UserError(f"{condition!r}: {name} is a number") from None


def segments_in(conditions: Iterable[str]) -> set[str]:
    """The segments that conditions name."""
    return {str(value) for place, _, value in map(meant, conditions) if place == WITHIN}


def fits(known: Known, condition: str, wants: Collection[str] = (), segments: Collection[str] = ()) -> bool:
    """What is not known fits nothing but that it is something else. `wants`: all that they want; an intent is asked of each of them. `segments`: of
    those that are named the ones that they are in."""
    place, sign, value = meant(condition)
    if place == WITHIN:
        return (value in segments) == (sign == "=")
    is_ = known[place]
    if NAMES[place] == "intent":
        return (value in wants or value == is_) == (sign == "=")
    return sign == "!=" if is_ is None else COMPARED[sign](is_, value)
