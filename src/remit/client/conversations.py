"""Conversations with people, taken over from an agent and handed back."""

from __future__ import annotations

from typing import Any
from uuid import UUID, uuid4

from remit.client.parts import Part, Several, W, Want, call, each, get, post
from remit.client.results import Conversation, ConversationRow, Takeover


class Conversations(Part[W]):
    """Each by its name in the list: `chat:…` or `run:…`."""

    @call
    def list(self, *, person: str = "", words: str = "") -> Want[Several[ConversationRow]]:
        """Those that can be taken over, the last first; of one person, by any identifier of theirs; in which words were said."""
        return get(each(ConversationRow, "conversations"), "conversations", person=person, words=words)

    @call
    def get(self, name: str, *, after: int = 0) -> Want[Conversation]:
        """What was said, from the line after that number on, and whose it is."""
        return get(Conversation.of, "conversations", name, after=after)

    @call
    def take(self, name: str) -> Want[Takeover]:
        """Talk in the agent's place from now on. Raises Conflict where a colleague has it."""
        return post(Takeover.of, "conversations", name, "take", harmless=True)

    @call
    def write(self, name: str, text: str, *, key: str = "") -> Want[UUID]:
        """Write to them; the run that sends it. What is tried again here goes out once; give a `key` of your own where your own process
        may try again. Raises Conflict where it is not yours."""
        headers = {"idempotency-key": key or uuid4().hex}
        body = {"text": text}
        return post(_run, "conversations", name, "words", body=body, headers=headers, harmless=True)

    @call
    def back(self, name: str, *, note: str = "") -> Want[Takeover]:
        """The agent goes on, knowing what was said. `note`: what it should know or do now."""
        return post(Takeover.of, "conversations", name, "back", body={"note": note})


def _run(found: Any) -> UUID:
    return UUID(found["run"])
