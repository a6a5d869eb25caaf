"""Events that begin runs: each is written down once, decided on once, and begun under an id that follows from it, so that whoever
dies in between, another goes on and no run begins twice."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, LiteralString
from uuid import UUID, uuid4, uuid5

from psycopg import AsyncConnection
from psycopg.rows import class_row, dict_row

from remit.access.audit import record
from remit.agents.triggers import MESSAGES, Trigger
from remit.errors import Busy, UserError
from remit.journal.search import Place
from remit.rate import parse_rate
from remit.store.store import Store
from remit.triggers.condition import holds
from remit.triggers.ended import told_by_hand
from remit.triggers.given import require_body
from remit.triggers.kept import Standing, get_trigger, next_of

Connection = AsyncConnection[Any]
Json = Any
SPACE = UUID("5d0c8e1e-5a3b-4d0e-9d2a-6d6f1a7c9b10")  # of the ids of runs that are begun by triggers
LATE = timedelta(minutes=5)  # after which a time counts as missed
CLAIM = timedelta(seconds=30)  # after which whoever begins a run counts as dead
AGAIN = timedelta(seconds=5)  # between looks whether there is room for one more
MOST = 10  # tries to begin one
KEPT = timedelta(days=30)  # of what is settled, and for so long a delivery is known again
FIELDS: LiteralString = "id, workspace, agent, trigger, key, by, at, event, state, why, run, attempts, due_at"


@dataclass(frozen=True, slots=True)
class Firing:
    """An event, and what became of it."""

    id: UUID
    workspace: str
    agent: str
    trigger: str
    key: str
    by: str
    at: datetime
    event: bytes
    state: str
    why: str
    run: UUID
    attempts: int
    due_at: datetime

    @property
    def said(self) -> dict[str, Json]:
        found: dict[str, Json] = json.loads(self.event)
        return found

    @property
    def called(self) -> str:
        return f"{self.agent}/{self.trigger}"


def run_of(workspace: str, agent: str, trigger: str, key: str) -> UUID:
    """The id of the run that an event begins: the same, whoever begins it."""
    return uuid5(SPACE, json.dumps([workspace, agent, trigger, key]))


async def write_down(
    connection: Connection,
    of: tuple[str, str, str],
    key: str,
    event: Mapping[str, Json],
    by: str = "",
    state: str = "due",
    why: str = "",
) -> bool:
    """An event of a trigger (workspace, agent, name); False: it is known already."""
    query = """
        insert into firings (workspace, agent, trigger, key, by, event, state, why, run)
        values (%s, %s, %s, %s, %s, %s, %s, %s, %s) on conflict do nothing
    """
    body = json.dumps(event, ensure_ascii=True, separators=(",", ":")).encode()
    done = await connection.execute(query, (*of, key, by, body, state, why, run_of(*of, key)))
    return bool(done.rowcount)


async def tick(store: Store, now: datetime | None = None, most: int = 100) -> int:
    """Write down the times that have come, of all workspaces, and say when each comes next; how many there were. As many
    processes as like do so at once. `now`: the database's own time where None."""
    query = """
        select t.workspace, t.agent, t.name, t.spec, t.next_at,
               coalesce(%(now)s::timestamptz, statement_timestamp()) as now,
               a.archived_at is null and a.published is not null as runs
        from triggers t join agents a on a.workspace = t.workspace and a.name = t.agent
        where t.gone_at is null and t.paused_at is null
          and t.next_at <= coalesce(%(now)s::timestamptz, statement_timestamp())
        order by t.next_at limit %(most)s for update of t skip locked
    """
    move = "update triggers set next_at = %s where workspace = %s and agent = %s and name = %s"
    async with store.pool.connection() as connection, connection.transaction():
        async with connection.cursor(row_factory=dict_row) as cursor:
            rows = await (await cursor.execute(query, {"now": now, "most": most})).fetchall()
        for row in rows:
            of = (row["workspace"], row["agent"], row["name"])
            trigger = Trigger.model_validate(row["spec"])
            if row["runs"]:
                late = row["now"] - row["next_at"] > LATE
                missed = late and trigger.missed == "skip"
                state, why = ("skipped", "no worker was there at that time") if missed else ("due", "")
                time = row["next_at"].isoformat()
                await write_down(connection, of, time, {"time": time, "late": late}, state=state, why=why)
            await connection.execute(move, (next_of(trigger, row["now"]), *of))
    return len(rows)


async def deliver(store: Store, known: Standing, key: str, body: Json) -> bool:
    """Write a delivery of an authenticated sender down; False: it came before. Raises UserError for a body that the trigger cannot
    use, Busy where there are too many."""
    require_body(known.trigger, body)
    return await hear(store, known, key, {"body": body})


async def hear(store: Store, known: Standing, key: str, event: Mapping[str, Json]) -> bool:
    """The same of what is an event as it stands. Raises Busy."""
    trigger = known.trigger
    rate = parse_rate(trigger.rate)
    of = (known.workspace, known.agent, known.name)
    query = """
        select exists (select from firings where workspace = %s and agent = %s and trigger = %s and key = %s),
               (select count(*) from (select from firings where workspace = %s and agent = %s and trigger = %s
                and at > clock_timestamp() - make_interval(secs => %s) limit %s) as lately)
    """
    async with store.pool.connection() as connection:
        row = await (await connection.execute(query, (*of, key, *of, rate.seconds, rate.count))).fetchone()
        assert row is not None
        if row[0]:
            return False
        if row[1] >= rate.count:
            raise Busy(f"trigger {known.called} takes {trigger.rate}.", max(1.0, rate.every))
        return await write_down(connection, of, key, event)


async def fire(
    store: Store, agent: str, name: str, by: str, body: Json = None, run: UUID | None = None
) -> Firing:
    """Have it begin now, whether it is paused or not: for a webhook as if `body` had been delivered, for one that follows an
    agent as if `run` had just ended; None: its last one. Raises UnknownName, UserError for what it cannot use."""
    known = await get_trigger(store, agent, name)
    if known.kind in MESSAGES:
        raise UserError(f"trigger {known.called} begins when somebody writes: write to it")
    key = f"by hand {uuid4().hex}"
    ended = await told_by_hand(store, known, run) if known.kind == "after" else None
    if known.kind == "webhook":
        require_body(known.trigger, body)
    of = (store.workspace, agent, name)
    async with store.pool.connection() as connection, connection.transaction():
        row = await (await connection.execute("select statement_timestamp()")).fetchone()
        assert row is not None
        time = row[0].isoformat()
        event = ended or ({"body": body} if known.kind == "webhook" else {"time": time, "late": False})
        await write_down(connection, of, key, event, by)
        await record(connection, by, "trigger.fired", known.called)
    (made,) = await _several(
        store,
        f"select {FIELDS} from firings where workspace = %s and agent = %s and trigger = %s and key = %s",
        (*of, key),
    )
    return made


async def claim(
    store: Store, many: int, agents: Collection[str] = (), now: datetime | None = None
) -> Sequence[Firing]:
    """Those whose runs are to be begun, each with one process."""
    query: LiteralString = f"""
        update firings set attempts = attempts + 1,
               due_at = coalesce(%(now)s::timestamptz, statement_timestamp()) + %(claim)s
        where id in (
            select id from firings where state in ('due', 'starting')
              and due_at <= coalesce(%(now)s::timestamptz, statement_timestamp())
              and (%(all)s or agent = any(%(agents)s))
            order by due_at, at, id limit %(many)s for update skip locked)
        returning {FIELDS}
    """
    values = {"now": now, "claim": CLAIM, "many": many, "all": not agents, "agents": list(agents)}
    found = await _several(store, query, values) if many > 0 else []
    return sorted(found, key=lambda one: (one.at, one.id))


async def decide(store: Store, claimed: Firing) -> Trigger | None:
    """Whether a run of it begins now: then it is so written down, and stays so whatever happens. None: it waits, or never will."""
    query = """
        select spec, gone_at, paused_at from triggers
        where workspace = %s and agent = %s and name = %s for update
    """
    async with store.pool.connection() as connection, connection.transaction():
        row = await (await connection.execute(query, _of(claimed))).fetchone()
        trigger = Trigger.model_validate(row[0]) if row else None
        if trigger is None or row is None or (row[1] is not None and claimed.state == "due"):
            why = "the version that runs does not have this trigger"
            await _settle(connection, claimed, "skipped", why)
            return None
        state, why = await _verdict(connection, claimed, trigger, paused=row[2] is not None)
        if state == "due":
            query = (
                "update firings set due_at = statement_timestamp() + %s, why = %s, attempts = 0 where id = %s"
            )
            await connection.execute(query, (AGAIN, why, claimed.id))
        elif state != "starting":
            await _settle(connection, claimed, state, why)
        elif claimed.state == "due":
            query = "update firings set state = 'starting', open = %s, why = '' where id = %s"
            await connection.execute(query, (trigger.at_most is not None, claimed.id))
        return trigger if state == "starting" else None


async def _verdict(
    connection: Connection, claimed: Firing, trigger: Trigger, paused: bool
) -> tuple[str, str]:
    """The state that it comes into, and why; `due`: it waits."""
    if claimed.attempts > MOST:
        return "failed", f"{MOST} tries to begin it have failed"
    if claimed.state == "starting":  # decided before; who was to begin it died, or is slow
        return "starting", ""
    if paused and not claimed.by:
        return "due", "the trigger is paused"
    if not claimed.by:
        try:
            if not holds(trigger.when, {"trigger": trigger.name, "agent": claimed.agent} | claimed.said):
                return "skipped", "its condition does not hold for this"
        except UserError as error:
            return "failed", str(error)
    if trigger.at_most is not None and (why := await _full(connection, claimed, trigger)):
        return ("skipped" if trigger.busy == "skip" else "due"), why
    return "starting", ""


async def begun(store: Store, firing: Firing) -> None:
    """Its run is there, and workers know of it."""
    async with store.pool.connection() as connection:
        await _settle(connection, firing, "begun", "")


async def failed(store: Store, firing: Firing, why: str) -> None:
    """No run of it can begin, as things are."""
    async with store.pool.connection() as connection:
        await _settle(connection, firing, "failed", why)


async def skipped(store: Store, firing: Firing, why: str) -> None:
    """No run of it is wanted."""
    async with store.pool.connection() as connection:
        await _settle(connection, firing, "skipped", why)


async def later(store: Store, firing: Firing, seconds: float, why: str) -> None:
    """It is tried again after a time, as often as need be."""
    query = """
        update firings set due_at = statement_timestamp() + make_interval(secs => %s), why = %s, attempts = 0
        where id = %s and state in ('due', 'starting')
    """
    async with store.pool.connection() as connection:
        await connection.execute(query, (seconds, why, firing.id))


async def list_firings(
    store: Store, agent: str, name: str, *, limit: int = 20, older: Place | None = None
) -> list[Firing]:
    """The newest first; `older` pages on from the last one's time and id. Raises UnknownName."""
    await get_trigger(store, agent, name)
    query: LiteralString = f"""
        select {FIELDS} from firings where workspace = %(here)s and agent = %(agent)s and trigger = %(name)s
          and (%(at)s::timestamptz is null or (at, id) < (%(at)s, %(last)s::uuid))
        order by at desc, id desc limit %(limit)s
    """
    values = {"here": store.workspace, "agent": agent, "name": name, "limit": limit}
    values |= {"at": older.at if older else None, "last": older.run if older else None}
    return await _several(store, query, values)


async def latest(store: Store, agent: str = "") -> dict[str, Firing]:
    """The last event of each trigger, by `agent/name`."""
    query: LiteralString = f"""
        select f.* from triggers t, lateral (
            select {FIELDS} from firings where firings.workspace = t.workspace and firings.agent = t.agent
            and firings.trigger = t.name order by at desc, id desc limit 1) as f
        where t.workspace = %s and (%s = '' or t.agent = %s) and t.gone_at is null
    """
    return {one.called: one for one in await _several(store, query, (store.workspace, agent, agent))}


async def sweep(store: Store) -> None:
    """Forget what was settled long ago."""
    closed = """
        update firings set open = false where open and state in ('begun', 'skipped', 'failed')
          and not exists (select from runs where runs.id = run and status in ('running', 'waiting', 'paused'))
    """
    async with store.pool.connection() as connection:
        await connection.execute(closed)
        query = """
            delete from firings where not open and state in ('begun', 'skipped', 'failed')
              and at < clock_timestamp() - %s
        """
        await connection.execute(query, (KEPT,))


async def _full(connection: Connection, claimed: Firing, trigger: Trigger) -> str:
    """Why one more would be too many; empty: there is room. Whoever asks holds the trigger's row, so that they ask in turn."""
    of = _of(claimed)
    closed = """
        update firings set open = false where workspace = %s and agent = %s and trigger = %s and open and state = 'begun'
          and not exists (select from runs where runs.id = run and status in ('running', 'waiting', 'paused'))
    """
    await connection.execute(closed, of)
    query = """
        select (select count(*) from firings where workspace = %s and agent = %s and trigger = %s and open),
               exists (select from firings where workspace = %s and agent = %s and trigger = %s and state = 'due'
                       and (at, id) < (%s, %s))
    """
    row = await (await connection.execute(query, (*of, *of, claimed.at, claimed.id))).fetchone()
    assert row is not None
    most = trigger.at_most or 0
    if row[0] >= most:
        return f"{row[0]} of its runs {'is' if row[0] == 1 else 'are'} open, and at_most is {most}"
    return "another that came before it waits" if row[1] and trigger.busy == "queue" else ""


async def _settle(connection: Connection, firing: Firing, state: str, why: str) -> None:
    await connection.execute(
        "update firings set state = %s, why = %s, open = open and %s = 'begun' where id = %s",
        (state, why[:1000].replace("\0", "�"), state, firing.id),
    )


def _of(firing: Firing) -> tuple[str, str, str]:
    return firing.workspace, firing.agent, firing.trigger


async def _several(
    store: Store, query: LiteralString, values: Mapping[str, Any] | tuple[Any, ...]
) -> list[Firing]:
    async with (
        store.pool.connection() as connection,
        connection.cursor(row_factory=class_row(Firing)) as cursor,
    ):
        return await (await cursor.execute(query, values)).fetchall()
