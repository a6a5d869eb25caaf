"""What is looked for of a person in texts that are not theirs, and what stands there afterwards. Pure.

Addresses, handles and telephone numbers are told from what merely contains them: `joann@shop.example` is not `ann@shop.example`. A
short number, as `17`, could be anything: it is looked for only beside its kind. Names are many people's, and go only where
something else says that it is this person.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from urllib.parse import quote

TELLS = 5  # characters of a number of a system that is looked for by itself
DIGITS = 8  # of a telephone number, from its end, by which it is found however it is written
# Where a value may begin: not within a longer one, but after an escape of JSON (\n) or of an address (%20)
BEGINS = r"(?:(?<![\w.+-])|(?<=%[0-9A-Fa-f]{2})|(?<=\\[nrtbf]))"
ENDS = r"(?![\w-]|[.@]\w)"
LITERAL = re.compile(r'"(?:[^"\\]|\\.)*"')  # a text in JSON
BETWEEN = r"[\s()/.\-]{0,3}"


@dataclass(frozen=True)
class Needles:
    """One person, as they are looked for."""

    identifiers: tuple[tuple[str, str], ...]  # kind and value
    names: tuple[str, ...]
    tag: str  # of this erasure, telling it from others
    exchanged: tuple[tuple[str, str], ...] = ()  # whatever else takes another's place, letter by letter

    @property
    def mark(self) -> str:
        """What stands in their place."""
        return f"[erased {self.tag}]"

    @cached_property
    def rough(self) -> list[str]:
        """What stands in any text, in small letters, that has one of them: for the database, that then gives it out."""
        found = {
            form.lower()
            for kind, value in self.identifiers
            if kind != "phone"
            for form in _forms(kind, value)
        }
        return sorted(found | {was for was, _ in self.exchanged})

    @cached_property
    def digits(self) -> list[str]:
        """The ends of telephone numbers, which stand in any text without blanks and signs that has one of them."""
        return sorted({end for kind, value in self.identifiers if kind == "phone" for end in _ends(value)})

    @cached_property
    def _sure(self) -> re.Pattern[str]:
        forms = [_pattern(kind, value) for kind, value in self.identifiers if alone(kind, value)]
        forms += [re.escape(was) for was, _ in self.exchanged]
        return re.compile("|".join(sorted(forms, key=len, reverse=True)) or r"(?!)", re.IGNORECASE)

    @cached_property
    def _beside(self) -> Sequence[re.Pattern[str]]:
        """Those that are too short to be told without their kind, with what stands before them."""
        short = [(kind, value) for kind, value in self.identifiers if not alone(kind, value)]
        kinds = r'((?<!\w)%s\\?"?\s?:\s?\\?"?)%s(?!\w)'
        return [
            re.compile(kinds % (re.escape(kind), re.escape(value)), re.IGNORECASE) for kind, value in short
        ]

    @cached_property
    def _named(self) -> re.Pattern[str]:
        told = [name for name in self.names if len(name) >= TELLS and " " in name.strip()]
        return re.compile(
            "|".join(rf"(?<!\w){re.escape(name)}(?!\w)" for name in told) or r"(?!)", re.IGNORECASE
        )

    def stand_in(self, text: str) -> bool:
        return any(one.search(text) for one in (self._sure, *self._beside))

    def out_of(self, text: str, named: bool = True) -> str:
        """The text without them. `named`: it is known to be about them, so that their name goes as well."""
        others = dict(self.exchanged)
        text = self._sure.sub(lambda found: others.get(found[0].lower(), self.mark), text)
        for one in self._beside:
            text = one.sub(lambda found: found[1] + self.mark, text)
        return self._named.sub(self.mark, text) if named else text

    def out_of_json(self, text: str, named: bool = True) -> str:
        """JSON without them, and otherwise byte for byte as it was: texts and fields' names, and a number where its field is called
        as its kind."""
        for numbered in self._numbered:
            text = numbered.sub(lambda found: f'{found[1]}"{self.mark}"', text)
        return LITERAL.sub(lambda found: self._literal(found[0], named), text)

    @cached_property
    def _numbered(self) -> Sequence[re.Pattern[str]]:
        kinds = r'("%s"\s*:\s*)(?:"%s"|%s(?![\d.eE]))'
        return [
            re.compile(kinds % (re.escape(kind), *2 * (re.escape(value),)))
            for kind, value in self.identifiers
        ]

    def _literal(self, literal: str, named: bool) -> str:
        text = json.loads(literal)
        made = self.out_of(text, named)
        return literal if made == text else json.dumps(made)


def needles(identifiers: Iterable[tuple[str, str]], names: Iterable[str], tag: str) -> Needles:
    return Needles(tuple(sorted(set(identifiers))), tuple(sorted(set(names))), tag)


def alone(kind: str, value: str) -> bool:
    """Whether a value is looked for by itself, and not only beside its kind."""
    return kind in ("email", "phone") or len(value) >= TELLS


def _forms(kind: str, value: str) -> Sequence[str]:
    """As it stands in plain text, in JSON in JSON, and in addresses."""
    if not alone(kind, value):
        return [
            f"{kind}:{value}",
            f'"{kind}": "{value}"',
            f'"{kind}":"{value}"',
            f'"{kind}": {value}',
            f'"{kind}":{value}',
        ]
    return list(dict.fromkeys((value, json.dumps(value)[1:-1], quote(value, safe=""))))


def _pattern(kind: str, value: str) -> str:
    if kind == "phone":
        return "|".join(_spelled(end) for end in _ends(value))
    return BEGINS + f"(?:{'|'.join(re.escape(form) for form in _forms(kind, value))})" + ENDS


def _ends(value: str) -> list[str]:
    digits = re.sub(r"\D", "", value)
    return [digits[-DIGITS:]] if len(digits) >= DIGITS else [digits]


def _spelled(end: str) -> str:
    """A number in any spelling: its last digits, whatever stands between them, and what stands before them."""
    return rf"(?<![\w])(?:%2B|\+)?(?:\d{BETWEEN}){{0,9}}{BETWEEN.join(end)}(?!\d)"
