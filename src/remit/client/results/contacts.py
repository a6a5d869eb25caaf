"""Who is reached, by which rules, and who is left alone."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from remit.client.results.result import Result


class Contact(Result):
    """That somebody was reached, or was not let be: then `why`, and `until` when."""

    id: int
    to: str
    at: datetime
    channel: str
    purpose: str
    action: str
    by: str
    run: UUID | None
    state: Literal["reserved", "sent", "failed", "refused"]
    why: str
    until: datetime | None


class Against(Result):
    """A rule that refuses, and when it ends by itself."""

    rule: str
    because: str
    until: datetime | None


class Way(Result):
    """At one identifier, by a channel, for a purpose; `against` is empty where it may be done now."""

    to: str
    channel: str
    purpose: str
    against: list[Against]


class Suppression(Result):
    """That somebody is left alone: on a channel, or on all of them (""), until then or for good (None)."""

    id: int
    who: str
    channel: str
    because: str
    until: datetime | None
    by: str
    at: datetime


class Outlook(Result):
    """Whether somebody may be reached now."""

    person: int
    zone: str
    country: str
    ways: list[Way]
    contacts: list[Contact]
    suppressions: list[Suppression]


class ContactRules(Result):
    """The rules of contact that hold; version 0: nobody has set any."""

    version: int
    rules: dict[str, Any]
    note: str
    who: str
    at: datetime | None
