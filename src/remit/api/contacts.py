"""Who is reached, by which rules, and who is left alone."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Literal, Self
from uuid import UUID

from fastapi import APIRouter, Path, Query
from pydantic import AwareDatetime, BaseModel, Field, ValidationError

from remit.api.guard import Hears, Meets, Served, Settles, documented
from remit.api.people import Whom
from remit.api.problems import FieldError, Refused, at
from remit.api.schemas import Facts, Sent, Text
from remit.decisions import ruled
from remit.decisions.action import Rules
from remit.decisions.contacts import Made, contacts_of
from remit.decisions.outlook import Outlook, Way, outlook_of
from remit.decisions.ruled import Suppressed
from remit.decisions.standing import rules_of
from remit.errors import UnknownName, UserError
from remit.graph.people import NoSuchPerson, find, keys_of, profile_of

router = APIRouter(prefix="/contacts", tags=["contacts"])
Number = Annotated[int, Path(ge=1, le=2**62, description="Of a suppression.")]
Before = Annotated[int | None, Query(ge=1, le=2**62, description="Only those before the one of this number.")]
Listed = Annotated[int, Query(ge=1, le=1000)]


class ContactOut(BaseModel):
    """That somebody was reached, or was not let be."""

    id: int
    to: str = Field(description="The identifier, with its kind.")
    at: datetime
    channel: str
    purpose: str
    action: str = Field(description="Of a playbook; empty: of none.")
    by: str = Field(description="The agent, or whoever it was.")
    run: UUID | None
    state: Literal["reserved", "sent", "failed", "refused"]
    why: str = Field(description="It was refused, or failed.")
    until: datetime | None = Field(description="When what refused it ends; null: nobody knows.")

    @classmethod
    def of(cls, one: Made, to: str) -> Self:
        return cls(
            id=one.id, to=to, at=one.at, channel=one.channel, purpose=one.purpose, action=one.action, by=one.by, run=one.run,
            state=one.state, why=one.why, until=one.until,
        )  # fmt: skip


class ContactPage(BaseModel):
    """The last first."""

    contacts: list[ContactOut]


class AgainstOut(BaseModel):
    """A rule that refuses, and when it ends by itself."""

    rule: str
    because: str
    until: datetime | None


class WayOut(BaseModel):
    """At one identifier, by a channel, for a purpose. `against` is empty where it may be done now."""

    to: str
    channel: str
    purpose: str
    against: list[AgainstOut]

    @classmethod
    def of(cls, way: Way) -> Self:
        told = [AgainstOut(rule=one.rule, because=one.because, until=one.until) for one in way.against]
        return cls(to=way.to, channel=way.channel, purpose=way.purpose, against=told)


class SuppressionOut(BaseModel):
    """That somebody is to be left alone."""

    id: int
    who: str = Field(description="The identifier, with its kind.")
    channel: str = Field(description="Empty: on all of them.")
    because: str
    until: datetime | None = Field(description="null: for good.")
    by: str
    at: datetime

    @classmethod
    def of(cls, one: Suppressed, who: str) -> Self:
        return cls(
            id=one.id,
            who=who,
            channel=one.channel,
            because=one.because,
            until=one.until,
            by=one.by,
            at=one.at,
        )


class SuppressionPage(BaseModel):
    """Those that hold, the last first."""

    suppressions: list[SuppressionOut]


class OutlookOut(BaseModel):
    """Whether somebody may be reached now, as the send gate would see them at this moment."""

    person: int
    zone: str = Field(description="Empty: not known.")
    country: str
    ways: list[WayOut]
    contacts: list[ContactOut] = Field(description="The last twenty.")
    suppressions: list[SuppressionOut]

    @classmethod
    def of(cls, found: Outlook) -> Self:
        keys = {one.id: one.key for one in found.person.profiles}
        return cls(
            person=found.person.id,
            zone=found.zone,
            country=found.country,
            ways=[WayOut.of(way) for way in found.ways],
            contacts=[ContactOut.of(one, keys[one.profile]) for one in found.contacts],
            suppressions=[SuppressionOut.of(one, keys[one.profile]) for one in found.suppressed],
        )


class ContactRulesOut(BaseModel):
    """The rules of contact that hold, in which version; 0: nobody has set any, and these are the ones that Remit begins with."""

    version: int
    rules: Facts
    note: str
    who: str
    at: datetime | None


class NewRules(Sent):
    """Rules for all agents and playbooks, in place of those that hold."""

    rules: Facts = Field(
        description="As in docs/contact.md: `consent`, `quiet`, `caps`, `laws`, `zone`.",
        examples=[{"caps": [{"name": "week", "count": 2, "days": 7}]}],
    )
    note: Annotated[Text, Field(max_length=1000)] = ""
    base: int | None = Field(None, ge=0, description="The version that was looked at; null: whichever it is.")


class NewSuppression(Sent):
    """Somebody who is to be left alone."""

    who: Annotated[Text, Field(min_length=1, max_length=320)]
    because: Annotated[Text, Field(min_length=1, max_length=1000)]
    channel: Annotated[Text, Field(pattern=r"^([a-z][a-z0-9_]{0,39})?$")] = ""
    until: AwareDatetime | None = None


@router.get("", summary="List contacts", **documented("persons:read"))
async def list_contacts(app: Served, caller: Meets, before: Before = None, limit: Listed = 50) -> ContactPage:
    """Whom anybody has reached, or was not let reach, the last first: the last one's `id` is where the next page begins."""
    found = await contacts_of(app.store, None, before, limit)
    keys = await keys_of(app.store, {one.profile for one in found})
    return ContactPage(contacts=[ContactOut.of(one, keys.get(one.profile, "")) for one in found])


@router.get("/rules", summary="Look at the rules of contact", **documented("persons:read"))
async def get_contact_rules(app: Served, caller: Meets) -> ContactRulesOut:
    """Those that hold now."""
    last = await ruled.versions(app.store, 1)
    rules = (await rules_of(app.store)).model_dump(mode="json")
    if not last:
        return ContactRulesOut(version=0, rules=rules, note="", who="", at=None)
    return ContactRulesOut(
        version=last[0].version, rules=rules, note=last[0].note, who=last[0].who, at=last[0].at
    )


@router.put("/rules", summary="Set the rules of contact", **documented("settings:write", 409))
async def set_contact_rules(app: Served, caller: Settles, new: NewRules) -> ContactRulesOut:
    """From now on, for whoever is reached next."""
    try:
        rules = Rules.model_validate(new.rules)
    except ValidationError as error:
        wrong = [
            FieldError(pointer="/rules/" + "/".join(map(str, one["loc"])), detail=one["msg"])
            for one in error.errors()
        ]
        raise Refused(422, f"{wrong[0].pointer}: {wrong[0].detail}", wrong) from error
    try:
        await ruled.set_rules(app.store, rules, new.note, caller.who, new.base)
    except UserError as error:
        raise Refused(409, str(error)) from error
    return await get_contact_rules(app, caller)


@router.get("/people/{person}", summary="Whether a person may be reached", **documented("persons:read", 404))
async def get_outlook(app: Served, caller: Meets, person: Whom) -> OutlookOut:
    """By each channel and for each purpose; if not, by which rules, and until when. Nothing is reserved by looking."""
    try:
        found = await find(app.store, person)
    except NoSuchPerson as error:
        raise Refused(404, str(error)) from error
    return OutlookOut.of(await outlook_of(app.store, found, datetime.now(UTC)))


@router.get("/suppressions", summary="List who is left alone", **documented("persons:read"))
async def list_suppressions(app: Served, caller: Meets) -> SuppressionPage:
    """Those that hold now, at most 200."""
    found = await ruled.suppressed(app.store)
    keys = await keys_of(app.store, {one.profile for one in found})
    return SuppressionPage(suppressions=[SuppressionOut.of(one, keys.get(one.profile, "")) for one in found])


@router.post("/suppressions", status_code=201, summary="Leave a person alone", **documented("persons:write"))
async def add_suppression(app: Served, caller: Hears, new: NewSuppression) -> SuppressionOut:
    """On a channel or on all, until then or for good, whatever they consented to."""
    if new.until is not None and new.until <= datetime.now(UTC):
        raise at("/until", "that is over")
    try:
        profile = await profile_of(app.store, new.who)
        who = (await keys_of(app.store, [profile]))[profile]
    except (NoSuchPerson, KeyError) as error:
        raise at("/who", f"nobody is known by {new.who!r}") from error
    number = await ruled.suppress(app.store, profile, new.because, caller.who, new.channel, new.until)
    made = next(one for one in await ruled.suppressed(app.store, [profile]) if one.id == number)
    return SuppressionOut.of(made, who)


@router.delete(
    "/suppressions/{number}", status_code=204, summary="Let a person be reached again", **documented("persons:write", 404)
)  # fmt: skip
async def lift_suppression(app: Served, caller: Hears, number: Number) -> None:
    """As far as the rules let them."""
    try:
        await ruled.lift(app.store, number, caller.who)
    except UnknownName as error:
        raise Refused(404, "there is no such suppression, or it was lifted already") from error
