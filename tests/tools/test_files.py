from __future__ import annotations

import ctypes
import os
import sys
import threading
from contextlib import suppress
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from remit.errors import Mend
from remit.tools import Tool, ToolContext, folder
from remit.tools.call import Outcome, call
from remit.tools.files import (
    files_append,
    files_delete,
    files_edit,
    files_list,
    files_read,
    files_search,
    files_write,
)


async def done(tool: Tool, context: ToolContext, **args: Any) -> Any:
    outcome = await call(tool, context, args)
    assert outcome.status == "ok", outcome.result
    return outcome.result


async def mended(tool: Tool, context: ToolContext, **args: Any) -> str:
    outcome: Outcome = await call(tool, context, args)
    assert outcome.status == "mend", outcome
    return str(outcome.result)


async def test_what_is_written_can_be_listed_read_changed_searched_and_deleted(context: ToolContext) -> None:
    await done(files_write, context, path="notes/day.txt", text="tea\ncoffee\n")
    await done(files_append, context, path="notes/day.txt", text="Milk\n")
    await done(files_edit, context, path="notes/day.txt", old="coffee", new="cocoa")
    page = await done(files_read, context, path="notes/day.txt")
    assert (page["text"], page["next"], page["bytes"]) == ("tea\ncocoa\nMilk\n", None, 15)
    found = await done(files_search, context, text="milk")
    assert found["matches"] == [{"path": "notes/day.txt", "line": 3, "text": "Milk"}]
    listed = await done(files_list, context)
    assert [file["path"] for file in listed["files"]] == ["notes/day.txt"]
    assert (await done(files_delete, context, path="notes/day.txt"))["deleted"] is True
    assert (await done(files_delete, context, path="notes/day.txt"))["deleted"] is False
    assert (await done(files_delete, context, path="notes"))["deleted"] is True
    assert (await done(files_list, context))["files"] == []


async def test_pages_join_to_the_whole_text_whatever_the_limit(context: ToolContext) -> None:
    text = "Zürich ☕ 𝄞 " * 40
    await done(files_write, context, path="t.txt", text=text)
    for limit in (16, 17, 18, 19, 101):
        read, offset = "", 0
        while offset is not None:
            page = await done(files_read, context, path="t.txt", offset=offset, limit=limit)
            assert "invalid_utf8" not in page
            read, offset = read + page["text"], page["next"]
        assert read == text


async def test_a_file_that_is_not_utf8_is_read_and_flagged(context: ToolContext) -> None:
    context.root.mkdir(parents=True)
    (context.root / "old.txt").write_bytes(b"caf\xe9 \xff ok")
    page = await done(files_read, context, path="old.txt")
    assert page["text"] == "caf\ufffd \ufffd ok"
    assert page["invalid_utf8"] is True


@pytest.mark.parametrize(
    "path", ["../x", "a/../../x", "/etc/passwd", "..", "a/..", "x\0y", "", ".", "./", "n" * 201]
)
@pytest.mark.parametrize("name", ["files_read", "files_write", "files_append", "files_delete", "files_edit"])
async def test_no_path_leads_out_of_the_folder(context: ToolContext, path: str, name: str) -> None:
    more: dict[str, dict[str, str]] = {
        "files_write": {"text": "x"},
        "files_append": {"text": "x"},
        "files_edit": {"old": "a", "new": "b"},
    }
    tools = {tool.name: tool for tool in (files_read, files_write, files_append, files_delete, files_edit)}
    await mended(tools[name], context, path=path, **more.get(name, {}))


async def test_symbolic_links_are_never_followed(context: ToolContext, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.mkdir()
    (secret / "key").write_text("hidden")
    context.root.mkdir(parents=True)
    (context.root / "folder").symlink_to(secret)
    (context.root / "file").symlink_to(secret / "key")
    for path in ("folder/key", "file"):
        assert "hidden" not in await mended(files_read, context, path=path)
        await mended(files_append, context, path=path, text="x")
        await mended(files_write, context, path=path, text="x")
    assert (await done(files_list, context))["files"] == []
    assert (await done(files_search, context, text="hidden"))["matches"] == []
    await mended(files_write, context, path="folder/new", text="x")
    await done(files_delete, context, path="file")
    assert sorted(path.name for path in secret.iterdir()) == ["key"]
    assert (secret / "key").read_text() == "hidden"


async def test_devices_and_pipes_are_refused_and_not_waited_for(context: ToolContext) -> None:
    context.root.mkdir(parents=True)
    os.mkfifo(context.root / "pipe")
    assert "no regular file" in await mended(files_read, context, path="pipe")
    assert "no regular file" in await mended(files_write, context, path="pipe", text="x")
    assert "a folder" in await mended(files_read, context, path=(await _folder(context)))


async def _folder(context: ToolContext) -> str:
    (context.root / "sub").mkdir()
    return "sub"


async def test_what_is_missing_is_said(context: ToolContext) -> None:
    assert "there is no 'a.txt'" in await mended(files_read, context, path="a.txt")
    await done(files_write, context, path="a.txt", text="abc")
    assert "a file where a folder should be" in await mended(files_read, context, path="a.txt/b")
    assert "past its end" in await mended(files_read, context, path="a.txt", offset=4)


async def test_an_edit_needs_a_text_that_occurs_once(context: ToolContext) -> None:
    await done(files_write, context, path="a.txt", text="one two two")
    assert "found 2 times" in await mended(files_edit, context, path="a.txt", old="two", new="2")
    assert "found 0 times" in await mended(files_edit, context, path="a.txt", old="six", new="2")
    assert (context.root / "a.txt").read_text() == "one two two"


async def test_an_edit_in_doubt_is_found_by_reading_back(context: ToolContext) -> None:
    find = files_edit.settle.find
    assert find is not None
    args = {"path": "a.txt", "old": "tea", "new": "milk"}
    assert await find(context, args) is None
    await done(files_write, context, path="a.txt", text="tea please")
    assert await find(context, args) is None
    await done(files_edit, context, **args)
    assert await find(context, args) == {"path": "a.txt", "bytes": 11}


async def test_the_folder_has_limits(context: ToolContext, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(folder, "MAX_FILE", 10)
    monkeypatch.setattr(folder, "MAX_FOLDER", 15)
    monkeypatch.setattr(folder, "MAX_FILES", 3)
    assert "a file may have 10" in await mended(files_write, context, path="a", text="x" * 11)
    await done(files_write, context, path="a", text="x" * 9)
    assert "folder is full" in await mended(files_write, context, path="b", text="x" * 9)
    await done(files_write, context, path="a", text="y" * 10)
    for name in ("b", "c"):
        await done(files_write, context, path=name, text="")
    assert "3 files" in await mended(files_write, context, path="d", text="")


async def test_a_write_that_fails_leaves_the_old_file_whole(context: ToolContext) -> None:
    await done(files_write, context, path="a.txt", text="old")

    def fails() -> None:
        with folder.create(context.root, "a.txt") as file:
            file.write(b"half of the n")
            raise OSError("no room")

    with pytest.raises(OSError, match="no room"):
        fails()
    assert (context.root / "a.txt").read_text() == "old"
    assert [path.name for path in context.root.iterdir()] == ["a.txt"]


segments = st.sampled_from(
    ["..", ".", "", "a", "link", "out", "~", "a\\..", "%2e%2e", "‥", "file"]
) | st.text(max_size=6)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(segments, max_size=6).map("/".join))
def test_whatever_the_path_nothing_outside_is_read_or_changed(tmp_path: Path, path: str) -> None:
    base = tmp_path / uuid4().hex
    root, outside = base / "run", base / "outside"
    outside.mkdir(parents=True)
    (outside / "file").write_text("secret")
    root.mkdir()
    (root / "link").symlink_to(outside)
    (root / "out").symlink_to("../outside/file")
    (root / "a").mkdir()
    for act in (
        lambda: folder.open_file(root, path).close(),
        lambda: folder.write(root, path, b"mine"),
        lambda: folder.delete(root, path),
        lambda: list(folder.walk(root, path)),
    ):
        with suppress(Mend):
            act()
    names = sorted(str(found.relative_to(base)) for found in base.rglob("*") if "run/" not in f"{found}/")
    assert [name for name in names if not name.startswith("run")] == ["outside", "outside/file"]
    assert (outside / "file").read_text() == "secret"
    with suppress(Mend), folder.open_file(root, path) as file:
        assert file.read() != b"secret"


async def test_a_file_with_a_second_name_is_neither_read_nor_changed(
    context: ToolContext, tmp_path: Path
) -> None:
    outside = tmp_path / "outside.txt"
    outside.write_text("hidden")
    context.root.mkdir()
    os.link(outside, context.root / "mine.txt")
    assert "hard link" in await mended(files_read, context, path="mine.txt")
    assert "hard link" in await mended(files_append, context, path="mine.txt", text="x")
    assert (await done(files_list, context))["files"] == []
    assert (await done(files_search, context, text="hidden"))["matches"] == []
    await done(files_write, context, path="mine.txt", text="new")  # another file in its place
    assert outside.read_text() == "hidden"
    assert (await done(files_read, context, path="mine.txt"))["text"] == "new"


async def test_links_into_proc_and_the_names_of_descriptors_lead_nowhere(
    context: ToolContext, tmp_path: Path
) -> None:
    secret = tmp_path / "secret"
    secret.write_text("hidden")
    context.root.mkdir()
    with secret.open() as open_one:
        (context.root / "fd").symlink_to("/proc/self/fd")
        (context.root / "cwd").symlink_to("/proc/self/cwd")
        (context.root / "file").symlink_to(f"/proc/self/fd/{open_one.fileno()}")
        for path in (f"fd/{open_one.fileno()}", "cwd/secret", "file", f"/proc/self/fd/{open_one.fileno()}"):
            await mended(files_read, context, path=path)
            await mended(files_write, context, path=path, text="x")
    assert secret.read_text() == "hidden"


@pytest.mark.parametrize(
    "name", ["a\nb", "a\rb", "a\x1b[2Jb", "fdp\u202etxt.exe", "a\u200bb", "\ufeffa", "a\u2028b"]
)
async def test_a_name_that_shows_as_another_is_not_made(context: ToolContext, name: str) -> None:
    assert "cannot hold the character" in await mended(files_write, context, path=f"x/{name}", text="x")
    context.root.mkdir(exist_ok=True)
    (context.root / name).write_text("from elsewhere")  # but what is there can be read and removed
    assert (await done(files_read, context, path=name))["text"] == "from elsewhere"
    assert (await done(files_delete, context, path=name))["deleted"]


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("Bericht.txt", "bericht.TXT"),
        ("Zürich.txt", "Zu\u0308rich.txt"),
        ("straße", "STRASSE"),
        ("ﬁle", "file"),
        ("Notes/a.txt", "notes/b.txt"),
    ],
)
async def test_twins_are_not_made(context: ToolContext, first: str, second: str) -> None:
    await done(files_write, context, path=first, text="one")
    assert "there is" in await mended(files_write, context, path=second, text="two")
    await done(files_write, context, path=first, text="three")
    assert (await done(files_list, context))["total"] == 1


async def test_folders_links_and_what_is_hidden_count_too(
    context: ToolContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(folder, "MAX_FILES", 20)
    monkeypatch.setattr(folder, "MAX_FOLDER", 1_000)
    deep = context.root.joinpath(*["d"] * 18)
    deep.mkdir(parents=True)
    await done(files_write, context, path="a", text="x")
    (deep / "link").symlink_to("nowhere")
    assert "its limit" in await mended(files_write, context, path="b", text="x")
    (deep / "link").unlink()
    (deep / ".hidden.part").write_text("x" * 2_000)
    assert "is full" in await mended(files_write, context, path="a", text="xy")


@pytest.mark.skipif(sys.platform != "linux", reason="two names are swapped at once by renameat2")
async def test_what_is_swapped_between_looking_and_opening_leads_nowhere(
    context: ToolContext, tmp_path: Path
) -> None:
    """Another thread changes a folder and a file for links to the outside and back, all the while."""
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "f.txt").write_text("hidden")
    context.root.mkdir()
    (context.root / "d").mkdir()
    (context.root / "d" / "f.txt").write_text("own")
    (context.root / "link").symlink_to(outside)
    over = threading.Event()
    names = [os.fsencode(context.root / name) for name in ("d", "link")]

    def swap() -> None:
        while not over.is_set():
            assert ctypes.CDLL(None).renameat2(-100, names[0], -100, names[1], 2) == 0  # each for the other

    thread = threading.Thread(target=swap)
    thread.start()
    read = 0
    try:
        for number in range(2_000):
            with suppress(Mend), folder.open_file(context.root, "d/f.txt") as file:
                assert file.read() == b"own"
                read += 1
            with suppress(Mend):
                folder.write(context.root, f"d/{number % 5}.txt", b"x")
            with suppress(Mend):
                folder.delete(context.root, "d/f.txt" if number > 1_000 else "d/none")
    finally:
        over.set()
        thread.join()
    assert 0 < read < 2_000  # both were met
    assert [path.name for path in outside.iterdir()] == ["f.txt"]
    assert (outside / "f.txt").read_text() == "hidden"
