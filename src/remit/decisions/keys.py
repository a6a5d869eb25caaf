"""By which keys people are in a holdout or in a ramp: the same for good, whoever turns out to be one person with whom.

What is hashed is the number that somebody had when something was decided for them first, kept with each of their identifiers. Of people who become one
the key counts that is oldest, whatever it comes to: were it the strictest, those with many identifiers would be held out more often than
others, and could not be held against them. Nothing is rewritten, so that who is parted again has the key from before; and what is parted
from somebody for whom things were decided keeps the key by which they were.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, LiteralString

from psycopg import AsyncConnection

Connection = AsyncConnection[Any]
# Two queries, of which none has a plan to be chosen: as one, it was joined row by row while nobody had counted a table that had just grown
THEIRS: LiteralString = """
    select p.id, p.person from unnest(%s::bigint[]) as of (who)
    cross join lateral (select id, person from graph_profiles where person = of.who and workspace = %s offset 0) as p
"""
KEYS: LiteralString = "select at, profile, key from decision_keys where workspace = %s and profile = any(%s) order by at, profile"
KEEP: LiteralString = """
    insert into decision_keys (workspace, profile, key, at) select %s, p.id, of.key, %s from unnest(%s::bigint[], %s::bigint[]) as of (who, key)
    cross join lateral (select id from graph_profiles where person = of.who and workspace = %s offset 0) as p order by p.id
    on conflict do nothing
"""


async def keys_of(connection: Connection, workspace: str, persons: Sequence[int]) -> Mapping[int, int]:
    """Of each person; of one for whom nothing was decided yet, their number."""
    rows = await (await connection.execute(THEIRS, (list(persons), workspace))).fetchall()
    whose: dict[int, int] = dict(rows)
    found = {person: person for person in persons}
    kept = await (await connection.execute(KEYS, (workspace, list(whose)))).fetchall()
    for _, profile, key in reversed(kept):  # the oldest last, which is the one that counts
        found[whose[profile]] = key
    return found


async def keep(connection: Connection, workspace: str, keys: Mapping[int, int], now: datetime) -> None:
    """For such of their identifiers as have none."""
    if keys:
        await connection.execute(KEEP, (workspace, now, list(keys), list(keys.values()), workspace))
