"""How a body lies in its row: JSON without what is at its default, and big values set apart, once each, by their hash."""

from __future__ import annotations

import hashlib
import math
import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from pydantic import ValidationError
from pydantic_core import PydanticSerializationError, from_json, to_json

from remit.errors import JournalError, UnreadableEvent
from remit.journal.events import BIG, TYPES, AnyBody, Body, Event

Json = Any
DEEPEST = 100  # lists and objects in each other; the decoder stops at 200, and an event is around them
LONG = 2_000  # digits of a whole number; Python writes out no more than 4,300
SMALL = 1 << 63
TOO_DEEP = f"more than {DEEPEST} lists and objects stand in each other"
_HALF = re.compile("[\ud800-\udfff]")
_ZEROS = bytes.maketrans(b"123456789", b"000000000")
_RUN = b"0" * 100  # among digits made zeros: worth a closer look


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


def unkept(value: Json) -> str:
    """What in a value would not come back from a journal as it is: half characters, numbers that are none or have thousands
    of digits, a nesting without end. Empty where nothing would."""
    if _plain(value):
        return ""
    try:
        text = to_json(value, inf_nan_mode="constants")
        if text.count(b"[") + text.count(b"{") > DEEPEST:
            from_json(b"[" * DEEPEST + text + b"]" * DEEPEST)
        long = len(text) > LONG and _RUN in text.translate(_ZEROS)
        if not long and b"NaN" not in text and b"Infinity" not in text:
            return ""
    except ValueError:  # the encoder's own errors are
        pass
    return _unkept(value, 0)


def _plain(value: Json) -> bool:
    """Whether it is an object of texts in ASCII and small whole numbers, as the arguments of most calls are."""
    if value.__class__ is not dict:
        return False
    for name, one in value.items():
        its = one.__class__
        if its is str:
            plain = one.isascii()
        elif its is int:
            plain = -SMALL < one < SMALL
        else:
            plain = its is bool or one is None
        if not plain or name.__class__ is not str or not name.isascii():
            return False
    return True


def _unkept(value: Json, depth: int) -> str:
    if isinstance(value, str):
        return "half a character is not JSON" if _HALF.search(value) else ""
    if isinstance(value, float):
        return "" if math.isfinite(value) else f"{value} is not JSON"
    if isinstance(value, int) or value is None:
        return "a number has thousands of digits" if value and value.bit_length() > 3.3 * LONG else ""
    if not isinstance(value, Mapping | list | tuple):
        return f"{type(value).__name__} is not JSON"
    if depth >= DEEPEST:
        return TOO_DEEP
    inner = (part for pair in value.items() for part in pair) if isinstance(value, Mapping) else value
    return next((why for part in inner if (why := _unkept(part, depth + 1))), "")


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
