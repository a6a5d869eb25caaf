"""The rules for every agent as people save them: in the database, each version with who and why, so that all machines are held
by the same ones. A file (`agents/workspace.py`), for those who keep their rules under version control, holds beside them."""

from __future__ import annotations

import asyncio
import difflib
import hashlib
import time
from dataclasses import dataclass, field
from datetime import datetime
from io import StringIO
from typing import Any

from psycopg.rows import class_row
from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq

from remit.access.audit import record
from remit.agents.workspace import (
    NONE,
    Workspace,
    read_workspace,
    require_people,
    together,
    workspace_of,
)
from remit.agents.yaml import read
from remit.errors import SpecError, UnknownName, UserError
from remit.settings import Settings
from remit.store.store import Store

LOCK = 3_141_030  # held while somebody saves: of two who began from the same text, one is told
FRESH = 1.0  # seconds for which what was read of the database counts: what another machine saves holds here by then


class Changed(UserError):
    """The rules have been changed since whoever saves began to write."""


@dataclass(frozen=True, slots=True)
class Version:
    """The rules as somebody saved them."""

    id: int
    text: str
    note: str
    who: str
    at: datetime


@dataclass
class Rulebook:
    """What holds now in each workspace: what its file says, and what people have saved last."""

    store: Store
    settings: Settings
    _saved: dict[str, tuple[float, int, Workspace]] = field(default_factory=dict)  # when read, which, what
    _alone: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def held(self, workspace: str) -> Workspace:
        """Raises SpecError or UserError for a file or a version that cannot be used: nothing may happen by half of the
        rules; psycopg.Error if the database is away."""
        file = workspace_of(self.settings.within(workspace))
        found = self._saved.get(workspace)
        if found is None or time.monotonic() > found[0] + FRESH:
            async with self._alone:  # of many who ask at once, one reads
                found = self._saved.get(workspace)
                if found is None or time.monotonic() > found[0] + FRESH:
                    found = self._saved[workspace] = await self._read(workspace, found)
        return together(file, found[2]) if found[1] else file

    async def _read(
        self, workspace: str, before: tuple[float, int, Workspace] | None
    ) -> tuple[float, int, Workspace]:
        asked = time.monotonic()
        last = await newest(self.store.as_owner(workspace))
        if last is None:
            return asked, 0, NONE
        if before is not None and before[1] == last.id:
            return asked, last.id, before[2]
        return asked, last.id, read_workspace(last.text, f"version {last.id} of the rules for every agent")

    async def save(self, store: Store, text: str, note: str, who: str, base: str) -> Version:
        """Let this text hold from now on: here at once, elsewhere within `FRESH`. `store`: whose workspace it is for.
        `base`: the mark of the text from which whoever saves began. Raises Changed where another one holds by now, and what
        `checked` raises."""
        text = text.replace("\r\n", "\n")
        text = text if text.endswith("\n") or not text else text + "\n"
        checked(self.settings.within(store.workspace), text)
        async with (
            store.pool.connection() as connection,
            connection.transaction(),
            connection.cursor(row_factory=class_row(Version)) as cursor,
        ):
            await connection.execute("select pg_advisory_xact_lock(%s)", (LOCK,))
            before = await (await cursor.execute(NEWEST, (store.workspace,))).fetchone()
            was = before.text if before else ""
            if mark_of(was) != base:
                raise Changed(
                    "somebody has changed the rules meanwhile; look at what differs, and save again"
                )
            query = """
                insert into rule_versions (workspace, text, note, who) values (%s, %s, %s, %s)
                returning id, text, note, who, at
            """
            saved = await (await cursor.execute(query, (store.workspace, text, note, who))).fetchone()
            assert saved is not None
            changes = {"version": saved.id, "note": note, "changes": differences(was, text)}
            await record(connection, who, "rules.changed", "rules for every agent", changes)
        self._saved.pop(store.workspace, None)
        return saved


NEWEST = "select id, text, note, who, at from rule_versions where workspace = %s order by id desc limit 1"


async def newest(store: Store) -> Version | None:
    """What was saved last; None where nothing ever was."""
    async with (
        store.pool.connection() as connection,
        connection.cursor(row_factory=class_row(Version)) as cursor,
    ):
        return await (await cursor.execute(NEWEST, (store.workspace,))).fetchone()


async def text_of(store: Store) -> str:
    """The text that was saved last; empty where none ever was."""
    last = await newest(store)
    return last.text if last else ""


def mark_of(text: str) -> str:
    """By which two texts are told apart."""
    return hashlib.sha256(text.encode()).hexdigest()


def checked(settings: Settings, text: str) -> Workspace:
    """What would hold if this text were saved, beside the file. Raises SpecError with its line, UserError for a group in which
    nobody is, or of which the file says otherwise."""
    made = together(workspace_of(settings), read_workspace(text))
    require_people(made.rules, made.groups, "these rules")
    return made


async def versions(store: Store, before: int | None = None, limit: int = 20) -> list[Version]:
    """As they were saved, the newest first; those before an id for the next page."""
    query = """
        select id, text, note, who, at from rule_versions
        where workspace = %(workspace)s and (%(before)s::bigint is null or id < %(before)s)
        order by id desc limit %(limit)s
    """
    async with (
        store.pool.connection() as connection,
        connection.cursor(row_factory=class_row(Version)) as cursor,
    ):
        values = {"workspace": store.workspace, "before": before, "limit": limit}
        return await (await cursor.execute(query, values)).fetchall()


async def version(store: Store, id: int) -> tuple[Version, Version | None]:
    """One, and the one before it. Raises UnknownName."""
    found = await versions(store, id + 1, 2) if id > 0 else []
    if not found or found[0].id != id:
        known = [str(one.id) for one in await versions(store)]
        raise UnknownName("version of the rules", str(id), known)
    return found[0], found[1] if len(found) > 1 else None


def differences(before: str, after: str) -> list[str]:
    """Line by line, as `diff -u` has it, without its head."""
    return list(difflib.unified_diff(before.splitlines(), after.splitlines(), lineterm="", n=2))[2:]


def with_rule(text: str, rule: dict[str, Any]) -> str:
    """The text with one rule more, as the last; comments and all else stay as they are. Raises SpecError."""
    data = read(text, "the rules")
    if data is None:
        data = CommentedMap()
    if not isinstance(data, CommentedMap):
        raise SpecError("what holds for every agent is a mapping: `rules:`, and perhaps more", "the rules", 1)
    rules = data.setdefault("rules", CommentedSeq())
    if not isinstance(rules, CommentedSeq):
        rules = data["rules"] = CommentedSeq() if rules is None else rules
    if not isinstance(rules, CommentedSeq):
        raise SpecError("`rules:` is a list", "the rules", 1)
    rules.append(CommentedMap(rule))
    yaml = YAML(typ="rt")
    yaml.width = 4096  # no line is broken that somebody wrote as one
    yaml.indent(mapping=2, sequence=4, offset=2)
    written = StringIO()
    yaml.dump(data, written)
    return written.getvalue()
