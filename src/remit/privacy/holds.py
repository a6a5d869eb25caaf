"""What must be kept for a time, whoever is erased."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from psycopg.rows import class_row

from remit.access.audit import record
from remit.age import parse_age, write_age
from remit.errors import FieldError, UnknownName
from remit.store.store import Store

NAME = re.compile(r"[a-z][a-z0-9_-]{0,39}")
KIND = re.compile(r"[a-z][a-z0-9_]{0,39}")
LONGEST = 300  # characters of a reason


@dataclass(frozen=True, slots=True)
class Hold:
    """Interactions of these kinds stay for so long since they happened, without the person."""

    name: str
    kinds: tuple[str, ...]
    lasts: timedelta
    because: str
    by: str
    at: datetime


async def list_holds(store: Store) -> list[Hold]:
    query = "select name, kinds, lasts, because, by, at from holds where workspace = %s order by name"
    async with (
        store.pool.connection() as connection,
        connection.cursor(row_factory=class_row(Hold)) as cursor,
    ):
        return await (await cursor.execute(query, (store.workspace,))).fetchall()


async def set_hold(store: Store, name: str, kinds: Sequence[str], lasts: str, because: str, by: str) -> Hold:
    """Set it, or change it. Raises FieldError, UserError."""
    if not NAME.fullmatch(name):
        raise FieldError("name", f"{name!r} is no name: a small letter, then small letters, digits, - or _")
    wrong = next((kind for kind in kinds if not KIND.fullmatch(kind)), None)
    if wrong is not None or not kinds:
        raise FieldError(
            "kinds", f"{wrong!r} is no kind of interaction" if kinds else "name a kind of interactions"
        )
    if not because.strip() or len(because) > LONGEST:
        raise FieldError("because", f"say why, in 1 to {LONGEST} characters: it stands in receipts")
    age = parse_age(lasts)
    query = """
        insert into holds (workspace, name, kinds, lasts, because, by) values (%s, %s, %s, %s, %s, %s)
        on conflict (workspace, name) do update set kinds = excluded.kinds, lasts = excluded.lasts, because = excluded.because,
            by = excluded.by, at = excluded.at
    """
    async with store.pool.connection() as connection, connection.transaction():
        await connection.execute(query, (store.workspace, name, sorted(set(kinds)), age, because.strip(), by))
        await record(
            connection,
            by,
            "hold.set",
            name,
            {"kinds": sorted(set(kinds)), "for": write_age(age), "because": because},
        )
    return next(one for one in await list_holds(store) if one.name == name)


async def remove_hold(store: Store, name: str, by: str) -> None:
    """Raises UnknownName."""
    async with store.pool.connection() as connection, connection.transaction():
        query = "delete from holds where workspace = %s and name = %s"
        if (await connection.execute(query, (store.workspace, name))).rowcount:
            await record(connection, by, "hold.removed", name)
            return
    raise UnknownName("hold", name, [one.name for one in await list_holds(store)])
