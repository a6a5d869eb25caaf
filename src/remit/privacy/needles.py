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
from string import ascii_lowercase, ascii_uppercase
from urllib.parse import quote

TELLS = 5  # characters of a number of a system that is looked for by itself
DIGITS = 8  # of a telephone number, from its end, by which it is found however it is written
# Where a value may begin: not within a longer one, but after an escape of JSON (\n) or of an address (%20)
BEGINS = r"(?:(?<![\w.+-])|(?<=%[0-9A-Fa-f]{2})|(?<=\\[nrtbf]))"
ENDS = r"(?![\w-]|[.@]\w)"
LITERAL = re.compile(r'"(?:[^"\\]|\\.)*"')  # a text in JSON
LIKE = re.compile(r"([%_\\])")  # what means something in a pattern of LIKE
BEFORE = r"\\\1"
PLAIN = re.compile(r"[a-z0-9]+")
# The same in small letters, for what is still in JSON, and loosely: as Python and PostgreSQL read it alike
BEGUN = r"(?:^|[^a-z0-9]|%[0-9a-f]{2}|\\[nrtbf]|\\u[0-9a-f]{4})"
ENDED = r"(?:$|[^a-z0-9])"
BESIDE = r"(?:[^a-z0-9]|\\[nrt])*"
SPELLED = 14  # characters that one takes at most, as in JSON in JSON
LONGEST = 255  # that a pattern of PostgreSQL counts to
SMALL = str.maketrans(ascii_uppercase, ascii_lowercase)
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
        """Patterns of LIKE that any text in small letters fits which has one of them, however it is written there: all but plain letters
        and digits may be anything. For the database, that gives out what may tell of them, and little else."""
        found = {
            like
            for kind, value in self.identifiers
            if kind != "phone"
            for like in _likes("" if alone(kind, value) else kind, value)
        }
        return sorted(found | {f"%{was}%" for was, _ in self.exchanged})

    @cached_property
    def close(self) -> str:
        """A regular expression, PostgreSQL's as well, for those that fit `rough`: in small letters every text fits it which has one of them."""
        found = [(BEGUN if begins else "") + form for begins, form in self._loosely]
        return "|".join(found) or "(?!)"

    @cached_property
    def _loosely(self) -> list[tuple[bool, str]]:
        """Each in any spelling, and whether it must begin where a value may."""
        told = [one for one in self.identifiers if one[0] != "phone"]
        found = {one for kind, value in told for one in _loose("" if alone(kind, value) else kind, value)}
        return sorted(found | {(False, was) for was, _ in self.exchanged})

    @cached_property
    def digits(self) -> list[str]:
        """The ends of telephone numbers, which stand in any text without blanks and signs that has one of them."""
        return sorted({_end(value) for kind, value in self.identifiers if kind == "phone"})

    def may_stand_in(self, text: str) -> bool:
        """The same of a text at hand: no means no."""
        small = text.lower()
        return any(one.search(small) for one in (*self._near, *self._dialled))

    @cached_property
    def _near(self) -> list[re.Pattern[str]]:
        """Without their beginnings: what begins with plain letters is looked for much faster."""
        return [re.compile(form, re.DOTALL) for _, form in self._loosely]

    @cached_property
    def _dialled(self) -> list[re.Pattern[str]]:
        return [re.compile(BETWEEN.join(one)) for one in self.digits]

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
        return self.may_stand_in(text) and any(one.search(text) for one in (self._sure, *self._beside))

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


def _part(value: str) -> str:
    """The longest part that stands in every spelling; empty where there is none to speak of, as in other alphabets."""
    longest = max(PLAIN.findall(value.lower()) or [""], key=len)
    return longest if len(longest) > 1 or longest == value.lower() else ""


def _likes(kind: str, value: str) -> list[str]:
    if _part(value):
        return ["%".join(("", *PLAIN.findall(kind), *PLAIN.findall(value.lower()), ""))]
    return [f"%{LIKE.sub(BEFORE, form)}%" for form in _foreign(value)]


def _loose(kind: str, value: str) -> list[tuple[bool, str]]:
    if not _part(value):
        return [(False, re.escape(form)) for form in _foreign(value)]
    beside = BESIDE.join((*PLAIN.findall(kind), "")) if kind else ""
    before, *parts, after = re.split(f"({PLAIN.pattern})", value.lower())
    between = (f"[^a-z0-9].{{0,{min(LONGEST, SPELLED * len(gap) - 1)}}}" for gap in parts[1::2])
    form = "".join(one for pair in zip(parts[::2], (*between, ""), strict=True) for one in pair)
    return [(not before, beside + form + ("" if after else ENDED))]


def _foreign(value: str) -> list[str]:
    """In other alphabets, of which a database makes small letters or not: as names and as shouts as well."""
    spelled = (form for one in (value, value.lower(), value.title(), value.upper()) for form in _forms(one))
    return list(dict.fromkeys(form.translate(SMALL) for form in spelled))


def _forms(value: str) -> Sequence[str]:
    """As it stands in plain text, in JSON in JSON, and in addresses."""
    return list(dict.fromkeys((value, json.dumps(value)[1:-1], quote(value, safe=""))))


def _pattern(kind: str, value: str) -> str:
    if kind == "phone":
        return _spelled(_end(value))
    return BEGINS + f"(?:{'|'.join(re.escape(form) for form in _forms(value))})" + ENDS


def _end(value: str) -> str:
    return re.sub(r"\D", "", value)[-DIGITS:]


def _spelled(end: str) -> str:
    """A number in any spelling: its last digits, whatever stands between them, and what stands before them."""
    return rf"(?<![\w])(?:%2B|\+)?(?:\d{BETWEEN}){{0,9}}{BETWEEN.join(end)}(?!\d)"
