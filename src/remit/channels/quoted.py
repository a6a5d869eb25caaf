"""Which lines of a message are the writer's own, and which are somebody else's: quoted, forwarded, an earlier message below.

Only what the writer wrote is theirs to say. In doubt a line counts as somebody else's. Pure.
"""

from __future__ import annotations

import re
from html.parser import HTMLParser

_FORWARD = re.compile(
    r"^\s*(-{2,}\s*(original message|forwarded message|weitergeleitete nachricht|ursprüngliche nachricht)\s*-*"
    r"|begin forwarded message:?|_{10,})\s*$",
    re.I,
)
_HEADERS = re.compile(r"^\s*\*?(from|von|de)\s*:\*?\s+\S", re.I)
_HEADER_NEXT = re.compile(r"^\s*\*?(sent|date|to|subject|gesendet|datum|an|betreff|cc)\s*:", re.I)
_WROTE = re.compile(r"\b(wrote|schrieb|a écrit|escribió)\b[^:]{0,80}:\s*$", re.I)


def split(text: str) -> tuple[str, str]:
    """(the writer's own lines, the others), each in order; every line that is not blank is in exactly one.

    After a mark of forwarding everything is somebody else's, to the end. After `… wrote:` lines without `>` are
    so too, unless the quote itself is marked with `>`: then a line of the writer's own stands apart from it by a
    blank line (a wrapped remainder of a quoted line does not).
    """
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    own: list[str] = []
    quoted: list[str] = []
    theirs, index = False, 0
    while index < len(lines):
        line = lines[index]
        if _forwards(lines, index):
            quoted += lines[index:]
            break
        if (length := _introduces(lines, index)) > 0:
            if not _marked_next(lines, index + length):
                quoted += lines[index:]
                break
            quoted += lines[index : index + length]
            theirs, index = True, index + length
            continue
        if line.lstrip().startswith((">", "|>")):
            theirs = True
        elif not line.strip():
            theirs = False
        (quoted if theirs else own).append(line)
        index += 1
    return _tidy(own), _tidy(quoted)


def _forwards(lines: list[str], index: int) -> bool:
    """A line that says `forwarded`, or the copied headers of another message."""
    if _FORWARD.match(lines[index]):
        return True
    following = [line for line in lines[index + 1 : index + 4] if line.strip()]
    return bool(_HEADERS.match(lines[index]) and following and _HEADER_NEXT.match(following[0]))


def _introduces(lines: list[str], index: int) -> int:
    """How many lines `On … wrote:` takes at `index` (mail programs break it): 0 to 3."""
    if not re.match(r"\s*(on|am|le|el)\b", lines[index], re.I):
        return 0
    for length in (1, 2, 3):
        if index + length <= len(lines) and _WROTE.search(" ".join(lines[index : index + length])):
            return length
    return 0


def _marked_next(lines: list[str], index: int) -> bool:
    following = [line for line in lines[index:] if line.strip()]
    return bool(following) and following[0].lstrip().startswith(">")


def _tidy(lines: list[str]) -> str:
    return re.sub(r"\n{3,}", "\n\n", "\n".join(line.rstrip() for line in lines)).strip()


class _Plain(HTMLParser):
    """HTML to lines, with `>` before what stands in a blockquote."""

    def __init__(self) -> None:
        super().__init__()
        self.lines = [""]
        self.depth = self.hidden = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in ("script", "style", "head", "title"):
            self.hidden += 1
        if tag in ("br", "p", "div", "tr", "li", "blockquote", "h1", "h2", "h3", "hr"):
            self.lines.append("")
        if tag == "blockquote":
            self.depth += 1

    def handle_endtag(self, tag: str) -> None:
        if tag in ("script", "style", "head", "title"):
            self.hidden = max(0, self.hidden - 1)
        if tag in ("p", "div", "blockquote"):
            self.lines.append("")
        if tag == "blockquote":
            self.depth = max(0, self.depth - 1)

    def handle_data(self, data: str) -> None:
        if not self.hidden and (text := " ".join(data.split())):
            if not self.lines[-1] and self.depth:
                self.lines[-1] = "> "
            self.lines[-1] += ("" if not self.lines[-1] or self.lines[-1].endswith(" ") else " ") + text


def text_of_html(html: str) -> str:
    """The words of a mail in HTML, a line a block, what it quotes marked with `>`."""
    parser = _Plain()
    parser.feed(html)
    parser.close()
    return "\n".join(parser.lines)
