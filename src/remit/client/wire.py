"""The two ways of sending: one awaits, one blocks. Both take the same steps; httpx is imported with the first of them."""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator, AsyncIterator, Generator, Iterator
from contextlib import aclosing, closing
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from remit.client.errors import Unreachable
from remit.client.steps import Flow, Item, Lost, Pause, Send, Step, Steps, only

if TYPE_CHECKING:
    import httpx

T = TypeVar("T")
C = TypeVar("C", "httpx.Client", "httpx.AsyncClient")
SILENT = 40.0  # seconds of a stream, which says every ten that it lives, after which its line counts as dead


class Line(Generic[C]):
    """To one server, with one token."""

    def __init__(self, url: str, token: str, tries: int, timeout: float) -> None:
        self.base = f"{url.rstrip('/').removesuffix('/api/v1')}/api/v1"
        self.token, self.tries, self.timeout = token, max(1, tries), timeout
        self.opened: C | None = None

    def options(self) -> dict[str, Any]:
        headers = {"authorization": f"Bearer {self.token}", "user-agent": "remit-client"}
        return {"base_url": self.base, "headers": headers, "timeout": self.timeout}

    def request(self, client: C, send: Send) -> httpx.Request:
        import httpx

        timeout = httpx.Timeout(self.timeout, read=SILENT) if send.streamed else self.timeout
        return client.build_request(
            send.method, send.path, params=send.query, json=send.body, headers=send.headers, timeout=timeout
        )

    def lost(self, error: httpx.TransportError) -> Lost:
        import httpx

        what = f"{self.base} does not answer ({error or type(error).__name__}): is `remit up` running, and the address right?"
        unreachable = Unreachable(what)
        unreachable.__cause__ = error
        return Lost(unreachable, isinstance(error, httpx.ConnectError | httpx.ConnectTimeout))


class AsyncWire(Line["httpx.AsyncClient"]):
    """Awaits what it sends."""

    @property
    def client(self) -> httpx.AsyncClient:
        if self.opened is None:
            import httpx

            self.opened = httpx.AsyncClient(**self.options())
        return self.opened

    async def close(self) -> None:
        if self.opened is not None:
            await self.opened.aclose()
            self.opened = None

    async def run(self, steps: Steps[T]) -> T:
        async with aclosing(self.each(only(steps))) as found:
            return await anext(found)

    async def each(self, flow: Flow[T]) -> AsyncGenerator[T, None]:
        taking = _AsyncTaking(self)
        heard: Any = None
        try:
            while (step := _next(flow, heard)) is not None:
                heard = None
                if isinstance(step, Item):
                    yield step.value
                else:
                    heard = await taking.take(step)
        finally:
            await taking.leave()


class _AsyncTaking:
    """The answer that is being read, while steps are taken."""

    def __init__(self, wire: AsyncWire) -> None:
        self.wire = wire
        self.answer: httpx.Response | None = None
        self.lines: AsyncIterator[str] | None = None

    async def take(self, step: Step) -> Any:
        import httpx

        if isinstance(step, Pause):
            return await pause(step.seconds)
        try:
            if isinstance(step, Send):
                await self.leave()
                client = self.wire.client
                self.answer = await client.send(self.wire.request(client, step), stream=step.streamed)
                if step.streamed and self.answer.is_error:
                    await self.answer.aread()
                self.lines = self.answer.aiter_lines()
                return self.answer
            assert self.lines is not None, "a line is read of what was sent"
            return await anext(self.lines, None)
        except httpx.TransportError as error:
            return self.wire.lost(error)

    async def leave(self) -> None:
        if self.answer is not None:
            await self.answer.aclose()
            self.answer = None


class Wire(Line["httpx.Client"]):
    """Blocks until what it sends is answered."""

    @property
    def client(self) -> httpx.Client:
        if self.opened is None:
            import httpx

            self.opened = httpx.Client(**self.options())
        return self.opened

    def close(self) -> None:
        if self.opened is not None:
            self.opened.close()
            self.opened = None

    def run(self, steps: Steps[T]) -> T:
        with closing(self.each(only(steps))) as found:
            return next(found)

    def each(self, flow: Flow[T]) -> Generator[T, None, None]:
        taking = _Taking(self)
        heard: Any = None
        try:
            while (step := _next(flow, heard)) is not None:
                heard = None
                if isinstance(step, Item):
                    yield step.value
                else:
                    heard = taking.take(step)
        finally:
            taking.leave()


class _Taking:
    """The answer that is being read, while steps are taken."""

    def __init__(self, wire: Wire) -> None:
        self.wire = wire
        self.answer: httpx.Response | None = None
        self.lines: Iterator[str] | None = None

    def take(self, step: Step) -> Any:
        import httpx

        if isinstance(step, Pause):
            return sleep(step.seconds)
        try:
            if isinstance(step, Send):
                self.leave()
                client = self.wire.client
                self.answer = client.send(self.wire.request(client, step), stream=step.streamed)
                if step.streamed and self.answer.is_error:
                    self.answer.read()
                self.lines = self.answer.iter_lines()
                return self.answer
            assert self.lines is not None, "a line is read of what was sent"
            return next(self.lines, None)
        except httpx.TransportError as error:
            return self.wire.lost(error)

    def leave(self) -> None:
        if self.answer is not None:
            self.answer.close()
            self.answer = None


def _next(flow: Flow[T], heard: Any) -> Step | Item[T] | None:
    try:
        return flow.send(heard)
    except StopIteration:
        return None


async def pause(seconds: float) -> None:
    import asyncio  # with the first request: it is a third of what importing this package costs

    await asyncio.sleep(seconds)


def sleep(seconds: float) -> None:
    time.sleep(seconds)
