"""A server on the web, by streamable HTTP, through the same guard as the HTTP tools: each request goes to an address that was
checked and is the one connected to.

A private address is reached only where the connection names one literally (`localhost`, `127.0.0.1`, `10.1.2.3`), or the
agent's destinations name its host in full.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import httpx2

from remit.tools.addresses import addresses_of, reachable
from remit.tools.mcp.stdio import LINE

if TYPE_CHECKING:
    from mcp.client._transport import TransportStreams

SECONDS = 20.0  # to connect, and for each piece that is sent


@asynccontextmanager
async def web(
    url: str, headers: Mapping[str, str], destinations: Sequence[str]
) -> AsyncIterator[TransportStreams]:
    """The two streams of a conversation over HTTP. Raises Mend for a host that may not be reached."""
    from mcp.client.streamable_http import streamable_http_client

    guarded = _Guarded(reachable(url, destinations))
    times = httpx2.Timeout(SECONDS, read=600.0)  # reading is bounded by whoever asks
    plain = {"user-agent": "remit", **headers, "accept-encoding": "identity"}
    async with (
        httpx2.AsyncClient(transport=guarded, headers=plain, timeout=times, trust_env=False) as client,
        streamable_http_client(url, http_client=client, max_sse_event_size=LINE) as streams,
    ):
        yield streams


class _Guarded(httpx2.AsyncBaseTransport):
    """Resolves and checks a host itself, and bounds what comes back."""

    def __init__(self, allowed: tuple[str, ...]) -> None:
        self._allowed = allowed
        self._inner = httpx2.AsyncHTTPTransport(trust_env=False)

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        host = request.url.raw_host.decode("ascii").lower()
        port = request.url.port or (443 if request.url.scheme == "https" else 80)
        address = (await addresses_of(host, port, self._allowed))[0]
        sent = httpx2.Request(  # another one: by the first, the client tells where a redirect leads
            request.method,
            request.url.copy_with(host=address),
            headers=request.headers,
            stream=request.stream,
            extensions={**request.extensions, "sni_hostname": host.strip("[]")},
        )
        response = await self._inner.handle_async_request(sent)
        if response.headers.get("content-encoding", "identity") != "identity":
            await response.aclose()
            raise ConnectionError("it answered in an encoding that was not asked for")
        if not response.headers.get("content-type", "").startswith("text/event-stream"):
            assert isinstance(response.stream, httpx2.AsyncByteStream)
            response.stream = _Bounded(response.stream)
        return response

    async def aclose(self) -> None:
        await self._inner.aclose()


class _Bounded(httpx2.AsyncByteStream):
    def __init__(self, inner: httpx2.AsyncByteStream) -> None:
        self._inner = inner

    async def __aiter__(self) -> AsyncIterator[bytes]:
        size = 0
        async for piece in self._inner:
            size += len(piece)
            if size > LINE:
                raise ConnectionError(f"it sent a message of more than {LINE:,} bytes")
            yield piece

    async def aclose(self) -> None:
        await self._inner.aclose()
