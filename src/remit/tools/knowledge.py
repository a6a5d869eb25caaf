"""Looking things up in the sources that an agent names. What a source says is a stranger's word, unless somebody vouches for it:
each result is labelled as its sources are when it is read."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from typing import Annotated

from pydantic import Field

from remit.errors import Mend
from remit.gate.fields import REST
from remit.gate.parts import parts_of
from remit.gate.unseen import shown
from remit.knowledge.kept import Source
from remit.knowledge.search import LONGEST, MOST, Hit, Shelf, near, read_on, search
from remit.tools.decorate import tool
from remit.tools.tool import Integrity, Json, Labelled, ToolContext

NAMED = 3  # documents of one result that are told by name


@tool(effect="read")
async def knowledge_search(
    context: ToolContext,
    query: Annotated[str, Field(min_length=1, max_length=LONGEST)],
    source: str = "",
    limit: Annotated[int, Field(ge=1, le=MOST)] = 5,
) -> Json:
    """Find passages in what you may look up, by the words of a question; the best first, under the name of their source.
    `at` is where a passage begins in its document, to read on from there with knowledge_read.

    Args:
        query: What to look for, in words that the answer would use.
        source: Only in this source; empty for all.
        limit: Passages at most.
    """
    shelf = _shelf(context)
    sources = await shelf.sources()
    if source:
        sources = [_named(source, sources, shelf)]
    hits = await search(shelf.store, sources, query, limit)
    if not hits:
        names = ", ".join(one.name for one in sources) or "nothing: its sources are no longer kept"
        return Labelled(
            {"passages": {}, "note": f"nothing was found in {names}"}, "system", source="knowledge"
        )
    of = {one.name: one for one in sources if any(hit.source == one.name for hit in hits)}
    found: dict[str, list[Json]] = {name: [] for name in of}
    for rank, hit in enumerate(hits, 1):
        found[hit.source].append(_passage(hit, rank, of[hit.source]))
    told = list(dict.fromkeys(_kept_by(hit.title, hit.by, hit.source) for hit in hits))
    return _labelled({"passages": found}, of.values(), told, "passages.")


@tool(effect="read")
async def knowledge_read(
    context: ToolContext,
    document: Annotated[str, Field(min_length=1, max_length=300)],
    start: Annotated[int, Field(ge=0)] = 0,
) -> Json:
    """Read a document of what you may look up, a page at a time. `next` is the start of the next page.

    Args:
        document: As a search names it: handbook/returns.md.
        start: Character to start at, as `at` or `next` say.
    """
    shelf = _shelf(context)
    name, _, within = document.partition("/")
    source = _named(name, await shelf.sources(), shelf)
    page = await read_on(shelf.store, source, within, start)
    if page is None:
        known = [f"{name}/{one}" for one in await near(shelf.store, source, within)]
        raise Mend(_unknown("document", document, known))
    value: dict[str, Json] = {
        "document": document,
        "title": page.title,
        "heading": page.heading,
        "text": page.text,
    }
    value |= {"at": page.starts, "next": page.next, "characters": page.characters} | _values(
        source, page.text
    )
    return _labelled(value, [source], [_kept_by(page.title, page.by, name)])


def _passage(hit: Hit, rank: int, source: Source) -> Json:
    about: dict[str, Json] = {
        "rank": rank,
        "document": f"{hit.source}/{hit.document}",
        "heading": hit.heading,
    }
    return about | {"text": hit.text, "at": hit.starts} | _values(source, hit.text)


def _values(source: Source, text: str) -> dict[str, Json]:
    """The addresses and accounts in a text that somebody vouches for, each as a value of its own: as a part of a sentence none
    is evidence. Amounts are not among them: a handbook has too many numbers for one to say anything."""
    found = [value for kind, value in parts_of(text) if kind != "hidden"] if source.vouched else []
    return {"values": list(dict.fromkeys(found))} if found else {}


def _labelled(value: Json, sources: Iterable[Source], told: Sequence[str], before: str = "") -> Labelled:
    """A result with what its sources say of it, each of what stands under its name (`before` it: the path to there)."""
    levels: dict[str, Integrity] = {one.name: "system" if one.vouched else "untrusted" for one in sources}
    words = {one.name: one.confidentiality for one in sources}
    whole: Integrity = "untrusted" if "untrusted" in levels.values() else "system"
    fields: dict[str, Integrity] = {}
    if before and len(set(levels.values())) > 1:
        fields = {REST: "system", **{f"{before}{name}": level for name, level in levels.items()}}
    confided = {} if set(words.values()) == {"workspace"} else {f"{before}{n}": w for n, w in words.items()}
    if confided:
        confided = {REST: "workspace", **confided} if before else {REST: next(iter(words.values()))}
    more = f" and {len(told) - NAMED} more" if len(told) > NAMED else ""
    return Labelled(value, whole, fields, confided, "; ".join(told[:NAMED]) + more)


def _kept_by(title: str, by: str, source: str) -> str:
    return f"{shown(' '.join(title.split()))}, kept by {shown(by)} in {source}"


def _shelf(context: ToolContext) -> Shelf:
    if context.shelf is None:
        raise Mend("there is nothing that you may look up")
    return context.shelf


def _named(name: str, sources: Sequence[Source], shelf: Shelf) -> Source:
    """Raises Mend, which says nothing of sources that the agent does not name."""
    found = next((one for one in sources if one.name == name), None)
    if found is None and name in shelf.names:
        raise Mend(f"the source {name!r} is no longer kept: look elsewhere, or go on without")
    if found is None:
        raise Mend(_unknown("source", name, [one.name for one in sources]))
    return found


def _unknown(what: str, name: str, known: Sequence[str]) -> str:
    near = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
    hint = f"did you mean {near[0]!r}?" if near else f"there is {', '.join(known[:20]) or 'none'}"
    return f"there is no {what} {name[:100]!r}; {hint}"


TOOLS = (knowledge_search, knowledge_read)
