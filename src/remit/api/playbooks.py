"""Playbooks: what may be done for people, in versions, how far each goes, and what it brings."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from datetime import datetime
from typing import Annotated, Any, Literal, Self
from uuid import UUID

from fastapi import APIRouter, Path, Query
from pydantic import BaseModel, Field

from remit.api.guard import Builds, Hears, Meets, Served, documented
from remit.api.problems import Refused, at
from remit.api.schemas import Sent, Text
from remit.decisions.kept import Version, list_playbooks, put, save, standing_of, version_of, versions
from remit.decisions.offpolicy import Estimate
from remit.decisions.quality import Quality, quality_of
from remit.decisions.rounds import Going, begin
from remit.decisions.shown import shown_of
from remit.errors import UnknownName, UserError
from remit.playbook import playbook_of

router = APIRouter(prefix="/playbooks", tags=["decisions"])
Named = Annotated[str, Path(pattern=r"^[a-z][a-z0-9_-]{0,63}$", description="Of a playbook.")]
Number = Annotated[int, Path(ge=1, le=2**31 - 1, description="Of a version.")]


class NewVersion(Sent):
    """A playbook as YAML, as docs/next-best-actions.md has it."""

    text: Text = Field(
        min_length=1, max_length=1_000_000, examples=["actions:\n- {name: wait, does: wait}\n"]
    )
    note: Annotated[Text, Field(max_length=2000)] = ""


class NewStage(Sent):
    """How far a version goes from now on."""

    stage: Literal["off", "shadow", "ramp", "live"]
    share: float = Field(0, ge=0, lt=1, description="In ramp: of people.")
    anyway: Annotated[Text, Field(max_length=2000, description="Why, where it has not shown enough yet.")] = (
        ""
    )


class NewRound(Sent):
    """Whom it is for."""

    only: list[Text] = Field(
        [], max_length=20, description="What must be known of them.", examples=[["stage=dormant"]]
    )


class PlaybookOut(BaseModel):
    """A version of a playbook, and where it stands."""

    playbook: str
    version: int
    text: str
    note: str
    who: str
    at: datetime
    stage: str = Field(description="off, shadow, ramp or live.")
    share: float = Field(description="In ramp: of people.")
    staged_by: str
    staged_at: datetime
    why: str = Field(description="It stands where it stands.")
    before: int | None = Field(description="The version that was live before it.")
    warnings: list[str] = Field(
        description="What is to be known of its templates: what does not fit, and what it costs."
    )

    @classmethod
    def of(cls, one: Version) -> Self:
        return cls.model_validate(one, from_attributes=True)


class PlaybookPage(BaseModel):
    """Versions."""

    playbooks: list[PlaybookOut]


class IntervalOut(BaseModel):
    """A mean with its 95 % interval; null where it is not known."""

    value: float | None
    low: float | None
    high: float | None


class CandidateOut(BaseModel):
    """What a version would have brought a decision, by three estimators."""

    version: int
    stage: str
    rows: int = Field(description="Of the playbook's log.")
    effective_rows: float | None
    dr: IntervalOut | None = Field(description="null: too few rows.")
    snips: IntervalOut | None
    ips: IntervalOut | None


class RailOut(BaseModel):
    """How often something followed what was done that should not have."""

    name: str
    times: int
    among: int = Field(description="Decisions that were done.")
    most: float = Field(description="The share that is the most.")


class QualityOut(BaseModel):
    """What the decisions of a version bring. Values are rewards less costs, a decision."""

    playbook: str
    version: int
    stage: str
    shadowed: int = Field(description="Decisions that were only logged.")
    done: int
    closed: int = Field(description="Such of which it is known what came of them.")
    shares: dict[str, float] = Field(description="Of what was chosen, by action.")
    value: IntervalOut | None
    holdout: IntervalOut | None = Field(description="Of people for whom nothing is done.")
    more: IntervalOut | None = Field(description="Than held out.")
    explored: float | None = Field(description="The share that did not take what was expected to be best.")
    rarest: float | None = Field(description="The least propensity with which something was chosen.")
    guardrails: list[RailOut]
    broken: list[str]
    told: int = Field(description="Decisions that it has learned from.")
    trust: float = Field(description="How often it chooses by person.")
    alarms: int = Field(description="How often the world had changed, and it began anew.")
    alarmed_at: datetime | None
    candidates: list[CandidateOut]


class RoundOut(BaseModel):
    """Decisions for many people; workers go on with it."""

    id: UUID
    playbook: str
    by: str
    begun_at: datetime
    only: list[str]
    people: int
    looked_at: int
    made: int
    done_at: datetime | None

    @classmethod
    def of(cls, one: Going) -> Self:
        told = asdict(one) | {"only": one.conditions}
        return cls.model_validate({name: told[name] for name in cls.model_fields})


@router.get("", summary="List playbooks", **documented("persons:read"))
async def list_all(app: Served, caller: Meets) -> PlaybookPage:
    """Of each the newest version, and all that decide."""
    found = await list_playbooks(app.store)
    return PlaybookPage(playbooks=[PlaybookOut.of(one) for some in found.values() for one in some])


@router.get("/{name}", summary="List versions", **documented("persons:read", 404))
async def list_playbook_versions(app: Served, caller: Meets, name: Named) -> PlaybookPage:
    """The newest first."""
    with _there():
        return PlaybookPage(playbooks=[PlaybookOut.of(one) for one in await versions(app.store, name)])


@router.post("/{name}", summary="Save a version", **documented("agents:write"))
async def save_version(app: Served, caller: Builds, name: Named, new: NewVersion) -> PlaybookOut:
    """In shadow: it decides and logs, and nothing is done. What says the same as the newest is that one."""
    try:
        book = playbook_of(new.text)
    except UserError as error:
        raise at("/text", str(error)) from error
    return PlaybookOut.of(await save(app.store, name, new.text, book, new.note, caller.who))


@router.post(
    "/{name}/versions/{version}/stage", summary="Say how far a version goes", **documented("agents:write", 404)
)  # fmt: skip
async def set_stage(app: Served, caller: Builds, name: Named, version: Number, new: NewStage) -> PlaybookOut:
    """Up a step at a time, on what it has shown, or with a reason all the same."""
    one = await _version(app.store, name, version)
    try:
        shown = await shown_of(app.store, one)
        return PlaybookOut.of(await put(app.store, one, new.stage, caller.who, shown, new.share, new.anyway))
    except UserError as error:
        raise at("/stage", str(error)) from error


@router.get("/{name}/quality", summary="What decisions bring", **documented("persons:read", 404))
async def get_quality(
    app: Served,
    caller: Meets,
    name: Named,
    version: Annotated[
        int | None, Query(ge=1, le=2**31 - 1, description="Left out: the one that goes furthest.")
    ] = None,
) -> QualityOut:
    """Beside people held out, and beside the other versions that stand."""
    with _there():
        stands = await standing_of(app.store, name)
    furthest = next((stands[stage].version for stage in ("live", "ramp", "shadow") if stage in stands), None)
    one = await _version(app.store, name, version or furthest)
    others = [other for other in stands.values() if other.version != one.version]
    return _quality(await quality_of(app.store, one, others))


@router.post("/{name}/rounds", summary="Decide for everybody", **documented("persons:write", 404))
async def begin_round(app: Served, caller: Hears, name: Named, new: NewRound) -> RoundOut:
    """Workers do it. Where a round was broken off, that one goes on."""
    with _there():
        await versions(app.store, name)
    try:
        return RoundOut.of(await begin(app.store, name, caller.who, new.only, by_workers=True))
    except UserError as error:
        raise at("/only", str(error)) from error


async def _version(store: Any, name: str, number: int | None) -> Version:
    try:
        return await version_of(store, name, number)
    except UserError as error:
        raise Refused(404, str(error)) from error


@contextmanager
def _there() -> Iterator[None]:
    try:
        yield
    except UnknownName as error:
        raise Refused(404, str(error)) from error


def _quality(one: Quality) -> QualityOut:
    return QualityOut(
        playbook=one.playbook, version=one.version, stage=one.stage, shadowed=one.shadowed, done=one.done, closed=one.closed,
        shares=dict(one.shares), value=_interval(one.value), holdout=_interval(one.holdout), more=_interval(one.more),
        explored=one.explored, rarest=one.rarest, broken=list(one.broken),
        guardrails=[RailOut(name=rail.name, times=rail.times, among=rail.of, most=rail.most) for rail in one.rails],
        told=one.learned.told, trust=one.learned.trust, alarms=one.learned.alarms, alarmed_at=one.learned.alarmed_at,
        candidates=[
            CandidateOut(
                version=each.version, stage=each.stage, rows=each.rows, effective_rows=each.worth.effective if each.worth else None,
                dr=_interval(each.worth.dr if each.worth else None), snips=_interval(each.worth.snips if each.worth else None),
                ips=_interval(each.worth.ips if each.worth else None),
            )
            for each in one.candidates
        ],
    )  # fmt: skip


def _interval(found: Estimate | None) -> IntervalOut | None:
    """Infinite ends are none in JSON."""
    if found is None:
        return None
    value, low, high = (
        one if abs(one) < float("inf") else None for one in (found.value, found.low, found.high)
    )
    return IntervalOut(value=value, low=low, high=high)
