"""An agent's YAML as a text that people and forms both work on: what is not touched stays as it was written, comments
included. Pure."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from functools import lru_cache
from types import MappingProxyType
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.scalarstring import LiteralScalarString

from remit.agents.spec import Agent
from remit.agents.triggers import Trigger
from remit.agents.yaml import plain, read
from remit.errors import SpecError

Json = Any
WIDE = 110


def document(text: str, where: str = "the agent") -> dict[str, Any]:
    """The text as a mapping that remembers its comments and order. Raises SpecError."""
    data = read(text, where)
    if not isinstance(data, dict):
        raise SpecError("an agent is a mapping: name, instructions, tools, …", where, 1)
    return data


@lru_cache(maxsize=128)
def data_of(text: str) -> Mapping[str, Json]:
    """The same without comments, to be read and never changed: read once, as reading takes longer than all else of a page.
    Raises SpecError."""
    return MappingProxyType(plain(document(text)))


def written(data: Mapping[str, Json] | Sequence[Json]) -> str:
    """A document as a text. Several lines are written as several lines."""
    yaml = YAML(typ="rt")
    yaml.width = WIDE
    yaml.allow_unicode = True
    yaml.indent(mapping=2, sequence=4, offset=2)
    out = io.StringIO()
    yaml.dump(data, out)
    return out.getvalue()


def lines(text: str) -> str:
    """A text of several lines, to be written as such."""
    text = "\n".join(line.rstrip() for line in text.replace("\r\n", "\n").split("\n"))
    return LiteralScalarString(text.strip("\n") + "\n") if "\n" in text.strip("\n") else text.strip()


def of_spec(agent: Agent) -> str:
    """A spec as a text, with all that differs from what holds where nothing is said."""
    return written(readable(agent.model_dump(mode="json", by_alias=True, exclude_defaults=True)))


def readable(value: Json) -> Json:
    if isinstance(value, Mapping):
        return {key: readable(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [readable(item) for item in value]
    return lines(value) if isinstance(value, str) and "\n" in value.strip("\n") else value


def team_of(text: str) -> tuple[str, ...]:
    """The names of the agents in its team."""
    team = data_of(text).get("team")
    return tuple(one for one in team if isinstance(one, str)) if isinstance(team, Sequence) else ()


def triggers_of(text: str) -> tuple[Trigger, ...]:
    """What begins runs of it, of a text that was checked."""
    return tuple(Trigger.model_validate(one) for one in data_of(text).get("triggers") or ())


def split_pinned(text: str) -> tuple[str, dict[str, Json]]:
    """The text as a file has it, and what stands in the lock file beside that: what is pinned, by connection."""
    data = document(text)
    pinned: dict[str, Json] = {}
    for name, one in (data.get("connections") or {}).items():
        if isinstance(one, dict) and ("pinned" in one or "server" in one):
            tools = plain(one.pop("pinned", None) or {})
            pinned[str(name)] = {"server": plain(one.pop("server", None) or {}), "tools": tools}
    return (written(data) if pinned else text), pinned
