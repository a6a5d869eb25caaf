"""JSON by a schema: what is sent to a provider, what is read from its answer, what is wrong with it. Pure."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from typing import Any

from jsonschema import Draft202012Validator
from jsonschema.exceptions import SchemaError, best_match
from referencing.exceptions import Unresolvable

from remit.errors import UserError
from remit.journal.body import TOO_DEEP, unkept

Json = Any
INVALID = "$invalid"  # the argument that holds a call's raw text where it is not a JSON object
_FENCE = re.compile(r"^\s*```[\w-]*\s*\n(.*?)\n?\s*```\s*$", re.DOTALL)
_HALF = re.compile("[\ud800-\udfff]")
_ROOT_KEYS = ("$defs", "definitions", "$schema", "$id")  # what references resolve against stays at the root


def require_schema(schema: Mapping[str, Json], where: str = "schema") -> None:
    """Raises UserError where `schema` is not a JSON Schema."""
    try:
        Draft202012Validator.check_schema(dict(schema))
    except SchemaError as error:
        path = "/".join(str(part) for part in error.absolute_path) or "(root)"
        raise UserError(f"{where}: not a JSON Schema: at {path}: {error.message}") from error


def wrap(schema: Mapping[str, Json]) -> tuple[dict[str, Json], bool]:
    """Providers take an object at the root only: (schema to send, whether the value is under `value`)."""
    if schema.get("type") == "object":
        return dict(schema), False
    inner = {key: value for key, value in schema.items() if key not in _ROOT_KEYS}
    outer: dict[str, Json] = {key: schema[key] for key in _ROOT_KEYS if key in schema}
    outer |= {
        "type": "object",
        "properties": {"value": inner},
        "required": ["value"],
        "additionalProperties": False,
    }
    return outer, True


def parse(text: str) -> Json:
    """The JSON value in an answer, also inside a code fence. Raises ValueError saying where it breaks, or what in it no
    journal could keep as it is."""
    fenced = _FENCE.match(text)
    try:
        value = json.loads(
            fenced[1] if fenced else text, parse_constant=_no_constant, parse_float=_finite_number
        )
    except RecursionError:
        raise ValueError(TOO_DEEP) from None
    if why := unkept(value):
        raise ValueError(why)
    return value


def _no_constant(name: str) -> Json:
    raise ValueError(f"{name} is not JSON")


def _finite_number(text: str) -> float:
    number = float(text)
    return number if math.isfinite(number) else _no_constant(text)


def problem(schema: Mapping[str, Json], value: Json) -> str | None:
    """What is wrong with `value` by `schema`, in words for the model; None: nothing."""
    try:
        error = best_match(Draft202012Validator(dict(schema)).iter_errors(value))
    except Unresolvable as unresolvable:
        raise UserError(f"schema: reference {unresolvable.ref!r} leads nowhere") from unresolvable
    if error is None:
        return None
    where = "/".join(str(part) for part in error.absolute_path)
    return f"at {where!r}: {error.message}" if where else str(error.message)


def unfence(text: str) -> str:
    """The code of an answer that is one fenced block, else the text as it is."""
    fenced = _FENCE.match(text)
    return fenced[1] if fenced else text


def arguments(raw: str | Mapping[str, Json] | None) -> dict[str, Json]:
    """A call's arguments as the model wrote them; what is no JSON object comes as {"$invalid": raw text}."""
    if raw is None or raw == "":
        return {}
    if isinstance(raw, Mapping):
        why = unkept(raw)
        return {INVALID: why} if why else dict(raw)
    try:
        value = parse(raw)
    except ValueError:
        return {INVALID: _HALF.sub("\ufffd", raw)}
    return value if isinstance(value, dict) else {INVALID: raw}
