"""What is known of a person in words, for the command line and the console alike. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from typing import TYPE_CHECKING

from remit.graph.consent import Consent
from remit.graph.people import Event, Evidence
from remit.graph.sentiment import Feeling
from remit.graph.state import Reading

if TYPE_CHECKING:
    from remit.graph.merging import Question

IN = {
    "message": "wrote", "reply": "answered", "reaction": "reacted to what was written", "call": "called", "page_view": "looked at a page", "open": "opened what was sent",
    "click": "followed a link", "purchase": "bought something", "refund": "got money back", "unsubscribed": "unsubscribed",
    "complained": "complained", "bounced": "could not be reached", "consent_given": "gave their consent",
    "consent_withdrawn": "withdrew their consent", "signup": "signed up", "login": "signed in", "visit": "came by",
    "record": "was described", "delivered": "got what was sent",
}  # fmt: skip
OUT = {
    "message": "was written to",
    "call": "was called",
    "reply": "was answered",
    "delivered": "got what was sent",
}
STAGES = {
    "new": "New: first heard of less than a month ago.",
    "active": "Active: heard of within a month.",
    "back": "Back: they were silent for a long time, and are here again.",
    "quiet": "Quiet: nothing for more than a month.",
    "dormant": "Dormant: nothing for three months or more.",
}
HOW = {
    "verified": "a source has checked both",
    "alike": "what is said of them is alike",
    "seen": "they came together",
    "same": "somebody said that they are one person",
    "apart": "somebody said that they are two people",
}


def happened(event: Event) -> str:
    """What happened, as a sentence without its subject: `bought something for 12.50 EUR`."""
    known = (OUT if event.direction == "out" else IN).get(event.kind)
    said = known or f"{event.kind.replace('_', ' ')}{' to them' if event.direction == 'out' else ''}"
    return f"{said} for {money(event.value)} {event.currency}" if event.value is not None else said


def money(amount: Decimal) -> str:
    """With two decimals, and more where there are: `1,299.90`."""
    return f"{amount:,.2f}" if amount == round(amount, 2) else f"{amount.normalize():,f}"


def days(count: float) -> str:
    """A time in the unit in which people say it."""
    for least, unit, each in ((730, "years", 365), (60, "months", 30), (2, "days", 1)):
        if count >= least:
            return f"{count / each:.0f} {unit}"
    return "a day" if count >= 1 else "less than a day"


def stated(reading: Reading) -> list[str]:
    """What somebody's state comes to, a sentence each."""
    said = [STAGES[reading.stage]]
    said.append(f"Last heard of {days(reading.recency)} ago; {reading.count:,} interactions came from them.")
    if reading.woke is not None:
        said.append(f"Before that there was a silence of {days(reading.woke)}.")
    if reading.channels:
        shares = ", ".join(f"{name} {share:.0%}" for name, share in reading.channels[:4])
        said.append(f"They are met on {shares}.")
    said += [
        f"Spent {money(amount)} {currency} in all." for currency, amount in sorted(reading.spent.items())
    ]
    return said


def felt(feeling: Feeling) -> str:
    """How what they write sounds: `What they wrote of late sounds unhappy (-0.31 on a scale from -1 to 1, of 5 messages).`"""
    of = "one message" if feeling.messages == 1 else f"{feeling.messages:,} messages"
    return f"What they wrote of late sounds {feeling.says} ({feeling.score:+.2f} on a scale from -1 to 1, of {of})."


def consented(consent: Consent) -> list[tuple[str, str]]:
    """What somebody said of being written to: `yes` or `no`, and of what."""
    said: list[tuple[str, str]] = []
    for channel, purpose, word in consent.standing:
        what = f"{purpose or 'anything'} by {channel or 'any channel'}"
        said.append((word.says, f"{what}, since {word.at:%Y-%m-%d}: {IN[word.because]}"))
    return said


def because(one: Evidence) -> str:
    """Why two are taken for one, or are not: `they came together 3 times, first in shop/e12`."""
    times = f" {one.seen} times" if one.seen > 1 else ""
    if one.by:
        return f"{one.by} said that they are {'one person' if one.how == 'same' else 'two people'}"
    if one.how == "alike":
        return f"{HOW[one.how]}, {one.confidence:.0%} likely one person: {weighed(one.reasons or ())}"
    return f"{HOW[one.how]}{times}, first in {one.source}/{one.event}"


def weighed(reasons: Iterable[tuple[str, float]]) -> str:
    """What speaks for it and against, in bits: `same birthday +9.1 · different phones -2.3`."""
    return " · ".join(f"{words} {bits:+.1f}" for words, bits in reasons)


ALIKE = {
    "conflict": "but they have two different numbers of one system",
    "unlike": "but one of them is one with somebody already who is not so much like the other",
}


def doubt(one: Question) -> str:
    """Why two are asked about."""
    if one.how == "alike":
        against = ALIKE.get(one.held, "which is not sure enough")
        return f"{one.confidence:.0%} likely one person, by what is said of them; {against}."
    times = f"{one.seen} times, first" if one.seen > 1 else "once,"
    if one.held == "conflict":
        return f"Both came with one and the same that was checked ({times} in {one.source}/{one.event}): is it one person with two numbers?"
    return f"Both are known, and were seen together {times} in {one.source}/{one.event}; nothing was checked."


def pace(weekly: float) -> str:
    """How often, in the unit in which people say it."""
    for each, unit in ((1, "week"), (12 / 52, "month")):
        if weekly >= each:
            return f"{weekly / each:.1f} a {unit}".replace(".0 ", " ")
    return "less than once a month" if weekly * 52 >= 0.5 else "hardly ever"
