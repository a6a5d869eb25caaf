"""Segments: people by what is true of them, named."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, datetime
from typing import Annotated, Self

from fastapi import APIRouter, Path, Query
from pydantic import BaseModel, Field, ValidationError

from remit.api.guard import Hears, Meets, Served, documented
from remit.api.people import FoundOut, FoundPage, Listed
from remit.api.problems import FieldError, Refused, at
from remit.api.schemas import Facts, Sent, Text
from remit.errors import UnknownName, UserError
from remit.graph import segments as graph
from remit.graph.segment import Segment
from remit.graph.segments import Kept

router = APIRouter(prefix="/segments", tags=["people"])
Named = Annotated[str, Path(max_length=60, description="Small letters, digits, - and _.")]


class Sought(Sent):
    """Of whom it is true."""

    segment: Facts = Field(
        description="As in docs/segments.md: `match` and `conditions`.",
        examples=[{"match": "all", "conditions": [{"what": "stage", "stage": "dormant"}]}],
    )


class NewSegment(Sought):
    """A segment to be kept."""

    note: Annotated[Text, Field(max_length=300)] = ""


class SegmentOut(BaseModel):
    """A segment, with how many they were when that was counted last."""

    name: str
    note: str
    segment: Facts
    words: str = Field(description="As a sentence.")
    who: str = Field(description="Who saved it.")
    at: datetime
    people: int | None = Field(description="null: not counted yet.")
    exact: bool | None = Field(description="false: estimated from people drawn by chance.")
    day: date | None = Field(description="On which that was.")

    @classmethod
    def of(cls, one: Kept) -> Self:
        return cls(
            name=one.name, note=one.note, segment=one.spec, words=one.segment.words, who=one.who, at=one.at,
            people=one.people, exact=one.exact, day=one.day,
        )  # fmt: skip


class SegmentPage(BaseModel):
    """All of the workspace, by name."""

    segments: list[SegmentOut]


class SizeOut(BaseModel):
    """How many they are now."""

    people: int
    whole: int = Field(description="People that are known.")
    off: int = Field(description="By how many `people` may be off, 95 times of 100; 0: it is exact.")


@router.get("", summary="List segments", **documented("persons:read"))
async def list_segments(app: Served, caller: Meets) -> SegmentPage:
    """By name."""
    return SegmentPage(segments=[SegmentOut.of(one) for one in await graph.list_segments(app.store)])


@router.post("/count", summary="Count people", **documented("persons:read"))
async def count_segment(app: Served, caller: Meets, new: Sought) -> SizeOut:
    """Of whom it is true now; nothing is saved. Among many thousands it is estimated."""
    size = await graph.count(app.store, _segment(new))
    return SizeOut(people=size.people, whole=size.whole, off=size.off)


@router.get("/{name}", summary="Look at a segment", **documented("persons:read", 404))
async def get_segment(app: Served, caller: Meets, name: Named) -> SegmentOut:
    """Counted anew."""
    with _there():
        await graph.measure(app.store, name)
        return SegmentOut.of(await graph.segment_of(app.store, name))


@router.put("/{name}", summary="Set a segment", **documented("persons:write"))
async def set_segment(app: Served, caller: Hears, name: Named, new: NewSegment) -> SegmentOut:
    """In place of the one of that name."""
    try:
        await graph.save(app.store, name, _segment(new), new.note, caller.who)
    except UserError as error:
        raise at("/name", str(error)) from error
    return SegmentOut.of(await graph.segment_of(app.store, name))


@router.delete("/{name}", status_code=204, summary="Remove a segment", **documented("persons:write", 404))
async def remove_segment(app: Served, caller: Hears, name: Named) -> None:
    """With how many they were; nobody who is in it."""
    with _there():
        await graph.remove(app.store, name, caller.who)


@router.get("/{name}/people", summary="List who is in a segment", **documented("persons:read", 404))
async def list_members(
    app: Served,
    caller: Meets,
    name: Named,
    after: Annotated[
        int, Query(ge=0, le=2**62, description="Only those after the person of this number.")
    ] = 0,
    limit: Listed = 50,
) -> FoundPage:
    """By their numbers: the last one's is where the next page begins."""
    with _there():
        kept = await graph.segment_of(app.store, name)
    found = await graph.shown_of(app.store, kept.segment, after, limit)
    return FoundPage(people=[FoundOut.model_validate(one, from_attributes=True) for one in found])


@contextmanager
def _there() -> Iterator[None]:
    try:
        yield
    except UnknownName as error:
        raise Refused(404, str(error)) from error


def _segment(new: Sought) -> Segment:
    try:
        return Segment.model_validate(new.segment)
    except ValidationError as error:
        wrong = [
            FieldError(pointer="/segment/" + "/".join(map(str, one["loc"])), detail=one["msg"])
            for one in error.errors()
        ]
        raise Refused(422, f"{wrong[0].pointer}: {wrong[0].detail}", wrong) from error
