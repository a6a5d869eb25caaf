"""The statements that docs/scale.md gives for a partitioned journal are tried here, as they stand there."""

from __future__ import annotations

import re
from pathlib import Path

from tests.chaos.harness import world

from remit.store.store import connect

PAGE = Path(__file__).parents[2] / "docs" / "scale.md"


async def test_the_platform_works_on_a_journal_that_was_partitioned_as_the_page_says(
    database_url: str, tmp_path: Path
) -> None:
    found = re.search(r"```sql\n(begin;.*?commit;)\n```", PAGE.read_text(), re.DOTALL)
    assert found is not None
    async with (
        world(database_url, tmp_path, scripts=4, length=4) as here,
        await connect(database_url) as straight,
    ):
        worker = await here.work()
        await here.start(4)
        await here.over()
        await here.kill(worker)
        before = await straight.execute("select * from events order by run, seq")
        await straight.execute(found[1].encode())
        after = await straight.execute("select * from events order by run, seq")
        assert [*map(str, await after.fetchall())] == [*map(str, await before.fetchall())]
        filled = await straight.execute("select count(distinct tableoid) from events")
        assert (await filled.fetchone() or (0,))[0] > 1
        await here.work()
        await here.start(8)
        await here.over()
        assert (await here.examine()).violations == []
        assert len(here.runs) == 12
