"""People of whom nothing was heard for as long as a rule says: they go, by and by, with all that is theirs.

Whoever said no to being reached, or is to be left alone, leaves that and the identifier on which it hangs: without it they would be reached again by
the next list that names them. Of both only keyed hashes stay beside, so that what they did before is not taken in again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, LiteralString
from uuid import uuid4

from psycopg import AsyncConnection

from remit.graph import consent
from remit.graph.erased import digest_of, remember
from remit.privacy import theirs
from remit.privacy.whom import Whom
from remit.store.secrets import key_of
from remit.store.store import Store

Connection = AsyncConnection[Any]
LOOKED = 1_000  # people in one transaction
# Of a page of people: when something last came from each, or to them where nothing did, and whether more is left of them than a no
QUIET: LiteralString = """
    with page as (
        select id from graph_profiles where workspace = %(here)s and id > %(place)s and person = id and kind <> 'erased'
        order by id limit %(most)s
    )
    select page.id, heard.at, heard.about or not heard.refuses or exists (
        select from graph_profiles p join graph_interactions i on i.profile = p.id where p.person = page.id and i.kind <> all(%(consents)s))
    from page cross join lateral (
        select coalesce(greatest(max(p.heard_at), max(last.at), max(chatted.at)), greatest(max(told.at), max(reached.at))) as at, bool_or(p.about <> '{}') as about,
            bool_or(exists (select from graph_interactions where profile = p.id and kind = any(%(consents)s) and kind <> 'consent_given')
                or exists (select from suppressions where profile = p.id and lifted_at is null)) as refuses
        from graph_profiles p
        left join lateral (
            select at from graph_interactions where profile = p.id and direction = 'in' order by at desc limit 1) as last on true
        left join lateral (select at from graph_interactions where profile = p.id order by at desc limit 1) as told on true
        left join lateral (select max(at) as at from contacts where profile = p.id and state in ('reserved', 'sent')) as reached on true
        left join lateral (
            select max(m.at) as at from chat_sessions s join chat_messages m on m.session = s.id where s.profile = p.id) as chatted on true
        where p.person = page.id
    ) as heard order by page.id
"""
PROFILES: LiteralString = "select id, kind, value, name, shared from graph_profiles where workspace = %s and person = %s order by id"
LATEST: LiteralString = "select max(at) from graph_interactions where profile = any(%s)"
WORDS: LiteralString = """
    select profile, at, kind, channel, properties, source from graph_interactions where profile = any(%s) and kind = any(%s)
"""
LEFT_ALONE: LiteralString = """
    select exists (select from suppressions where profile = any(%s) and lifted_at is null and coalesce(until, 'infinity') > clock_timestamp())
"""
KEPT = frozenset({"suppressions", "leaving", "graph_links", "graph_profiles", "graph_interactions"})
ALL_BUT_THE_NO: tuple[LiteralString, ...] = (
    "delete from graph_interactions where profile = any(%(ids)s) and kind <> all(%(consents)s)",
    "update graph_interactions set subject = '', body = '', conversation = '' where profile = any(%(ids)s)",
    "update graph_profiles set name = '', about = '{}' where id = any(%(ids)s)",
)


@dataclass(frozen=True, slots=True)
class Page:
    """`quiet`: of those looked at, who may go with when something was last heard of them; `last`: the last that was looked at."""

    quiet: Sequence[tuple[int, datetime]]
    looked: int
    last: int


async def look(connection: Connection, workspace: str, until: datetime, place: int, most: int) -> Page:
    values = {"here": workspace, "place": place, "most": most, "consents": list(consent.KINDS)}
    rows = await (await connection.execute(QUIET, values)).fetchall()
    quiet = [(person, at) for person, at, left in rows if at is not None and at < until and left]
    return Page(quiet, len(rows), rows[-1][0] if rows else place)


async def forget(store: Store, connection: Connection, person: int, until: datetime) -> None:
    """`until`: when they were heard of last, at the latest. The caller holds the graph (`ingest.enter`)."""
    here = store.workspace
    rows = await (await connection.execute(PROFILES, (here, person))).fetchall()
    ids = [id_ for id_, *_ in rows]
    own = tuple((kind, value) for _, kind, value, _, shared in rows if not shared)
    key = key_of(store.settings, make=True)
    row = await (await connection.execute(LATEST, (ids,))).fetchone()
    digests = [digest_of(key, here, one) for one in own]
    await remember(connection, here, digests, False, max(until, row[0]) if row and row[0] else until)
    of, tag = Whom(tuple(ids), own, ()), uuid4().hex
    if not await _said_no(connection, ids):
        await theirs.forget(connection, here, of, tag)
        return
    await theirs.forget(connection, here, of, tag, but=KEPT)
    values = {"ids": ids, "consents": list(consent.KINDS)}
    for query in ALL_BUT_THE_NO:
        await connection.execute(query, values)


async def _said_no(connection: Connection, ids: list[int]) -> bool:
    row = await (await connection.execute(LEFT_ALONE, (ids,))).fetchone()
    if row == (True,):
        return True
    words = await (await connection.execute(WORDS, (ids, list(consent.KINDS)))).fetchall()
    said = consent.fold(word for one in words if (word := consent.word_of(*one)) is not None)
    return any(word.says == "no" for word in said.words)
