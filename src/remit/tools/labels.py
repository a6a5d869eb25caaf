"""What a tool declares of its result, who vouches for it and who may have it: one word for all, or one for each field.

Paths are checked when the tool is made: as they are written, against each other, and, where the function says what it
returns, against that.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, cast, get_type_hints

from pydantic import TypeAdapter
from pydantic.errors import PydanticSchemaGenerationError, PydanticUserError

from remit.errors import ToolFault
from remit.gate.confidentiality import OWN, WORDS, scopes, stricter
from remit.gate.fields import LADDER, REST, Steps, steps_of, useless, worst
from remit.tools.tool import Integrity, Json


def declared(
    title: str, integrity: Integrity | Mapping[str, Integrity], function: Callable[..., Any]
) -> tuple[Integrity, dict[str, Integrity]]:
    """The integrity of a result as a whole, and of its fields where they differ. Raises ToolFault."""
    if not isinstance(integrity, Mapping):
        return integrity, {}
    fields = dict(integrity)
    for path, says in fields.items():
        if says not in LADDER:
            raise ToolFault(f"tool {title!r}: integrity of {path!r}: {says!r} is none of {', '.join(LADDER)}")
    _check_paths(title, "integrity", fields)
    if why := useless(fields):
        raise ToolFault(f"tool {title!r}: integrity: {why}; the weakest word about a value holds")
    _check_shape(title, "integrity", fields, _returned(function))
    whole = cast(Integrity, worst(fields))
    same = set(fields.values()) <= {whole} and (REST in fields or whole == "untrusted")
    return whole, {} if same else fields


def confided(
    title: str, given: str | Mapping[str, str] | None, function: Callable[..., Any]
) -> dict[str, str]:
    """The confidentiality of a result, by path; empty where nothing is declared. Raises ToolFault."""
    if given is None:
        return {}
    fields = dict(given) if isinstance(given, Mapping) else {REST: given}
    schema = _returned(function)
    for path, says in fields.items():
        if not isinstance(says, str) or scopes(says) is None:
            known = f"{', '.join(WORDS)}, {OWN} or person:<field>"
            raise ToolFault(f"tool {title!r}: confidentiality of {path!r}: {says!r} is none of {known}")
    _check_paths(title, "confidentiality", fields)
    if why := useless(fields, stricter):
        raise ToolFault(f"tool {title!r}: confidentiality: {why}; the strictest word about a value holds")
    _check_shape(title, "confidentiality", fields, schema)
    for path, says in fields.items():
        steps = () if path == REST else steps_of(path)
        for field in (scopes(says) or ()) if schema is not None else ():
            if all(_missing(schema, (*steps[:depth], field)) for depth in range(len(steps) + 1)):
                where = f"at {path!r}, or around it" if steps else "there"
                raise ToolFault(
                    f"tool {title!r}: confidentiality of {path!r}: the result has no field {field!r} {where}"
                )
    return fields


def _check_paths(title: str, what: str, fields: Mapping[str, str]) -> None:
    for path in fields:
        try:
            steps_of(path)
        except (ValueError, TypeError) as error:
            raise ToolFault(f"tool {title!r}: {what}: {error}") from error


def _check_shape(title: str, what: str, fields: Mapping[str, str], schema: Json) -> None:
    for path in fields if schema is not None else ():
        if path != REST and (why := _missing(schema, steps_of(path))):
            raise ToolFault(f"tool {title!r}: {what} of {path!r}: {why}")


def _returned(function: Callable[..., Any]) -> Json:
    """JSON Schema of what the function says that it returns; None where that is nothing to go by."""
    hint = get_type_hints(function, include_extras=True).get("return")
    if hint in (None, Any):
        return None
    try:
        return TypeAdapter(hint).json_schema(mode="serialization", by_alias=False)
    except (PydanticSchemaGenerationError, PydanticUserError):
        return None


def _missing(schema: Json, steps: Steps) -> str | None:
    """In words, where a path leads nowhere; None where it leads somewhere, or nobody can tell."""
    nodes = list(_plain(schema, schema))
    for step in steps:
        if not all("type" in node or "enum" in node or "const" in node for node in nodes):
            return None
        inner = [part for node in nodes for part in _parts(node, step)]
        if not inner:
            names = sorted({name for node in nodes for name in node.get("properties", ())})
            kinds = sorted({str(node.get("type", "a fixed value")) for node in nodes})
            has = f"there is {', '.join(names)}" if names else f"there is only {', '.join(kinds)}"
            return f"the result has no {step!r} there; {has}"
        nodes = [plain for part in inner for plain in _plain(schema, part)]
    return None


def _plain(schema: Json, node: Json) -> Iterator[Mapping[str, Json]]:
    """A schema's alternatives, each without references."""
    if not isinstance(node, Mapping):  # `true`: anything
        yield {}
        return
    if "$ref" in node:
        yield from _plain(schema, schema.get("$defs", {}).get(str(node["$ref"]).rpartition("/")[2], True))
        return
    several = [part for key in ("anyOf", "oneOf", "allOf") for part in node.get(key, ())]
    for part in several:
        yield from _plain(schema, part)
    if not several:
        yield node


def _parts(node: Mapping[str, Json], step: str) -> Iterator[Json]:
    """What a step leads to: the items of a list, a field, or the fields of any name."""
    if step == "[]":
        if node.get("type") == "array":
            yield from node.get("prefixItems", ())
            yield node.get("items", True)
    elif node.get("type") == "object":
        fields = node.get("properties", {})
        yield from fields.values() if step == "*" else [fields[step]] if step in fields else []
        if step not in fields and (more := node.get("additionalProperties", not fields)) is not False:
            yield more
