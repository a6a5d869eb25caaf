"""Leases on the real database at the moments that matter: a statement that takes long, or whose answer is lost."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any
from uuid import UUID

import psycopg
import pytest

from remit.errors import StaleWriter, StoreError
from remit.journal import lease
from remit.journal.lease import BEAT, ENTER, OTHERS, TAKE, Leases
from remit.store.store import Store

Asked = Callable[..., Any]


def watched(leases: Leases, watch: Callable[[str, Asked], Any]) -> None:
    """Have `watch` called for each statement, with what executes it."""
    ask = leases._ask

    async def asked(query: Any, values: Any) -> Any:
        return await watch(query, lambda: ask(query, values))

    leases._ask = asked  # type: ignore[method-assign]


async def test_who_came_and_took_a_run_while_another_statement_waited_is_not_taken_for_dead(
    store: Store,
) -> None:
    first, second = UUID(int=1), UUID(int=2)  # taken in this order
    slow, quick = Leases(store), Leases(store)
    async with slow.hold(UUID(int=9)), await psycopg.AsyncConnection.connect(store.url) as blocker:
        await blocker.execute("insert into leases (run, worker) values (%s, %s)", (first, UUID(int=7)))
        both = [asyncio.create_task(slow._take(run)) for run in (first, second)]
        waiting = "select count(*) from pg_stat_activity where wait_event_type = 'Lock' and query like %s"
        async with store.pool.connection() as connection:
            while (await (await connection.execute(waiting, ("%into leases as%",))).fetchone()) != (1,):  # noqa: ASYNC110
                await asyncio.sleep(0)
        async with quick.hold(second):
            await blocker.rollback()
            assert await asyncio.gather(*both) == [0, None]
    await slow.close()
    await quick.close()


async def test_a_beat_is_as_young_as_the_answer_that_told_of_it(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [1000.0]
    monkeypatch.setattr(lease, "steady", lambda: now[0])
    living, observer = Leases(store), Leases(store)
    async with living.hold(UUID(int=1)), observer.hold(UUID(int=2)):

        async def slowly(query: str, ask: Asked) -> Any:
            if query == OTHERS:
                now[0] += living.ttl / 2
                await living._ask(BEAT, (living.id,))  # it lives all the while
            return await ask()

        watched(observer, slowly)
        await observer.look()
        observer._ask = type(observer)._ask.__get__(observer)  # type: ignore[method-assign]
        now[0] += living.ttl / 2 + 0.1  # not yet a ttl since that beat
        assert await observer.look() == []
        now[0] += living.ttl
        assert await observer.look() == [living.id]
    await living.close()
    await observer.close()


@pytest.mark.parametrize("lost", ["taken", "given back"])
async def test_a_lease_whose_statement_was_not_answered_is_given_back(store: Store, lost: str) -> None:
    run, one, other = UUID(int=1), Leases(store, ttl=0.6), Leases(store, ttl=0.6)
    cut = [False]

    async def cuts(query: str, ask: Asked) -> Any:
        answer = await ask()
        if query == TAKE and cut[0]:
            cut[0] = False
            if lost == "given back":  # it never arrived
                async with store.pool.connection() as connection:
                    await connection.execute(
                        "insert into leases (run, worker) values (%s, %s)", (run, one.id)
                    )
            raise psycopg.OperationalError("the connection is lost")
        return answer

    watched(one, cuts)
    async with one.hold(UUID(int=9)):
        cut[0] = lost == "taken"
        if lost == "taken":
            with pytest.raises(StoreError):
                await one.hold(run).__aenter__()
        else:
            async with one.hold(run):
                cut[0] = True
        async with asyncio.timeout(20):
            while True:
                try:
                    async with other.hold(run) as deaths:
                        assert deaths == 0
                        break
                except StaleWriter:
                    continue
    await one.close()
    await other.close()


async def test_a_process_that_could_not_look_when_it_came_beats_all_the_same(store: Store) -> None:
    leases, failed = Leases(store, ttl=0.6), [False]

    async def fails_once(query: str, ask: Asked) -> Any:
        if query == OTHERS and not failed[0]:
            failed[0] = True
            raise psycopg.OperationalError("the connection is lost")
        return await ask()

    watched(leases, fails_once)
    with pytest.raises(StoreError):
        await leases.hold(UUID(int=1)).__aenter__()
    async with leases.hold(UUID(int=1)):
        began = leases.until
        async with asyncio.timeout(20):
            while leases.until == began:  # noqa: ASYNC110
                await asyncio.sleep(0)
    await leases.close()


async def test_a_process_comes_under_a_new_name_where_the_first_may_have_been_seen(store: Store) -> None:
    leases, failed = Leases(store), [False]
    first = leases.id

    async def unanswered(query: str, ask: Asked) -> Any:
        answer = await ask()
        if query == ENTER and not failed[0]:
            failed[0] = True
            raise psycopg.OperationalError("the connection is lost")
        return answer

    watched(leases, unanswered)
    with pytest.raises(StoreError):
        await leases.hold(UUID(int=1)).__aenter__()
    async with leases.hold(UUID(int=1)):
        assert leases.id != first
    await leases.close()
