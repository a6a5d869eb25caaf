"""Erasing a person: a marker first, then one store after the other, each step a transaction or many that can be done again, and a
signed receipt last. Whoever is killed in the middle leaves the marker, and whoever works goes on with it.

The order matters. Runs for them are ended first, so that nothing new is written of them; what is theirs goes by its number; then
everything else is searched for what tells of them; files come last, and one more look at the journals, where something may have been
written meanwhile.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any, LiteralString
from uuid import UUID, uuid4

from psycopg import AsyncConnection
from psycopg.rows import class_row
from psycopg.types.json import Jsonb

from remit.access.audit import record
from remit.decisions.alone import nobody_decides
from remit.errors import FieldError, JournalError, RemitError, UserError
from remit.graph.erased import digest_of, remember
from remit.graph.ingest import enter
from remit.graph.people import Person
from remit.journal.search import OPEN
from remit.privacy import chain, files, journals, sweep, theirs
from remit.privacy.held import SET_UP
from remit.privacy.needles import Needles
from remit.privacy.receipt import Receipt, sealed_form, sign, signer
from remit.privacy.whom import Whom, opened, sealed, whom
from remit.store.secrets import key_of
from remit.store.store import Store

Json = Any
Connection = AsyncConnection[Any]
Cancel = Callable[[UUID, str, str], Awaitable[None]]
LONGEST = 500  # characters of a reason


class Waits(RemitError):
    """It cannot go on now, and somebody will later; says for what."""


@dataclass(frozen=True, slots=True)
class Erasure:
    """How far one is. Whom it is of is in it no more once they are erased."""

    id: UUID
    workspace: str
    by: str
    because: str
    asked_at: datetime
    step: str
    counts: Mapping[str, int]
    kept: Sequence[Mapping[str, Json]]
    why: str
    done_at: datetime | None
    receipt: Receipt | None


@dataclass(frozen=True, slots=True)
class Foreseen:
    """What an erasure would come to now. `searched`: rows of others in which they are named, by table."""

    rows: Mapping[str, int]
    runs: int
    journals: int
    searched: Mapping[str, int]
    held: Mapping[str, int]
    set_up: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Work:
    """One erasure in the hands of whoever goes on with it. `store`: the owner's."""

    store: Store
    id: UUID
    by: str
    whom: Whom
    needles: Needles
    cancel: Cancel

    @asynccontextmanager
    async def step(self, counts: bool = True) -> AsyncIterator[Connection]:
        """A transaction of it. Nobody else goes on with the same erasure meanwhile."""
        async with self.store.pool.connection() as connection, connection.transaction():
            await connection.execute(
                "select set_config('remit.workspace', %s, true), set_config('remit.erasure', %s, true)",
                (self.store.workspace, str(self.id)),
            )
            await connection.execute("select from erasures where id = %s for update", (self.id,))
            yield connection

    async def tally(self, connection: Connection, counts: Mapping[str, int]) -> None:
        """Add to what it has come to, in the transaction that does it."""
        query = """
            update erasures set counts = counts || (
                select coalesce(jsonb_object_agg(key, value::bigint + coalesce((counts ->> key)::bigint, 0)), '{}') from jsonb_each_text(%s))
            where id = %s
        """
        await connection.execute(query, (Jsonb(dict(counts)), self.id))

    async def keep(self, connection: Connection, what: str, count: int, why: str) -> None:
        query = """
            update erasures set kept = (
                select coalesce(jsonb_agg(one), '[]') from jsonb_array_elements(kept) as one where one ->> 'what' <> %(what)s
            ) || %(said)s where id = %(id)s
        """
        said = Jsonb([{"what": what, "count": count, "why": why}])
        await connection.execute(query, {"what": what, "said": said, "id": self.id})


FIELDS: LiteralString = "id, workspace, by, because, asked_at, step, counts, kept, why, done_at, receipt"


async def foreseen(store: Store, person: Person) -> Foreseen:
    """What would go, and what would stay. Nothing is changed."""
    own = store.as_owner()
    of, here = whom(person), store.workspace
    needles = of.looked_for("")
    async with own.pool.connection() as connection:
        rows = await theirs.counted(connection, here, of)
        held = await theirs.held(connection, here, of)
    found = await sweep.of_others(own, needles, of.profiles)
    telling = set(await journals.telling(own, needles))
    runs = {run for run, _ in await journals.about(own, of.called)}
    return Foreseen(
        rows, len(runs), len(telling - runs),
        {name: count for name, count in found.items() if name not in SET_UP},
        held, {name: count for name, count in found.items() if name in SET_UP},
    )  # fmt: skip


async def begin(store: Store, person: Person, by: str, because: str, never: bool = False) -> UUID:
    """Write down that somebody is to be erased: from here on it will be done. `never`: nothing of theirs is taken in again, not even
    what happens from now on. Raises FieldError, UserError."""
    because = " ".join(because.split())
    if not because or len(because) > LONGEST:
        raise FieldError("because", f"say why, in 1 to {LONGEST} characters: it stands in the receipt")
    own, of, id_ = store.as_owner(), whom(person), uuid4()
    settings = store.settings
    kept = sealed(settings, id_, of)
    key = key_of(settings)
    digests = [digest_of(key, store.workspace, one) for one in of.identifiers]
    async with own.pool.connection() as connection, connection.transaction():
        await connection.execute("select set_config('remit.workspace', %s, true)", (store.workspace,))
        await enter(connection, store.workspace)
        query = "insert into erasures (id, workspace, by, because, sealed, due_at) values (%s, %s, %s, %s, %s, clock_timestamp() + interval '10 minutes')"
        cleaned = of.looked_for(tag_of(id_)).out_of(because)
        await connection.execute(query, (id_, store.workspace, by, cleaned, kept))
        await remember(connection, store.workspace, digests, never)
        await record(connection, by, "person.erasing", str(id_), {"because": cleaned})
    return id_


def tag_of(erasure: UUID) -> str:
    return erasure.hex[:8]


async def go_on(store: Store, erasure: UUID, cancel: Cancel) -> Erasure:
    """Do what is left of it, and hand out the receipt. Where something has to end first it waits, and says for what. Raises
    UserError for one that is not there, or cannot be opened here."""
    own = store.as_owner()
    async with own.pool.connection() as connection:
        query = "select by, sealed, step, done_at from erasures where id = %s and workspace = %s"
        row = await (await connection.execute(query, (erasure, own.workspace))).fetchone()
    if row is None:
        raise UserError(f"there is no erasure {erasure}")
    by, kept, done, done_at = row
    if done_at is None:
        of = opened(own.settings, erasure, bytes(kept))
        work = Work(own, erasure, by, of, of.looked_for(tag_of(erasure)), cancel)
        names = list(STEPS)
        for name in names[names.index(done) + 1 if done else 0 :]:
            try:
                await STEPS[name](work)
            except (Waits, JournalError) as error:
                await _said(own, erasure, str(error))
                break
            await _done(own, erasure, name)
    return await erasure_of(store, erasure)


async def erasure_of(store: Store, id_: UUID) -> Erasure:
    """Raises UserError."""
    found = [one for one in await erasures(store, id_) if one.id == id_]
    if not found:
        raise UserError(f"there is no erasure {id_}")
    return found[0]


async def erasures(store: Store, id_: UUID | None = None, limit: int = 100) -> list[Erasure]:
    """The latest first."""
    query = f"""
        select {FIELDS} from erasures where workspace = %s and (%s::uuid is null or id = %s) order by asked_at desc limit %s
    """
    async with (
        store.pool.connection() as connection,
        connection.cursor(row_factory=class_row(Erasure)) as cursor,
    ):
        return await (await cursor.execute(query, (store.workspace, id_, id_, limit))).fetchall()


async def _said(store: Store, erasure: UUID, why: str) -> None:
    query = "update erasures set why = %s, due_at = clock_timestamp() + interval '1 minute' where id = %s and done_at is null"
    async with store.pool.connection() as connection:
        await connection.execute(query, (why, erasure))


async def _done(store: Store, erasure: UUID, step: str) -> None:
    query = """
        update erasures set step = %s, why = '', due_at = clock_timestamp() + interval '10 minutes'
        where id = %s and done_at is null
    """
    async with store.pool.connection() as connection:
        await connection.execute(query, (step, erasure))


async def _runs(work: Work) -> None:
    """End those for them that are open, and delete all of them."""
    for run, status in await journals.about(work.store, work.whom.called):
        if status in OPEN:
            await work.cancel(run, work.by, "the person it is for is erased")
    left = 0
    for run, status in await journals.about(work.store, work.whom.called):
        if status in OPEN:
            left += 1
            continue
        async with work.step() as connection:
            rows, _ = await journals.whole(connection, run)
            if not rows:
                continue
            now = chain.Thing("run", str(run), rows[-1][1], chain.GONE, 0, work.id)
            await chain.supersede(connection, work.store.workspace, rows, now)
            await journals.bury(connection, run)
            await work.tally(connection, {"runs for them": 1})
    if left:
        raise Waits(f"{left} runs for this person are still under way; it goes on once they have ended")


async def _rows(work: Work) -> None:
    here = work.store.workspace
    async with work.step() as connection:
        await nobody_decides(connection, here)
        await enter(connection, here)
        for hold, count in (await theirs.held(connection, here, work.whom)).items():
            await work.keep(
                connection, f"interactions, by the hold {hold}", count, await _because(connection, here, hold)
            )
        await work.tally(connection, await theirs.forget(connection, here, work.whom, work.needles.tag))


async def _because(connection: Connection, workspace: str, hold: str) -> str:
    query = "select because from holds where workspace = %s and name = %s"
    row = await (await connection.execute(query, (workspace, hold))).fetchone()
    return str(row[0]) if row else ""


async def _search(work: Work) -> None:
    here = work.store.workspace
    async with work.store.pool.connection() as connection:
        there = await sweep.tables(connection)
    found = await sweep.places(work.store, there, work.needles, here)
    for table in (one for one in there if found.get(one.name)):
        at = found[table.name]
        async with work.step() as connection:
            if table.name.startswith("graph_"):
                await enter(connection, here)
            if table.name in SET_UP:
                if count := len(await sweep.hits(connection, table, work.needles, at)):
                    await work.keep(connection, table.name, count, "set up by people: change it by hand")
            elif table.name == "audit":
                await work.tally(connection, {"audit": await _audit(work, connection, table, at)})
            elif count := await sweep.clear(connection, table, work.needles, here, at):
                await work.tally(connection, {table.name: count})


async def _audit(work: Work, connection: Connection, table: sweep.Table, at: Sequence[str]) -> int:
    """The audit log keeps its entries, without the person, and its place in the chain."""
    here = work.store.workspace
    found = await sweep.locked(connection, table, work.needles, here, at)
    for hit in found:
        query = "select id, at, who, what, about, detail::text from audit where ctid = %s::tid"
        row = await (await connection.execute(query, (hit.place,))).fetchone()
        assert row is not None
        await sweep.put(connection, table, hit)
        query = "select id, at, who, what, about, detail::text from audit where id = %s"
        now = await (await connection.execute(query, (row[0],))).fetchone()
        assert now is not None
        thing = chain.Thing("audit", str(row[0]), row[1], chain.entry_said(now), 0, work.id)
        await chain.supersede(connection, here, chain.entry_said(row), thing)
    return len(found)


async def _journals(work: Work) -> None:
    """Big values first, each beside itself; then the events that name them by their hash; then the old ones go."""
    here = work.store.workspace
    async with work.step() as connection:
        needles = await journals.clear_blobs(work.store, connection, work.needles)
    for run in await journals.telling(work.store, needles):
        async with work.step() as connection:
            rows, _ = await journals.whole(connection, run)
            if await journals.clear_run(connection, run, needles):
                thing = await chain.run_thing(connection, run, work.id)
                await chain.supersede(connection, here, rows, thing)
                await work.tally(connection, {"journals": 1})
    async with work.step() as connection:
        await journals.drop_blobs(connection, needles, here)


async def _archives(work: Work) -> None:
    here = work.store.workspace
    for run in await journals.archived(work.store, work.needles):
        async with work.step() as connection:
            rows, _ = await journals.whole(connection, run)
            if await journals.clear_archive(connection, run, work.needles):
                thing = await chain.run_thing(connection, run, work.id)
                await chain.supersede(connection, here, rows, thing)
                await work.tally(connection, {"archives": 1})
    async with work.store.pool.connection() as connection:
        await journals.remove_files(connection, work.needles)


async def _files(work: Work) -> None:
    done = await files.clear(work.store, work.needles)
    async with work.step() as connection:
        await work.tally(connection, done)


async def _finish(work: Work) -> None:
    """Look at the journals once more; then hand out the receipt, and forget whom it is of."""
    store, here = work.store, work.store.workspace
    async with store.pool.connection() as connection:
        query = "select asked_at - interval '1 hour' from erasures where id = %s"
        row = await (await connection.execute(query, (work.id,))).fetchone()
    left = await journals.telling(store, work.needles, row[0] if row else None)
    async with store.pool.connection() as connection:
        for run in left:
            rows, _ = await journals.whole(connection, run)
            if journals.rid(rows, work.needles):
                await _done(store, work.id, "search")
                raise Waits(f"run {run} has written of this person meanwhile; it goes on with that")
    by = signer(store.settings)
    async with work.step() as connection:
        head = await chain.hold(connection, here)
        said = await _said_of(connection, work, head)
        receipt = sign(by, said)
        when = datetime.fromisoformat(said["done_at"])
        thing = chain.Thing("receipt", str(work.id), when, sealed_form(receipt))
        await chain.add(connection, here, [thing])
        await record(connection, work.by, "person.erased", str(work.id), {"erased": said["erased"]})
        query = "update erasures set sealed = null, done_at = %s, receipt = %s, why = '' where id = %s"
        await connection.execute(query, (when, Jsonb(receipt), work.id))


async def _said_of(connection: Connection, work: Work, head: chain.Sealed | None) -> dict[str, Json]:
    query = "select by, because, asked_at, counts, kept, clock_timestamp() from erasures where id = %s"
    row = await (await connection.execute(query, (work.id,))).fetchone()
    assert row is not None
    by, because, asked_at, counts, kept, now = row
    key = key_of(work.store.settings)
    return {
        "erasure": str(work.id), "workspace": work.store.workspace, "by": by, "because": because,
        "asked_at": chain.moment(asked_at), "done_at": chain.moment(now),
        "of": sorted(digest_of(key, work.store.workspace, one).hex() for one in work.whom.identifiers),
        "erased": {name: count for name, count in sorted(counts.items()) if count}, "kept": kept,
        "chain": {"number": head.number, "link": head.link.hex()} if head else None,
    }  # fmt: skip


STEPS: Mapping[str, Callable[[Work], Awaitable[None]]] = {
    "runs": _runs,
    "rows": _rows,
    "search": _search,
    "journals": _journals,
    "archives": _archives,
    "files": _files,
    "receipt": _finish,
}
