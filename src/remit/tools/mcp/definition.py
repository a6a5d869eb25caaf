"""A tool as its server defines it, and the hash that it is pinned by. Another definition is another tool."""

from __future__ import annotations

import difflib
import hashlib
import json
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from remit.tools.openapi.operation import Operation
from remit.tools.tool import Clearance, Effect, Integrity, Reaches

Json = Any


class Definition(BaseModel):
    """What a server says of a tool and a person has read; its hints (`readOnlyHint`, …) are no part of it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    description: str = ""
    input: dict[str, Json]
    output: Json = None
    operation: Operation | None = None  # of an API that describes itself; None: of an MCP server

    @property
    def sha256(self) -> str:
        """Of name, description, input and output schema, and the operation of an API, as canonical JSON."""
        return hashlib.sha256(self.text(indent=None).encode()).hexdigest()

    def text(self, indent: int | None = 2) -> str:
        separators = (",", ":") if indent is None else (",", ": ")
        data = self.model_dump(mode="json", exclude={"operation"} if self.operation is None else None)
        return json.dumps(data, sort_keys=True, ensure_ascii=False, indent=indent, separators=separators)


class Server(BaseModel):
    """What a server calls itself."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = ""
    version: str = ""

    def __str__(self) -> str:
        return f"{self.name or 'a server without a name'} {self.version or '(no version)'}"


class Reached(BaseModel):
    """Whom a tool's calls reach: the arguments that say whom, by which channel, and what for (docs/contact.md). `kind`: of the identifiers
    in them, as `customer`, where the channel does not say; `advertises`: the argument that makes it marketing."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    whom: str | tuple[str, ...]
    channel: Annotated[str, Field(min_length=1)] = "email"
    purpose: Annotated[str, Field(min_length=1)] = "service"
    kind: Annotated[str, Field(pattern=r"^([a-z][a-z0-9_]{0,39})?$")] = ""
    advertises: str = ""

    @property
    def as_tools_say(self) -> Reaches:
        return Reaches(self.whom, self.channel, self.purpose, self.kind, self.advertises)


class Declaration(BaseModel):
    """What a person says of a tool. Undeclared: it destroys, nobody vouches for its result, and a person is asked after a
    crash. `key`: the argument that carries the idempotency key, which no model then writes."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    effect: Effect = "destroy"
    sinks: dict[str, str] = {}
    integrity: Integrity | dict[str, Integrity] = "untrusted"
    confidentiality: str | dict[str, str] | None = None
    clearance: Clearance = (
        "public"  # of others' servers nothing is known: what is more than that does not go there
    )
    settle: Literal["key", "ask", "repeat"] = "ask"
    key: str = ""
    reaches: Reached | Literal["nobody"] | None = None  # None: as the addresses among its sinks say
    timeout: Annotated[float, Field(gt=0, le=600)] = 60.0


def difference(before: Definition | None, now: Definition | None) -> str:
    """What differs, as a unified diff of the two."""
    left = before.text().splitlines() if before else []
    right = now.text().splitlines() if now else []
    return "\n".join(difflib.unified_diff(left, right, "pinned", "now", lineterm="", n=1))


NAMES = {
    "description": "its description",
    "input": "its arguments",
    "output": "its result's schema",
    "operation": "its request",
}


def changed(before: Definition, now: Definition | None) -> str:
    """In a few words, which parts of a pinned tool differ; empty where it is the same tool."""
    if now is None:
        return "its server does not offer it any more"
    if before.sha256 == now.sha256:
        return ""
    parts = [part for part in NAMES if getattr(before, part) != getattr(now, part)]
    return f"{' and '.join(NAMES[part] for part in parts)} changed since it was pinned"


def differences(
    pinned: Mapping[str, Definition], offered: Mapping[str, Definition]
) -> Iterator[tuple[str, Definition | None, Definition | None]]:
    """Each tool that is new, changed or gone: its name, as pinned, as offered."""
    for name in sorted({*pinned, *offered}):
        before, now = pinned.get(name), offered.get(name)
        if before is None or now is None or before.sha256 != now.sha256:
            yield name, before, now
