"""What interactions come to, so that it can be kept as they come: in any order, in batches of any size, each once. Pure.

A commutative monoid for each channel, direction, kind and currency: counts and sums, the first time and the last two, and masses
that decay by half in a half-life. A mass is kept as of the last time: folding in one that came late decays that one, and one that is newer
decays the mass; either way the same comes out (Cormode et al., "Forward Decay", ICDE 2009, with the last event for a landmark that
moves, so that nothing overflows).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from functools import reduce
from itertools import pairwise

DAY = 86_400.0  # seconds
GONE = 200  # half-lives
UNCOUNTED = frozenset({"record"})  # says who somebody is; nothing has happened
SALES = {"purchase": 1, "refund": -1}  # what money comes with; of an offer or a claim it says nothing


@dataclass(frozen=True, slots=True)
class Terms:
    """Days until half is forgotten: of what somebody does these days, and of what they are like."""

    brief: float = 7.0
    lasting: float = 90.0


@dataclass(frozen=True, slots=True, order=True)
class Key:
    channel: str
    direction: str
    kind: str
    currency: str = ""


@dataclass(frozen=True, slots=True)
class Tally:
    """Of one key. Masses are as of `last`."""

    count: int
    total: Decimal
    first: datetime
    last: datetime
    before: datetime | None  # the one before the last
    brief: float
    lasting: float
    worth: float  # of the values, decayed by the long half-life


@dataclass(frozen=True, slots=True)
class Happened:
    """What of an interaction is counted."""

    key: Key
    at: datetime
    value: Decimal | None = None


State = Mapping[Key, Tally]


def decay(then: datetime, now: datetime, days: float) -> float:
    """What is left of 1; what is forgotten two hundred times over is nothing. `remit_decay` in SQL."""
    halvings = (now - then).total_seconds() / (days * DAY)
    return 0.0 if halvings > GONE else float(2.0**-halvings)


def tally(one: Happened) -> Tally:
    value = one.value or Decimal(0)
    return Tally(1, value, one.at, one.at, None, 1.0, 1.0, float(value))


def merged(a: Tally, b: Tally, terms: Terms) -> Tally:
    """Both together."""
    last = max(a.last, b.last)
    rest = [at for at in (min(a.last, b.last), a.before, b.before) if at is not None]
    brief, lasting = ((decay(a.last, last, d), decay(b.last, last, d)) for d in (terms.brief, terms.lasting))
    return Tally(
        a.count + b.count,
        a.total + b.total,
        min(a.first, b.first),
        last,
        max(rest),
        a.brief * brief[0] + b.brief * brief[1],
        a.lasting * lasting[0] + b.lasting * lasting[1],
        a.worth * lasting[0] + b.worth * lasting[1],
    )


def both(a: State, b: State, terms: Terms) -> State:
    """The state of what two have come to: of a person, of the profiles that are one."""
    shared = a.keys() & b.keys()
    return {**a, **b, **{key: merged(a[key], b[key], terms) for key in shared}}


def fold(happened: Iterable[Happened], terms: Terms) -> State:
    state: dict[Key, Tally] = {}
    for one in happened:
        if one.key.kind not in UNCOUNTED:
            made = tally(one)
            state[one.key] = merged(state[one.key], made, terms) if one.key in state else made
    return state


def together(states: Iterable[State], terms: Terms) -> State:
    nothing: State = {}
    return reduce(lambda a, b: both(a, b, terms), states, nothing)


@dataclass(frozen=True, slots=True)
class Sum:
    """What several tallies come to at a moment."""

    count: int
    first: datetime
    last: datetime
    before: datetime | None
    brief: float
    lasting: float


def total(
    state: State, terms: Terms, now: datetime, *, channel: str = "", kind: str = "", direction: str = ""
) -> Sum | None:
    """All of a state, or of some of it, decayed to `now`; None where nothing has happened."""
    chosen = [
        one
        for key, one in state.items()
        if channel in ("", key.channel) and kind in ("", key.kind) and direction in ("", key.direction)
    ]
    if not chosen:
        return None
    one = reduce(lambda a, b: merged(a, b, terms), chosen)
    brief, lasting = decay(one.last, now, terms.brief), decay(one.last, now, terms.lasting)
    return Sum(one.count, one.first, one.last, one.before, one.brief * brief, one.lasting * lasting)


DORMANT, AWAY = 90.0, 30.0  # days of silence


@dataclass(frozen=True, slots=True)
class Reading:
    """What can be said of somebody in words that people use. Times are days until `now`."""

    stage: str
    count: int  # of what came from them
    recency: float  # since the last of it
    woke: float | None  # the silence that ended within a month; None: there was none that was long
    channels: tuple[tuple[str, float], ...]  # on which they are met, the most first: shares that come to 1
    spent: Mapping[str, Decimal]  # by currency
    worth: Mapping[str, float]  # the same, decayed by the long half-life


def reading(state: State, terms: Terms, now: datetime, times: Iterable[datetime] = ()) -> Reading | None:
    """None for somebody from whom nothing has come. `times`: of the last things that did, for the silence before them."""
    own = total(state, terms, now, direction="in")
    if own is None:
        return None
    recency = max(0.0, (now - own.last).total_seconds() / DAY)
    woke = silence(times, now)
    spent, worth = _money(state, terms, now)
    return Reading(stage(own, woke, now), own.count, recency, woke, _shares(state, terms, now), spent, worth)


def silence(times: Iterable[datetime], now: datetime) -> float | None:
    """The days of the last long silence, where it ended within a month."""
    latest = sorted(times, reverse=True)
    for later, earlier in pairwise(latest):
        if (now - later).total_seconds() / DAY > AWAY:
            return None
        if (gap := (later - earlier).total_seconds() / DAY) >= DORMANT:
            return gap
    return None


def stage(own: Sum, woke: float | None, now: datetime) -> str:
    """new, active, back (from a long silence), quiet or dormant."""
    days = (now - own.last).total_seconds() / DAY
    if days >= AWAY:
        return "dormant" if days >= DORMANT else "quiet"
    if woke is not None:
        return "back"
    return "new" if (now - own.first).total_seconds() / DAY < AWAY else "active"


def _shares(state: State, terms: Terms, now: datetime) -> tuple[tuple[str, float], ...]:
    masses: dict[str, float] = {}
    for key, one in state.items():
        if key.direction == "in":
            mass = one.lasting * decay(one.last, now, terms.lasting)
            masses[key.channel] = masses.get(key.channel, 0.0) + mass
    whole = sum(masses.values())
    shares = [(name, mass / whole if whole else 1 / len(masses)) for name, mass in masses.items()]
    return tuple(sorted(shares, key=lambda one: (-one[1], one[0])))


def _money(state: State, terms: Terms, now: datetime) -> tuple[dict[str, Decimal], dict[str, float]]:
    spent: dict[str, Decimal] = {}
    worth: dict[str, float] = {}
    for key, one in state.items():
        if key.currency and key.kind in SALES:
            sign = SALES[key.kind]
            spent[key.currency] = spent.get(key.currency, Decimal(0)) + sign * one.total
            mass = one.worth * decay(one.last, now, terms.lasting)
            worth[key.currency] = worth.get(key.currency, 0.0) + sign * mass
    return spent, worth
