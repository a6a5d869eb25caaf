"""What somebody who came by a link in a message gets, by channel and purpose, and what they wish of it: each change is a word of theirs in the graph."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal
from uuid import uuid4

from remit.access.audit import record
from remit.decisions.action import REPLY, SERVICE
from remit.decisions.eligible import Standing
from remit.decisions.leaving import READER, Leaving, leaving_of
from remit.decisions.standing import rules_of, standings
from remit.decisions.tracked import PURPOSE as TRACKING
from remit.graph.consent import MARKETING, fits
from remit.graph.ingest import take
from remit.graph.people import Person, person_of
from remit.store.store import Store

Json = Any
Wish = Literal["yes", "week", "month", "no"]  # as often as now · at most one a week, a month · no more
SELDOM: Mapping[str, tuple[int, int]] = {"week": (1, 7), "month": (1, 30)}  # at most so many in so many days
KINDS = {"email": "email", "sms": "phone", "whatsapp": "phone", "phone": "phone", "slack": "handle"}
ONLY = (SERVICE, TRACKING)  # of which there is a yes and a no, and nothing between


@dataclass(frozen=True, slots=True)
class Way:
    """By which somebody gets something, and how it stands."""

    channel: str
    purpose: str
    profile: int
    kind: str
    value: str
    wish: Wish

    @property
    def choices(self) -> tuple[Wish, ...]:
        return ("yes", "no") if self.purpose in ONLY else ("yes", "week", "month", "no")

    @property
    def name(self) -> str:
        return f"{self.channel}.{self.purpose}"


@dataclass(frozen=True, slots=True)
class Wishes:
    of: Leaving
    ways: tuple[Way, ...]


async def wishes_of(root: Store, word: str) -> Wishes | None:
    """None: it is nobody's link. `root`: Remit's own hands."""
    found = await leaving_of(root, word)
    if found is None:
        return None
    store = root.as_owner(found.workspace)
    person, standing = await _known(store, found.profile)
    needs = (await rules_of(store)).consent
    return Wishes(found, tuple(_ways(found, person, standing, needs, await _tracked(store, person))))


async def wish(root: Store, word: str, wanted: Mapping[str, str]) -> Wishes | None:
    """By the name of a way what is wished of it; what is as it was says nothing. None: it is nobody's link."""
    found = await wishes_of(root, word)
    if found is None:
        return None
    changed = [(one, wanted[one.name]) for one in found.ways if wanted.get(one.name, one.wish) != one.wish]
    changed = [(one, to) for one, to in changed if to in one.choices]
    store = root.within(found.of.workspace)
    _, standing = await _known(root.as_owner(found.of.workspace), found.of.profile)
    now = datetime.now(UTC)
    rows = [row for way, to in changed for row in await _said(root, standing, way, to, now)]
    if rows:
        await take(store, list(enumerate(rows, 1)), "remit", keep=False)
        async with store.pool.connection() as connection, connection.transaction():
            for way, to in changed:
                told = {"channel": way.channel, "purpose": way.purpose, "wish": to}
                await record(connection, READER, "contact.wished", str(way.profile), told)
    return await wishes_of(root, word)


async def _known(store: Store, profile: int) -> tuple[Person, Standing]:
    async with store.pool.connection() as connection:
        row = await (
            await connection.execute("select person from graph_profiles where id = %s", (profile,))
        ).fetchone()
    assert row is not None
    person = await person_of(store, row[0])
    return person, (await standings(store, [person.id], datetime.now(UTC)))[person.id]


async def _tracked(store: Store, person: Person) -> bool:
    """Whether it is heard of them what they open."""
    query = "select exists (select from tracked where profile = any(%s))"
    async with store.pool.connection() as connection:
        row = await (await connection.execute(query, ([one.id for one in person.profiles],))).fetchone()
    return row == (True,)


def _ways(
    found: Leaving, person: Person, standing: Standing, needs: Mapping[str, str], tracked: bool
) -> list[Way]:
    """What they came about first; then what they got, and what they have said something of."""
    said = {(word.channel, word.purpose or MARKETING) for word in standing.consent.words if not word.only}
    made = {(one.channel, one.purpose) for one in standing.contacts if one.purpose != REPLY}
    heard = {("email", TRACKING)} if tracked else set()
    several = dict.fromkeys(
        [(found.channel, found.purpose), *sorted((said | made | heard) - {(found.channel, found.purpose)})]
    )
    ways = []
    for channel, purpose in several:
        own = [one for one in person.profiles if one.kind == KINDS.get(channel) and not one.shared]
        at = next((one for one in own if one.id == found.profile), own[0] if own else None)
        if at is not None:
            ways.append(
                Way(
                    channel,
                    purpose,
                    at.id,
                    at.kind,
                    at.value,
                    _stands(standing, channel, purpose, at.id, needs),
                )
            )
    return ways


def _stands(standing: Standing, channel: str, purpose: str, profile: int, needs: Mapping[str, str]) -> Wish:
    says = standing.consent.may(channel, purpose, profile).says
    needed = needs.get(purpose, "not no" if purpose == TRACKING else "yes")
    if says == "no" or (says == "unknown" and needed == "yes"):
        return "no"
    most = max((days / count for count, days in standing.consent.limits(channel, purpose)), default=0.0)
    return "yes" if not most else "week" if most <= 7 else "month"


async def _said(root: Store, standing: Standing, way: Way, to: str, now: datetime) -> list[dict[str, Json]]:
    """As the graph takes it in: of the identifier that is reached, and of each of theirs by which something else was said."""
    others = {
        word.profile
        for word in standing.consent.words
        if fits(word, way.channel, way.purpose) and not word.only
    }
    query = "select id, kind, value from graph_profiles where id = any(%s)"
    async with root.pool.connection() as connection:
        rows = await (await connection.execute(query, ([*others | {way.profile}],))).fetchall()
    told: dict[str, Json] = {"channel": way.channel, "purpose": way.purpose}
    if to in SELDOM:
        told |= dict(zip(("at_most", "days"), SELDOM[to], strict=True))
    return [
        {
            "id": f"wish {uuid4().hex}",
            "at": now.isoformat(),
            "kind": "consent_withdrawn" if to == "no" else "consent_given",
            "channel": way.channel,
            "identifiers": {kind: value},
            "properties": told,
        }
        for _, kind, value in rows
    ]
