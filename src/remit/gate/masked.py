"""What leads somewhere, written so that a program or a person follows it and a search passes over it: undone. Pure.

Letters, digits and signs in other shapes of Unicode, entities of HTML, percent-encoding, and the ways in which people write an address that is
to be no link: `evil[.]com`, `eve (at) evil (dot) com`.
"""

from __future__ import annotations

import html
import re
import unicodedata
from urllib.parse import unquote

from remit.gate.numbers import digits

_DOT = re.compile("(?<=[0-9A-Za-z])\u3002(?=[0-9A-Za-z])")
_POINT = re.compile(r"\s{0,3}[\[({<]\s{0,3}(?:\.|dot|punkt|point|punto)\s{0,3}[\])}>]\s{0,3}", re.IGNORECASE)
_AT = re.compile(r"\s{0,3}[\[({<]\s{0,3}(?:@|at)\s{0,3}[\])}>]\s{0,3}", re.IGNORECASE)
_SAID_AT = re.compile(r"(?<=\w)\s{1,3}at\s{1,3}(?=[\w-]{1,63}\s{1,3}dot\s)", re.IGNORECASE)
_SAID_DOT = re.compile(r"(?<=\w)\s{1,3}dot\s{1,3}(?=\w)", re.IGNORECASE)
_BRACKETS = "[({<"


def may_be_masked(text: str) -> bool:
    """Whether a sign of what `unmasked` undoes stands in a text."""
    if not text.isascii() and ("\u3002" in text or not unicodedata.is_normalized("NFKC", text)):
        return True
    if "&" in text or "%" in text or any(map(text.__contains__, _BRACKETS)):
        return True
    return "dot" in text.lower()


def unmasked(text: str) -> str:
    """The text with all of it undone."""
    if not text.isascii():
        text = _DOT.sub(".", digits(unicodedata.normalize("NFKC", text)))
    if "&" in text:
        text = html.unescape(text)
    if "%" in text:
        text = unquote(text, errors="ignore")
    if any(map(text.__contains__, _BRACKETS)):
        text = _AT.sub("@", _POINT.sub(".", text))
    return _SAID_DOT.sub(".", _SAID_AT.sub("@", text)) if "dot" in text.lower() else text
