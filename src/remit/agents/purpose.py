"""What a run, and a call of it, is for: what is used there of people is used for all of that."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from remit.agents.spec import Agent
from remit.decisions.action import REPLY
from remit.graph.consent import MARKETING
from remit.tools.tool import Tool

Json = Any


def purposes_of(agent: Agent, inputs: Mapping[str, Json]) -> frozenset[str]:
    """Of a run: as its agent says, and where it carries a decision out as that does."""
    decision = inputs.get("decision")
    decided = str(decision.get("purpose") or "") if isinstance(decision, Mapping) else ""
    return agent.purposes | {decided} if decided and decided != REPLY else agent.purposes


def advertised(tool: Tool | None, args: Mapping[str, Json]) -> frozenset[str]:
    """Of a call beside: whatever its run is for, what advertises is marketing."""
    reaching = tool.reaching if tool is not None else ()
    ads = any(one.purpose == MARKETING or (one.advertises and args.get(one.advertises)) for one in reaching)
    return frozenset({MARKETING}) if ads else frozenset()
