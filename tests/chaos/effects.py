"""The world outside, as a process of its own that nobody kills: it does effects, and remembers every request.

Three kinds of service, as real ones are:

- `key`: dedupes by `Idempotency-Key`; the same key again brings the first answer and does nothing;
- `lookup`: does whatever it is told, as often as it is told; `GET` says whether it has done a key;
- `ask`: does whatever it is told, and offers no way to look (only the test's person sees its books).

A request counts as done when it has been read, before any delay, so that a caller that dies while it waits for the
answer has had its effect. A look is answered after everything that reached this machine before it.

`python -m tests.chaos.effects [--delay SECONDS] [--lose SHARE] [--seed N]` says its address on standard output. It
ends with its standard input, so that it outlives nobody.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, unquote, urlsplit

Json = Any
BEHIND = 0.01  # seconds that a look waits, so that what is in the machine's buffers is read before it


@dataclass
class Books:
    """What was asked for and what was done, in order."""

    log: list[dict[str, Json]] = field(default_factory=list)
    done: dict[str, list[Json]] = field(
        default_factory=dict
    )  # key -> the result of each effect that happened

    def request(self, kind: str, key: str, body: dict[str, Json]) -> Json:
        """Do what is asked, unless the kind dedupes and the key is known; the result."""
        before = self.done.setdefault(key, [])
        again = kind == "key" and bool(before)
        if not again:
            before.append({"receipt": f"{kind}-{len(self.log) + 1}", "what": body.get("what", "")})
        entry = {"n": len(self.log) + 1, "kind": kind, "key": key, "deduped": again}
        self.log.append(entry | {name: body.get(name) for name in ("what", "pid")})
        return before[0] if again else before[-1]


class Service:
    """The HTTP side: one request a connection."""

    def __init__(self, delay: float, lose: float, seed: int) -> None:
        self.books, self.delay, self.lose = Books(), delay, lose
        self.chance = random.Random(seed)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            answer = await self._answer(reader)
            if answer is not None:
                writer.write(_reply(answer))
                await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass  # the caller died, or the test is over; what was asked for is done all the same
        finally:
            writer.close()

    async def _answer(self, reader: asyncio.StreamReader) -> Json:
        """The answer as JSON; None: the connection is dropped without one."""
        method, path, headers = await _head(reader)
        body = json.loads(await reader.readexactly(int(headers.get("content-length", 0))) or b"{}")
        kind, _, key = path.strip("/").partition("/")
        if method == "POST":
            result = self.books.request(kind, headers.get("idempotency-key") or unquote(key), body)
            await asyncio.sleep(body.get("hold") or self.chance.uniform(0, self.delay))
            return None if self.chance.random() < self.lose else {"result": result}
        await asyncio.sleep(BEHIND)
        if kind == "log":
            return {"log": self.books.log}
        if kind == "set":  # /set/DELAY/LOSE
            delay, lose = key.split("/")
            self.delay, self.lose = float(delay), float(lose)
            return {}
        return {"done": self.books.done.get(unquote(key), [])}


async def _head(reader: asyncio.StreamReader) -> tuple[str, str, dict[str, str]]:
    first, *lines = (await reader.readuntil(b"\r\n\r\n")).decode().strip().split("\r\n")
    method, path, _ = first.split(" ")
    pairs = (line.partition(":") for line in lines)
    return method, path, {name.lower(): value.strip() for name, _, value in pairs}


def _reply(answer: Json) -> bytes:
    body = json.dumps(answer).encode()
    head = f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\nConnection: close"
    return f"{head}\r\n\r\n".encode() + body


async def act(url: str, kind: str, key: str, body: dict[str, Json]) -> Json:
    """Have the effect done; its result. Raises ConnectionError where the answer was lost."""
    answer = await _call(url, "POST", f"/{kind}/{quote(key, safe='')}", key, body)
    return answer["result"]


async def find(url: str, key: str) -> list[Json]:
    """The results of the effects done under the key; [] where there was none."""
    return list((await _call(url, "GET", f"/find/{quote(key, safe='')}"))["done"])


async def log(url: str) -> list[dict[str, Json]]:
    """Every request that there was, in order: n, kind, key, what, pid, and whether it was deduped."""
    return list((await _call(url, "GET", "/log"))["log"])


async def trouble(url: str, delay: float, lose: float) -> None:
    """Change how slow the service is, and which share of its answers gets lost."""
    await _call(url, "GET", f"/set/{delay}/{lose}")


async def _call(url: str, method: str, path: str, key: str = "", body: Json = None) -> Json:
    where = urlsplit(url)
    data = json.dumps(body).encode() if body is not None else b""
    head = [f"{method} {path} HTTP/1.1", f"Host: {where.netloc}", f"Content-Length: {len(data)}"]
    head += [f"Idempotency-Key: {key}"] if key else []
    reader, writer = await asyncio.open_connection(where.hostname, where.port, limit=1 << 30)
    try:
        writer.write("\r\n".join([*head, "", ""]).encode() + data)
        answer = await reader.read()
    finally:
        writer.close()
    if not answer:
        raise ConnectionError("the service closed the connection without an answer")
    return json.loads(answer.partition(b"\r\n\r\n")[2])


@asynccontextmanager
async def service(*, delay: float = 0.0, lose: float = 0.0, seed: int = 1) -> AsyncIterator[str]:
    """The address of a service in a process of its own, which ends with this block."""
    options = ["--delay", str(delay), "--lose", str(lose), "--seed", str(seed)]
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.chaos.effects", *options),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        yield (await process.stdout.readline()).decode().strip()
    finally:
        process.stdin.close()
        await process.wait()


async def main(options: argparse.Namespace) -> None:
    own = Service(options.delay, options.lose, options.seed)
    server = await asyncio.start_server(own.serve, "127.0.0.1", 0, backlog=4096)
    async with server:
        print(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", flush=True)
        await asyncio.to_thread(sys.stdin.read)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--delay", type=float, default=0.0, help="at most so many seconds before an answer")
    parser.add_argument(
        "--lose", type=float, default=0.0, help="share of answers that are lost after the effect"
    )
    parser.add_argument("--seed", type=int, default=1)
    asyncio.run(main(parser.parse_args()))
