"""A server that is a process of ours: messages a line each, by its standard input and output.

It runs behind the walls of the sandbox (decision 0009), with what its connection says that it needs, and gets a minimal
environment: none of Remit's settings, no keys of model providers, but what its connection names.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import ExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import anyio

from remit.errors import UserError
from remit.tools.mcp.needs import Needs, command_of, read_by
from remit.tools.sandbox import serving

if TYPE_CHECKING:
    from mcp.client._transport import TransportStreams

LINE = 8_000_000  # bytes of one message
NOISE = 100  # lines that are no messages; some servers print what belongs into a log
WORDS = 2_000  # characters of what it last wrote to its standard error
GRACE = 2.0  # seconds that it has to end once its input is closed, and again once it is told to
NONE = Needs()
FORBIDDEN = ("ermission", "EACCES", "EPERM", "not permitted")  # in what a program says that met a wall
_INHERITED = ("LANG", "LC_ALL", "TZ")


@dataclass(slots=True)
class Heard:
    """What a server said beside its messages: for the words of an error."""

    errors: str = ""
    noise: str = ""
    lines: int = 0
    ended: str = ""
    walls: str = ""  # what it may do
    ready: bool = False  # it has answered once

    def words(self, hide: Callable[[str], str]) -> str:
        """`hide` takes secrets out, before anything is cut: a part of one would not be known."""
        errors, noise = hide(self.errors).strip(), hide(self.noise)
        said = [self.ended] if self.ended else []
        said += [f"it wrote lines that are no messages, as {noise[:80]!r}"] if noise else []
        said += [f"its last words: {errors[-500:]}"] if errors else []
        if self.walls and said and (not self.ready or any(mark in errors for mark in FORBIDDEN)):
            said.append(f"it runs behind walls: {self.walls}; say under `needs` what else it needs")
        return "; ".join(said)


def environment(named: Mapping[str, str]) -> dict[str, str]:
    """What a server gets of ours, and what its connection names. `python` is the one that Remit runs on."""
    found = {name: os.environ[name] for name in _INHERITED if name in os.environ}
    path = os.environ.get("PATH", os.defpath)
    return {**found, "PATH": os.pathsep.join([str(Path(sys.executable).parent), path]), **named}


@asynccontextmanager
async def stdio(
    command: str, named: Mapping[str, str], heard: Heard, needs: Needs = NONE
) -> AsyncIterator[TransportStreams]:
    """The two streams of a new process, which ends with the context. Raises UserError where it cannot be started."""
    env, heard.walls = environment(named), str(needs)
    words = command_of(command, env["PATH"])
    with ExitStack() as stack:
        place = Path(needs.folder).expanduser() if needs.folder else _gone_afterwards(stack)
        place.mkdir(parents=True, exist_ok=True, mode=0o700)
        try:
            walled, plan = serving(words, env, place, read_by(words, needs), needs.network)
        except UserError as error:
            raise UserError(
                f"the MCP server {command!r} is not started: {error}. A server that has an address needs none"
            ) from error
        async with _talking(walled, plan, heard) as streams:
            yield streams


def _gone_afterwards(stack: ExitStack) -> Path:
    return Path(stack.enter_context(TemporaryDirectory(prefix="remit-server-", ignore_cleanup_errors=True)))


@asynccontextmanager
async def _talking(walled: list[str], plan: bytes, heard: Heard) -> AsyncIterator[TransportStreams]:
    try:
        process = await asyncio.create_subprocess_exec(
            *walled,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env={},
            cwd="/",
            limit=LINE,
            start_new_session=True,
        )
    except OSError as error:
        raise UserError(f"the MCP server cannot be started: {error}") from error
    assert process.stdin is not None
    process.stdin.write(plan)
    into, read = anyio.create_memory_object_stream[Any](0)
    write, out = anyio.create_memory_object_stream[Any](0)
    try:
        async with anyio.create_task_group() as group:
            group.start_soon(_listen, process, into, heard)
            group.start_soon(_overhear, process, heard)
            group.start_soon(_speak, process, out)
            yield read, write
            group.cancel_scope.cancel()
    finally:
        with anyio.CancelScope(shield=True):
            await _end(process)
        for stream in (into, read, write, out):
            stream.close()


async def _listen(process: asyncio.subprocess.Process, into: Any, heard: Heard) -> None:
    from mcp.shared.message import SessionMessage
    from mcp_types import jsonrpc_message_adapter

    assert process.stdout is not None
    with suppress(anyio.BrokenResourceError, anyio.ClosedResourceError):  # nobody listens any more
        while line := await _line(process.stdout, heard):
            try:
                message = jsonrpc_message_adapter.validate_json(line, by_name=False)
            except ValueError:
                heard.noise = heard.noise or line[:WORDS].decode("utf-8", "replace").strip()
                heard.lines += bool(line.strip())
                if heard.lines > NOISE:
                    break
                continue
            await into.send(SessionMessage(message))
    if not (heard.ended or heard.lines > NOISE):
        with suppress(TimeoutError):
            code = await asyncio.wait_for(process.wait(), GRACE)
            heard.ended = f"it ended, with code {code}"
    into.close()


async def _line(stream: asyncio.StreamReader, heard: Heard) -> bytes:
    """The next message; nothing more is heard after one that is too long."""
    try:
        return await stream.readline()
    except ValueError:
        heard.ended = f"it sent a message of more than {LINE:,} bytes"
        return b""


async def _overhear(process: asyncio.subprocess.Process, heard: Heard) -> None:
    assert process.stderr is not None
    while piece := await process.stderr.read(4096):
        heard.errors += piece.decode("utf-8", "replace")
        if len(heard.errors) > WORDS:  # whole lines
            heard.errors = heard.errors[-WORDS:].partition("\n")[2]


async def _speak(process: asyncio.subprocess.Process, out: Any) -> None:
    assert process.stdin is not None
    with suppress(ConnectionError):  # it is gone: whoever listens hears that
        async for one in out:
            process.stdin.write(
                one.message.model_dump_json(by_alias=True, exclude_unset=True).encode() + b"\n"
            )
            await process.stdin.drain()


async def _end(process: asyncio.subprocess.Process) -> None:
    """Close its input, tell it to end, kill it with all that it started; a little time for each."""
    if process.stdin is not None:
        process.stdin.close()
    for number in (None, signal.SIGTERM, signal.SIGKILL):
        if number is not None:
            _tell(process, number)
        with suppress(TimeoutError):
            async with asyncio.timeout(GRACE):
                # What it still writes is read: it could not end before, nor would its end be heard of
                await asyncio.gather(process.wait(), _drain(process.stdout), _drain(process.stderr))
                break
    _tell(process, signal.SIGKILL)  # what it started and did not take along
    # Somebody who left its group may hold its output open for ever; there is no public way to let go of that
    if (transport := getattr(process, "_transport", None)) is not None:
        transport.close()


def _tell(process: asyncio.subprocess.Process, number: signal.Signals) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, number)


async def _drain(stream: asyncio.StreamReader | None) -> None:
    while stream is not None and await stream.read(65536):
        pass
