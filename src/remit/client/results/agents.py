"""Agents, and what they are made of."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any, Literal

from remit.client.results.result import Integrity, Result


class Agent(Result):
    """An agent at hand; `spec` where one was asked for by name."""

    name: str
    source: Literal["workspace", "library"]
    version: int | None
    description: str
    autonomy: Literal["shadow", "draft", "ask", "act"]
    tools: list[str]
    spec: dict[str, Any] | None = None


class Mistake(Result):
    """What keeps a draft from being used: where in the spec, and what."""

    pointer: str
    detail: str


class Draft(Result):
    """What people work on. `rev` counts every change; `published` is the version that runs."""

    name: str
    rev: int
    yaml: str
    changed: bool
    by: str
    at: datetime | None
    published: int | None
    archived: bool
    wrong: list[Mistake]


class Version(Result):
    """What was published once; `yaml` where one was asked for by its number."""

    version: int
    note: str
    by: str
    at: datetime
    same_as: int | None
    runs: bool
    yaml: str | None = None


class Tool(Result):
    """A tool with what it declares."""

    name: str
    description: str
    effect: Literal["read", "self", "egress", "destroy"]
    arguments: dict[str, Any]
    sinks: dict[str, str]
    integrity: Integrity
    fields: dict[str, Integrity]
    settled_by: Literal["key", "lookup", "ask", "repeat"]
    can_undo: bool
    timeout: float


class Model(Result):
    """A model that can be chosen; `why` says what to do where it is not available. Prices: US dollars a million tokens."""

    name: str
    source: str
    available: bool
    why: str
    input_price: Decimal | None
    output_price: Decimal | None


class ModelKey(Result):
    """A provider's key that is kept, without its value. `used` False: the server's environment has one, or it is not `readable`
    there: set it again."""

    provider: str
    by: str
    set_at: datetime
    readable: bool
    used: bool
