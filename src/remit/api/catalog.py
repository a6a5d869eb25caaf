"""What was done to the world, and what there is to work with."""

from __future__ import annotations

import re
from fnmatch import fnmatchcase
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query

from remit import library
from remit.agents.spec import Agent
from remit.api.begin import named
from remit.api.guard import Looks, Reads, Served, documented
from remit.api.problems import Refused
from remit.api.runs import events_of
from remit.api.schemas import (
    AgentOut,
    AgentPage,
    AgentRow,
    EffectOut,
    EffectPage,
    ModelOut,
    ModelPage,
    ToolOut,
    ToolPage,
)
from remit.errors import UnknownName
from remit.journal.effects import Effect, ledger, list_effects
from remit.models.registry import known_models
from remit.tools.registry import installed, resolve

router = APIRouter()
DOUBTFUL = ("in doubt", "unknown")
Limit = Annotated[int, Query(ge=1, le=200)]
Doubtful = Annotated[bool, Query(description="Only those of which nobody knows whether they happened.")]


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


@router.get("/agents", tags=["catalog"], summary="List agents", **documented("agents:read"))
async def list_agents(caller: Looks) -> AgentPage:
    """The agents at hand, by name."""
    return AgentPage(agents=[AgentRow(**_row(named(name))) for name in library.agents()])


@router.get("/agents/{name}", tags=["catalog"], summary="See an agent", **documented("agents:read", 404))
async def get_agent(caller: Looks, name: str) -> AgentOut:
    """An agent with its whole spec. Secrets stand in it as references only."""
    if name not in library.agents():
        raise Refused(404, str(UnknownName("agent", name, library.agents())))
    agent = named(name)
    return AgentOut(**_row(agent), spec=agent.model_dump(mode="json", by_alias=True, exclude_defaults=True))


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
            for model in await known_models(app.settings)
        ]
    )


def without_password(name: str) -> str:
    """A model's name may be an address, and that may hold who calls."""
    return re.sub(r"://[^/#]*@", "://…@", name)


def _row(agent: Agent) -> dict[str, object]:
    return {
        "name": agent.name,
        "description": agent.description,
        "autonomy": agent.remit.autonomy,
        "tools": list(agent.tools),
    }


def _effect(effect: Effect) -> EffectOut:
    return EffectOut.model_validate(effect, from_attributes=True)
