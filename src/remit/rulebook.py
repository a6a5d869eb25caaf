"""The rules for every agent as people change them: the file that holds, checked before it is written, and how it stood before.

The file is what holds, for those who keep it under version control; a row remembers each text that was saved here, by whom
and why. Where the two differ, somebody has edited the file, and the next to save is told."""

from __future__ import annotations

import contextlib
import difflib
import hashlib
import os
import tempfile
from dataclasses import dataclass
from datetime import datetime
from io import StringIO
from pathlib import Path
from typing import Any

from psycopg.rows import class_row
from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq

from remit.access.audit import record
from remit.agents.workspace import Workspace, place_of, read_workspace, require_people
from remit.agents.yaml import read
from remit.errors import SpecError, UnknownName, UserError
from remit.settings import Settings
from remit.store.store import Store
from remit.tools.thread import in_thread

LOCK = 3_141_030  # held while somebody saves: of two who began from the same text, one is told


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


def text_of(settings: Settings) -> str:
    """What stands in the file; empty where there is none. Raises SpecError where it cannot be read."""
    path = place_of(settings)
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return ""
    except (OSError, UnicodeDecodeError) as error:
        raise SpecError(f"cannot be read: {error}", str(path)) from error


def mark_of(text: str) -> str:
    """By which two texts are told apart."""
    return hashlib.sha256(text.encode()).hexdigest()


def checked(settings: Settings, text: str) -> Workspace:
    """What the text would mean. Raises SpecError with its line, UserError for a group in which nobody is."""
    made = read_workspace(text, place_of(settings))
    if twice := sorted(set(settings.groups) & set(made.groups)):
        raise UserError(f"the group {twice[0]!r} is set by REMIT_GROUPS already; leave one of the two out")
    require_people(made.rules, {**settings.groups, **made.groups}, "these rules")
    return made


async def save(store: Store, settings: Settings, text: str, note: str, who: str, base: str) -> Version:
    """Let this text hold from now on. `base`: the mark of the text from which whoever saves began. Raises Changed where
    another one holds by now, and what `checked` raises."""
    text = text.replace("\r\n", "\n")
    text = text if text.endswith("\n") or not text else text + "\n"
    checked(settings, text)
    path = place_of(settings)
    async with (
        store.pool.connection() as connection,
        connection.transaction(),
        connection.cursor(row_factory=class_row(Version)) as cursor,
    ):
        await connection.execute("select pg_advisory_xact_lock(%s)", (LOCK,))
        before = text_of(settings)
        if mark_of(before) != base:
            raise Changed("somebody has changed the rules meanwhile; look at what differs, and save again")
        query = """
            insert into rule_versions (workspace, text, note, who) values (%s, %s, %s, %s)
            returning id, text, note, who, at
        """
        saved = await (await cursor.execute(query, (store.workspace, text, note, who))).fetchone()
        assert saved is not None
        changes = {"version": saved.id, "note": note, "changes": list(differences(before, text))}
        await record(connection, who, "rules.changed", path.name, changes)
        await in_thread(lambda: _write(path, text))  # the last of all: what fails before leaves the file
    return saved


def _write(path: Path, text: str) -> None:
    """The whole file at once: a worker that reads meanwhile sees the old one or the new one."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, beside = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        try:
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
            os.chmod(beside, path.stat().st_mode & 0o777 if path.exists() else 0o644)
            os.replace(beside, path)
        except BaseException:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(beside)
            raise
    except OSError as error:
        raise UserError(f"{path} cannot be written: {error.strerror}; nothing was changed") from error


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
