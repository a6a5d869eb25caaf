"""What is decided for people: the next best action of one, and what was chosen before."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated, Any, Self

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field

from remit.api.guard import Hears, Meets, Served, documented
from remit.api.people import Listed, Whom
from remit.api.problems import Refused
from remit.api.schemas import Name, Sent
from remit.app import App
from remit.decisions.deciding import look, look_all, take
from remit.decisions.log import Kept, Made, decisions_of
from remit.decisions.whom import NAMES
from remit.errors import UnknownName
from remit.graph import people as graph
from remit.graph.people import NoSuchPerson

router = APIRouter(prefix="/people", tags=["decisions"])


class OptionOut(BaseModel):
    """What could have been done."""

    action: str
    expected: float = Field(description="What it was expected to be worth, less its cost.")
    chance: float = Field(description="How likely it was taken.")


class BarredOut(BaseModel):
    """A rule that is against an action."""

    action: str
    rule: str
    because: str
    until: datetime | None = Field(description="When it ends by itself; null: it does not.")


class UrgencyOut(BaseModel):
    """Why an action could not wait."""

    action: str
    times: float = Field(description="How many times as much its gain counted as it would have.")
    because: str


class DecisionOut(BaseModel):
    """A choice, with all that was weighed."""

    id: int | None = Field(description="null: it is only shown, and not kept.")
    playbook: str
    version: int
    stage: str
    person: int
    at: datetime
    action: str
    does: str
    propensity: float
    holdout: bool
    reason: str
    options: list[OptionOut]
    ruled_out: list[BarredOut]
    urgency: list[UrgencyOut]
    known: dict[str, Any] = Field(description="What was known of the person.")
    after: int | None = Field(description="The decision that this one follows up.")

    @classmethod
    def of(cls, one: Kept) -> Self:
        told = {name: getattr(one, name) for name in ("id", *_PLAIN)}
        return cls.model_validate(told | _weighed(one.options, one.ruled_out, one.features[1:], one.urgency))

    @classmethod
    def shown(cls, one: Made) -> Self:
        row = one.row
        told = {name: row[name] for name in _PLAIN} | {"id": None}
        weighed = _weighed(row["options"], row["ruled_out"], list(one.known), row["urgency"])
        return cls.model_validate(told | weighed)


_PLAIN = (
    "playbook",
    "version",
    "stage",
    "person",
    "at",
    "action",
    "does",
    "propensity",
    "holdout",
    "reason",
    "after",
)


class DecisionPage(BaseModel):
    """Decisions."""

    decisions: list[DecisionOut]


class Wanted(Sent):
    """By which playbook."""

    playbook: Name


@router.get("/{person}/next", summary="The next best action", **documented("persons:read", 404))
async def get_next(
    app: Served,
    caller: Meets,
    person: Whom,
    playbook: Annotated[str, Query(max_length=64, description="Left out: of all that decide.")] = "",
) -> DecisionPage:
    """What would be done now by each version that is concerned with them, the one that counts first. Nothing is kept, and until tomorrow that
    is what is shown."""
    found, now = await _person(app, person), datetime.now(UTC)
    try:
        if playbook:
            made = await look(app.store, playbook, found.id, now)
        else:
            made = [one for some in (await look_all(app.store, found.id, now)).values() for one in some]
    except UnknownName as error:
        raise Refused(404, str(error)) from error
    return DecisionPage(decisions=[DecisionOut.shown(one) for one in made])


@router.post("/{person}/decisions", summary="Decide for a person", **documented("persons:write", 404))
async def decide(app: Served, caller: Hears, person: Whom, wanted: Wanted) -> DecisionPage:
    """It is kept, and done where the version acts. Empty: a choice holds for them, or no version decides for them."""
    found = await _person(app, person)
    try:
        taken = set(await take(app.store, wanted.playbook, found.id, datetime.now(UTC)))
    except UnknownName as error:
        raise Refused(404, str(error)) from error
    made = await decisions_of(app.store, found.ids, limit=10) if taken else []
    return DecisionPage(decisions=[DecisionOut.of(one) for one in made if one.id in taken])


@router.get("/{person}/decisions", summary="What was decided for a person", **documented("persons:read", 404))
async def list_decisions(
    app: Served,
    caller: Meets,
    person: Whom,
    before: Annotated[
        int | None, Query(ge=1, le=2**63 - 1, description="Only those before this one.")
    ] = None,
    limit: Listed = 50,
) -> DecisionPage:
    """The last first."""
    found = await _person(app, person)
    made = await decisions_of(app.store, found.ids, before=before, limit=limit)
    return DecisionPage(decisions=[DecisionOut.of(one) for one in made])


def _weighed(
    options: list[Any], ruled_out: list[Any], known: list[Any], urgency: Mapping[str, Any]
) -> dict[str, Any]:
    return {
        "options": [dict(zip(("action", "expected", "chance"), one, strict=True)) for one in options],
        "ruled_out": [
            {"action": name, "rule": rule, "because": because, "until": until} for name, rules in ruled_out for rule, because, until in rules
        ],
        "urgency": [{"action": name, "times": times, "because": because} for name, (times, because) in urgency.items()],
        "known": dict(zip(NAMES, known, strict=False)),
    }  # fmt: skip


async def _person(app: App, text: str) -> graph.Person:
    try:
        return await graph.find(app.store, text)
    except NoSuchPerson as error:
        raise Refused(404, str(error)) from error
