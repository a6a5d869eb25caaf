"""What people may do, by their role. A right is also what a token's scope says, so that both mean the same everywhere."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, get_args

RIGHTS = {
    "runs:read": "See runs, their events and effects, and what they ask.",
    "runs:write": "Begin runs of the agents at hand; pause, resume, cancel and fork runs.",
    "approvals:write": "Answer, approve and reject what runs ask, and widen what they may do, in the owner's name.",
    "agents:read": "See agents, tools and models, and what agents may look up.",
    "agents:write": "Begin and fork runs with a spec, a model or instructions of the caller's own. A spec may name code and "
    "files of the server: whoever has this scope can do what the server can.",
    "persons:assert": "Say for whom a run acts, as verified: for a service that has signed that person in.",
    "policy:write": "Change the rules that hold for every agent, and revoke what is remembered.",
    "connections:write": "Add, change and remove connections, and set secrets.",
    "knowledge:write": "Add, change and remove what agents may look up, and say what of it is vouched for.",
    "persons:read": "See the people of the conversation graph: who they are, and what happened.",
    "persons:write": "Take in what happened; say who is one person, and who is not.",
    "settings:read": "See people, tokens, and the audit log.",
    "settings:write": "Add people, change roles, make tokens for others, and change budgets, retention and keys of model providers.",
}
Role = Literal["owner", "builder", "operator", "approver", "viewer", "guest"]
ROLES: tuple[Role, ...] = get_args(Role)
_VIEWER = frozenset({"runs:read", "agents:read"})
_APPROVER = _VIEWER | {"approvals:write", "persons:read"}
_OPERATOR = _APPROVER | {"runs:write", "persons:write"}
_BUILDER = _OPERATOR | {"agents:write", "connections:write", "knowledge:write"}
OF_ROLE: dict[Role, frozenset[str]] = {
    "owner": frozenset(RIGHTS),
    "builder": _BUILDER,
    "operator": _OPERATOR,
    "approver": _APPROVER,
    "viewer": _VIEWER,
    "guest": frozenset(),
}
# What may be done with one agent alone. Who builds an agent gives it tools and connections of the whole workspace
OF_AGENT: tuple[Role, ...] = ("operator", "approver", "viewer")
# What a token may be for, of some agents alone; the people of the graph are the whole workspace's
BY_AGENT = (_OPERATOR | {"persons:assert"}) - {"persons:read", "persons:write"}
MEANS: dict[Role, str] = {
    "owner": "Everything: people, rules, connections, agents, runs.",
    "builder": "Builds agents, connections and knowledge, and does all that an operator does.",
    "operator": "Starts, pauses, forks and cancels runs, answers what they ask, and says who is one person.",
    "approver": "Answers, approves and rejects what runs ask, and sees the people of the graph.",
    "viewer": "Looks, and changes nothing.",
    "guest": "Nothing but what they may do with single agents, which are named beside it.",
}


@dataclass(frozen=True, slots=True)
class Access:
    """What somebody may do: everywhere in a workspace, and with single agents."""

    rights: frozenset[str] = frozenset()
    by_agent: Mapping[str, frozenset[str]] = field(default_factory=dict)

    @property
    def any(self) -> frozenset[str]:
        """What they may do at all, with some agent at least."""
        return self.rights.union(*self.by_agent.values())

    def on(self, agent: str) -> frozenset[str]:
        """What they may do with an agent and its runs."""
        return self.rights | self.by_agent.get(agent, frozenset())

    def agents(self, right: str) -> frozenset[str] | None:
        """With which agents they have a right; None: with all."""
        if right in self.rights:
            return None
        return frozenset(agent for agent, rights in self.by_agent.items() if right in rights)


NOTHING = Access()


def access_of(role: Role | None, agents: Mapping[str, Role]) -> Access:
    """`agents`: their roles for single ones. None: they may not come at all."""
    if role is None:
        return NOTHING
    return Access(OF_ROLE[role], {agent: OF_ROLE[one] & BY_AGENT for agent, one in agents.items()})
