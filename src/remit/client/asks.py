"""What runs ask, and your word on it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from remit.client.parts import Pages, Part, W, Want, call, get, pages, post, stream
from remit.client.results import Ask, Run
from remit.client.runs import Id


class Asks(Part[W]):
    """What runs ask, and your word on it."""

    @call
    def get(self, run: Id, ask: str) -> Want[Ask]:
        """One thing that a run waits for."""
        return get(Ask.of, "runs", run, "asks", ask)

    @call
    def approve(self, ask: Ask, note: str = "", changes: Mapping[str, Any] | None = None) -> Want[Run]:
        """A yes to exactly what this ask shows, once, or to the call with these arguments in place of its own: `{"amount": 20}`.
        Raises Conflict where it asks for something else by now, Unusable for a change that is denied or does not fit."""
        body = {"digest": ask.digest, "note": note, "changes": dict(changes) if changes else None}
        return _say(ask, "approve", body)

    @call
    def reject(self, ask: Ask, reason: str = "") -> Want[Run]:
        """A no; the agent reads the reason."""
        return _say(ask, "reject", {"reason": reason})

    @call
    def answer(self, ask: Ask, text: str) -> Want[Run]:
        """What it wanted to know."""
        return _say(ask, "answer", {"text": text})

    @stream
    def list(self, *, page: int = 100) -> Pages[Ask]:
        """What waits, the oldest first."""
        return pages(Ask.of, "asks", "asks", limit=page)


def _say(ask: Ask, word: str, body: Mapping[str, Any]) -> Want[Run]:
    return post(Run.of, "runs", ask.run, "asks", ask.id, word, body=body)
