"""What can be ticked for an agent: the tools of the registry, of the workspace's connections and of the library's agents, those
that the agent has already, and systems that it may reach. No code is loaded for a name that only stands in a text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType

from remit import library
from remit.agents.connected import connected, own_names
from remit.agents.spec import Agent
from remit.catalogue.find import of_library
from remit.connections.kept import CALLED, Linked
from remit.errors import UserError
from remit.tools.mcp.offer import name_of
from remit.tools.registry import Registry, installed, resolve
from remit.tools.tool import Tool

TITLES = {
    "files": "Files in its own folder",
    "sql": "Databases that it was given",
    "http": "The web",
    "sheet": "Spreadsheets in its own folder",
    "python": "Computation",
    "shell": "A shell in a sandbox",
    "time": "Waiting",
    "mail": "Mail, by a mailbox that it is connected to",
    "slack": "Slack, by a connection to it",
    "chat": "The chat of a site",
    "sms": "SMS and WhatsApp, by a number that it is connected to",
}
FOR = {  # what a system without tools of its own is for
    "http": "requests to it get its key",
    "sql": "for the tools of databases",
    "mail": "for the tools of mail",
    "slack": "for the tools of Slack",
    "twilio": "for the tools of SMS and WhatsApp",
}


@dataclass(frozen=True, slots=True)
class Group:
    """Tools that belong together."""

    title: str
    tools: tuple[Tool, ...]


@dataclass(frozen=True, slots=True)
class Use:
    """A connection of the workspace, under the name that the agent has for it."""

    name: str
    of: str


@dataclass(frozen=True, slots=True)
class System:
    """One that is reached by tools for any such system: an HTTP API, a database."""

    use: Use
    words: str


@dataclass(frozen=True)
class Offer:
    """What can be ticked, and how it is written in a spec."""

    groups: tuple[Group, ...]
    tools: Mapping[str, Tool]
    entries: Mapping[str, str]  # tool -> as a spec names it
    needs: Mapping[str, Mapping[str, str]] = field(default_factory=dict)  # tool -> resources that go with it
    several: Mapping[str, tuple[str, ...]] = field(
        default_factory=dict
    )  # entry of a spec -> the tools that it stands for
    connects: Mapping[str, Use] = field(default_factory=dict)  # tool -> the connection that it is of
    systems: Mapping[str, System] = field(default_factory=dict)  # without tools of their own, by name

    def stands_for(self, entry: str) -> tuple[str, ...]:
        """Empty for an entry that nobody knows here."""
        return self.several.get(entry, ())


def offer_for(agent: Agent | None, linked: Mapping[str, Linked] = MappingProxyType({})) -> Offer:
    """`agent`: as it stands in the database, whose names are trusted; `linked`: the workspace's connections."""
    registry = installed()
    found = _Gathered(registry)
    for family, names in registry.families.items():
        found.add(TITLES.get(family, family.capitalize()), [(name, registry.tools[name]) for name in names])
        found.several[f"{family}.*"] = found.several[family] = names
    found.several["*"] = tuple(registry.tools)
    if agent is not None:
        found.of(agent, f"Tools of {agent.name}")
    given = {key: one.use for key, one in agent.connections.items() if one.use in linked} if agent else {}
    for name in linked:
        given |= {} if name in given.values() else {name: name}
    for name, use in given.items():
        found.link(Use(name, use), linked[use])
    for name in sorted(library.agents(), reverse=True):  # of one name, the shop's tools before the airline's
        found.of(of_library(name), f"From the library: {name}")
    return Offer(
        tuple(found.groups),
        found.tools,
        found.entries,
        found.needs,
        found.several,
        found.connects,
        found.systems,
    )


class _Gathered:
    """What was found so far; a tool that was there already keeps its place."""

    def __init__(self, registry: Registry) -> None:
        self.registry = registry
        self.groups: list[Group] = []
        self.tools: dict[str, Tool] = {}
        self.entries: dict[str, str] = {}
        self.several: dict[str, tuple[str, ...]] = {}
        self.needs: dict[str, Mapping[str, str]] = {}
        self.connects: dict[str, Use] = {}
        self.systems: dict[str, System] = {}

    def add(self, title: str, named: Sequence[tuple[str, Tool]]) -> None:
        fresh = [(entry, tool) for entry, tool in named if tool.name not in self.tools]
        for entry, tool in fresh:
            self.tools[tool.name], self.entries[tool.name] = tool, entry
            self.several[entry] = (tool.name,)
        if fresh:
            self.groups.append(Group(title, tuple(tool for _, tool in fresh)))

    def link(self, use: Use, linked: Linked) -> None:
        """The tools of a connection of the workspace that somebody has read, or the system itself."""
        if linked.kind not in ("mcp", "openapi"):
            by = FOR[linked.kind]
            self.systems[use.name] = System(use, f"{CALLED[linked.kind]}, {by}")
            return
        entry = f"{use.name}:*"
        try:
            theirs = connected(Agent(name="offer", tools=(entry,), connections={use.name: linked.connection}))
        except UserError:
            return  # nobody has read its tools yet
        made = [(f"{use.name}:{name}", theirs[name_of(use.name, name)]) for name in linked.connection.pinned]
        self.connects |= {tool.name: use for _, tool in made if tool.name not in self.tools}
        self.several[entry] = tuple(tool.name for _, tool in made)
        self.add(f"Connection {use.name}", made)

    def of(self, agent: Agent, title: str) -> None:
        """The tools that an agent names beyond the registry."""
        rows: list[tuple[str, Tool]] = []
        for entry in own_names(agent):
            if entry in self.several:
                continue
            try:
                tools = resolve([entry], self.registry)
            except UserError:
                continue  # is not there any more; the form shows the entry as it stands
            self.several[entry] = tuple(tool.name for tool in tools)
            module = entry.partition(":")[0]
            rows += [(entry if ":" in entry else f"{module}:{tool.name}", tool) for tool in tools]
        self.needs |= {tool.name: agent.resources for _, tool in rows if tool.name not in self.tools}
        self.add(title, rows)
        try:
            theirs = connected(agent)
        except UserError:
            return
        for entry in agent.tools:
            connection, colon, tool = entry.partition(":")
            if colon and connection in agent.connections:
                names = agent.connections[connection].pinned if tool == "*" else (tool,)
                by_entry = {f"{connection}:{name}": name for name in names}
                made = [
                    (key, found)
                    for key, name in by_entry.items()
                    if (found := _made(theirs, connection, name))
                ]
                self.several[entry] = tuple(found.name for _, found in made)
                self.add(f"Connection {connection}", made)


def _made(theirs: Mapping[str, Tool], connection: str, name: str) -> Tool | None:
    return theirs.get(name_of(connection, name))
