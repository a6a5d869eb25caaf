"""Rules of how long what is known of people is kept: set, changed and taken back by owners, each with who and why it was in the audit log."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, LiteralString

from psycopg.rows import class_row

from remit.access.audit import record
from remit.age import NEVER, parse_age, read_age, write_age
from remit.errors import FieldError, UnknownName
from remit.graph import consent
from remit.graph.horizon import INTERACTIONS, WORDS
from remit.journal.due import LONGEST
from remit.keeping.lookback import looks_back
from remit.store.store import Connection, Store

MOST = 500  # rules of a workspace
WORD = re.compile(r"[a-z][a-z0-9_]{0,39}")
# What may have a rule, and how long it is kept at the least: `new` and `dormant` are told of 30 and 90 days
WHAT: Mapping[str, str] = {
    INTERACTIONS: "what happened",
    WORDS: "words of what happened",
    "people": "people of whom nothing was heard",
    "decisions": "decisions",
    "contacts": "contacts",
    "chats": "chats in which nothing was written",
    "takeovers": "takeovers that are over, with what colleagues wrote",
    "aside": "rows set aside",
    "examples": "examples of intents",
}
LEAST: Mapping[str, timedelta] = {INTERACTIONS: parse_age("30d"), "people": parse_age("90d")}
DAY = timedelta(days=1)
LOCK: LiteralString = "select pg_advisory_xact_lock(hashtext('remit_keeping'), hashtext(%s))"
LOCK_TOO: LiteralString = "select pg_advisory_xact_lock_shared(hashtext('remit_keeping'), hashtext(%s))"
FIELDS: LiteralString = (
    "workspace, what, kind, channel, lasts, by, set_at, due_at, looked_at, place, why from keeping"
)


@dataclass(frozen=True, slots=True)
class Rule:
    """`kind`, `channel`: "" are all that have no rule of their own; `lasts` None: for ever; `place`: of people, up to whom a look has come."""

    workspace: str
    what: str
    kind: str
    channel: str
    lasts: timedelta | None
    by: str
    set_at: datetime
    due_at: datetime
    looked_at: datetime | None
    place: int
    why: str

    @property
    def key(self) -> tuple[str, str, str]:
        return self.what, self.kind, self.channel


async def list_rules(store: Store) -> list[Rule]:
    """By what they are of, the widest first."""
    async with store.pool.connection() as connection:
        return await _rules(connection, store.workspace)


async def set_rule(
    store: Store, what: str, lasts: timedelta | None, by: str, kind: str = "", channel: str = ""
) -> Rule:
    """Set it, or change it; it is first applied an hour later, so that it can be taken back. Raises FieldError."""
    await check(store, what, lasts, kind, channel)
    query = """
        insert into keeping (workspace, what, kind, channel, lasts, by) values (%s, %s, %s, %s, %s, %s)
        on conflict (workspace, what, kind, channel) do update set lasts = excluded.lasts, by = excluded.by, set_at = excluded.set_at,
            due_at = excluded.due_at, looked_at = null, place = 0, why = ''
    """
    here, key = store.workspace, (what, kind, channel)
    async with store.pool.connection() as connection, connection.transaction():
        await connection.execute(LOCK, (here,))
        known = await _rules(connection, here)
        was = next((one for one in known if one.key == key), None)
        if was is None and len(known) >= MOST:
            raise FieldError("what", f"there are {MOST} rules already: remove one")
        await connection.execute(query, (here, *key, lasts, by))
        detail = {"kept": age(lasts)} | ({"was": age(was.lasts)} if was else {})
        await record(connection, by, "keeping.set", named(*key), detail)
        return next(one for one in await _rules(connection, here) if one.key == key)


async def remove_rule(store: Store, what: str, by: str, kind: str = "", channel: str = "") -> None:
    """What it spoke of falls under the next wider rule; without one it is kept for ever. Raises UnknownName."""
    here, key = store.workspace, (what, kind, channel)
    async with store.pool.connection() as connection, connection.transaction():
        await connection.execute(LOCK, (here,))
        known = await _rules(connection, here)
        was = next((one for one in known if one.key == key), None)
        if was is None:
            raise UnknownName("rule", named(*key), [named(*one.key) for one in known])
        query = "delete from keeping where workspace = %s and what = %s and kind = %s and channel = %s"
        await connection.execute(query, (here, *key))
        await record(connection, by, "keeping.removed", named(*key), {"kept": age(was.lasts)})


async def check(store: Store, what: str, lasts: timedelta | None, kind: str = "", channel: str = "") -> None:
    """Raises FieldError."""
    if what not in WHAT:
        raise FieldError("what", f"{what!r} is nothing that has a rule: {', '.join(WHAT)}")
    for field, said in (("kind", kind), ("channel", channel)):
        if said and what not in (INTERACTIONS, WORDS):
            raise FieldError(field, f"only {INTERACTIONS} and {WORDS} are told apart by it")
        if said and not WORD.fullmatch(said):
            raise FieldError(field, f"{said!r} is none: a small letter, then small letters, digits and _")
    if kind in consent.KINDS:
        why = "what people said of being reached stays as long as they are known: without it they would be reached again"
        raise FieldError("kind", why)
    if lasts is None:
        if not kind and not channel:
            raise FieldError(
                "lasts", "say how long; where no rule is set, all of it is kept: remove the rule instead"
            )
        return
    least = LEAST.get(what, DAY)
    if not least <= lasts <= LONGEST:
        raise FieldError("lasts", f"{WHAT[what]}: {write_age(least)} to {write_age(LONGEST)}, or {NEVER}")
    if what in ("decisions", "contacts"):
        async with store.pool.connection() as connection:
            needed, whose = await looks_back(connection, store.workspace)
        if lasts < needed:
            raise FieldError("lasts", f"{whose} looks back {needed.days} days: keep {what} at least as long")


async def changed(connection: Connection, rule: Rule) -> bool:
    """Whether it is no longer as it was; nobody changes one until the transaction ends."""
    await connection.execute(LOCK_TOO, (rule.workspace,))
    query = "select set_at from keeping where workspace = %s and what = %s and kind = %s and channel = %s"
    row = await (await connection.execute(query, (rule.workspace, *rule.key))).fetchone()
    return row != (rule.set_at,)


def named(what: str, kind: str = "", channel: str = "") -> str:
    """As people write it: `words of message on email`."""
    return what + (f" of {kind}" if kind else "") + (f" on {channel}" if channel else "")


def age(lasts: timedelta | None) -> str:
    return write_age(lasts) if lasts else NEVER


def read_lasts(text: str) -> timedelta | None:
    """Raises FieldError."""
    return read_age("lasts", text)


def shown(rule: Rule) -> dict[str, Any]:
    """For programs."""
    return {
        "what": rule.what, "kind": rule.kind, "channel": rule.channel, "lasts": write_age(rule.lasts) if rule.lasts else None,
        "by": rule.by, "set_at": rule.set_at, "next_at": rule.due_at, "applied_at": rule.looked_at, "why": rule.why,
    }  # fmt: skip


async def _rules(connection: Connection, workspace: str) -> list[Rule]:
    async with connection.cursor(row_factory=class_row(Rule)) as cursor:
        query = f"select {FIELDS} where workspace = %s order by what, kind, channel"
        return await (await cursor.execute(query, (workspace,))).fetchall()
