"""The audit log: what people changed beside runs, whose journals say it themselves."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from psycopg import AsyncConnection
from psycopg.rows import class_row
from psycopg.types.json import Jsonb

from remit.store.store import Store


@dataclass(frozen=True, slots=True)
class Entry:
    """One change: `ann published the agent support`."""

    id: int
    at: datetime
    who: str
    what: str
    about: str
    detail: dict[str, Any]


async def record(
    connection: AsyncConnection[Any], who: str, what: str, about: str, detail: Mapping[str, Any] | None = None
) -> None:
    """Write a change down, in the transaction that makes it: neither is there without the other. `what` is the kind of thing
    and what was done to it, as `agent.published`; `detail` is shown to auditors and holds no secret."""
    query = "insert into audit (who, what, about, detail) values (%s, %s, %s, %s)"
    await connection.execute(query, (who, what, about, Jsonb(dict(detail or {}))))


async def entries(
    store: Store,
    *,
    who: str = "",
    what: str = "",
    about: str = "",
    since: datetime | None = None,
    until: datetime | None = None,
    before: int | None = None,
    limit: int = 50,
) -> list[Entry]:
    """The latest changes, newest first: by a person, of a kind (`agent` or `agent.published`), about one thing, from a time on
    and before another; those before an entry's id for the next page."""
    # Only what is asked for stands in the query, so that the index for it is the one that is used
    asked = {
        "lower(who) = lower(%(who)s)": who,
        "(what = %(what)s or starts_with(what, %(what)s || '.'))": what,
        "about = %(about)s": about,
        "at >= %(since)s": since,
        "at < %(until)s": until,
        "id < %(before)s": before,
    }
    where = " and ".join(
        ["workspace = %(workspace)s", *(condition for condition, value in asked.items() if value)]
    )
    query = (
        f"select id, at, who, what, about, detail from audit where {where} order by id desc limit %(limit)s"
    )
    values = {"who": who, "what": what, "about": about, "since": since, "until": until, "before": before}
    values |= {"workspace": store.workspace}
    async with (
        store.pool.connection() as connection,
        connection.cursor(row_factory=class_row(Entry)) as cursor,
    ):
        return await (await cursor.execute(query.encode(), {**values, "limit": limit})).fetchall()
