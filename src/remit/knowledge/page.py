"""HTML to readable text. One pass that never looks back: a page made to be slow to parse costs no more than others."""

from __future__ import annotations

import html
import re
from urllib.parse import urljoin

_SKIPPED = frozenset(["script", "style", "noscript", "template", "svg", "math", "iframe", "object", "head"])
_BLOCKS = frozenset(
    [
        "p",
        "div",
        "section",
        "article",
        "header",
        "footer",
        "nav",
        "aside",
        "main",
        "ul",
        "ol",
        "li",
        "table",
        "tr",
        "h1",
        "h2",
        "h3",
        "h4",
        "h5",
        "h6",
        "br",
        "hr",
        "pre",
        "blockquote",
        "dl",
        "dt",
        "dd",
        "form",
        "fieldset",
        "figure",
        "figcaption",
        "title",
        "option",
    ]
)
_HEADINGS = frozenset(["h1", "h2", "h3", "h4", "h5", "h6"])
_END = {tag: re.compile(f"</{tag}", re.IGNORECASE) for tag in _SKIPPED}
_SPACE = re.compile(r"[ \t\r\f\v\u00a0]+")
_NAME = re.compile(r"/?([a-zA-Z][a-zA-Z0-9]{0,15})")
_HREF = re.compile(
    r"""\shref\s{0,4}=\s{0,4}("[^"]{1,2000}"|'[^']{1,2000}'|[^\s"'>]{1,2000})""", re.IGNORECASE
)
_TITLE = re.compile(r"<title[^>]{0,200}>([^<]{0,500})", re.IGNORECASE)


def text_of_page(source: str, address: str = "", headings: bool = False) -> str:
    """The title and the words of a page, a line a block, each link followed by its address in brackets. `headings`: each as
    Markdown has it, and no title, which the first of them says again."""
    pieces: list[str] = []
    if not headings and (title := _TITLE.search(source[:50_000])):
        pieces += [html.unescape(title[1]).strip(), "\n"]
    link, at = "", 0
    while at < len(source):
        start = source.find("<", at)
        if start < 0:
            start = len(source)
        pieces.append(html.unescape(source[at:start]).replace("\n", " "))
        if start == len(source):
            break
        if source.startswith("<!--", start):
            at = _after(source, "-->", start + 4)
            continue
        name = _NAME.match(source, start + 1)
        if name is None and not source.startswith(("<!", "<?"), start):
            pieces.append("<")  # a bare less-than sign
            at = start + 1
            continue
        end = _after(source, ">", start)
        tag = name[1].lower() if name else ""
        closing = source.startswith("</", start)
        if tag in _SKIPPED and not closing:
            end = _closed(source, tag, end)
        elif tag in _BLOCKS:
            rank = int(tag[1]) if headings and not closing and tag in _HEADINGS else 0
            pieces.append(f"\n\n{'#' * rank} " if rank else "\n")
        elif tag in ("td", "th"):
            pieces.append(" | " if not closing else "")
        elif tag == "a":
            if closing and link:
                pieces.append(f" [{link}]")
            href = None if closing else _HREF.search(source[start : min(end, start + 4000)])
            link = _target(href[1].strip("\"'"), address) if href else ""
        at = end
    return _tidy("".join(pieces))


def _after(source: str, mark: str, start: int) -> int:
    """Behind the next `mark`; the end where there is none, so that nothing is searched twice."""
    found = source.find(mark, start)
    return len(source) if found < 0 else found + len(mark)


def _closed(source: str, tag: str, start: int) -> int:
    """Behind the end tag, whatever its case; the end of the page where there is none."""
    found = _END[tag].search(source, start)
    return _after(source, ">", found.start()) if found else len(source)


def _target(href: str, address: str) -> str:
    if href.startswith(("#", "javascript:", "data:")):
        return ""
    try:
        return urljoin(address, html.unescape(href))
    except ValueError:
        return ""


def _tidy(text: str) -> str:
    lines = (_SPACE.sub(" ", line).strip(" |") for line in text.split("\n"))
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip()
