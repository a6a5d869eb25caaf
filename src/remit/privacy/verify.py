"""Whether the chain is whole: each link of what stands before it, and each entry of what it seals, as that is now."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from psycopg import AsyncConnection
from psycopg.rows import class_row

from remit.errors import JournalError
from remit.journal.archive import Row
from remit.privacy.chain import ENTRIES, FIRST, GONE, Sealed, commitment, entry_said, link_of, run_said
from remit.privacy.journals import whole
from remit.privacy.receipt import NotGenuine, Receipt, sealed_form, verify
from remit.store.store import Store

Connection = AsyncConnection[Any]
PAGE = 500
SHOWN = 100  # of what is wrong


@dataclass
class Checked:
    """What was found. `erased`: entries whose salt is gone, each with another after it that names an erasure; `deleted`: runs that a
    policy deleted since; `waiting`: what was written and is not sealed yet."""

    audit: int = 0
    runs: int = 0
    receipts: int = 0
    erased: int = 0
    deleted: int = 0
    waiting: int = 0
    number: int = 0  # of the last entry
    link: str = ""  # of it: noted elsewhere, it shows later whether the end was cut off
    wrong: list[str] = field(default_factory=list)

    @property
    def sound(self) -> bool:
        return not self.wrong

    def say(self, what: str) -> None:
        if len(self.wrong) < SHOWN:
            self.wrong.append(what)


@dataclass
class Walk:
    """What is remembered from one entry to the next."""

    store: Store
    found: Checked
    key: str
    before: bytes = FIRST
    unsaid: dict[tuple[str, str], int] = field(
        default_factory=dict
    )  # a thing of which an entry has no salt -> that entry
    named: set[UUID] = field(default_factory=set)  # erasures
    signed: set[UUID] = field(default_factory=set)  # those whose receipt is in the chain
    links: dict[int, str] = field(default_factory=dict)  # number -> link


async def check(store: Store, key: str) -> Checked:
    """Read all of it, and all that it seals. `key`: with which receipts are signed."""
    own = store.as_owner()
    walk = Walk(own, Checked(), key)
    async with own.pool.connection() as connection:
        while entries := await _page(connection, own.workspace, walk.found.number):
            rows = await _audit(connection, [one for one in entries if one.kind == "audit" and one.salt])
            for entry in entries:
                _linked(walk, entry)
                await _sealed(walk, connection, entry, rows)
        await _end(walk, connection)
    return walk.found


async def _page(connection: Connection, workspace: str, after: int) -> list[Sealed]:
    async with connection.cursor(row_factory=class_row(Sealed)) as cursor:
        return await (await cursor.execute(ENTRIES, (workspace, after, PAGE))).fetchall()


async def _audit(connection: Connection, entries: Sequence[Sealed]) -> Mapping[str, Sequence[Any]]:
    query = "select id, at, who, what, about, detail::text from audit where id = any(%s)"
    ids = [int(one.about) for one in entries]
    return {str(row[0]): row for row in await (await connection.execute(query, (ids,))).fetchall()}


def _linked(walk: Walk, entry: Sealed) -> None:
    found = walk.found
    if entry.number != found.number + 1:
        found.say(f"entries {found.number + 1} to {entry.number - 1} are gone")
    elif entry.link != link_of(walk.before, entry):
        found.say(f"entry {entry.number} does not follow what stands before it")
    walk.before, found.number, found.link = entry.link, entry.number, entry.link.hex()
    walk.links[entry.number] = found.link


async def _sealed(
    walk: Walk, connection: Connection, entry: Sealed, audit: Mapping[str, Sequence[Any]]
) -> None:
    thing = (entry.kind, entry.about)
    if entry.erasure is not None:
        walk.named.add(entry.erasure)
        walk.unsaid.pop(thing, None)
    if entry.salt is None:
        walk.unsaid[thing] = entry.number
        walk.found.erased += 1
    elif entry.kind == "audit":
        walk.found.audit += 1
        row = audit.get(entry.about)
        if row is None:
            walk.found.say(f"the entry {entry.about} of the audit log is gone")
        else:
            _hold(walk, entry, entry_said(row), f"the entry {entry.about} of the audit log")
    elif entry.kind == "run":
        await _run(walk, connection, entry)
    else:
        await _receipt(walk, connection, entry)


def _hold(walk: Walk, entry: Sealed, said: bytes, what: str) -> None:
    if entry.salt is None or commitment(entry.salt, said) != entry.digest:
        walk.found.say(f"{what} is not what was sealed")


async def _run(walk: Walk, connection: Connection, entry: Sealed) -> None:
    run = UUID(entry.about)
    try:
        rows: list[Row] = (await whole(connection, run))[0]
    except JournalError as error:
        walk.found.say(str(error))
        return
    if rows:
        walk.found.runs += 1
        _hold(walk, entry, run_said(rows[: entry.events]), f"the journal of run {run}")
        return
    query = "select policy from tombstones where run = %s"
    row = await (await connection.execute(query, (run,))).fetchone()
    if row is None:
        walk.found.say(f"run {run} is gone, and nothing says why")
    elif entry.erasure is not None:
        _hold(walk, entry, GONE, f"what is left of run {run}")
    elif row[0] != "erasure":
        walk.found.deleted += 1
    else:
        walk.found.say(f"run {run} is gone by an erasure that the chain does not know")


async def _receipt(walk: Walk, connection: Connection, entry: Sealed) -> None:
    walk.found.receipts += 1
    query = "select receipt from erasures where id = %s and workspace = %s"
    row = await (await connection.execute(query, (entry.about, walk.store.workspace))).fetchone()
    receipt: Receipt | None = row[0] if row else None
    if receipt is None:
        walk.found.say(f"the receipt of erasure {entry.about} is gone")
        return
    _hold(walk, entry, sealed_form(receipt), f"the receipt of erasure {entry.about}")
    try:
        verify(receipt, walk.key)
    except NotGenuine as error:
        walk.found.say(f"the receipt of erasure {entry.about}: {error}")
        return
    walk.signed.add(UUID(entry.about))
    head = receipt.get("chain")
    if head and walk.links.get(head["number"]) != head["link"]:
        walk.found.say(
            f"before the receipt of erasure {entry.about} the chain was another: link {head['number']} was {head['link'][:16]}…"
        )


async def _end(walk: Walk, connection: Connection) -> None:
    here, found = walk.store.workspace, walk.found
    for (kind, about), number in walk.unsaid.items():
        found.say(f"entry {number}, of {kind} {about}, cannot be told any more, and no erasure says why")
    query = "select id from erasures where workspace = %s and done_at is null"
    under_way = {id_ for (id_,) in await (await connection.execute(query, (here,))).fetchall()}
    for erasure in walk.named - walk.signed - under_way:
        found.say(f"something was changed by the erasure {erasure}, of which there is no receipt")
    query = """
        select count(*) filter (where id > top), count(*) filter (where id <= top and not exists (
            select from chain c where c.workspace = %(here)s and c.kind = 'audit' and c.about = audit.id::text))
        from audit, (select coalesce(max(about::bigint), 0) as top from chain where workspace = %(here)s and kind = 'audit') as last
        where workspace = %(here)s
    """
    row = await (await connection.execute(query, {"here": here})).fetchone()
    assert row is not None
    if row[1]:
        found.say(f"{row[1]} entries of the audit log were put in later, among those that are sealed")
    query = """
        select count(*) from runs where workspace = %s and status not in ('running', 'waiting', 'paused')
            and not exists (select from chain c where c.workspace = runs.workspace and c.kind = 'run' and c.about = runs.id::text)
    """
    runs = await (await connection.execute(query, (here,))).fetchone()
    found.waiting = row[0] + (runs[0] if runs else 0)
