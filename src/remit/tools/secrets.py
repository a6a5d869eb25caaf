"""Secrets as references: `secret:NAME` (kept by `remit secrets set`), `env:NAME`, `file:PATH`.

An agent's spec, a run's journal and a model know the reference. A tool gets the value when it asks for it, and
whatever comes back from a tool of that agent, a result or an error, has it replaced by `[secret NAME]` before anybody else
sees it: as it is, in base64, hexadecimal, percent-encoding, JSON and HTML. That is for echoes: who is given a secret can
say it backwards too.
"""

from __future__ import annotations

import base64
import html
import json
import os
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote, quote_plus, unquote, urlsplit

from pydantic_core import to_json

from remit.errors import UserError

Json = Any
SHORTEST = 6  # characters of a value that is hidden: a shorter one stands in too much that is none
LONGEST = 64_000  # bytes of a file
_REFERENCE = re.compile(r"(?:^|(?<=\s))(?:secret|env|file):\S+")


def references(text: str) -> list[str]:
    """The references in a text: the whole of it, or words of it, as in `Bearer secret:CRM`."""
    return _REFERENCE.findall(text)


def name_of(reference: str) -> str:
    """What it is called where people see it."""
    kind, _, name = reference.partition(":")
    return Path(name).name if kind == "file" else name


@dataclass(eq=False)
class Secrets:
    """The secrets that one agent's spec names; no other can be had by its tools."""

    named: frozenset[str]  # references
    sealed: Mapping[str, bytes] = field(default_factory=dict)  # of `secret:` ones, by name
    unseal: Callable[[str, bytes], str] | None = None
    # Settings that may be no secrets, as `$SHOP_URL`: of those only what has a password in it is hidden
    perhaps: frozenset[str] = frozenset()
    _opened: dict[str, str] = field(default_factory=dict)
    _forms: list[tuple[str, str]] | None = None  # what is to be hidden, and by what; the longest first

    def __repr__(self) -> str:
        return f"Secrets({', '.join(sorted(self.named))})"

    def open(self, reference: str) -> str:
        """The value. Raises UserError where the agent does not name it, or it cannot be had."""
        if reference in self._opened:
            return self._opened[reference]
        if reference not in self.named:
            raise UserError(f"{reference} is not among what this agent's spec names")
        kind, _, name = reference.partition(":")
        value = {"secret": self._kept, "env": _from_environment, "file": _from_file}[kind](name)
        if len(value) < SHORTEST and reference not in self.perhaps:
            raise UserError(f"{reference} has fewer than {SHORTEST} characters, too few to be hidden")
        self._opened[reference] = value
        return value

    def expand(self, text: str) -> str:
        """The text with the values in place of its references. Raises UserError."""
        return _REFERENCE.sub(lambda found: self.open(found[0]), text)

    def hide(self, value: Any) -> Any:
        """JSON, text or bytes with `[secret NAME]` in place of each value."""
        if isinstance(value, bytes | bytearray):
            return self._hidden_bytes(bytes(value))
        if isinstance(value, str):
            return self._hidden(value)
        written = to_json(value, fallback=str)
        found = any(to_json(form)[1:-1] in written for form, _ in self._all())
        return self._walked(value) if found else value

    def trim(self, data: bytes) -> bytes:
        """Without the beginning of a value at the end of what was cut off there."""
        for form, _ in self._all():
            raw = form.encode()
            for size in range(min(len(raw) - 1, len(data)), 3, -1):
                if data.endswith(raw[:size]):
                    return data[:-size]
        return data

    def _hidden(self, text: str) -> str:
        for form, label in self._all():
            if form in text:
                text = text.replace(form, label)
        return text

    def _hidden_bytes(self, data: bytes) -> bytes:
        for form, label in self._all():
            data = data.replace(form.encode(), label.encode())
        return data

    def _walked(self, value: Json) -> Json:
        if isinstance(value, str):
            return self._hidden(value)
        if isinstance(value, Mapping):
            return {self._hidden(str(key)): self._walked(part) for key, part in value.items()}
        if isinstance(value, list | tuple):
            return [self._walked(part) for part in value]
        if isinstance(value, int | float) and not isinstance(value, bool):
            text = str(value)
            return value if (hidden := self._hidden(text)) == text else hidden
        return value

    def _all(self) -> list[tuple[str, str]]:
        if self._forms is None:
            found: dict[str, str] = {}
            for reference in sorted(self.named):
                try:
                    value = self.open(reference)
                except UserError:  # nobody has got it either
                    continue
                for form in _forms_of(value, reference in self.perhaps):
                    found.setdefault(form, f"[secret {name_of(reference)}]")
            self._forms = sorted(found.items(), key=lambda one: -len(one[0]))
        return self._forms

    def _kept(self, name: str) -> str:
        if name not in self.sealed or self.unseal is None:
            raise UserError(f"there is no secret {name!r}: remit secrets set {name}")
        return self.unseal(name, self.sealed[name])


class Resources(Mapping[str, Any]):
    """An agent's resources; a reference among them becomes its value for whoever asks for that resource."""

    def __init__(self, given: Mapping[str, Any], secrets: Secrets) -> None:
        self._given, self._secrets = given, secrets

    def __getitem__(self, name: str) -> Any:
        value = self._given[name]
        return self._secrets.expand(value) if isinstance(value, str) and references(value) else value

    def __iter__(self) -> Iterator[str]:
        return iter(self._given)

    def __len__(self) -> int:
        return len(self._given)


def _from_environment(name: str) -> str:
    if not (value := os.environ.get(name)):
        raise UserError(f"{name} is not set in the environment")
    return value


def _from_file(name: str) -> str:
    try:
        with Path(name).expanduser().open("rb") as file:
            data = file.read(LONGEST + 1)
        text = data.decode().removesuffix("\n").removesuffix("\r")
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"the secret in {name} cannot be read: {error}") from error
    if len(data) > LONGEST:
        raise UserError(f"{name} has more than {LONGEST:,} bytes; that is no secret")
    return text


def _forms_of(value: str, perhaps: bool) -> Iterator[str]:
    """The ways in which a value is likely to be said again, those that are long enough to be told from other text."""
    parts = [] if perhaps else [value]
    try:
        password = urlsplit(value).password if "://" in value else None
    except ValueError:
        password = None
    if password:
        parts = [value, password, unquote(password)]
    for part in parts:
        raw = part.encode()
        forms = [part, quote(part, safe=""), quote(part), quote_plus(part), html.escape(part)]
        forms += [form.replace("%2F", "%2f") for form in forms[1:3]]
        forms += [
            json.dumps(part)[1:-1],
            json.dumps(part, ensure_ascii=False)[1:-1],
            raw.hex(),
            raw.hex().upper(),
        ]
        forms += repr(part)[1:-1], *_base64(raw)
        yield from (form for form in forms if len(form) >= SHORTEST)


def _base64(raw: bytes) -> Iterator[str]:
    """The characters that are the same wherever the value stands in what was encoded: as `user:value` too."""
    for shift in range(3):
        whole = base64.b64encode(bytes(shift) + raw).decode().rstrip("=")
        core = whole[(0, 2, 3)[shift] : len(whole) if (shift + len(raw)) % 3 == 0 else -1]
        yield core
        yield core.replace("+", "-").replace("/", "_")
