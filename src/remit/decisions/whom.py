"""What may be known of people when something is decided for them, and conditions on it: of whom a playbook is, whom a round is for. Pure."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from remit.errors import UnknownName, UserError
from remit.graph.state import AWAY

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
    "feeling": "how what they wrote of late sounds, from -1 (angry) to 1 (delighted)",
    "account_people": "how many people belong to their account, themselves among them",
    "account_active": f"from how many others of it something came within {AWAY:.0f} days",
    "account_spent": "what all who belong to it spent, as `spent`",
    "account_size": "how large it is, as was said of it last: its `employees`, else its `size`",
}
WORDS = {
    "channel": "on which most came from them",
    "stage": "new, active, back, quiet or dormant",
    "intent": "what they want now, and surest of all, from what they wrote and what they do",
    "account_stage": "the `stage` of their account, as was said of it last",
    "account_owner": "its `owner`, as was said of it last",
}
SECOND = (  # what version 2 added: behind what was there, so that older decisions say the same
    "feeling", "account_people", "account_active", "account_spent", "account_size", "account_stage", "account_owner",
)  # fmt: skip
NAMES = (*(name for name in (*NUMBERS, *WORDS) if name not in SECOND), *SECOND)
SEGMENT = "segment"
ACCOUNT = "account"
WITHIN = -1  # in the place of what is known: not that, but whether they are in a segment
OF_ACCOUNT = -2  # but what was said of their account
CONDITION = re.compile(r"\s*([a-z_]+)(?:\.([^\s!=<>]{1,100}))?\s*(!=|=|<|>)\s*(.*?)\s*")
COMPARED: Mapping[str, Callable[[Any, Any], bool]] = {
    "=": operator.eq, "!=": operator.ne, "<": operator.lt, ">": operator.gt,
}  # fmt: skip


class Asked(NamedTuple):
    """What a condition asks of which part of what is known. `key`: of what was said of their account."""

    place: int
    sign: str
    value: float | str
    key: str = ""


def meant(condition: str) -> Asked:
    """Raises UserError, UnknownName."""
    found = CONDITION.fullmatch(condition)
    if found is None:
        raise UserError(f"{condition!r} is no condition: write stage=dormant, or recency>180")
    name, key, sign, value = found.groups()
    if name == ACCOUNT and key:
        wanted = value if sign in ("=", "!=") else _number(condition, value, f"{name}.{key}")
        return Asked(OF_ACCOUNT, sign, wanted, key)
    if name == SEGMENT and not key:
        if sign in "<>" or not value:
            raise UserError(
                f"{condition!r}: somebody is in a segment or is not: segment=NAME or segment!=NAME"
            )
        return Asked(WITHIN, sign, value)
    if name not in NAMES or key:
        asked = f"{name}.{key}" if key else name
        raise UnknownName("thing that is known of people", asked, (*NAMES, SEGMENT, f"{ACCOUNT}.KEY"))
    if name in NUMBERS:
        return Asked(NAMES.index(name), sign, _number(condition, value, name))
    if sign in "<>":
        raise UserError(f"{condition!r}: {name} is a word: ask by = or !=")
    return Asked(NAMES.index(name), sign, value)


def _number(condition: str, value: str, name: str) -> float:
    try:
        return float(value)
    except ValueError:
        raise UserError(f"{condition!r}: {name} is a number") from None


def segments_in(conditions: Iterable[str]) -> set[str]:
    """The segments that conditions name."""
    return {str(one.value) for one in map(meant, conditions) if one.place == WITHIN}


def account_keys_in(conditions: Iterable[str]) -> set[str]:
    """Of what was said of accounts, what conditions ask for."""
    return {one.key for one in map(meant, conditions) if one.place == OF_ACCOUNT}


def fits(
    known: Known,
    condition: str,
    wants: Collection[str] = (),
    segments: Collection[str] = (),
    account: Mapping[str, Any] = {},
) -> bool:
    """What is not known fits nothing but that it is something else. `wants`: all that they want; an intent is asked of each of them. `segments`: of
    those that are named the ones that they are in. `account`: what was said of theirs."""
    place, sign, value, key = meant(condition)
    if place == WITHIN:
        return (value in segments) == (sign == "=")
    if place == OF_ACCOUNT:
        return _said(account.get(key), sign, value)
    is_ = known[place]
    if NAMES[place] == "intent":
        return (value in wants or value == is_) == (sign == "=")
    return sign == "!=" if is_ is None else COMPARED[sign](is_, value)


def _said(is_: Any, sign: str, value: float | str) -> bool:
    """The same of what a source said of an account, which may be anything: a number, a word, yes or no."""
    if is_ is None:
        return sign == "!="
    if isinstance(value, str):
        return COMPARED[sign](as_word(is_), value.casefold())
    try:
        return COMPARED[sign](float(is_), value)
    except (TypeError, ValueError):
        return False


def as_word(said: Any) -> str:
    return " ".join(str(said).split()).casefold()


SIGNS: Mapping[str, str] = {"=": "", "!=": "not ", "<": "less than ", ">": "more than "}
CALLED: Mapping[str, str] = {
    "recency": "days since they were heard of last",
    "age": "days since they were heard of first",
    "gap": "days of silence before the last",
    "frequency": "how much came from them",
    "lately": "how much came from them lately",
    "spent": "what they spent",
    "looked": "how much they looked",
    "asked": "how much they wrote and called",
    "opened": "how much they opened",
    "reached": "how much went to them",
    "since_reached": "days since something went to them",
    "affinity": "the share of their channel",
    "feeling": "how what they write sounds",
    "account_people": "people of their account",
    "account_active": "active colleagues",
    "account_spent": "what their account spent",
    "account_size": "the size of their account",
    "channel": "their channel",
    "stage": "their stage",
    "intent": "what they want",
    "account_stage": "the stage of their account",
    "account_owner": "the owner of their account",
}


def in_words(condition: str) -> str:
    """A condition for people to read: `active colleagues: more than 3`. Raises UserError, UnknownName."""
    place, sign, value, key = meant(condition)
    said = f"{value:g}" if isinstance(value, float) else value or "empty"
    if place == WITHIN:
        return f"{'in' if sign == '=' else 'not in'} the segment {said}"
    name = f"{key.replace('_', ' ')} of their account" if place == OF_ACCOUNT else CALLED[NAMES[place]]
    return f"{name}: {SIGNS[sign]}{said}"


def known_words(known: Known) -> list[tuple[str, str]]:
    """What is known of somebody, for people to read; what is not known is left out."""
    return [
        (CALLED[name], f"{is_:.4g}" if isinstance(is_, int | float) else is_)
        for name, is_ in zip(NAMES, known, strict=False)
        if is_ is not None
    ]
