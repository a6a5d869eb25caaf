"""What of people may not be used for everything."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Path
from pydantic import BaseModel, Field

from remit.api.guard import Served, Settles, Surveys, documented
from remit.api.problems import Refused, at
from remit.api.schemas import Name, Sent, Text
from remit.errors import FieldError, UnknownName
from remit.graph import purposes as graph

router = APIRouter(prefix="/purposes", tags=["people"])
Limited = Annotated[Name, Path(max_length=120, description=f"{graph.FIELDS}.")]


class NewLimit(Sent):
    """What something may be used for."""

    purposes: list[Name] = Field(
        max_length=50, description="All of them; nothing else is allowed.", examples=[["service", "fraud"]]
    )
    because: Annotated[Text, Field(max_length=graph.LONGEST)] = Field(
        description="Why, for whoever looks at it later."
    )


class LimitOut(BaseModel):
    """Something of people, and all that it may be used for."""

    field: str
    purposes: list[str]
    because: str
    by: str = Field(description="Who set it.")
    at: datetime


class LimitPage(BaseModel):
    """By field; what is not here may be used for everything."""

    limits: list[LimitOut]


@router.get("", summary="List what is limited to purposes", **documented("settings:read"))
async def list_limits(app: Served, caller: Surveys) -> LimitPage:
    """By field."""
    found = await graph.list_limits(app.store)
    return LimitPage(limits=[LimitOut.model_validate(one, from_attributes=True) for one in found])


@router.put("/{field}", summary="Limit something to purposes", **documented("settings:write"))
async def set_limit(app: Served, caller: Settles, field: Limited, new: NewLimit) -> LimitOut:
    """In place of what is set, from the next call of each run on."""
    try:
        made = await graph.set_limit(app.store, field, new.purposes, new.because, caller.who)
    except FieldError as error:
        raise at("/" + error.field, str(error)) from error
    return LimitOut.model_validate(made, from_attributes=True)


@router.delete("/{field}", status_code=204, summary="Remove a limit", **documented("settings:write", 404))
async def remove_limit(app: Served, caller: Settles, field: Limited) -> None:
    """It may be used for everything again."""
    try:
        await graph.remove_limit(app.store, field, caller.who)
    except UnknownName as error:
        raise Refused(404, str(error)) from error
