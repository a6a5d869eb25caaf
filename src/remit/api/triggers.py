"""What begins runs without a person at a keyboard: the triggers of published agents, and what became of what they heard."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field

from remit.api.guard import Connects, Looks, Served, Writes, documented, require_sure
from remit.api.problems import at
from remit.api.schemas import Sent
from remit.errors import UserError
from remit.journal.search import Place, place
from remit.triggers import firing, kept
from remit.triggers.firing import Firing
from remit.triggers.kept import Standing
from remit.triggers.refusals import list_refusals

router = APIRouter(prefix="/triggers", tags=["triggers"])


class FiringOut(BaseModel):
    """An event, and what became of it."""

    id: UUID
    at: datetime = Field(description="When it was written down.")
    by: str = Field(description="Who had it begin by hand; empty: nobody.")
    state: Literal["due", "starting", "begun", "skipped", "failed"] = Field(
        description="due: it waits; begun: there is a run; skipped: none was wanted; failed: none could begin."
    )
    why: str = Field(description="Why it waits, was skipped or failed.")
    run: UUID = Field(description="The run that it begins, once it is begun.")


class TriggerOut(BaseModel):
    """A trigger of the version of an agent that runs."""

    agent: str
    name: str
    kind: Literal["schedule", "webhook", "after", "mail", "slack", "sms", "chat"]
    version: int = Field(description="Of the agent.")
    begins: str = Field(description="When it begins a run, in words.")
    state: str = Field(description="`on`, `paused`, or `no secret yet`.")
    spec: dict[str, Any] = Field(description="As the agent has it.")
    paused_at: datetime | None
    paused_by: str
    next: list[datetime] = Field(description="The next times of a schedule.")
    path: str = Field(
        description="Where a webhook is delivered to, at this server; empty for the other kinds."
    )
    secret_at: datetime | None = Field(description="When the secret of a webhook was made; null: never.")
    last: FiringOut | None = Field(description="What it heard last.")


class TriggerPage(BaseModel):
    """All of them, by agent and name."""

    triggers: list[TriggerOut]


class RefusalOut(BaseModel):
    """A delivery that was not taken."""

    at: datetime
    why: str


class FiringPage(BaseModel):
    """Events, the newest first."""

    firings: list[FiringOut]
    refused: list[RefusalOut] = Field(
        description="The last deliveries that were not taken; on the first page."
    )
    next: str | None = Field(
        description="Send it as `cursor` for the page after this one; null: there is none."
    )


class Fire(Sent):
    """Have it begin now."""

    body: Any = Field(None, description="For a webhook: what is delivered to it, as it were.")
    run: UUID | None = Field(
        None, description="For one that follows an agent: which of its ended runs; left out: the last one."
    )


class TriggerSecret(BaseModel):
    """A new secret."""

    secret: str = Field(description="It is shown this once. For a day the one before is taken too.")


@router.get("", summary="List triggers", **documented("agents:read"))
async def list_triggers(
    app: Served,
    caller: Looks,
    agent: Annotated[str, Query(max_length=200, description="Only of this agent.")] = "",
) -> TriggerPage:
    """Of the versions of agents that run."""
    agent = agent.replace("\0", "�")
    last = await firing.latest(app.store, agent)
    found = await kept.list_triggers(app.store, agent)
    return TriggerPage(triggers=[_out(one, last.get(one.called)) for one in found])


@router.get("/{agent}/{name}", summary="See a trigger", **documented("agents:read", 404))
async def get_trigger(app: Served, caller: Looks, agent: str, name: str) -> TriggerOut:
    """As it stands, with its next times and what it heard last."""
    return await _told(app, await kept.get_trigger(app.store, agent, name))


@router.post("/{agent}/{name}/pause", summary="Pause a trigger", **documented("runs:write", 404))
async def pause_trigger(app: Served, caller: Writes, agent: str, name: str) -> TriggerOut:
    """It begins nothing until it is resumed. Times go by; deliveries are answered 503, and their senders try again."""
    return await _told(app, await kept.pause(app.store, agent, name, caller.who))


@router.post("/{agent}/{name}/resume", summary="Resume a trigger", **documented("runs:write", 404))
async def resume_trigger(app: Served, caller: Writes, agent: str, name: str) -> TriggerOut:
    """From now on; times that went by are not made up for."""
    return await _told(app, await kept.resume(app.store, agent, name, caller.who))


@router.post(
    "/{agent}/{name}/fire", status_code=202, summary="Fire a trigger now", **documented("runs:write", 404)
)
async def fire_trigger(app: Served, caller: Writes, agent: str, name: str, wanted: Fire) -> FiringOut:
    """As if its time had come, `body` had been delivered, or `run` had just ended; also while it is paused. A worker begins the
    run."""
    try:
        return _firing(await firing.fire(app.store, agent, name, caller.who, wanted.body, wanted.run))
    except UserError as error:
        known = await kept.get_trigger(app.store, agent, name)
        raise at("/run" if known.kind == "after" else "/body", str(error)) from error


@router.post("/{agent}/{name}/secret", summary="Make a secret", **documented("connections:write", 404))
async def make_trigger_secret(app: Served, caller: Connects, agent: str, name: str) -> TriggerSecret:
    """The first one of a webhook, or a new one; for a day the one before is taken too."""
    require_sure(caller)
    return TriggerSecret(secret=await kept.make_secret(app.store, agent, name, caller.who))


@router.get("/{agent}/{name}/firings", summary="List what a trigger heard", **documented("agents:read", 404))
async def list_firings(
    app: Served,
    caller: Looks,
    agent: str,
    name: str,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
    cursor: Annotated[str, Query(max_length=100, description="`next` of the page before.")] = "",
) -> FiringPage:
    """In the last 30 days, with what became of it."""
    try:
        older = place(cursor) if cursor else None
    except UserError as error:
        raise at("?cursor", "is none of ours: send `next` of the page before, or leave it out") from error
    found = await firing.list_firings(app.store, agent, name, limit=limit + 1, older=older)
    last = found[limit - 1] if len(found) > limit else None
    refused = [] if older else await list_refusals(app.store, agent, name)
    return FiringPage(
        firings=[_firing(one) for one in found[:limit]],
        refused=[RefusalOut.model_validate(one, from_attributes=True) for one in refused],
        next=str(Place(last.at, last.id)) if last else None,
    )


async def _told(app: Any, known: Standing) -> TriggerOut:
    last = await firing.latest(app.store, known.agent)
    return _out(known, last.get(known.called))


def _out(known: Standing, last: Firing | None) -> TriggerOut:
    told = known.told(datetime.now(UTC))
    return TriggerOut.model_validate(told | {"last": _firing(last) if last else None})


def _firing(one: Firing) -> FiringOut:
    return FiringOut.model_validate(one, from_attributes=True)
