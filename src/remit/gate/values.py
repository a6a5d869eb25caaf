"""The semantic types of values, each with one canonical form: two spellings of the same thing are equal, two things are not.

Pure and total. `email`, `phone`, `account`, `url`, `path`, `amount`, `person`, `id:<record>`; any other kind is text.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache
from typing import Any

from remit.gate import accounts, addresses, numbers
from remit.gate.unseen import as_seen, has_unseen, hidden

Json = Any
REMEMBERED = 300  # characters of a value whose form is worth remembering
FOLDED = 4_000  # and of a text that is searched


def canonical(kind: str, value: Json) -> str | None:
    """The one form of a value of this kind; None where it is no such thing. Never raises."""
    kind = "id" if kind.startswith("id:") else kind
    if isinstance(value, str):
        if kind == "email" and "@" not in value and value.isascii():
            return None
        return _remembered(kind, value) if len(value) <= REMEMBERED else _form(kind, value)
    if isinstance(value, bool):
        return str(value).lower() if kind not in _FORMS else None
    if not isinstance(value, int | float) or kind in ("email", "url", "path"):
        return None
    if kind == "amount":
        return numbers.amount_of(value)
    plain = numbers.amount_of(value)  # 50.0 stands as 50 in what people write
    return plain and _form(kind, plain)


def found(kind: str, text: str) -> frozenset[str]:
    """Every value of that kind in a text, in canonical form, each as long as it stands there.

    An amount with a currency is found without it too. Of names and of kinds without a form of their own nothing
    can be picked out: the whole text is what is found; `stands` says whether a known one is in it.
    """
    kind = "id" if kind.startswith("id:") else kind
    text = as_seen(text)
    text = _MARKER.sub(" ", text) if kind == "amount" else text
    pick = _PICKED.get(kind)
    forms = {canonical(kind, one) for one in pick(text)} if pick else {_form(kind, text)}
    values = {form for form in forms if form is not None}
    if kind == "amount":
        values |= {value.partition(" ")[0] for value in values}
    if kind == "url":  # who writes a name alone means it with either scheme
        bare = {form for one in addresses.urls_in(text) if "://" not in one and (form := addresses.url(one))}
        values |= {f"http{value.removeprefix('https')}" for value in bare}
    return frozenset(values)


def stands(kind: str, value: str, text: str) -> bool:
    """Whether a value (canonical) stands in a text as a whole: no part of a longer word, address, id or path, and for an
    id no part of a time or date, and not the number of an item in a list."""
    if kind in _PICKED and kind not in ("path", "id"):
        return value in _found(kind, text)
    kind = "id" if kind.startswith("id:") else kind
    where = (_remembered_where if len(text) <= FOLDED else _where)(kind, text)
    edge = _EDGES.get(kind.partition(":")[0], _EDGES["text"])
    at = where.find(value) if value else -1
    while at >= 0:
        around = where[max(0, at - 2) : at], where[at + len(value) : at + len(value) + 2]
        if not edge[0].search(around[0]) and not edge[1].match(around[1]):
            return True
        at = where.find(value, at + 1)
    return False


def spellings(kind: str, value: Json) -> tuple[str, ...]:
    """What a value that stands alone vouches for: itself, and an amount without its currency."""
    form = canonical(kind, value)
    if form is None:
        return ()
    return (form, form.partition(" ")[0]) if kind == "amount" and " " in form else (form,)


@lru_cache(maxsize=8_192)
def _remembered(kind: str, text: str) -> str | None:
    return _form(kind, text)


def _where(kind: str, text: str) -> str:
    """A text as values of a kind are looked for in it."""
    if kind == "path":
        return unicodedata.normalize("NFC", as_seen(text))
    return _folded(kind, _MARKER.sub(" ", as_seen(text)) if kind == "id" else as_seen(text))


@lru_cache(maxsize=64)
def _remembered_where(kind: str, text: str) -> str:
    return _where(kind, text)


@lru_cache(maxsize=64)
def _found(kind: str, text: str) -> frozenset[str]:
    return found(kind, text)


def _form(kind: str, text: str) -> str | None:
    return _FORMS.get(kind, _text)(text)


def _text(text: str) -> str:
    return _folded("text", text)


def _person(text: str) -> str | None:
    """A name, whatever its case and width. Nothing unseen but what its script needs."""
    return (_folded("person", text) or None) if not hidden(text) else None


def _id(text: str) -> str | None:
    """Of a record: whatever its case, with or without a # before it."""
    if has_unseen(text):
        return None
    form = _folded("id", text)
    while form.startswith("#"):
        form = form[1:].strip()
    return form or None


def _folded(kind: str, text: str) -> str:
    """Case and white space do not matter; in a name the width of letters does not, in an id that of signs."""
    if not text.isascii():
        if kind == "person":
            text = unicodedata.normalize("NFKC", text)
        elif kind == "id":
            text = numbers.digits(text)
        text = unicodedata.normalize("NFKC" if kind == "person" else "NFC", text.casefold())
    else:
        text = text.encode().translate(_PLAIN).decode()
        if "  " not in text:
            return text.strip(" ")
    return " ".join(text.split())


def _ids_in(text: str) -> Iterator[str]:
    return (match[0].strip(".-+") for match in _ID.finditer(numbers.digits(text)))


def _paths_in(text: str) -> Iterator[str]:
    for match in _QUOTES.finditer(text):
        yield match[1] or match[2] or match[3]
    for word in _QUOTES.sub(" ", text).split():
        word = word.strip("\"'`,;:!?()[]{}<>*\u201c\u201d\u2018\u2019").rstrip(".")
        if "/" in word or "." in word:
            yield word


_BLANKS = "\t\n\v\f\r\x1c\x1d\x1e\x1f"  # of ASCII, as `split` knows them
_PLAIN = "".join(" " if one in _BLANKS else one.lower() for one in map(chr, range(128))).encode() + bytes(
    range(128, 256)
)
# The number of an item in a list, as "given: 1. Read it. 2. Delete it": nobody means an id or an amount by it.
_MARKER = re.compile(r"(?:^|(?<=[.:;!?\n]))\s*[0-9]{1,2}[.)](?=\s)")
_ID = re.compile(r"[\w.+@$€£%-]{1,200}")
_QUOTES = re.compile('"([^"\n]{1,300})"|`([^`\n]{1,300})`|\u201c([^\u201d\n]{1,300})\u201d')
# What may not stand before and after a value that stands as a whole.
_EDGES = {
    "text": (re.compile(r"\w\Z"), re.compile(r"\w")),
    "id": (re.compile(r"[\w@$€£]\Z|\w[.+-]\Z|[0-9][:/]\Z"), re.compile(r"[\w@%]|[.+-]\w|[:/][0-9]")),
    "path": (re.compile(r"[\w/\\~.-]\Z"), re.compile(r"[\w/\\~-]|\.\w")),
}
_FORMS: dict[str, Callable[[str], str | None]] = {
    "email": addresses.email,
    "url": addresses.url,
    "path": addresses.path,
    "phone": numbers.phone,
    "account": accounts.account,
    "amount": numbers.amount,
    "person": _person,
    "id": _id,
}
_PICKED: dict[str, Callable[[str], Iterable[str]]] = {
    "email": addresses.emails_in,
    "url": addresses.urls_in,
    "path": _paths_in,
    "phone": numbers.phones_in,
    "account": accounts.accounts_in,
    "amount": numbers.amounts_in,
    "id": _ids_in,
}
