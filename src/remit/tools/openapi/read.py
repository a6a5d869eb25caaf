"""From a description to definitions of tools. What it says is a stranger's word: it is read within bounds, and a person reads what
came of it before any of it is used. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, get_args
from urllib.parse import urljoin, urlsplit

from remit.errors import UserError
from remit.tools.mcp.definition import Definition, Server
from remit.tools.mcp.schema import part_of
from remit.tools.openapi.operation import Method, Operation, Place

Json = Any
MOST = 500  # operations
WORDS = 4_000  # characters of a description
METHODS = tuple(method.lower() for method in get_args(Method))
# Headers that a request has anyway, or that say who asks
OURS = frozenset(
    {"accept", "content-type", "authorization", "cookie", "host", "content-length", "idempotency-key"}
)


class Described:
    """What an API says of itself: who it is, the operations that can be tools, and why others cannot."""

    def __init__(self, server: Server, tools: Mapping[str, Definition], refused: Mapping[str, str]) -> None:
        self.server, self.tools, self.refused = server, tools, refused


def described(document: Json, address: str) -> Described:
    """`address`: of the description. Raises UserError for what is no description that can be used: of another kind or version,
    or of an API at another site than its description, to which a key would go."""
    version = str(document.get("openapi", "")) if isinstance(document, Mapping) else ""
    if not version.startswith(("3.0", "3.1")):
        old = isinstance(document, Mapping) and "swagger" in document
        found = "Swagger 2.0" if old else f"version {version[:20]!r}" if version else "no `openapi:`"
        raise UserError(
            f"{address} is no description that is read here: OpenAPI 3.0 or 3.1 is, and it has {found}"
        )
    base = _base(document, address)
    told = document.get("info")
    info: Mapping[str, Json] = told if isinstance(told, Mapping) else {}
    server = Server(name=str(info.get("title", ""))[:200], version=str(info.get("version", ""))[:200])
    tools: dict[str, Definition] = {}
    refused: dict[str, str] = {}
    for number, (method, path, common, spec) in enumerate(_operations(document)):
        name = _name(method, path, spec)
        if number >= MOST:
            refused[name] = f"there are more than {MOST} operations"
            break
        try:
            made = _definition(document, name, method, base + path, common, spec, version.startswith("3.0"))
        except UserError as error:
            refused[name] = str(error)
            continue
        if name in tools or name in refused:
            tools.pop(name, None)
            refused[name] = "two operations have this name"
        else:
            tools[name] = made
    return Described(server, tools, refused)


def _base(document: Mapping[str, Json], address: str) -> str:
    """The path before all paths."""
    servers = document.get("servers")
    first = servers[0] if isinstance(servers, list) and servers and isinstance(servers[0], Mapping) else {}
    try:
        at, here = urlsplit(urljoin(address, str(first.get("url", "/")))), urlsplit(address)
    except ValueError as error:
        raise UserError(f"{address}: its server's address is none: {str(first['url'])[:100]!r}") from error
    if "{" in at.geturl():
        raise UserError(
            f"{address}: its server's address has variables in it ({at.geturl()[:100]}), which nobody has filled in"
        )
    if (at.scheme, at.netloc) != (here.scheme, here.netloc):
        raise UserError(
            f"{address} describes an API at {at.scheme}://{at.netloc}: a key that is given for one address goes to no other. "
            "Name a description that is served by the API itself"
        )
    return at.path.rstrip("/")


def _operations(document: Mapping[str, Json]) -> Iterator[tuple[str, str, list[Json], Mapping[str, Json]]]:
    """Method, path, what all methods of the path take, and what it says of itself."""
    paths = document.get("paths")
    for path, item in paths.items() if isinstance(paths, Mapping) else ():
        if not isinstance(item, Mapping) or not str(path).startswith("/"):
            continue
        common = _list(item.get("parameters"))
        for method in METHODS:
            if isinstance(spec := item.get(method), Mapping):
                yield method, str(path), common, spec


def _name(method: str, path: str, spec: Mapping[str, Json]) -> str:
    own = spec.get("operationId")
    words = str(own) if own else f"{method}_{path}"
    return re.sub(r"[^A-Za-z0-9]+", "_", words).strip("_")[:60] or method


def _definition(
    document: Mapping[str, Json],
    name: str,
    method: str,
    path: str,
    common: list[Json],
    spec: Mapping[str, Json],
    old: bool,
) -> Definition:
    given: dict[str, tuple[Place, str]] = {}
    properties: dict[str, Json] = {}
    required: list[str] = []

    def take(place: Place, wire: str, schema: Json, needed: bool, words: str = "") -> None:
        argument = re.sub(r"[^A-Za-z0-9_]", "_", wire)
        if argument in properties:
            argument = f"{place}_{argument}"
        if argument in properties:
            raise UserError(f"it has two arguments called {wire!r}")
        properties[argument] = _schema(document, schema, old) | (
            {"description": words[:WORDS]} if words else {}
        )
        given[argument] = (place, wire)
        required.extend([argument] if needed else [])

    for one in _parameters(document, [*common, *_list(spec.get("parameters"))]):
        place, wire = one.get("in"), str(one.get("name", ""))
        if place == "header" and wire.lower() in OURS:
            continue
        needed = bool(one.get("required")) or place == "path"
        if place not in ("path", "query", "header"):
            if needed:
                raise UserError(f"it needs {wire!r} in a {place}")
            continue
        take(place, wire, one.get("schema", {}), needed, str(one.get("description") or ""))
    unknown = set(re.findall(r"\{([^}]*)\}", path)) - {
        wire for place, wire in given.values() if place == "path"
    }
    if unknown:
        raise UserError(f"its path has {{{min(unknown)}}}, of which it says nothing")
    whole = _body(document, spec, old, take)
    return Definition(
        name=name,
        description=_words(method, path, spec),
        input={"type": "object", "properties": properties, "required": sorted(required)},
        operation=Operation(method=method.upper(), path=path, places=given, whole=whole),
    )


def _body(document: Mapping[str, Json], spec: Mapping[str, Json], old: bool, take: Any) -> str:
    """The properties of a JSON body become arguments where it is a plain object; else it is one argument, whose name this is."""
    body = _resolved(document, spec.get("requestBody"))
    if not isinstance(body, Mapping):
        return ""
    given = body.get("content")
    content: Mapping[str, Json] = given if isinstance(given, Mapping) else {}
    kinds = [kind for kind in content if re.match(r"application/([\w.-]+\+)?json\b", str(kind))]
    if not kinds:
        if body.get("required"):
            raise UserError(
                f"it takes {', '.join(map(str, content))[:100] or 'nothing that is named'}, and no JSON"
            )
        return ""
    schema = _resolved(document, _of(content[kinds[0]], "schema"))
    needed = bool(body.get("required"))
    own = schema.get("properties") if isinstance(schema, Mapping) else None
    if isinstance(own, Mapping) and own and not {"allOf", "anyOf", "oneOf"} & set(schema):
        wanted = schema.get("required") if needed else []
        for wire, one in own.items():
            part = _resolved(document, one)
            if isinstance(part, Mapping) and part.get("readOnly"):
                continue
            words = str(part.get("description") or "") if isinstance(part, Mapping) else ""
            take("body", str(wire), one, str(wire) in _list(wanted), words)
        return ""
    take("body", "body", schema, needed, str(body.get("description") or ""))
    return "body"


def _parameters(document: Mapping[str, Json], several: list[Json]) -> list[Mapping[str, Json]]:
    """The operation's own over the path's."""
    found: dict[tuple[str, str], Mapping[str, Json]] = {}
    for one in several:
        made = _resolved(document, one)
        if isinstance(made, Mapping):
            found[str(made.get("in")), str(made.get("name"))] = made
    return list(found.values())


def _resolved(document: Mapping[str, Json], part: Json, depth: int = 0) -> Json:
    """What a reference stands for. Raises UserError for one that leads out of the document, nowhere, or round."""
    if not isinstance(part, Mapping) or "$ref" not in part:
        return part
    reference = part["$ref"]
    if depth > 20 or not isinstance(reference, str) or not reference.startswith("#/"):
        raise UserError(f"it refers to {str(reference)[:80]!r}, outside of itself or round in a circle")
    node: Json = document
    for step in reference[2:].split("/"):
        name = step.replace("~1", "/").replace("~0", "~")
        if not isinstance(node, Mapping) or name not in node:
            raise UserError(f"it refers to {reference[:80]!r}, which is not there")
        node = node[name]
    return _resolved(document, node, depth + 1)


def _schema(document: Mapping[str, Json], schema: Json, old: bool) -> dict[str, Json]:
    """Without references and traps."""
    made = part_of(document, schema)
    return _modern(made) if old else made


def _modern(schema: Json) -> Json:
    """What 3.0 says otherwise than JSON Schema does: bounds that are yes or no are left out, which makes them wider."""
    if isinstance(schema, list):
        return [_modern(one) for one in schema]
    if not isinstance(schema, Mapping):
        return schema
    return {
        key: _modern(value)
        for key, value in schema.items()
        if not (key in ("exclusiveMinimum", "exclusiveMaximum") and isinstance(value, bool))
    }


def _words(method: str, path: str, spec: Mapping[str, Json]) -> str:
    told = [str(spec.get(key) or "").strip() for key in ("summary", "description")]
    return "\n\n".join([*(one for one in told if one), f"{method.upper()} {path}"])[:WORDS]


def _of(part: Json, key: str) -> Json:
    return part.get(key, {}) if isinstance(part, Mapping) else {}


def _list(value: Json) -> list[Json]:
    return value if isinstance(value, list) else []
