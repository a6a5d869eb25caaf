"""From an event as another system has it to rows of the graph, by what an intake says. Pure.

A value of the mapping is a JSON pointer into the event (RFC 6901) where it begins with a slash, computed where it is CEL, and else
meant as it stands. What is not there, or is null, is left out of the row; whether the row is one then is for the graph to say.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cache, lru_cache
from typing import TYPE_CHECKING, Any

from cel_expr_python import cel
from pydantic_core import to_json

from remit.errors import UserError
from remit.graph.rows import Wrong

if TYPE_CHECKING:
    from remit.intake.spec import Intake, Value

Json = Any
INSIDE = (
    "properties",
    "attributes",
    "identifiers",
    "account",
)  # fields of a row that have fields of their own
NOTHING = object()


@dataclass(frozen=True, slots=True)
class Came:
    """What came at once. `key`: by which the sender knows it; `at`: when."""

    body: Json
    key: str
    at: datetime


@cache
def _environment() -> Any:
    names = {"event": cel.Type.DYN, "body": cel.Type.DYN, "delivery": cel.Type.STRING}
    return cel.NewEnv(variables=names)


@lru_cache(maxsize=1024)
def compiled(text: str) -> Any:
    """Raises UserError for what cannot be read."""
    try:
        return _environment().compile(text)
    except (RuntimeError, ValueError) as error:
        said = " ".join(str(error).split())
        raise UserError(f"cannot be read; it may use `event`, `body` and `delivery`: {said[:300]}") from error


@lru_cache(maxsize=1024)
def pointer(text: str) -> tuple[str, ...]:
    """The steps of a JSON pointer. Raises UserError."""
    if not text.startswith("/"):
        raise UserError(f"{text!r} is no JSON pointer: write it as /data/customer/email")
    return tuple(step.replace("~1", "/").replace("~0", "~") for step in text[1:].split("/"))


def at(value: Json, where: str) -> Json:
    """What stands there; NOTHING where nothing does."""
    for step in pointer(where):
        if isinstance(value, Mapping) and step in value:
            value = value[step]
        elif isinstance(value, list) and step.isascii() and step.isdigit() and int(step[:9]) < len(value):
            value = value[int(step[:9])]
        else:
            return NOTHING
    return value


def rows_of(intake: Intake, came: Came) -> list[tuple[int, Json]]:
    """The rows that it means, by their number in it: objects, or Wrong where the mapping itself cannot be done."""
    return [(number, made) for number, made in enumerate(_rows(intake, came)) if made is not None]


def _rows(intake: Intake, came: Came) -> Iterator[Json]:
    """None for an event that concerns nobody."""
    events = at(came.body, intake.each) if intake.each else came.body
    if events is NOTHING or (intake.each and not isinstance(events, list)):
        yield Wrong("each", f"there is no list at {intake.each}", _shown(came.body))
        return
    for number, event in enumerate(events if intake.each else (events,)):
        try:
            yield _row(intake, came, event, number)
        except UserError as error:
            yield Wrong("", str(error), _shown(event))


def _row(intake: Intake, came: Came, event: Json, number: int) -> Json:
    """Raises UserError."""
    told = {"event": event, "body": came.body, "delivery": came.key}
    if intake.when and (holds := _worked_out(intake.when, "when", told)) is not True:
        if holds is not False:
            raise UserError("when: is no yes or no")
        return None
    first = {"id": f"{came.key}#{number}" if intake.each else came.key, "at": came.at.isoformat()}
    row: dict[str, Json] = first if intake.webhook else {}
    for field, value in intake.row.items():
        if isinstance(value, dict):
            inner = {name: _value(one, f"{field}.{name}", told) for name, one in value.items()}
            row[field] = {name: one for name, one in inner.items() if one is not NOTHING}
        elif (found := _value(value, field, told)) is not NOTHING:
            row[field] = found
        else:
            row.pop(field, None)
    return row


def _value(value: Value, field: str, told: Mapping[str, Json]) -> Json:
    if isinstance(value, str):
        found = at(told["event"], value) if value.startswith("/") else value
    elif isinstance(value, bool | int | float):
        found = value
    else:
        found = _worked_out(value.cel, field, told)
    return NOTHING if found is None else found


def _worked_out(text: str, field: str, told: Mapping[str, Json]) -> Json:
    try:
        result = compiled(text).eval(data=dict(told))
        value = result.plain_value()
    except (RuntimeError, ValueError, TypeError) as error:
        raise UserError(f"{field}: could not be worked out: {str(error).splitlines()[0][:300]}") from error
    if result.type() == cel.Type.ERROR:  # as `NOT_FOUND: Key not found in map : "x"`
        said = str(value).partition(": ")[2] or str(value)
        raise UserError(f"{field}: could not be worked out: {said[:300]}")
    return value


def _shown(event: Json) -> str:
    return to_json(event, inf_nan_mode="strings", fallback=str).decode()
