"""A document of YAML as tables that a browser fills in, and back: what a table has no field for stays as it was. Pure.

A field of a form is named by its table, its row and its column, `actions.0.cost`; so is the place of a mistake that pydantic finds.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from remit.agents.yaml import plain

Json = Any
WORDS: Mapping[str, str] = {  # instead of what pydantic says
    "float_parsing": "write a number, as 7 or 0.5",
    "float_type": "write a number, as 7 or 0.5",
    "int_parsing": "write a whole number, as 7",
    "int_from_float": "write a whole number, as 7",
    "int_type": "write a whole number, as 7",
    "missing": "this is needed",
    "too_short": "fill in a row at least",
}
SPARE = 1  # empty rows at the end of a table, for what is to be added


@dataclass(frozen=True, slots=True)
class Column:
    """`name` may go inside, as `capacity.count`. `kind`: text, words of several lines, number, or a list with commas."""

    name: str
    label: str
    kind: str = "text"
    choices: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Sheet:
    """A list of mappings in a document, by the way to it; where it is `keyed`, a mapping by what the first column has, of mappings, or of what
    stands in the second. The first column says whether a row is one."""

    key: str
    title: str
    path: tuple[str, ...]
    columns: tuple[Column, ...]
    note: str = ""
    keyed: Literal["", "mappings", "values"] = ""


@dataclass(frozen=True, slots=True)
class Filled:
    """A sheet with what stands in it, row by row."""

    sheet: Sheet
    rows: Sequence[Mapping[str, str]] = field(default_factory=tuple)


def filled(data: Json, sheet: Sheet) -> Filled:
    """As the document has it, and a row to spare."""
    rows = [
        {column.name: _text(_at(one, column.name.split("."))) for column in sheet.columns}
        for one in _listed(data, sheet)
    ]
    return Filled(sheet, [*rows, *({} for _ in range(SPARE))])


def _listed(data: Json, sheet: Sheet) -> list[Json]:
    """What the document has there, as a list whose items have what the columns name."""
    found = _at(data, sheet.path) or []
    if not sheet.keyed or not isinstance(found, dict):
        return list(found)
    first, second = (column.name for column in sheet.columns[:2])
    return [
        {first: key} | (one if sheet.keyed == "mappings" and isinstance(one, dict) else {second: one})
        for key, one in found.items()
    ]


def typed(form: Mapping[str, str], sheet: Sheet) -> Filled:
    """As a form has it: rows without a first field are none."""
    found: dict[int, dict[str, str]] = {}
    for key, value in form.items():
        table, _, rest = key.partition(".")
        at, _, name = rest.partition(".")
        if table == sheet.key and at.isascii() and at.isdigit() and len(at) < 4:
            found.setdefault(int(at), {})[name] = value.strip()
    rows = [found[at] for at in sorted(found) if found[at].get(sheet.columns[0].name)]
    return Filled(sheet, [*rows, *({} for _ in range(SPARE))])


def lay(data: Json, given: Filled) -> None:
    """Have the document say what a sheet does. A row that was there by its first field keeps what the sheet has no column for."""
    sheet, first = given.sheet, given.sheet.columns[0].name
    before = {_text(_at(one, (first,))): one for one in _listed(data, sheet)}
    rows = []
    for row in given.rows:
        if not row.get(first):
            continue
        one = before.pop(row[first], None) or {}
        for column in sheet.columns:
            put(one, column.name.split("."), _value(row.get(column.name, ""), column))
        rows.append(one)
    if not sheet.keyed:
        put(data, sheet.path, rows or None)
        return
    second = sheet.columns[1].name
    named = {one.pop(first): one if sheet.keyed == "mappings" else one.get(second, "") for one in rows}
    put(data, sheet.path, named or None)


def put(data: Json, path: Sequence[str], value: Json) -> None:
    """None: it is taken out, with what is empty then."""
    *way, last = path
    if way and value is None:
        inner = data.get(way[0])
        if isinstance(inner, dict):
            put(inner, path[1:], None)
            if not inner:
                del data[way[0]]
    elif value is None:
        data.pop(last, None)
    elif way:
        if not isinstance(data.get(way[0]), dict):
            data[way[0]] = {}
        put(data[way[0]], path[1:], value)
    else:
        data[last] = value


def mistakes(model: type[BaseModel], data: Json, sheets: Sequence[Sheet]) -> dict[str, str]:
    """What is wrong with the document, by the field where it stands; by nothing what is wrong with the whole."""
    try:
        model.model_validate(plain(data))
    except ValidationError as error:
        return {_field([*one["loc"]], sheets, data): in_words(one) for one in error.errors()}
    return {}


def in_words(one: ErrorDetails) -> str:
    """What is wrong with a field, as somebody reads it who typed it."""
    if one["type"] == "string_pattern_mismatch":
        capitals = "A-Z" in str(one.get("ctx", {}).get("pattern"))
        return "capital letters, as EUR" if capitals else "small letters, digits and - or _, and no blanks"
    return WORDS.get(one["type"]) or one["msg"].removeprefix("Value error, ")


def _field(loc: Sequence[int | str], sheets: Sequence[Sheet], data: Json) -> str:
    for sheet in sheets:
        depth = len(sheet.path)
        if tuple(loc[:depth]) == sheet.path and len(loc) > depth:
            rest = [str(one) for one in loc[depth + 1 :]]
            names = [column.name for column in sheet.columns]
            name = next(
                (one for one in names if one == ".".join(rest) or one.split(".")[0] == "".join(rest[:1])),
                names[0],
            )
            row = list(_at(data, sheet.path)).index(loc[depth]) if sheet.keyed else loc[depth]
            return f"{sheet.key}.{row}.{name}"
    return ".".join(map(str, loc))


def _at(data: Json, path: Sequence[str]) -> Json:
    for one in path:
        data = data.get(one) if isinstance(data, dict) else None
    return data


def _text(value: Json) -> str:
    if isinstance(value, list | tuple):
        return ", ".join(map(str, value))
    return "" if value is None else written(value)


def written(value: object) -> str:
    """As somebody would type it: 14, where a number is 14.0."""
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


def _value(text: str, column: Column) -> Json:
    """None: it is left out. What should be a number and is none stays as it was typed, to be told so."""
    if not text:
        return None
    if column.kind == "list":
        return [one.strip() for one in text.split(",") if one.strip()]
    if column.kind == "number":
        return number(text)
    return text


def number(text: str) -> Json:
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text
