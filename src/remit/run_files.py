"""Files of a run, for who sees the run: those that came with it, and those that it made. What they hold may be a stranger's, so
that each is given as a file to be saved and never shown as a page."""

from __future__ import annotations

import logging
import os
import shutil
from collections.abc import AsyncGenerator, Iterable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from itertools import islice
from pathlib import Path
from typing import BinaryIO
from urllib.parse import quote
from uuid import UUID

from remit.brought import folder_of
from remit.errors import Mend, NoSuchRun
from remit.journal.events import Came, Started
from remit.store.store import Store
from remit.tools import folder
from remit.tools.thread import in_thread

AT_ONCE = 256_000  # bytes that are read in one go
TOGETHER = 1_000  # folders that are asked about in one go
LOG = logging.getLogger(__name__)
MEDIA = "application/octet-stream"


@dataclass(frozen=True, slots=True)
class RunFile:
    """A file of a run. `bytes`: as it lies here, or as it came where it is `here` no more; `came`: what is known of it since the
    beginning, None for one that the run made."""

    name: str
    bytes: int
    came: Came | None
    here: bool


async def list_files(
    home: Path, run: UUID, started: Started | None, most: int | None = None
) -> list[RunFile]:
    """Those that lie on this machine, and those that came with it wherever they lie, by name. `most`: that are looked for beside
    those that came."""
    came = {one.name: one for one in started.files} if started else {}
    lying = await in_thread(partial(_lying, folder_of(home, run), came, most))
    gone = [RunFile(name, one.bytes, one, False) for name, one in came.items() if name not in lying]
    found = [RunFile(name, size, came.get(name), True) for name, size in lying.items()]
    return sorted([*gone, *found], key=lambda one: one.name)


def _lying(root: Path, came: Iterable[str], most: int | None) -> dict[str, int]:
    if not root.is_dir():
        return {}
    # A name that is not Unicode stands in no address and in no JSON
    found = ((one.path, one.bytes) for one in folder.walk(root) if not one.directory and unicode(one.path))
    lying = dict(islice(found, most))
    for name in came:
        with suppress(Mend):
            if name not in lying and (size := folder.size_of(root, name)) is not None:
                lying[name] = size
    return lying


def unicode(name: str) -> bool:
    return not any("\ud800" <= mark <= "\udfff" for mark in name)


@dataclass(frozen=True, slots=True)
class Opened:
    """A file that is given to somebody: so many bytes of it, though it grow meanwhile."""

    name: str
    size: int
    file: BinaryIO

    @property
    def headers(self) -> dict[str, str]:
        return {"Content-Disposition": attached(self.name), "Content-Length": str(self.size)}

    async def pieces(self) -> AsyncGenerator[bytes]:
        left = self.size
        with self.file:
            await in_thread(lambda: self.file.seek(0))
            while left > 0 and (piece := await in_thread(partial(self.file.read, min(AT_ONCE, left)))):
                left -= len(piece)
                yield piece


async def open_file(home: Path, run: UUID, path: str) -> Opened:
    """One of them. Raises NoSuchRun where there is none on this machine: for a path that leads elsewhere too."""
    root = folder_of(home, run)
    try:
        if not await in_thread(root.is_dir):
            raise Mend("there is none on this machine")
        file = await in_thread(partial(folder.open_file, root, path))
    except Mend as error:
        raise NoSuchRun(f"run {str(run)[:8]} has no such file here") from error
    return Opened(path.rsplit("/", 1)[-1], await in_thread(lambda: file.seek(0, 2)), file)


async def remove_folders(home: Path, store: Store) -> int:
    """Of this machine's folders of runs, remove those of runs that were deleted; how many there were. Each machine does so with its
    own; where they share one, whoever comes first. A folder of which nothing is known stays. For the owner of the tables."""
    names = await in_thread(partial(folders, home / "runs"))
    gone = 0
    for at in range(0, len(names), TOGETHER):
        async with store.pool.connection() as connection:
            query = "select run from tombstones where run = any(%s)"
            rows = await (await connection.execute(query, (names[at : at + TOGETHER],))).fetchall()
        for (run,) in rows:
            gone += await in_thread(partial(_remove, folder_of(home, run)))
    return gone


def folders(place: Path) -> list[UUID]:
    """Those that are called as a run is; a link is none."""
    found = []
    with suppress(FileNotFoundError), os.scandir(place) as there:
        for one in there:
            with suppress(ValueError):
                if str(run := UUID(one.name)) == one.name and one.is_dir(follow_symlinks=False):
                    found.append(run)
    return found


def _remove(root: Path) -> bool:
    """Links in it are removed, and never followed."""
    try:
        shutil.rmtree(root)
    except FileNotFoundError:  # by another, who goes on with it
        return False
    except OSError as error:
        LOG.warning("%s, the folder of a run that was deleted, cannot be removed: %s", root, error)
        return False
    return True


def attached(name: str) -> str:
    """A header that has a browser save it, under its name (RFC 6266)."""
    plain = "".join(one if one.isascii() and (one.isalnum() or one in " ._-") else "_" for one in name)
    return f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(name, safe='', errors='replace')}"
