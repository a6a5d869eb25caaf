"""Runs, what they ask, and their journal."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any, Literal
from uuid import UUID

from pydantic import Field

from remit.client.results.result import OPEN, Result, Status


class Person(Result):
    """For whom a run acts."""

    id: str
    email: str
    name: str
    verified: bool
    by: str


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
    changed: dict[str, Changed] = Field(default_factory=dict)
    rule: str
    reasons: list[str]
    evidence: dict[str, str]
    provenance: dict[str, str]


class Checked(Result):
    """A done check's verdict."""

    check: str
    verdict: Literal["met", "not met", "cannot verify"]
    detail: str


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
    checks: list[Checked]
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
    cost: Decimal | None  # null until it ends or waits for a person


class RunFile(Result):
    """A file of a run. Where it `came` with it, `sha256` is as it came. Not `here`: it was removed, or lies on another machine."""

    name: str
    kind: Literal["came", "made"]
    bytes: int
    sha256: str | None
    here: bool


class Child(Result):
    """A run that was delegated a part of another's goal."""

    parent: UUID
    run: RunRow


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
