"""A run's own folder, and the only way into it: no path that a model writes can leave it.

Each directory of a path is opened below the one before it with O_NOFOLLOW (openat), so that neither `..`, an
absolute path nor a symbolic link leads out, also when something changes between the check and the use.
"""

from __future__ import annotations

import contextlib
import errno
import os
import stat
import unicodedata
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import BinaryIO

from remit.errors import Mend, ToolFault

MAX_FILE = 64_000_000  # bytes of one file that a tool may leave
MAX_FOLDER = 1_000_000_000  # bytes of all of a run's files
MAX_FILES = 10_000
MAX_DEPTH = 16
_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC if hasattr(os, "O_DIRECTORY") else 0


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing in the folder; `path` relative to it, `modified` in seconds since 1970."""

    path: str
    directory: bool
    bytes: int
    modified: float


def parts(path: str) -> tuple[str, ...]:
    """The names along a relative path; () for the folder itself. Raises Mend for one that leads elsewhere."""
    try:
        os.fsencode(path)
    except UnicodeEncodeError as error:
        raise Mend("a path must be valid Unicode") from error
    if "\0" in path:
        raise Mend("a path cannot hold a NUL character")
    if path.startswith("/"):
        raise Mend(f"{path!r} is absolute; give a path inside the run's folder, as 'notes/today.txt'")
    names = tuple(name for name in path.split("/") if name not in ("", "."))
    if ".." in names:
        raise Mend(f"{path!r} leads out of the run's folder; '..' is not allowed")
    if len(names) > MAX_DEPTH:
        raise Mend(f"{path!r} is more than {MAX_DEPTH} folders deep")
    for name in names:
        if len(os.fsencode(name)) > 200:
            raise Mend(f"{name[:40]!r}… is too long a name; use at most 200 bytes")
    return names


@contextlib.contextmanager
def below(root: Path, names: tuple[str, ...], make: bool = False) -> Iterator[int]:
    """A descriptor of the directory `names` below `root`. Raises Mend where it is not there or is no directory."""
    if os.open not in os.supports_dir_fd:
        raise ToolFault("files tools need openat(2), which this system does not have")
    root.mkdir(parents=True, exist_ok=True, mode=0o700)
    current = os.open(root, _DIRECTORY & ~os.O_NOFOLLOW)  # the root itself is ours to place
    try:
        for depth, name in enumerate(names):
            shown = "/".join(names[: depth + 1])
            if make:
                with contextlib.suppress(FileExistsError):
                    os.mkdir(name, 0o700, dir_fd=current)
            with _told(shown):
                inner = os.open(name, _DIRECTORY, dir_fd=current)
            os.close(current)
            current = inner
        yield current
    finally:
        os.close(current)


def open_file(root: Path, path: str) -> BinaryIO:
    """A regular file below `root`, open for reading. Raises Mend for anything else."""
    names = _file_names(path)
    with below(root, names[:-1]) as directory, _told(path):
        # O_NONBLOCK: a FIFO or a device must be refused, not waited for.
        flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
        descriptor = os.open(names[-1], flags, dir_fd=directory)
    found = os.fstat(descriptor)
    if not stat.S_ISREG(found.st_mode):
        os.close(descriptor)
        raise Mend(f"{path!r} is {'a folder' if stat.S_ISDIR(found.st_mode) else 'no regular file'}")
    if found.st_nlink > 1:  # its other name may be anywhere; nothing of ours makes one
        os.close(descriptor)
        raise Mend(f"{path!r} has a second name elsewhere (a hard link); such files are not read")
    return os.fdopen(descriptor, "rb")


def size_of(root: Path, path: str) -> int | None:
    """Bytes of a regular file below `root`, None where there is none. Raises Mend for anything else there."""
    names = _file_names(path)
    try:
        with below(root, names[:-1]) as directory:
            found = os.stat(names[-1], dir_fd=directory, follow_symlinks=False)
    except (FileNotFoundError, Missing):
        return None
    if not stat.S_ISREG(found.st_mode):
        raise Mend(f"{path!r} is {'a folder' if stat.S_ISDIR(found.st_mode) else 'no regular file'}")
    return found.st_size


class Missing(Mend):
    """There is nothing at this path."""


class NewFile:
    """A file being written beside its place; `commit()` puts it there at once, so no reader sees half of it."""

    def __init__(self, root: Path, path: str) -> None:
        self._root, self._path, self._names = root, path, _file_names(path)
        self._stack = contextlib.ExitStack()
        self.size = 0

    def __enter__(self) -> NewFile:
        self._directory = self._stack.enter_context(below(self._root, self._names[:-1], make=True))
        self._name = f".{uuid.uuid4().hex}.part"
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        try:
            descriptor = os.open(self._name, flags, 0o600, dir_fd=self._directory)
        except OSError:
            self._stack.close()
            raise
        self.file = os.fdopen(descriptor, "wb")
        return self

    def write(self, data: bytes) -> int:
        self.size += len(data)
        return self.file.write(data)

    def commit(self) -> None:
        """Put the file in its place. Raises Mend where a folder or something else than a file is there."""
        size_of(self._root, self._path)
        self.file.close()
        os.rename(self._name, self._names[-1], src_dir_fd=self._directory, dst_dir_fd=self._directory)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with contextlib.suppress(OSError):  # a full disk fails again when the buffer is flushed
            self.file.close()
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self._name, dir_fd=self._directory)
        self._stack.close()


def create(root: Path, path: str) -> NewFile:
    """A new file at `path` below `root`, folders made as needed; `with create(…) as f: f.write(…); f.commit()`. Raises
    Mend for a name that people would take for another."""
    names = _file_names(path)
    for depth, name in enumerate(names):
        # Line ends, marks of direction, characters without width: what is shown would not be what is there.
        if odd := next((mark for mark in name if unicodedata.category(mark) in ("Cc", "Cf", "Zl", "Zp")), ""):
            raise Mend(f"{name!r}: a name cannot hold the character U+{ord(odd):04X}")
        if twin := _twin(root, names[:depth], name):
            raise Mend(
                f"there is {twin!r} already, which differs from {name!r} in its letters' case or code only"
            )
    return NewFile(root, path)


def _twin(root: Path, names: tuple[str, ...], name: str) -> str:
    """Another name in that folder which looks the same, or is the same on other systems; empty where there is none."""
    try:
        with below(root, names) as directory:
            others = os.listdir(directory)
    except (Missing, Mend):
        return ""
    if name in others:
        return ""
    wanted = shape(name)
    return next((other for other in others if shape(other) == wanted), "")


def shape(name: str) -> str:
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", name).casefold())


def write(root: Path, path: str, data: bytes) -> None:
    """Put `data` at `path` below `root`. Raises Mend where the run's folder would grow past its limits."""
    room_for(root, path, len(data))
    with create(root, path) as file:
        file.write(data)
        file.commit()


def room_for(root: Path, path: str, size: int) -> None:
    """Raises Mend where a file of `size` bytes at `path` would break a limit."""
    if size > MAX_FILE:
        raise Mend(f"{path!r} would have {size:,} bytes; a file may have {MAX_FILE:,}")
    before = size_of(root, path)
    used, count = _used(root)
    if used - (before or 0) + size > MAX_FOLDER:
        raise Mend(f"the run's folder is full ({used:,} of {MAX_FOLDER:,} bytes); delete what is not needed")
    if before is None and count >= MAX_FILES:
        raise Mend(f"the run's folder has {count:,} files and folders, its limit; delete what is not needed")


def _used(root: Path) -> tuple[int, int]:
    """Bytes and number of all that is in the folder, also of what `walk` leaves out, however deep."""
    used = count = 0
    for _, folders, files, directory in os.fwalk(root, follow_symlinks=False):
        count += len(folders) + len(files)
        for name in files:
            with contextlib.suppress(FileNotFoundError):  # removed meanwhile
                used += os.stat(name, dir_fd=directory, follow_symlinks=False).st_size
    return used, count


def delete(root: Path, path: str) -> bool:
    """Remove a file or an empty folder; False where there was none. A symbolic link is removed, not followed."""
    names = _file_names(path)
    try:
        with below(root, names[:-1]) as directory:
            found = os.stat(names[-1], dir_fd=directory, follow_symlinks=False)
            if stat.S_ISDIR(found.st_mode):
                os.rmdir(names[-1], dir_fd=directory)
            else:
                os.unlink(names[-1], dir_fd=directory)
    except (FileNotFoundError, Missing):
        return False
    except OSError as error:
        if error.errno == errno.ENOTEMPTY:
            raise Mend(f"{path!r} is a folder with files in it; delete them first") from error
        raise
    return True


def walk(root: Path, path: str = "", deep: bool = True) -> Iterator[Entry]:
    """What is in a folder, sorted by name; with `deep`, in its folders too. Links and devices are left out."""
    names = parts(path)
    kinds: list[tuple[str, os.stat_result]] = []
    with below(root, names) as directory, os.scandir(directory) as found:
        # A name that is not UTF-8 arrives with surrogates; it stays openable by them.
        for entry in sorted(found, key=lambda entry: entry.name):
            with contextlib.suppress(FileNotFoundError):  # removed meanwhile
                kinds.append((entry.name, entry.stat(follow_symlinks=False)))
    for name, info in kinds:
        inner = "/".join((*names, name))
        is_directory = stat.S_ISDIR(info.st_mode)
        if name.endswith(".part") and name.startswith("."):
            continue
        if is_directory or (stat.S_ISREG(info.st_mode) and info.st_nlink == 1):
            yield Entry(inner, is_directory, 0 if is_directory else info.st_size, info.st_mtime)
        if is_directory and deep and len(names) < MAX_DEPTH:
            with contextlib.suppress(Missing):  # removed meanwhile
                yield from walk(root, inner, deep)


def _file_names(path: str) -> tuple[str, ...]:
    names = parts(path)
    if not names:
        raise Mend(f"{path!r} is the run's folder itself; name a file in it")
    return names


@contextlib.contextmanager
def _told(path: str) -> Iterator[None]:
    """What the system refuses, in words that a model can act on."""
    try:
        yield
    except FileNotFoundError as error:
        raise Missing(f"there is no {path!r} in the run's folder; files_list shows what there is") from error
    except (NotADirectoryError, IsADirectoryError) as error:
        raise Mend(f"{path!r} is not what the path makes of it: a file where a folder should be") from error
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise Mend(f"{path!r} is a symbolic link; links are not followed") from error
        if error.errno in (errno.ENXIO, errno.EACCES, errno.EPERM):
            raise Mend(f"{path!r} cannot be opened: {error.strerror}") from error
        raise
