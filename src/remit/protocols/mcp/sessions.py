"""Sessions, as clients of 2025-11-25 have them: a stream of one that broke off is taken up again, as far as this process
remembers it. Later clients have neither, and what runs do is in their journals in any case."""

from __future__ import annotations

from collections import OrderedDict, deque

from mcp.server.streamable_http import EventCallback, EventMessage, EventStore
from mcp.server.streamable_http_manager import StreamableHTTPSessionManager
from mcp_types import JSONRPCMessage

STREAMS = 50  # of a session, that are remembered
EACH = 100  # messages of a stream


class Kept(EventStore):
    """The last messages of one session's streams. An event's id names its stream and its number in it."""

    def __init__(self) -> None:
        self._streams: OrderedDict[str, deque[tuple[int, JSONRPCMessage | None]]] = OrderedDict()
        self._last = 0

    async def store_event(self, stream_id: str, message: JSONRPCMessage | None) -> str:
        self._last += 1
        self._streams.setdefault(stream_id, deque(maxlen=EACH)).append((self._last, message))
        self._streams.move_to_end(stream_id)
        while len(self._streams) > STREAMS:
            self._streams.popitem(last=False)
        return f"{self._last}@{stream_id}"

    async def replay_events_after(self, last_event_id: str, send_callback: EventCallback) -> str | None:
        number, _, stream = last_event_id.partition("@")
        if not number.isdecimal() or stream not in self._streams:
            return None
        for seq, message in list(self._streams[stream]):
            if seq > int(number) and message is not None:
                await send_callback(EventMessage(message, f"{seq}@{stream}"))
        return stream


class Sessions(StreamableHTTPSessionManager):
    """The library's, with a store of each session's own: streams are named by the numbers of requests, which every client
    counts from one, and one store for all would show a client what was another's."""

    @property
    def event_store(self) -> EventStore | None:
        return Kept()

    @event_store.setter
    def event_store(self, shared: EventStore | None) -> None:
        assert shared is None
