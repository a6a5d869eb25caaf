"""What is held of a person: all of it in a file, and that it be erased, with a receipt."""

from __future__ import annotations

from datetime import datetime
from io import BytesIO
from typing import Annotated, Any, Self
from uuid import UUID

from fastapi import APIRouter
from fastapi.responses import StreamingResponse
from pydantic import BaseModel, Field

from remit.api.guard import Served, Settles, Surveys, documented
from remit.api.people import Whom, person_in
from remit.api.problems import Refused, at
from remit.api.schemas import Sent
from remit.errors import FieldError, UserError
from remit.privacy import erase as kept
from remit.privacy.export import export_bytes
from remit.run_files import attached

router = APIRouter(tags=["people"])
Json = Any
ZIP = "application/zip"
Counts = Annotated[dict[str, int], Field(description="By table, how many rows.")]


class ErasureForeseen(BaseModel):
    """What erasing somebody would come to now."""

    rows: Counts
    runs: int = Field(description="For them: they go.")
    journals: int = Field(description="Of other runs, in which they are named: they are rid of them.")
    searched: dict[str, int] = Field(description="Rows of others in which they are named, by table.")
    held: dict[str, int] = Field(description="Interactions that stay without them, by the hold that says so.")
    set_up: dict[str, int] = Field(
        description="What people have set up and have to change by hand, by table."
    )


class NewErasure(Sent):
    """Why, and that it is meant."""

    because: str = Field(max_length=kept.LONGEST, description="It stands in the receipt.")
    called: str = Field(
        max_length=400,
        description="The person's name, as the API gives it, or their best known identifier: so that it is meant.",
    )
    never_again: bool = Field(
        default=False,
        description="Nothing of theirs is taken in any more, not even what happens from now on.",
    )


class ErasureOut(BaseModel):
    """How far an erasure is. Once it is done, it has a receipt."""

    id: UUID
    by: str
    because: str
    asked_at: datetime
    step: str = Field(description="The last that is done.")
    counts: dict[str, int] = Field(description="What went, or was rid of them, so far.")
    why: str = Field(description="What it waits for.")
    done_at: datetime | None
    receipt: dict[str, Json] | None = Field(description="Signed; `remit graph receipt verify` verifies it.")

    @classmethod
    def of(cls, one: kept.Erasure) -> Self:
        return cls(
            id=one.id, by=one.by, because=one.because, asked_at=one.asked_at, step=one.step, counts=dict(one.counts),
            why=one.why, done_at=one.done_at, receipt=dict(one.receipt) if one.receipt else None,
        )  # fmt: skip


class ErasurePage(BaseModel):
    """The latest first."""

    erasures: list[ErasureOut]


@router.get(
    "/people/{person}/export",
    response_class=StreamingResponse,
    summary="Export all that is held of a person",
    **documented("settings:write", 404),
)
async def export_person(app: Served, caller: Settles, person: Whom) -> StreamingResponse:
    """A ZIP of JSON, and the files of runs for them; its `index.json` says what is what."""
    found = await person_in(app, person)
    made = await export_bytes(app.store, found, caller.who)
    headers = {"Content-Disposition": attached(f"person-{found.id}.zip"), "Content-Length": str(len(made))}
    return StreamingResponse(BytesIO(made), headers=headers, media_type=ZIP)


@router.get(
    "/people/{person}/erasure",
    summary="Read what erasing a person would come to",
    **documented("settings:write", 404),
)
async def foresee_erasure(app: Served, caller: Settles, person: Whom) -> ErasureForeseen:
    """Nothing is changed. Archives and files are searched only when it is done."""
    found = await kept.foreseen(app.store, await person_in(app, person))
    return ErasureForeseen.model_validate(found, from_attributes=True)


@router.post("/people/{person}/erasure", summary="Erase a person", **documented("settings:write", 404))
async def erase_person(app: Served, caller: Settles, person: Whom, wanted: NewErasure) -> ErasureOut:
    """Everywhere, for good. It is answered once it is done, or waits for a run to end: then `why` says for which, and a worker goes on."""
    found = await person_in(app, person)
    if wanted.called not in (found.called, found.name):
        raise at("/called", f"write {found.called!r}, who is erased for good then")
    try:
        id_ = await kept.begin(app.store, found, caller.who, wanted.because, wanted.never_again)
    except FieldError as error:
        raise at("/" + error.field, str(error)) from error
    return ErasureOut.of(await kept.go_on(app.store, id_, app.cancel))


@router.get("/erasures", summary="List erasures", **documented("settings:read"))
async def list_erasures(app: Served, caller: Surveys) -> ErasurePage:
    """Who asked for what, and what it came to."""
    return ErasurePage(erasures=[ErasureOut.of(one) for one in await kept.erasures(app.store)])


@router.get(
    "/erasures/{erasure}", summary="Read an erasure and its receipt", **documented("settings:read", 404)
)
async def get_erasure(app: Served, caller: Surveys, erasure: UUID) -> ErasureOut:
    """Whom it was of is in neither."""
    try:
        return ErasureOut.of(await kept.erasure_of(app.store, erasure))
    except UserError as error:
        raise Refused(404, str(error)) from error
