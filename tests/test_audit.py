"""The audit log."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import psycopg
import pytest

from remit.access.audit import entries, record
from remit.away import come_back, go_away
from remit.store.secrets import remove_secret, set_secret
from remit.store.store import Store


async def test_a_change_that_is_taken_back_leaves_no_entry(store: Store) -> None:
    async with store.pool.connection() as connection, connection.transaction(force_rollback=True):
        await record(connection, "ann", "token.added", "crm")
    assert await entries(store) == []


async def test_entries_are_found_by_who_what_and_which(store: Store) -> None:
    async with store.pool.connection() as connection:
        await record(connection, "ann", "agent.published", "support", {"version": 2})
        await record(connection, "bo", "agent.drafted", "support")
        await record(connection, "Ann", "token.added", "crm")
    assert [entry.what for entry in await entries(store)] == [
        "token.added",
        "agent.drafted",
        "agent.published",
    ]
    assert [entry.about for entry in await entries(store, who="ann")] == ["crm", "support"]
    assert [entry.who for entry in await entries(store, what="agent")] == ["bo", "ann"]
    assert [entry.what for entry in await entries(store, what="agent.published")] == ["agent.published"]
    newest = (await entries(store, about="support", limit=1))[0]
    assert [entry.detail for entry in await entries(store, before=newest.id)] == [{"version": 2}]


@pytest.mark.parametrize("change", ["update audit set who = 'bo'", "delete from audit", "truncate audit"])
async def test_nothing_is_taken_out_of_it(store: Store, change: str) -> None:
    async with store.pool.connection() as connection:
        await record(connection, "ann", "token.added", "crm")
    with pytest.raises(psycopg.errors.RaiseException, match="only ever added to"):
        async with store.pool.connection() as connection:
            await connection.execute(change)
    assert len(await entries(store)) == 1


async def test_secrets_and_who_is_away_are_in_it_and_no_value_of_a_secret(store: Store) -> None:
    await set_secret(store, "CRM", "hunter2hunter2", "ann")
    await remove_secret(store, "CRM", "bo")
    await go_away(store, "ann", "bo", datetime.now(UTC) + timedelta(days=1))
    await come_back(store, "ann")
    found = await entries(store)
    assert [(one.who, one.what, one.about) for one in reversed(found)] == [
        ("ann", "secret.set", "CRM"),
        ("bo", "secret.removed", "CRM"),
        ("ann", "away.set", "ann"),
        ("ann", "away.ended", "ann"),
    ]
    assert "hunter2" not in str(found)
