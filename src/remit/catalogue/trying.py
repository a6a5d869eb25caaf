"""An agent tried without consequence: what it would do is simulated, and people are asked where they would be. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from remit.agents.spec import Agent, Rule
from remit.tools.tool import Tool


def shadow_of(agent: Agent, tools: Mapping[str, Tool]) -> Agent:
    """The agent at autonomy `shadow`, with what its own rung asks or refuses said as rules: shadow alone would judge as if it
    might act."""
    remit = agent.remit.model_copy(update={"autonomy": "shadow"})
    tried = agent.model_copy(update={"remit": remit})
    acts = tuple(name for name, tool in tools.items() if tool.effect in ("egress", "destroy"))
    if not acts or agent.remit.autonomy in ("act", "shadow"):
        return tried
    if agent.remit.autonomy == "draft":
        held = Rule(tool=acts, deny="true", because="this agent only drafts; it changes nothing")
        return tried.model_copy(update={"workspace": (*agent.workspace, held)})
    asks = Rule(tool=acts, ask="true", because="this agent asks before each effect")
    # Beside its rules, as it narrows what they allow; and after them, for what none of them speaks of
    return tried.model_copy(update={"workspace": (*agent.workspace, asks), "rules": (*agent.rules, asks)})
