"""An agent's card: what it is, where it is reached, and how one signs in."""

from __future__ import annotations

from a2a.types.a2a_pb2 import (
    AgentCapabilities,
    AgentCard,
    AgentInterface,
    AgentSkill,
    HTTPAuthSecurityScheme,
    SecurityRequirement,
    SecurityScheme,
    StringList,
)
from a2a.utils.constants import PROTOCOL_VERSION_1_0

import remit
from remit.agents.spec import Agent
from remit.protocols.agents import reach

TAKES = ["text/plain", "application/json"]


def public_card(name: str, base: str) -> AgentCard:
    """What a stranger is told, whether there is such an agent or not: how to call."""
    about = f"The agent {name} of a Remit server. Its card says more to who has a token."
    return _card(name, base, about, AgentSkill(id=name, name=name, description=about, tags=["agent"]))


def whole_card(agent: Agent, base: str) -> AgentCard:
    far = reach(agent)
    tags = [agent.remit.autonomy, *(["changes things"] if far.changes else ["reads only"])]
    about = agent.description or f"The agent {agent.name}."
    skill = AgentSkill(id=agent.name, name=agent.name, description=about, tags=tags)
    return _card(agent.name, base, about, skill)


def _card(name: str, base: str, about: str, skill: AgentSkill) -> AgentCard:
    url = f"{base}/a2a/{name}"
    token = HTTPAuthSecurityScheme(scheme="Bearer", description="A token: remit tokens add --help")
    return AgentCard(
        name=name,
        description=about,
        version=remit.__version__,
        supported_interfaces=[
            AgentInterface(url=url, protocol_binding="JSONRPC", protocol_version=PROTOCOL_VERSION_1_0),
            AgentInterface(url=url, protocol_binding="HTTP+JSON", protocol_version=PROTOCOL_VERSION_1_0),
        ],
        capabilities=AgentCapabilities(streaming=True, push_notifications=False, extended_agent_card=True),
        security_schemes={"token": SecurityScheme(http_auth_security_scheme=token)},
        security_requirements=[SecurityRequirement(schemes={"token": StringList()})],
        default_input_modes=TAKES,
        default_output_modes=TAKES,
        skills=[skill],
    )
