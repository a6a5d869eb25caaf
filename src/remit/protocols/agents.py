"""The agents that protocols offer: those at hand, as the API has them."""

from __future__ import annotations

from dataclasses import dataclass

from remit.agents.spec import Agent
from remit.app import App
from remit.catalogue.find import find_named, list_at_hand
from remit.errors import UserError
from remit.outfit import outfit


@dataclass(frozen=True, slots=True)
class Reach:
    """How far an agent may go, for whoever chooses among several."""

    changes: bool  # something in the world
    destroys: bool
    outside: bool  # it reads or sends beyond what is its own


async def agents(app: App) -> list[Agent]:
    """By name: the workspace's that are published, and the library's."""
    return [found.agent for found in await list_at_hand(app.store)]


async def agent_named(app: App, name: str) -> Agent | None:
    """None where none of that name can be run."""
    try:
        return (await find_named(app.store, name)).agent
    except UserError:
        return None


def reach(agent: Agent) -> Reach:
    """By the effects of its tools; one that only shows what it would do changes nothing."""
    effects = {tool.effect for tool in outfit(agent).tools.values()}
    acts = agent.remit.autonomy != "shadow"
    return Reach(
        changes=acts and bool(effects & {"egress", "destroy"}),
        destroys=acts and "destroy" in effects,
        outside=bool(effects - {"self"}),
    )
