"""What is seen at once of all that a run has read, before values are picked out of it: that a text or an address is nowhere in it.
Pure.

What trusted sources said, and what the model gave to calls, is kept as one text of JSON each, in small letters. In it every
word of a text in ASCII stands as it is, and every address; a value that is all of a field stands between quotes that no
backslash is before. What has letters beyond ASCII, or such as a reader does not see, is looked at value by value.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from pydantic_core import to_json

from remit.gate.read import Read
from remit.gate.scalars import OF_NUMBERS, longest
from remit.gate.unseen import has_unseen
from remit.gate.values import spellings

Json = Any
MOST = 50_000  # characters that are searched: with more an index of values is faster
MOST_WORDS = 4_000  # and for words
REMEMBERED = 100  # pieces that were asked about
AT = "@\ufe6b\uff20"  # what is read as an @
_TINY = re.compile(r"[0-9]e-[0-9]")  # a number that is written in more than one way
_ESCAPED = re.compile(rb"\\[bfuBFU]")  # in JSON, what a reader does not see


@dataclass(slots=True)
class Glance:
    """What trusted sources said, and what the model gave to calls."""

    upto: int = 0
    said: str = ""
    told: str = ""
    since: int = 0  # where in what was said that begins of which nobody knows the words yet
    unclear: bool = False  # more was said since then than the text has
    partly: bool = False  # or ever
    odd: bool = False  # an address may stand somewhere in other letters
    vouched: set[str] = field(default_factory=set)  # addresses: it stays so, whatever the model writes later

    def learn(self, reads: Sequence[Read]) -> Glance:
        if self.upto == len(reads):
            return self
        new = reads[self.upto :]
        self.upto = len(reads)
        said = [read.vouched() if read.fields else read.result for read in new if read.trusted or read.fields]
        if said and (text := written(said)) is not None:
            self.said += text
        elif said:
            self.unclear = self.partly = True
            self.said += self._plain([one for read in new for one in read.vouched()])
        text = written([read.given for read in new])
        self.told += text if text is not None else self._plain([one for read in new for one in read.told()])
        return self

    def has_word(self, word: str) -> bool:
        """Whether a word may have been said since its words were known."""
        far = len(self.said) - self.since >= MOST_WORDS
        return self.unclear or far or self.said.find(word, self.since) >= 0

    def know(self) -> None:
        """The words of all that was said are known by now."""
        self.since, self.unclear = len(self.said), False

    def has_text(self, value: str) -> bool:
        """Whether a text (canonical) may be all of a field that was said: where one of its words is not, the text is not."""
        return self.partly or len(self.said) > MOST or may_hold(self.said, "text", value)

    def vouches(self, value: str) -> bool | None:
        """Whether a trusted source has said an e-mail address, and not because the model had told it. None: that is not seen at
        once."""
        if value in self.vouched:
            return True
        if self.odd or len(self.said) > MOST or len(self.told) > MOST:
            return None
        # Most are of what was read last. After a backslash it is a part of a text
        alone = self.said.rfind(f'"{value}"')
        if alone <= 0 or self.said[alone - 1] not in ":,[{":
            return None if value in self.said else False
        if value in self.told:
            return None
        self.vouched.add(value)
        return True

    def _plain(self, several: Sequence[Json]) -> str:
        """Those texts that are plain, as JSON; whether others may hold an address is remembered."""
        texts = [one for one in several if isinstance(one, str)]
        plain = [one for one in texts if written(one) is not None]
        if len(plain) < len(texts):
            others = set(texts).difference(plain)
            self.odd = self.odd or any(sign in one for one in others for sign in AT)
        return written(plain) or ""


def may_hold(text: str, kind: str, value: str) -> bool:
    """Whether a value (canonical) may be all of a field in a text of JSON in small letters, as far as that is seen at once."""
    if kind == "email":
        return value in text
    if kind != "text" or not value.strip(OF_NUMBERS):
        return True
    last = value[value.rfind(" ") + 1 :]
    if not _stands(last, text):
        return False
    return all(_stands(word, text) for word in value.split(" "))


def _stands(word: str, text: str) -> bool:
    return word in text or '"' in word or "\\" in word


def written(several: Json) -> str | None:
    """As JSON in small letters; None where that has more than what a reader sees of ASCII."""
    try:
        text = to_json(several, inf_nan_mode="constants")
    except ValueError:  # half a character, a nesting without end
        return None
    if not text.isascii() or b"\x7f" in text or (b"\\" in text and _ESCAPED.search(text)):
        return None
    plain = text.decode().lower()
    return None if "e-" in plain and _TINY.search(plain) else plain


@dataclass(slots=True)
class Texts:
    """Whether a trusted source has said a text, be it the model's own word or not: few texts are, so it is asked first."""

    upto: int = 0
    longest: int = 0  # characters of a form that one of those unfolded may have, at the most
    unfolded: list[str] = field(default_factory=list)
    numbers: list[Json] = field(default_factory=list)
    forms: set[str] = field(default_factory=set)

    def learn(self, reads: Sequence[Read]) -> Texts:
        if self.upto == len(reads):
            return self
        new: list[str] = []
        for read in reads[self.upto :]:
            for one in read.vouched():
                new.append(one) if isinstance(one, str) else self.numbers.append(one)
        self.upto = len(reads)
        if new:
            self.unfolded += new
            self.longest = max(self.longest, longest(new))
        return self

    def may_vouch(self, value: str) -> bool:
        if len(value) <= self.longest:
            self.forms.update(form for leaf in self.unfolded for form in spellings("text", leaf))
            self.unfolded, self.longest = [], 0
        if not value.strip(OF_NUMBERS) or value in ("true", "false"):
            self.forms.update(form for leaf in self.numbers for form in spellings("text", leaf))
            self.numbers = []
        return value in self.forms


@dataclass(slots=True)
class Strangers:
    """In which results of strangers a piece of text in ASCII may stand."""

    upto: int = 0
    # In small letters; None: anything may stand in it
    texts: list[tuple[Read, str | None]] = field(default_factory=list)
    # Of what was asked: in how many of them it was looked for, and where it may stand. A call is judged more than once
    asked: dict[str, tuple[int, list[Read]]] = field(default_factory=dict)

    def saying(self, piece: str, reads: Sequence[Read]) -> list[Read]:
        if self.upto < len(reads):
            for read in reads[self.upto :]:
                if not read.trusted or read.fields:
                    self.texts.append((read, _plain(read)))
            self.upto = len(reads)
        upto, found = self.asked.pop(piece, (0, []))
        if upto < len(self.texts):
            found = found + [read for read, text in self.texts[upto:] if text is None or piece in text]
        if len(self.asked) > REMEMBERED:
            self.asked.clear()
        self.asked[piece] = len(self.texts), found
        return found


def _plain(read: Read) -> str | None:
    """What strangers say in a result, in small letters; None where it has others than ASCII, or such as nobody sees."""
    text = "\n".join([leaf for leaf, trusted in read.leaves() if not trusted and isinstance(leaf, str)])
    return text.lower() if text.isascii() and not has_unseen(text) else None
