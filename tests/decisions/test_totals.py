"""Sums of decisions are what their log says, whatever is written, corrected and removed."""

from __future__ import annotations

import asyncio
import random
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from remit.decisions.log import IDLE
from remit.decisions.overview import BOUNDS, overview_of
from remit.decisions.shown import shown_of
from remit.decisions.stage import Values
from remit.decisions.sums import fold
from remit.decisions.totals import spent_since, totals_of
from remit.store.store import Store
from tests.decisions.town import playbook, rows

Json = Any
NOW = datetime(2026, 5, 4, 12, tzinfo=UTC)
WRITE = """
    insert into decisions (workspace, playbook, version, stage, person, at, action, does, propensity, holdout, chosen, cost, reason, options,
        ruled_out, features, tried)
    select %s, 'winback', 1, (array['shadow', 'ramp', 'live'])[1 + n %% 3], n, %s::timestamptz - n %% 40 * interval '1 day',
        (array['mail', 'call', 'nothing'])[1 + n %% 7 %% 3], (array['send', 'call', 'nothing'])[1 + n %% 7 %% 3], 0.01 + (n * 37 %% 99) / 100.0,
        n %% 10 = 0, n %% 9 <> 0, n %% 4 * 0.5, '', '[]', '[]', '[]', n %% 6 = 0 and n %% 10 <> 0 and n %% 9 <> 0
    from generate_series(%s::int, %s::int) as n returning id
"""
LOG = """
    select stage = 'shadow', action, does, holdout, chosen, width_bucket(propensity, %s::float8[]), propensity, tried, cost, value
    from decisions d left join lateral (
        select value from decision_credits c where c.decision = d.id order by n desc limit 1
    ) as came on stage <> 'shadow' and (chosen or holdout) where playbook = 'winback'
"""


async def done(store: Store, query: str, *values: object) -> None:
    async with store.pool.connection() as connection:
        await connection.execute(query.encode(), values)


async def agrees(store: Store) -> None:
    """All that is summed, against the log read whole."""
    log: list[Json] = await rows(store, LOG, list(BOUNDS))
    expected: dict[tuple[Json, ...], list[Json]] = {}
    for *key, propensity, tried, cost, value in log:
        of = expected.setdefault(tuple(key), [0, 0.0, 0, 0, 0.0, 0.0])
        net = None if value is None else value - cost
        for place, more in enumerate(
            (1, propensity, int(tried), int(net is not None), net or 0.0, (net or 0.0) ** 2)
        ):
            of[place] += more
    found = {
        (one.shadow, one.action, one.does, one.holdout, one.chosen, one.chance): [
            one.times, one.likely, one.tried, one.closed, one.total, one.squares
        ]
        for one in await totals_of(store, "winback")
    }  # fmt: skip
    assert found.keys() == expected.keys()
    assert all(found[key] == pytest.approx(expected[key], abs=1e-6) for key in expected)


async def test_sums_are_what_the_log_says_after_all_that_may_happen_to_it(store: Store) -> None:
    chance, first = random.Random(3), 1
    credit = "insert into decision_credits (workspace, playbook, decision, value, was) values (%s, 'winback', %s, %s, %s)"
    for part in range(3):
        ids = [row[0] for row in await rows(store, WRITE, store.workspace, NOW, first, first + 39)]
        first += 40
        for one in ids:
            was: float | None = None
            for _ in range(chance.choice((0, 1, 1, 3))):  # not known yet, known, corrected
                value = round(chance.gauss(5, 9), 3)
                await done(store, credit, store.workspace, one, value, was)
                was = value
        gone = chance.sample(ids, 8)
        first_of = ["decision_credits where decision", "decisions where id"]
        for table in first_of if part else reversed(first_of):  # in whichever order they are removed
            await done(store, f"delete from {table} = any(%s)", gone)
        await agrees(store)
        await asyncio.gather(fold(store, "winback"), fold(store, "winback"))
        await agrees(store)
    assert await rows(store, "select count(*) from decision_sums where fresh") == [(0,)]
    assert await fold(store, "winback") == 0


async def test_values_and_intervals_are_those_of_the_log(store: Store) -> None:
    one = await playbook(store)
    ids = [row[0] for row in await rows(store, WRITE, store.workspace, NOW, 1, 90)]
    query = "insert into decision_credits (workspace, playbook, decision, value) select %s, 'winback', id, id %% 11 from unnest(%s::bigint[]) as id"
    await done(store, query, store.workspace, ids)
    log = [
        (held, does, cost, value)
        for shadow, _, does, held, chosen, *_, cost, value in await rows(store, LOG, list(BOUNDS))
        if not shadow and (chosen or held)
    ]
    shown = await shown_of(store, one)
    for held, found in ((False, shown.chosen), (True, shown.holdout)):
        net = [value - cost for out, _, cost, value in log if out == held]
        assert found == Values(len(net), pytest.approx(sum(net)), pytest.approx(sum(x * x for x in net)))
    assert shown.closed == sum(does not in IDLE and not held for held, does, *_ in log)
    seen = await overview_of(store, "winback", NOW)
    assert (seen.acting.mean, seen.acting.error) == (
        pytest.approx(shown.chosen.mean),
        pytest.approx(shown.chosen.error),
    )
    assert sum(count for _, count in seen.chances) == seen.choices
    assert min(seen.days) > NOW - timedelta(days=30)


async def test_what_was_spent_is_that_of_the_days_that_are_asked_for(store: Store) -> None:
    await rows(store, WRITE, store.workspace, NOW, 1, 80)
    query = "select sum(cost) from decisions where stage <> 'shadow' and not holdout and at > %s"
    ((lately,),) = await rows(store, query, NOW.replace(hour=0) - timedelta(days=6))
    async with store.pool.connection() as connection:
        found = await spent_since(connection, store.workspace, [("winback", 7), ("other", 7)], NOW)
    assert found == {("winback", 7): pytest.approx(lately), ("other", 7): 0}


def test_bounds_of_chances_are_those_of_the_database() -> None:
    text = (Path(__file__).parents[2] / "src/remit/store/migrations/0075_decisions_summed.sql").read_text()
    assert f"array[{', '.join(f'{one:g}' for one in BOUNDS)}]" in text
