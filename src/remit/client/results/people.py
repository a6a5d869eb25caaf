"""People, and what was heard of them."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any, Literal
from uuid import UUID

from remit.client.results.result import Result


class SetAside(Result):
    """A row that was not taken in: which of those that were sent, and why."""

    row: int
    field: str
    why: str


class Taken(Result):
    """What became of rows; `known`: that were there before, or twice among them."""

    new: int
    known: int
    set_aside: list[SetAside]


class Profile(Result):
    """An identifier of a person. `shared`: why it is taken for many people's; empty: it is not."""

    id: int
    kind: str
    value: str
    verified: bool
    shared: str


class Link(Result):
    """Why two identifiers are taken for one person's; `held`: why they are not."""

    id: int
    a: int
    b: int
    how: str
    confidence: float
    source: str
    event: str
    at: datetime
    seen: int
    by: str
    held: str
    withdrawn_at: datetime | None
    reasons: list[tuple[str, float]] | None


class Consent(Result):
    """Whether somebody may be written to; empty: on any channel, for any purpose."""

    channel: str
    purpose: str
    says: Literal["yes", "no"]
    since: datetime
    because: str


class Doubt(Result):
    """Two who may be one person, with the evidence that raises it."""

    a: int
    b: int
    called_a: str
    called_b: str
    held: str
    how: str
    confidence: float
    reasons: list[tuple[str, float]] | None
    source: str
    event: str
    at: datetime
    seen: int


class PersonState(Result):
    """What everything heard of somebody comes to. Times are in days; `channels` are shares."""

    stage: str
    count: int
    recency: float
    woke: float | None
    channels: dict[str, float]
    spent: dict[str, Decimal]
    worth: dict[str, float]


class Want(Result):
    """What somebody wants now, as far as it was inferred of a message or of behaviour; `confidence`: what is left of it."""

    intent: str
    confidence: float
    at: datetime
    by: str
    because: str


class Feeling(Result):
    """How what somebody wrote of late sounds: `score` from -1 to 1, of so many messages."""

    score: float
    says: str
    messages: int
    last: datetime


class KnownPerson(Result):
    """Who is one person, as far as is known. `about`: of each attribute what was said last, when, and by which source."""

    id: int
    name: str
    about: dict[str, Any]
    profiles: list[Profile]
    links: list[Link]
    state: PersonState | None
    sentiment: Feeling | None
    wants: list[Want]
    consent: list[Consent]


class FoundPerson(Result):
    """A person in a list; `by`: by which they were found, or are known best."""

    id: int
    called: str
    by: str
    last: datetime | None


class Interaction(Result):
    """What happened once."""

    source: str
    event: str
    profile: int
    at: datetime
    received: datetime
    channel: str
    direction: str
    kind: str
    conversation: str
    subject: str
    text: str
    value: Decimal | None
    currency: str
    properties: dict[str, Any]


class Rejected(Result):
    """A row that was set aside, as it came."""

    id: int
    source: str
    line: int
    field: str
    why: str
    row: str
    at: datetime


class ErasureForeseen(Result):
    """What erasing somebody would come to now, by table; `held`: what stays without them, `set_up`: what is to be changed by hand."""

    rows: dict[str, int]
    runs: int
    journals: int
    searched: dict[str, int]
    held: dict[str, int]
    set_up: dict[str, int]


class Erasure(Result):
    """How far an erasure is. `why`: what it waits for; `receipt`: once it is done."""

    id: UUID
    by: str
    because: str
    asked_at: datetime
    step: str
    counts: dict[str, int]
    why: str
    done_at: datetime | None
    receipt: dict[str, Any] | None
