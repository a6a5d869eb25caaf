"""Which decisions an outcome is due to, and how much of it. Pure.

An outcome is shared among what was done for its person within a window before it: the nearer, the more (half as much for each half-life), and the
shares add up to the outcome. What arrives late, or is corrected, changes the credit of the decisions concerned and of no other;
`changes` says by how much, which is what a learner takes away and adds.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta


@dataclass(frozen=True, slots=True)
class Taken:
    """A decision as far as credit goes."""

    id: int
    person: str
    at: datetime
    weight: float = 1.0  # 0 for nothing and wait: they cause no outcome, but are compared by what followed


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of it. The same `id` with a later `known` is a correction; of an outcome that was none, the value is 0."""

    id: str
    person: str
    at: datetime
    value: float
    known: datetime


@dataclass(frozen=True, slots=True)
class Window:
    """For so long after a decision outcomes count; each half-life halves the share. Without one all that is within counts alike."""

    within: timedelta
    half_life: timedelta | None = None


def last_known(outcomes: Iterable[Outcome]) -> list[Outcome]:
    """Of each outcome what was known last, in whatever order it came, once."""
    found: dict[str, Outcome] = {}
    for one in outcomes:
        before = found.get(one.id)
        if before is None or (one.known, one.value) > (before.known, before.value):
            found[one.id] = one
    return [found[name] for name in sorted(found)]


def credits(taken: Iterable[Taken], outcomes: Iterable[Outcome], window: Window) -> dict[int, float]:
    """By decision; 0 where nothing came of it. Sums to the value of all outcomes that some decision was before."""
    by_person: dict[str, list[Taken]] = defaultdict(list)
    found: dict[int, float] = {}
    for one in taken:
        by_person[one.person].append(one)
        found[one.id] = 0.0
    for outcome in last_known(outcomes):
        shares = _shares(by_person.get(outcome.person, ()), outcome, window)
        whole = sum(shares.values())
        for decision, share in shares.items():
            found[decision] += outcome.value * share / whole
    return found


def due(taken: Iterable[Taken], outcomes: Iterable[Outcome], window: Window) -> dict[int, float]:
    """What is compared, by decision: to one that did something its credit; to one that did nothing, its share of what followed and is due to
    none that did."""
    some, came = list(taken), last_known(outcomes)
    acting = [one for one in some if one.weight > 0]
    idle = [replace(one, weight=1.0) for one in some if one.weight <= 0]
    whose: dict[str, list[Taken]] = defaultdict(list)
    for one in acting:
        whose[one.person].append(one)
    others = [one for one in came if not _shares(whose.get(one.person, ()), one, window)]
    return credits(acting, came, window) | credits(idle, others, window)


def _shares(taken: Iterable[Taken], outcome: Outcome, window: Window) -> dict[int, float]:
    shares: dict[int, float] = {}
    for one in taken:
        since = outcome.at - one.at
        if one.weight > 0 and timedelta(0) <= since <= window.within:
            fresh = 0.5 ** (since / window.half_life) if window.half_life else 1.0
            shares[one.id] = one.weight * max(fresh, 1e-9)
    return shares


def closed(one: Taken, window: Window, now: datetime) -> bool:
    """Whether all that can come of a decision has had its time. Before that its credit is a part of the truth, and to learn from it as if it
    were the whole would teach that what is new does not work."""
    return one.at + window.within < now


def changes(before: Mapping[int, float], after: Mapping[int, float]) -> dict[int, tuple[float, float]]:
    """Decisions whose credit is another now, with both."""
    return {
        one: (before.get(one, 0.0), value)
        for one, value in after.items()
        if value != before.get(one, 0.0) or one not in before
    }
