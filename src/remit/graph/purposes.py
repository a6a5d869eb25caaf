"""What is known of people and may not be used for everything: by field, as a workspace says, and as a person allows beyond it.

`about.KEY` is what was said of them, `kind.KIND` and `channel.CHANNEL` what happened, `known.NAME` what is known of them when something is decided,
`account.KEY` what was said of an account, `relation.KIND` how they stand to others so, and `relation.belongs_to` to which accounts they belong. Where
two speak of the same, both hold. Consent to be used is a purpose of its own beside consent to be reached: `consent_given` for `use:marketing`.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from psycopg import AsyncConnection
from psycopg.rows import class_row

from remit.access.audit import record
from remit.errors import FieldError, UnknownName
from remit.gate.purposes import NAME, Purposes, common
from remit.graph.consent import Consent, Word
from remit.graph.state import Key, State
from remit.store.store import Store

Connection = AsyncConnection[Any]
USE = "use:"  # before a purpose: consent to data being used for it
PARTS = ("about", "kind", "channel", "known", "account", "relation")
FIELDS = "about.KEY, kind.KIND, channel.CHANNEL, known.NAME, account.KEY or relation.KIND"
BELONGS = "belongs_to"  # as a kind of relation: to an account, as what
LONGEST = 300  # characters of a reason


@dataclass(frozen=True, slots=True)
class Limit:
    """One field, and all that it may be used for."""

    field: str
    purposes: list[str]
    because: str
    by: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Limits:
    """By field. `given`: what somebody has said that all of theirs may be used for."""

    of: Mapping[str, frozenset[str]] = field(default_factory=dict)
    given: frozenset[str] = frozenset()

    def about(self, key: str) -> Purposes:
        return self._of(f"about.{key}")

    def happened(self, kind: str, channel: str) -> Purposes:
        return self._of(f"kind.{kind}", f"channel.{channel}")

    def known(self, name: str) -> Purposes:
        return self._of(f"known.{name}")

    def account(self, key: str) -> Purposes:
        return self._of(f"account.{key}")

    def stands(self, kind: str) -> Purposes:
        return self._of(f"relation.{kind}")

    def gathered(self, purposes: Collection[str]) -> Purposes:
        """For what that may be used which is gathered of all that happened and may be used for these."""
        fields = (self._of(name) for name in self.of if name.startswith(("kind.", "channel.")))
        return common(limit for limit in fields if meant(limit, purposes))

    def allowing(self, consent: Consent) -> Limits:
        """With what this person allows beyond them."""
        asked = {word.purpose.removeprefix(USE) for word in consent.words if word.purpose.startswith(USE)}
        return Limits(self.of, frozenset(one for one in asked if _agreed(consent.words, one)))

    def without(self, state: State, purposes: Collection[str]) -> State:
        """What of a state may be used for these."""
        return {key: one for key, one in state.items() if self._counts(key, purposes)} if self.of else state

    def hidden(self, purposes: Collection[str]) -> frozenset[str]:
        """All that may not be used for these."""
        return frozenset(name for name in self.of if not meant(self._of(name), purposes))

    def against(self, part: str, purposes: Collection[str]) -> list[str]:
        """Of `kind`, `channel` or `known`, what may not be used for these."""
        begin = f"{part}."
        return sorted(name.removeprefix(begin) for name in self.hidden(purposes) if name.startswith(begin))

    def wants(self, purposes: Collection[str]) -> bool:
        """Whether what somebody wants may be used for these: it is inferred of what they wrote and do."""
        return meant(self.known("intent"), purposes) and not (
            self.against("kind", purposes) or self.against("channel", purposes)
        )

    def _counts(self, key: Key, purposes: Collection[str]) -> bool:
        return meant(self.happened(key.kind, key.channel), purposes)

    def _of(self, *fields: str) -> Purposes:
        found = common(self.of.get(one) for one in fields)
        return None if found is None else found | self.given


def meant(limit: Purposes, purposes: Collection[str]) -> bool:
    """Whether what is so limited may be used for all of these."""
    return limit is None or limit.issuperset(purposes)


def _agreed(words: Sequence[Word], purpose: str) -> bool:
    """Of each identifier the last word on this use counts, of the person the strictest; a no to everything is one to this."""
    last: dict[int, Word] = {}
    for word in words:
        if word.purpose != USE + purpose and (word.purpose or word.says == "yes" or word.only):
            continue
        was = last.get(word.profile)
        if was is None or (word.at, word.says == "no") > (was.at, was.says == "no"):
            last[word.profile] = word
    return bool(last) and all(word.says == "yes" for word in last.values())


async def list_limits(store: Store) -> list[Limit]:
    query = "select field, purposes, because, by, at from purposes where workspace = %s order by field"
    async with (
        store.pool.connection() as connection,
        connection.cursor(row_factory=class_row(Limit)) as cursor,
    ):
        return await (await cursor.execute(query, (store.workspace,))).fetchall()


async def limits_of(store: Store) -> Limits:
    async with store.pool.connection() as connection:
        return await limits_within(connection, store.workspace)


async def limits_within(connection: Connection, workspace: str) -> Limits:
    query = "select field, purposes from purposes where workspace = %s"
    rows: Iterable[tuple[str, list[str]]] = await (await connection.execute(query, (workspace,))).fetchall()
    return Limits({name: frozenset(several) for name, several in rows})


async def set_limit(store: Store, name: str, purposes: Sequence[str], because: str, by: str) -> Limit:
    """Set it, or change it; for the next call of each run. Raises FieldError."""
    part, _, rest = name.partition(".")
    if part not in PARTS or not rest.strip() or len(name) > 120:
        example = (
            "about.health, kind.message, channel.chat, known.asked, account.revenue, relation.reports_to"
        )
        raise FieldError("field", f"{name!r} is no field: {example}")
    if wrong := [one for one in purposes if not re.fullmatch(NAME, one)]:
        raise FieldError("purposes", f"{wrong[0]!r} is no purpose: a small word, as service or fraud")
    if not purposes:
        raise FieldError("purposes", "say for what it may be used")
    if not because.strip() or len(because) > LONGEST:
        raise FieldError("because", f"say why, in 1 to {LONGEST} characters")
    several = sorted(set(purposes))
    query = """
        insert into purposes (workspace, field, purposes, because, by) values (%s, %s, %s, %s, %s)
        on conflict (workspace, field) do update set purposes = excluded.purposes, because = excluded.because, by = excluded.by, at = excluded.at
    """
    async with store.pool.connection() as connection, connection.transaction():
        await connection.execute(query, (store.workspace, name, several, because.strip(), by))
        await record(connection, by, "purpose.set", name, {"for": several, "because": because.strip()})
    return next(one for one in await list_limits(store) if one.field == name)


async def remove_limit(store: Store, name: str, by: str) -> None:
    """It may be used for everything again. Raises UnknownName."""
    async with store.pool.connection() as connection, connection.transaction():
        query = "delete from purposes where workspace = %s and field = %s"
        if (await connection.execute(query, (store.workspace, name))).rowcount:
            await record(connection, by, "purpose.removed", name)
            return
    raise UnknownName("limit", name, [one.field for one in await list_limits(store)])
