"""Agents take turns: the pure function, and the database held to it."""

from __future__ import annotations

import asyncio
import random
from uuid import UUID, uuid4

import psycopg
import pytest
from hypothesis import given
from hypothesis import strategies as st

from remit.dispatch import lane, open_dispatch
from remit.errors import UserError
from remit.order import HIGHEST, LOWEST, SPAN, check_priority, place, priority_of, tag
from remit.store.store import Store


class Queue:
    """The queue as the pure functions have it."""

    def __init__(self) -> None:
        self.waiting: list[tuple[int, int, str, str]] = []  # -place, number, lane, run
        self.begun: dict[str, tuple[int, int]] = {}  # run -> class, tag
        self.number = 0

    def now(self, priority: int) -> int:
        begun = [t for p, t in self.begun.values() if p == priority]
        first = [priority * SPAN + w[0] for w in self.waiting if priority_of(-w[0]) == priority]
        return max(begun) if begun else min(first, default=0)

    def put(self, lane: str, run: str, priority: int = 0) -> None:
        last = [
            priority * SPAN + w[0] for w in self.waiting if w[2] == lane and priority_of(-w[0]) == priority
        ]
        at = tag(self.now(priority), max(last, default=None))
        self.number += 1
        self.waiting.append((-place(priority, at), self.number, lane, run))

    def begin(self) -> str | None:
        if not self.waiting:
            return None
        first = min(self.waiting)
        self.waiting.remove(first)
        priority = priority_of(-first[0])
        self.begun[first[3]] = (priority, priority * SPAN + first[0])
        return first[3]

    def end(self, run: str) -> None:
        del self.begun[run]


steps = st.lists(st.one_of(st.sampled_from("abc"), st.just("begin"), st.just("end")), max_size=80)


@given(steps)
def test_of_two_lanes_that_both_have_work_neither_is_begun_twice_more_than_the_other(
    script: list[str],
) -> None:
    queue, number = Queue(), 0
    since: dict[tuple[str, str], int] = {}  # since both had work: begun of the one less begun of the other
    for step in script:
        if step == "begin":
            run = queue.begin()
            if run is not None:
                for pair in since:
                    since[pair] += (run[0] == pair[0]) - (run[0] == pair[1])
        elif step == "end":
            if queue.begun:
                queue.end(next(iter(queue.begun)))
        else:
            number += 1
            queue.put(step, f"{step}{number}")
        having = {w[2] for w in queue.waiting}
        pairs = {(one, other) for one in having for other in having if one < other}
        since = {pair: since.get(pair, 0) for pair in pairs}
        assert all(abs(count) <= 2 for count in since.values())


@given(st.integers(0, 10_000), st.integers(0, 10_000), st.integers(0, 3))
def test_a_newcomer_is_begun_after_no_more_than_one_of_each_who_waits(
    backlog: int, served: int, others: int
) -> None:
    served = min(served, max(0, backlog - 1))
    now = served  # of each backlogged lane, `served` have been begun
    mine = tag(now, None)
    before = [t for _ in range(others) for t in range(served + 1, backlog) if t <= mine]
    assert len(before) <= others


@given(
    st.integers(LOWEST, HIGHEST), st.integers(LOWEST, HIGHEST), st.integers(0, 2**40), st.integers(0, 2**40)
)
def test_a_place_fits_the_engine_and_no_tag_outweighs_a_class(a: int, b: int, s: int, t: int) -> None:
    assert -(2**31) <= place(a, s) < 2**31
    assert priority_of(place(a, s)) == a
    if a > b:
        assert place(a, s) > place(b, t)
    if a == b and s < t:
        assert place(a, s) >= place(b, t)


def test_a_priority_out_of_range_is_refused() -> None:
    with pytest.raises(UserError, match="-10 to 10"):
        check_priority(11)


async def enter(store: Store, agent: str, workspace: str = "default") -> UUID:
    """A run of an agent, as the index has it."""
    run = uuid4()
    async with store.pool.connection() as connection:
        await connection.execute(
            "insert into runs (id, workspace, agent, goal, status, created_at, updated_at) "
            "values (%s, %s, %s, '', 'running', now(), now())",
            (run, workspace, agent),
        )
    return run


async def begin(store: Store) -> str | None:
    async with store.pool.connection() as connection:
        found = await connection.execute("select args->>'run' from procrastinate_fetch_job_v2(null, null)")
        row = await found.fetchone()
        return row[0] if row else None


async def end(store: Store, run: str) -> None:
    async with store.pool.connection() as connection:
        await connection.execute(
            "delete from procrastinate_jobs where status = 'doing' and args->>'run' = %s", (run,)
        )


@pytest.mark.parametrize("seed", range(4))
async def test_the_database_begins_runs_in_the_order_of_the_pure_functions(store: Store, seed: int) -> None:
    chance, queue, begun = random.Random(seed), Queue(), list[str]()
    async with open_dispatch(store) as dispatch:
        for _ in range(120):
            what = chance.choice(["a", "a", "a", "b", "c", "begin", "begin", "end"])
            if what == "begin":
                expected = queue.begin()
                assert await begin(store) == expected
                if expected:
                    begun.append(expected)
            elif what == "end":
                if begun:
                    run = begun.pop(chance.randrange(len(begun)))
                    queue.end(run)
                    await end(store, run)
            else:
                run = str(await enter(store, what))
                priority = chance.choice([0, 0, 0, 3, -2])
                queue.put(what, run, priority)
                await dispatch.enqueue(UUID(run), priority=priority)
        while expected := queue.begin():
            assert await begin(store) == expected


async def test_five_thousand_runs_of_one_agent_do_not_hold_up_ten_of_another(store: Store) -> None:
    async with store.pool.connection() as connection:
        await connection.execute(
            "with r as (insert into runs (id, agent, goal, status, created_at, updated_at) "
            "select gen_random_uuid(), 'greedy', '', 'running', now(), now() from generate_series(1, 5000) returning id)"
            " select remit_enqueue(array_agg(id), array_agg(null::int), array_agg(0), %s, true) from r",
            (SPAN,),
        )
        greedy = [
            UUID(str(await begin(store))) for _ in range(20)
        ]  # it has the workers to itself for a while
        async with open_dispatch(store) as dispatch:
            few = [await enter(store, "modest") for _ in range(5)]
            few += [await enter(store, "modest", "other") for _ in range(5)]
            await asyncio.gather(*(dispatch.enqueue(run) for run in few))
    order = [UUID(str(await begin(store))) for _ in range(16)]
    assert set(few) <= set(order)
    assert len(set(order) & set(greedy)) == 0
    places = {run: at for at, run in enumerate(order)}
    assert max(places[run] for run in few) <= 15  # three lanes took turns


async def test_runs_queued_at_the_same_time_have_a_turn_each(store: Store) -> None:
    async with open_dispatch(store) as dispatch:
        runs = [await enter(store, "one") for _ in range(40)]
        await asyncio.gather(*(dispatch.enqueue(run) for run in runs))
    async with store.pool.connection() as connection:
        found = await connection.execute("select -priority from procrastinate_jobs order by priority desc")
        assert [tag for (tag,) in await found.fetchall()] == list(range(40))


async def test_a_woken_run_keeps_the_priority_that_it_was_queued_with(store: Store) -> None:
    run = await enter(store, "one")
    async with open_dispatch(store) as dispatch:
        await dispatch.enqueue(run, priority=7)
        assert await begin(store) == str(run)
        await end(store, str(run))
        await dispatch.enqueue(run)
        async with store.pool.connection() as connection:
            found = await connection.execute("select priority from procrastinate_jobs")
            assert [priority_of(p) for (p,) in await found.fetchall()] == [7]


async def test_tags_that_have_gone_far_come_back_and_the_order_stays(store: Store) -> None:
    async with open_dispatch(store) as dispatch:
        runs = [await enter(store, "one") for _ in range(3)]
        for run in runs:
            await dispatch.enqueue(run)
        async with store.pool.connection() as connection:
            await connection.execute(
                "update procrastinate_jobs set priority = priority - %s", (SPAN // 2 + 1,)
            )
        newcomer = await enter(store, "other")
        await dispatch.enqueue(newcomer)
        async with store.pool.connection() as connection:
            found = await connection.execute("select -min(priority) from procrastinate_jobs")
            assert await found.fetchone() == (2,)
    order = [UUID(str(await begin(store))) for _ in range(4)]
    assert order == [runs[0], newcomer, *runs[1:]]


async def test_a_queued_run_costs_the_database_little_however_many_wait(store: Store) -> None:
    """By the plan, not by time: nothing that waits is read but the ends of two indexes."""
    async with store.pool.connection() as connection:
        await connection.execute(
            "insert into procrastinate_jobs (queue_name, task_name, priority, lock, queueing_lock) "
            "select %s, 'advance', -n, 'l' || n, 'l' || n from generate_series(1, 3000) n",
            (lane("greedy"),),
        )
        await connection.execute("vacuum analyze procrastinate_jobs")
        run = await enter(store, "greedy")
        before = await reads(connection)
        await connection.execute(
            "select remit_enqueue(array[%s]::uuid[], '{null}', '{0}', %s, true)", (run, SPAN)
        )
        assert await reads(connection) - before < 50


async def reads(connection: psycopg.AsyncConnection[tuple[int]]) -> int:
    """Rows of the queue that have been read."""
    await connection.execute("select pg_stat_force_next_flush()")
    await connection.execute("select pg_stat_clear_snapshot()")
    row = await (
        await connection.execute(
            "select seq_tup_read + idx_tup_fetch from pg_stat_user_tables where relname = 'procrastinate_jobs'"
        )
    ).fetchone()
    assert row is not None
    return row[0]
