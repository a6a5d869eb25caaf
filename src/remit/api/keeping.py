"""How long what is known of people is kept, and what a change of that would take away."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field

from remit.api.guard import Served, Settles, Surveys, documented
from remit.api.problems import Refused, at
from remit.api.retention import AGE
from remit.api.schemas import Sent
from remit.errors import FieldError, UnknownName
from remit.keeping import rules, work
from remit.keeping.rules import read_lasts, shown

router = APIRouter(prefix="/retention/data", tags=["retention"])
ABOUT_AGE = "Hours, days, weeks or years of 366 days, as 90d, 13w, 7y"
Of = Literal[
    "interactions", "words", "people", "decisions", "contacts", "chats", "takeovers", "aside", "examples"
]
What = Annotated[
    Of,
    Query(description="What it is of: `people` are those of whom nothing was heard, `aside` rows set aside."),
]
WORD = r"^([a-z][a-z0-9_]{0,39})?$"
Kind = Annotated[
    str,
    Query(
        pattern=WORD,
        description="Of interactions and words, of this kind; empty: all without a rule of their own.",
    ),
]
Channel = Annotated[str, Query(pattern=WORD, description="Likewise, on this channel.")]


class NewKeeping(Sent):
    """How long something is kept."""

    lasts: str | None = Field(None, pattern=AGE, description=f"{ABOUT_AGE}; null: for ever.", examples=["2y"])


class KeepingOut(BaseModel):
    """How long something is kept, and how that went the last time."""

    what: str
    kind: str = Field(description="Of interactions and words; empty: all without a rule of their own.")
    channel: str = Field(description="Likewise.")
    lasts: str | None = Field(description="null: for ever.")
    by: str = Field(description="Who set it.")
    set_at: datetime
    next_at: datetime = Field(description="When it is applied next.")
    applied_at: datetime | None = Field(description="When it was last.")
    why: str = Field(description="What stopped it, or kept more than it says.")


class KeepingPage(BaseModel):
    """All that is set; what has no rule is kept for ever."""

    rules: list[KeepingOut]


class TakenAway(BaseModel):
    """What a rule would take away, were it applied now."""

    rows: int = Field(
        description=f"{work.COUNTED} are counted at the most; of people, among as many that are known longest."
    )
    more: bool = Field(description="Whether there may be more.")
    oldest: datetime | None = Field(description="When the oldest of it happened.")


@router.get("", summary="Read how long what is known of people is kept", **documented("settings:read"))
async def get_keeping(app: Served, caller: Surveys) -> KeepingPage:
    """What was taken away is among what `/retention` says was done."""
    return KeepingPage(rules=[KeepingOut(**shown(one)) for one in await rules.list_rules(app.store)])


@router.get(
    "/foreseen", summary="Read what such a rule would take away", **documented("settings:read", 400, 422)
)
async def foresee_keeping(
    app: Served,
    caller: Surveys,
    what: What,
    lasts: Annotated[str, Query(pattern=AGE, description=ABOUT_AGE + ".")],
    kind: Kind = "",
    channel: Channel = "",
) -> TakenAway:
    """Nothing is changed."""
    try:
        found = await work.foreseen(app.store, what, read_lasts(lasts), kind, channel)
    except FieldError as error:
        raise at("/" + error.field, str(error)) from error
    return TakenAway.model_validate(found, from_attributes=True)


@router.put(
    "", summary="Set how long something known of people is kept", **documented("settings:write", 400, 422)
)
async def set_keeping(
    app: Served, caller: Settles, wanted: NewKeeping, what: What, kind: Kind = "", channel: Channel = ""
) -> KeepingOut:
    """In place of what is set. It is first applied an hour later; until then it can be changed or removed as if it had not been. The
    closest rule holds: that of a kind on a channel, of a kind, of a channel, of all. What is taken away is gone for good."""
    try:
        lasts = read_lasts(wanted.lasts or "")
        return KeepingOut(**shown(await rules.set_rule(app.store, what, lasts, caller.who, kind, channel)))
    except FieldError as error:
        raise at("/" + error.field, str(error)) from error


@router.delete(
    "", status_code=204, summary="Remove a rule of what is known", **documented("settings:write", 404, 422)
)
async def remove_keeping(
    app: Served, caller: Settles, what: What, kind: Kind = "", channel: Channel = ""
) -> None:
    """What it spoke of falls under the next wider rule; without one it is kept for ever."""
    try:
        await rules.remove_rule(app.store, what, caller.who, kind, channel)
    except UnknownName as error:
        raise Refused(404, str(error)) from error
