"""Runs by page: each page begins where the one before ended, however many there are."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from psycopg.rows import class_row

from remit.api.problems import Refused, at
from remit.api.schemas import RunPage, RunRow
from remit.store.store import Store


async def page_of_runs(
    store: Store,
    *,
    status: Sequence[str] = (),
    agent: str | None = None,
    person: str | None = None,
    parent: UUID | None = None,
    limit: int = 20,
    cursor: str | None = None,
) -> RunPage:
    """The newest first. Raises Refused for a cursor that is none of ours."""
    after = None if cursor is None else read_cursor(cursor)
    query = """
        select id, agent, goal, person, parent, status, created_at, updated_at from runs
        where workspace = 'default'
          and (%(any)s or status = any(%(status)s)) and (%(agent)s::text is null or agent = %(agent)s)
          and (%(person)s::text is null or person = %(person)s) and (%(parent)s::uuid is null or parent = %(parent)s)
          and (%(at)s::timestamptz is null or (created_at <= %(at)s and (created_at, id) < (%(at)s, %(id)s::uuid)))
        order by created_at desc, id desc limit %(limit)s
    """
    values = {
        "any": not status,
        "status": list(status),
        "agent": _sought(agent),
        "person": _sought(person),
        "parent": parent,
        "at": after[0] if after else None,
        "id": after[1] if after else None,
        "limit": limit + 1,
    }
    async with (
        store.pool.connection() as connection,
        connection.cursor(row_factory=class_row(RunRow)) as found,
    ):
        rows = await (await found.execute(query, values)).fetchall()
    more = len(rows) > limit
    rows = rows[:limit]
    return RunPage(runs=rows, next=write_cursor(rows[-1].created_at, rows[-1].id) if more else None)


def _sought(text: str | None) -> str | None:
    """What no database takes is in none of its rows."""
    if text is None or "\x00" not in text:
        return text
    raise at("?agent or ?person", "a NUL stands in no name")


def write_cursor(at: datetime, run: UUID) -> str:
    return base64.urlsafe_b64encode(f"{at.isoformat()} {run}".encode()).decode().rstrip("=")


def read_cursor(cursor: str) -> tuple[datetime, UUID]:
    """Raises Refused."""
    try:
        text = base64.urlsafe_b64decode(cursor.encode() + b"=" * (-len(cursor) % 4)).decode()
        at, _, run = text.partition(" ")
        when = datetime.fromisoformat(at)
        if when.utcoffset() is None:
            raise ValueError("no zone")
        return when, UUID(run)
    except ValueError as error:
        raise _foreign() from error


def _foreign() -> Refused:
    return at("?cursor", "is none of ours: send `next` of the page before, as it is, or leave it out")
