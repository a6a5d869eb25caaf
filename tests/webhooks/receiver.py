"""Somebody who is told: an HTTP server that keeps what comes, and answers as it is told to."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field


@dataclass
class Receiver:
    url: str = ""
    answers: list[int] = field(default_factory=list)  # statuses, then 200
    got: list[tuple[dict[str, str], bytes]] = field(default_factory=list)
    came: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def numbers(self) -> list[str]:
        return [headers["webhook-id"] for headers, _ in self.got]

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        headers = {k.lower(): v for k, v in (line.split(": ", 1) for line in head[1:] if line)}
        self.got.append((headers, await reader.readexactly(int(headers["content-length"]))))
        status = self.answers.pop(0) if self.answers else 200
        text = b"thanks" if status < 300 else b"no " * 1000
        more = "location: http://127.0.0.1:1/elsewhere\r\n" if status in (301, 302, 307) else ""
        head_out = f"HTTP/1.1 {status} x\r\n{more}content-length: {len(text)}\r\nconnection: close\r\n\r\n"
        writer.write(head_out.encode() + text)
        await writer.drain()
        writer.close()
        came, self.came = self.came, asyncio.Event()
        came.set()


@asynccontextmanager
async def receiving() -> AsyncIterator[Receiver]:
    receiver = Receiver()
    server = await asyncio.start_server(receiver.serve, "127.0.0.1", 0)
    receiver.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/hook?key=s3cret"
    try:
        yield receiver
    finally:
        server.close()
