"""Characters that a reader does not see. Pure.

Zero-width characters, marks of direction, tags, variation selectors, fillers and controls make a text other than what it
looks like: they hide words from the person who approves, and turn one address into another that looks the same.

What is decided here, for all kinds of values:

- A typed value (an address, an account, an id, …) that goes to a tool and holds one of them is no such value: nothing
  vouches for it, though it may look like one that is vouched for. It is not mended either: the tool would get it as it is.
- In the text that evidence is found in they are skipped: a person meant what they saw.
- A name, and free text, may hold the few that its script needs: joiners between letters or emoji, the mark
  that an emoji is one, marks of direction beside letters that run from right to left. With and without is not the same.
"""

from __future__ import annotations

import re
import unicodedata

# Format characters, variation selectors, and what is a letter or a sign to Unicode but draws nothing.
_MARKS = (
    "\u00ad\u034f\u0600-\u0605\u061c\u06dd\u070f\u0890\u0891\u08e2\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f"
    "\u202a-\u202e\u2060-\u206f\u2800\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb\ue000-\uf8ff"
    "\U0001107f\U000110bd\U000110cd\U00013430-\U0001345f\U0001bca0-\U0001bca3\U0001d173-\U0001d17a"
    "\U000e0000-\U000e0fff\U000f0000-\U0010ffff"
)
_CONTROLS = "\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f"
_UNSEEN = re.compile(f"[{_MARKS}{_CONTROLS}]")
_OF_ASCII = bytes(code for code in range(128) if _UNSEEN.match(chr(code)))  # which are found faster
_JOINERS = "\u200c\u200d"
_DIRECTION = frozenset("\u200e\u200f\u061c")  # which have a direction themselves


def has_unseen(text: str) -> bool:
    """Whether a character stands in it that a reader does not see."""
    if text.isascii():
        return len(text.encode().translate(None, _OF_ASCII)) < len(text)
    return _UNSEEN.search(text) is not None


def as_seen(text: str) -> str:
    """The text as a reader sees it."""
    return _UNSEEN.sub("", text) if has_unseen(text) else text


def hidden(text: str) -> list[str]:
    """Each kind of unseen character that no script needs where it stands, as `U+200B`, in order, once."""
    found: dict[str, None] = {}
    for match in _UNSEEN.finditer(text) if has_unseen(text) else ():
        if not _needed(text, match.start()):
            found[f"U+{ord(match[0]):04X}"] = None
    return list(found)


def shown(text: str) -> str:
    """The text with what is unseen spelled out, for the eyes of a person who decides."""
    if text.isascii() and text.isprintable():
        return text
    return _UNSEEN.sub(lambda match: f"<U+{ord(match[0]):04X}>", text)


def _needed(text: str, at: int) -> bool:
    """Whether the script around it needs the character. A second one in a row never is: bytes are smuggled so."""
    mark, before, after = text[at], text[at - 1 : at], text[at + 1 : at + 2]
    if mark in "\ufe0e\ufe0f":
        return _pictured(before) or before in tuple("0123456789#*")
    if mark == "\u200d" and (_pictured(before) or before == "\ufe0f") and _pictured(after):
        return True
    if mark in _JOINERS:
        return _joining(before) and _joining(after)
    if mark in _DIRECTION and before not in _DIRECTION:
        near = set(text[max(0, at - 40) : at + 41]) - _DIRECTION
        return any(unicodedata.bidirectional(c) in ("R", "AL") for c in near)
    return False


def _pictured(character: str) -> bool:
    return bool(character) and (
        unicodedata.category(character) == "So" or "\U0001f3fb" <= character <= "\U0001f3ff"
    )


def _joining(character: str) -> bool:
    """A letter or a vowel sign of a script whose letters join: Arabic, Syriac, Mongolian, the scripts of India."""
    return ("\u0600" <= character <= "\u0dff" or "\u0f00" <= character <= "\u18af") and unicodedata.category(
        character
    )[0] in "LM"
