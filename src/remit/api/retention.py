"""How long ended runs are kept, what a change of that would take away, and what was taken."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field

from remit import retention as kept
from remit.age import read_age, write_age
from remit.api.budgets import Agent
from remit.api.guard import Served, Settles, Surveys, documented
from remit.api.problems import Refused, at
from remit.api.schemas import Sent
from remit.errors import FieldError, UnknownName
from remit.retention import Rule

router = APIRouter(prefix="/retention", tags=["retention"])
AGE = r"^[0-9]{1,6}[hdwy]$"
ABOUT_AGE = "Since a run ended, in hours, days, weeks or years of 366 days, as 12h, 90d, 6w, 7y"
Age = Annotated[str, Query(pattern=AGE, description=ABOUT_AGE + ".")]


class NewRule(Sent):
    """How long runs are kept."""

    archive_after: str | None = Field(
        None, pattern=AGE, description=f"{ABOUT_AGE}; null: never.", examples=["90d"]
    )
    delete_after: str | None = Field(
        None,
        pattern=AGE,
        description="Later than that; null: never. Deleted runs are gone for good.",
        examples=["7y"],
    )


class RuleOut(BaseModel):
    """How long runs are kept, and how that went the last time."""

    agent: str = Field(description="Whose; empty: those of all agents without a rule of their own.")
    archive_after: str | None = Field(description="null: never.")
    delete_after: str | None = Field(description="null: never.")
    by: str = Field(description="Who set it.")
    set_at: datetime
    next_at: datetime = Field(description="When it is applied next.")
    applied_at: datetime | None = Field(description="When it was last.")
    kept: int = Field(description="Runs that could not be archived then, and stay as they were.")
    why: str = Field(description="Why the first of them could not, or what stopped it.")


class InstallationRule(BaseModel):
    """What the settings of the machine say for all workspaces; the sooner of two rules holds."""

    archive_after: str | None
    delete_after: str | None


class DoneOut(BaseModel):
    """What an application of a rule has come to."""

    at: datetime
    policy: str
    archived: int
    bytes_before: int = Field(description="Of the journals that were archived.")
    bytes_after: int = Field(description="Of their archives.")
    deleted: int


class RetentionOut(BaseModel):
    """All of it."""

    rules: list[RuleOut] = Field(description="The workspace's first; none: every run is kept.")
    installation: InstallationRule
    done: list[DoneOut] = Field(description="Where something was archived or deleted, the latest first.")


class Foreseen(BaseModel):
    """What a rule would do, were it applied now."""

    archive: int = Field(description=f"Runs; of each agent {kept.COUNTED} are counted at the most.")
    delete: int = Field(description="Likewise; with them go the files in their folders.")
    oldest_archived: datetime | None = Field(description="When the oldest of them ended.")
    oldest_deleted: datetime | None


@router.get("", summary="Read how long runs are kept", **documented("settings:read"))
async def get_retention(app: Served, caller: Surveys) -> RetentionOut:
    """The rules, and what was archived and deleted lately."""
    own = app.settings
    machine = InstallationRule(
        archive_after=write_age(own.retain_archive_after) if own.retain_archive_after else None,
        delete_after=write_age(own.retain_delete_after) if own.retain_delete_after else None,
    )
    return RetentionOut(
        rules=[_out(one) for one in await kept.list_rules(app.store)],
        installation=machine,
        done=[DoneOut.model_validate(one, from_attributes=True) for one in await kept.lately(app.store)],
    )


@router.get("/foreseen", summary="Read what a rule would take away", **documented("settings:read", 400, 422))
async def foresee(
    app: Served, caller: Surveys, archive_after: Age, delete_after: Age | None = None, agent: Agent = ""
) -> Foreseen:
    """Nothing is changed. What a trigger or an open run may still look back at is counted, and not deleted as long as that is so."""
    try:
        ages = (read_age("archive_after", archive_after), read_age("delete_after", delete_after or ""))
        found = await kept.foreseen(app.store, agent, *ages)
    except FieldError as error:
        raise at("/" + error.field, str(error)) from error
    return Foreseen(
        archive=found.archive,
        delete=found.delete,
        oldest_archived=found.oldest,
        oldest_deleted=found.oldest_deleted,
    )


@router.put("", summary="Set how long runs are kept", **documented("settings:write", 400))
async def set_retention(app: Served, caller: Settles, wanted: NewRule, agent: Agent = "") -> RuleOut:
    """Of an agent, or of all that have no rule of their own, in place of what is set. It is first applied an hour later; until
    then it can be changed or removed as if it had not been."""
    try:
        ages = (
            read_age("archive_after", wanted.archive_after or ""),
            read_age("delete_after", wanted.delete_after or ""),
        )
        return _out(await kept.set_rule(app.store, agent, *ages, caller.who))
    except FieldError as error:
        raise at("/" + error.field, str(error)) from error


@router.delete("", status_code=204, summary="Remove such a rule", **documented("settings:write", 400, 404))
async def remove_retention(app: Served, caller: Settles, agent: Agent = "") -> None:
    """Runs of the agent are kept as those of all others; without a rule for these, all of them are."""
    try:
        await kept.remove_rule(app.store, agent, caller.who)
    except UnknownName as error:
        raise Refused(404, str(error)) from error


def _out(rule: Rule) -> RuleOut:
    return RuleOut(
        agent=rule.agent,
        archive_after=write_age(rule.archive_after) if rule.archive_after else None,
        delete_after=write_age(rule.delete_after) if rule.delete_after else None,
        by=rule.by,
        set_at=rule.set_at,
        next_at=rule.due_at,
        applied_at=rule.looked_at,
        kept=rule.kept,
        why=rule.why,
    )
