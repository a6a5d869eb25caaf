"""`remit knowledge`: what agents may look up: sources, their documents, and finding something in them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer
from rich.text import Text

from remit.cli.common import Json, console, group, listing, me, perform, print_json
from remit.cli.here import open_here
from remit.errors import UnknownName, UserError
from remit.gate.unseen import shown
from remit.knowledge.kept import (
    About,
    Document,
    File,
    Source,
    add_source,
    change_source,
    list_documents,
    list_sources,
    put,
    remove_document,
    remove_source,
    source_of,
)
from remit.knowledge.search import near, read_on, search
from remit.knowledge.sync import sync
from remit.knowledge.text import LARGEST, named, read

knowledge = group(
    help="What agents may look up. A source is a collection of documents; an agent's file names those that it may look into "
    "as `knowledge: [handbook]`. Each prints JSON with --json.\n\n"
    "Example: remit knowledge add handbook policies/*.md",
)
Name = Annotated[str, typer.Argument(help="What the source is called: handbook.")]
Title = Annotated[str | None, typer.Option(help="Its name for people.")]
Words = Annotated[str | None, typer.Option(help="What it holds, in words.")]
Who = Annotated[
    str | None, typer.Option(help="Who may have what stands in it: public, workspace, person, secret.")
]
Language = Annotated[
    str | None, typer.Option(help="Of its texts, so that words are found in any form: english, german, …")
]
Vouched = Annotated[
    bool | None,
    typer.Option(
        "--vouched/--not-vouched",
        help="Whether we vouch for what stands in it. Without that it is read as strangers' words, and is evidence for nothing.",
    ),
]


@knowledge.command("list")
def list_(as_json: Json = False) -> None:
    """The sources, with how much is in them.

    Example: remit knowledge list
    """
    perform(_list(as_json))


@knowledge.command("add")
def add(
    name: Name,
    files: Annotated[
        list[Path] | None, typer.Argument(help="Documents: text, Markdown, HTML, CSV or PDF.")
    ] = None,
    title: Title = None,
    about: Words = None,
    confidentiality: Who = None,
    language: Language = None,
    vouched: Vouched = None,
    as_json: Json = False,
) -> None:
    """Make a source, or add documents to it, each in place of the one of that name. What is said of a source that is there is
    changed.

    Example: remit knowledge add handbook --title "Our handbook" --vouched policies/returns.md policies/shipping.md
    """
    said = {"title": title, "about": about, "confidentiality": confidentiality, "language": language}
    perform(_add(name, files or [], said, vouched, as_json))


@knowledge.command("show")
def show(
    name: Name,
    document: Annotated[str, typer.Argument(help="A document of it, to read its text.")] = "",
    start: Annotated[int, typer.Option("--from", min=0, help="Character to read on from.")] = 0,
    as_json: Json = False,
) -> None:
    """A source with its documents, or the text of one, a page at a time.

    Example: remit knowledge show handbook

    Example: remit knowledge show handbook returns.md
    """
    perform(_show(name, document, start, as_json))


@knowledge.command("remove")
def remove(
    name: Name,
    document: Annotated[str, typer.Argument(help="Only this document of it.")] = "",
    as_json: Json = False,
) -> None:
    """Forget a source with all its documents, or one document. At once; what runs have read stays in their journals.

    Example: remit knowledge remove handbook returns.md
    """
    perform(_remove(name, document, as_json))


@knowledge.command("search")
def search_(
    question: Annotated[str, typer.Argument(help="What to look for.")],
    source: Annotated[
        list[str] | None, typer.Option("--source", help="Only in this one; may be repeated.")
    ] = None,
    limit: Annotated[int, typer.Option(min=1, max=20, help="Passages at most.")] = 5,
    as_json: Json = False,
) -> None:
    """Find passages as an agent would.

    Example: remit knowledge search "how long may I return something" --source handbook
    """
    perform(_search(question, source or [], limit, as_json))


@knowledge.command("sync")
def sync_(
    name: Name,
    folder: Annotated[
        Path, typer.Argument(help="The folder; what is below it counts, links and hidden files do not.")
    ],
    as_json: Json = False,
) -> None:
    """Make a source what a folder is: new and changed files come, those that are gone go. Nothing happens twice, and a crash
    leaves the source as it was. Documents that were added by hand stay.

    Example: remit knowledge sync handbook ./policies
    """
    perform(_sync(name, folder, as_json))


async def _list(as_json: bool) -> None:
    async with open_here() as app:
        found = await list_sources(app.store)
    if as_json:
        print_json([data_of(one) for one in found])
        return
    if not found:
        console.print("There are no sources; `remit knowledge add` makes one.")
        return
    table = listing("name", "title", "documents", "text", "for", "vouched for by", whole=("name",))
    for one in found:
        size = f"{one.characters:,} characters"
        vouched = Text(shown(one.vouched_by or "nobody"), "" if one.vouched else "dim")
        table.add_row(
            one.name, Text(shown(one.title)), str(one.documents), size, one.confidentiality, vouched
        )
    console.print(table)


async def _add(
    name: str, paths: list[Path], said: dict[str, str | None], vouched: bool | None, as_json: bool
) -> None:
    files = [_file(path) for path in paths]
    async with open_here() as app:
        there = {one.name: one for one in await list_sources(app.store)}
        about = about_with(there.get(name), said, vouched)
        if name not in there:
            await add_source(app.store, name, about, me())
        elif vouched is not None or any(value is not None for value in said.values()):
            await change_source(app.store, name, about, me())
        came = await put(app.store, name, files, me()) if files else {}
        source = await source_of(app.store, name)
    if as_json:
        print_json({**data_of(source), "came": came})
        return
    _say(came)
    console.print(Text(f"{name}: {shown(source.title)}, {source.documents} documents"))


def about_with(before: Source | None, said: dict[str, str | None], vouched: bool | None) -> About:
    """What is said of a source: anew, or else as it was."""
    was = before.as_said if before else About("")
    kept = {name: value for name, value in said.items() if value is not None}
    return replace(was, **kept, vouched=was.vouched if vouched is None else vouched)


def _file(path: Path) -> File:
    try:
        with path.open("rb") as opened:
            data = opened.read(LARGEST + 1)
    except OSError as error:
        raise UserError(f"{path}: cannot be read: {error.strerror}") from error
    name = named(path.name)
    return File(name, data, read(name, data))


async def _show(name: str, document: str, start: int, as_json: bool) -> None:
    async with open_here() as app:
        source = await source_of(app.store, name)
        if not document:
            documents = await list_documents(app.store, source)
        elif (page := await read_on(app.store, source, document, start)) is None:
            raise UnknownName("document", document, await near(app.store, source, document), name)
    if document:
        assert page is not None
        if as_json:
            print_json(page)
            return
        console.print(Text(page.text))
        if page.next is not None:
            console.print(Text(f"… of {page.characters:,} characters; --from {page.next} reads on", "dim"))
        return
    if as_json:
        print_json({**data_of(source), "documents": [document_data(one) for one in documents]})
        return
    by = (
        f"vouched for by {source.vouched_by}" if source.vouched else "vouched for by nobody: strangers' words"
    )
    console.print(Text(f"{shown(source.title)} ({source.confidentiality}, {source.language}), {shown(by)}"))
    if source.about:
        console.print(Text(shown(source.about)))
    table = listing("document", "title", "text", "by", "from")
    for one in documents:
        size = f"{one.characters:,} characters"
        table.add_row(
            *map(
                Text, (shown(one.name), shown(one.title), size, shown(one.by), shown(one.folder) or "by hand")
            )
        )
    console.print(table)


async def _remove(name: str, document: str, as_json: bool) -> None:
    async with open_here() as app:
        if document:
            await remove_document(app.store, name, document, me())
        else:
            await remove_source(app.store, name, me())
    if as_json:
        print_json({"name": name, "document": document or None})
    else:
        console.print(Text(f"gone: {f'{name}/{document}' if document else name}"))


async def _search(question: str, names: list[str], limit: int, as_json: bool) -> None:
    async with open_here() as app:
        sources = [await source_of(app.store, one) for one in names] or await list_sources(app.store)
        hits = await search(app.store, sources, question, limit)
    if as_json:
        print_json(hits)
        return
    if not hits:
        console.print("Nothing was found.")
    for hit in hits:
        console.print(
            Text(f"{hit.source}/{hit.document}", "bold").append(
                f"  {shown(hit.heading)}  at {hit.starts}", "dim"
            )
        )
        console.print(Text(shown(hit.text.strip())))
        console.print()


async def _sync(name: str, folder: Path, as_json: bool) -> None:
    async with open_here() as app:
        done = await sync(app.store, name, folder, me())
    if as_json:
        print_json({"came": done.came, "left_out": done.left_out})
        return
    _say({one: word for one, word in done.came.items() if word != "unchanged"})
    for one, why in done.left_out.items():
        console.print(Text(f"left out {shown(one)}: {shown(why)}", "dim"))
    counts = {
        word: sum(one == word for one in done.came.values()) for word in dict.fromkeys(done.came.values())
    }
    console.print(Text(f"{name}: {', '.join(f'{count} {word}' for word, count in counts.items())}"))


def _say(came: dict[str, str]) -> None:
    for one, word in came.items():
        console.print(Text(f"{word} {shown(one)}"))


def data_of(one: Source) -> dict[str, object]:
    """A source as JSON, here and in the API."""
    return {
        "name": one.name, "title": one.title, "about": one.about, "confidentiality": one.confidentiality,
        "language": one.language, "by": one.by, "at": one.at, "vouched_by": one.vouched_by, "vouched_at": one.vouched_at,
        "documents": one.documents, "size": one.size, "characters": one.characters, "changed_at": one.changed_at,
    }  # fmt: skip


def document_data(one: Document) -> dict[str, object]:
    return {
        "name": one.name, "title": one.title, "kind": one.kind, "sha256": one.sha256.hex(), "size": one.size,
        "characters": one.characters, "folder": one.folder, "by": one.by, "at": one.at,
    }  # fmt: skip
