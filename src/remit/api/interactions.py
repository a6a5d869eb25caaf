"""The conversation graph: what happened comes in, once each, and what could not is mended."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Self

from fastapi import APIRouter, Path, Query
from pydantic import BaseModel, Field

from remit.api.guard import Hears, Served, documented
from remit.api.problems import Refused, at
from remit.api.schemas import Facts, Sent, Sought, Text
from remit.app import App
from remit.errors import UserError
from remit.graph.aside import NotTaken, aside_of, drop, list_aside, mend
from remit.graph.ingest import BATCH, SetAside, take

router = APIRouter(prefix="/interactions", tags=["people"])
Listed = Annotated[int, Query(ge=1, le=1000)]
Number = Annotated[int, Path(ge=1, le=2**63 - 1, description="Of a row that was set aside.")]


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


@router.post("", summary="Take in what happened", **documented("persons:write"))
async def add_interactions(app: Served, caller: Hears, sent: Happened) -> TakenOut:
    """Each event once, by its source and id, however often it is sent. What cannot be taken in is set aside with the reason, and
    the rest comes in."""
    taken = await take(app.store, list(enumerate(sent.interactions)), sent.source, frozenset(sent.verified))
    return TakenOut(
        new=taken.new, known=taken.known, set_aside=[SetAsideOut.of(one) for one in taken.set_aside]
    )


@router.get("/rejected", summary="List rows that were set aside", **documented("persons:write"))
async def list_rejected(
    app: Served, caller: Hears, after: Annotated[int, Query(ge=0, le=2**63 - 1)] = 0, limit: Listed = 100
) -> RejectedPage:
    """The oldest first, after one."""
    found = await list_aside(app.store, after, limit)
    return RejectedPage(rejected=[RejectedOut.model_validate(one, from_attributes=True) for one in found])


@router.put(
    "/rejected/{number}", status_code=204, summary="Take in a row after all", **documented("persons:write", 404)
)  # fmt: skip
async def mend_rejected(app: Served, caller: Hears, number: Number, wanted: Mended) -> None:
    """As it should have been."""
    await _aside(app, number)
    try:
        await mend(app.store, number, wanted.row, caller.who)
    except NotTaken as error:
        raise at("/row", str(error)) from error


@router.delete(
    "/rejected/{number}", status_code=204, summary="Let a row go", **documented("persons:write", 404)
)  # fmt: skip
async def drop_rejected(app: Served, caller: Hears, number: Number) -> None:
    """It is not listed any more; sent again it is not set aside again."""
    await _aside(app, number)
    await drop(app.store, number, caller.who)


async def _aside(app: App, number: int) -> None:
    try:
        await aside_of(app.store, number)
    except UserError as error:
        raise Refused(404, str(error)) from error
