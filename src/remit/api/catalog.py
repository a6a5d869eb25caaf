"""What was done to the world, and what there is to work with."""

from __future__ import annotations

import re
from datetime import datetime
from decimal import Decimal
from fnmatch import fnmatchcase
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field

from remit.api.guard import Looks, Reads, Served, documented
from remit.api.runs import events_of
from remit.journal.effects import Effect, ledger, list_effects
from remit.models.keys import environment_with
from remit.models.registry import known_models
from remit.tools.registry import installed, resolve

router = APIRouter()
DOUBTFUL = ("in doubt", "unknown")
Limit = Annotated[int, Query(ge=1, le=200)]
Doubtful = Annotated[bool, Query(description="Only those of which nobody knows whether they happened.")]


class EffectOut(BaseModel):
    """Something that was done to the world, or begun."""

    run: UUID
    call: str = Field(examples=["3.1"])
    tool: str
    args: dict[str, Any]
    outcome: str = Field(
        description="`ok`, `undone`, `failed`, `mend` (it did not happen, the agent may correct the call), `rejected` (a person "
        "left it undone after a crash), `in doubt` (begun, and nothing known yet) or `unknown` (its run ended meanwhile).",
        examples=["ok"],
    )
    key: str = Field(description="The idempotency key that the tool was given.")
    attempts: int = Field(
        description="How often it was begun: more than once only where that was safe or approved."
    )
    begun: datetime
    ended: datetime | None
    result: Any
    rule: str = Field(description="The rule that allowed it, or asked.")
    approved_by: str


class EffectPage(BaseModel):
    """Effects, newest first."""

    effects: list[EffectOut]


class ToolOut(BaseModel):
    """A tool with what it declares."""

    name: str = Field(examples=["http_get"])
    description: str
    effect: Literal["read", "self", "egress", "destroy"] = Field(
        description="read looks; self changes only what is the run's own; egress sends something out; destroy changes the world."
    )
    arguments: dict[str, Any] = Field(description="Their JSON Schema.")
    sinks: dict[str, str] = Field(description="Argument that the gate wants evidence for -> its kind.")
    integrity: Literal["system", "person", "member", "untrusted"] = Field(
        description="Who vouches for its result as a whole."
    )
    fields: dict[str, Literal["system", "person", "member", "untrusted"]] = Field(
        description="Path in the result -> who vouches for it, where they differ."
    )
    settled_by: Literal["key", "lookup", "ask", "repeat"] = Field(description="What is done after a crash.")
    can_undo: bool
    timeout: float = Field(description="Seconds.")


class ToolPage(BaseModel):
    """Tools by name."""

    tools: list[ToolOut]


class ModelOut(BaseModel):
    """A model that can be chosen."""

    name: str = Field(examples=["anthropic:claude-sonnet-5-5"])
    source: str = Field(description="Where it is known from.")
    available: bool
    why: str = Field(description="What to do where it is not available.")
    input_price: Decimal | None = Field(description="US dollars a million tokens; null: unknown.")
    output_price: Decimal | None = Field(description="US dollars a million tokens; null: unknown.")


class ModelPage(BaseModel):
    """Models, in the order in which one is chosen."""

    models: list[ModelOut]


@router.get("/effects", tags=["effects"], summary="List effects", **documented("runs:read"))
async def list_all_effects(
    app: Served, caller: Reads, doubtful: Doubtful = False, limit: Limit = 50
) -> EffectPage:
    """The newest effects of all runs."""
    found = await list_effects(app.store, app.journal, doubtful=doubtful, limit=limit)
    return EffectPage(effects=[_effect(one) for one in found])


@router.get(
    "/runs/{run}/effects", tags=["effects"], summary="List a run's effects", **documented("runs:read", 404)
)
async def list_effects_of_run(
    app: Served, caller: Reads, run: UUID, doubtful: Doubtful = False
) -> EffectPage:
    """All that a run did to the world."""
    found = ledger(await events_of(app, run))[::-1]
    return EffectPage(effects=[_effect(one) for one in found if not doubtful or one.outcome in DOUBTFUL])


@router.get("/tools", tags=["catalog"], summary="List tools", **documented("agents:read"))
async def list_tools(
    caller: Looks, name: Annotated[str, Query(max_length=200, description="Only such, as `http_*`.")] = "*"
) -> ToolPage:
    """The tools that are installed, with what each declares of itself."""
    found = sorted(resolve(["*"], installed()), key=lambda tool: tool.name)
    return ToolPage(
        tools=[
            ToolOut(
                name=tool.name,
                description=tool.description,
                effect=tool.effect,
                arguments=dict(tool.schema),
                sinks=dict(tool.sinks),
                integrity=tool.integrity,
                fields=dict(tool.fields),
                settled_by=tool.settle.how,
                can_undo=tool.undo is not None,
                timeout=tool.timeout,
            )
            for tool in found
            if fnmatchcase(tool.name, name)
        ]
    )


@router.get("/models", tags=["catalog"], summary="List models", **documented("agents:read"))
async def list_models(app: Served, caller: Looks) -> ModelPage:
    """What can be chosen, best first, with what keeps the rest from being chosen; never a key."""
    return ModelPage(
        models=[
            ModelOut(
                name=without_password(model.name),
                source=model.source,
                available=model.available,
                why=model.why,
                input_price=model.price.input if model.price else None,
                output_price=model.price.output if model.price else None,
            )
            for model in await known_models(
                app.settings, environment=environment_with(await app.keys.of(app.store.workspace))
            )
        ]
    )


def without_password(name: str) -> str:
    """A model's name may be an address, and that may hold who calls."""
    return re.sub(r"://[^/#]*@", "://…@", name)


def _effect(effect: Effect) -> EffectOut:
    return EffectOut.model_validate(effect, from_attributes=True)
