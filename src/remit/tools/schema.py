"""The arguments of a tool as a person gives them: what kind of value each takes, a value read from what was typed, and in plain
words what is wrong with one. By the tool's JSON Schema; pure."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, cast

import jsonschema
from jsonschema.exceptions import best_match

Json = Any
Kind = Literal["text", "number", "integer", "choice", "switch", "json"]
KINDS: dict[str, Kind] = {"string": "text", "number": "number", "integer": "integer", "boolean": "switch"}
WORDS = {"string": "text", "number": "a number", "integer": "a whole number", "boolean": "true or false"}
WORDS |= {"array": "a list", "object": "an object", "null": "nothing"}


@dataclass(frozen=True, slots=True)
class Taken:
    """What one argument takes."""

    kind: Kind
    choices: tuple[Json, ...] = ()
    required: bool = False
    nothing: bool = False  # it may be null
    about: str = ""


def taken(schema: Mapping[str, Json], name: str) -> Taken:
    """What an argument of a tool takes; `json` where no simpler kind says it."""
    own = _own(schema, name)
    every = list(_branches(schema, own))
    simple = [one for one in every if one.get("type") != "null"]
    one = simple[0] if len(simple) == 1 else {}
    choices = tuple(one.get("enum", [one["const"]] if "const" in one else ()))
    if choices and all(isinstance(choice, str | int | float) for choice in choices):
        kind: Kind = "choice"
    else:
        stated = one.get("type")
        kind = KINDS.get(stated, "json") if isinstance(stated, str) else "json"
    return Taken(
        kind,
        choices if kind == "choice" else (),
        name in schema.get("required", ()),
        len(simple) < len(every),
        str(own.get("description", "")),
    )


def lacks(schema: Mapping[str, Json], name: str) -> bool:
    """Whether null, for an argument, can only say that it is left out."""
    own = taken(schema, name)
    return not own.required and not own.nothing


def typed(schema: Mapping[str, Json], name: str, text: str) -> Json:
    """The value that somebody typed, by what the argument takes. What is no value of its kind is the text, for `unfit` to say
    so."""
    own = taken(schema, name)
    if own.kind == "text":
        return text
    if own.kind == "choice":
        return next((one for one in own.choices if _written(one) == text), text)
    if not text.strip() and (own.nothing or not own.required):
        return None
    try:
        return json.loads(text, parse_constant=_no_number)
    except ValueError:
        return text


def unfit(schema: Mapping[str, Json], args: Mapping[str, Json]) -> dict[str, str]:
    """What is wrong with each of these arguments, in plain words; nothing where they fit."""
    found: dict[str, str] = {}
    for name, value in args.items():
        own = {**_own(schema, name), "$defs": schema.get("$defs", {})}
        error = best_match(jsonschema.Draft202012Validator(own).iter_errors(value))
        if error is not None:
            found[name] = _plain(error)
    return found


def _own(schema: Mapping[str, Json], name: str) -> Mapping[str, Json]:
    properties = schema.get("properties")
    own = properties.get(name) if isinstance(properties, Mapping) else None
    return own if isinstance(own, Mapping) else {}


def _branches(schema: Mapping[str, Json], own: Mapping[str, Json]) -> Iterator[Mapping[str, Json]]:
    """Each thing that an argument may be."""
    ref = own.get("$ref")
    if isinstance(ref, str) and ref.startswith("#/$defs/"):
        there = schema.get("$defs", {}).get(ref.removeprefix("#/$defs/"))
        if isinstance(there, Mapping):
            yield there
            return
    several = own.get("anyOf") or own.get("oneOf")
    if isinstance(several, Sequence):
        for one in several:
            if isinstance(one, Mapping):
                yield from _branches(schema, one)
        return
    types = own.get("type")
    if isinstance(types, list):
        yield from ({**own, "type": one} for one in types)
    else:
        yield own


def _written(value: Json) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _no_number(word: str) -> Json:
    raise ValueError(f"{word} is no number")


def _plain(error: jsonschema.ValidationError) -> str:
    rule, limit = str(error.validator), cast(Any, error.validator_value)
    where = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in error.absolute_path)
    given = _written(error.instance)
    given = given if len(given) <= 80 else given[:77] + "…"
    said = {
        "type": lambda: f"must be {_types(limit)}, not {given}",
        "enum": lambda: f"must be one of {', '.join(map(_written, limit))}, not {given}",
        "const": lambda: f"must be {_written(limit)}, not {given}",
        "minimum": lambda: f"must be at least {limit}, not {given}",
        "exclusiveMinimum": lambda: f"must be more than {limit}, not {given}",
        "maximum": lambda: f"must be at most {limit}, not {given}",
        "exclusiveMaximum": lambda: f"must be less than {limit}, not {given}",
        "minLength": lambda: f"must be at least {limit} characters long",
        "maxLength": lambda: f"must be at most {limit} characters long",
        "pattern": lambda: f"must be of the form {limit}, not {given}",
        "required": lambda: f"lacks a part: {error.message[:200]}",
    }
    words = said[rule]() if rule in said else f"does not fit: {error.message[:200]}"
    return f"{where.lstrip('.')} {words}" if where else words


def _types(limit: Json) -> str:
    names = limit if isinstance(limit, list) else [limit]
    return " or ".join(WORDS.get(str(name), str(name)) for name in names)
