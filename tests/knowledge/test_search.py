"""Finding passages, and keeping what they are found in."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import Any

import pytest

from remit.access.audit import entries
from remit.app import App
from remit.errors import FieldError, UnknownName, UserError
from remit.knowledge import kept
from remit.knowledge import sync as syncing
from remit.knowledge.kept import (
    About,
    add_source,
    change_source,
    list_documents,
    list_sources,
    put,
    remove_document,
    remove_source,
    source_of,
)
from remit.knowledge.search import PAGE, Hit, read_on, search
from remit.knowledge.sync import sync
from tests.knowledge.conftest import file


async def found(app: App, question: str, *names: str, limit: int = 5) -> list[Hit]:
    sources = [one for one in await list_sources(app.store) if not names or one.name in names]
    return await search(app.store, sources, question, limit)


async def count(app: App, table: str) -> int:
    async with app.root.store.pool.connection() as connection:
        row = await (await connection.execute(f"select count(*) from {table}".encode())).fetchone()
    assert row is not None
    return int(row[0])


async def test_a_question_finds_the_passage_whatever_the_form_of_its_words(app: App) -> None:
    (best, *_) = await found(app, "shoes worn outside")
    assert (best.source, best.document, best.title, best.by) == (
        "handbook",
        "returns.md",
        "Returns policy",
        "ann",
    )
    assert best.heading == "Returns policy › Exceptions"
    assert "Gift cards" in best.text
    (best, *_) = await found(app, "refunding payments")
    assert best.heading == "Returns policy › Refunds"


async def test_where_no_passage_has_all_words_those_with_the_rarest_come_first(app: App) -> None:
    (best, *_) = await found(app, "how many days does a parcel to Leipzig take, and what about zebras?")
    assert best.document == "more/shipping.md"
    assert await found(app, "zebras") == []
    assert await found(app, "the of and") == []
    assert await found(app, "") == []


@pytest.mark.parametrize(
    "question",
    ["'", "\\", "a & | !", "<->", "-shoes", '"', "§1", "\0", "x" * 5_000, "' | '§2", ":*", "\ud800"],
)
async def test_no_question_is_an_error_or_reaches_another_source(app: App, question: str) -> None:
    assert {
        hit.source for hit in await found(app, question.encode("utf-8", "replace").decode(), "handbook")
    } <= {"handbook"}


async def test_only_the_sources_that_are_asked_are_searched(app: App) -> None:
    assert {hit.source for hit in await found(app, "returns")} == {"handbook", "people"}
    assert {hit.source for hit in await found(app, "returns", "people")} == {"people"}


async def test_a_source_in_another_language_is_found_by_its_own_words(app: App) -> None:
    await add_source(app.store, "german", About("Deutsch", language="german"), "ann")
    await put(app.store, "german", [file("a.txt", "Die Häuser wurden verkauft.")], "ann")
    assert [hit.source for hit in await found(app, "verkaufte Haus")] == ["german"]
    await change_source(app.store, "german", About("Deutsch", language="simple"), "ann")
    assert await found(app, "Haus", "german") == []
    assert len(await found(app, "häuser", "german")) == 1


async def test_another_workspace_finds_and_changes_nothing(app: App) -> None:
    async with app.store.pool.connection() as connection:
        await connection.execute("insert into workspaces (name, title) values ('other', 'Other')")
    theirs = app.within("other")
    assert await list_sources(theirs.store) == []
    ours = await list_sources(app.store)
    assert await search(theirs.store, ours, "returns") == []
    assert await read_on(theirs.store, ours[0], "returns.md") is None
    with pytest.raises(UnknownName):
        await put(theirs.store, "handbook", [file("a.md", "x")], "eve")
    await add_source(theirs.store, "handbook", About("Theirs"), "eve")
    assert len(await list_sources(app.store)) == 2


async def test_who_is_there_for_some_agents_finds_nothing(app: App) -> None:
    theirs = app.within("default", frozenset({"support"}))
    assert await list_sources(theirs.store) == []
    assert await search(theirs.store, await list_sources(app.store), "returns") == []
    assert await read_on(theirs.store, (await list_sources(app.store))[0], "returns.md") is None


async def test_a_document_is_read_from_anywhere_to_its_end(app: App) -> None:
    text = "".join(f"Paragraph {n} says something about the matter at hand.\n\n" for n in range(500))
    await put(app.store, "handbook", [file("long.txt", text)], "ann")
    source = await source_of(app.store, "handbook")
    whole, at, pages = "", 0, 0
    while True:
        page = await read_on(app.store, source, "long.txt", at)
        assert page is not None
        assert page.starts == at
        assert len(page.text) < PAGE + kept.TITLE + 2_000
        whole, pages = whole + page.text, pages + 1
        if page.next is None:
            break
        at = page.next
    assert whole == text
    assert pages > 3
    inside = await read_on(app.store, source, "long.txt", 7)
    assert inside is not None
    assert inside.text.startswith(text[7:60])
    past = await read_on(app.store, source, "long.txt", 10**6)
    assert past is not None
    assert (past.text, past.next) == ("", None)


async def test_a_removed_document_is_gone_with_its_passages_at_once(app: App) -> None:
    await remove_document(app.store, "handbook", "returns.md", "ann")
    assert await found(app, "gift cards", "handbook") == []
    with pytest.raises(UnknownName, match=r"more/shipping\.md"):
        await remove_document(app.store, "handbook", "shiping.md", "ann")
    await remove_source(app.store, "handbook", "ann")
    await remove_source(app.store, "people", "ann")
    assert await count(app, "knowledge_passages") == await count(app, "knowledge_documents") == 0


async def test_each_change_is_in_the_audit_log_and_nothing_is_told_that_was_not_one(app: App) -> None:
    await put(app.store, "handbook", [file("returns.md", "anew")], "bo")
    await put(app.store, "handbook", [file("returns.md", "anew")], "bo")
    await change_source(app.store, "handbook", About("Handbook", vouched=True), "bo")
    await change_source(app.store, "handbook", About("Handbook", vouched=True), "cy")
    await remove_source(app.store, "handbook", "bo")
    told = [
        (one.who, one.what, one.about, one.detail)
        for one in await entries(app.store, what="knowledge", about="handbook")
    ]
    assert [(who, what) for who, what, _, _ in told] == [
        ("bo", "knowledge.removed"), ("bo", "knowledge.changed"), ("bo", "knowledge.documents"),
        ("ann", "knowledge.documents"), ("ann", "knowledge.added"),
    ]  # fmt: skip
    assert told[1][3] == {"vouched": [False, True]}
    assert told[2][3] == {"added": 0, "changed": 1, "removed": 0, "first": "returns.md"}


@pytest.mark.parametrize(
    ("name", "about", "field"),
    [
        ("Handbook", About("x"), "name"),
        ("handbook", About("x"), "name"),
        ("a" * 41, About("x"), "name"),
        ("a", About("x" * 101), "title"),
        ("a", About("x", "y" * 2_001), "about"),
        ("a", About("x", "\0"), "about"),
        ("a", About("x", confidentiality="own"), "confidentiality"),
        ("a", About("x", language="klingon"), "language"),
    ],
)
async def test_what_cannot_be_kept_is_told_with_its_field(
    app: App, name: str, about: About, field: str
) -> None:
    with pytest.raises(FieldError) as raised:
        await add_source(app.store, name, about, "ann")
    assert raised.value.field == field


async def test_a_source_does_not_grow_without_end(app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kept, "DOCUMENTS", 2)
    with pytest.raises(FieldError, match="3 documents"):
        await put(app.store, "handbook", [file("new.md", "x")], "ann")
    monkeypatch.setattr(kept, "CHARACTERS", 1_000)
    with pytest.raises(FieldError, match="characters of text"):
        await put(app.store, "handbook", [file("returns.md", "x" * 1_001)], "ann")
    assert len(await found(app, "gift cards")) == 1, "nothing of it happened"


async def test_a_folder_is_synced_and_nothing_happens_twice(app: App, tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "a.md").write_text("# Alpha\n")
    (tmp_path / "sub" / "b.txt").write_text("beta beta")
    (tmp_path / "c.png").write_bytes(b"x")
    (tmp_path / ".hidden.md").write_text("hidden")
    (tmp_path / "broken.txt").write_bytes(b"\xff\xff\xff")
    secret = tmp_path.parent / f"{tmp_path.name}-secret.md"
    secret.write_text("outside")
    (tmp_path / "link.md").symlink_to(secret)
    (tmp_path / "up").symlink_to(tmp_path.parent)
    os.mkfifo(tmp_path / "pipe.md")
    first = await sync(app.store, "handbook", tmp_path, "ann")
    assert first.came == {"a.md": "added", "sub/b.txt": "added"}
    assert set(first.left_out) == {"c.png", "broken.txt"}
    again = await sync(app.store, "handbook", tmp_path, "ann")
    assert set(again.came.values()) == {"unchanged"}
    (tmp_path / "a.md").write_text("# Alpha\n\ngamma")
    (tmp_path / "sub" / "b.txt").unlink()
    third = await sync(app.store, "handbook", tmp_path, "ann")
    assert third.came == {"a.md": "changed", "sub/b.txt": "removed"}
    names = [one.name for one in await list_documents(app.store, await source_of(app.store, "handbook"))]
    assert names == ["a.md", "more/shipping.md", "returns.md"], "what was added by hand stays"
    assert [hit.document for hit in await found(app, "gamma")] == ["a.md"]


async def test_an_empty_folder_does_not_empty_a_source(app: App, tmp_path: Path) -> None:
    (tmp_path / "a.md").write_text("alpha")
    await sync(app.store, "handbook", tmp_path, "ann")
    (tmp_path / "a.md").unlink()
    with pytest.raises(UserError, match="keeps its 1 documents"):
        await sync(app.store, "handbook", tmp_path, "ann")
    with pytest.raises(UserError, match="cannot be read"):
        await sync(app.store, "handbook", tmp_path / "none", "ann")
    assert len(await found(app, "alpha")) == 1


async def test_a_sync_that_dies_in_the_middle_leaves_the_source_as_it_was(
    app: App, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in "abc":
        (tmp_path / f"{name}.md").write_text(f"one {name}")
    await sync(app.store, "handbook", tmp_path, "ann")
    for name in "abc":
        (tmp_path / f"{name}.md").write_text(f"two {name}")
    whole = kept._put

    async def dies(connection: Any, store: Any, source: Any, file: Any, who: str, folder: str) -> None:
        if file.name == "c.md":
            raise asyncio.CancelledError
        await whole(connection, store, source, file, who, folder)

    monkeypatch.setattr(kept, "_put", dies)
    with pytest.raises(asyncio.CancelledError):
        await sync(app.store, "handbook", tmp_path, "ann")
    monkeypatch.undo()
    assert len(await found(app, "one")) == 3
    assert not any(hit.text.startswith("two") for hit in await found(app, "two", limit=20))
    await sync(app.store, "handbook", tmp_path, "ann")
    assert (
        len([hit for hit in await found(app, "two", limit=20) if hit.document in ("a.md", "b.md", "c.md")])
        == 3
    )


def test_a_link_that_takes_the_place_of_a_file_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "a.md").write_text("x")
    (tmp_path / "b.md").symlink_to(tmp_path / "a.md")
    with pytest.raises(OSError, match="symbolic"):
        syncing._bytes(tmp_path / "b.md")
