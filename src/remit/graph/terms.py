"""How soon a workspace forgets: its half-lives, and the states of everybody folded anew when these change."""

from __future__ import annotations

import math

from remit.access.audit import record
from remit.errors import UserError
from remit.graph.append import FOLD
from remit.graph.ingest import enter
from remit.graph.state import Terms
from remit.store.store import Store

LEAST = Terms(0.1, 20.0)  # days; with less what is old would be too little to be a number
MOST = 3_650.0


async def set_terms(store: Store, terms: Terms, who: str) -> None:
    """Half-lives in days; every state is folded anew from what happened, and nothing comes in meanwhile. Raises UserError."""
    for name, days, least in (("brief", terms.brief, LEAST.brief), ("lasting", terms.lasting, LEAST.lasting)):
        if not (math.isfinite(days) and least <= days <= MOST):
            raise UserError(f"{name}: a half-life has {least:g} to {MOST:,.0f} days")
    query = """
        insert into graph_terms (workspace, brief, lasting) values (%s, %s, %s)
        on conflict (workspace) do update set brief = excluded.brief, lasting = excluded.lasting
    """
    async with store.pool.connection() as connection, connection.transaction():
        before = await enter(connection, store.workspace)
        await connection.execute(query, (store.workspace, terms.brief, terms.lasting))
        await connection.execute("delete from graph_state where workspace = %s", (store.workspace,))
        anew = f"with came as (select * from graph_interactions where workspace = %(workspace)s) {FOLD}"
        values = {"workspace": store.workspace, "brief": terms.brief, "lasting": terms.lasting}
        await connection.execute(anew.encode(), values)
        changed = {"brief": [before.brief, terms.brief], "lasting": [before.lasting, terms.lasting]}
        await record(connection, who, "graph.terms", "", changed)
