"""Events on their way into the journal, and what the indexes get of them, in the same statement."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import astuple, dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from remit.journal.body import scrub, stored
from remit.journal.events import Amended, AnyBody, Asked, Event, Finished, Replied, Slept, Started
from remit.journal.facts import Facts

STATUS = {
    "asked": "waiting",
    "slept": "waiting",
    "replied": "running",
    "amended": "running",
    "woken": "running",
    "paused": "paused",
}
STATUS |= {"resumed": "running", "delegated": "waiting", "returned": "running", "undo_wanted": "running"}
INDEXED = {*STATUS, "started", "finished"}  # events that touch more than their own row
NOTHING = (None,) * 5  # of facts


@dataclass(slots=True)
class Append:
    """One caller's events, encoded, waiting for their commit."""

    run: UUID
    rows: list[tuple[str, str, str, str, str]]  # run, seq, at, type, body
    events: list[Event]
    blobs: dict[bytes, bytes]
    indexed: bool
    done: asyncio.Future[list[Event]]
    behind: Append | None = None  # what this one builds on
    facts: Facts | None = None  # what the run has come to with it, where it rests then

    @classmethod
    def of(
        cls, run: UUID, bodies: Iterable[tuple[int, AnyBody]], now: datetime, behind: Append | None = None
    ) -> Append:
        """Of bodies with their numbers."""
        name, at = str(run), now.isoformat()
        append = cls(run, [], [], {}, False, asyncio.get_running_loop().create_future(), behind)
        for seq, body in bodies:
            text, blobs = stored(body)
            append.rows.append((name, str(seq), at, body.type, text))
            append.events.append(Event(run, seq, now, body))
            append.blobs.update(blobs)
            append.indexed |= body.type in INDEXED
        append.indexed |= bool(append.blobs)
        return append

    @property
    def orphaned(self) -> bool:
        """What it builds on was not written, so it must not be either."""
        before = self.behind.done if self.behind else None
        return before is not None and before.done() and (before.cancelled() or before.exception() is not None)


def status_after(body: AnyBody) -> str | None:
    """The status that the index of runs gets with this event; None where it keeps what it has."""
    return body.status if isinstance(body, Finished) else STATUS.get(body.type)


def index_of(batch: Iterable[Append]) -> list[list[Any]]:
    """The columns that EVENTS_AND_INDEX wants after the events'."""
    blobs: dict[tuple[bytes, UUID | str], tuple[bytes, bytes, UUID, str | None]] = {}
    begun: dict[UUID, list[Any]] = {}
    moved: dict[UUID, tuple[str, datetime, int]] = {}
    came: dict[UUID, tuple[Any, ...]] = {}
    asked: dict[tuple[UUID, str], tuple[Any, ...]] = {}
    taken: list[tuple[UUID, str]] = []
    ended: list[tuple[UUID]] = []
    timers: dict[tuple[UUID, datetime], None] = {}
    for append in batch:
        if append.facts is not None:
            came[append.run] = astuple(append.facts)
        for event in append.events:
            body, run = event.body, event.run
            status = status_after(body)
            if isinstance(body, Started):
                who = body.person.email or body.person.id
                goal = shown(body.goal[:200])
                about = [body.workspace, shown(body.agent), goal, shown(who)]
                begun[run] = [run, *about, body.parent, "running", event.at]
            elif status and run in begun:
                begun[run][6] = status
            elif status:
                moved[run] = (status, event.at, event.seq)
            match body:
                case Asked():
                    text = shown(body.text)
                    asked[run, body.ask_id] = (run, body.ask_id, body.kind, text, event.at, body.expires)
                case Replied():  # asked in the same statement: neither sees the other's rows
                    asked.pop((run, body.ask_id), None)
                    taken.append((run, body.ask_id))
                    timers[run, event.at] = None  # somebody should go on with it
                case Amended():  # and the call is asked about anew, under another number
                    asked.pop((run, body.ask_id), None)
                    taken.append((run, body.ask_id))
                case Slept():
                    timers[run, body.until] = None
                case Finished():
                    asked = {key: row for key, row in asked.items() if key[0] != run}
                    timers = {key: None for key in timers if key[0] != run}
                    taken.append((run, ""))
                    ended.append((run,))
        whose = begun[append.run][1] if append.run in begun else None  # else the index of runs says it
        for sha256, value in append.blobs.items():
            blobs[sha256, whose or append.run] = (sha256, value, append.run, whose)
    return [
        *_columns(blobs.values(), 4),
        *_columns(((run, *rest, *came.get(run, NOTHING)) for run, *rest in begun.values()), 13),
        *_columns(((run, *rest, *came.get(run, NOTHING)) for run, rest in moved.items()), 9),
        *_columns(asked.values(), 6),
        *_columns(taken, 2),
        *_columns(ended, 1),
        *_columns(timers, 2),
    ]


def shown(text: str) -> str:
    """Text as a column of the index can hold it: valid Unicode, without NUL."""
    return str(scrub(text)).replace("\0", "\u2400")


def _columns(rows: Iterable[Sequence[Any]], width: int) -> list[list[Any]]:
    found = [list(column) for column in zip(*rows, strict=True)]
    return found or [[] for _ in range(width)]
