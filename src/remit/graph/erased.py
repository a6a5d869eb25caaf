"""Who was erased is not brought back by what comes late: their identifiers are known by keyed hashes, which say nothing to
whoever has the database alone."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from psycopg import AsyncConnection

from remit.graph.identifiers import Identifier
from remit.graph.rows import Interaction
from remit.settings import Settings
from remit.store.secrets import key_of

Connection = AsyncConnection[Any]
Key = tuple[str, str]  # kind and value


def digest_of(key: bytes, workspace: str, who: Key) -> bytes:
    """One identifier, told again without being kept. `key` is the installation's."""
    own = hashlib.sha256(b"remit erased " + key).digest()
    return hmac.digest(own, "\0".join((workspace, *who)).encode(), "sha256")


async def remember(
    connection: Connection,
    workspace: str,
    digests: Iterable[bytes],
    never: bool,
    until: datetime | None = None,
) -> None:
    """`until`: what happened by then is not taken in again; now, where it is not said."""
    query = """
        insert into erased as e (workspace, digest, at, never)
        select %s, d, coalesce(%s, clock_timestamp()), %s from unnest(%s::bytea[]) as d
        on conflict (workspace, digest) do update set at = greatest(e.at, excluded.at), never = e.never or excluded.never
    """
    await connection.execute(query, (workspace, until, never, list(digests)))


async def without_erased(
    connection: Connection, settings: Settings, workspace: str, came: Sequence[Interaction]
) -> list[Interaction]:
    """What may be taken in: nothing that had happened before somebody whom it names was erased, and nothing at all of those who are
    never to be taken in again; and of the others not how they stood to these. Where nobody was erased, this costs one look."""
    query = "select exists (select from erased where workspace = %s)"
    if not came or await (await connection.execute(query, (workspace,))).fetchone() == (False,):
        return list(came)
    key = key_of(settings)
    named = (who for one in came for who in (*one.whom, *(each.to for each in one.relations)))
    digests = {who.key: digest_of(key, workspace, who.key) for who in named if not who.rank[0]}
    query = "select digest, at, never from erased where workspace = %s and digest = any(%s)"
    rows = await (await connection.execute(query, (workspace, list(digests.values())))).fetchall()
    gone: dict[bytes, tuple[datetime, bool]] = {bytes(digest): (at, never) for digest, at, never in rows}

    def is_gone(who: Identifier, one: Interaction) -> bool:
        at, never = gone.get(digests.get(who.key, b""), (None, False))
        return never or (at is not None and one.at <= at)

    def without(one: Interaction) -> Interaction:
        kept = tuple(each for each in one.relations if not is_gone(each.to, one))
        return one if kept == one.relations else replace(one, relations=kept)

    return (
        [without(one) for one in came if not any(is_gone(who, one) for who in one.whom)]
        if gone
        else list(came)
    )
