"""Whether somebody may be reached now, by each channel and for each purpose; and the contacts that there were."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from remit.decisions.action import REPLY, SERVICE, Action
from remit.decisions.contacts import ACTION, Made, contacts_of
from remit.decisions.eligible import Refusal, ends, refusals
from remit.decisions.ruled import Suppressed, suppressed
from remit.decisions.standing import rules_of, standings
from remit.graph.consent import MARKETING
from remit.graph.people import Person
from remit.store.store import Store

CHANNELS = {"email": ("email",), "phone": ("sms", "whatsapp", "phone")}  # by the kind of identifier


@dataclass(frozen=True, slots=True)
class Way:
    """At one identifier, by a channel, for a purpose. `against`: the rules that refuse; empty: it may be done now."""

    profile: int
    to: str
    channel: str
    purpose: str
    against: tuple[Refusal, ...]

    @property
    def until(self) -> datetime | None:
        """When to ask again; None: nobody knows, or it may be done now."""
        return ends(self.against)


@dataclass(frozen=True, slots=True)
class Outlook:
    person: Person
    zone: str  # "" where it is not known
    country: str
    ways: Sequence[Way]
    contacts: Sequence[Made]
    suppressed: Sequence[Suppressed]


async def outlook_of(store: Store, person: Person, now: datetime, limit: int = 20) -> Outlook:
    """As the send gate would see them at this moment; nothing is reserved."""
    rules = await rules_of(store)
    standing = (await standings(store, [person.id], now))[person.id]
    purposes = dict.fromkeys((SERVICE, MARKETING, REPLY, *rules.consent))
    ways = [
        Way(
            one.id, one.value, channel, purpose,
            refusals(Action(name=ACTION, does="send", channel=channel, purpose=purpose), replace(standing, profile=one.id), rules, now),
        )
        for one in person.profiles
        for channel in CHANNELS.get(one.kind, ())
        for purpose in purposes
    ]  # fmt: skip
    made = await contacts_of(store, person.ids, limit=limit)
    alone = await suppressed(store, person.ids)
    return Outlook(person, standing.zone, standing.country, ways, made, alone)
