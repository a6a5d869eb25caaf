"""The part of a stranger's JSON Schema that can be checked at a bounded price. Pure.

A schema can be a trap: patterns that take for ever, references that unfold without end. What is kept is weaker than
what the server asks for, never stronger; the server checks the rest itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import jsonschema

from remit.errors import UserError
from remit.gate.unseen import hidden
from remit.tools.mcp.definition import Definition

Json = Any
SIZE = 64_000  # characters of a definition
PARTS = 2_000  # that a schema may unfold to
DEPTH = 40
_PLAIN = (
    *("type", "enum", "const", "required", "minItems", "maxItems", "minimum", "maximum", "minLength"),
    *("exclusiveMinimum", "exclusiveMaximum", "maxLength", "minProperties", "maxProperties"),
)
_EITHER = {
    "anyOf": "anyOf",
    "oneOf": "anyOf",
    "allOf": "allOf",
}  # weaker parts may hold together, so oneOf would not


def unusable(definition: Definition) -> str:
    """Why a tool cannot be offered whatever a person says; empty where it can."""
    text = definition.text(indent=None)
    if len(text) > SIZE:
        return f"its definition has {len(text):,} characters; {SIZE:,} are the most"
    if unseen := hidden(text):
        return f"its definition has characters that a reader does not see: {', '.join(unseen[:5])}"
    try:
        checkable(definition.input)
    except UserError as error:
        return str(error)
    return ""


def checkable(schema: Mapping[str, Json]) -> dict[str, Json]:
    """The schema of the arguments without references and traps, closed: an argument that is not named is refused, as no
    declaration can speak of it. Raises UserError for one that cannot be used."""
    if schema.get("type") != "object":
        raise UserError("its arguments are no JSON object")
    kept = _Unfolding(schema).part(schema, (), 0)
    properties = kept.get("properties", {})
    closed = {**kept, "properties": properties, "additionalProperties": False}
    try:
        jsonschema.Draft202012Validator.check_schema(closed)
    except jsonschema.SchemaError as error:
        raise UserError(f"its schema is wrong at {error.json_path}: {error.message[:200]}") from error
    return closed


def part_of(root: Mapping[str, Json], schema: Json) -> dict[str, Json]:
    """A schema that refers to parts of a document, without references and traps. Raises UserError."""
    return _Unfolding(root).part(schema, (), 0)


class _Unfolding:
    def __init__(self, root: Mapping[str, Json]) -> None:
        self.root, self.count = root, 0

    def part(self, schema: Json, path: tuple[str, ...], depth: int) -> dict[str, Json]:
        """`path`: the references that led here. One that leads back to itself is not followed again: anything goes."""
        self.count += 1
        if self.count > PARTS or depth > DEPTH:
            raise UserError(f"its schema unfolds to more than {PARTS:,} parts, or {DEPTH} levels")
        if not isinstance(schema, Mapping):
            return {} if schema is not False else {"enum": []}
        made = {key: schema[key] for key in _PLAIN if key in schema}
        if isinstance(schema.get("properties"), Mapping):
            made["properties"] = {
                str(name): self.part(one, path, depth + 1) for name, one in schema["properties"].items()
            }
        if schema.get("additionalProperties") is False and "patternProperties" not in schema:
            made["additionalProperties"] = False
        if isinstance(schema.get("items"), Mapping) and "prefixItems" not in schema:
            made["items"] = self.part(schema["items"], path, depth + 1)
        every = [self.referred(schema["$ref"], path, depth)] if "$ref" in schema else []
        for key, kept in _EITHER.items():
            if isinstance(schema.get(key), list):
                parts = [self.part(one, path, depth + 1) for one in schema[key]]
                every.append({kept: parts} if parts else {})
        return {**made, "allOf": every} if every else made

    def referred(self, reference: Json, path: tuple[str, ...], depth: int) -> dict[str, Json]:
        if not isinstance(reference, str) or not reference.startswith("#"):
            raise UserError(f"its schema refers to {str(reference)[:80]!r}, outside of itself")
        if reference in path:
            return {}
        node: Json = self.root
        for step in reference[1:].split("/")[1:]:
            name = step.replace("~1", "/").replace("~0", "~")
            if not isinstance(node, Mapping) or name not in node:
                raise UserError(f"its schema refers to {reference[:80]!r}, which is not there")
            node = node[name]
        return self.part(node, (*path, reference), depth + 1)
