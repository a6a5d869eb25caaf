"""The chain shows a change of what it seals, and none where a person was erased."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest

from remit.access.audit import entries, record
from remit.journal.due import Policy
from remit.journal.retain import retain
from remit.privacy.chain import seal_all
from remit.privacy.receipt import NotGenuine, signer, verify
from remit.privacy.verify import Checked, check
from remit.store.store import Store
from tests.privacy.conftest import plant, ran
from tests.privacy.test_erase import erased
from tests.test_retention import DAY

Json = Any


async def checked(store: Store) -> Checked:
    return await check(store, signer(store.settings).name)


async def do(store: Store, *queries: str) -> None:
    """As somebody who has the whole database may."""
    async with store.pool.connection() as connection:
        for query in queries:
            await connection.execute(query.encode())


async def test_the_chain_is_whole_before_and_after_an_erasure_and_after_archiving(store: Store) -> None:
    await plant(store)
    await seal_all(store)
    before = await checked(store)
    assert (before.wrong, before.audit, before.runs, before.waiting) == ([], 3, 4, 0)
    await erased(store)
    after = await checked(store)
    # One entry of the audit log and three runs are not what they were, and nobody can say any more what that was
    assert (after.wrong, after.erased, after.receipts) == ([], 4, 1)
    await do(store, "update runs set updated_at = updated_at - interval '9 days'")
    await retain(store, Policy(DAY, None))
    assert (await checked(store)).sound


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ("update events set body = '{\"status\": \"failed\"}' where type = 'finished'", "the journal of run"),
        ("delete from events; delete from runs", "is gone, and nothing says why"),
        ("delete from audit where what = 'token.added'", "of the audit log is gone"),
        (
            "update audit set who = 'eve' where what = 'token.added'",
            "of the audit log is not what was sealed",
        ),
        ("update chain set digest = sha256('x') where number = 2", "does not follow what stands before it"),
        ("delete from chain where number = 2", "entries 2 to 2 are gone"),
        ("update chain set salt = null where number = 1", "no erasure says why"),
        ("update erasures set receipt = jsonb_set(receipt, '{by}', '\"eve\"')", "the receipt of erasure"),
        ("update erasures set receipt = null", "is gone"),
    ],
)
async def test_a_change_by_whoever_has_the_database_is_told(store: Store, change: str, told: str) -> None:
    await plant(store)
    await seal_all(store)
    await erased(store)
    await do(store, "alter table audit disable trigger all", *change.split("; "))
    found = await checked(store)
    assert told in " ".join(found.wrong)


async def test_an_entry_that_is_put_in_among_those_that_are_sealed_is_told(store: Store) -> None:
    async with store.pool.connection() as connection:
        for name in ("a", "b", "c"):
            await record(connection, "ann", "token.added", name)
    await do(store, "alter table audit disable trigger all", "delete from audit where about = 'b'")
    await seal_all(store)
    query = "insert into audit (id, who, what, about) overriding system value values (2, 'eve', 'token.added', 'b')"
    await do(store, query)
    assert "put in later" in " ".join((await checked(store)).wrong)


async def test_what_was_changed_before_an_erasure_is_not_made_right_by_it(store: Store) -> None:
    planted = await plant(store)
    await seal_all(store)
    await do(
        store, f"update events set at = at - interval '1 day' where run = '{planted.mentions}' and seq = 2"
    )
    done = await erased(store)
    assert done.done_at is not None
    assert f"the journal of run {planted.mentions} is not what was sealed" in (await checked(store)).wrong


async def test_what_is_written_while_others_are_sealed_is_sealed_the_next_time(store: Store) -> None:
    run = await ran(store, "first")
    await seal_all(store)
    await ran(store, "second")
    async with store.pool.connection() as connection:
        await record(connection, "ann", "token.added", str(run))
    assert (await checked(store)).waiting == 2
    assert await seal_all(store) == 2
    found = await checked(store)
    assert (found.wrong, found.runs, found.audit, found.waiting) == ([], 2, 1, 0)


async def test_only_an_erasure_may_change_the_audit_log(store: Store) -> None:
    async with store.pool.connection() as connection:
        await record(connection, "ann", "token.added", "crm")
        await connection.execute("select set_config('remit.erasure', gen_random_uuid()::text, false)")
        with pytest.raises(psycopg.errors.RaiseException, match="only ever added to"):
            await connection.execute("update audit set who = 'eve'")
    assert [one.who for one in await entries(store)] == ["ann"]


async def test_a_receipt_is_genuine_only_as_it_was_signed_and_by_whom(store: Store) -> None:
    await plant(store)
    done = await erased(store)
    assert done.receipt is not None
    key = signer(store.settings).name
    verify(done.receipt, key)
    changes: tuple[dict[str, Json], ...] = ({"by": "eve"}, {"erased": {}}, {"kept": [{"what": "x"}]})
    for changed in changes:
        with pytest.raises(NotGenuine, match="was changed"):
            verify({**done.receipt, **changed}, key)
    with pytest.raises(NotGenuine, match="another key"):
        verify({**done.receipt, "key": key[::-1]}, key)
    with pytest.raises(NotGenuine, match="no receipt"):
        verify(["x"], key)
