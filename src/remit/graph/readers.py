"""By which model a workspace has messages read for what they want, what waits to be read, what could not be, and what it takes in a day.

The local embedding tells what each message wants as it comes; where there is a reader, its word takes the place of that. Of what comes beyond `daily` in
a day, the embedding's word stays.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, LiteralString

from psycopg import AsyncConnection
from psycopg.rows import class_row

from remit.access.audit import record
from remit.errors import UserError
from remit.graph.intent import NONE, Example, Skill
from remit.graph.reader import Trial, skill
from remit.store.store import Store

Connection = AsyncConnection[Any]
TRIES = 5  # until a message is left to the embedding
LEASE = 600  # seconds for which one that is being read is nobody else's
MOST_TRIALS = 120  # examples on which a model is tried
OF_EACH = 12
FEWEST = 2  # examples of an intent without which none of it is held out
LONGEST = 300  # characters of a reason
TODAY: LiteralString = "(clock_timestamp() at time zone 'UTC')::date"
# How many may still be asked about today
ROOM: LiteralString = f"""
    select r.daily - coalesce(s.asked, 0) from intent_readers r
    left join intents_read s on s.workspace = r.workspace and s.day = {TODAY} where r.workspace = %(here)s
"""
QUEUE: LiteralString = f"""
    insert into graph_unread (workspace, interaction)
    select %(here)s, n from unnest(%(ids)s::bigint[]) as n order by n
    limit (select greatest(0, coalesce(({ROOM}), 0) - (select count(*) from graph_unread where workspace = %(here)s and due is not null)))
    on conflict do nothing
"""
CLAIM: LiteralString = f"""
    with next as (
        select interaction from graph_unread where workspace = %(here)s and due <= clock_timestamp()
        order by due, interaction limit %(many)s for update skip locked
    )
    update graph_unread u set tries = tries + 1, due = clock_timestamp() + interval '{LEASE} seconds' from next
    where u.workspace = %(here)s and u.interaction = next.interaction returning u.interaction
"""
# Of each intent the first ones, in turn; of an intent of which there is one example none is held out
UNTRIED: LiteralString = f"""
    select id, turn from (
        select id, told_by, turn from (
            select id, told_by, row_number() over (partition by intent order by id) as turn, count(*) over (partition by intent) as many
            from graph_examples where workspace = %(here)s
        ) as each where many >= {FEWEST} and turn <= {OF_EACH} order by turn, id limit {MOST_TRIALS}
    ) as first where told_by <> %(model)s
"""
TRY: LiteralString = f"""
    update graph_examples e set told_by = %(model)s, told = null, stated = null
    from (select id from ({UNTRIED}) as every order by turn, id limit %(many)s) as those where e.id = those.id returning e.id
"""
PENDING: LiteralString = f"""
    select exists (select from graph_unread where workspace = %(here)s and due <= clock_timestamp()) or exists ({UNTRIED})
"""


@dataclass(frozen=True, slots=True)
class Reader:
    """`daily`: messages and examples that the model is asked about in a day (UTC). `why`: it cannot be had now; empty: it can."""

    model: str
    daily: int
    by: str
    at: datetime
    why: str = ""


@dataclass(frozen=True, slots=True)
class Day:
    """What today took. Money in US dollars."""

    asked: int = 0
    tokens: int = 0
    money: Decimal = Decimal(0)


@dataclass(frozen=True, slots=True)
class Unread:
    """A message that could not be read. `due`: when it is tried again; None: no more."""

    interaction: int
    tries: int
    due: datetime | None
    why: str
    text: str


@dataclass(frozen=True, slots=True)
class Stands:
    """How reading stands. `reader`: None: no model reads; `waiting`: messages; `trials`: examples that it was tried on, and `skill` how good it is,
    where they are enough to say."""

    reader: Reader | None
    today: Day
    waiting: int
    unread: list[Unread]
    trials: int
    skill: Skill | None


async def stands(store: Store, most: int = 20) -> Stands:
    """`most`: of what could not be read."""
    reader = await reader_of(store)
    trials = await trials_of(store, reader.model) if reader else []
    return Stands(
        reader,
        await day_of(store),
        await waiting(store),
        await unread(store, most),
        len(trials),
        skill(trials),
    )


async def reader_of(store: Store) -> Reader | None:
    query = "select model, daily, by, at, why from intent_readers where workspace = %s"
    async with (
        store.pool.connection() as connection,
        connection.cursor(row_factory=class_row(Reader)) as cursor,
    ):
        return await (await cursor.execute(query, (store.workspace,))).fetchone()


async def set_reader(store: Store, model: str, daily: int, who: str) -> Reader:
    """Messages that come from now on are read by it. Raises UserError."""
    if not model.strip() or len(model) > 200 or not model.isprintable():
        raise UserError("say which model, as anthropic:claude-haiku-4-5; `remit models` lists them")
    if not 1 <= daily <= 1_000_000:
        raise UserError("a day has 1 to 1,000,000 messages for it")
    query = """
        insert into intent_readers (workspace, model, daily, by) values (%s, %s, %s, %s) on conflict (workspace) do update
            set model = excluded.model, daily = excluded.daily, by = excluded.by, at = clock_timestamp(), why = ''
    """
    async with store.pool.connection() as connection, connection.transaction():
        await connection.execute(query, (store.workspace, model.strip(), daily, who))
        await record(connection, who, "intents.reader.set", model.strip(), {"daily": daily})
    found = await reader_of(store)
    assert found is not None
    return found


async def remove_reader(store: Store, who: str) -> None:
    """The embedding alone tells what messages want; what was read stays. Raises UserError."""
    async with store.pool.connection() as connection, connection.transaction():
        query = "delete from intent_readers where workspace = %s returning model"
        row = await (await connection.execute(query, (store.workspace,))).fetchone()
        if row is None:
            raise UserError("no model reads messages for what they want: the local embedding does")
        await connection.execute("delete from graph_unread where workspace = %s", (store.workspace,))
        await record(connection, who, "intents.reader.removed", row[0])


async def places(store: Store) -> list[str]:
    """Workspaces that have messages read by a model."""
    async with store.pool.connection() as connection:
        query = "select workspace from intent_readers order by workspace"
        return [name for (name,) in await (await connection.execute(query)).fetchall()]


async def note(store: Store, why: str) -> bool:
    """Keep why the model cannot be had, or that it can; whether that is new."""
    query = "update intent_readers set why = %s where workspace = %s and why <> %s"
    async with store.pool.connection() as connection:
        return bool(
            (await connection.execute(query, (why[:LONGEST], store.workspace, why[:LONGEST]))).rowcount
        )


async def retry(store: Store, who: str) -> int:
    """Have all that could not be read tried again now; how many."""
    query = "update graph_unread set due = clock_timestamp(), tries = 0 where workspace = %s and why <> ''"
    async with store.pool.connection() as connection, connection.transaction():
        many = (await connection.execute(query, (store.workspace,))).rowcount
        if many:
            await record(connection, who, "intents.reader.retried", str(many))
    return many


async def day_of(store: Store) -> Day:
    query = f"select asked, tokens, money from intents_read where workspace = %s and day = {TODAY}"
    async with store.pool.connection() as connection, connection.cursor(row_factory=class_row(Day)) as cursor:
        return await (await cursor.execute(query.encode(), (store.workspace,))).fetchone() or Day()


async def waiting(store: Store) -> int:
    query = "select count(*) from graph_unread where workspace = %s and why = ''"
    async with store.pool.connection() as connection:
        row = await (await connection.execute(query, (store.workspace,))).fetchone()
    return int(row[0]) if row else 0


async def unread(store: Store, limit: int = 20) -> list[Unread]:
    """What could not be read, the last first."""
    query = """
        select u.interaction, u.tries, u.due, u.why, left(concat_ws(' ', nullif(i.subject, ''), i.body), 300) as text
        from graph_unread u join graph_interactions i on i.workspace = u.workspace and i.id = u.interaction
        where u.workspace = %s and u.why <> '' order by u.interaction desc limit %s
    """
    async with (
        store.pool.connection() as connection,
        connection.cursor(row_factory=class_row(Unread)) as cursor,
    ):
        return await (await cursor.execute(query, (store.workspace, limit))).fetchall()


async def trials_of(store: Store, model: str) -> list[Trial]:
    """What it took examples for that it was not shown, and messages that people have corrected since."""
    query = """
        select intent, told, stated from graph_examples
        where workspace = %s and told_by = %s and told is not null and stated is not null order by id
    """
    async with store.pool.connection() as connection:
        rows = await (await connection.execute(query, (store.workspace, model))).fetchall()
    return [Trial(*row) for row in rows]


async def queue(connection: Connection, workspace: str, ids: Sequence[int]) -> None:
    """Have these be read, as many of them as there is room for today."""
    await connection.execute(QUEUE, {"here": workspace, "ids": list(ids)})


async def room(connection: Connection, workspace: str) -> int:
    """For how many there is room today; whoever asks is alone until the end of the transaction."""
    await connection.execute(
        "select pg_advisory_xact_lock(hashtextextended('intents ' || %s, 0))", (workspace,)
    )
    row = await (await connection.execute(ROOM, {"here": workspace})).fetchone()
    return max(int(row[0]), 0) if row else 0


async def pending(connection: Connection, workspace: str, model: str) -> bool:
    """Whether there is anything to be asked about, and room for it today."""
    values = {"here": workspace, "model": model}
    row = await (await connection.execute(PENDING, values)).fetchone()
    return bool(row and row[0]) and await room(connection, workspace) > 0


async def claim(connection: Connection, workspace: str, model: str, many: int) -> tuple[list[int], list[int]]:
    """Numbers of examples and of messages that are to be asked about now, and are nobody else's meanwhile; all count as asked about."""
    many = min(many, await room(connection, workspace))
    if not many:
        return [], []
    values = {"here": workspace, "model": model, "many": many}
    examples = [row[0] for row in await (await connection.execute(TRY, values)).fetchall()]
    values = {"here": workspace, "many": many - len(examples)}
    messages = [row[0] for row in await (await connection.execute(CLAIM, values)).fetchall()]
    await took(connection, workspace, len(examples) + len(messages))
    return sorted(examples), sorted(messages)


async def took(
    connection: Connection, workspace: str, asked: int = 0, tokens: int = 0, money: Decimal = Decimal(0)
) -> None:
    query = f"""
        insert into intents_read as s (workspace, day, asked, tokens, money) values (%s, {TODAY}, %s, %s, %s) on conflict (workspace, day)
        do update set asked = s.asked + excluded.asked, tokens = s.tokens + excluded.tokens, money = s.money + excluded.money
    """
    await connection.execute(query.encode(), (workspace, asked, tokens, money))


async def set_aside(connection: Connection, workspace: str, interaction: int, why: str) -> None:
    """It is tried again a minute later, then 4, 16 and 64 minutes; after that it is left to the embedding."""
    query = f"""
        update graph_unread set why = %s, due = case when tries < {TRIES} then clock_timestamp() + interval '1 minute' * 4 ^ (tries - 1) end
        where workspace = %s and interaction = %s
    """
    await connection.execute(query.encode(), (why[:LONGEST], workspace, interaction))


async def examples_within(connection: Connection, workspace: str) -> dict[int, Example]:
    """By number, in the order in which they were taught."""
    query = "select id, text, intent from graph_examples where workspace = %s order by id"
    rows = await (await connection.execute(query, (workspace,))).fetchall()
    return {id_: Example(text, intent) for id_, text, intent in rows}


async def texts_within(connection: Connection, workspace: str, ids: Sequence[int]) -> dict[int, str]:
    """Of messages that are still there and of which no person has said what they want."""
    query = """
        select i.id, concat_ws(E'\\n', nullif(i.subject, ''), i.body) from graph_interactions i
        where i.workspace = %s and i.id = any(%s) and i.body <> '' and not exists (
            select from graph_inferred f where f.workspace = i.workspace and f.interaction = i.id and f.corrected is not null)
    """
    return dict(await (await connection.execute(query, (workspace, list(ids)))).fetchall())


def can_be_read(examples: Sequence[Example]) -> bool:
    """There is something that may be wanted."""
    return any(one.intent != NONE for one in examples)
