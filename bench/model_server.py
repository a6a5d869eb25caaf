"""The model of `bench/gate_cost.py` behind HTTP, in a process of its own: an OpenAI-compatible endpoint that answers by a script.

Prints its base URL, and serves POST /chat/completions. The name of the model says by which tool one of four steps sends; `looks`: by none.
"""

from __future__ import annotations

import argparse
import json
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from bench.gate_cost import LOOKS, call_of


class Answering(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"  # connections stay open, as providers' do

    def __init__(self, steps: int, *given: Any) -> None:
        self.steps = steps
        super().__init__(*given)

    def log_message(self, *_: Any) -> None:
        pass

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        step = sum(message["role"] == "tool" for message in asked["messages"])
        payload = json.dumps(completion(asked["model"], step, step == self.steps)).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(payload)))
        self.end_headers()
        self.wfile.write(payload)


def completion(model: str, step: int, last: bool) -> dict[str, Any]:
    name, given = call_of(step, "" if model == LOOKS else model)
    function = {"name": name, "arguments": json.dumps(given)}
    calls = [] if last else [{"id": f"call_{step}", "type": "function", "function": function}]
    message = {"role": "assistant", "content": "Told." if last else None, "tool_calls": calls or None}
    choice = {"index": 0, "message": message, "finish_reason": "stop" if last else "tool_calls"}
    usage = {"prompt_tokens": 100, "completion_tokens": 10, "total_tokens": 110}
    about = {"id": "r", "object": "chat.completion", "created": 1, "model": model}
    return {**about, "choices": [choice], "usage": usage}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=100)
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Answering, parser.parse_args().steps))
    print(f"http://127.0.0.1:{server.server_address[1]}/v1", flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
