"""What a version of a playbook has shown so far: for whether it may go on, and whether it must stop."""

from __future__ import annotations

from remit.decisions.kept import Version
from remit.decisions.stage import Shown
from remit.decisions.totals import together, totals_of
from remit.store.store import Store


async def shown_of(store: Store, one: Version) -> Shown:
    """Decisions that somebody made by hand or that left no choice count for nothing but what followed them."""
    totals = await totals_of(store, one.playbook, one.version)
    query = """
        select guardrail, count(*) from decision_followed where workspace = %s and playbook = %s and version = %s group by guardrail
    """
    async with store.pool.connection() as connection:
        rows = await (
            await connection.execute(query, (store.workspace, one.playbook, one.version))
        ).fetchall()
    return Shown(
        shadowed=sum(each.times for each in totals if each.shadow),
        done=sum(each.times for each in totals if each.done),
        closed=sum(each.closed for each in totals if each.done and each.choice),
        followed=dict(rows),
        chosen=together(totals, lambda each: each.choice),
        holdout=together(totals, lambda each: each.holdout),
    )
