"""Intents as a workspace keeps them: taught by examples, inferred of what people write, corrected by people, who teach by that."""

from __future__ import annotations

import asyncio
import hashlib
import re
from collections.abc import AsyncIterator, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, Final, Protocol

import numpy as np
from numpy.typing import NDArray
from psycopg import AsyncConnection
from psycopg.rows import class_row
from pydantic_core import to_json

from remit.access.audit import record
from remit.errors import UnknownName, UserError
from remit.graph.intent import NONE, Classifier, Example, Inferred, infer, learn
from remit.store.store import Store

NAME: Final = re.compile(r"[a-z0-9][a-z0-9_-]{0,59}")
LONGEST: Final = 2000  # characters of an example, or of a message that is looked at
BATCH: Final = 256  # messages looked at at once
SURE: Final = 0.8  # from which on an inference is told as one, and nobody is asked


class Embedder(Protocol):
    """Texts to vectors of their meaning: [n, d], each of length 1. `models/embed.py` is one."""

    name: str

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]: ...


@dataclass(frozen=True, slots=True)
class Intent:
    """What people may want, with how often it was inferred and how often a person said otherwise."""

    name: str
    examples: int
    inferred: int
    wrong: int


@dataclass(frozen=True, slots=True)
class Kept:
    """An example as it was taught."""

    id: int
    text: str
    by: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Doubtful:
    """A message of which it is not sure what was wanted."""

    interaction: int
    text: str
    intent: str
    probability: float
    others: list[list[Any]]


async def teach(store: Store, examples: Sequence[Example], who: str) -> int:
    """Keep examples; a text that was an example of another intent is one of this from now on. How many are new or changed.
    Raises UserError for a name that is none and a text that says nothing.
    """
    for one in examples:
        if one.intent != NONE and not NAME.fullmatch(one.intent):
            raise UserError(
                f"{one.intent[:70]!r} is no name of an intent: small letters, digits, - and _, 60 at most"
            )
        if not one.text.strip() or "\0" in one.text:
            raise UserError(f"an example of {one.intent or 'nothing'} says nothing")
    texts = {
        " ".join(one.text.split())[:LONGEST]: one.intent for one in examples
    }  # what is said last of a text counts
    rows = [
        {"intent": intent, "text": text, "digest": hashlib.sha256(text.encode()).hexdigest()}
        for text, intent in texts.items()
    ]
    query = """
        insert into graph_examples as e (workspace, intent, text, digest, by)
        select %(workspace)s, c.intent, c.text, decode(c.digest, 'hex'), %(who)s
        from json_to_recordset(%(rows)s::json) as c (intent text, text text, digest text)
        on conflict (workspace, digest) do update set intent = excluded.intent, by = excluded.by, at = clock_timestamp()
            where e.intent <> excluded.intent
    """
    values = {"workspace": store.workspace, "who": who, "rows": to_json(rows).decode()}
    async with store.pool.connection() as connection, connection.transaction():
        changed = (await connection.execute(query, values)).rowcount
        if changed:
            names = sorted({one.intent for one in examples})
            await record(connection, who, "intents.taught", ", ".join(names)[:200], {"examples": changed})
    return changed


async def forget(store: Store, name: str, who: str) -> int:
    """Remove an intent: its examples, and with them that it is inferred. Raises UnknownName."""
    query = "delete from graph_examples where workspace = %s and intent = %s"
    async with store.pool.connection() as connection, connection.transaction():
        gone = (await connection.execute(query, (store.workspace, name))).rowcount
        if gone:
            await record(connection, who, "intents.forgotten", name, {"examples": gone})
    if not gone:
        raise UnknownName("intent", name, [one.name for one in await list_intents(store)])
    return gone


async def examples_of(store: Store, name: str, limit: int = 200) -> list[Kept]:
    """What was taught of an intent, the last first. Raises UnknownName."""
    query = """
        select id, text, by, at from graph_examples where workspace = %s and intent = %s order by id desc limit %s
    """
    async with (
        store.pool.connection() as connection,
        connection.cursor(row_factory=class_row(Kept)) as cursor,
    ):
        found = await (await cursor.execute(query, (store.workspace, name, limit))).fetchall()
    if not found:
        raise UnknownName("intent", name, [one.name for one in await list_intents(store)])
    return found


async def unteach(store: Store, name: str, example: int, who: str) -> None:
    """Take one example back. Raises UserError."""
    query = "delete from graph_examples where workspace = %s and intent = %s and id = %s"
    async with store.pool.connection() as connection, connection.transaction():
        if not (await connection.execute(query, (store.workspace, name, example))).rowcount:
            raise UserError(f"there is no such example of {name or 'nothing'} any more")
        await record(connection, who, "intents.forgotten", name, {"examples": 1})


async def list_intents(store: Store) -> list[Intent]:
    query = """
        select intent as name, examples, coalesce(inferred, 0) as inferred, coalesce(wrong, 0) as wrong
        from (select intent, count(*) as examples from graph_examples where workspace = %(here)s group by intent) as e
        left join (
            select intent, count(*) as inferred, count(*) filter (where corrected <> intent) as wrong
            from graph_inferred where workspace = %(here)s group by intent
        ) as i using (intent)
        order by intent
    """
    async with (
        store.pool.connection() as connection,
        connection.cursor(row_factory=class_row(Intent)) as cursor,
    ):
        return await (await cursor.execute(query, {"here": store.workspace})).fetchall()


async def classifier(store: Store, embedder: Embedder) -> Classifier:
    """What all examples teach. Those that this embedder has not seen are looked at now. Raises UserError where they are too few."""
    async with store.pool.connection() as connection:
        query = "select id, text from graph_examples where workspace = %s and made_by <> %s order by id"
        unseen = await (await connection.execute(query, (store.workspace, embedder.name))).fetchall()
    for start in range(0, len(unseen), BATCH):
        await _look(store, embedder, unseen[start : start + BATCH])
    query = "select text, intent, vector from graph_examples where workspace = %s and vector is not null order by id"
    async with store.pool.connection() as connection:
        rows = await (await connection.execute(query, (store.workspace,))).fetchall()
    if not rows:
        raise UserError("no intent has been taught; `remit intents teach` takes examples")
    vectors = np.stack([np.frombuffer(vector, dtype="<f4") for _, _, vector in rows]).astype(np.float64)
    examples = [Example(text, intent) for text, intent, _ in rows]
    return await asyncio.to_thread(learn, examples, vectors)


async def _look(store: Store, embedder: Embedder, unseen: Sequence[tuple[int, str]]) -> None:
    vectors = await asyncio.to_thread(embedder.embed, [text for _, text in unseen])
    query = "update graph_examples set vector = %s, made_by = %s where id = %s"
    rows = [
        (vector.astype("<f4").tobytes(), embedder.name, id_)
        for (id_, _), vector in zip(unseen, vectors, strict=True)
    ]
    async with store.pool.connection() as connection, connection.cursor() as cursor:
        await cursor.executemany(query, rows)


async def intent_of(by: Classifier, embedder: Embedder, texts: Sequence[str]) -> list[Inferred]:
    return inferred(by, await asyncio.to_thread(embedder.embed, [text[:LONGEST] for text in texts]))


def inferred(by: Classifier, vectors: NDArray[np.float32]) -> list[Inferred]:
    """Of texts, given as their vectors: [n, d]."""
    return infer(by, vectors.astype(np.float64))


async def infer_all(
    store: Store, embedder: Embedder, by: Classifier, *, again: bool = False
) -> AsyncIterator[int]:
    """Infer what was wanted of every message that came in and of which it is not known yet; `again`: of all that no person has
    corrected and no model has read. How many have been looked at, so far; stopped anywhere, what was written stays."""
    query = """
        select i.id, concat_ws(E'\\n', nullif(i.subject, ''), i.body) from graph_interactions i
        where i.workspace = %(here)s and i.id > %(after)s and i.direction = 'in' and i.kind <> 'record' and i.body <> ''
            and not exists (select from graph_inferred f where f.workspace = i.workspace and f.interaction = i.id
                            and (f.corrected is not null or f.model <> '' or not %(again)s))
        order by i.id limit %(most)s
    """
    done, after = 0, 0
    while True:
        values = {"here": store.workspace, "after": after, "again": again, "most": BATCH}
        async with store.pool.connection() as connection:
            rows = await (await connection.execute(query, values)).fetchall()
        if not rows:
            return
        found = await intent_of(by, embedder, [text for _, text in rows])
        await keep_inferred(store, [id_ for id_, _ in rows], found)
        after, done = rows[-1][0], done + len(rows)
        yield done


async def keep_inferred(store: Store, ids: Sequence[int], found: Sequence[Inferred]) -> None:
    async with store.pool.connection() as connection:
        await keep_within(connection, store.workspace, ids, found)


async def keep_within(
    connection: AsyncConnection[Any], workspace: str, ids: Sequence[int], found: Sequence[Inferred]
) -> None:
    """What a person has corrected stays as they said, and what a model has read is not told anew by the embedding."""
    query = """
        insert into graph_inferred as f (workspace, interaction, intent, probability, alike, others, model, stated, because)
        select %s, c.interaction, c.intent, c.probability, c.alike, c.others, c.model, c.stated, c.because from json_to_recordset(%s::json) as c
            (interaction bigint, intent text, probability real, alike jsonb, others jsonb, model text, stated real, because jsonb)
        on conflict (workspace, interaction) do update set intent = excluded.intent, probability = excluded.probability,
            alike = excluded.alike, others = excluded.others, model = excluded.model, stated = excluded.stated, because = excluded.because,
            at = clock_timestamp() where f.corrected is null and (excluded.model <> '' or f.model = '')
    """
    rows = [{"interaction": id_, **asdict(one)} for id_, one in zip(ids, found, strict=True)]
    await connection.execute(query, (workspace, to_json(rows).decode()))


async def doubtful(store: Store, limit: int = 20) -> list[Doubtful]:
    """Messages of which it is least sure: what a person says of them teaches most."""
    query = """
        select f.interaction, left(concat_ws(' ', nullif(i.subject, ''), i.body), %(longest)s) as text, f.intent,
            round(f.probability::numeric, 4)::float8 as probability, f.others
        from graph_inferred f join graph_interactions i on i.workspace = f.workspace and i.id = f.interaction
        where f.workspace = %(here)s and f.corrected is null and f.probability < %(sure)s
        order by f.probability, f.interaction limit %(limit)s
    """
    values = {"here": store.workspace, "longest": LONGEST, "sure": SURE, "limit": limit}
    async with (
        store.pool.connection() as connection,
        connection.cursor(row_factory=class_row(Doubtful)) as cursor,
    ):
        return await (await cursor.execute(query, values)).fetchall()


async def correct(store: Store, interaction: int, intent: str, who: str) -> None:
    """Say what a message wanted: it counts from now on, and is an example of it. Raises UserError for one that is not known, and
    UnknownName for an intent of which there is no example."""
    known = [one.name for one in await list_intents(store)]
    if intent != NONE and intent not in known:
        raise UnknownName("intent", intent, known)
    query = """
        select concat_ws(E'\\n', nullif(subject, ''), body) from graph_interactions
        where workspace = %s and id = %s and direction = 'in' and body <> ''
    """
    async with store.pool.connection() as connection, connection.transaction():
        row = await (await connection.execute(query, (store.workspace, interaction))).fetchone()
        if row is None:
            raise UserError(f"there is no message {interaction} that somebody has written")
        query = """
            insert into graph_inferred as f (workspace, interaction, intent, probability, alike, others, corrected,
                corrected_by, corrected_at)
            values (%(here)s, %(it)s, %(intent)s, 1, '[]', '[]', %(intent)s, %(who)s, clock_timestamp())
            on conflict (workspace, interaction) do update set corrected = excluded.corrected,
                corrected_by = excluded.corrected_by, corrected_at = excluded.corrected_at
        """
        values = {"here": store.workspace, "it": interaction, "intent": intent, "who": who}
        await connection.execute(query, values)
        await record(connection, who, "intents.corrected", str(interaction), {"intent": intent})
    await teach(store, [Example(row[0], intent)], who)
    await _tried(store, interaction, row[0])


async def _tried(store: Store, interaction: int, text: str) -> None:
    """A model that read the message had not been shown what it now is an example of."""
    query = """
        update graph_examples e set told_by = f.model, told = f.intent, stated = f.stated from graph_inferred f
        where f.workspace = %s and f.interaction = %s and f.model <> '' and e.workspace = f.workspace and e.digest = %s
    """
    async with store.pool.connection() as connection:
        digest = hashlib.sha256(" ".join(text.split())[:LONGEST].encode()).digest()
        await connection.execute(query, (store.workspace, interaction, digest))
