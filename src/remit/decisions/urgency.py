"""Why somebody cannot wait, as a playbook says it: a wish that fades, a date that comes near, something that they did a moment ago, or a
number of what is known of them. Pure.

Urgency multiplies what an action gains over doing nothing, by 1 up to `most`: who is served first where calls or money are short, and which of
several goals comes first. It changes no expectation and nothing that is learned: waiting loses a chance, and an outcome is what it is.
Where several reasons hold, the strongest counts.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from math import isfinite
from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from remit.decisions.aim import Kind, Said
from remit.decisions.whom import NAMES, NUMBERS, Known
from remit.errors import UnknownName

MOST = 10.0  # beyond it nothing else would count
Days = Annotated[float, Field(gt=0, le=3660)]
Key = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,39}$")]


@dataclass(frozen=True, slots=True)
class Facts:
    """What reasons are read from, of one person. `wants`: intents with how sure they are now; `dates`: what was said of them, where it is a
    date; `did`: when something of a kind came from them last."""

    known: Known
    wants: Mapping[str, float] = field(default_factory=dict)
    dates: Mapping[str, datetime] = field(default_factory=dict)
    did: Mapping[str, datetime] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Pressing:
    """By how much an action for somebody is more urgent than it would be, and why."""

    times: float
    because: str


class Reason(Said):
    """`most`: how many times more what is gained counts at the most; `actions`, `goals`: for which it holds, where not for all."""

    most: Annotated[float, Field(gt=1, le=MOST)] = 2.0
    actions: tuple[str, ...] = Field((), max_length=50)
    goals: tuple[str, ...] = Field((), max_length=50)

    @abstractmethod
    def share(self, of: Facts, now: datetime) -> tuple[float, str]:
        """How far it holds, 0 to 1, and in words."""


class Wish(Reason):
    """As sure as it is now that they want it, which fades by the half-life of its evidence. No name: whichever is surest."""

    by: Literal["intent"]
    name: str = Field("", pattern=r"^([a-z0-9][a-z0-9_-]{0,59})?$")

    def share(self, of: Facts, now: datetime) -> tuple[float, str]:
        surest = max(of.wants, key=lambda intent: of.wants[intent], default="")
        intent = self.name or surest
        sure = of.wants.get(intent, 0.0)
        return sure, f"wants {intent}, {sure:.0%} sure by now"


class Closing(Reason):
    """A date said of them comes near (a renewal, the end of an offer): more each day of the last `within`, and nothing once it is over."""

    by: Literal["date"]
    key: Key
    within: Days = 30

    def share(self, of: Facts, now: datetime) -> tuple[float, str]:
        until = of.dates.get(self.key)
        left = (until - now).total_seconds() / 86400 if until is not None else -1.0
        if not 0 <= left <= self.within:
            return 0.0, ""
        return 1 - left / self.within, f"{self.key} is in {left:.0f} days"


class Fresh(Reason):
    """They did something (left a cart): most at once, less each day until `within` is over, and nothing once one of `unless` came after it."""

    by: Literal["event"]
    kind: Kind
    within: Days = 3
    unless: tuple[Kind, ...] = Field((), max_length=10)

    def share(self, of: Facts, now: datetime) -> tuple[float, str]:
        at = of.did.get(self.kind)
        if at is None or any(one in of.did and of.did[one] >= at for one in self.unless):
            return 0.0, ""
        since = max((now - at).total_seconds() / 86400, 0.0)
        return max(1 - since / self.within, 0.0), f"{self.kind} {since:.1f} days ago"


def _number(name: str) -> str:
    if name not in NUMBERS:
        raise ValueError(str(UnknownName("number that is known of people", name, NUMBERS)))
    return name


class Measured(Reason):
    """A number that is known of them: nothing at the first of `between`, whole at the second and beyond it; evenly in between."""

    by: Literal["known"]
    name: Annotated[str, AfterValidator(_number)]
    between: tuple[Annotated[float, Field(allow_inf_nan=False)], Annotated[float, Field(allow_inf_nan=False)]]

    def share(self, of: Facts, now: datetime) -> tuple[float, str]:
        value, (first, last) = of.known[NAMES.index(self.name)], self.between
        if not isinstance(value, int | float):
            return 0.0, ""
        if first == last:
            return float(value >= last), f"{self.name} is {value:g}"
        return min(max((value - first) / (last - first), 0.0), 1.0), f"{self.name} is {value:g}"


Urgency = Annotated[Wish | Closing | Fresh | Measured, Field(discriminator="by")]


def pressing(
    reasons: Sequence[Reason], actions: Iterable[tuple[str, str]], of: Facts, now: datetime
) -> dict[str, Pressing]:
    """By action what presses most, of those (name, goal) for which something does."""
    some = list(actions)
    found: dict[str, Pressing] = {}
    for one in reasons:
        share, because = one.share(of, now)
        if not share > 0:
            continue
        times = round(1 + (one.most - 1) * min(share, 1.0), 4)
        for name, goal in some:
            meant = (not one.actions and not one.goals) or name in one.actions or (goal and goal in one.goals)
            if meant and times > 1 and (name not in found or times > found[name].times):
                found[name] = Pressing(times, because)
    return found


def dated(said: object) -> datetime | None:
    """A date as people and systems write it (2026-12-31, with or without a time; seconds since 1970); None: it is none."""
    try:
        if isinstance(said, int | float) and not isinstance(said, bool):
            return datetime.fromtimestamp(said, UTC) if isfinite(said) else None
        found = datetime.fromisoformat(str(said).strip())
    except (ValueError, OverflowError, OSError):
        return None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def asked(reasons: Sequence[Reason]) -> tuple[set[str], set[str]]:
    """Of what must be read: keys of what was said of people, and kinds of what they did."""
    keys = {one.key for one in reasons if isinstance(one, Closing)}
    kinds = {kind for one in reasons if isinstance(one, Fresh) for kind in (one.kind, *one.unless)}
    return keys, kinds
