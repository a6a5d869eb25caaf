"""Where the conversation graph hears of people from other systems: webhooks that are delivered, databases that are read."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Path
from pydantic import BaseModel, Field, ValidationError

from remit.api.guard import Connects, Served, documented, require_sure, require_whole
from remit.api.problems import at
from remit.api.schemas import Facts, Sent, Text
from remit.errors import UserError
from remit.intake import kept
from remit.intake.kept import Kept
from remit.intake.spec import intake_of
from remit.intake.sync import call_for

router = APIRouter(prefix="/intakes", tags=["people"])
Named = Annotated[str, Path(max_length=41, description="Also the source of the rows that come of it.")]


class NewIntake(Sent):
    """What is taken in, and the rows that it means."""

    intake: Facts = Field(
        description="As in docs/graph.md: `webhook` or `database` with `query` and `cursor`, and `row`.",
        examples=[{"webhook": "standard", "row": {"kind": "purchase", "email": "/customer/email"}}],
    )


class NewIntakeSecret(Sent):
    """The secret that a sender has given out."""

    secret: Annotated[Text, Field(max_length=1000)] = Field("", description="Empty: one is made.")


class IntakeSecretOut(BaseModel):
    """Shown this once."""

    secret: str


class IntakeOut(BaseModel):
    """An intake as it stands, without its secret."""

    name: str
    kind: Literal["webhook", "database"]
    state: str = Field(description="`on`, `paused`, `no secret yet`, or `goes wrong`.")
    intake: dict[str, Any]
    path: str = Field(description="Where a webhook is delivered to, at the server's address.")
    by: str
    at: datetime
    secret_at: datetime | None
    next_at: datetime | None = Field(description="When a database is read next.")
    heard_at: datetime | None = Field(description="When something came last, or was looked for.")
    taken: int = Field(description="Interactions that came of it.")
    aside: int = Field(description="Rows that were set aside, and wait to be mended.")
    went: str = Field(description="What went wrong last; empty: nothing since.")
    went_at: datetime | None


class IntakePage(BaseModel):
    """All of them, by name."""

    intakes: list[IntakeOut]


@router.get("", summary="List intakes", **documented("connections:write"))
async def list_intakes(app: Served, caller: Connects) -> IntakePage:
    """What the graph hears from other systems, and whether it goes well."""
    require_whole(caller)
    return IntakePage(intakes=[_out(one) for one in await kept.list_intakes(app.store)])


@router.get("/{name}", summary="See an intake", **documented("connections:write", 404))
async def get_intake(app: Served, caller: Connects, name: Named) -> IntakeOut:
    """How it stands."""
    require_whole(caller)
    return _out(await kept.get_intake(app.store, name))


@router.put("/{name}", summary="Set an intake", **documented("connections:write"))
async def set_intake(app: Served, caller: Connects, name: Named, wanted: NewIntake) -> IntakeOut:
    """In place of the one of that name, if there is one."""
    require_whole(caller)
    try:
        intake = intake_of(name, wanted.intake)
    except ValidationError as error:
        first = error.errors()[0]
        where = "/".join(str(part) for part in first["loc"])
        raise at(f"/intake/{where}", first["msg"].removeprefix("Value error, ")) from error
    return _out(await kept.put(app.store, intake, caller.who))


@router.delete("/{name}", status_code=204, summary="Remove an intake", **documented("connections:write", 404))
async def remove_intake(app: Served, caller: Connects, name: Named) -> None:
    """What came of it stays."""
    require_whole(caller)
    await kept.remove(app.store, name, caller.who)


@router.post("/{name}/pause", summary="Pause an intake", **documented("connections:write", 404))
async def pause_intake(app: Served, caller: Connects, name: Named) -> IntakeOut:
    """Senders are asked to try again later; a database is not read."""
    require_whole(caller)
    return _out(await kept.pause(app.store, name, caller.who))


@router.post("/{name}/resume", summary="Resume an intake", **documented("connections:write", 404))
async def resume_intake(app: Served, caller: Connects, name: Named) -> IntakeOut:
    """A database is read on from where it was."""
    require_whole(caller)
    return _out(await kept.resume(app.store, name, caller.who))


@router.post("/{name}/sync", summary="Have a database read", **documented("connections:write", 404))
async def sync_intake(app: Served, caller: Connects, name: Named) -> IntakeOut:
    """Soon, by a worker, and not only when its time has come."""
    require_whole(caller)
    await kept.get_intake(app.store, name)
    try:
        return _out(await call_for(app.store, name))
    except UserError as error:
        raise at("/name", str(error)) from error


@router.post("/{name}/secret", summary="Make a webhook's secret", **documented("connections:write", 404))
async def make_intake_secret(
    app: Served, caller: Connects, name: Named, wanted: NewIntakeSecret
) -> IntakeSecretOut:
    """A new one, or the one that its sender has given out. For a day the one before is taken too."""
    require_sure(caller)
    require_whole(caller)
    await kept.get_intake(app.store, name)
    try:
        return IntakeSecretOut(secret=await kept.make_secret(app.store, name, caller.who, wanted.secret))
    except UserError as error:
        raise at("/secret", str(error)) from error


def _out(one: Kept) -> IntakeOut:
    same = ("name", "state", "path", "by", "at", "secret_at", "next_at", "heard_at", "taken", "aside")
    told = {name: getattr(one, name) for name in (*same, "went", "went_at")}
    return IntakeOut(kind=one.intake.kind, intake=dict(one.spec), **told)
