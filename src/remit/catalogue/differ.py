"""What differs between two texts of an agent, line by line. Pure."""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Line:
    """A line of a comparison: it stands in both, or was taken out, or put in; or a gap between two places."""

    kind: Literal["same", "out", "in", "gap"]
    text: str = ""
    before: int | None = None  # its number, from 1
    after: int | None = None


def compared(before: str, after: str, around: int = 3) -> list[Line]:
    """Empty where nothing differs."""
    old, new = before.splitlines(), after.splitlines()
    found: list[Line] = []
    for group in difflib.SequenceMatcher(None, old, new, autojunk=False).get_grouped_opcodes(around):
        if found or group[0][1] > 0:
            found.append(Line("gap"))
        for kind, i1, i2, j1, j2 in group:
            found += _lines(kind, old[i1:i2], new[j1:j2], i1, j1)
    return found


def _lines(kind: str, old: list[str], new: list[str], i: int, j: int) -> Iterator[Line]:
    if kind == "equal":
        for number, text in enumerate(old):
            yield Line("same", text, i + number + 1, j + number + 1)
        return
    for number, text in enumerate(old):
        yield Line("out", text, before=i + number + 1)
    for number, text in enumerate(new):
        yield Line("in", text, after=j + number + 1)


MARK = {"same": " ", "out": "-", "in": "+", "gap": "…"}


def as_text(lines: list[Line]) -> str:
    return "\n".join(f"{MARK[line.kind]} {line.text}".rstrip() for line in lines)
