"""Requests: tried again where that is safe, streams taken up where they broke off. httpx is imported with the first of them."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator, Mapping
from typing import TYPE_CHECKING, Any

from remit.client.errors import ApiError, Unreachable, problem

if TYPE_CHECKING:
    import httpx

LONGEST = 60.0  # seconds that are waited before one more try
SILENT = 40.0  # of a stream, which says every ten that it lives, after which its line counts as dead
BUSY = (429, 502, 503, 504)


class Wire:
    """A connection to one server, with one token."""

    def __init__(self, url: str, token: str, tries: int, timeout: float) -> None:
        base = url.rstrip("/").removesuffix("/api/v1")
        self.base, self.token, self.tries, self.timeout = f"{base}/api/v1", token, tries, timeout
        self._client: httpx.AsyncClient | None = None

    @property
    def client(self) -> httpx.AsyncClient:
        if self._client is None:
            import httpx

            headers = {"authorization": f"Bearer {self.token}", "user-agent": "remit-client"}
            self._client = httpx.AsyncClient(base_url=self.base, headers=headers, timeout=self.timeout)
        return self._client

    async def close(self) -> None:
        if self._client is not None:
            await self._client.aclose()
            self._client = None

    async def get(self, path: str, **params: Any) -> Any:
        given = {name: value for name, value in params.items() if value not in (None, "", ())}
        return await self.send("GET", path, params=given)

    async def post(self, path: str, body: Mapping[str, Any] | None = None, key: str = "") -> Any:
        headers = {"idempotency-key": key} if key else {}
        return await self.send("POST", path, json=dict(body or {}), headers=headers)

    async def send(self, method: str, path: str, **more: Any) -> Any:
        """The answer's JSON. Raises ApiError, Unreachable. What may have changed something is tried again only where the
        server did not begin it, or a key makes that harmless."""
        import httpx

        harmless = method != "POST" or "idempotency-key" in more.get("headers", {})
        again = httpx.TransportError if harmless else (httpx.ConnectError, httpx.ConnectTimeout)
        for tries in range(1, self.tries + 1):
            try:
                answer = await self.client.request(method, path, **more)
            except again as error:
                if tries == self.tries:
                    raise self._unreachable(error) from error
                await pause(backoff(tries))
                continue
            except httpx.TransportError as error:
                raise self._unreachable(error) from error
            if answer.status_code < 400:
                return answer.json() if answer.content else None
            wait = waits(answer, tries) if answer.status_code in BUSY and tries < self.tries else None
            if wait is None or (answer.status_code in (502, 504) and not harmless):
                raise problem(answer.status_code, _json(answer))
            await pause(wait)
        raise AssertionError("the last try has returned or raised")

    async def events(self, path: str, after: int) -> AsyncIterator[tuple[int, str]]:
        """The number and data of each event after that one, over as many lines as break; ends where the server says that
        nothing comes any more. Raises ApiError, Unreachable."""
        import httpx

        broken = 0
        while True:
            seen = after
            try:
                headers = {"last-event-id": str(after), "accept": "text/event-stream"}
                timeout = httpx.Timeout(self.timeout, read=SILENT)
                async with self.client.stream("GET", path, headers=headers, timeout=timeout) as answer:
                    if answer.status_code == 204:
                        return
                    if answer.status_code >= 400:
                        await answer.aread()
                        raise problem(answer.status_code, _json(answer))
                    async for number, data in _messages(answer.aiter_lines()):
                        after = number
                        yield number, data
            except httpx.TransportError as error:
                if broken >= self.tries and after == seen:
                    raise self._unreachable(error) from error
            except ApiError as error:
                if error.status not in BUSY or broken >= self.tries:
                    raise
            broken = 0 if after > seen else broken + 1
            await pause(backoff(broken) if broken else 0.0)

    def _unreachable(self, error: Exception) -> Unreachable:
        return Unreachable(
            f"{self.base} does not answer ({error or type(error).__name__}): is `remit up` running, and the address right?"
        )


async def pause(seconds: float) -> None:
    import asyncio  # with the first request: it is a third of what importing this package costs

    await asyncio.sleep(seconds)


def backoff(tries: int) -> float:
    """Seconds before one more try: longer each time, and not for all callers at the same moment."""
    return float(min(LONGEST, 0.25 * 2**tries) * random.uniform(0.5, 1.0))


def waits(answer: httpx.Response, tries: int) -> float | None:
    """As long as the server asks for; None where that is too long to sit and wait."""
    try:
        asked = float(answer.headers.get("retry-after", ""))
    except ValueError:
        return backoff(tries)
    return asked if asked <= LONGEST else None


async def _messages(lines: AsyncIterator[str]) -> AsyncIterator[tuple[int, str]]:
    number, data = "", ""
    async for line in lines:
        name, _, value = line.partition(": ")
        if name == "id":
            number = value
        elif name == "data":
            data = value
        elif not line and number:
            yield int(number), data
            number = ""


def _json(answer: httpx.Response) -> Any:
    try:
        return answer.json()
    except ValueError:
        return None
