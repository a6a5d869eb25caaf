"""Start, watch and talk to the process that hosts the local model."""

from __future__ import annotations

import asyncio
import json
import secrets
import subprocess
import sys
import tempfile
import threading
import weakref
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import httpx

from remit.errors import ModelError, WeightsError

# An answer may wait behind others in the server's queue, so only a server that says nothing for long is given up.
TIMEOUT = httpx.Timeout(600, connect=10)
GRACE = 5.0  # seconds that a process whose connection broke is given to be dead


class ServerGone(Exception):
    """The process died or its connection broke in the middle; a new one may answer."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What a server process loads, and with what."""

    model: Path
    context: int  # tokens
    states: Path  # folder for saved prefix states
    threads: int
    batch_threads: int
    cache_mib: int = 1024


class Server:
    """One child process, started on first use, started again after a crash.

    It is not bound to an event loop: connections are made for each call, and waiting is done in threads.
    """

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.generation = 0  # counts starts: a saved state is loaded once for each
        self._lock = threading.Lock()
        self._process: subprocess.Popen[str] | None = None
        self._url = ""
        self._key = ""

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process else None

    async def call(self, path: str, body: Mapping[str, Any]) -> Any:
        """POST and the JSON that came back. Raises ServerGone, ModelError."""
        async with self._client() as client:
            try:
                response = await client.post(path, json=body)
            except httpx.TransportError as error:
                raise await self._lost(error) from error
        return _checked(response)

    async def stream(self, path: str, body: Mapping[str, Any]) -> AsyncIterator[Any]:
        """POST and the server-sent events as they come. Leaving early cancels the answer in the server."""
        async with self._client() as client:
            try:
                async with client.stream("POST", path, json=body) as response:
                    if response.status_code != 200:
                        await response.aread()
                        _checked(response)
                    async for line in _lines(response):
                        if line.startswith(b"data: ") and line != b"data: [DONE]":
                            yield _event(json.loads(line[6:]))
                        elif line.startswith(b"error: "):
                            yield _event({"error": json.loads(line[7:])})
            except httpx.TransportError as error:
                raise await self._lost(error) from error

    async def _lost(self, error: httpx.TransportError) -> ServerGone:
        if isinstance(error, httpx.TimeoutException):
            gone = ServerGone(self._last_words())
            await asyncio.to_thread(self.stop)  # it lives and says nothing: only a new one can help
            return gone
        await asyncio.to_thread(self._await_end)
        return ServerGone(self._last_words())

    def _await_end(self) -> None:
        """A dying process loses its connections before it counts as dead: a retry must not meet it."""
        process = self._process
        if process is not None:
            with suppress(subprocess.TimeoutExpired):
                process.wait(GRACE)

    async def start(self) -> None:
        """Make sure the process lives. Raises ModelError where it cannot be started."""
        await asyncio.to_thread(self._start)

    def stop(self) -> None:
        """End the process; safe to call twice."""
        with self._lock:
            if self._process is not None:
                self._process.kill()
                self._process.wait()
                _close(self._process)
                self._process = None

    @asynccontextmanager
    async def _client(self) -> AsyncIterator[httpx.AsyncClient]:
        await self.start()
        headers = {"Authorization": f"Bearer {self._key}"}
        # trust_env off: a proxy of the environment has no business on loopback.
        async with httpx.AsyncClient(
            base_url=self._url, headers=headers, timeout=TIMEOUT, trust_env=False
        ) as client:
            yield client

    def _start(self) -> None:
        with self._lock:
            if self._process is not None and self._process.poll() is None:
                return
            if self._process is not None:
                _close(self._process)
            self._log: IO[str] = tempfile.TemporaryFile("w+", errors="replace")  # noqa: SIM115
            self._key = secrets.token_urlsafe(24)
            self.plan.states.mkdir(parents=True, exist_ok=True)
            process = subprocess.Popen(
                [sys.executable, "-P", "-m", "remit.models.local_server"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self._log,
                text=True,
                start_new_session=True,  # Ctrl-C is for Remit, which pauses; the model ends with its parent
            )
            self._process = process
            weakref.finalize(self, _close, process)
            self._url = self._greet(process)
            self.generation += 1

    def _greet(self, process: subprocess.Popen[str]) -> str:
        assert process.stdin
        assert process.stdout
        plan = self.plan
        wanted = {
            "model": str(plan.model),
            "context": plan.context,
            "threads": plan.threads,
            "batch_threads": plan.batch_threads,
            "states": str(plan.states),
            "cache_mib": plan.cache_mib,
            "key": self._key,
        }
        line = ""
        try:
            process.stdin.write(json.dumps(wanted) + "\n")
            process.stdin.flush()
            line = process.stdout.readline()
        except BrokenPipeError:
            pass
        answer = json.loads(line) if line else {}
        if "url" not in answer:
            process.wait()
            why = " / ".join(filter(None, (answer.get("error"), self._last_words())))
            raise WeightsError(f"the local model could not be loaded from {plan.model}: {why}")
        return str(answer["url"])

    def _last_words(self) -> str:
        """The errors that the process wrote before it died: the first names the cause."""
        self._log.seek(0)
        lines = self._log.read().strip().splitlines()
        code = self._process.poll() if self._process else None
        ended = f"it ended with {code}" if code is not None else "it stopped answering"
        return f"{ended}: {' / '.join(lines[:2])}" if lines else ended


async def _lines(response: httpx.Response) -> AsyncIterator[bytes]:
    """Lines as the protocol has them. httpx's own also end at U+0085 and U+2028, which a text may hold."""
    held = b""
    async for piece in response.aiter_bytes():
        *lines, held = (held + piece).split(b"\n")
        for line in lines:
            yield line.rstrip(b"\r")


def _close(process: subprocess.Popen[str]) -> None:
    """Let the process go: the end of its stdin is what ends it."""
    for pipe in (process.stdin, process.stdout):
        if pipe is not None:
            with suppress(OSError):
                pipe.close()


def _checked(response: httpx.Response) -> Any:
    if response.status_code == 200:
        return response.json()
    try:
        error = response.json()["error"]
    except (ValueError, KeyError, TypeError):
        error = {"message": response.text[:300]}
    raise _failure(error, response.status_code)


def _event(event: Any) -> Any:
    if isinstance(event, dict) and "error" in event:
        raise _failure(event["error"], int(event["error"].get("code", 500)))
    return event


def _failure(error: Mapping[str, Any], status: int) -> ModelError:
    if error.get("type") == "exceed_context_size_error":
        return ModelError(
            f"the question has {error.get('n_prompt_tokens')} tokens, and the local model holds "
            f"{error.get('n_ctx')}: shorten it, or use a larger model"
        )
    return ModelError(f"local model: {error.get('message', 'unknown error')}", retryable=status in (429, 503))
