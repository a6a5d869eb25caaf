"""What people may do, by their role. A right is also what a token's scope says, so that both mean the same everywhere."""

from __future__ import annotations

from typing import Literal, get_args

RIGHTS = {
    "runs:read": "See runs, their events and effects, and what they ask.",
    "runs:write": "Begin runs of the agents at hand; pause, resume, cancel and fork runs.",
    "approvals:write": "Answer, approve and reject what runs ask, and widen what they may do, in the owner's name.",
    "agents:read": "See agents, tools and models.",
    "agents:write": "Begin and fork runs with a spec, a model or instructions of the caller's own. A spec may name code and "
    "files of the server: whoever has this scope can do what the server can.",
    "persons:assert": "Say for whom a run acts, as verified: for a service that has signed that person in.",
    "policy:write": "Change the rules that hold for every agent, and revoke what is remembered.",
    "connections:write": "Add, change and remove connections, and set secrets.",
    "settings:read": "See people, tokens, and the audit log.",
    "settings:write": "Add people, change roles, make tokens for others, and change budgets and retention.",
}
Role = Literal["owner", "builder", "operator", "approver", "viewer"]
ROLES: tuple[Role, ...] = get_args(Role)
_VIEWER = frozenset({"runs:read", "agents:read"})
_APPROVER = _VIEWER | {"approvals:write"}
_OPERATOR = _APPROVER | {"runs:write"}
_BUILDER = _OPERATOR | {"agents:write", "connections:write"}
OF_ROLE: dict[Role, frozenset[str]] = {
    "owner": frozenset(RIGHTS),
    "builder": _BUILDER,
    "operator": _OPERATOR,
    "approver": _APPROVER,
    "viewer": _VIEWER,
}
MEANS: dict[Role, str] = {
    "owner": "Everything: people, rules, connections, agents, runs.",
    "builder": "Builds agents and connections, and does all that an operator does.",
    "operator": "Starts, pauses, forks and cancels runs, and answers what they ask.",
    "approver": "Answers, approves and rejects what runs ask.",
    "viewer": "Looks, and changes nothing.",
}
