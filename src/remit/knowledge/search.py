"""Passages found by words, and documents read on from a passage.

First those in which all words of a question stand, the best first. Where these are too few, those in which some stand:
a word counts for as much as it is rare. Words are those of the source's language, without its endings.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from psycopg import AsyncConnection
from psycopg.rows import class_row

from remit.errors import UnknownName
from remit.knowledge.kept import Source, list_sources
from remit.store.store import Store

LONGEST = 500  # characters of a question
MOST = 20  # passages of one search
WORDS = 16  # of a question that are looked for where not all stand in a passage
COMMON = 2_000  # passages in which a word may stand before it counts for next to nothing
LOOKED = 5_000  # passages that are compared
PAGE = 6_000  # characters that are read at a time, and some more to the end of a passage
_LEFT_OUT = re.compile(r'(?:^|\s)-\S+|[\\0"]')


@dataclass(frozen=True, slots=True)
class Hit:
    """A passage that was found, with whose it is."""

    source: str
    document: str
    title: str
    by: str
    heading: str
    starts: int
    text: str
    score: float


@dataclass(frozen=True, slots=True)
class Page:
    """A part of a document. `next`: where the next begins; None: it is the last."""

    document: str
    title: str
    by: str
    heading: str
    starts: int
    text: str
    next: int | None
    characters: int


async def search(store: Store, sources: Sequence[Source], question: str, limit: int = 5) -> list[Hit]:
    """The best passages of these sources, best first. `store`'s own eyes do not matter: the index is only used by Remit's, as the
    database would look at each row first to see whose it is; so the workspace is named here, and whoever is there for some agents
    finds nothing."""
    question, limit = " ".join(question[:LONGEST].replace("\0", " ").split()), min(limit, MOST)
    if not question or not sources or store.agents is not None:
        return []
    found: dict[tuple[str, str, int], Hit] = {}
    async with store.as_owner().pool.connection() as connection:
        for language in dict.fromkeys(one.language for one in sources):
            ids = [one.id for one in sources if one.language == language]
            asked = _Asked(connection, store.workspace, language, ids, limit)
            hits = await asked.all_words(question)
            if len(hits) < limit:
                hits += await asked.some_words(question)
            for hit in hits:
                found.setdefault((hit.source, hit.document, hit.starts), hit)
    return sorted(found.values(), key=lambda hit: -hit.score)[:limit]


@dataclass(frozen=True, slots=True)
class _Asked:
    """A question to the sources of one language."""

    connection: AsyncConnection[Any]
    workspace: str
    language: str
    ids: Sequence[int]
    limit: int

    @property
    def within(self) -> str:
        """As the index finds the passages of these sources."""
        return " | ".join(f"'§{one}'" for one in self.ids)

    async def all_words(self, question: str) -> list[Hit]:
        query = """
            with asked as (select websearch_to_tsquery(%(language)s::regconfig, %(question)s) as words),
            best as (
                select document, number, ts_rank(p.words, asked.words, 1) as score
                from (select document, number, words from knowledge_passages
                      where words @@ (websearch_to_tsquery(%(language)s::regconfig, %(question)s) && %(within)s::tsquery)
                      and workspace = %(workspace)s
                      -- one that asks for no word, or only for what is not there, would find everything
                      and querytree(websearch_to_tsquery(%(language)s::regconfig, %(question)s)) not in ('', 'T')
                      limit %(looked)s) p, asked
                order by score desc, document, number limit %(limit)s
            )
        """
        # All words are worth more than some, however often these stand there
        return [replace(hit, score=hit.score + 1_000) for hit in await self._hits(query, question=question)]

    async def some_words(self, question: str) -> list[Hit]:
        words = await self._words(question)
        if not words:
            return []
        query = """
            with asked as (
                select word, weight from unnest(%(words)s::text[]::tsquery[], %(weights)s::float8[]) as a (word, weight)
            ),
            best as (
                select document, number,
                    (select coalesce(sum(weight * (0.5 + ts_rank(p.words, word))), 0) from asked where p.words @@ word) as score
                from (select document, number, words from knowledge_passages
                      where words @@ (%(any)s::tsquery && %(within)s::tsquery)
                      and workspace = %(workspace)s limit %(looked)s) p
                order by score desc, document, number limit %(limit)s
            )
        """
        rare = [word for word, weight in words if weight > 0.1] or [word for word, _ in words[:3]]
        given = {"words": [word for word, _ in words], "weights": [weight for _, weight in words]}
        return await self._hits(query, any=" | ".join(rare), **given)

    async def _words(self, question: str) -> list[tuple[str, float]]:
        """The words of a question as the index has them, each with what it counts for, the rarest first."""
        query = """
            select word, (select count(*) from (
                select from knowledge_passages
                where words @@ (word && %(within)s::tsquery) and workspace = %(workspace)s limit %(common)s) counted)
            from (select distinct ('''' || replace(replace(lexeme, '\\', '\\\\'), '''', '''''') || '''')::tsquery as word
                  from unnest(to_tsvector(%(language)s::regconfig, %(question)s)) limit %(most)s) words
        """
        plain = _LEFT_OUT.sub(" ", question)
        values: dict[str, object] = {
            "within": self.within,
            "workspace": self.workspace,
            "language": self.language,
        }
        values |= {"question": plain, "common": COMMON, "most": WORDS}
        rows = await (await self.connection.execute(query, values)).fetchall()
        counted = [(str(word), count) for word, count in rows if count]
        weighed = [(word, math.log(1.05 * COMMON / count)) for word, count in counted]
        return sorted(weighed, key=lambda one: -one[1])

    async def _hits(self, best: str, **values: object) -> list[Hit]:
        query = f"""{best}
            select s.name as source, d.name as document, d.title, d.by, p.heading, p.starts, p.text, best.score
            from best join knowledge_passages p using (document, number)
            join knowledge_documents d on d.id = p.document join knowledge_sources s on s.id = d.source
        """
        same = {"within": self.within, "workspace": self.workspace, "language": self.language}
        async with self.connection.cursor(row_factory=class_row(Hit)) as cursor:
            given = {**same, "limit": self.limit, "looked": LOOKED, **values}
            return await (await cursor.execute(query.encode(), given)).fetchall()


async def read_on(store: Store, source: Source, document: str, starts: int = 0) -> Page | None:
    """A document of a source from a character on, for about a page; None where the source has none of that name."""
    if store.agents is not None:
        return None
    async with store.as_owner().pool.connection() as connection:
        query = """
            select id, title, by, characters from knowledge_documents where workspace = %s and source = %s and name = %s
        """
        about = await (
            await connection.execute(query, (store.workspace, source.id, document.replace("\0", "")))
        ).fetchone()
        if about is None:
            return None
        query = """
            select starts, heading, text from knowledge_passages
            where document = %s and starts + length(text) > %s and starts < %s order by number
        """
        rows = await (await connection.execute(query, (about[0], starts, starts + PAGE))).fetchall()
    _, title, by, characters = about
    if not rows:
        return Page(document, title, by, "", characters, "", None, characters)
    text = "".join(row[2] for row in rows)[max(0, starts - rows[0][0]) :]
    ends = rows[-1][0] + len(rows[-1][2])
    began = max(starts, rows[0][0])
    return Page(document, title, by, rows[0][1], began, text, ends if ends < characters else None, characters)


async def near(store: Store, source: Source, document: str) -> list[str]:
    """Names of documents like one that is not there: those with the same end, else the first."""
    like = document.rsplit("/", 1)[-1].rsplit(".", 1)[0].replace("\0", "")
    query = """
        select name from knowledge_documents where workspace = %s and source = %s
        order by strpos(lower(name), lower(%s)) > 0 desc, name limit 20
    """
    async with store.as_owner().pool.connection() as connection:
        rows = await (await connection.execute(query, (store.workspace, source.id, like))).fetchall()
    return [str(name) for (name,) in rows]


@dataclass(frozen=True, slots=True)
class Shelf:
    """What one run may look up: the sources that its agent names, as far as the workspace has them now."""

    store: Store
    names: tuple[str, ...]

    async def sources(self) -> list[Source]:
        return [one for one in await list_sources(self.store) if one.name in self.names]


async def require_sources(store: Store, names: Iterable[str], where: str) -> None:
    """Raises UnknownName for a source that the workspace does not have. `store`: with eyes for all of the workspace."""
    for error in (await unknown_sources(store, names, where)).values():
        raise error


async def unknown_sources(store: Store, names: Iterable[str], where: str = "") -> dict[str, UnknownName]:
    """Those of these names that are no source of the workspace, each with the nearest that is."""
    wanted = list(names)
    known = [one.name for one in await list_sources(store)] if wanted else []
    return {name: UnknownName("source", name, known, where) for name in wanted if name not in known}
