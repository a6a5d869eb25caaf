"""What the API answers, as types. An answer may have more fields than these by now; they are kept, as attributes."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict

Status = Literal[
    "running", "waiting", "paused", "met", "not met", "cannot verify", "refused", "cancelled", "failed"
]
OPEN = ("running", "waiting", "paused")


class Result(BaseModel):
    """An answer."""

    model_config = ConfigDict(extra="allow", frozen=True, defer_build=True)  # with the first answer


class Person(Result):
    """For whom a run acts."""

    id: str
    email: str
    name: str
    verified: bool


class Changed(Result):
    """An argument that a person changed: what the agent had there."""

    by: str
    was: Any


class Ask(Result):
    """What a run waits for a person to say. `digest` binds a yes to exactly this."""

    run: UUID
    id: str
    kind: Literal["approval", "question", "doubt", "budget"]
    text: str
    digest: str
    expires: datetime | None
    by: list[str]
    persons: int
    endorsed: list[str]
    tool: str
    args: dict[str, Any]
    changed: dict[str, Changed] = {}
    rule: str
    reasons: list[str]
    evidence: dict[str, str]
    provenance: dict[str, str]


class Run(Result):
    """A run, as its journal tells it. Money in US dollars, time in seconds."""

    id: UUID
    agent: str
    goal: str
    person: Person
    status: Status
    queued: str | None
    parent: UUID | None
    fork_of: UUID | None
    created_at: datetime
    events: int
    steps: int
    tokens: int
    cost: Decimal
    seconds: float
    report: str
    output: Any
    why: str
    checks: list[dict[str, Any]]
    asks: list[Ask]

    @property
    def ended(self) -> bool:
        return self.status not in OPEN


class RunRow(Result):
    """A run, as the list has it."""

    id: UUID
    agent: str
    goal: str
    person: str
    status: Status
    created_at: datetime
    updated_at: datetime


class Event(Result):
    """An event of a run's journal; `body` as `docs/api.md` and the OpenAPI document have it, by its `type`."""

    run: UUID
    seq: int
    at: datetime
    body: dict[str, Any]

    @property
    def type(self) -> str:
        return str(self.body["type"])


class Effect(Result):
    """Something that was done to the world, or begun."""

    run: UUID
    call: str
    tool: str
    args: dict[str, Any]
    outcome: str
    key: str
    attempts: int
    begun: datetime
    ended: datetime | None
    result: Any
    rule: str
    approved_by: str


class Comparison(Result):
    """Two runs, event by event."""

    same: bool
    parted: dict[str, int] | None
    a: dict[str, Any]
    b: dict[str, Any]
    rows: list[dict[str, Any]]


class Agent(Result):
    """An agent at hand; `spec` where one was asked for by name."""

    name: str
    description: str
    autonomy: Literal["shadow", "draft", "ask", "act"]
    tools: list[str]
    spec: dict[str, Any] | None = None


class Tool(Result):
    """A tool with what it declares."""

    name: str
    description: str
    effect: Literal["read", "self", "egress", "destroy"]
    arguments: dict[str, Any]
    sinks: dict[str, str]


class Webhook(Result):
    """An address that is told; `secret` only where it was just made."""

    id: UUID
    url: str
    events: list[str]
    agents: list[str]
    by: str
    created_at: datetime
    failing_since: datetime | None
    disabled_at: datetime | None
    disabled_why: str
    secret: str | None = None


class Delivery(Result):
    """A message to a webhook, and how its sending went."""

    id: UUID
    number: str
    message: dict[str, Any]
    state: Literal["due", "done", "dead"]
    attempts: int
    due_at: datetime
    tried_at: datetime | None
    status: int | None
    said: str
