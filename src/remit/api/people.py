"""The conversation graph: what happened comes in, and who somebody is and what happened to them is asked for."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Annotated, Any, Self

from fastapi import APIRouter, Path, Query
from pydantic import AwareDatetime, BaseModel, Field

from remit.api.guard import Hears, Meets, Served, documented
from remit.api.problems import Refused, at
from remit.api.schemas import Facts, Name, Sent, Sought, Text
from remit.app import App
from remit.errors import UserError
from remit.graph import people as graph
from remit.graph.aside import NotTaken, aside_of, drop, list_aside, mend
from remit.graph.ingest import BATCH, SetAside, take
from remit.graph.people import Event, NoSuchPerson
from remit.graph.state import Reading

router = APIRouter(tags=["people"])
Whom = Annotated[
    Name,
    Path(max_length=320, description="An address, a telephone number, `kind:value`, or a person's number."),
]
Number = Annotated[int, Path(ge=1, le=2**63 - 1, description="Of a row that was set aside.")]
Listed = Annotated[int, Query(ge=1, le=1000)]


class Happened(Sent):
    """What happened, up to 5,000 rows."""

    interactions: list[Facts] = Field(
        max_length=BATCH,
        description="Rows, each with `id`, `at`, `kind` and whom it is of; what one may have is in docs/graph.md.",
        examples=[
            [{"id": "o1", "at": "2026-05-01T10:00:00Z", "kind": "purchase", "email": "ann@shop.example"}]
        ],
    )
    source: Annotated[Text, Sought] = Field(
        "", max_length=100, description="Whose they are, where they do not say."
    )
    verified: list[Text] = Field(
        [], max_length=20, description="Kinds of identifiers that this source has checked to be theirs."
    )


class SetAsideOut(BaseModel):
    """A row that was not taken in."""

    row: int = Field(description="Which of those that were sent, from 0.")
    field: str
    why: str

    @classmethod
    def of(cls, one: SetAside) -> Self:
        return cls(row=one.line, field=one.field, why=one.why)


class TakenOut(BaseModel):
    """What became of the rows."""

    new: int
    known: int = Field(description="That were there before, or twice among them.")
    set_aside: list[SetAsideOut] = Field(
        description="Kept as they came, to be mended: `GET /interactions/rejected`."
    )


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

    a: int
    b: int
    how: str = Field(description="`verified`, `seen`, or a person's word: `same`, `apart`.")
    confidence: float
    source: str
    event: str
    at: datetime
    seen: int
    by: str
    held: str = Field(description="Why it does not join them; empty: it does.")
    withdrawn_at: datetime | None


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


class RejectedOut(BaseModel):
    """A row that was set aside, as it came."""

    id: int
    source: str
    line: int
    field: str
    why: str
    row: str
    at: datetime


class RejectedPage(BaseModel):
    """The oldest first."""

    rejected: list[RejectedOut]


class Mended(Sent):
    """A row as it should have been."""

    row: Facts


@router.post("/interactions", summary="Take in what happened", **documented("persons:write"))
async def add_interactions(app: Served, caller: Hears, sent: Happened) -> TakenOut:
    """Each event once, by its source and id, however often it is sent. What cannot be taken in is set aside with the reason, and
    the rest comes in."""
    taken = await take(app.store, list(enumerate(sent.interactions)), sent.source, frozenset(sent.verified))
    return TakenOut(
        new=taken.new, known=taken.known, set_aside=[SetAsideOut.of(one) for one in taken.set_aside]
    )


@router.get("/interactions/rejected", summary="List rows that were set aside", **documented("persons:write"))
async def list_rejected(
    app: Served, caller: Hears, after: Annotated[int, Query(ge=0, le=2**63 - 1)] = 0, limit: Listed = 100
) -> RejectedPage:
    """The oldest first, after one."""
    found = await list_aside(app.store, after, limit)
    return RejectedPage(rejected=[RejectedOut.model_validate(one, from_attributes=True) for one in found])


@router.put(
    "/interactions/rejected/{number}", status_code=204, summary="Take in a row after all", **documented("persons:write", 404)
)  # fmt: skip
async def mend_rejected(app: Served, caller: Hears, number: Number, wanted: Mended) -> None:
    """As it should have been."""
    await _aside(app, number)
    try:
        await mend(app.store, number, wanted.row, caller.who)
    except NotTaken as error:
        raise at("/row", str(error)) from error


@router.delete(
    "/interactions/rejected/{number}", status_code=204, summary="Let a row go", **documented("persons:write", 404)
)  # fmt: skip
async def drop_rejected(app: Served, caller: Hears, number: Number) -> None:
    """It is not listed any more; sent again it is not set aside again."""
    await _aside(app, number)
    await drop(app.store, number, caller.who)


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


@router.get("/people/{person}", summary="Look at a person", **documented("persons:read", 404))
async def get_person(app: Served, caller: Meets, person: Whom) -> PersonOut:
    """Who they are and why, and what everything heard of them comes to."""
    found = await _person(app, person)
    reading = await graph.read_of(app.store, found, datetime.now(UTC))
    return PersonOut(
        id=found.id,
        name=found.name,
        about={
            key: {"value": value, "at": when, "source": of} for key, (value, when, of) in found.about.items()
        },
        profiles=[ProfileOut.model_validate(one, from_attributes=True) for one in found.profiles],
        links=[LinkOut.model_validate(one, from_attributes=True) for one in found.evidence],
        state=StateOut.of(reading) if reading else None,
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
    found = await graph.timeline(app.store, await _person(app, person), before=before, limit=limit)
    return InteractionPage(interactions=[InteractionOut.of(one) for one in found])


async def _person(app: App, text: str) -> graph.Person:
    try:
        return await graph.find(app.store, text)
    except NoSuchPerson as error:
        raise Refused(404, str(error)) from error


async def _aside(app: App, number: int) -> None:
    try:
        await aside_of(app.store, number)
    except UserError as error:
        raise Refused(404, str(error)) from error
