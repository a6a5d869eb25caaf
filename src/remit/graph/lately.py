"""What goes on with everybody: interactions as they come in, decisions as they are made, contacts as they are. The last first."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import LiteralString, Self

from psycopg.rows import class_row

from remit.store.store import Store

AT_ONCE = 40
SINCE: LiteralString = """
    select 'happened' as what, i.id as number, i.received as at, i.profile as person, p.kind || ':' || p.value as who, i.channel, i.direction,
        i.kind as said, coalesce(nullif(i.subject, ''), left(i.body, 160)) as about, i.source as by
    from graph_interactions i join graph_profiles p on p.id = i.profile
    where i.workspace = %(here)s and i.id > %(happened)s and %(channel)s in ('', i.channel) and %(kind)s in ('', i.kind)
    order by i.id desc limit %(most)s
"""
DECIDED: LiteralString = """
    select 'decided' as what, d.id as number, d.at, d.person, coalesce(p.kind || ':' || p.value, d.person::text) as who, '' as channel, '' as direction,
        d.action as said, d.reason as about, d.playbook || ' ' || d.version || ', ' || d.stage as by
    from decisions d left join graph_profiles p on p.id = d.person
    where d.workspace = %(here)s and d.id > %(decided)s and %(channel)s = '' and %(kind)s in ('', 'decision')
    order by d.id desc limit %(most)s
"""
REACHED: LiteralString = """
    select 'reached' as what, c.id as number, c.at, c.profile as person, p.kind || ':' || p.value as who, c.channel, 'out' as direction,
        c.state as said, c.why as about, c.by
    from contacts c join graph_profiles p on p.id = c.profile
    where c.workspace = %(here)s and c.id > %(reached)s and %(channel)s in ('', c.channel) and %(kind)s in ('', 'contact')
    order by c.id desc limit %(most)s
"""


@dataclass(frozen=True, slots=True)
class Row:
    """`what`: happened, decided or reached; `said`: the kind, the action, or the contact's state."""

    what: str
    number: int
    at: datetime
    person: int
    who: str
    channel: str
    direction: str
    said: str
    about: str
    by: str


@dataclass(frozen=True, slots=True)
class Place:
    """How far somebody has seen each."""

    happened: int = 0
    decided: int = 0
    reached: int = 0

    def __str__(self) -> str:
        return f"{self.happened}.{self.decided}.{self.reached}"

    @classmethod
    def read(cls, text: str) -> Self:
        """What is none is the beginning."""
        parts = text.split(".")
        good = len(parts) == 3 and all(one.isascii() and one.isdigit() and len(one) < 19 for one in parts)
        return cls(*map(int, parts)) if good else cls()

    def after(self, rows: Sequence[Row]) -> Place:
        far = {
            what: max((row.number for row in rows if row.what == what), default=0)
            for what in ("happened", "decided", "reached")
        }
        return Place(
            max(self.happened, far["happened"]),
            max(self.decided, far["decided"]),
            max(self.reached, far["reached"]),
        )


async def lately(store: Store, since: Place, *, channel: str = "", kind: str = "") -> list[Row]:
    """At most AT_ONCE of what came since, the last first: where more came, what came first of it is left out."""
    asked = {
        "here": store.workspace, "happened": since.happened, "decided": since.decided, "reached": since.reached,
        "channel": channel, "kind": kind, "most": AT_ONCE,
    }  # fmt: skip
    found: list[Row] = []
    async with (
        store.pool.connection() as connection,
        connection.cursor(row_factory=class_row(Row)) as cursor,
    ):
        for query in (SINCE, DECIDED, REACHED):
            found += await (await cursor.execute(query, asked)).fetchall()
    return sorted(found, key=lambda one: one.at, reverse=True)[:AT_ONCE]


async def newest(store: Store) -> Place:
    """How far all of it goes now."""
    query = """
        select coalesce((select max(id) from graph_interactions where workspace = %(here)s), 0),
            coalesce((select max(id) from decisions where workspace = %(here)s), 0),
            coalesce((select id from contacts where workspace = %(here)s order by id desc limit 1), 0)
    """
    async with store.pool.connection() as connection:
        row = await (await connection.execute(query, {"here": store.workspace})).fetchone()
    assert row is not None
    return Place(*row)
