"""From whatever a tool returned to a JSON value that the journal, PostgreSQL and a model can take."""

from __future__ import annotations

import dataclasses
import enum
import json
import math
import re
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from ipaddress import IPv4Address, IPv6Address
from pathlib import PurePath
from typing import Any
from uuid import UUID

from pydantic import BaseModel
from pydantic_core import from_json, to_json

from remit.errors import ToolFault
from remit.tools.folder import create

Json = Any
LIMIT = 1_000_000  # characters of JSON that a result may have inline
HEAD = 16_000  # characters that are kept inline of a longer one
KEPT = 256_000_000  # characters of a longer one that are kept in the run's folder
DEPTH = 100
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")  # neither PostgreSQL nor UTF-8 takes these
_ZEROS = bytes.maketrans(b"123456789", b"000000000")
_LONG = b"0" * 19  # among digits made zeros: perhaps a number that has more than 63 bits
_NOT_PLAIN = object()


class TooLarge(Exception):
    """The value has more than `limit` characters as JSON."""


@dataclasses.dataclass(slots=True)
class _Walk:
    """One conversion: what it may still spend, and what to do with a type it does not know."""

    limit: float
    unknown: Callable[[Any], Json]
    spent: int = 0

    def convert(self, value: Any, depth: int = 0) -> Json:
        if depth > DEPTH:
            raise ToolFault(
                f"a tool returned a value nested deeper than {DEPTH} levels, or one that holds itself"
            )
        if isinstance(value, enum.Enum):
            value = value.value
        if value is None or isinstance(value, bool):
            return self._pay(5, value)
        if isinstance(value, str):
            text = text_of(value)
            return self._pay(len(text) + 3, text)
        if isinstance(value, int | float | Decimal):
            number = _number(value)
            return self._pay(len(number) + 3 if isinstance(number, str) else 12, number)
        if isinstance(value, Mapping):
            return {self._key(key): self.convert(part, depth + 1) for key, part in value.items()}
        if isinstance(value, list | tuple | set | frozenset | deque):
            self._pay(2, None)
            return [self.convert(part, depth + 1) for part in value]
        return self._other(value, depth)

    def _pay(self, cost: int, value: Json) -> Json:
        self.spent += cost
        if self.spent > self.limit:
            raise TooLarge
        return value

    def _key(self, key: Any) -> str:
        text = text_of(key if isinstance(key, str) else str(key))
        self._pay(len(text) + 4, None)
        return text

    def _other(self, value: Any, depth: int) -> Json:
        if isinstance(value, bytes | bytearray | memoryview):
            return self.convert(_decoded(bytes(value)), depth + 1)
        if isinstance(value, datetime | date | time):
            return self._pay(32, value.isoformat())
        if isinstance(value, timedelta):
            return self._pay(12, value.total_seconds())
        if isinstance(value, UUID | PurePath | IPv4Address | IPv6Address):
            return self.convert(str(value), depth)
        if isinstance(value, BaseModel):
            return self.convert(value.model_dump(), depth + 1)
        if dataclasses.is_dataclass(value) and not isinstance(value, type):
            parts = {part.name: getattr(value, part.name) for part in dataclasses.fields(value)}
            return self.convert(parts, depth + 1)
        return self.convert(self.unknown(value), depth + 1)


def safe(value: Any, *, limit: float = math.inf, unknown: Callable[[Any], Json] | None = None) -> Json:
    """`value` as JSON that can be stored: NaN and infinities are null, dates ISO 8601, a Decimal a number where
    that is exact and else a string, bytes text (flagged where they are not UTF-8), NUL and lone surrogates
    replaced, data classes and pydantic models objects.

    Raises TooLarge past `limit` characters; ToolFault for a type that has no JSON form, unless `unknown` gives one.
    """
    plain = _plain(value, limit)
    if plain is not _NOT_PLAIN:
        return plain
    return _Walk(limit, unknown or _refuse).convert(value)


def _plain(value: Any, limit: float) -> Json:
    """A copy of what is JSON as it stands, by way of the encoder, which is thirty times as fast as a walk; _NOT_PLAIN
    for whatever needs a closer look: what does not come back as it was is no JSON."""
    if type(value) is str:
        return text_of(value) if len(value) + 3 <= limit else _NOT_PLAIN
    try:
        text = to_json(value, inf_nan_mode="null")
        if (
            len(text) > limit or b"\\u0000" in text or _LONG in text.translate(_ZEROS)
        ):  # what is too long is for the walk to say exactly
            return _NOT_PLAIN
        copy = from_json(text)
        return copy if copy == value else _NOT_PLAIN
    except (TypeError, ValueError, RecursionError):  # the encoder's own errors are ValueErrors
        return _NOT_PLAIN


def text_of(value: str) -> str:
    """`value` with what cannot be stored replaced: NUL by its symbol, lone surrogates by U+FFFD."""
    if value.isascii() and "\0" not in value:
        return str(value)
    return _UNSTORABLE.sub(lambda found: "\u2400" if found[0] == "\0" else "\ufffd", value)


def keep(value: Any, root: Any, call_id: str) -> Json:
    """Store a result that is too long inline in the run's folder `root`, and return what stands for it:
    `{"truncated": true, "bytes": n, "file": path, "head": text, "note": what to do}`.

    Text is stored as it is, bytes too, anything else as JSON with one item of a list a line. Blocks; never
    raises for a full disk: the effect has happened, so its outcome must still be recorded.
    """
    kind = "txt" if isinstance(value, str | bytes | bytearray) else "json"
    path = f"results/{re.sub(r'[^A-Za-z0-9_-]', '_', call_id)[:80] or 'result'}.{kind}"
    head, size, kept = bytearray(), 0, 0
    note = "read the rest with files_read"
    try:
        with create(root, path) as file:
            for piece in _pieces(value):
                size += len(piece)
                if len(head) < HEAD:
                    head += piece[: HEAD - len(head)]
                if kept + len(piece) <= KEPT:
                    kept += file.write(piece)
            file.commit()
    except OSError as error:
        size = sum(len(piece) for piece in _pieces(value))
        path, note = "", f"the rest could not be kept: {error.strerror or error}"
    marker: dict[str, Json] = {"truncated": True, "bytes": size, "file": path}
    marker["head"] = text_of(bytes(head).decode("utf-8", "replace"))
    marker["note"] = note if kept == size or not path else f"{note}; only its first {kept} bytes are kept"
    return marker


def is_kept(result: Json) -> bool:
    """Whether this stands for a longer result, of which only the beginning is seen."""
    return (
        isinstance(result, Mapping) and result.get("truncated") is True and {"bytes", "head"} <= result.keys()
    )


def _pieces(value: Any) -> Iterator[bytes]:
    """The value's bytes in pieces of about 1 MB, so that 50 MB are never there thrice."""
    if isinstance(value, str | bytes | bytearray):
        for start in range(0, len(value), LIMIT):
            piece = value[start : start + LIMIT]
            yield piece.encode("utf-8", "replace") if isinstance(piece, str) else bytes(piece)
        return
    yield from _encoded(safe(value), 0)


def _encoded(value: Json, depth: int) -> Iterator[bytes]:
    """JSON in pieces; the first two levels of nesting have a line an item, so that files tools can page."""
    if depth < 2 and isinstance(value, list | dict) and value:
        pairs: Any = value.items() if isinstance(value, dict) else ((None, part) for part in value)
        yield b"{" if isinstance(value, dict) else b"["
        for index, (key, part) in enumerate(pairs):
            start = ",\n" if index else ""
            yield (start if key is None else f"{start}{_dumps(key)}:").encode()
            yield from _encoded(part, depth + 1)
        yield b"}" if isinstance(value, dict) else b"]"
        return
    text = _dumps(value)
    for start_at in range(0, len(text), LIMIT):
        yield text[start_at : start_at + LIMIT].encode("utf-8")


def _dumps(value: Json) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)


def _number(value: int | float | Decimal) -> Json:
    if isinstance(value, int):
        if value.bit_length() <= 63:
            return int(value)
        return str(value) if value.bit_length() <= 4096 else hex(value)  # str() is quadratic, and limited
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else None
    if not value.is_finite():
        return None
    if value == value.to_integral_value() and abs(value) < 2**53:
        return int(value)
    near = float(value)
    return near if math.isfinite(near) and Decimal(repr(near)) == value else str(value)


def _decoded(value: bytes) -> Json:
    try:
        return value.decode("utf-8")
    except UnicodeDecodeError:
        return {"text": value.decode("utf-8", "replace"), "bytes": len(value), "invalid_utf8": True}


def _refuse(value: Any) -> Json:
    kind = f"{type(value).__module__}.{type(value).__qualname__}"
    raise ToolFault(
        f"a tool returned a {kind}, which has no JSON form: return text, numbers, lists, dicts, a data class "
        "or a pydantic model"
    )
