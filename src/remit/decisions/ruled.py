"""The rules of contact of a workspace, each version with who and why; and the people who are to be left alone, whatever the rules say."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from psycopg.rows import class_row

from remit.access.audit import record
from remit.decisions.action import Rules
from remit.decisions.standing import rules_within
from remit.errors import UnknownName, UserError
from remit.store.store import Store

LONGEST = 1_000  # characters of a reason


@dataclass(frozen=True, slots=True)
class Ruled:
    """Rules as somebody set them."""

    version: int
    rules: dict[str, Any]
    note: str
    who: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Suppressed:
    """That somebody is to be left alone, as it is kept. `channel` empty: on all of them."""

    id: int
    profile: int
    channel: str
    because: str
    until: datetime | None
    by: str
    at: datetime
    lifted_at: datetime | None
    lifted_by: str | None


async def set_rules(store: Store, rules: Rules, note: str, who: str, base: int | None = None) -> int:
    """Let these hold from now on, for whoever is reached next; their version. `base`: the version from which whoever sets them began.
    Raises UserError where another one holds by now."""
    async with store.pool.connection() as connection, connection.transaction():
        await connection.execute(
            "select pg_advisory_xact_lock(hashtextextended('contact rules ' || %s, 0))", (store.workspace,)
        )
        query = "select coalesce(max(version), 0) from contact_rules where workspace = %s"
        row = await (await connection.execute(query, (store.workspace,))).fetchone()
        assert row is not None
        if base is not None and base != row[0]:
            raise UserError(
                f"somebody has set version {row[0]} of the rules meanwhile: look at it, and set yours again"
            )
        before = await rules_within(connection, store.workspace)
        query = "insert into contact_rules (workspace, version, rules, note, who) values (%s, %s, %s::jsonb, %s, %s)"
        values = (store.workspace, row[0] + 1, rules.model_dump_json(), note[:LONGEST], who)
        await connection.execute(query, values)
        was, now = before.model_dump(mode="json"), rules.model_dump(mode="json")
        changed = {key: [was[key], now[key]] for key in now if was[key] != now[key]}
        await record(
            connection, who, "contact.rules", "rules of contact",
            {"version": row[0] + 1, "note": note[:LONGEST], "changes": changed},
        )  # fmt: skip
    return int(row[0]) + 1


async def versions(store: Store, limit: int = 20) -> list[Ruled]:
    """The newest first."""
    query = "select version, rules, note, who, at from contact_rules where workspace = %s order by version desc limit %s"
    async with (
        store.pool.connection() as connection,
        connection.cursor(row_factory=class_row(Ruled)) as cursor,
    ):
        return await (await cursor.execute(query, (store.workspace, limit))).fetchall()


async def suppress(
    store: Store, profile: int, because: str, who: str, channel: str = "", until: datetime | None = None
) -> int:
    """Leave whoever has this identifier alone, on a channel or on all, until then or for good; its number. Raises UserError."""
    if not because.strip():
        raise UserError("say why they are to be left alone")
    query = """
        insert into suppressions (workspace, profile, channel, because, until, by) values (%s, %s, %s, %s, %s, %s) returning id
    """
    values = (store.workspace, profile, channel, because.strip()[:LONGEST], until, who)
    async with store.pool.connection() as connection, connection.transaction():
        row = await (await connection.execute(query, values)).fetchone()
        assert row is not None
        told = {"suppression": row[0], "channel": channel, "until": until.isoformat() if until else None}
        await record(connection, who, "contact.suppressed", str(profile), told)
    return int(row[0])


async def lift(store: Store, number: int, who: str) -> None:
    """They may be reached again, as far as the rules let them. Raises UnknownName."""
    query = """
        update suppressions set lifted_at = clock_timestamp(), lifted_by = %s
        where id = %s and workspace = %s and lifted_at is null returning profile
    """
    async with store.pool.connection() as connection, connection.transaction():
        row = await (await connection.execute(query, (who, number, store.workspace))).fetchone()
        if row is None:
            raise UnknownName("suppression", str(number), [])
        await record(connection, who, "contact.lifted", str(row[0]), {"suppression": number})


async def suppressed(
    store: Store, profiles: Iterable[int] | None = None, limit: int = 200
) -> list[Suppressed]:
    """Those that hold, the last first: of these identifiers, or of everybody."""
    query = """
        select id, profile, channel, because, until, by, at, lifted_at, lifted_by from suppressions
        where workspace = %(here)s and (%(of)s::bigint[] is null or profile = any(%(of)s))
            and lifted_at is null and coalesce(until, 'infinity') > now()
        order by id desc limit %(limit)s
    """
    values = {"here": store.workspace, "of": None if profiles is None else list(profiles), "limit": limit}
    async with (
        store.pool.connection() as connection,
        connection.cursor(row_factory=class_row(Suppressed)) as cursor,
    ):
        return await (await cursor.execute(query, values)).fetchall()
