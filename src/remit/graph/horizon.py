"""How far back what happened is kept. Pure, but for reading it.

A rule speaks of a kind on a channel, of a kind, of a channel, or of everything; the closest one holds. What people said of being reached falls under
none of them, and what a hold names stays at least as long as that says. Up to where something was taken away nothing is taken in again, whatever
becomes of the rule: so an event that is delivered once more does not come back, and nothing need be kept of it to know it by.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, LiteralString

from psycopg import AsyncConnection

from remit.graph import consent
from remit.graph.rows import Interaction

Connection = AsyncConnection[Any]
Place = tuple[str, str, str]  # interactions or words, kind, channel
INTERACTIONS, WORDS = "interactions", "words"
# In its first hour a rule may be taken back, and keeps all that it speaks of
READ: LiteralString = """
    select 'rule', what, kind, channel, case when set_at <= clock_timestamp() - interval '1 hour' then lasts end, null::timestamptz
    from keeping where workspace = %(here)s and what in ('interactions', 'words')
    union all select 'gone', what, kind, channel, null, until from graph_gone where workspace = %(here)s
    union all select 'hold', '', unnest(kinds), '', lasts, null from holds where workspace = %(here)s
"""


@dataclass(frozen=True, slots=True)
class Horizon:
    """`rules`: how long, None for ever; `gone`: up to when things were taken away; `holds`: by kind, the longest."""

    rules: Mapping[Place, timedelta | None] = field(default_factory=dict)
    gone: Mapping[Place, datetime] = field(default_factory=dict)
    holds: Mapping[str, timedelta] = field(default_factory=dict)

    def rule(self, what: str, kind: str, channel: str) -> Place | None:
        """The one that holds for these."""
        near = ((what, kind, channel), (what, kind, ""), (what, "", channel), (what, "", ""))
        return None if kind in consent.KINDS else next((one for one in near if one in self.rules), None)

    def lasts(self, what: str, kind: str, channel: str) -> timedelta | None:
        """How long these are kept; None: for ever."""
        rule = self.rule(what, kind, channel)
        lasts = None if rule is None else self.rules[rule]
        return None if lasts is None else max(lasts, self.holds.get(kind, lasts))

    def since(self, what: str, kind: str, channel: str, now: datetime) -> datetime | None:
        """From when on these are kept; None: from the beginning."""
        lasts = self.lasts(what, kind, channel)
        gone = self.gone.get((what, kind, channel))
        known = [*([gone] if gone else []), *([now - lasts] if lasts else [])]
        return max(known, default=None)

    def put(self, place: Place, lasts: timedelta | None) -> Horizon:
        """As if this rule held too."""
        return replace(self, rules={**self.rules, place: lasts})

    def takes(self, one: Interaction, now: datetime) -> Interaction | str:
        """What of it may come in: all of it, what happened without its words, or nothing, and why."""
        since = self.since(INTERACTIONS, one.kind, one.channel, now)
        if since is not None and one.at < since:
            return f"is older than what is kept: of {one.kind} on {one.channel}, what happened since {since:%Y-%m-%d}"
        since = self.since(WORDS, one.kind, one.channel, now)
        if since is not None and one.at < since:
            return replace(one, subject="", text="", properties={})
        return one


async def read_horizon(connection: Connection, workspace: str) -> Horizon:
    rules: dict[Place, timedelta | None] = {}
    gone: dict[Place, datetime] = {}
    holds: dict[str, timedelta] = {}
    for of, what, kind, channel, lasts, until in await (
        await connection.execute(READ, {"here": workspace})
    ).fetchall():
        if of == "rule":
            rules[what, kind, channel] = lasts
        elif of == "gone":
            gone[what, kind, channel] = until
        else:
            holds[kind] = max(lasts, holds.get(kind, lasts))
    return Horizon(rules, gone, holds)


async def within(
    connection: Connection, workspace: str, came: Sequence[Interaction], now: datetime
) -> tuple[list[Interaction], list[tuple[Interaction, str]]]:
    """What of these is kept, and what is not with the reason."""
    horizon = await read_horizon(connection, workspace)
    if not horizon.rules and not horizon.gone:
        return list(came), []
    found = [(one, horizon.takes(one, now)) for one in came]
    kept = [made for _, made in found if not isinstance(made, str)]
    return kept, [(one, made) for one, made in found if isinstance(made, str)]


def told(gone: Mapping[Place, datetime], at: datetime) -> list[tuple[str, str, datetime]]:
    """Of what had happened by a moment, what is kept no more: kind, channel, and up to when. The latest first."""
    found = [(kind, channel, until) for (what, kind, channel), until in gone.items() if what == INTERACTIONS]
    return sorted((one for one in found if one[2] > at), key=lambda one: one[2], reverse=True)
