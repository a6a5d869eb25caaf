"""What changed, as pages show it: lines as `diff -u` writes them, and in a line that stands for another the words that differ. Pure."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import zip_longest

TONES = {"+": "more", "-": "less", "@": "place"}
WORDS = re.compile(r"\w+|\s+|[^\w\s]")
ALIKE = 0.4  # of two lines, from which on one stands for the other
LONGEST = 5000  # characters of a line that is looked at word by word
Piece = tuple[str, bool]  # a piece of a line, and whether it differs


@dataclass(frozen=True, slots=True)
class Line:
    """A line. `tone`: more, less, place (where it is) or nothing."""

    tone: str
    pieces: Sequence[Piece]


def marked(lines: Sequence[str]) -> Iterator[Line]:
    """Lines that were taken out stand before those that came in their place."""
    at = 0
    while at < len(lines):
        less = _run(lines, at, "-")
        more = _run(lines, at + len(less), "+")
        if not less:
            yield Line(TONES.get(lines[at][:1], ""), [(lines[at], False)])
            at += 1
            continue
        pairs = [_pair(a, b) for a, b in zip_longest(less, more)]
        yield from (Line("less", a) for a, _ in pairs if a)
        yield from (Line("more", b) for _, b in pairs if b)
        at += len(less) + len(more)


def _run(lines: Sequence[str], at: int, sign: str) -> list[str]:
    found = []
    while at < len(lines) and lines[at].startswith(sign):
        found.append(lines[at])
        at += 1
    return found


def _pair(a: str | None, b: str | None) -> tuple[list[Piece], list[Piece]]:
    if a is None or b is None or max(len(a), len(b)) > LONGEST:
        return [(a, False)] if a else [], [(b, False)] if b else []
    one, two = WORDS.findall(a[1:]), WORDS.findall(b[1:])
    matcher = difflib.SequenceMatcher(None, one, two, autojunk=False)
    if matcher.ratio() < ALIKE:
        return [(a, False)], [(b, False)]
    left: list[Piece] = [(a[0], False)]
    right: list[Piece] = [(b[0], False)]
    for what, i, j, k, l in matcher.get_opcodes():  # noqa: E741 (as difflib names them)
        differs = what != "equal"
        left += [("".join(one[i:j]), differs)] if i < j else []
        right += [("".join(two[k:l]), differs)] if k < l else []
    return left, right
