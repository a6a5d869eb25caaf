"""What a version of a playbook has shown so far, read from its own log: for whether it may go on, and whether it must stop."""

from __future__ import annotations

from remit.decisions.kept import Version
from remit.decisions.stage import Shown, Values
from remit.store.store import Store

LATEST = """
    lateral (select value from decision_credits c where c.workspace = d.workspace and c.decision = d.id order by n desc limit 1)
"""


async def shown_of(store: Store, one: Version) -> Shown:
    """Decisions that somebody made by hand or that left no choice count for nothing but what followed them."""
    of = (store.workspace, one.playbook, one.version)
    counted = """
        select count(*) filter (where stage = 'shadow'),
               count(*) filter (where stage <> 'shadow' and does not in ('nothing', 'wait'))
        from decisions where workspace = %s and playbook = %s and version = %s
    """
    followed = """
        select guardrail, count(*) from decision_followed f join decisions d on d.workspace = f.workspace and d.id = f.decision
        where d.workspace = %s and playbook = %s and version = %s group by guardrail
    """
    valued = f"""
        select holdout, count(*), sum(value - cost), sum((value - cost) ^ 2), count(*) filter (where does not in ('nothing', 'wait'))
        from decisions d, {LATEST} as came
        where d.workspace = %s and playbook = %s and version = %s and stage <> 'shadow' and (chosen or holdout) group by holdout
    """
    async with store.pool.connection() as connection:
        row = await (await connection.execute(counted, of)).fetchone()
        assert row is not None
        broke: dict[str, int] = dict(await (await connection.execute(followed, of)).fetchall())
        rows = await (await connection.execute(valued.encode(), of)).fetchall()
    values = {held: Values(*rest) for held, *rest, _ in rows}
    closed = sum(done for held, *_, done in rows if not held)
    return Shown(row[0], row[1], closed, broke, values.get(False, Values()), values.get(True, Values()))
