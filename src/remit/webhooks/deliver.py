"""Sending what is due: at least once, for three days, then it is laid aside for a person.

A message is claimed before it is sent and settled after: where the sender dies in between, it is due again when the claim runs
out, and is sent with the same number. In what order messages come is not promised.
"""

from __future__ import annotations

import asyncio
import json
import logging
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import psycopg
from psycopg.rows import class_row
from psycopg.types.json import Jsonb

from remit.access.audit import record
from remit.errors import RemitError, UnknownName, UserError
from remit.journal.search import Place
from remit.store.store import Store
from remit.webhooks.kept import get_webhook, keys
from remit.webhooks.send import SECONDS, Outcome, send
from remit.webhooks.sign import signed

LOG = logging.getLogger(__name__)
EVERY = 1.0  # seconds between looks for what is due
AT_ONCE = 20  # messages that a process sends
CLAIM = timedelta(seconds=SECONDS * 4)  # after which a sender counts as dead
AGAIN = tuple(  # after each try that failed; three days together
    timedelta(seconds=seconds) for seconds in (5, 300, 1800, 7200, 18_000, 36_000, 50_400, 72_000, 86_400)
)
GONE = 410  # who answers so wants to hear nothing any more
LONG = timedelta(days=3)  # of failing, after which nothing is sent any more
KEPT = timedelta(days=30)  # of what is settled
SWEEP = 3600.0  # seconds between two looks for what is older
FIELDS = "id, webhook, type, run, agent, detail, at, state, attempts, due_at, tried_at, status, said"


@dataclass(frozen=True, slots=True)
class Delivery:
    """One message to one webhook."""

    id: UUID
    webhook: UUID
    type: str
    run: UUID | None
    agent: str
    detail: dict[str, Any]
    at: datetime
    state: str
    attempts: int
    due_at: datetime
    tried_at: datetime | None
    status: int | None
    said: str

    @property
    def number(self) -> str:
        """The same each time that it is sent."""
        return f"msg_{self.id.hex}"

    @property
    def message(self) -> dict[str, Any]:
        """What is told: where something happened, and not what was said there."""
        about = {"run": str(self.run), "agent": self.agent} if self.run else {}
        return {"type": self.type, "timestamp": self.at.isoformat(), "data": about | self.detail}


async def deliver(store: Store, stop: asyncio.Event) -> None:
    """Until `stop`: send what is due, of all workspaces. As many processes as like do so at once."""
    under_way: set[asyncio.Task[Delivery]] = set()
    clock = asyncio.get_running_loop().time
    swept = clock() - SWEEP
    while not stop.is_set():
        try:
            for one in await _claim(store, AT_ONCE - len(under_way)):
                under_way.add(task := asyncio.create_task(attempt(store, one)))
                task.add_done_callback(under_way.discard)
                task.add_done_callback(_logged)
            if clock() >= swept + SWEEP:
                swept = clock()
                await _sweep(store)
        except (RemitError, psycopg.Error, OSError) as error:
            LOG.debug("webhooks cannot be looked after now: %s", error)
        try:
            await asyncio.wait_for(stop.wait(), EVERY)
        except TimeoutError:
            continue
    if under_way:
        await asyncio.wait(under_way, timeout=SECONDS)


async def attempt(store: Store, claimed: Delivery) -> Delivery:
    """Send what was claimed, and settle it. Raises RemitError, psycopg.Error where that cannot be written."""
    outcome = await _sent(store, claimed)
    return await settle(store, claimed, outcome)


async def try_out(store: Store, webhook: UUID, by: str) -> Delivery:
    """Send a message of no run, at once; how it went. Raises UnknownName."""
    await get_webhook(store, webhook)
    query = f"""
        insert into deliveries (id, workspace, webhook, type, detail, attempts, due_at, tried_at)
        values (%s, %s, %s, 'webhook.test', %s, 1, clock_timestamp() + %s, clock_timestamp()) returning {FIELDS}
    """
    values = (uuid4(), store.workspace, webhook, Jsonb({"by": by}), CLAIM)
    return await attempt(store, await _one(store, query, values))


async def resend(store: Store, webhook: UUID, delivery: UUID) -> Delivery:
    """Send a message again, at once, with its number; then, where it is not received, by and by. Raises UnknownName."""
    await get_webhook(store, webhook)
    query = f"""
        update deliveries set state = 'due', attempts = 1, due_at = clock_timestamp() + %s, tried_at = clock_timestamp()
        where id = %s and webhook = %s and workspace = %s returning {FIELDS}
    """
    return await attempt(
        store, await _one(store, query, (CLAIM, delivery, webhook, store.workspace), delivery)
    )


async def list_deliveries(
    store: Store, webhook: UUID, *, state: str = "", limit: int = 50, older: Place | None = None
) -> list[Delivery]:
    """The newest first; `older` pages on from the last one's time and id. Raises UnknownName."""
    await get_webhook(store, webhook)
    query = f"""
        select {FIELDS} from deliveries
        where webhook = %(webhook)s and workspace = %(workspace)s and (%(state)s = '' or state = %(state)s)
          and (%(at)s::timestamptz is null or (at, id) < (%(at)s, %(last)s::uuid))
        order by at desc, id desc limit %(limit)s
    """
    values = {
        "webhook": webhook,
        "workspace": store.workspace,
        "state": state,
        "limit": limit,
        "at": older.at if older else None,
        "last": older.run if older else None,
    }
    return await _several(store, query, values)


async def _sent(store: Store, claimed: Delivery) -> Outcome:
    query = """
        select url, secret, case when before_until > clock_timestamp() then before end,
               extract(epoch from clock_timestamp())::bigint
        from webhooks where id = %s
    """
    async with store.pool.connection() as connection:
        row = await (await connection.execute(query, (claimed.webhook,))).fetchone()
    if row is None:
        return Outcome(0, "the webhook was removed")
    url, secret, before, now = row
    body = json.dumps(claimed.message, ensure_ascii=False, separators=(",", ":")).encode()
    try:
        headers = signed(claimed.number, now, body, keys(store, claimed.webhook, secret, before))
    except UserError as error:
        return Outcome(0, str(error))
    headers |= {"content-type": "application/json", "user-agent": "Remit-Webhooks/1"}
    return await send(url, headers, body, store.settings.webhook_allow)


async def settle(store: Store, sent: Delivery, outcome: Outcome) -> Delivery:
    """Write down how it went, unless somebody has sent it again meanwhile."""
    more = sent.attempts <= len(AGAIN)
    state = "done" if outcome.received else "due" if more and outcome.status != GONE else "dead"
    wait = AGAIN[sent.attempts - 1] * random.uniform(0.8, 1.2) if state == "due" else timedelta(0)
    query = f"""
        update deliveries set state = %s, due_at = clock_timestamp() + %s, status = %s, said = %s
        where id = %s and attempts = %s and state = 'due' returning {FIELDS}
    """
    mark = """
        update webhooks set failing_since = case when %(received)s then null else coalesce(failing_since, clock_timestamp()) end
        where id = %(id)s and (%(received)s = (failing_since is not null))
    """
    end = """
        update webhooks set disabled_at = clock_timestamp(), disabled_why = %(why)s
        where id = %(id)s and disabled_at is null and (%(gone)s or failing_since < clock_timestamp() - %(long)s)
        returning id
    """
    why = (
        "the other side answered that it is gone (410)"
        if outcome.status == GONE
        else f"nothing was received for {LONG.days} days"
    )
    values = {
        "id": sent.webhook,
        "received": outcome.received,
        "gone": outcome.status == GONE,
        "long": LONG,
        "why": why,
    }
    async with (
        store.pool.connection() as connection,
        connection.transaction(),
        connection.cursor(row_factory=class_row(Delivery)) as cursor,
    ):
        written = (state, wait, outcome.status or None, outcome.said, sent.id, sent.attempts)
        settled = await (await cursor.execute(query.encode(), written)).fetchone()
        await connection.execute(mark, values)
        if state == "dead" and await (await connection.execute(end, values)).fetchone():
            await record(connection, "remit", "webhook.disabled", str(sent.webhook), {"why": why})
    return settled or sent


async def _claim(store: Store, many: int) -> Sequence[Delivery]:
    """Those that are due, each with one process."""
    query = f"""
        update deliveries set attempts = attempts + 1, due_at = clock_timestamp() + %(claim)s, tried_at = clock_timestamp()
        where id in (
            select deliveries.id from deliveries join webhooks on webhooks.id = deliveries.webhook
            where state = 'due' and due_at <= clock_timestamp() and disabled_at is null
            order by due_at limit %(many)s for update of deliveries skip locked)
        returning {FIELDS}
    """
    return await _several(store, query, {"claim": CLAIM, "many": many}) if many > 0 else []


async def _sweep(store: Store) -> None:
    async with store.pool.connection() as connection:
        await connection.execute(
            "delete from deliveries where state <> 'due' and at < clock_timestamp() - %s", (KEPT,)
        )


async def _several(store: Store, query: str, values: Mapping[str, Any]) -> list[Delivery]:
    async with (
        store.pool.connection() as connection,
        connection.cursor(row_factory=class_row(Delivery)) as cursor,
    ):
        return await (await cursor.execute(query.encode(), values)).fetchall()


async def _one(store: Store, query: str, values: tuple[Any, ...], wanted: UUID | None = None) -> Delivery:
    async with (
        store.pool.connection() as connection,
        connection.cursor(row_factory=class_row(Delivery)) as cursor,
    ):
        found = await (await cursor.execute(query.encode(), values)).fetchone()
    if found is None:
        raise UnknownName("delivery", str(wanted), ())
    return found


def _logged(task: asyncio.Task[Delivery]) -> None:
    if not task.cancelled() and (error := task.exception()):
        LOG.warning("a webhook's message could not be settled, and is sent again: %s", error)
