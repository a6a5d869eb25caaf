"""Whether somebody may be written to: what they said of it, and what their unsubscribing, complaining and bouncing says. Pure.

It stands among what happened, so it is append-only, comes in once and is known as of any moment. Of each identifier the last word counts,
for a channel and a purpose or for all of them; of a person, who may have said one thing here and another there, the strictest does. Nothing
that was said is no yes.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

Json = Any
Says = Literal["yes", "no", "unknown"]
KINDS = ("consent_given", "consent_withdrawn", "unsubscribed", "complained", "bounced")
EVERY = ("", "all", "any")  # channels or purposes
MARKETING = "marketing"


@dataclass(frozen=True, slots=True)
class Word:
    """What was said once. Empty: of every channel, or purpose. `only`: of this identifier alone, as an address that is dead. `most`: a yes to
    at most so many in so many days."""

    profile: int
    at: datetime
    says: Literal["yes", "no"]
    channel: str
    purpose: str
    because: str  # the kind of event
    source: str
    only: bool = False
    most: tuple[int, float] | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    says: Says
    word: Word | None = None  # which decided


def word_of(
    profile: int,
    at: datetime,
    kind: str,
    channel: str,
    properties: Mapping[str, Json] | None,
    source: str = "",
) -> Word | None:
    """What an interaction says of being written to; None for one that says nothing. `properties.channel` is what it is about, where
    it was said elsewhere: at a web form, of e-mail."""
    told = properties or {}
    about = str(told.get("channel", channel))
    purpose = str(told.get("purpose", MARKETING if kind == "unsubscribed" else ""))
    about, purpose = ("" if one in EVERY else one for one in (about, purpose))
    if kind not in KINDS or (kind == "bounced" and told.get("hard") in (False, "false")):
        return None
    says: Literal["yes", "no"] = "yes" if kind == "consent_given" else "no"
    if kind in ("complained", "bounced"):
        purpose = ""
    return Word(
        profile,
        at,
        says,
        about,
        purpose,
        kind,
        source,
        kind == "bounced",
        _most(told) if says == "yes" else None,
    )


def _most(told: Mapping[str, Json]) -> tuple[int, float] | None:
    """`at_most` in `days`; None for what says none."""
    count, days = told.get("at_most"), told.get("days")
    if not isinstance(count, int) or not isinstance(days, int | float) or isinstance(count, bool):
        return None
    return (count, float(days)) if count > 0 and 0 < days <= 3660 else None


def fits(word: Word, channel: str, purpose: str) -> bool:
    """Whether it says something of that."""
    return word.channel in ("", channel) and word.purpose in ("", purpose)


@dataclass(frozen=True, slots=True)
class Consent:
    """All that a person said of it: of each identifier, channel and purpose the last word."""

    words: tuple[Word, ...] = ()

    def may(self, channel: str, purpose: str, profile: int | None = None) -> Answer:
        """Whether they may be written to on a channel for a purpose; `profile`: at this identifier of theirs."""
        latest = self._latest(channel, purpose, profile)
        decided = sorted(latest, key=lambda one: (one.says == "yes", -one.at.timestamp()))
        return Answer(decided[0].says, decided[0]) if decided else Answer("unknown")

    def limits(self, channel: str, purpose: str) -> list[tuple[int, float]]:
        """At most so many in so many days, as they said themselves: each holds."""
        return sorted({word.most for word in self._latest(channel, purpose, None) if word.most is not None})

    @property
    def limited(self) -> bool:
        """Whether they have said so of anything."""
        return any(word.most is not None for word in self.words)

    def _latest(self, channel: str, purpose: str, profile: int | None) -> list[Word]:
        """The last word of each identifier."""
        latest: dict[int, Word] = {}
        for word in self.words:
            if not fits(word, channel, purpose) or (word.only and word.profile != profile):
                continue
            if word.profile not in latest or _turn(word) > _turn(latest[word.profile]):
                latest[word.profile] = word
        return list(latest.values())

    @property
    def standing(self) -> list[tuple[str, str, Word]]:
        """Of each channel and purpose of which something was said, what holds and by which word; empty: of all others."""
        asked = sorted({(word.channel, word.purpose) for word in self.words if not word.only})
        found = [(channel, purpose, self.may(channel, purpose).word) for channel, purpose in asked]
        return [(channel, purpose, word) for channel, purpose, word in found if word is not None]

    @property
    def dead(self) -> list[Word]:
        """Identifiers at which nobody is reached."""
        return [word for word in self.words if word.only]


def fold(words: Iterable[Word]) -> Consent:
    """In any order, however often: of each identifier, channel and purpose the last; of two at once, the no."""
    last: dict[tuple[int, str, str, bool], Word] = {}
    for word in words:
        key = (word.profile, word.channel, word.purpose, word.only)
        if key not in last or _turn(word) > _turn(last[key]):
            last[key] = word
    return Consent(tuple(last[key] for key in sorted(last)))


def _turn(word: Word) -> tuple[datetime, bool, str, str]:
    return word.at, word.says == "no", word.because, word.source
