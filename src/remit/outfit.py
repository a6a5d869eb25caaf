"""From an agent's spec to what a run of it needs: the tools by name, the rules compiled, the tools as the model sees them."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from pathlib import Path

from remit import library
from remit.agents.airlock import GOAL
from remit.agents.connected import connected, own_names
from remit.agents.delegate import NAME as DELEGATE
from remit.agents.delegate import delegate_tool
from remit.agents.load import load_agent
from remit.agents.spec import Agent
from remit.agents.spec import Rule as RuleSpec
from remit.agents.think import ASK, OWN, PLAN, finish_tool
from remit.agents.workspace import Workspace, compilable, require_people
from remit.errors import SpecError, UnknownName, UserError
from remit.gate.rules import Rule, Rules, compile_rules
from remit.gate.sums import find
from remit.journal.events import Event, Json, Narrowed, Started
from remit.models.model import ToolSpec
from remit.tools.knowledge import TOOLS as LOOKING_UP
from remit.tools.registry import installed, resolve
from remit.tools.tool import Tool


@dataclass(frozen=True, slots=True)
class Outfit:
    """What an agent's spec becomes once its names are resolved."""

    tools: Mapping[str, Tool]
    rules: Rules
    offered: tuple[ToolSpec, ...]


UNASKED = "what this rule asks about is not known here, so it holds"
_OUTFITS: dict[str, Outfit] = {}  # by the spec's own text: compiled once in a process


def outfit(agent: Agent) -> Outfit:
    """Resolve an agent's tools and compile its rules. Raises UnknownName, SpecError."""
    key = agent.model_dump_json()
    if key in _OUTFITS:
        return _OUTFITS[key]
    tools = {tool.name: tool for tool in resolve(own_names(agent), installed())} | connected(agent)
    if agent.knowledge:
        tools |= {tool.name: tool for tool in LOOKING_UP}
    if agent.team:
        tools[DELEGATE] = delegate_tool(agent.team)
    for member in agent.team:
        outfit(member)  # what is wrong with it is said now
    if unknown := set(agent.limits.tools) - set(tools):
        raise UnknownName("tool", min(unknown), tools, f"agent {agent.name}: limits.tools")
    if taken := set(tools) & OWN:
        raise SpecError(
            f"agent {agent.name}: {sorted(taken)[0]!r} is a tool of the loop itself; rename yours"
        )
    offered = tuple(
        ToolSpec(t.name, t.description, t.schema, writes=t.effect in ("egress", "destroy"))
        for t in tools.values()
    )
    own = (*((PLAN,) if agent.plan else ()), ASK, finish_tool(agent.output))
    _OUTFITS[key] = Outfit(tools, _rules(agent, tools), (*offered, *own))
    return _OUTFITS[key]


def _rules(agent: Agent, tools: Mapping[str, Tool]) -> Rules:
    records = {name for tool in tools.values() for name in tool.records}
    from_above = [rule for rule in agent.inherited if _matches(rule, tools)]
    inherited = [_fitted(rule, records, tools) for rule in from_above]
    workspace = [_fitted(rule, records, tools) for rule in agent.workspace if _matches(rule, tools)]
    above = [rule.above for rule in from_above]
    # A child whose parent may look nothing up keeps its rules about that, which then are about nothing
    unused = () if agent.knowledge else {tool.name for tool in LOOKING_UP}
    own = [rule for rule in agent.rules if _matches(rule, tools) or not _matches(rule, unused)]
    return compile_rules([*inherited, *map(compilable, own)], records, tools, workspace, above)


def _matches(rule: RuleSpec, tools: Collection[str]) -> bool:
    """Whether it is about any of the tools, or counts what one of them did."""
    made = compilable(rule)
    counted = {one.of.partition(".")[0] for one in find(made.condition)[1].values()}
    return bool(counted & set(tools)) or any(fnmatchcase(tool, one) for tool in tools for one in made.tools)


def _fitted(spec: RuleSpec, records: Collection[str], tools: Collection[str]) -> Rule:
    """A rule of the workspace, or of the agent that delegated. What it asks about may not be known here; then it holds."""
    rule = compilable(spec)
    try:
        compile_rules([rule], records, tools)
    except SpecError:
        return replace(
            rule, condition="true", written=rule.condition, because=rule.because or f"{UNASKED}: {rule.name}"
        )
    return rule


def require_groups(agent: Agent, groups: Mapping[str, Sequence[str]]) -> None:
    """Raises UserError for a group that may say yes and that nobody is in, in the agent or its team."""
    require_people((*agent.rules, *agent.workspace), groups, f"agent {agent.name}")
    for member in agent.team:
        require_groups(member, groups)


def sources_of(agent: Agent) -> list[str]:
    """The sources that an agent or its team names, the agent's own first."""
    theirs = (name for member in agent.team for name in sources_of(member))
    return list(dict.fromkeys((*agent.knowledge, *theirs)))


def require_forms(agent: Agent) -> None:
    """Raises UnknownName for a form of an airlock that is for no tool of the agent or its team."""
    names = [GOAL, *outfit(agent).tools, *(name for member in agent.team for name in outfit(member).tools)]
    for pattern in agent.airlock.forms:
        if not any(fnmatchcase(name, pattern) for name in names):
            raise UnknownName("tool", pattern, names, f"agent {agent.name}: airlock.forms")


def agent_of(started: Started, narrowed: Sequence[Json] = ()) -> Agent:
    """The agent of a run, with the rules of the workspace that came while it went on."""
    agent = Agent.model_validate(started.spec)
    return narrowed_by(agent, narrowed) if narrowed else agent


def narrowed_by(agent: Agent, rules: Sequence[Json]) -> Agent:
    more = tuple(RuleSpec.model_validate(rule) for rule in rules)
    return Workspace(rules=more).over(agent)


def agent_at(events: Iterable[Event]) -> Agent:
    """The agent of a run as it is judged after these events. Raises UserError where there is no beginning."""
    first, *rest = (event.body for event in events)
    if not isinstance(first, Started):
        raise UserError("there is no such run")
    return agent_of(first, [rule for body in rest if isinstance(body, Narrowed) for rule in body.rules])


def forked(begun: Sequence[Event], last: int, changes: Mapping[str, Json], by: str) -> Started:
    """The first event of a run that goes on from another one after its event `last`; `begun`: those up to there that say what its
    agent is. Raises UserError for a spec that cannot be used."""
    was, first = agent_at(begun), begun[0]
    assert isinstance(first.body, Started)
    agent = was.model_copy(update=dict(changes))
    if agent.reading != was.reading:
        raise UserError("a run is read one way from its beginning: `reading` cannot change in a fork")
    outfit(agent)
    spec = agent.model_dump(mode="json", by_alias=True, exclude_defaults=True)
    said = {
        "fork_of": first.run,
        "fork_seq": last,
        "fork_by": by,
        "spec": spec,
        "parent": None,
        "began": None,
    }
    said |= {"version": None} if changes else {}
    return first.body.model_copy(update=said)


def find_agent(name: str) -> Agent:
    """An agent by file (`path.yaml`) or by its name in the library. Raises UnknownName, SpecError."""
    if name.endswith((".yaml", ".yml")) or os.sep in name:
        return load_agent(Path(name), find_agent)
    known = library.agents()
    if name not in known:
        raise UnknownName("agent", name, known)
    return load_agent(known[name], find_agent)
