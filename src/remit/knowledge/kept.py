"""Sources of a workspace and their documents: made, changed, filled, emptied; each change with who made it."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, LiteralString

from psycopg import AsyncConnection
from psycopg.errors import UniqueViolation
from psycopg.rows import class_row

from remit.access.audit import record
from remit.errors import FieldError, UnknownName
from remit.gate.confidentiality import WORDS
from remit.knowledge.cut import cut
from remit.knowledge.text import Read
from remit.store.store import Store

Connection = AsyncConnection[Any]
NAME = re.compile(r"[a-z][a-z0-9_-]{0,39}")
SOURCES = 200  # of a workspace
DOCUMENTS = 20_000  # of a source
CHARACTERS = 200_000_000  # of all documents of a source
TITLE, ABOUT = 100, 2_000  # characters
LANGUAGES = (
    "english", "simple", "arabic", "danish", "dutch", "finnish", "french", "german", "greek", "hungarian", "indonesian",
    "italian", "norwegian", "portuguese", "romanian", "russian", "spanish", "swedish", "tamil", "turkish",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class About:
    """What people say of a source. `vouched`: what stands in it is so, and a value from it is evidence."""

    title: str
    about: str = ""
    confidentiality: str = "workspace"
    language: str = "english"
    vouched: bool = False


@dataclass(frozen=True, slots=True)
class Source:
    """A source as it stands."""

    id: int
    name: str
    title: str
    about: str
    confidentiality: str
    language: str
    by: str
    at: datetime
    vouched_by: str | None
    vouched_at: datetime | None
    documents: int
    size: int  # bytes of the files
    characters: int  # of their texts
    changed_at: datetime | None  # when a document last came

    @property
    def vouched(self) -> bool:
        return self.vouched_by is not None

    @property
    def as_said(self) -> About:
        return About(self.title, self.about, self.confidentiality, self.language, self.vouched)


@dataclass(frozen=True, slots=True)
class Document:
    """A document as it stands, without its text."""

    id: int
    name: str
    title: str
    kind: str
    sha256: bytes
    size: int
    characters: int
    folder: str
    by: str
    at: datetime


@dataclass(frozen=True, slots=True)
class File:
    """A document as it comes."""

    name: str
    data: bytes
    read: Read

    @property
    def sha256(self) -> bytes:
        return hashlib.sha256(self.data).digest()


FIELDS: LiteralString = """
    s.id, s.name, s.title, s.about, s.confidentiality, s.language, s.by, s.at, s.vouched_by, s.vouched_at,
    coalesce(d.documents, 0)::int as documents, coalesce(d.size, 0)::bigint as size,
    coalesce(d.characters, 0)::bigint as characters, d.changed_at
    from knowledge_sources s left join lateral (
        select count(*) as documents, sum(size) as size, sum(characters) as characters, max(at) as changed_at
        from knowledge_documents where source = s.id
    ) d on true
"""
DOCUMENT: LiteralString = "id, name, title, kind, sha256, size, characters, folder, by, at"


async def list_sources(store: Store) -> list[Source]:
    """By name."""
    query = f"select {FIELDS} where s.workspace = %s order by s.name"
    async with (
        store.pool.connection() as connection,
        connection.cursor(row_factory=class_row(Source)) as cursor,
    ):
        return await (await cursor.execute(query, (store.workspace,))).fetchall()


async def source_of(store: Store, name: str) -> Source:
    """Raises UnknownName."""
    found = {one.name: one for one in await list_sources(store)}
    if name not in found:
        raise UnknownName("source", name, found)
    return found[name]


def open_to(sources: Iterable[Source], rights: Collection[str]) -> list[Source]:
    """Those whose text somebody with these rights may read: what is nobody's to have, only who keeps it."""
    return [
        one
        for one in sources
        if one.confidentiality in ("public", "workspace") or "knowledge:write" in rights
    ]


async def list_documents(
    store: Store, source: Source, after: str = "", limit: int = DOCUMENTS
) -> list[Document]:
    """By name, those after one."""
    query = f"""
        select {DOCUMENT} from knowledge_documents
        where workspace = %s and source = %s and name > %s order by name limit %s
    """
    values = (store.workspace, source.id, after, limit)
    async with (
        store.pool.connection() as connection,
        connection.cursor(row_factory=class_row(Document)) as cursor,
    ):
        return await (await cursor.execute(query, values)).fetchall()


async def find_document(store: Store, source: Source, name: str) -> Document | None:
    query = f"select {DOCUMENT} from knowledge_documents where workspace = %s and source = %s and name = %s"
    values = (store.workspace, source.id, name)
    async with (
        store.pool.connection() as connection,
        connection.cursor(row_factory=class_row(Document)) as cursor,
    ):
        return await (await cursor.execute(query, values)).fetchone()


def checked(name: str, about: About) -> About:
    """As it is kept. Raises FieldError."""
    if not NAME.fullmatch(name):
        raise FieldError(
            "name",
            f"{name[:60]!r} is no name for a source: a small letter, then small letters, digits, - and _",
        )
    title = " ".join(about.title.split()) or name.replace("_", " ").replace("-", " ").capitalize()
    words = about.about.strip()
    for field, value, most in (("title", title, TITLE), ("about", words, ABOUT)):
        if len(value) > most:
            raise FieldError(field, f"has {len(value):,} characters; {most:,} are the most")
        if "\0" in value:
            raise FieldError(field, "has a character in it that is none")
    for field, value, known in (
        ("confidentiality", about.confidentiality, WORDS), ("language", about.language, LANGUAGES),
    ):  # fmt: skip
        if value not in known:
            raise FieldError(field, f"{value[:60]!r} is none of {', '.join(known)}")
    return About(title, words, about.confidentiality, about.language, about.vouched)


async def add_source(store: Store, name: str, about: About, who: str) -> Source:
    """Raises FieldError for what cannot be kept, and for a name that is taken."""
    about = checked(name, about)
    if len(await list_sources(store)) >= SOURCES:
        raise FieldError("name", f"there are {SOURCES} sources already, which are the most")
    query = """
        insert into knowledge_sources (workspace, name, title, about, confidentiality, language, by, vouched_by, vouched_at)
        values (%s, %s, %s, %s, %s, %s, %s, %s, case when %s then clock_timestamp() end)
    """
    said = (about.title, about.about, about.confidentiality, about.language)
    values = (store.workspace, name, *said, who, who if about.vouched else None, about.vouched)
    async with store.pool.connection() as connection:
        try:
            async with connection.transaction():
                await connection.execute(query, values)
                await record(connection, who, "knowledge.added", name, _told(about))
        except UniqueViolation as error:
            raise FieldError("name", f"there is a source {name} already") from error
    return await source_of(store, name)


async def change_source(store: Store, name: str, about: About, who: str) -> Source:
    """Say something else of a source. Who vouched for it stays, where it was vouched for. In another language its words are
    found anew, which takes a while where there are many. Raises FieldError, UnknownName."""
    about = checked(name, about)
    async with store.pool.connection() as connection, connection.transaction():
        source = await _locked(connection, store, name)
        query = """
            update knowledge_sources set title = %s, about = %s, confidentiality = %s, language = %s,
            vouched_by = case when %s then coalesce(vouched_by, %s) end,
            vouched_at = case when %s then coalesce(vouched_at, clock_timestamp()) end where id = %s
        """
        said = (about.title, about.about, about.confidentiality, about.language)
        await connection.execute(query, (*said, about.vouched, who, about.vouched, source.id))
        if about.language != source.language:
            query = """
                update knowledge_passages set language = %s
                where document in (select id from knowledge_documents where source = %s)
            """
            await connection.execute(query, (about.language, source.id))
        was, now = _told(source.as_said), _told(about)
        changed = {key: [was[key], now[key]] for key in now if was[key] != now[key]}
        if changed:
            await record(connection, who, "knowledge.changed", name, changed)
    return await source_of(store, name)


async def remove_source(store: Store, name: str, who: str) -> None:
    """With all its documents, at once. Journals keep what runs have read of it. Raises UnknownName."""
    async with store.pool.connection() as connection, connection.transaction():
        source = await _locked(connection, store, name)
        await connection.execute("delete from knowledge_sources where id = %s", (source.id,))
        await record(connection, who, "knowledge.removed", name, {"documents": source.documents})


async def put(
    store: Store, name: str, files: Sequence[File], who: str, *, gone: Iterable[str] = (), folder: str = ""
) -> dict[str, str]:
    """Keep these documents, each in place of the one of its name, and forget those `gone`: all of it or, after a crash, nothing.
    What became of each: added, changed, unchanged or removed. `folder`: that they were synced from. Raises UnknownName, and FieldError
    where the source would become too large."""
    came: dict[str, str] = {}
    async with store.pool.connection() as connection, connection.transaction():
        source = await _locked(connection, store, name)
        query = "select name, sha256, folder from knowledge_documents where source = %s"
        there = {
            n: (sha, kept)
            for n, sha, kept in await (await connection.execute(query, (source.id,))).fetchall()
        }
        for file in files:
            before = there.get(file.name)
            came[file.name] = (
                "added" if before is None else "unchanged" if before[0] == file.sha256 else "changed"
            )
            if came[file.name] == "unchanged":
                if before and before[1] != folder:
                    query = "update knowledge_documents set folder = %s where source = %s and name = %s"
                    await connection.execute(query, (folder, source.id, file.name))
                continue
            await _put(connection, store, source, file, who, folder)
        for one in gone:
            query = "delete from knowledge_documents where source = %s and name = %s"
            if (await connection.execute(query, (source.id, one))).rowcount:
                came[one] = "removed"
        await _require_room(connection, source)
        what = "knowledge.synced" if folder else "knowledge.documents"
        counts = {word: sum(one == word for one in came.values()) for word in ("added", "changed", "removed")}
        if any(counts.values()):
            first = {"first": next(n for n, word in came.items() if word != "unchanged")}
            await record(connection, who, what, name, counts | first | ({"folder": folder} if folder else {}))
    return came


async def remove_document(store: Store, name: str, document: str, who: str) -> None:
    """With its passages, at once. Raises UnknownName."""
    source = await source_of(store, name)
    if not await put(store, name, (), who, gone=(document,)):
        raise UnknownName(
            "document", document, [one.name for one in await list_documents(store, source)], name
        )


async def hashes(store: Store, source: Source) -> Mapping[str, tuple[bytes, str]]:
    """Of its documents by name, each with the folder that it came from."""
    return {one.name: (one.sha256, one.folder) for one in await list_documents(store, source)}


async def _put(
    connection: Connection, store: Store, source: Source, file: File, who: str, folder: str
) -> None:
    query = """
        insert into knowledge_documents (workspace, source, name, title, kind, sha256, size, characters, folder, by)
        values (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s)
        on conflict (source, name) do update set title = excluded.title, kind = excluded.kind, sha256 = excluded.sha256,
            size = excluded.size, characters = excluded.characters, folder = excluded.folder, by = excluded.by,
            at = clock_timestamp()
        returning id
    """
    read = file.read
    about = (file.name, read.title, read.kind, file.sha256, len(file.data), len(read.text), folder, who)
    row = await (await connection.execute(query, (store.workspace, source.id, *about))).fetchone()
    assert row is not None
    await connection.execute("delete from knowledge_passages where document = %s", (row[0],))
    query = """
        insert into knowledge_passages (document, number, workspace, source, starts, heading, text, language)
        select %s, number - 1, %s, %s, starts, heading, text, %s
        from unnest(%s::int[], %s::text[], %s::text[]) with ordinality as cut (starts, heading, text, number)
    """
    parts = cut(read.text, read.title, headed=read.headed, pages=read.pages)
    texts = ([one.starts for one in parts], [one.heading for one in parts], [one.text for one in parts])
    await connection.execute(query, (row[0], store.workspace, source.id, source.language, *texts))


async def _require_room(connection: Connection, source: Source) -> None:
    query = "select count(*), coalesce(sum(characters), 0) from knowledge_documents where source = %s"
    row = await (await connection.execute(query, (source.id,))).fetchone()
    assert row is not None
    if row[0] > DOCUMENTS:
        raise FieldError(
            "files", f"{source.name} would have {row[0]:,} documents; {DOCUMENTS:,} are the most"
        )
    if row[1] > CHARACTERS:
        raise FieldError(
            "files", f"{source.name} would have {row[1]:,} characters of text; {CHARACTERS:,} are the most"
        )


async def _locked(connection: Connection, store: Store, name: str) -> Source:
    """As it stands, and nobody else changes it or what is in it meanwhile. Raises UnknownName."""
    query = "select id from knowledge_sources where workspace = %s and name = %s for update"
    if await (await connection.execute(query, (store.workspace, name.replace("\0", "")))).fetchone() is None:
        raise UnknownName("source", name, [one.name for one in await list_sources(store)])
    async with connection.cursor(row_factory=class_row(Source)) as cursor:
        query = f"select {FIELDS} where s.workspace = %s and s.name = %s"
        found = await (await cursor.execute(query, (store.workspace, name))).fetchone()
    assert found is not None
    return found


def _told(about: About) -> dict[str, Any]:
    return {
        "title": about.title, "about": about.about, "confidentiality": about.confidentiality,
        "language": about.language, "vouched": about.vouched,
    }  # fmt: skip
