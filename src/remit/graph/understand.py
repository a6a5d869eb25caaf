"""What people write, looked at as it comes in: what it wants, as far as intents were taught, and how it sounds. Workers do so beside all else."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass, field
from importlib.util import find_spec
from typing import Any, LiteralString

import psycopg

from remit.errors import RemitError, WeightsError
from remit.graph import readers
from remit.graph.intent import NONE, Classifier
from remit.graph.intents import BATCH, Embedder, classifier, inferred, keep_inferred
from remit.graph.sentiment import FADED, keep, scale
from remit.models.weights import MINILM, MINILM_TOKENIZER, cached
from remit.settings import Settings
from remit.store.store import Store

LOG = logging.getLogger(__name__)
EVERY = 5.0  # seconds between looks
AGAIN = 600.0  # seconds until the weights are asked for again, where they could not be had
NEWS: LiteralString = """
    select w.name from workspaces w where exists (
        select from graph_interactions i
        where i.workspace = w.name and i.id > coalesce((select upto from graph_read r where r.workspace = w.name), 0))
    order by w.name
"""
WRITTEN: LiteralString = f"""
    select id, concat_ws(E'\\n', nullif(subject, ''), body) from graph_interactions
    where workspace = %s and id > %s and id <= %s and direction = 'in' and kind <> 'record' and body <> ''
        and at > now() - interval '{FADED} days'
    order by id limit {BATCH}
"""


@dataclass
class Taught:
    """What examples teach, by workspace, learned again only when they have changed."""

    known: dict[str, tuple[Any, Classifier | None]] = field(default_factory=dict)

    async def of(self, store: Store, embedder: Embedder) -> Classifier | None:
        """None where there are no two intents to tell apart."""
        query = "select count(*), max(at), count(distinct intent) from graph_examples where workspace = %s"
        async with store.pool.connection() as connection:
            row = await (await connection.execute(query, (store.workspace,))).fetchone()
        assert row is not None
        was = self.known.get(store.workspace)
        if was is None or was[0] != row:
            was = row, await classifier(store, embedder) if row[2] > 1 else None
            self.known[store.workspace] = was
        return was[1]


async def keep_understanding(store: Store, settings: Settings, stop: asyncio.Event) -> None:
    """Until `stop`, of all workspaces. As many processes as like do so at once; one that has no weights, and cannot have them, does not."""
    embedder: Embedder | None = None
    taught = Taught()
    while not stop.is_set():
        wait = EVERY
        try:
            places = await _news(store)
            if places and embedder is None:
                embedder = await _open(store, settings)
            read = set(places) if embedder is not None else set(await readers.places(store))
            for place in filter(read.__contains__, places):
                await _all_of(store.as_owner(place), embedder, taught, stop)
        except WeightsError as error:
            LOG.warning("what people write is not looked at: %s", error)
            wait = AGAIN
        except (RemitError, psycopg.Error, OSError) as error:
            LOG.warning("what people write cannot be looked at now: %s", error)
        try:
            await asyncio.wait_for(stop.wait(), wait)
        except TimeoutError:
            continue


async def understand(store: Store, embedder: Embedder | None, by: Classifier | None) -> int:
    """Look at what of a workspace nobody has looked at, some of it at a time, each message once; at how many interactions. What people
    wrote half a year ago or more is passed over: `infer_all` looks at it. Where a model reads messages, they wait for it from then on."""
    async with store.pool.connection() as connection, connection.transaction():
        place = (store.workspace,)
        begin = "insert into graph_read (workspace) values (%s) on conflict do nothing"
        await connection.execute(begin, place)
        query = "select upto from graph_read where workspace = %s for update skip locked"
        mark = await (await connection.execute(query, place)).fetchone()
        query = "select max(id) from graph_interactions where workspace = %s"
        last = await (await connection.execute(query, place)).fetchone()
        if mark is None or last is None or last[0] is None or last[0] <= mark[0]:
            return 0
        rows = await (await connection.execute(WRITTEN, (store.workspace, mark[0], last[0]))).fetchall()
        if rows and embedder is not None:
            await _look(store, embedder, by, rows)
        await readers.queue(connection, store.workspace, [id_ for id_, _ in rows])
        upto = rows[-1][0] if len(rows) == BATCH else last[0]
        await connection.execute("update graph_read set upto = %s where workspace = %s", (upto, *place))
    return int(upto - mark[0])


async def _all_of(store: Store, embedder: Embedder | None, taught: Taught, stop: asyncio.Event) -> None:
    while not stop.is_set():
        by = await taught.of(store, embedder) if embedder is not None else None
        if not await understand(store, embedder, by):
            return


async def _look(store: Store, embedder: Embedder, by: Classifier | None, rows: list[tuple[int, str]]) -> None:
    ids, texts = [id_ for id_, _ in rows], [text for _, text in rows]
    vectors = await asyncio.to_thread(embedder.embed, texts)
    if by is not None:
        await keep_inferred(store, ids, inferred(by, vectors))
    if embedder.name == scale().made_by:
        await keep(store, ids, scale().scores(vectors))


async def _news(store: Store) -> list[str]:
    async with store.pool.connection() as connection:
        return [name for (name,) in await (await connection.execute(NEWS)).fetchall()]


async def _open(store: Store, settings: Settings) -> Embedder | None:
    """Its weights are fetched where somebody has taught an intent, and used where they are; None where neither is so. Raises WeightsError."""
    if find_spec("onnxruntime") is None:
        return None
    here = cached(MINILM, settings) and cached(MINILM_TOKENIZER, settings)
    if not here:
        query = "select exists (select from graph_examples where intent <> %s)"
        async with store.pool.connection() as connection:
            row = await (await connection.execute(query, (NONE,))).fetchone()
        if row is None or not row[0]:
            return None
    from remit.models.embed import open_embedder  # seconds to load

    return await open_embedder(settings)
