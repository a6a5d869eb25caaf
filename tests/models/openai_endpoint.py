"""A real HTTP server on loopback that speaks the OpenAI chat API as it is told to."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass(frozen=True)
class Reply:
    """What one request gets. `events` makes it a stream; `cut` closes the connection before the end of it."""

    body: Any = None
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    events: Sequence[Any] | None = None
    cut: bool = False
    hang: bool = False
    raw: bytes | None = None


@dataclass
class Endpoint:
    url: str
    replies: list[Reply]
    requests: list[dict[str, Any]] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    models: list[dict[str, Any]] = field(default_factory=list)
    over: threading.Event = field(default_factory=threading.Event)

    def name(self, model: str = "tiny") -> str:
        return f"{self.url}#{model}"


def completion(
    text: str | None = None, calls: Sequence[tuple[str, str]] = (), finish: str = "stop"
) -> dict[str, Any]:
    """A chat completion; `calls` are (tool, raw arguments)."""
    message: dict[str, Any] = {"role": "assistant", "content": text}
    if calls:
        message["tool_calls"] = [
            {"id": f"c{index}", "type": "function", "function": {"name": name, "arguments": raw}}
            for index, (name, raw) in enumerate(calls)
        ]
    return {
        "id": "r1",
        "object": "chat.completion",
        "created": 1,
        "model": "tiny",
        "choices": [{"index": 0, "message": message, "finish_reason": "tool_calls" if calls else finish}],
        "usage": {
            "prompt_tokens": 100,
            "completion_tokens": 7,
            "total_tokens": 107,
            "prompt_tokens_details": {"cached_tokens": 40},
        },
    }


def chunk(delta: dict[str, Any], finish: str | None = None) -> dict[str, Any]:
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    return {"id": "r1", "object": "chat.completion.chunk", "created": 1, "model": "tiny", "choices": [choice]}


def _event(event: Any) -> str:
    """A server-sent event; providers other than OpenAI name it by its type."""
    named = f"event: {event['type']}\n" if "type" in event else ""
    return f"{named}data: {json.dumps(event)}\n\n"


def _handler(endpoint: Endpoint) -> type[BaseHTTPRequestHandler]:
    class Answering(BaseHTTPRequestHandler):
        def log_message(self, *_: Any) -> None:
            pass

        def do_GET(self) -> None:
            self._send(Reply({"object": "list", "data": endpoint.models}))

        def do_POST(self) -> None:
            endpoint.requests.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            endpoint.headers.append(dict(self.headers))
            reply = endpoint.replies.pop(0)
            if reply.hang:
                endpoint.over.wait()
                return
            self._send(reply)

        def _send(self, reply: Reply) -> None:
            if reply.events is not None:
                lines = [_event(event) for event in reply.events]
                end = "" if reply.cut else "data: [DONE]\n\n"
                payload, kind = ("".join(lines) + end).encode(), "text/event-stream"
            else:
                payload = reply.raw if reply.raw is not None else json.dumps(reply.body).encode()
                kind = "application/json"
            self.send_response(reply.status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(payload) + (100 if reply.cut else 0)))
            for name, value in reply.headers.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(payload)

    return Answering


@contextmanager
def serving(*replies: Reply, models: Sequence[dict[str, Any]] = ()) -> Iterator[Endpoint]:
    endpoint = Endpoint("", list(replies), models=list(models))
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(endpoint))
    server.daemon_threads = True
    endpoint.url = f"http://127.0.0.1:{server.server_address[1]}/v1"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield endpoint
    finally:
        endpoint.over.set()
        server.shutdown()
        server.server_close()
        thread.join()
