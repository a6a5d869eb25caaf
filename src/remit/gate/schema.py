"""What a JSON Schema says of one part of a value: is there such a field, of which types, of which few values. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from remit.gate.condition import ITEM

Json = Any
Schema = Mapping[str, Json]
ANY: Schema = {}
NUMBERS = frozenset({"number", "integer"})


def parts(schema: Schema, path: Sequence[str]) -> list[Schema]:
    """The schemas that the value at `path` may follow. Empty: there is no such field; ANY among them: nobody knows."""
    found = list(_alternatives(schema, schema))
    for field in path:
        found = [
            one for part in found for deeper in _field(part, field) for one in _alternatives(deeper, schema)
        ]
    return found


def fields(schema: Schema, path: Sequence[str]) -> list[str]:
    """The names that the value at `path` has."""
    return sorted({name for part in parts(schema, path) for name in part.get("properties", {})})


def kinds(found: Sequence[Schema]) -> frozenset[str]:
    """The JSON types that a value may have; empty where nobody knows."""
    every = [_kinds(part) for part in found]
    return frozenset().union(*every) if all(every) else frozenset()


def choices(found: Sequence[Schema]) -> list[Json]:
    """The few values that it may have; empty where it is not a choice."""
    every = [part["enum"] if "enum" in part else [part["const"]] if "const" in part else [] for part in found]
    return [value for values in every for value in values] if all(every) else []


def kind_of(value: Json) -> str:
    """The JSON type of a literal."""
    match value:
        case bool():
            return "boolean"
        case int() | float():
            return "number"
        case str():
            return "string"
        case None:
            return "null"
    return "array" if isinstance(value, list | tuple) else "object"


def alike(one: str, other: str) -> bool:
    """Whether values of the two types can be equal."""
    return one == other or {one, other} <= NUMBERS


def _kinds(part: Schema) -> frozenset[str]:
    if "enum" in part or "const" in part:
        return frozenset(map(kind_of, part.get("enum", [part.get("const")])))
    said = part.get("type", ())
    return frozenset([said] if isinstance(said, str) else said)


def _alternatives(part: Schema, root: Schema, depth: int = 0) -> Iterator[Schema]:
    """The part with its references followed, once for each thing that it may be."""
    if depth > 20 or not isinstance(part, Mapping):  # it refers to itself
        yield ANY
    elif name := re.fullmatch(r"#/\$defs/(.+)", str(part.get("$ref", ""))):
        yield from _alternatives(root.get("$defs", {}).get(name[1], ANY), root, depth + 1)
    elif any(word in part for word in ("$ref", "allOf", "not", "if")):
        yield ANY
    elif several := part.get("anyOf") or part.get("oneOf"):
        for one in several:
            yield from _alternatives(one, root, depth + 1)
    else:
        yield part


def _field(part: Schema, field: str) -> list[Schema]:
    if field == ITEM:
        return [part.get("items", ANY)] if _kinds(part) & {"array"} or not _kinds(part) else []
    if _kinds(part) and "object" not in _kinds(part):
        return []
    if field in part.get("properties", {}):
        return [part["properties"][field]]
    other = part.get("additionalProperties", True)
    if other is False:
        return []
    return [other if isinstance(other, Mapping) else ANY]
