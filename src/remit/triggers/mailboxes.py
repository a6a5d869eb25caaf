"""How far the mailboxes of triggers have been read: each message becomes one event, and the place moves on in the same transaction."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, LiteralString

from psycopg.rows import class_row

from remit.agents.triggers import Trigger
from remit.channels.imap import Place
from remit.store.store import Store
from remit.triggers.firing import KEPT, write_down

Json = Any
EVERY = timedelta(seconds=15)  # between two looks
LEASE = timedelta(minutes=2)  # after which whoever looks counts as dead
WORSE = timedelta(minutes=2)  # until the next look where one went wrong
FIELDS: LiteralString = """
    m.workspace, m.agent, m.trigger, t.spec, m.validity, m.last, m.since, m.anew, m.looked_at, m.went
"""


@dataclass(frozen=True, slots=True)
class Box:
    """The mailbox of a trigger, and how far it has been read."""

    workspace: str
    agent: str
    trigger: str
    spec: Mapping[str, Any]
    validity: int | None
    last: int
    since: datetime
    anew: datetime | None
    looked_at: datetime | None
    went: str

    @property
    def of(self) -> tuple[str, str, str]:
        return self.workspace, self.agent, self.trigger

    @property
    def connection(self) -> str:
        return Trigger.model_validate(self.spec).mail or ""

    @property
    def floor(self) -> datetime:
        """When what lies in a folder that was numbered anew must have come: what it holds is known again for as long as events are
        kept. By the host's clock, in whole seconds."""
        return max(self.since, datetime.now(UTC) - KEPT + timedelta(days=1)).replace(microsecond=0)

    def wants(self, at: datetime, validity: int) -> bool:
        """Whether a message may begin something, by when it came. Where the numbers go on, they say so, and no clock does."""
        floor = self.anew if validity == self.validity else self.floor
        return floor is None or at >= floor

    @property
    def place(self) -> Place | None:
        return None if self.validity is None else Place(self.validity, self.last)


@dataclass(frozen=True, slots=True)
class News:
    """A message as an event, and where it lay."""

    key: str
    event: Mapping[str, Json]
    place: Place
    skip: str = ""  # why no run is to begin of it


async def claim(store: Store, agents: Collection[str], most: int) -> Sequence[Box]:
    """Those to be looked at now, each with one process."""
    put = """
        insert into mailboxes (workspace, agent, trigger)
        select t.workspace, t.agent, t.name from triggers t
        where t.kind = 'mail' and t.gone_at is null
          and not exists (select from mailboxes m where (m.workspace, m.agent, m.trigger) = (t.workspace, t.agent, t.name))
        on conflict do nothing
    """
    query: LiteralString = f"""
        update mailboxes as m set next_at = statement_timestamp() + %(lease)s
        from triggers t join agents a on a.workspace = t.workspace and a.name = t.agent
        where (t.workspace, t.agent, t.name) = (m.workspace, m.agent, m.trigger) and (m.workspace, m.agent, m.trigger) in (
            select workspace, agent, trigger from mailboxes
            where next_at <= statement_timestamp() and (%(all)s or agent = any(%(agents)s))
            order by next_at limit %(most)s for update skip locked)
          and t.kind = 'mail' and t.gone_at is null and t.paused_at is null
          and a.archived_at is null and a.published is not null
        returning {FIELDS}
    """
    values = {"lease": LEASE, "all": not agents, "agents": list(agents), "most": most}
    async with store.pool.connection() as connection, connection.cursor(row_factory=class_row(Box)) as cursor:
        await cursor.execute(put)
        return await (await cursor.execute(query, values)).fetchall()


async def moved(store: Store, box: Box, news: Sequence[News], end: Place, more: bool) -> bool:
    """Write the messages down, and that the mailbox was read up to `end`. False: another has read it meanwhile."""
    query = """
        update mailboxes set validity = %s, last = %s, went = '', looked_at = clock_timestamp(),
               next_at = clock_timestamp() + %s,
               anew = case when validity <> %s then %s else anew end
        where (workspace, agent, trigger) = (%s, %s, %s) and validity is not distinct from %s and last = %s
    """
    pause = timedelta(0) if more else EVERY
    values = (end.validity, end.last, pause, end.validity, box.floor, *box.of, box.validity, box.last)
    async with store.pool.connection() as connection, connection.transaction():
        if not (await connection.execute(query, values)).rowcount:
            return False
        for one in news:
            state = "skipped" if one.skip else "due"
            await write_down(connection, box.of, one.key, one.event, state=state, why=one.skip)
    return True


async def went_wrong(store: Store, box: Box, why: str) -> None:
    query = """
        update mailboxes set went = %s, looked_at = clock_timestamp(), next_at = clock_timestamp() + %s
        where (workspace, agent, trigger) = (%s, %s, %s)
    """
    async with store.pool.connection() as connection:
        await connection.execute(query, (why[:500].replace("\0", "�"), WORSE, *box.of))


async def read_of(store: Store, agent: str, trigger: str) -> Box | None:
    """How it stands; None: nobody was to look yet."""
    query: LiteralString = f"""
        select {FIELDS} from mailboxes m join triggers t on (t.workspace, t.agent, t.name) = (m.workspace, m.agent, m.trigger)
        where (m.workspace, m.agent, m.trigger) = (%s, %s, %s)
    """
    async with store.pool.connection() as connection, connection.cursor(row_factory=class_row(Box)) as cursor:
        return await (await cursor.execute(query, (store.workspace, agent, trigger))).fetchone()
