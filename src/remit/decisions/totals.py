"""What the decisions of a playbook come to, from sums that the database keeps as decisions and what came of them are written (migration 0075): however
many there are, all of them count, and what was removed does not."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from psycopg import AsyncConnection

from remit.decisions.log import IDLE
from remit.decisions.stage import Values
from remit.decisions.sums import SUMS
from remit.store.store import Store

Connection = AsyncConnection[Any]


@dataclass(frozen=True, slots=True)
class Total:
    """Decisions that are alike. `chance`: between which bounds they were how likely; `closed`: of how many it is known what came of them, which
    was `total` less their costs."""

    version: int
    shadow: bool
    action: str
    does: str
    holdout: bool
    chosen: bool
    chance: int
    times: int
    likely: float
    rarest: float | None
    tried: int
    spent: float
    closed: int
    total: float
    squares: float

    @property
    def values(self) -> Values:
        return Values(self.closed, self.total, max(self.squares, 0.0))

    @property
    def choice(self) -> bool:
        """There was something to choose among, and it was chosen."""
        return self.chosen and not self.holdout

    @property
    def done(self) -> bool:
        return not self.shadow and self.does not in IDLE


async def totals_of(store: Store, playbook: str, version: int | None = None) -> list[Total]:
    """Of all versions, or of one."""
    query = f"""
        select version, stage = 'shadow' as shadow, action, does, holdout, chosen, chance, {SUMS} from decision_sums
        where workspace = %s and playbook = %s and (%s::integer is null or version = %s) group by 1, 2, 3, 4, 5, 6, 7
        having sum(times) > 0 order by 1, 2, 3
    """
    values = (store.workspace, playbook, version, version)
    async with store.pool.connection() as connection:
        rows = await (await connection.execute(query.encode(), values)).fetchall()
    return [Total(*row) for row in rows]


def together(totals: Iterable[Total], of: Callable[[Total], bool]) -> Values:
    """What those brought of which it is so."""
    some = [one.values for one in totals if of(one)]
    return Values(
        sum(one.count for one in some), sum(one.total for one in some), sum(one.squares for one in some)
    )


async def spent_since(
    connection: Connection, workspace: str, windows: Collection[tuple[str, int]], now: datetime
) -> dict[tuple[str, int], float]:
    """Of each playbook with so many days, of which today is the last (UTC): what was done cost in them."""
    if not windows:
        return {}
    query = """
        select of.playbook, of.days, (select coalesce(sum(spent), 0) from decision_sums
            where workspace = %s and playbook = of.playbook and day > (%s::timestamptz at time zone 'UTC')::date - of.days)
        from unnest(%s::text[], %s::integer[]) as of (playbook, days)
    """
    values = (workspace, now, [playbook for playbook, _ in windows], [days for _, days in windows])
    rows = await (await connection.execute(query, values)).fetchall()
    return {(playbook, days): max(float(spent), 0.0) for playbook, days, spent in rows}
