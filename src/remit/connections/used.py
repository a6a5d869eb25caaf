"""When runs last used the workspace's connections, and whether these answered: told beside the runs' work, never before it, and no
more often than once a minute for each agent and connection, or when it turns out otherwise than before."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from time import monotonic
from typing import LiteralString
from uuid import UUID

import psycopg

from remit.agents.live import Live
from remit.agents.spec import Connection
from remit.connections.kept import Linked, list_connections
from remit.errors import RemitError
from remit.store.store import Store

EVERY = 60.0  # seconds between two words of the same
LONGEST = 300  # characters of what went wrong
LOG = logging.getLogger(__name__)
TELL: LiteralString = """
    update connections
       set used_at = %(at)s, used_by = %(agent)s, used_run = %(run)s,
           worked_at = case when %(works)s::boolean is null then worked_at else %(at)s end,
           worked = coalesce(%(works)s, worked), went = case when %(works)s::boolean is null then went else %(went)s end
     where workspace = %(workspace)s and name = any(%(names)s) and (used_at is null or used_at < %(at)s)
"""


@dataclass(frozen=True, slots=True)
class Use:
    """A call of a tool that came to an end. `url`: of a database. `works`: whether the system did what it is there for; None: that
    cannot be said, as where it says that the arguments are wrong."""

    workspace: str
    agent: str
    run: UUID
    connection: Connection
    url: str
    works: bool | None
    went: str = ""


@dataclass
class Uses:
    """What the runs of this process use."""

    store: Store
    _told: dict[tuple[str, str, str], tuple[float, bool | None]] = field(default_factory=dict)
    _under_way: set[asyncio.Task[None]] = field(default_factory=set)

    def note(self, use: Use) -> None:
        """Tell it soon, unless the same was told lately. Never raises, and takes no time of a run's."""
        place = (use.workspace, use.agent, _where(use.connection, use.url))
        at, before = self._told.get(place, (-EVERY, None))
        works = before if use.works is None else use.works
        if monotonic() < at + EVERY and works == before:
            return
        if len(self._told) > 10_000:
            self._told.clear()
        self._told[place] = (monotonic(), works)
        task = asyncio.create_task(self._tell(use, datetime.now(UTC)))
        self._under_way.add(task)
        task.add_done_callback(self._under_way.discard)

    def by(self, live: Live) -> Callable[[str, bool | None, str], None]:
        """Who notes what a run uses."""

        def note(name: str, works: bool | None, went: str) -> None:
            one = live.spec.connections[name]
            url = live.spec.resources.get(one.sql, "") if one.sql else ""
            self.note(Use(live.workspace, live.spec.name, live.run, one, str(url), works, went))

        return note

    async def settled(self) -> None:
        """Wait for what is being told."""
        while self._under_way:
            await asyncio.wait(self._under_way)

    async def _tell(self, use: Use, at: datetime) -> None:
        store = self.store.as_owner(use.workspace)
        try:
            names = [row.name for row in await list_connections(store) if same(row.linked, use)]
            if not names:
                return
            values = {
                "at": at,
                "agent": use.agent,
                "run": use.run,
                "works": use.works,
                "went": "" if use.works else " ".join(use.went.split())[:LONGEST],
                "workspace": use.workspace,
                "names": names,
            }
            async with store.pool.connection() as connection:
                await connection.execute(TELL, values)
        except (RemitError, psycopg.Error, OSError) as error:  # the run goes on; the next use tells it
            LOG.debug("the use of a connection could not be told: %s", error)


def same(linked: Linked, use: Use) -> bool:
    """Whether what a run has is the workspace's connection as it is now: a run keeps the one that it began with."""
    one, other = linked.connection, use.connection
    names = ("mcp", "openapi", "http", "slack", "mail", "twilio", "headers", "env", "needs", "role", "person")
    alike = all(getattr(one, name) == getattr(other, name) for name in names)
    return alike and linked.url == (use.url if one.sql else "")


def _where(one: Connection, url: str) -> str:
    if one.twilio:
        return one.twilio.root
    return one.mcp or one.openapi or one.http or one.slack or (one.mail.bare if one.mail else url)
