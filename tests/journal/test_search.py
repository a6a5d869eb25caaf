"""Finding runs among many: every filter is answered by an index, at the beginning and far back."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import product
from uuid import UUID

import pytest

from remit.errors import UserError
from remit.journal.search import OPEN, Place, Wanted, agents_known, place, query_of, search
from remit.store.store import Store

FILL = """
    insert into runs (id, agent, goal, person, status, created_at, updated_at)
    select gen_random_uuid(), (array['shop', 'clerk', 'desk'])[1 + n %% 3], 'look into order W' || n, 'p' || n %% 500,
        case when n %% 400 = 0 then 'failed' when n %% 300 = 0 then 'waiting' else 'met' end,
        now() - n * interval '1 minute', now()
    from generate_series(1, %s) as n
"""
SINCE = datetime.now(UTC) - timedelta(days=2)


async def filled(store: Store, many: int) -> None:
    async with store.pool.connection() as connection:
        await connection.execute(FILL, (many,))
        await connection.execute("analyze runs")


FILTERS = (
    Wanted(),
    Wanted(agent="clerk"),
    Wanted(agent="nobody"),
    Wanted(status=("failed",)),
    Wanted(status=("refused",)),
    Wanted(status=OPEN),
    Wanted(person="P77"),
    Wanted(words="W7777"),
    Wanted(words="zeppelin"),
    Wanted(words="W7777 order", agent="clerk"),
    Wanted(words="W7777", status=("failed",)),
    Wanted(since=SINCE, until=SINCE + timedelta(hours=1)),
    Wanted(agent="shop", status=("failed",), person="p7"),
)


async def test_no_filter_reads_the_whole_table(store: Store) -> None:
    await filled(store, 20_000)
    far = Place(datetime.now(UTC) - timedelta(minutes=18_000), UUID(int=0))
    async with store.pool.connection() as connection:
        for wanted, (older, newer) in product(FILTERS, ((None, None), (far, None), (None, far))):
            query, values = query_of(wanted, older, newer)
            rows = await connection.execute(
                "explain " + query, {**values, "workspace": "default", "limit": 51}
            )
            plan = "\n".join(row[0] for row in await rows.fetchall())
            assert "Seq Scan on runs" not in plan, f"{wanted}: {plan}"
            assert "Index" in plan, f"{wanted}: {plan}"


async def test_names_of_agents_are_found_without_reading_their_runs(store: Store) -> None:
    await filled(store, 100)
    assert await agents_known(store) == ["clerk", "desk", "shop"]


async def test_a_place_in_the_list_is_what_it_was_written_as(store: Store) -> None:
    await filled(store, 30)
    page = await search(store, Wanted(agent="shop"), limit=3)
    assert page.older is not None
    assert place(str(page.older)) == page.older
    assert page.newer is None
    for wrong in ("", "1-2", "x-00000000000000000000000000000000", "9" * 40 + "-" + "0" * 32):
        with pytest.raises(UserError, match="no place"):
            place(wrong)
