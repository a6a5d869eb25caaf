"""A call of an operation: one request to the API's own origin, by the same door as the HTTP tools, with the connection's key."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from typing import Any
from urllib.parse import quote, urlencode

from remit.errors import Mend, ToolFault
from remit.tools.addresses import reachable
from remit.tools.http import fetch
from remit.tools.mcp.definition import Definition
from remit.tools.openapi.operation import Operation
from remit.tools.tool import Json, ToolContext

SHOWN = 2_000  # characters of a refusal


def caller(
    connection: str, pinned: Definition
) -> Callable[[ToolContext, Mapping[str, Json]], Awaitable[Json]]:
    operation = pinned.operation
    assert operation is not None

    async def call(context: ToolContext, args: Mapping[str, Json]) -> Json:
        given = context.connections.get(connection)
        if given is None:
            raise ToolFault(f"there is no connection {connection!r}")
        origin = given["http"].rstrip("/")
        within = replace(
            context, resources={"http_allow": reachable(origin, context.resources.get("http_allow", ()))}
        )
        url, headers, body = request(operation, origin, args)
        return _result(await fetch(within, operation.method, url, headers, body))

    return call


def request(
    operation: Operation, origin: str, args: Mapping[str, Json]
) -> tuple[str, dict[str, str], Json | None]:
    """The address, headers and body of a call. A value stays within its place: in a path it is one segment, whatever stands in
    it. Raises Mend for one that cannot be there."""
    path, query, headers = operation.path, list[tuple[str, str]](), {"accept": "application/json"}
    body: dict[str, Any] = {}
    for argument, value in args.items():
        place, wire = operation.places[argument]
        if place == "body":
            body[wire] = value
        elif place == "query":
            query += [(wire, _plain(one)) for one in (value if isinstance(value, list) else [value])]
        elif place == "path":
            text = _plain(value)
            if text in ("", ".", ".."):
                raise Mend(f"{argument}: {text!r} cannot stand in a path")
            path = path.replace(f"{{{wire}}}", quote(text, safe=""))
        else:
            text = _plain(value)
            if not text.isprintable() or not text.isascii():
                raise Mend(f"{argument}: only printable ASCII can stand in a header")
            headers[wire.lower()] = text
    url = origin + path + (f"?{urlencode(query)}" if query else "")
    if operation.whole:
        return url, headers, body.get("body")
    has_body = any(place == "body" for place, _ in operation.places.values())
    return url, headers, body if has_body and operation.method not in ("GET", "HEAD") else None


def _plain(value: Json) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _result(answer: dict[str, Json]) -> Json:
    """The body as JSON where it is JSON. A refusal is for the model to mend; a server's failure leaves in doubt what became of
    an effect."""
    text = answer.get("text", "")
    if answer["status"] >= 500:
        raise ConnectionError(f"it answers {answer['status']}: {text[:SHOWN]}")
    if answer["status"] >= 400:
        raise Mend(f"it refuses with {answer['status']}: {text[:SHOWN]}")
    if "file" not in answer and "json" in answer.get("content_type", ""):
        try:
            return json.loads(text)
        except ValueError:
            pass
    return answer
