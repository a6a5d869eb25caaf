"""Server-sent events of what goes on, to a page that is open: pieces of it as they come, and how it stands, until it is over or
whoever looks is signed out."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Protocol, TypeVar

from fastapi import Request
from fastapi.responses import StreamingResponse

from remit.app import App
from remit.console.session import holds
from remit.tail import Piece

QUIET = 15.0  # seconds after which a line says that the connection still lives
END = "event: over\ndata:\n\n"  # the browser closes the stream on it, and does not come back


class Watched(Protocol):
    """What grows. `changed` is set and made anew whenever there is more; `version` is another number then."""

    changed: asyncio.Event

    @property
    def version(self) -> int: ...

    @property
    def over(self) -> bool: ...


Kind = TypeVar("Kind", bound=Watched)


def seen_by(request: Request, after: int) -> int:
    """The last event that a browser has: who comes back says so by Last-Event-ID."""
    last = request.headers.get("last-event-id", "")
    return int(last) if last.isascii() and last.isdigit() and len(last) < 10 else after


def streamed(told: AsyncGenerator[str]) -> StreamingResponse:
    return StreamingResponse(told, media_type="text/event-stream")


async def sent(
    app: App,
    token: str,
    watched: AbstractAsyncContextManager[Kind],
    seen: int,
    fresh: Callable[[Kind, int], Awaitable[Sequence[Piece]]],
    stands: Callable[[Kind], str],
) -> AsyncGenerator[str]:
    """`fresh`: what came after an event; `stands`: how it stands, as markup."""
    async with watched as one:
        yield "retry: 1000\n\n"
        told = one.version
        while await holds(app.store, token):
            changed = one.changed
            if pieces := await fresh(one, seen):
                seen, told = pieces[-1].seq, one.version
                yield message("".join(piece.text for piece in pieces) + stands(one), seen)
                continue  # by then they may be signed out
            if one.version != told:
                told = one.version
                yield message(stands(one))
                continue
            if one.over:
                yield END
                return
            try:
                await asyncio.wait_for(changed.wait(), QUIET)
            except TimeoutError:
                yield ": still here\n\n"


def message(markup: str, seq: int = 0) -> str:
    data = "\n".join(f"data: {line}" for line in markup.splitlines() if line.strip())
    return f"id: {seq}\n{data}\n\n" if seq else f"{data}\n\n"
