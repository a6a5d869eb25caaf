"""What an MCP server has to offer, apart from how it is asked for: tools, resources, prompts."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from mcp.server.context import ServerRequestContext
from mcp_types import (
    CallToolRequestParams,
    CallToolResult,
    GetPromptRequestParams,
    GetPromptResult,
    InputRequiredResult,
    Prompt,
    ReadResourceResult,
    Resource,
    ResourceTemplate,
    Tool,
)

from remit.api.guard import Caller
from remit.api.schemas import Begin

Context = ServerRequestContext[Any, Any]


@dataclass(frozen=True, slots=True)
class Plain:
    """A tool that answers at once."""

    tool: Tool
    call: Callable[[Context, CallToolRequestParams], Awaitable[CallToolResult | InputRequiredResult]]
    needs: str = "runs:read"


@dataclass(frozen=True, slots=True)
class Works:
    """A tool that is an agent: a call begins a run."""

    tool: Tool
    # What the run is to be, or what has to be asked first, where that can be asked; raises ValidationError
    begin: Callable[[CallToolRequestParams, bool], Begin | InputRequiredResult]
    needs: str = "runs:write"
    always_task: bool = False  # it is never waited for


@dataclass(frozen=True, slots=True)
class Reads:
    """A resource, or a template of many."""

    what: Resource | ResourceTemplate
    fits: Callable[[str], bool]
    read: Callable[[Context, str], Awaitable[ReadResourceResult]]
    needs: str = "runs:read"
    complete: Callable[[str], Awaitable[Sequence[str]]] | None = None


@dataclass(frozen=True, slots=True)
class Prompts:
    """A prompt."""

    prompt: Prompt
    get: Callable[[Context, GetPromptRequestParams], Awaitable[GetPromptResult | InputRequiredResult]]
    needs: str = "runs:read"
    complete: Callable[[str], Awaitable[Sequence[str]]] | None = None


@dataclass(frozen=True, slots=True)
class Shelf:
    """All of it."""

    tools: Mapping[str, Plain | Works] = field(default_factory=dict)
    reads: Sequence[Reads] = ()
    prompts: Mapping[str, Prompts] = field(default_factory=dict)

    def beside(self, other: Shelf) -> Shelf:
        return Shelf(
            {**self.tools, **other.tools}, (*self.reads, *other.reads), {**self.prompts, **other.prompts}
        )


def may(caller: Caller, one: Plain | Works | Reads | Prompts) -> bool:
    return not one.needs or one.needs in caller.scopes
