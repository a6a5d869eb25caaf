"""A server that stops ends the streams of those who watch, and lets whoever asks something be answered."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator

from starlette.requests import Request
from starlette.responses import PlainTextResponse, StreamingResponse
from starlette.types import Message, Receive, Scope, Send

from remit.console.ending import Ending

SCOPE: Scope = {"type": "http", "method": "POST", "path": "/", "query_string": b"", "headers": [], "asgi": {"version": "3.0", "spec_version": "2.3"}}  # fmt: skip


async def quiet() -> Message:
    """Whoever asked says no more, and stays."""
    await asyncio.Event().wait()
    raise AssertionError


async def test_a_stream_ends_whole_and_what_feeds_it_is_closed() -> None:
    sent: asyncio.Queue[Message] = asyncio.Queue()
    closed: list[bool] = []

    async def watched() -> AsyncGenerator[str]:
        try:
            yield "data: 1\n\n"
            await asyncio.Event().wait()
        finally:
            closed.append(True)

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await StreamingResponse(watched())(scope, receive, send)

    came = iter([{"type": "http.request", "body": b"", "more_body": False}])

    async def receive() -> Message:
        return next(came, None) or await quiet()

    ending = Ending(app)
    answering = asyncio.create_task(ending(SCOPE, receive, sent.put))
    assert [(await sent.get())["type"], (await sent.get())["body"]] == ["http.response.start", b"data: 1\n\n"]
    ending.now.set()
    await answering
    assert await sent.get() == {"type": "http.response.body", "body": b"", "more_body": False}
    assert (closed, sent.empty()) == ([True], True)


async def test_what_was_asked_meanwhile_is_heard_to_its_end_and_answered() -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        body = await Request(scope, receive).body()
        await PlainTextResponse(body[::-1])(scope, receive, send)

    came = iter([(b"ab", True), (b"cd", False)])

    async def receive() -> Message:
        body, more = next(came)
        return {"type": "http.request", "body": body, "more_body": more}

    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    ending = Ending(app)
    ending.now.set()
    await ending(SCOPE, receive, send)
    assert [one.get("body") for one in sent] == [None, b"dcba"]
