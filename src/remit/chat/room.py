"""The chats that a run may answer: those of its agent."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from remit.chat import kept
from remit.chat.kept import Message, Session
from remit.errors import Mend
from remit.store.store import Store
from remit.talks.kept import writer_of


@dataclass(frozen=True, slots=True)
class Room:
    store: Store
    agent: str

    async def session(self, chat: str) -> Session:
        """Raises Mend."""
        try:
            found = await kept.by_id(self.store, UUID(chat))
        except ValueError:
            found = None
        if found is None or found.agent != self.agent:
            raise Mend("chat: there is no such chat; its id is among the inputs of the run")
        return found

    async def reply(self, chat: str, text: str, key: str, run: UUID) -> Message:
        """Once for each key. What a colleague has written, whose words the run sends, is theirs."""
        session, by = await self.session(chat), await writer_of(self.store, run)
        return await kept.write(self.store, session.id, "colleague" if by else "agent", text, key, run, by)

    async def said(self, chat: str) -> Sequence[Message]:
        return await kept.messages(self.store, (await self.session(chat)).id)

    async def take_up(self, chat: str, run: UUID) -> Sequence[Message]:
        """What the visitor wrote that this run has, in the order in which it came."""
        return await kept.take_up(self.store, (await self.session(chat)).id, run)
