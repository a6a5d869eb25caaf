"""How a value is found again in what goes out, however it is spelled: its words, or its letters and digits alone.

Case, spacing, punctuation, accents, width and unseen characters do not matter. Of encodings those are undone that can be
undone surely: base64, base32, hex, percent, HTML; a value backwards or in rot13 is looked for as such. What is told in other
words, in another language, in a cipher or in parts is not found: nobody can by looking. Pure and total.
"""

from __future__ import annotations

import base64
import binascii
import codecs
import html
import re
import unicodedata
from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import Any
from urllib.parse import unquote

from remit.gate.numbers import digits, phones_in
from remit.gate.parts import parts_of
from remit.gate.unseen import as_seen
from remit.gate.values import canonical

Json = Any
Form = tuple[str, str]
# kind and key: `letters` anywhere among the letters and digits of a text · `words` as whole words · `run` six words in a
# row · `number` as an amount
WHOLE = 200  # characters up to which a text is taken for one value
SHORTEST = 4  # letters and digits: what is shorter stands everywhere
LETTERS = 8  # from which on no chance brings them together
ROW = 6  # words
BRIEF = 12  # words of what is so short that each word of a secret may be the one
DEEP = 3  # encodings one in another

_WORD = re.compile(r"[^\W_]+")
_PIECE = re.compile(r"[\n;,:()|\[\]\"“”]+|\s[-–—]\s|\.\s")
_CODED = re.compile(r"[A-Za-z0-9+/_-]{8,}={0,6}")
_HEX = re.compile(r"(?:[0-9A-Fa-f]{2}[\s:.-]?){4,}")
_BASE32 = re.compile(r"(?:[A-Z2-7]{8,}|[a-z2-7]{8,})")
_UNCASED = "\u0e00"  # from here on scripts are written without spaces between words


def words_of(text: str) -> list[str]:
    """The words of a text as they are compared."""
    if not text.isascii():
        plain = unicodedata.normalize("NFKD", digits(as_seen(text)))
        text = "".join(c for c in plain if unicodedata.category(c) != "Mn")
    return _WORD.findall(text.casefold())


def forms(value: Json, strict: bool = False) -> Iterator[Form]:
    """All by which a value is looked for. Of a longer text: each run of its words, and what in it tells something by itself.
    `strict`, as of a secret: a single word is looked for inside of others too, each word of a short text by itself."""
    if isinstance(value, bool) or value is None:
        return
    text = str(value)
    words = words_of(text)
    if len(text) <= WHOLE:
        yield from _whole(words, strict)
        yield from _number(value)
    if len(words) < 3 or not isinstance(value, str):
        return
    brief = strict and len(words) <= BRIEF
    for word in words:
        if brief and len(word) > SHORTEST:
            yield from _whole([word], strict)
    for token in dict.fromkeys((*words, *text.split())):
        if SHORTEST < len(token) <= WHOLE and any(c.isdigit() for c in token):
            yield from _whole(words_of(token), strict)
    for one, other in pairwise(words):  # as the number of a house and its street
        if one.isdigit() != other.isdigit() and len(one) + len(other) >= LETTERS - 1:
            yield from _whole([one, other], strict)
    for piece in _PIECE.split(text):
        telling = strict or any(c.isdigit() for c in piece)
        if telling and len(piece) <= WHOLE and len(piece) < len(text):
            yield from _whole(words_of(piece), strict)
    for part in (*(part for kind, part in parts_of(text) if kind != "hidden"), *phones_in(text)):
        yield from _whole(words_of(part), strict)
    for at in range(len(words) - ROW + 1):
        yield "run", " ".join(words[at : at + ROW])


def whole(value: Json) -> frozenset[Form]:
    """The forms of a value as nothing but itself."""
    return frozenset(
        (*_whole(words_of(str(value)), False), *_whole(words_of(str(value)), True), *_number(value))
    )


def _whole(words: list[str], strict: bool) -> Iterator[Form]:
    letters = "".join(words)
    if len(letters) < SHORTEST and len(letters.encode()) < 2 * SHORTEST:
        return
    apart = len(words) > 1 or not letters.isalpha() or any(c >= _UNCASED for c in letters)
    if len(letters) >= LETTERS and (strict or apart):
        yield "letters", letters
    else:
        yield "words", " ".join(words)


def _number(value: Json) -> Iterator[Form]:
    amount = canonical("amount", value)
    if amount is not None and sum(c.isdigit() for c in amount) >= SHORTEST:
        yield "number", amount.partition(" ")[0]


def disguised(form: Form) -> Iterator[str]:
    """The key of a form, and the same backwards and in rot13."""
    kind, key = form
    yield key
    if kind == "letters" or (kind == "words" and len(key) >= ROW):
        rotated = codecs.encode(key, "rot13")
        yield from {key[::-1], rotated, rotated[::-1]} - {key}


def readings(text: str) -> list[str]:
    """A text, and all that encodings in it come to, one text for each depth: however many decoys there are."""
    found = [text]
    for _ in range(DEEP):
        undone = "\n".join(_undone(found[-1]))
        if not undone:
            break
        found.append(undone)
    return found


def _undone(text: str) -> Iterator[str]:
    if "%" in text and (plain := unquote(text, errors="ignore")) != text:
        yield plain
    if "&" in text and (plain := html.unescape(text)) != text:
        yield plain
    for match in _HEX.finditer(text):
        yield from _read(bytes.fromhex, re.sub(r"[\s:.-]", "", match[0]))
    tokens = _CODED.findall(text)
    if len(tokens) > 1 and "".join(tokens) == "".join(text.split()):  # one that is broken into lines
        tokens.append("".join(tokens))
    for token in tokens:
        plain = token.replace("-", "+").replace("_", "/").rstrip("=")
        yield from _read(base64.b64decode, plain + "=" * (-len(plain) % 4))
    for match in _BASE32.finditer(text):
        yield from _read(base64.b32decode, match[0].upper() + "=" * (-len(match[0]) % 8))


def _read(undo: Callable[[str], bytes], coded: str) -> Iterator[str]:
    """What was encoded, where it is text."""
    try:
        text = undo(coded).decode()
    except (binascii.Error, ValueError):
        return
    if len(text) >= SHORTEST and all(c.isprintable() or c.isspace() for c in text):
        yield text
