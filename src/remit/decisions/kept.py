"""Playbooks in the database: versions with who and why, and how far each of them goes.

Of a playbook one version may be in shadow, one in ramp and one live at a time. Whoever is in the share of the one in ramp is decided by it, all
others by the live one, and the one in shadow decides beside them without anything being done.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any, LiteralString

from psycopg import AsyncConnection
from psycopg.rows import class_row
from psycopg.types.json import Jsonb
from pydantic import ValidationError

from remit.access.audit import record
from remit.decisions.action import Playbook
from remit.decisions.meant import check
from remit.decisions.stage import STAGES, Shown, Stage, broken, obstacle
from remit.decisions.worded import warnings_of
from remit.errors import UnknownName, UserError
from remit.graph.purposes import limits_within
from remit.graph.segments import named
from remit.store.store import Store

Connection = AsyncConnection[Any]
SELF = "remit"  # who takes a version back, in the audit
FIELDS: LiteralString = "playbook, version, text, spec::text as spec, note, who, at, stage, share, staged_by, staged_at, why, before"


@dataclass(frozen=True, slots=True)
class Version:
    """A playbook as somebody saved it, and where it stands."""

    playbook: str
    version: int
    text: str
    spec: str  # JSON
    note: str
    who: str
    at: datetime
    stage: Stage
    share: float
    staged_by: str
    staged_at: datetime
    why: str
    before: int | None

    @property
    def book(self) -> Playbook:
        """Raises UserError where it was saved by another Remit and says what this one does not know."""
        try:
            return _book(self.spec)
        except ValidationError as error:
            what = "; ".join(f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in error.errors())
            raise UserError(
                f"version {self.version} of the playbook {self.playbook} was saved by another Remit, which said what this one does not"
                f" know ({what}): save it anew"
            ) from error

    @property
    def warnings(self) -> list[str]:
        """What is to be known of its templates before anybody gets them."""
        return warnings_of(self.book)

    @property
    def acts(self) -> bool:
        return self.stage in ("ramp", "live")

    @property
    def key(self) -> tuple[str, int]:
        return self.playbook, self.version


@lru_cache(maxsize=64)
def _book(spec: str) -> Playbook:
    return Playbook.model_validate_json(spec)


async def save(store: Store, name: str, text: str, book: Playbook, note: str, who: str) -> Version:
    """A new version, in shadow; the one that was there is off. `text` and `book` say the same. One that says what the newest does is not
    saved again. Raises UnknownName for a segment that there is not, and UserError where it asks about what may not be used for it."""
    segments = await named(store, book.segments)
    async with store.pool.connection() as connection, connection.transaction():
        check(book, await limits_within(connection, store.workspace), segments)
        add = """
            insert into playbooks (workspace, name, heard, looked)
            select %s, %s, last, last from (select coalesce(max(id), 0) as last from graph_interactions where workspace = %s) as heard
            on conflict do nothing
        """
        await connection.execute(add, (store.workspace, name, store.workspace))
        query = "update playbooks set versions = versions + 1 where workspace = %s and name = %s returning versions"
        row = await (await connection.execute(query, (store.workspace, name))).fetchone()
        assert row is not None
        if (
            row[0] > 1
            and (last := await _version(connection, store.workspace, name, row[0] - 1)).text == text
        ):
            await connection.execute(
                "update playbooks set versions = versions - 1 where workspace = %s and name = %s",
                (store.workspace, name),
            )
            return last
        await _vacate(connection, store.workspace, name, "shadow", f"version {row[0]} came", who)
        write = f"""
            insert into playbook_versions (workspace, playbook, version, text, spec, note, who, stage, staged_by)
            values (%s, %s, %s, %s, %s, %s, %s, 'shadow', %s) returning {FIELDS}
        """.encode()
        values = (
            store.workspace,
            name,
            row[0],
            text,
            Jsonb(book.model_dump(mode="json", exclude_unset=True)),
            note,
            who,
            who,
        )
        async with connection.cursor(row_factory=class_row(Version)) as cursor:
            saved = await (await cursor.execute(write, values)).fetchone()
        assert saved is not None
        await record(connection, who, "playbook.saved", name, {"version": saved.version, "note": note})
    return saved


async def list_playbooks(store: Store) -> dict[str, list[Version]]:
    """All of the workspace by name: the versions that stand, and the newest, the newest first."""
    query = f"""
        select {FIELDS} from playbook_versions v where workspace = %s and (stage <> 'off' or version =
            (select versions from playbooks p where p.workspace = v.workspace and p.name = v.playbook))
        order by playbook, version desc
    """
    found: dict[str, list[Version]] = {}
    for one in await _several(store, query, (store.workspace,)):
        found.setdefault(one.playbook, []).append(one)
    return found


async def versions(store: Store, name: str) -> list[Version]:
    """The newest first. Raises UnknownName."""
    query = (
        f"select {FIELDS} from playbook_versions where workspace = %s and playbook = %s order by version desc"
    )
    found = await _several(store, query, (store.workspace, name))
    if not found:
        raise UnknownName("playbook", name, await list_playbooks(store))
    return found


async def version_of(store: Store, name: str, number: int | None = None) -> Version:
    """That one; the newest where none is named. Raises UnknownName, UserError."""
    found = await versions(store, name)
    if number is None:
        return found[0]
    one = next((one for one in found if one.version == number), None)
    if one is None:
        raise UserError(f"playbook {name} has no version {number}; the newest is {found[0].version}")
    return one


async def standing_of(store: Store, name: str) -> Mapping[Stage, Version]:
    """The versions that decide, by stage. Raises UnknownName."""
    query = (
        f"select {FIELDS} from playbook_versions where workspace = %s and playbook = %s and stage <> 'off'"
    )
    found = await _several(store, query, (store.workspace, name))
    if not found:
        await versions(store, name)
    return {one.stage: one for one in found}


async def all_standing(store: Store) -> dict[str, Mapping[Stage, Version]]:
    """Of each playbook that decides, the versions that do, by stage."""
    found: dict[str, Mapping[Stage, Version]] = {}
    for name, some in (await list_playbooks(store)).items():
        if standing := [one for one in some if one.stage != "off"]:
            found[name] = {one.stage: one for one in standing}
    return found


async def put(
    store: Store, one: Version, stage: Stage, who: str, shown: Shown, share: float = 0.0, anyway: str = ""
) -> Version:
    """Have a version stand there from now on; whichever stood there is off. `anyway`: why, against what speaks against it. Raises
    UserError, UnknownName for a segment that there is not."""
    if stage == "ramp" and not 0 < share < 1:
        raise UserError("say for what share of people: above 0 and below 1, as 0.1")
    why = obstacle(one.stage, stage, shown, broken(one.book.guardrails, shown))
    if why and not anyway.strip():
        raise UserError(f"{why}. To have it {stage} all the same, say why by --anyway.")
    if stage != "off":
        await named(store, one.book.segments)
    async with store.pool.connection() as connection, connection.transaction():
        await _hold(connection, store.workspace, one.playbook)
        now = await _version(connection, store.workspace, one.playbook, one.version)
        if (now.stage, now.share) != (one.stage, one.share):
            raise UserError(
                f"somebody has put version {one.version} into {now.stage} meanwhile: look at it again"
            )
        await _put(connection, store.workspace, now, stage, share if stage == "ramp" else 0.0, who, anyway)
        detail: dict[str, Any] = {"version": one.version, "was": now.stage, "stage": stage}
        detail |= {"share": share} if stage == "ramp" else {}
        detail |= {"anyway": anyway, "against": why} if why else {}
        await record(connection, who, "playbook.staged", one.playbook, detail)
    return await version_of(store, one.playbook, one.version)


async def take_back(connection: Connection, workspace: str, one: Version, why: str) -> None:
    """A version that broke a guardrail is off, and what was live before it is so again."""
    await _hold(connection, workspace, one.playbook)
    now = await _version(connection, workspace, one.playbook, one.version)
    if not now.acts:
        return
    await _put(connection, workspace, now, "off", 0.0, SELF, why)
    detail = {"version": one.version, "was": now.stage, "why": why}
    if now.stage == "live" and now.before is not None:
        earlier = await _version(connection, workspace, one.playbook, now.before)
        if earlier.stage == "off":
            await _put(
                connection, workspace, earlier, "live", 0.0, SELF, f"version {one.version} was taken back"
            )
            detail["again"] = earlier.version
    query = "insert into audit (workspace, who, what, about, detail) values (%s, %s, 'playbook.taken_back', %s, %s)"
    await connection.execute(query, (workspace, SELF, one.playbook, Jsonb(detail)))


async def _put(
    connection: Connection, workspace: str, one: Version, stage: Stage, share: float, who: str, why: str
) -> None:
    if stage != one.stage and stage != "off":
        left = await _vacate(
            connection, workspace, one.playbook, stage, f"version {one.version} is {stage}", who
        )
    else:
        left = None
    query = """
        update playbook_versions set stage = %s, share = %s, staged_by = %s, staged_at = clock_timestamp(), why = %s,
               before = case when %s = 'live' then %s else before end
        where workspace = %s and playbook = %s and version = %s
    """
    of = (workspace, one.playbook, one.version)
    await connection.execute(query, (stage, share, who, why, stage, left, *of))


async def _vacate(
    connection: Connection, workspace: str, name: str, stage: Stage, why: str, who: str
) -> int | None:
    """Which version stood there, and is off now."""
    query = """
        update playbook_versions set stage = 'off', share = 0, why = %s, staged_by = %s, staged_at = clock_timestamp()
        where workspace = %s and playbook = %s and stage = %s returning version
    """
    row = await (await connection.execute(query, (why, who, workspace, name, stage))).fetchone()
    return int(row[0]) if row else None


async def _hold(connection: Connection, workspace: str, name: str) -> None:
    """Nobody else changes where its versions stand until the transaction ends."""
    await connection.execute(
        "select from playbooks where workspace = %s and name = %s for update", (workspace, name)
    )


async def _version(connection: Connection, workspace: str, name: str, number: int) -> Version:
    query = f"select {FIELDS} from playbook_versions where workspace = %s and playbook = %s and version = %s"
    async with connection.cursor(row_factory=class_row(Version)) as cursor:
        found = await (await cursor.execute(query, (workspace, name, number))).fetchone()
    assert found is not None
    return found


async def _several(store: Store, query: LiteralString, values: tuple[object, ...]) -> list[Version]:
    async with (
        store.pool.connection() as connection,
        connection.cursor(row_factory=class_row(Version)) as cursor,
    ):
        return await (await cursor.execute(query, values)).fetchall()


__all__ = [
    "STAGES",
    "Version",
    "all_standing",
    "list_playbooks",
    "put",
    "save",
    "standing_of",
    "take_back",
    "version_of",
    "versions",
]
