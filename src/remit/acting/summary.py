"""Somebody in a few lines, for the colleague who takes them over: how they stand with us, what they want, and what happened last."""

from __future__ import annotations

from datetime import datetime

from remit.graph.people import Person, read_of, timeline
from remit.graph.sentiment import feelings_of
from remit.graph.wants import intents_of
from remit.graph.words import felt, happened, stated
from remit.store.store import Store

LAST = 5  # things that happened
WANTED = 3
LONGEST = 200  # characters of what they wrote


async def summary_of(store: Store, person: Person, now: datetime) -> str:
    """In lines. What people wrote stands in it as they wrote it, in quotation marks."""
    reading = await read_of(store, person, now)
    lines = stated(reading) if reading else ["Nothing has come from them."]
    if feeling := (await feelings_of(store, [person.id], now)).get(person.id):
        lines.append(felt(feeling))
    for one in (await intents_of(store, person, now))[:WANTED]:
        lines.append(f"Wants {one.intent} ({one.confidence:.0%} sure): {one.because}.")
    events = await timeline(store, person, limit=LAST)
    if events:
        lines.append("Last:")
    for event in reversed(events):
        words = " ".join(f"{event.subject} {event.body}".split())
        said = f": “{words[:LONGEST]}{'…' if len(words) > LONGEST else ''}”" if words else ""
        lines.append(f"- {event.at:%Y-%m-%d %H:%M} {event.channel}: {happened(event)}{said}")
    return "\n".join(lines)
