"""Folders of runs on this machine: those of deleted runs go, and in the files of others a text is rid of the person. A file that is no
text and tells of them is removed."""

from __future__ import annotations

import os
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from remit.brought import folder_of
from remit.privacy.needles import Needles
from remit.run_files import folders, remove_folders
from remit.store.store import Store
from remit.tools.thread import in_thread

TOGETHER = 1_000  # folders that are asked about in one go


async def clear(store: Store, needles: Needles) -> dict[str, int]:
    """How many folders went, files were rid of them, and files removed. Of one workspace."""
    home = store.settings.data_dir
    found = {"folders": await remove_folders(home, store)}
    names = await in_thread(partial(folders, home / "runs"))
    query = "select id from runs where id = any(%s) and workspace = %s"
    for at in range(0, len(names), TOGETHER):
        async with store.pool.connection() as connection:
            part = names[at : at + TOGETHER]
            rows = await (await connection.execute(query, (part, store.workspace))).fetchall()
        for (run,) in rows:
            for name, count in (await in_thread(partial(_cleared, folder_of(home, run), needles))).items():
                found[name] = found.get(name, 0) + count
    return {name: count for name, count in found.items() if count}


def _cleared(root: Path, needles: Needles) -> dict[str, int]:
    found = {"files": 0, "files removed": 0}
    for path in files_in(root):
        raw = path.read_bytes()
        text = raw.decode("utf-8", "surrogateescape")
        if not needles.stand_in(text):
            continue
        if "\0" in text or any("\udc80" <= mark <= "\udcff" for mark in text):
            path.unlink()
            found["files removed"] += 1
            continue
        new = path.with_name(f".{path.name}.erasing")
        new.write_text(needles.out_of(text), encoding="utf-8", newline="")
        os.replace(new, path)
        found["files"] += 1
    return found


def files_in(root: Path) -> Iterator[Path]:
    """Links are not followed: they lead elsewhere."""
    for folder, _, names in os.walk(root):
        for path in (Path(folder, name) for name in names):
            if path.is_file() and not path.is_symlink():
                yield path
