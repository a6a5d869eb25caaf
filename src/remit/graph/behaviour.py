"""What somebody wants, from what they do: patterns as data, each with what it takes and what must not be, and what followed in the past. Pure.

A pattern is complete at an interaction where all that it takes has happened within its days; it is shown as long as nothing came that ends it,
and fades by half in its half-life. How often its outcome followed where it was shown before is how sure it is.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from fnmatch import fnmatchcase
from itertools import pairwise
from typing import Annotated, Any, Final, NamedTuple

from pydantic import BaseModel, ConfigDict, Field

Json = Any
Word = Annotated[str, Field(pattern=r"^([a-z][a-z0-9_]{0,39})?$")]  # empty: any
Days = Annotated[float, Field(gt=0, le=3650)]
NAME: Final = r"^[a-z0-9][a-z0-9-]{0,59}$"
FADED: Final = 4  # half-lives after which nothing is left of it
PRIOR: Final = 10  # times that it was shown before which what was said of it counts as much as what was seen
SHOWN: Final = 5  # interactions of each step that are evidence


class Heard(NamedTuple):
    """An interaction, as far as patterns look at it."""

    id: int
    at: datetime
    kind: str
    channel: str
    properties: Mapping[str, Json] | None


class Filter(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")
    kind: Word = Field("", description="What happened: page_view, purchase, …; empty: anything.")
    channel: Word = ""
    properties: dict[str, str | int | float | bool] = Field(
        default_factory=dict, description="What they must say; a text may have `*` for anything: /pricing*."
    )

    def fits(self, one: Heard) -> bool:
        if self.kind not in ("", one.kind) or self.channel not in ("", one.channel):
            return False
        said = one.properties or {}
        return all(
            key in said and fnmatchcase(text_of(said[key]), text_of(like))
            for key, like in self.properties.items()
        )

    @property
    def words(self) -> str:
        which = ", ".join(f"{key} {text_of(like)}" for key, like in self.properties.items())
        where = f" on {self.channel}" if self.channel else ""
        return f"{self.kind.replace('_', ' ') or 'anything'}{where}{f' ({which})' if which else ''}"


class Step(Filter):
    """So often within so many days."""

    least: int = Field(1, ge=1, le=1_000)
    days: Days = 7


class Outcome(Filter):
    """What shows that they wanted it, where it follows within so many days."""

    days: Days = 30


class Pattern(BaseModel):
    """How a want shows in what somebody does."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    intent: str = Field(pattern=NAME, description="Its name: buying-again, leaving.")
    when: list[Step] = Field(min_length=1, max_length=8, description="All of it must have happened.")
    silence: Days | None = Field(None, description="Days without a word from them, that ended right before.")
    without: list[Filter] = Field(default_factory=list, max_length=8, description="What ends it.")
    wait: float = Field(0, ge=0, le=365, description="Days to wait for what ends it.")
    half_life: Days = Field(14, description="Days in which half of it fades.")
    confidence: float = Field(0.5, gt=0, lt=1, description="How sure it is, until outcomes say it.")
    outcome: Outcome | None = None

    @property
    def words(self) -> str:
        took = " and ".join(
            f"{one.words}{f' {one.least} times' if one.least > 1 else ''} within {one.days:g} days"
            for one in self.when
        )
        after = f", after {self.silence:g} days of silence" if self.silence else ""
        ends = f", and no {' or '.join(one.words for one in self.without)} since" if self.without else ""
        return f"{took}{after}{ends}"


class Patterns(BaseModel):
    """A file of them."""

    model_config = ConfigDict(extra="forbid")
    behaviours: list[Pattern] = Field(min_length=1, max_length=100)


@dataclass(frozen=True, slots=True)
class Shown:
    """That it was complete. `evidence`: the interactions that show it, the first first."""

    at: datetime
    first: datetime
    evidence: tuple[int, ...]


def shown(pattern: Pattern, heard: Sequence[Heard], now: datetime) -> Shown | None:
    """The last time that it was complete, where nothing has ended it by now. `heard`: what came from them until now, the first first."""
    oldest = now - timedelta(days=FADED * pattern.half_life)
    for n in range(len(heard) - 1, -1, -1):
        if heard[n].at < oldest:
            return None
        if heard[n].at + timedelta(days=pattern.wait) <= now and (made := _complete(pattern, heard, n)):
            return None if _ended(pattern, heard, made.first, now) else made
    return None


def times(pattern: Pattern, heard: Sequence[Heard], now: datetime) -> Iterator[bool]:
    """Of each time in the past at which it was complete, long enough ago: whether the outcome followed. Those that overlap are one."""
    if pattern.outcome is None:
        return
    wait, within = timedelta(days=pattern.wait), timedelta(days=pattern.outcome.days)
    since: datetime | None = None
    for n, one in enumerate(heard):
        then = one.at + wait
        if then + within > now:
            return
        if since and then <= since:
            continue
        made = _complete(pattern, heard, n)
        if made and not _ended(pattern, heard, made.first, then):
            since = then + within
            yield any(then < later.at <= since and pattern.outcome.fits(later) for later in heard[n + 1 :])


def sureness(pattern: Pattern, count: int, followed: int) -> float:
    """What was said of it, and the more the oftener it was shown what followed: a beta distribution's mean."""
    return (followed + PRIOR * pattern.confidence) / (count + PRIOR)


def faded(confidence: float, since: datetime, now: datetime, half_life: float) -> float:
    return float(confidence * 2.0 ** -(max(0.0, (now - since).total_seconds()) / 86_400 / half_life))


def _complete(pattern: Pattern, heard: Sequence[Heard], n: int) -> Shown | None:
    """Whether it is complete with this interaction."""
    last = heard[n]
    if not any(step.fits(last) for step in pattern.when):
        return None
    evidence: dict[int, Heard] = {}
    first = last.at
    for step in pattern.when:
        since = last.at - timedelta(days=step.days)
        fits = [one for one in _back(heard, n, since) if step.fits(one)]
        if len(fits) < step.least:
            return None
        first = min(first, fits[-1].at)
        evidence |= {one.id: one for one in fits[: max(step.least, SHOWN)]}
    if pattern.silence and not _broken(pattern, heard, n, first):
        return None
    ordered = sorted(evidence.values(), key=lambda one: (one.at, one.id))
    return Shown(last.at, first, tuple(one.id for one in ordered))


def _back(heard: Sequence[Heard], n: int, since: datetime) -> Iterator[Heard]:
    """From this one back, the last first."""
    for one in reversed(heard[: n + 1]):
        if one.at < since:
            return
        yield one


def _broken(pattern: Pattern, heard: Sequence[Heard], n: int, first: datetime) -> bool:
    """Whether a silence ended with the first of it, or shortly before."""
    longest = max(step.days for step in pattern.when)
    oldest, silence = heard[n].at - timedelta(days=longest), timedelta(days=pattern.silence or 0)
    return any(
        later.at - earlier.at >= silence and oldest <= later.at <= first
        for earlier, later in pairwise(heard[: n + 1])
    )


def _ended(pattern: Pattern, heard: Sequence[Heard], first: datetime, until: datetime) -> bool:
    return any(first < one.at <= until and ends.fits(one) for one in heard for ends in pattern.without)


def text_of(value: Json) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
