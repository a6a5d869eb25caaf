"""Files in the run's own folder. Nothing here can reach outside it (see folder.py)."""

from __future__ import annotations

import codecs
import fnmatch
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated, BinaryIO

from pydantic import Field

from remit.errors import Mend
from remit.tools import folder
from remit.tools.decorate import tool
from remit.tools.tool import Json, Settle, ToolContext

PAGE = 20_000  # bytes that a read returns unless asked otherwise
LISTED = 500
FOUND = 100
SEARCHED = 64_000_000  # bytes of one file that a search reads


@tool(effect="read")
def files_list(context: ToolContext, path: str = "", names: str = "*") -> Json:
    """List the files of the run's own folder.

    Args:
        path: Folder to list, with all that is below it; empty for everything.
        names: Only files whose name matches this pattern, as '*.csv'.
    """
    found = [
        {"path": entry.path, "bytes": entry.bytes, "modified": _when(entry.modified)}
        for entry in folder.walk(context.root, path)
        if not entry.directory and fnmatch.fnmatchcase(entry.path.rsplit("/", 1)[-1], names)
    ]
    return {"files": found[:LISTED], "total": len(found), "truncated": len(found) > LISTED}


@tool(effect="read")
def files_read(
    context: ToolContext,
    path: str,
    offset: Annotated[int, Field(ge=0)] = 0,
    limit: Annotated[int, Field(ge=16, le=200_000)] = PAGE,
) -> Json:
    """Read a text file of the run's folder, a page at a time. `next` is the offset of the next page.

    Args:
        path: File to read.
        offset: Byte to start at.
        limit: Bytes to read at most.
    """
    with folder.open_file(context.root, path) as file:
        total = file.seek(0, 2)
        file.seek(offset)
        data = file.read(limit)
    if offset > total:
        raise Mend(f"{path!r} has {total} bytes; offset {offset} is past its end")
    ends = offset + len(data) >= total
    decoder = codecs.getincrementaldecoder("utf-8")("surrogateescape")
    text = decoder.decode(data, final=ends)
    taken = len(data) - len(decoder.getstate()[0])  # a character cut in two is left for the next page
    broken = any("\udc80" <= character <= "\udcff" for character in text) if not text.isascii() else False
    page: dict[str, Json] = {
        "path": path,
        "text": text.encode("utf-8", "surrogateescape").decode("utf-8", "replace"),
        "bytes": total,
        "next": None if ends else offset + taken,
    }
    return page | ({"invalid_utf8": True} if broken else {})


@tool(effect="self", settle="key")
def files_write(context: ToolContext, path: str, text: str) -> Json:
    """Write a text file in the run's folder; what was there before is replaced.

    Args:
        path: File to write; its folders are made.
        text: The whole content.
    """
    data = text.encode("utf-8", "replace")
    folder.write(context.root, path, data)
    return {"path": path, "bytes": len(data)}


@tool(effect="self")
def files_append(context: ToolContext, path: str, text: str) -> Json:
    """Add text to the end of a file in the run's folder; the file is made where there is none.

    Args:
        path: File to add to.
        text: What to add; end it with a newline to keep lines apart.
    """
    before = _whole(context, path) if folder.size_of(context.root, path) is not None else b""
    data = before + text.encode("utf-8", "replace")
    folder.write(context.root, path, data)
    return {"path": path, "bytes": len(data)}


async def _edited(context: ToolContext, args: Mapping[str, Json]) -> Json | None:
    """Whether an edit in doubt happened: the old text is gone and the new one is there."""
    try:
        text = _whole(context, args["path"])
    except Mend:  # nothing there: it did not happen
        return None
    old, new = args["old"].encode(), args["new"].encode()
    happened = new in text and (old not in text or old in new)
    return {"path": args["path"], "bytes": len(text)} if happened else None


@tool(effect="self", settle=Settle("lookup", _edited))
def files_edit(context: ToolContext, path: str, old: str, new: str) -> Json:
    """Replace a piece of text that occurs exactly once in a file of the run's folder.

    Args:
        path: File to change.
        old: The text to replace, exactly as it stands, with enough around it to be found only once.
        new: What to put in its place.
    """
    if not old:
        raise Mend("old: give the text to replace; files_append adds to the end")
    data = _whole(context, path)
    count = data.count(old.encode())
    if count != 1:
        advice = "copy it exactly as files_read shows it" if count == 0 else "give more of the text around it"
        raise Mend(f"old: found {count} times in {path!r}; {advice}")
    changed = data.replace(old.encode(), new.encode())
    folder.write(context.root, path, changed)
    return {"path": path, "bytes": len(changed)}


@tool(effect="self", settle="key")
def files_delete(context: ToolContext, path: str) -> Json:
    """Delete a file, or an empty folder, of the run's folder.

    Args:
        path: What to delete.
    """
    return {"path": path, "deleted": folder.delete(context.root, path)}


@tool(effect="read")
def files_search(context: ToolContext, text: str, path: str = "", names: str = "*") -> Json:
    """Find lines that hold a text, whatever its case, in the files of the run's folder.

    Args:
        text: What to look for, as plain text (no pattern).
        path: Folder to look in; empty for everything.
        names: Only in files whose name matches this pattern, as '*.txt'.
    """
    # Plain text on purpose: a pattern that backtracks would hold the interpreter, and with it every run.
    if not text.strip():
        raise Mend("text: give something to look for")
    found: list[Json] = []
    for entry in folder.walk(context.root, path):
        if entry.directory or not fnmatch.fnmatchcase(entry.path.rsplit("/", 1)[-1], names):
            continue
        with folder.open_file(context.root, entry.path) as file:
            found.extend(_matches(file, entry.path, text.casefold(), FOUND + 1 - len(found)))
        if len(found) > FOUND:
            break
    return {"matches": found[:FOUND], "truncated": len(found) > FOUND}


def _matches(file: BinaryIO, path: str, wanted: str, most: int) -> list[Json]:
    found: list[Json] = []
    read = number = 0
    while len(found) < most and read < SEARCHED and (raw := file.readline(1_000_000)):
        read, number = read + len(raw), number + 1
        line = raw.decode("utf-8", "replace").rstrip("\r\n")
        at = line.casefold().find(wanted)
        if at >= 0:
            found.append({"path": path, "line": number, "text": line[max(0, at - 150) : at + 150].strip()})
    return found


def _whole(context: ToolContext, path: str) -> bytes:
    with folder.open_file(context.root, path) as file:
        data = file.read(folder.MAX_FILE + 1)
    if len(data) > folder.MAX_FILE:
        raise Mend(f"{path!r} is larger than {folder.MAX_FILE:,} bytes; it can be read, not changed")
    return data


def _when(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds")


TOOLS = (files_list, files_read, files_write, files_append, files_edit, files_delete, files_search)
