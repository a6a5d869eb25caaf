"""The people whom a run may look at: those of its workspace."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from remit.graph.accounts.look import Account, Belonging, Member, accounts_of, find_account, members
from remit.graph.accounts.relations import Related, relations_of
from remit.graph.accounts.sums import Sums, sums_of
from remit.graph.consent import Consent
from remit.graph.people import Event, Person, consent_of, find, read_of, state_of, terms_of, timeline
from remit.graph.purposes import Limits, limits_of
from remit.graph.sentiment import Feeling, feelings_of
from remit.graph.similar import Likes, similar
from remit.graph.state import Reading, reading
from remit.graph.wants import Want, intents_of
from remit.store.store import Store


@dataclass(frozen=True, slots=True)
class Circle:
    store: Store

    async def person(self, who: str) -> Person:
        """Raises NoSuchPerson."""
        return await find(self.store, who)

    async def limits(self, person: Person) -> tuple[Limits, Consent]:
        """What of theirs may not be used for everything, as they allow it."""
        consent = await consent_of(self.store, person)
        return (await limits_of(self.store)).allowing(consent), consent

    async def reading(
        self, person: Person, now: datetime, limits: Limits, purposes: Collection[str]
    ) -> Reading | None:
        """Of what may be used for these purposes."""
        if not limits.of:
            return await read_of(self.store, person, now)
        terms = await terms_of(self.store)
        return reading(limits.without(await state_of(self.store, person, terms), purposes), terms, now)

    async def wants(self, person: Person, now: datetime) -> list[Want]:
        return await intents_of(self.store, person, now)

    async def feeling(self, person: Person, now: datetime) -> Feeling | None:
        return (await feelings_of(self.store, [person.id], now)).get(person.id)

    async def similar(self, person: Person, now: datetime, limit: int) -> Likes:
        return await similar(self.store, person, now, limit)

    async def timeline(self, person: Person, before: datetime | None, limit: int) -> list[Event]:
        return await timeline(self.store, person, before=before, limit=limit)

    async def account(self, which: str) -> Account:
        """Raises NoSuchAccount."""
        return await find_account(self.store, which)

    async def members(self, account: Account, now: datetime, limit: int) -> list[Member]:
        return await members(self.store, account, now, limit=limit)

    async def sums(self, account: Account, now: datetime, limits: Limits, purposes: Collection[str]) -> Sums:
        """Of what may be used for these purposes."""
        return await sums_of(self.store, account, now, limits, purposes)

    async def limits_of_all(self) -> Limits:
        """What may not be used for everything, as the workspace says it: of many people at once it has the last word."""
        return await limits_of(self.store)

    async def ties(self, person: Person, now: datetime) -> tuple[list[Belonging], list[Related]]:
        return await accounts_of(self.store, person, now), await relations_of(self.store, person, now)
