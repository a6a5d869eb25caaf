"""How a body lies in its row: JSON without what is at its default, and big values set apart, once each, by their hash."""

from __future__ import annotations

import hashlib
from datetime import datetime
from typing import Any
from uuid import UUID

from pydantic import ValidationError
from pydantic_core import PydanticSerializationError, from_json, to_json

from remit.errors import JournalError, UnreadableEvent
from remit.journal.events import BIG, TYPES, AnyBody, Body, Event

Json = Any


def stored(body: AnyBody) -> tuple[str, dict[bytes, bytes]]:
    """The body as its row has it, and what is set apart from it: blobs {sha256: JSON}."""
    text = encode(body)
    if body.type not in ALWAYS_APART and len(text) <= BIG // 4:  # a character has four bytes at the most
        return text, {}
    apart, blobs = set_apart(body)
    return (encode(apart), blobs) if blobs else (text, {})


def encode(body: Body) -> str:
    """JSON without what is at its default. Lone surrogates, which no database takes, become U+FFFD."""
    try:
        return body.model_dump_json(exclude_defaults=True, exclude={"type"}, warnings=not body.big)
    except PydanticSerializationError:
        clean = scrub(
            body.model_dump(exclude_defaults=True, exclude={"type"}, mode="python", warnings=not body.big)
        )
        return to_json(clean).decode()


def scrub(value: Json) -> Json:
    """`value` with every string made valid Unicode."""
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode()
    if isinstance(value, dict):
        return {scrub(key): scrub(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [scrub(item) for item in value]
    return value


def decode(run: UUID, seq: int, at: datetime, type_: str, body: str) -> Event:
    """Raises UnreadableEvent for a type that this version does not know, or a body that does not fit it."""
    cls = TYPES.get(type_)
    if cls is None:
        raise UnreadableEvent(f"run {run}, event {seq}: type {type_!r} is not known here; upgrade Remit")
    try:
        made = _with_hashes(cls, from_json(body)) if '"big":' in body else cls.model_validate_json(body)
        return Event(run, seq, at, made)  # type: ignore[arg-type]
    except ValidationError as error:
        raise UnreadableEvent(f"run {run}, event {seq} ({type_}): {error.errors()[0]['msg']}") from error


def _with_hashes(cls: type[Body], plain: dict[str, Json]) -> Body:
    """A body that may have hashes in place of values. They need not fit the type of their field, and stand in it unchecked
    until the value is put back."""
    hashes = {
        name: plain.pop(name) for name in plain.get("big", ()) if not cls.model_fields[name].is_required()
    }
    return cls.model_validate_json(to_json(plain)).model_copy(update=hashes)


MAY_BE_BIG = {
    "started": ("spec", "goal", "inputs", "quoted", "task"),
    "delegated": ("spec",),
    "answered": ("text", "calls", "data"),
    "judged": ("records",),
    "acted": ("result",),
    "asked": ("text",),
    "compacted": ("summary",),
    "finished": ("report", "output"),
}
ALWAYS_APART = {
    "started": "spec",
    "delegated": "spec",
}  # the same for every run of an agent: one blob serves them all


def set_apart(body: AnyBody) -> tuple[Body, dict[bytes, bytes]]:
    """Replace big fields by their hash. Returns what to store and the blobs {sha256: JSON}."""
    blobs: dict[bytes, bytes] = {}
    changed: dict[str, Json] = {}
    for name in MAY_BE_BIG.get(body.type, ()):
        value = getattr(body, name)
        always = ALWAYS_APART.get(body.type) == name
        if not always and is_small(value):
            continue
        try:
            raw = to_json(value)
        except PydanticSerializationError:
            raw = to_json(scrub(value))
        if always or len(raw) > BIG:
            digest = hashlib.sha256(raw).digest()
            blobs[digest] = raw
            changed[name] = digest.hex()
    if not changed:
        return body, blobs
    return body.model_copy(update={**changed, "big": tuple(changed)}), blobs


def is_small(value: Json) -> bool:
    """Surely under BIG when written as JSON, without writing it."""
    if isinstance(value, str):
        return len(value) * 6 < BIG
    return (
        value is None
        or isinstance(value, bool | int | float)
        or (isinstance(value, list | dict) and not value)
    )


def put_back(event: Event, found: dict[bytes, bytes]) -> Event:
    if not event.body.big:
        return event
    values = {}
    for name in event.body.big:
        raw = found.get(bytes.fromhex(getattr(event.body, name)))
        if raw is None:
            raise JournalError(f"run {event.run}, event {event.seq}: the stored value of {name!r} is missing")
        values[name] = from_json(raw)
    fields = {name: getattr(event.body, name) for name in type(event.body).model_fields}
    body = type(event.body).model_validate({**fields, **values, "big": ()})
    return Event(event.run, event.seq, event.at, body)
