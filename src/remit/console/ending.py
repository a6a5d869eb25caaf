"""How a server stops under those who watch: their streams end whole, and nothing is broken off."""

from __future__ import annotations

import asyncio

from starlette.types import ASGIApp, Message, Receive, Scope, Send

GONE: Message = {"type": "http.disconnect"}
END: Message = {"type": "http.response.body", "body": b"", "more_body": False}


class Ending:
    """Once the server is to stop, who still answers is told that whoever asked has gone, and the answer is ended. A browser asks again for a
    stream, and finds the server that comes next."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app
        self.now = asyncio.Event()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        whole = begun = ended = False  # the request has come in; its answer has begun, and ended

        async def heard() -> Message:
            nonlocal whole
            if not whole:
                message = await receive()
                whole = not message.get("more_body", False)
                return message
            return await self._until_gone(receive)

        async def told(message: Message) -> None:
            nonlocal begun, ended
            begun = True
            ended = message["type"] == "http.response.body" and not message.get("more_body", False)
            await send(message)

        await self.app(scope, heard, told)
        if self.now.is_set() and begun and not ended:
            await send(END)

    async def _until_gone(self, receive: Receive) -> Message:
        """Nothing comes of a request any more but that whoever asked has gone."""
        asked, over = asyncio.ensure_future(receive()), asyncio.ensure_future(self.now.wait())
        try:
            done, _ = await asyncio.wait((asked, over), return_when=asyncio.FIRST_COMPLETED)
            return asked.result() if asked in done else GONE
        finally:
            asked.cancel()
            over.cancel()
