"""Which tools there are, and which of them an agent's spec names.

A family is a module with `TOOLS`. Ours are listed here and imported when first asked for; other packages add
theirs by an entry point in the group `remit.tools`, or are named in a spec by their dotted path.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.metadata import entry_points
from types import ModuleType

from remit.errors import ToolFault, UnknownName, UserError
from remit.tools.tool import Tool

GROUP = "remit.tools"
BUILTIN = {
    "files": "remit.tools.files",
    "sql": "remit.tools.sql",
    "http": "remit.tools.http",
    "sheet": "remit.tools.sheet",
    "python": "remit.tools.python",
    "shell": "remit.tools.shell",
    "time": "remit.tools.time",
    "mail": "remit.tools.mail",
    "slack": "remit.tools.slack",
    "sms": "remit.tools.sms",
    "people": "remit.tools.people",
    "chat": "remit.tools.chat",
}


@dataclass(frozen=True)
class Registry(Mapping[str, Tool]):
    """Tools by name, and the names of each family. Read-only."""

    tools: Mapping[str, Tool]
    families: Mapping[str, tuple[str, ...]]

    def __getitem__(self, name: str) -> Tool:
        return self.tools[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.tools)

    def __len__(self) -> int:
        return len(self.tools)


def build(families: Mapping[str, ModuleType]) -> Registry:
    """A registry of these families. Raises ToolFault where two tools share a name, or a module has no TOOLS."""
    tools: dict[str, Tool] = {}
    names: dict[str, tuple[str, ...]] = {}
    for family, module in families.items():
        members = tools_of(module)
        for member in members:
            if member.name in tools:
                raise ToolFault(
                    f"two tools are called {member.name!r}; one is in {module.__name__}: rename it"
                )
            tools[member.name] = member
        names[family] = tuple(member.name for member in members)
    return Registry(tools, names)


@cache
def installed() -> Registry:
    """Our families and those of the installed packages. Raises ToolFault naming a package that does not load."""
    families = {family: importlib.import_module(path) for family, path in BUILTIN.items()}
    for point in entry_points(group=GROUP):
        if point.name in families:
            raise ToolFault(f"entry point {point.value!r}: there is already a tool family {point.name!r}")
        try:
            loaded = point.load()
        except (ImportError, AttributeError) as error:
            package = point.dist.name if point.dist else point.value
            raise ToolFault(f"tools of the package {package!r} do not load: {error}") from error
        if not isinstance(loaded, ModuleType):
            raise ToolFault(f"entry point {point.value!r} must name a module with TOOLS")
        families[point.name] = loaded
    return build(families)


def tools_of(module: ModuleType) -> tuple[Tool, ...]:
    """The tools that a module offers. Raises ToolFault where it offers none."""
    found = getattr(module, "TOOLS", None)
    if not isinstance(found, Sequence) or not all(isinstance(member, Tool) for member in found):
        raise ToolFault(f"{module.__name__} has no TOOLS: a tuple of what @tool made")
    return tuple(found)


def resolve(names: Sequence[str], registry: Registry) -> tuple[Tool, ...]:
    """The tools that a spec names, in its order, each once.

    A name is a tool (`files_read`), a family (`files` or `files.*`), every tool (`*`), or a dotted path
    (`package.module`, `package.module:tool`). Raises UnknownName with the nearest right name; UserError for two
    tools of one name, or a path that does not import.
    """
    chosen: dict[str, Tool] = {}
    for name in names:
        for member in _named(name, registry):
            before = chosen.setdefault(member.name, member)
            if before is not member:
                raise UserError(
                    f"tools: {name!r} brings a second tool called {member.name!r}; drop one of them"
                )
    return tuple(chosen.values())


def _named(name: str, registry: Registry) -> Sequence[Tool]:
    if name == "*":
        return tuple(registry.values())
    if name in registry.tools:
        return (registry.tools[name],)
    family = name.removesuffix(".*")
    if family in registry.families:
        return tuple(registry.tools[member] for member in registry.families[family])
    if ":" in name or ("." in name and not name.endswith(".*")):
        return _imported(name, registry)
    raise UnknownName("tool", name, _known(registry), "tools")


def _imported(name: str, registry: Registry) -> Sequence[Tool]:
    path, _, member = name.partition(":")
    if not all(part.isidentifier() for part in path.split(".")):
        raise UnknownName("tool", name, _known(registry), "tools")
    try:
        module = importlib.import_module(path)
    except ModuleNotFoundError as error:
        if error.name and (path == error.name or path.startswith(error.name + ".")):
            raise UnknownName("tool", name, _known(registry), "tools") from error
        raise UserError(
            f"tools: {name!r} needs the package {error.name!r}, which is not installed"
        ) from error
    except (ImportError, SyntaxError) as error:
        raise UserError(f"tools: {name!r} does not import: {error}") from error
    if not member:
        return tools_of(module)
    offered = {key: value for key, value in vars(module).items() if isinstance(value, Tool)}
    offered |= {value.name: value for value in offered.values()}
    if member not in offered:
        raise UnknownName("tool", name, (f"{path}:{key}" for key in offered), "tools")
    return (offered[member],)


def _known(registry: Registry) -> list[str]:
    return [*registry.tools, *(f"{family}.*" for family in registry.families)]
