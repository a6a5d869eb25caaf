"""The calls of all runs of a process that reach people, at one desk: while the database judges some, the next gather, and go together.
So do those of whom it is known what came of them, and with them what was sent becomes a part of the readers' history."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Generic, TypeVar

import psycopg

from remit.decisions.contacts import Asked, Came, Held, Refused, Wanted, reserve_all, settle
from remit.graph.ingest import take
from remit.store.store import Store

Json = Any
MOST = 100  # that go together
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class _Outcome:
    """What came of a call, and what of it becomes a part of the history, as the graph takes it in."""

    came: Sequence[Came]
    sent: Sequence[Json]


@dataclass
class _Line(Generic[T]):
    """Who stands in line, with the workspace that each is of. `serve`: several of one at once."""

    serve: Callable[[str, Sequence[T]], Awaitable[None]]
    waiting: deque[tuple[str, T, asyncio.Future[None]]] = field(default_factory=deque)
    clerk: asyncio.Task[None] | None = None

    def join(self, workspace: str, one: T) -> asyncio.Future[None]:
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.waiting.append((workspace, one, done))
        if self.clerk is None or self.clerk.done():
            self.clerk = asyncio.create_task(self._work())
        return done

    async def _work(self) -> None:
        while self.waiting:
            workspace = self.waiting[0][0]
            several: list[tuple[T, asyncio.Future[None]]] = []
            while self.waiting and self.waiting[0][0] == workspace and len(several) < MOST:
                _, one, done = self.waiting.popleft()
                several.append((one, done))
            if not await self._served(workspace, several):
                for entry in several:  # whose it is, nobody else suffers from it
                    await self._served(workspace, [entry], alone=True)

    async def _served(
        self, workspace: str, several: Sequence[tuple[T, asyncio.Future[None]]], alone: bool = False
    ) -> bool:
        """Whether each knows what became of it."""
        error = None
        try:
            await self.serve(workspace, [one for one, _ in several])
        except (psycopg.Error, OSError) as wrong:
            if len(several) > 1 and not alone:
                return False
            error = wrong
        for _, done in several:
            if done.done():  # whoever asked is gone
                continue
            if error is None:
                done.set_result(None)
            else:
                done.set_exception(error)
                done.exception()  # seen: whoever asked may be gone before they look
        return True


@dataclass
class Desk:
    """Use one per process."""

    store: Store
    _reserving: _Line[tuple[Asked, datetime]] = field(init=False)
    _settling: _Line[_Outcome] = field(init=False)

    def __post_init__(self) -> None:
        self._reserving, self._settling = _Line(self._reserve), _Line(self._settle)

    async def reserve(
        self, workspace: str, wanted: Sequence[Wanted], now: datetime, begun: bool = False
    ) -> tuple[list[Refused], list[Held]]:
        """As `contacts.reserve`, with what is reserved. Raises psycopg.Error."""
        asked = Asked(wanted, begun)
        await self._reserving.join(workspace, (asked, now))
        return asked.refused, asked.held

    def settle(self, workspace: str, came: Sequence[Came], sent: Sequence[Json]) -> asyncio.Future[None]:
        """Say what came of a call, and take what was sent into the history first. Done when it is durable."""
        return self._settling.join(workspace, _Outcome(came, sent))

    async def close(self) -> None:
        """Wait for those in line."""
        for clerk in (self._reserving.clerk, self._settling.clerk):
            if clerk is not None:
                await asyncio.gather(clerk, return_exceptions=True)

    async def _reserve(self, workspace: str, several: Sequence[tuple[Asked, datetime]]) -> None:
        """By the clock of the last: what is true when it is judged counts."""
        now = max(at for _, at in several)
        await reserve_all(self.store.as_owner(workspace), [asked for asked, _ in several], now)

    async def _settle(self, workspace: str, several: Sequence[_Outcome]) -> None:
        store = self.store.as_owner(workspace)
        if sent := [row for one in several for row in one.sent]:
            await take(store, list(enumerate(sent, 1)), "remit", keep=False)
        await settle(store, [came for one in several for came in one.came])
