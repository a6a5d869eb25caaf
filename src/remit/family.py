"""A run with the runs that it has delegated parts of its goal to, and theirs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from uuid import UUID

from remit.app import App
from remit.journal.events import Delegated, Event
from remit.journal.refs import given
from remit.journal.state import State, fold


@dataclass(frozen=True, slots=True)
class Member:
    """A run of a family. `call`: of its parent's, empty for the first; no events: it was never begun."""

    run: UUID
    agent: str
    call: str
    parent: UUID | None
    events: Sequence[Event]
    state: State

    @property
    def status(self) -> str:
        return self.state.status if self.events else "not begun"

    @property
    def in_doubt(self) -> list[dict[str, object]]:
        """Effects that were begun and of which nobody knows yet, or ever, what came of them."""
        return [
            {"call": call.call.id, "tool": call.call.tool, "args": given(self.state, call)}
            for call in self.state.calls.values()
            if call.doubtful or (call.acted is not None and call.acted.status == "unknown")
        ]

    def as_data(self) -> dict[str, object]:
        data = {"run": self.run, "agent": self.agent, "call": self.call, "parent": self.parent}
        return {**data, "status": self.status, "in_doubt": self.in_doubt}


async def family(app: App, run: UUID) -> list[Member]:
    """The run and all its descendants, parents before their children."""
    found = [await _member(app, run, "", "", None)]
    for parent in found:  # which grows meanwhile
        for begun in _begun(parent.events):
            found.append(await _member(app, begun.child, begun.agent, begun.call_id, parent.run))
    return found


async def _member(app: App, run: UUID, agent: str, call: str, parent: UUID | None) -> Member:
    events = await app.journal.read(run)
    state = fold(events)
    agent = state.started.agent if state.started else agent
    return Member(run, agent, call, parent, events, state)


def _begun(events: Sequence[Event]) -> Iterator[Delegated]:
    for event in events:
        if isinstance(event.body, Delegated):
            yield event.body
