"""The conversation graph: who somebody is, what happened to them, and what people say of who is one person."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from decimal import Decimal
from typing import Annotated, Any, Literal, Self

from fastapi import APIRouter, Path, Query
from pydantic import AwareDatetime, BaseModel, Field

from remit.api.guard import Hears, Meets, Served, documented
from remit.api.problems import Refused, at
from remit.api.schemas import Name, Sent, Sought
from remit.app import App
from remit.errors import UserError
from remit.graph import people as graph
from remit.graph.merging import Said, questions, restore, say, withdraw
from remit.graph.people import Event, NoSuchPerson
from remit.graph.sentiment import feelings_of
from remit.graph.state import Reading
from remit.graph.wants import intents_of

router = APIRouter(tags=["people"])
Whom = Annotated[
    Name,
    Path(max_length=320, description="An address, a telephone number, `kind:value`, or a person's number."),
]
Link = Annotated[int, Path(ge=1, le=2**63 - 1, description="Of a link, as a person has it.")]
Listed = Annotated[int, Query(ge=1, le=1000)]


class ProfileOut(BaseModel):
    """An identifier of a person."""

    id: int
    kind: str
    value: str
    verified: bool
    shared: str = Field(
        description="Why it is taken for many people's: `by name`, `by use`; empty: it is not."
    )


class LinkOut(BaseModel):
    """Why two identifiers are taken for one person's, or are not."""

    id: int
    a: int
    b: int
    how: str = Field(description="`verified`, `alike`, `seen`, or a person's word: `same`, `apart`.")
    confidence: float
    source: str
    event: str
    at: datetime
    seen: int
    by: str
    held: str = Field(description="Why it does not join them; empty: it does.")
    withdrawn_at: datetime | None
    reasons: list[tuple[str, float]] | None = Field(
        description="Of `alike`: what speaks for it and against, in bits; else null."
    )


class StateOut(BaseModel):
    """What everything that was heard of somebody comes to now."""

    stage: str = Field(description="new, active, back, quiet or dormant.")
    count: int = Field(description="Of what came from them.")
    recency: float = Field(description="Days since the last of it.")
    woke: float | None = Field(description="Days of the long silence that ended lately.")
    channels: dict[str, float] = Field(description="Where they are met, as shares.")
    spent: dict[str, Decimal] = Field(description="By currency.")
    worth: dict[str, float] = Field(description="The same, of which half is forgotten in the long half-life.")

    @classmethod
    def of(cls, one: Reading) -> Self:
        return cls(
            stage=one.stage, count=one.count, recency=one.recency, woke=one.woke, channels=dict(one.channels),
            spent=dict(one.spent), worth=dict(one.worth),
        )  # fmt: skip


class ConsentOut(BaseModel):
    """Whether somebody may be written to."""

    channel: str = Field(description="Empty: any.")
    purpose: str = Field(description="Empty: any.")
    says: Literal["yes", "no"]
    since: datetime
    because: str = Field(description="The kind of event that says so.")


class DoubtOut(BaseModel):
    """Two who may be one person."""

    a: int
    b: int
    called_a: str
    called_b: str
    held: str = Field(
        description="`conflict`: they would have two numbers of one system; `doubtful`: only seen together, or not alike enough; `unlike`: one of "
        "them is one with somebody less alike."
    )
    how: str = Field(description="The evidence: `verified`, `alike` or `seen`.")
    confidence: float
    reasons: list[tuple[str, float]] | None = Field(
        description="Of `alike`: what speaks for it and against, in bits; else null."
    )
    source: str
    event: str
    at: datetime
    seen: int


class DoubtPage(BaseModel):
    """Pairs, by their numbers."""

    doubtful: list[DoubtOut]


class Two(Sent):
    """Two people, each by any identifier or number."""

    a: Name
    b: Name


class WantOut(BaseModel):
    """Something that they want now, as far as it was inferred."""

    intent: str
    confidence: float = Field(description="What is left of it by now, 0 to 1.")
    at: datetime = Field(description="Of its last evidence.")
    by: str = Field(description="`message` or `behaviour`.")
    because: str


class FeelingOut(BaseModel):
    """How what somebody wrote of late sounds, all in all."""

    score: float = Field(description="-1 (angry) to 1 (delighted).")
    says: str = Field(description="`unhappy`, `neutral` or `happy`.")
    messages: int
    last: datetime = Field(description="Of the last of them.")


class PersonOut(BaseModel):
    """Who is one person, as far as is known."""

    id: int
    name: str
    about: dict[str, Any] = Field(
        description="Of each attribute what was said last, when, and by which source."
    )
    profiles: list[ProfileOut]
    links: list[LinkOut]
    state: StateOut | None = Field(description="null: nothing has come from them.")
    sentiment: FeelingOut | None = Field(
        description="null: they have written nothing of late that was looked at."
    )
    wants: list[WantOut] = Field(description="What is surest first.")
    consent: list[ConsentOut] = Field(
        description="What they said of being written to; of what is not here, nothing."
    )


class InteractionOut(BaseModel):
    """What happened once."""

    source: str
    event: str
    profile: int
    at: datetime
    received: datetime
    channel: str
    direction: str
    kind: str
    conversation: str
    subject: str
    text: str
    value: Decimal | None
    currency: str
    properties: dict[str, Any]

    @classmethod
    def of(cls, one: Event) -> Self:
        return cls(
            source=one.source, event=one.event, profile=one.profile, at=one.at, received=one.received, channel=one.channel,
            direction=one.direction, kind=one.kind, conversation=one.conversation, subject=one.subject, text=one.body,
            value=one.value, currency=one.currency, properties=dict(one.properties or {}),
        )  # fmt: skip


class InteractionPage(BaseModel):
    """The last first."""

    interactions: list[InteractionOut]


class FoundOut(BaseModel):
    """A person in a list."""

    id: int
    called: str
    by: str = Field(description="By which they were found, or are known best.")
    last: datetime | None


class FoundPage(BaseModel):
    """People that were found."""

    people: list[FoundOut]


@router.get("/people", summary="Find people", **documented("persons:read"))
async def list_people(
    app: Served,
    caller: Meets,
    text: Annotated[
        Sought,
        Query(max_length=320, description="How a name or an identifier begins; empty: those last heard of."),
    ] = "",
    limit: Listed = 50,
) -> FoundPage:
    """By name, address, telephone number or another identifier."""
    found = await graph.search(app.store, text, limit)
    return FoundPage(people=[FoundOut.model_validate(one, from_attributes=True) for one in found])


@router.get("/people/doubtful", summary="List who may be one person", **documented("persons:write"))
async def list_doubtful(app: Served, caller: Hears, limit: Listed = 50) -> DoubtPage:
    """Pairs of which only people can say whether they are."""
    found = await questions(app.store, limit=limit)
    return DoubtPage(doubtful=[DoubtOut.model_validate(one, from_attributes=True) for one in found])


@router.post("/people/same", summary="Say that two are one person", **documented("persons:write", 404))
async def merge_people(app: Served, caller: Hears, two: Two) -> PersonOut:
    """Whatever else speaks against it. It is the caller's word, a link that can be withdrawn."""
    return await _said(app, two, "same", caller.who)


@router.post("/people/apart", summary="Say that two are two people", **documented("persons:write", 404))
async def part_people(app: Served, caller: Hears, two: Two) -> PersonOut:
    """Whatever else speaks for one. The first of the two is answered."""
    return await _said(app, two, "apart", caller.who)


@router.post(
    "/people/links/{number}/withdraw",
    status_code=204,
    summary="Withdraw a link",
    **documented("persons:write", 404),
)
async def withdraw_link(app: Served, caller: Hears, number: Link) -> None:
    """Whom it alone joined are two again; nothing is lost."""
    with _there():
        await withdraw(app.store, number, caller.who)


@router.post(
    "/people/links/{number}/restore",
    status_code=204,
    summary="Restore a link",
    **documented("persons:write", 404),
)
async def restore_link(app: Served, caller: Hears, number: Link) -> None:
    """One that was withdrawn counts again."""
    with _there():
        await restore(app.store, number, caller.who)


@router.get("/people/{person}", summary="Look at a person", **documented("persons:read", 404))
async def get_person(app: Served, caller: Meets, person: Whom) -> PersonOut:
    """Who they are and why, and what everything heard of them comes to."""
    return await _told(app, await person_in(app, person))


async def _told(app: App, found: graph.Person) -> PersonOut:
    consent = await graph.consent_of(app.store, found)
    now = datetime.now(UTC)
    reading = await graph.read_of(app.store, found, now)
    feeling = (await feelings_of(app.store, [found.id], now)).get(found.id)
    return PersonOut(
        id=found.id,
        name=found.name,
        about={
            key: {"value": value, "at": when, "source": of} for key, (value, when, of) in found.about.items()
        },
        profiles=[ProfileOut.model_validate(one, from_attributes=True) for one in found.profiles],
        consent=[
            ConsentOut(channel=channel, purpose=purpose, says=word.says, since=word.at, because=word.because)
            for channel, purpose, word in consent.standing
        ],
        links=[LinkOut.model_validate(one, from_attributes=True) for one in found.evidence],
        state=StateOut.of(reading) if reading else None,
        sentiment=FeelingOut.model_validate(feeling, from_attributes=True) if feeling else None,
        wants=[
            WantOut.model_validate(one, from_attributes=True)
            for one in await intents_of(app.store, found, now)
        ],
    )


@router.get(
    "/people/{person}/interactions", summary="What happened to a person", **documented("persons:read", 404)
)
async def list_interactions(
    app: Served,
    caller: Meets,
    person: Whom,
    before: Annotated[AwareDatetime | None, Query(description="Only what happened before.")] = None,
    limit: Listed = 50,
) -> InteractionPage:
    """On every channel, the last first."""
    found = await graph.timeline(app.store, await person_in(app, person), before=before, limit=limit)
    return InteractionPage(interactions=[InteractionOut.of(one) for one in found])


@contextmanager
def _there() -> Iterator[None]:
    """What is asked for must be there, or the answer is 404."""
    try:
        yield
    except UserError as error:
        raise Refused(404, str(error)) from error


async def person_in(app: App, text: str) -> graph.Person:
    try:
        return await graph.find(app.store, text)
    except NoSuchPerson as error:
        raise Refused(404, str(error)) from error


async def _said(app: App, two: Two, said: Said, who: str) -> PersonOut:
    try:
        a, b = await graph.profile_of(app.store, two.a), await graph.profile_of(app.store, two.b)
        await say(app.store, a, b, said, who)
    except NoSuchPerson as error:
        raise Refused(404, str(error)) from error
    except UserError as error:
        raise at("/b", str(error)) from error
    return await _told(app, await graph.person_of(app.store, a))
