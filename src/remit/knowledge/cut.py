"""A text cut into passages: at headings, between paragraphs, and of a length that a question can be about. Pure.

The passages of a text are the text: one behind the other they are it, letter for letter.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

WISHED = 1_200  # characters that a passage is filled up to
MOST = 1_800  # that one has at most; fewer than a value that somebody vouches for may have
HEADING = 200  # characters of the headings above a passage
_LINE = re.compile(r"[^\n]*\n|[^\n]+")
_HEADING = re.compile(r"(#{1,6})[ \t]+(?=\S)")
_FENCE = re.compile(r" {0,3}(```|~~~)")
_ENDS = (
    re.compile(r"\n"),
    re.compile(r"(?<=[.!?…;])\s"),
    re.compile(r"\s"),
)  # where a long one is cut: the best first


@dataclass(frozen=True, slots=True)
class Passage:
    """A part of a text. `starts`: characters of the text before it; `heading`: those above it, outermost first."""

    starts: int
    heading: str
    text: str


@dataclass(slots=True)
class _Block:
    """What is not parted where it need not be: a paragraph with the empty lines behind it."""

    starts: int
    heading: str
    text: str
    first: bool  # a heading is above it, so that a passage begins with it


def cut(text: str, title: str, *, headed: bool = False, pages: Sequence[int] = ()) -> list[Passage]:
    """`headed`: lines that begin with # are headings; `pages`: where in the text its pages begin."""
    found: list[Passage] = []
    open_: list[_Block] = []

    def close() -> None:
        if open_:
            found.append(Passage(open_[0].starts, open_[0].heading, "".join(one.text for one in open_)))
            open_.clear()

    size = 0
    for block in _short(_blocks(text, title, headed, pages)):
        if open_ and (block.first or size + len(block.text) > WISHED):
            close()
        size = len(block.text) + (size if open_ else 0)
        open_.append(block)
    close()
    return found


def _blocks(text: str, title: str, headed: bool, pages: Sequence[int]) -> Iterator[_Block]:
    above: list[tuple[int, str]] = []  # headings, each with its rank
    starts, lines, heading, first = 0, list[str](), title, True
    # `said`: there is more in it than headings, which go with what stands below them; `blank`: an empty line came after
    at, said, blank, fenced, page = 0, False, False, False, 0
    for found in _LINE.finditer(text):
        line = found[0]
        turned = page < len(pages) and at >= pages[page]
        named = heading_of(line) if headed and not fenced else None
        if lines and (turned or (said and (blank or named))) and line.strip():
            yield _Block(starts, heading, "".join(lines), first)
            starts, lines, first, said, blank = at, [], False, False, False
        if turned:
            page += 1
            heading, first = _path([title, f"page {page}"]), True
        if named:
            above = [*((rank, one) for rank, one in above if rank < named[0]), named]
            heading, first = _path([title, *(one for _, one in above)]), True
        if headed and _FENCE.match(line):
            fenced = not fenced
        lines.append(line)
        said = said or (named is None and bool(line.strip()))
        blank = said and not line.strip()
        at += len(line)
    if lines:
        yield _Block(starts, heading, "".join(lines), first)


def heading_of(line: str) -> tuple[int, str] | None:
    """The rank and the words of a heading as Markdown has it."""
    found = _HEADING.match(line)
    return (len(found[1]), line[found.end() :].strip().rstrip("#").rstrip()) if found else None


def _path(names: Sequence[str]) -> str:
    """The headings in a line; one that says the title again is left out."""
    kept = [name for place, name in enumerate(names) if name and (place == 0 or name != names[0])]
    return " › ".join(kept)[:HEADING]


def _short(blocks: Iterator[_Block]) -> Iterator[_Block]:
    """The same, those that are too long in parts."""
    for block in blocks:
        at, first = 0, block.first
        while len(block.text) - at > MOST:
            size = _break(block.text[at : at + MOST])
            yield _Block(block.starts + at, block.heading, block.text[at : at + size], first)
            at, first = at + size, False
        yield _Block(block.starts + at, block.heading, block.text[at:], first)


def _break(text: str) -> int:
    """Where a text is best cut: behind the last end of a line, of a sentence, of a word, that is not too early."""
    for end in _ENDS:
        last = max((found.end() for found in end.finditer(text)), default=0)
        if last > WISHED // 2:
            return last
    return len(text)
