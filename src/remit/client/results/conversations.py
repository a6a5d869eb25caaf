"""Conversations with people, and who talks with them in an agent's place."""

from __future__ import annotations

from datetime import datetime
from typing import Literal
from uuid import UUID

from remit.client.results.result import Result


class ConversationRow(Result):
    """One in a list, with the last that was said; `taken_by`: the colleague who has it, if any."""

    name: str
    channel: str
    person: int
    who: str
    agent: str
    at: datetime
    text: str
    taken_by: str


class Line(Result):
    """Something that was said; `by`: which colleague."""

    id: int
    at: datetime
    side: Literal["visitor", "agent", "colleague"]
    by: str
    text: str


class Takeover(Result):
    """Who talks in the agent's place. It ends at `until` by itself; `ended_by` is empty where it did, or where it stands."""

    by: str
    at: datetime
    until: datetime
    ended_at: datetime | None
    ended_by: str
    note: str


class Words(Result):
    """What a colleague has written, and the run that sends it."""

    run: UUID
    at: datetime
    text: str
    sent: bool


class Conversation(Result):
    """What was said, and whose it is: `taken` is the last takeover, whether it stands or is over, and `written` what was written in it."""

    name: str
    who: str
    person: int
    channel: str
    agent: str
    run: UUID | None
    taken: Takeover | None
    written: list[Words]
    lines: list[Line]
