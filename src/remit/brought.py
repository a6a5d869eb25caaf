"""Files that come with a run: taken in beside the runs' folders, and put into the run's own all at once, before it begins.

DATA_DIR/runs/.arriving/<mark>/   one batch, whoever sent it
├── files/                        renamed to DATA_DIR/runs/<run> when all of them are there
└── run                           for which run that is, written before

A crash leaves a batch whose run never began; the next batch sweeps what is older than any request that may still begin its run.
"""

from __future__ import annotations

import errno
import os
import shutil
import time
import unicodedata
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import ExitStack, asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from hashlib import sha256
from pathlib import Path
from socket import gethostname
from typing import BinaryIO
from uuid import UUID, uuid4

from remit.errors import FieldError, Mend
from remit.gate.unseen import has_unseen
from remit.journal.events import Asked, Came, Started
from remit.journal.state import State
from remit.store.store import Store
from remit.tools import folder
from remit.tools.thread import in_thread

FIELD = "files"  # of a form, and of a body
AT_ONCE = 1_000_000  # bytes that are copied in one go
STALE = 2 * 86_400.0  # seconds; an idempotency key is kept for half of that
Sent = tuple[str, BinaryIO]  # a name, and what it holds


class Unkept(FieldError):
    """Files that are not taken in: too much, or what is no name."""

    def __init__(self, why: str) -> None:
        super().__init__(FIELD, why)


@dataclass(frozen=True, slots=True)
class Limits:
    """How many files, and bytes: of each, and of all."""

    files: int
    each: int
    all: int

    def __str__(self) -> str:
        each = f"{size(self.each)} each, " if self.each < self.all else ""
        return f"up to {self.files} files, {each}{size(self.all)} together"


FROM_A_BROWSER = Limits(20, folder.MAX_FILE, 200_000_000)
FROM_THE_SHELL = Limits(1_000, folder.MAX_FOLDER, folder.MAX_FOLDER)


@dataclass(slots=True)
class Batch:
    """Files that are all there, and no run's yet."""

    home: Path  # the data folder
    place: Path  # theirs
    files: tuple[Came, ...]
    run: UUID | None = None  # into whose folder they were put

    async def put(self, run: UUID) -> None:
        """Make them the run's own. What is in its folder already was put there for the same run before, and stays."""
        self.run = run
        if not await in_thread(partial(_put, self.home, self.place, run)):
            self.run = None

    def begun(self) -> None:
        """The run has begun: nothing is left to be swept."""
        self.run = None


@asynccontextmanager
async def arriving(
    home: Path, store: Store, sent: Sequence[Sent], limits: Limits
) -> AsyncIterator[Batch | None]:
    """A batch of what is sent; None where that is nothing. `store`: the owner's, as it asks for runs of all workspaces. Raises
    Unkept for a name that cannot be one, or too much."""
    if not sent:
        yield None
        return
    await sweep(home, store)
    place = _arriving(home) / uuid4().hex
    batch: Batch | None = None
    try:
        batch = Batch(home, place, await in_thread(partial(_take, place, list(sent), limits)))
        yield batch
    finally:
        if batch is None or batch.run is None:
            await in_thread(partial(shutil.rmtree, place, ignore_errors=True))


async def sweep(home: Path, store: Store) -> None:
    """Take away what was taken in for runs that did not begin, once they cannot begin any more."""
    for place in await in_thread(lambda: list(_stale(_arriving(home)))):
        run = await in_thread(partial(_run_of, place))
        if run is not None and not await _there(store, run):
            await in_thread(partial(shutil.rmtree, folder_of(home, run), ignore_errors=True))
        await in_thread(partial(shutil.rmtree, place, ignore_errors=True))


def folder_of(home: Path, run: UUID) -> Path:
    """A run's own folder."""
    return home / "runs" / str(run)


async def copy_folder(home: Path, run: UUID, new: UUID) -> None:
    """Give another run a copy of what is in a run's folder now."""
    old = folder_of(home, run)
    if await in_thread(old.is_dir):
        await in_thread(partial(shutil.copytree, old, folder_of(home, new), symlinks=True))


@contextmanager
def came_with(home: Path, run: UUID, started: Started, but: Sequence[Sent] = ()) -> Iterator[list[Sent]]:
    """The files that came with a run, as they are now, to come with another one; not those in whose place others do. What is not
    here any more is left out."""
    root, instead = folder_of(home, run), {folder.shape(name) for name, _ in but}
    with ExitStack() as opened:
        found: list[Sent] = []
        for one in started.files if root.is_dir() else ():
            with suppress(Mend):
                if folder.shape(one.name) not in instead:
                    found.append((one.name, opened.enter_context(folder.open_file(root, one.name))))
        yield found


async def elsewhere(root: Path, state: State) -> str:
    """Why a run cannot go on here, where the files that came with it lie on another machine; empty where they are here, or
    somebody has been asked already."""
    if any(ask.startswith("files") for ask in state.waits) or await in_thread(root.is_dir):
        return ""
    what = (
        f"the files that came with it are not on {gethostname()}: they lie on the machine where it was begun"
    )
    return f"{what}, and the folder runs in REMIT_DATA_DIR has to be one for all machines that work"


def again(about: str, why: str, state: State) -> Asked:
    """A person is to say whether it is tried once more."""
    number = sum(ask.startswith(about) for ask in state.asked) + 1
    text = f"{why[0].upper()}{why[1:]}. Approve to try again, or reject to end it."
    return Asked(ask_id=f"{about}{number}", kind="question", text=text)


def _arriving(home: Path) -> Path:
    """On the same file system as the runs' folders, which may be a share."""
    return home / "runs" / ".arriving"


def safe_name(name: str) -> str:
    """As it is kept: each kind of space a plain one, in one code (NFC). Raises Unkept for what is no name, or hides
    something."""
    spaced = "".join(" " if unicodedata.category(mark) == "Zs" else mark for mark in name)
    made = unicodedata.normalize("NFC", spaced).strip(" ")
    if not made or made in (".", ".."):
        raise Unkept("one of them has no name")
    said = made if len(made) <= 60 else made[:59] + "…"
    odd = (mark for mark in made if unicodedata.category(mark) in ("Cc", "Cf", "Cs", "Zl", "Zp"))
    if mark := next(odd, ""):
        said = "".join(one for one in said if one.isprintable())
        raise Unkept(f"the name of {said} holds U+{ord(mark):04X}, which nobody sees: rename it")
    if has_unseen(made):
        raise Unkept(f"the name of {said} holds a character that nobody sees: rename it")
    if "/" in made or "\\" in made:
        raise Unkept(f"{said} is a path: a file has a name alone here")
    if len(os.fsencode(made)) > 200:
        raise Unkept(f"{said} is too long a name: 200 bytes are the most")
    if made.startswith(".") and made.endswith(".part"):
        raise Unkept(f"{said} is named as files are while they are written: rename it")
    return made


def size(number: int) -> str:
    """`3.2 MB`, as people say it."""
    for unit, name in ((1_000_000_000, "GB"), (1_000_000, "MB"), (1_000, "kB")):
        if number >= unit:
            return f"{number / unit:.1f}".removesuffix(".0") + f" {name}"
    return f"{number} bytes" if number != 1 else "1 byte"


def _take(place: Path, sent: Sequence[Sent], limits: Limits) -> tuple[Came, ...]:
    if len(sent) > limits.files:
        raise Unkept(f"{len(sent)} files are too many: {limits}")
    names: dict[str, str] = {}
    for name, _ in sent:
        made = safe_name(name)
        if twin := names.get(folder.shape(made)):
            raise Unkept(f"{twin} and {made} are one name: rename one of them")
        names[folder.shape(made)] = made
    within = place / "files"
    within.mkdir(mode=0o700, parents=True)
    taken: list[Came] = []
    try:
        for made, (_, source) in zip(names.values(), sent, strict=True):
            taken.append(_copy(within / made, made, source, limits, sum(one.bytes for one in taken)))
        _kept(within)
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise Unkept("there is no room for them on the server's disk") from error
        raise
    return tuple(taken)


def _copy(path: Path, name: str, source: BinaryIO, limits: Limits, before: int) -> Came:
    number, mark = 0, sha256()
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    with os.fdopen(os.open(path, flags, 0o600), "wb") as file:
        while piece := source.read(AT_ONCE):
            number += len(piece)
            if number > limits.each:
                raise Unkept(f"{name} is too large: {limits}")
            if before + number > limits.all:
                raise Unkept(f"they are too large together: {limits}")
            mark.update(piece)
            file.write(piece)
        file.flush()
        os.fsync(file.fileno())
    return Came(name=name, bytes=number, sha256=mark.hexdigest())


def _put(home: Path, place: Path, run: UUID) -> bool:
    root = folder_of(home, run)
    root.parent.mkdir(parents=True, exist_ok=True)
    if root.exists():
        return False
    with (place / "run").open("w") as file:
        file.write(str(run))
        file.flush()
        os.fsync(file.fileno())
    _kept(place)
    try:
        (place / "files").rename(root)
    except OSError as error:  # another request for the same run was first
        if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
            raise
        return False
    _kept(root.parent)
    return True


def _kept(directory: Path) -> None:
    """What is in a folder is there after a power cut too."""
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _stale(arriving: Path) -> Iterator[Path]:
    with suppress(FileNotFoundError):
        for one in arriving.iterdir():
            with suppress(FileNotFoundError):
                if one.stat(follow_symlinks=False).st_mtime < time.time() - STALE:
                    yield one


def _run_of(place: Path) -> UUID | None:
    try:
        return UUID((place / "run").read_text())
    except (OSError, ValueError):
        return None


async def _there(store: Store, run: UUID) -> bool:
    async with store.pool.connection() as connection:
        return (
            await (await connection.execute("select from runs where id = %s", (run,))).fetchone() is not None
        )
