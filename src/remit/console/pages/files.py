"""Files of a run: those that came with it and those that it made, each to be taken along as a file and never shown as a page."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from dataclasses import dataclass
from functools import partial
from itertools import islice
from pathlib import Path
from typing import BinaryIO
from urllib.parse import quote
from uuid import UUID

from fastapi import APIRouter, Request
from fastapi.responses import StreamingResponse

from remit.app import App
from remit.brought import folder_of
from remit.console.show import here, needs_of_agent
from remit.errors import Mend, NoSuchRun
from remit.journal.events import Started
from remit.tools import folder
from remit.tools.thread import in_thread

router = APIRouter(dependencies=[needs_of_agent("runs:read")])
MOST = 200  # files that a page lists
AT_ONCE = 256_000  # bytes that are read in one go
Row = tuple[str, int, bool]  # name, bytes, whether it is there


@dataclass(frozen=True, slots=True)
class Files:
    """What a page lists of a run's files."""

    came: tuple[Row, ...] = ()
    made: tuple[Row, ...] = ()
    more: bool = False


async def files_of(app: App, run: UUID, started: Started | None) -> Files:
    """Those that lie on this machine, and those that came with it wherever they lie."""
    came = {one.name: one.bytes for one in started.files} if started else {}
    here = await in_thread(partial(_listed, folder_of(app.settings.data_dir, run)))
    there = {name: size for name, size in here[:MOST] if name in came}
    made = tuple((name, size, True) for name, size in here[:MOST] if name not in came)
    rows = tuple((name, there.get(name, size), name in there) for name, size in came.items())
    return Files(rows[:MOST], made, len(here) > MOST)


def _listed(root: Path) -> list[tuple[str, int]]:
    """One more than a page lists, so that it is known whether there are more."""
    if not root.is_dir():
        return []
    found = ((one.path, one.bytes) for one in folder.walk(root) if not one.directory)
    return list(islice(found, MOST + 1))


@router.get("/runs/{prefix}/file")
async def download(request: Request, prefix: str, path: str = "") -> StreamingResponse:
    """One of them, always as a file to be saved. Raises NoSuchRun where there is none, and for whoever does not see the run."""
    app = here(request)
    run = await app.find(prefix)
    root = folder_of(app.settings.data_dir, run)
    try:
        if not await in_thread(root.is_dir):
            raise Mend("there is none on this machine")
        file = await in_thread(partial(folder.open_file, root, path))
    except Mend as error:
        raise NoSuchRun(f"run {str(run)[:8]} has no such file here") from error
    size = await in_thread(lambda: file.seek(0, 2))
    headers = {"Content-Disposition": attached(path.rsplit("/", 1)[-1]), "Content-Length": str(size)}
    return StreamingResponse(_pieces(file, size), headers=headers, media_type="application/octet-stream")


async def _pieces(file: BinaryIO, size: int) -> AsyncGenerator[bytes]:
    """So many bytes of it, though it grow meanwhile."""
    with file:
        await in_thread(lambda: file.seek(0))
        while size > 0 and (piece := await in_thread(partial(file.read, min(AT_ONCE, size)))):
            size -= len(piece)
            yield piece


def attached(name: str) -> str:
    """A header that has a browser save it, under its name (RFC 6266)."""
    plain = "".join(one if one.isascii() and (one.isalnum() or one in " ._-") else "_" for one in name)
    return f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(name, safe='', errors='replace')}"
