"""Rows of a shop: what happened, and to whom."""

from __future__ import annotations

from collections import defaultdict
from datetime import UTC, datetime, timedelta
from typing import Any

from remit.graph.ingest import Taken, take
from remit.store.store import Store

Json = Any
NOW = (datetime.now(UTC) - timedelta(hours=12)).replace(hour=12, minute=0, second=0, microsecond=0)
"""The last noon: pages and gates look at people by the real clock, and at noon nobody is at rest."""


def row(id_: str, days: float = 1, /, **more: Json) -> dict[str, Json]:
    """Something that happened some days ago."""
    at = (NOW - timedelta(days=days)).isoformat()
    return {"id": id_, "at": at, "kind": "visit", "channel": "web"} | more


async def taken(store: Store, *rows: Json, source: str = "shop", verified: str = "") -> Taken:
    return await take(store, list(enumerate(rows, 1)), source, frozenset(verified.split()), received=NOW)


async def people(store: Store) -> set[frozenset[str]]:
    """Which identifiers are one person's: the same however their numbers came out."""
    query = "select person, kind || ':' || value from graph_profiles where workspace = %s"
    async with store.pool.connection() as connection:
        rows = await (await connection.execute(query, (store.workspace,))).fetchall()
    found: dict[int, set[str]] = defaultdict(set)
    for person, key in rows:
        found[person].add(key)
    return {frozenset(one) for one in found.values()}


async def dump(store: Store) -> dict[str, set[Json]]:
    """The graph without the numbers that things got as they came, and without rounding."""
    parts = {
        "profiles": "select kind, value, verified, shared, about::text, name from graph_profiles",
        "links": "select least(a.kind || a.value, b.kind || b.value), greatest(a.kind || a.value, b.kind || b.value), how, l.source, "
        "event, l.at, last_at, seen, held, withdrawn_by from graph_links l join graph_profiles a on a.id = l.a join graph_profiles b on b.id = l.b",
        "state": "select p.kind, p.value, s.channel, s.direction, s.kind, currency, count, total, first, last, before, "
        "brief::numeric(20, 6), lasting::numeric(20, 6), worth::numeric(20, 6) from graph_state s join graph_profiles p on p.id = s.profile",
        "rejected": "select field, why, row from graph_rejected",
        "interactions": "select source, event, at, kind, value from graph_interactions",
    }
    found: dict[str, set[Json]] = {"people": set(await people(store))}
    async with store.pool.connection() as connection:
        for name, query in parts.items():
            found[name] = set(await (await connection.execute(query.encode())).fetchall())
    return found
