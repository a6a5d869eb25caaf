"""What whoever builds in a browser may name: what the server offers, and what somebody with more rights put there before.

A spec can name code of the server (dotted tools and checks), its files and variables (`file:`, `$NAME`), programs to start
(MCP servers by command) and addresses to which keys are sent. Who may write files or holds a token with agents:write can do
all that anyway. A browser is a weaker door: it is left open, and pages of strangers are open beside it. So it adds
none of these; it may keep and remove those that the agent has, or that an agent of the library has. Pure.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass

from remit.agents.connected import own_names
from remit.agents.spec import Agent, Connection
from remit.models.registry import AUTO, LOCAL, PROVIDERS, split_names
from remit.tools.registry import Registry

Loc = tuple[str | int, ...]
HOW = "a file, `remit agents import` or a token with agents:write can"


@dataclass(frozen=True, slots=True)
class Wrong:
    """What cannot be used, and where it stands in the spec."""

    where: Loc
    what: str


def beyond(
    agent: Agent, trusted: Iterable[Agent], registry: Registry, models: Collection[str] = ()
) -> Iterator[Wrong]:
    """What a browser cannot add to an agent. `trusted`: the library's agents, and the agent as it was before; `models`: by
    name, those that the server offers."""
    known = [one for each in trusted for one in _all(each)]
    for where, one in _placed(agent):
        if one not in known:
            yield from (
                Wrong((*where, *wrong.where), wrong.what) for wrong in _one(one, known, registry, models)
            )


def _all(agent: Agent) -> Iterator[Agent]:
    yield agent
    for member in agent.team:
        yield from _all(member)


def _placed(agent: Agent, where: Loc = ()) -> Iterator[tuple[Loc, Agent]]:
    yield where, agent
    for number, member in enumerate(agent.team):
        yield from _placed(member, (*where, "team", number))


def _one(agent: Agent, known: list[Agent], registry: Registry, models: Collection[str]) -> Iterator[Wrong]:
    own = set(own_names(agent))
    tools = {name for one in known for name in own_names(one)}
    modules = {name for name in tools if ":" not in name}
    for number, name in enumerate(agent.tools):
        offered = name == "*" or name in registry.tools or name.removesuffix(".*") in registry.families
        if name in own and not offered and name not in tools and name.partition(":")[0] not in modules:
            yield Wrong(
                ("tools", number), f"{name} is none of the tools that are offered here; {HOW} name code"
            )
    for key, connection in agent.connections.items():
        of_workspace = connection == Connection(use=connection.use) if connection.use else False
        if not of_workspace and all(one.connections.get(key) != connection for one in known):
            yield Wrong(
                ("connections", key), f"only a connection of the workspace can be added in the browser; {HOW}"
            )
    for key, resource in agent.resources.items():
        if all(one.resources.get(key) != resource for one in known):
            yield Wrong(("resources", key), f"a resource cannot be added or changed in the browser; {HOW}")
    codes = {check.code for one in known for check in one.checks}
    for number, check in enumerate(agent.checks):
        if check.code is not None and check.code not in codes:
            yield Wrong(("checks", number, "code"), f"a check by code cannot be added in the browser; {HOW}")
    yield from _models(agent, known, models)


def _models(agent: Agent, known: list[Agent], offered: Collection[str]) -> Iterator[Wrong]:
    """A model's name can be a file, or an address that would be sent a key."""
    before = {name for one in known for _, named in _named(one) for name in split_names(named)}
    own = {AUTO, *LOCAL, "local", *offered, *before}
    for where, named in _named(agent):
        for name in split_names(named):
            of_provider = name.partition(":")[0] in {"ollama", *(provider.name for provider in PROVIDERS)}
            if name not in own and not of_provider:
                yield Wrong(where, f"{name} is none of the models that are offered here; {HOW} name it")


def _named(agent: Agent) -> Iterator[tuple[Loc, str | tuple[str, ...]]]:
    yield ("model",), agent.model
    if agent.guardian and agent.guardian.model:
        yield ("guardian", "model"), agent.guardian.model
    if agent.airlock.model:
        yield ("airlock", "model"), agent.airlock.model
