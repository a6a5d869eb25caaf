"""A source filled from a folder: what the folder has, the source has, and what is gone there is gone here. Whatever breaks it off,
the source is as it was before or as the folder is."""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from remit.errors import UserError
from remit.knowledge.kept import DOCUMENTS, File, hashes, put, source_of
from remit.knowledge.text import KINDS, LARGEST, named, read
from remit.store.store import Store

LOOKED = 200_000  # names in a folder that are looked at


@dataclass(frozen=True, slots=True)
class Synced:
    """What became of each document, by name; and what was left out, with why."""

    came: Mapping[str, str]
    left_out: Mapping[str, str]


@dataclass(slots=True)
class _Found:
    files: list[File] = field(default_factory=list)
    same: set[str] = field(default_factory=set)  # as they are kept already
    left_out: dict[str, str] = field(default_factory=dict)


async def sync(store: Store, name: str, folder: Path, who: str) -> Synced:
    """Raises UserError where the folder cannot be read, or has nothing that can; UnknownName."""
    source = await source_of(store, name)
    before = await hashes(store, source)
    root = folder.expanduser().absolute()
    found = look(root, {n: sha for n, (sha, came) in before.items() if came == str(root)})
    there = {one.name for one in found.files} | found.same
    gone = [n for n, (_, came) in before.items() if came and n not in there]
    if not there:
        more = (
            f"; {name} keeps its {len(gone)} documents. Remove the source where they are to go"
            if gone
            else ""
        )
        raise UserError(f"{folder}: there is nothing in it that can be read{more}")
    came = await put(store, name, found.files, who, gone=gone, folder=str(root))
    return Synced({**dict.fromkeys(sorted(found.same), "unchanged"), **came}, found.left_out)


def look(root: Path, kept: Mapping[str, bytes]) -> _Found:
    """The documents in a folder that are not kept already. Links are not followed, and hidden files not looked at."""
    found = _Found()
    for path, entry in _walk(root):
        shown = path.encode("utf-8", "replace").decode()
        if PurePosixPath(path).suffix.lower() not in KINDS:
            found.left_out[shown] = "of no kind that can be read"
            continue
        try:
            name, data = named(path), _bytes(entry)
            if kept.get(name) == hashlib.sha256(data).digest():
                found.same.add(name)
            else:
                found.files.append(File(name, data, read(name, data)))
        except UserError as error:
            found.left_out[shown] = str(error)
        except OSError as error:
            found.left_out[shown] = f"cannot be read: {error.strerror}"
        if len(found.files) + len(found.same) > DOCUMENTS:
            raise UserError(f"{root}: more than {DOCUMENTS:,} documents; part it into several sources")
    return found


def _walk(root: Path) -> Iterator[tuple[str, Path]]:
    """The plain files below a folder, in order: by their path within it."""
    seen, wait = 0, [(root, "")]
    while wait:
        here, before = wait.pop()
        try:
            with os.scandir(here) as entries:
                inside = sorted(entries, key=lambda entry: entry.name)
        except OSError as error:
            raise UserError(f"{here}: cannot be read: {error.strerror}") from error
        for entry in inside:
            seen += 1
            if seen > LOOKED:
                raise UserError(f"{root}: more than {LOOKED:,} files; name a folder within it")
            if entry.name.startswith("."):
                continue
            if entry.is_dir(follow_symlinks=False):
                wait.append((Path(entry.path), f"{before}{entry.name}/"))
            elif entry.is_file(follow_symlinks=False):
                yield f"{before}{entry.name}", Path(entry.path)


def _bytes(path: Path) -> bytes:
    """Of a plain file, and of none that took its place meanwhile. Raises OSError, UserError."""
    descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0))
    with os.fdopen(descriptor, "rb") as file:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise UserError("is no plain file")
        return file.read(LARGEST + 1)
