"""The intakes of a workspace as they are kept: with the secret of each webhook, and how far each database was read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, LiteralString

from psycopg.rows import class_row
from psycopg.types.json import Jsonb

from remit.access.audit import record
from remit.errors import UnknownName, UserError
from remit.graph.ingest import Taken
from remit.intake.spec import Intake, intake_of
from remit.store.secrets import key_of, seal, unseal
from remit.store.store import Store
from remit.triggers.kept import BOTH, fresh_secret

Json = Any
LONGEST = 500  # characters of what went wrong
LATELY = 12  # deliveries, or looks at a database, that are kept to be looked at
SECRET = 1_000  # characters of a secret that a sender has given out
FIELDS: LiteralString = """
    workspace, name, spec, by, at, paused_at, secret_at, place, next_at, heard_at, taken, went, went_at, lately,
    (select count(*) from graph_rejected r where r.workspace = intakes.workspace and r.source = intakes.name and r.done_at is null) as aside
"""

_ADDED: LiteralString = """
    (select coalesce(jsonb_agg(one order by n), '[]') from jsonb_array_elements(
        jsonb_build_array(%(one)s::jsonb || jsonb_build_object('at', clock_timestamp())) || lately
    ) with ordinality as them (one, n) where n <= %(most)s)
"""


@dataclass(frozen=True, slots=True)
class Kept:
    """An intake as it stands; without its secret."""

    workspace: str
    name: str
    spec: Mapping[str, Json]
    by: str
    at: datetime
    paused_at: datetime | None
    secret_at: datetime | None
    place: Sequence[Json] | None
    next_at: datetime | None
    heard_at: datetime | None
    taken: int
    went: str
    went_at: datetime | None
    lately: Sequence[
        Mapping[str, Json]
    ]  # the last first: at, and what was taken, known and set aside, or what went wrong
    aside: int  # rows that were set aside, and wait to be mended

    @property
    def intake(self) -> Intake:
        return intake_of(self.name, self.spec)

    @property
    def path(self) -> str:
        """Where it is delivered to, at the server's address; empty for a database."""
        return f"/hooks/{self.workspace}/{self.name}" if self.spec.get("webhook") else ""

    @property
    def state(self) -> str:
        """In a word or two."""
        if self.paused_at is not None:
            return "paused"
        if self.path and self.secret_at is None:
            return "no secret yet"
        return "goes wrong" if self.went else "on"


async def put(store: Store, intake: Intake, who: str) -> Kept:
    """Keep it, in place of the one of that name: where it goes on from the same rows, it goes on where that one was."""
    query: LiteralString = f"""
        insert into intakes (workspace, name, spec, by, next_at)
        values (%(workspace)s, %(name)s, %(spec)s, %(by)s, case when %(database)s then clock_timestamp() end)
        on conflict (workspace, name) do update set
            spec = excluded.spec, by = excluded.by, at = clock_timestamp(), next_at = excluded.next_at, went = '', went_at = null,
            secret = case when intakes.spec->>'webhook' = excluded.spec->>'webhook' then intakes.secret end,
            secret_at = case when intakes.spec->>'webhook' = excluded.spec->>'webhook' then intakes.secret_at end,
            before = case when intakes.spec->>'webhook' = excluded.spec->>'webhook' then intakes.before end,
            place = case when (intakes.spec->>'database', intakes.spec->>'query', intakes.spec->>'cursor', intakes.spec->>'key')
                is not distinct from (excluded.spec->>'database', excluded.spec->>'query', excluded.spec->>'cursor', excluded.spec->>'key')
                then intakes.place end
        returning {FIELDS}
    """
    spec = {key: value for key, value in intake.data().items() if key != "name"}
    values = {"workspace": store.workspace, "name": intake.name, "spec": Jsonb(spec), "by": who}
    values["database"] = intake.kind == "database"
    async with (
        store.pool.connection() as connection,
        connection.cursor(row_factory=class_row(Kept)) as cursor,
    ):
        made = await (await cursor.execute(query, values)).fetchone()
        assert made is not None
        await record(connection, who, "intake.set", intake.name, {"kind": intake.kind})
    return made


async def list_intakes(store: Store) -> list[Kept]:
    """By name."""
    query: LiteralString = f"select {FIELDS} from intakes where workspace = %s order by name"
    async with (
        store.pool.connection() as connection,
        connection.cursor(row_factory=class_row(Kept)) as cursor,
    ):
        return await (await cursor.execute(query, (store.workspace,))).fetchall()


async def get_intake(store: Store, name: str) -> Kept:
    """Raises UnknownName."""
    found = {one.name: one for one in await list_intakes(store)}
    if name not in found:
        raise UnknownName("intake", name, found)
    return found[name]


async def remove(store: Store, name: str, who: str) -> None:
    """What came of it stays. Raises UnknownName."""
    await get_intake(store, name)
    async with store.pool.connection() as connection, connection.transaction():
        await connection.execute(
            "delete from intakes where workspace = %s and name = %s", (store.workspace, name)
        )
        await record(connection, who, "intake.removed", name)


async def pause(store: Store, name: str, who: str) -> Kept:
    """Senders are asked to try again later; no database is read. Raises UnknownName."""
    return await _stopped(store, name, who, True)


async def resume(store: Store, name: str, who: str) -> Kept:
    """A database is read on from where it was. Raises UnknownName."""
    return await _stopped(store, name, who, False)


async def _stopped(store: Store, name: str, who: str, stop: bool) -> Kept:
    await get_intake(store, name)
    query = """
        update intakes set paused_at = case when %s then clock_timestamp() end,
               next_at = case when next_at is not null then clock_timestamp() end
        where workspace = %s and name = %s and (paused_at is null) = %s
    """
    async with store.pool.connection() as connection, connection.transaction():
        if (await connection.execute(query, (stop, store.workspace, name, stop))).rowcount:
            await record(connection, who, "intake.paused" if stop else "intake.resumed", name)
    return await get_intake(store, name)


async def make_secret(store: Store, name: str, who: str, given: str = "") -> str:
    """A new secret of a webhook, or the one that its sender has given out; for a day the one before is taken too. Raises
    UnknownName, UserError."""
    now = await get_intake(store, name)
    kind = now.intake.webhook
    if kind is None:
        raise UserError(f"intake {name} reads a database: nobody sends it anything that a secret is for")
    if given and (len(given) > SECRET or len(given) < 16 or not given.isprintable()):
        raise UserError(f"a secret has 16 to {SECRET:,} characters, in one line")
    secret = given or fresh_secret(kind)
    sealed = seal(key_of(store.settings, make=True), _bound(store.workspace, name), secret)
    query = """
        update intakes set before = secret, before_until = clock_timestamp() + %s, secret = %s, secret_at = clock_timestamp()
        where workspace = %s and name = %s
    """
    async with store.pool.connection() as connection, connection.transaction():
        await connection.execute(query, (BOTH, sealed, store.workspace, name))
        await record(connection, who, "intake.secret_made", name)
    return secret


async def keys(store: Store, name: str) -> list[str]:
    """The secrets that are taken now; none: nobody has made one. Raises UserError where this machine cannot open them."""
    query = """
        select secret, case when before_until > clock_timestamp() then before end from intakes
        where workspace = %s and name = %s
    """
    async with store.pool.connection() as connection:
        row = await (await connection.execute(query, (store.workspace, name))).fetchone()
    sealed = [bytes(one) for one in row or () if one is not None]
    return [unseal(key_of(store.settings), _bound(store.workspace, name), one) for one in sealed]


async def heard(store: Store, name: str, taken: Taken) -> None:
    """Something came, or was looked for: a look that finds nothing is none that is kept."""
    query: LiteralString = f"""
        update intakes set heard_at = clock_timestamp(), taken = taken + %(new)s, went = '', went_at = null,
            lately = case when %(came)s then {_ADDED} else lately end
        where workspace = %(workspace)s and name = %(name)s
    """
    told = {"taken": taken.new, "known": taken.known, "aside": len(taken.set_aside), "went": ""}
    values = {"new": taken.new, "came": any(told.values()), "one": Jsonb(told)}
    async with store.pool.connection() as connection:
        await connection.execute(query, values | {"workspace": store.workspace, "name": name, "most": LATELY})


async def went_wrong(store: Store, name: str, why: str) -> None:
    query: LiteralString = f"""
        update intakes set went = %(why)s, went_at = clock_timestamp(), lately = {_ADDED}
        where workspace = %(workspace)s and name = %(name)s
    """
    said = why[:LONGEST].replace("\0", "�")
    values = {
        "why": said,
        "one": Jsonb({"taken": 0, "known": 0, "aside": 0, "went": said}),
        "workspace": store.workspace,
        "name": name,
    }
    async with store.pool.connection() as connection:
        await connection.execute(query, values | {"most": LATELY})


def _bound(workspace: str, name: str) -> str:
    return f"intake {workspace}/{name}"
