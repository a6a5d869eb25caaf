"""Who is told of what: webhooks, each with a secret that is shown once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID, uuid4

from psycopg import AsyncConnection
from psycopg.rows import class_row

from remit.access.audit import record
from remit.errors import UnknownName, UserError
from remit.store.secrets import key_of, seal, unseal
from remit.store.store import Store
from remit.webhooks.send import permitted
from remit.webhooks.sign import new_secret

EVENTS = {
    "run.finished": "A run has ended, however.",
    "run.waiting": "A run waits: for a person, for a time, or for another run.",
    "run.paused": "A run was paused.",
    "approval.asked": "A run asks whether it may do something.",
    "question.asked": "A run asks something else: a question, what became of an effect, more budget.",
    "budget.low": "Four fifths of a budget of the workspace or of an agent are used; told once a day or month.",
    "effect.failed": "Something that a run did to the world failed, or nobody knows whether it happened; told when the run "
    "rests next.",
}
BOTH = timedelta(days=1)  # for which the old secret signs too, after a new one was made
MOST = 100  # webhooks of a workspace
FIELDS = "id, url, events, agents, by, created_at, failing_since, disabled_at, disabled_why"


@dataclass(frozen=True, slots=True)
class Webhook:
    """An address that is told of events; without its secret."""

    id: UUID
    url: str
    events: list[str]
    agents: list[str]
    by: str
    created_at: datetime
    failing_since: datetime | None
    disabled_at: datetime | None
    disabled_why: str

    @property
    def site(self) -> str:
        """Where it is, without what may be a secret of its own."""
        parts = urlsplit(self.url)
        return f"{parts.scheme}://{parts.hostname}"


async def add_webhook(
    store: Store, url: str, events: Sequence[str], agents: Sequence[str], by: str
) -> tuple[Webhook, str]:
    """A new one, and the secret that its messages are signed with, told this once. Raises UserError."""
    if not events:
        raise UserError(f"say of what it is told: {', '.join(EVENTS)}")
    for event in events:
        if event not in EVENTS:
            raise UnknownName("event", event, EVENTS, "events")
    permitted(url, store.settings.webhook_allow)
    new, secret = uuid4(), new_secret()
    sealed = seal(key_of(store.settings, make=True), _name(new), secret)
    of, about, here = list(dict.fromkeys(events)), list(dict.fromkeys(agents)), store.workspace
    values = (new, here, url, of, about, sealed, by, here, MOST)
    query = f"""
        insert into webhooks (id, workspace, url, events, agents, secret, by)
        select %s, %s, %s, %s, %s, %s, %s where (select count(*) from webhooks where workspace = %s) < %s returning {FIELDS}
    """
    async with (
        store.pool.connection() as connection,
        connection.transaction(),
        connection.cursor(row_factory=class_row(Webhook)) as cursor,
    ):
        made = await (await cursor.execute(query, values)).fetchone()
        if made is None:
            raise UserError(f"there are {MOST} webhooks already: remove one")
        await _note(connection, by, "added", made, {"events": made.events, "agents": made.agents})
    return made, secret


async def list_webhooks(store: Store) -> list[Webhook]:
    """The oldest first."""
    query = f"select {FIELDS} from webhooks where workspace = %s order by created_at, id"
    async with (
        store.pool.connection() as connection,
        connection.cursor(row_factory=class_row(Webhook)) as cursor,
    ):
        return await (await cursor.execute(query, (store.workspace,))).fetchall()


async def get_webhook(store: Store, webhook: UUID) -> Webhook:
    """Raises UnknownName."""
    found = await list_webhooks(store)
    for one in found:
        if one.id == webhook:
            return one
    raise UnknownName("webhook", str(webhook), (str(one.id) for one in found))


async def find_webhook(store: Store, prefix: str) -> Webhook:
    """The one whose id begins so. Raises UserError where none or several do."""
    every = await list_webhooks(store)
    found = [one for one in every if prefix and str(one.id).startswith(prefix.lower())]
    if not found:
        raise UnknownName("webhook", prefix, (str(one.id) for one in every))
    if len(found) > 1:
        raise UserError(f"several webhooks begin with {prefix!r}; write more of the id")
    return found[0]


async def rotate(store: Store, webhook: UUID, by: str) -> str:
    """A new secret, told this once; for a day the old one signs as well. Raises UnknownName."""
    await get_webhook(store, webhook)
    secret = new_secret()
    sealed = seal(key_of(store.settings, make=True), _name(webhook), secret)
    query = f"""
        update webhooks set before = secret, before_until = clock_timestamp() + %s, secret = %s
        where id = %s and workspace = %s returning {FIELDS}
    """
    await _change(store, query, (BOTH, sealed, webhook, store.workspace), by, "secret changed")
    return secret


async def enable(store: Store, webhook: UUID, by: str) -> Webhook:
    """Tell it again, from now on, and of what waited meanwhile. Raises UnknownName."""
    await get_webhook(store, webhook)
    query = f"""
        update webhooks set disabled_at = null, disabled_why = '', failing_since = null
        where id = %s and workspace = %s returning {FIELDS}
    """
    return await _change(store, query, (webhook, store.workspace), by, "enabled")


async def disable(store: Store, webhook: UUID, by: str, why: str) -> Webhook:
    """Tell it nothing any more: what happens meanwhile it is never told. Raises UnknownName."""
    await get_webhook(store, webhook)
    query = f"""
        update webhooks set disabled_at = coalesce(disabled_at, clock_timestamp()), disabled_why = %s
        where id = %s and workspace = %s returning {FIELDS}
    """
    return await _change(store, query, (why, webhook, store.workspace), by, "disabled")


async def remove(store: Store, webhook: UUID, by: str) -> Webhook:
    """With all that it was told. Raises UnknownName."""
    await get_webhook(store, webhook)
    query = f"delete from webhooks where id = %s and workspace = %s returning {FIELDS}"
    return await _change(store, query, (webhook, store.workspace), by, "removed")


def keys(store: Store, webhook: UUID, secret: bytes, before: bytes | None) -> list[str]:
    """The secrets with which is signed now. Raises UserError where this machine cannot open them."""
    key = key_of(store.settings)
    return [unseal(key, _name(webhook), bytes(one)) for one in (secret, before) if one is not None]


async def _change(store: Store, query: str, values: tuple[Any, ...], by: str, what: str) -> Webhook:
    async with (
        store.pool.connection() as connection,
        connection.transaction(),
        connection.cursor(row_factory=class_row(Webhook)) as cursor,
    ):
        changed = await (await cursor.execute(query.encode(), values)).fetchone()
        if changed is None:
            raise UserError("there is no such webhook any more")
        await _note(
            connection, by, what, changed, {"why": changed.disabled_why} if what == "disabled" else {}
        )
    return changed


async def _note(
    connection: AsyncConnection[Any], by: str, what: str, webhook: Webhook, detail: dict[str, Any]
) -> None:
    """In the audit log, without the path and the query of its address, which may hold a secret."""
    await record(connection, by, f"webhook.{what}", str(webhook.id), {"site": webhook.site, **detail})


def _name(webhook: UUID) -> str:
    return f"webhook {webhook}"
