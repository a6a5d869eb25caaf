"""A file as text: what is taken, and what each becomes. Raises UserError, saying what to do, for all that is not taken."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath

from remit.errors import UserError
from remit.gate.unseen import as_seen, has_unseen
from remit.knowledge.cut import heading_of
from remit.knowledge.page import text_of_page

LARGEST = 20_000_000  # bytes of a file
LONGEST = 2_000_000  # characters of its text
PAGES = 2_000  # of a PDF
NAME = 200  # characters of a document's name
KINDS = {
    ".md": "text/markdown", ".markdown": "text/markdown", ".txt": "text/plain", ".text": "text/plain",
    ".html": "text/html", ".htm": "text/html", ".csv": "text/csv", ".tsv": "text/tab-separated-values",
    ".pdf": "application/pdf",
}  # fmt: skip
TAKEN = "text (.txt), Markdown (.md), HTML, CSV and PDF"


@dataclass(frozen=True, slots=True)
class Read:
    """What a file says. `headed`: lines that begin with # are headings; `pages`: where its pages begin."""

    kind: str
    title: str
    text: str
    headed: bool = False
    pages: tuple[int, ...] = ()


def named(name: str) -> str:
    """The name of a document as it is kept: a path within its source. Raises UserError."""
    parts = PurePosixPath(name.strip().replace("\\", "/")).parts
    plain = "/".join(part for part in parts if part not in ("/", "."))
    if not plain or ".." in parts:
        raise UserError(f"{name[:NAME]!r} is no name for a document")
    if len(plain) > NAME:
        raise UserError(f"{plain[:40]}…: a document's name has {NAME} characters at most")
    if has_unseen(plain):
        raise UserError(f"{as_seen(plain)}: there are characters in this name that nobody sees; rename it")
    try:
        plain.encode()
    except UnicodeEncodeError as error:
        raise UserError(
            f"{plain.encode('utf-8', 'replace').decode()}: its name is no text; rename it"
        ) from error
    return plain


def read(name: str, data: bytes) -> Read:
    """The text of a file, by the end of its name. Raises UserError."""
    kind = KINDS.get(PurePosixPath(name).suffix.lower())
    if kind is None:
        raise UserError(f"{name}: cannot be read; {TAKEN} can")
    if len(data) > LARGEST:
        raise UserError(f"{name}: larger than {LARGEST // 1_000_000} MB; part it")
    pages: tuple[int, ...] = ()
    if kind == "application/pdf":
        text, pages = _pdf(name, data)
    else:
        text = _decoded(name, data)
    if kind == "text/html":
        text = text_of_page(text, headings=True)
    elif kind in ("text/csv", "text/tab-separated-values"):
        text = "".join(_rows(name, text, "\t" if kind.startswith("text/tab") else ","))
    if not text.strip():
        raise UserError(f"{name}: there is no text in it")
    if len(text) > LONGEST:
        raise UserError(f"{name}: has {len(text):,} characters of text; {LONGEST:,} are the most. Part it")
    headed = kind in ("text/html", "text/markdown")
    return Read(kind, _title(name, text if headed else ""), text, headed, pages)


def _decoded(name: str, data: bytes) -> str:
    coding = "utf-16" if data[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"
    try:
        text = data.decode(coding)
    except UnicodeDecodeError as error:
        raise UserError(f"{name}: is no UTF-8 text (byte {error.start}); save it as UTF-8") from error
    if "\0" in text:
        raise UserError(f"{name}: is no text")
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    return "\n".join(line.rstrip(" \t") for line in lines)


def _title(name: str, text: str) -> str:
    """The first heading of a text; else the name of its file."""
    headings = map(heading_of, text[:5_000].split("\n"))
    said = as_seen(next((one for one in headings if one), (0, ""))[1]).strip()
    return (said or PurePosixPath(name).stem.replace("_", " ").replace("-", " "))[:NAME]


def _rows(name: str, text: str, between: str) -> Iterator[str]:
    """Each row as a paragraph, in which a value stands with the name of its column: so it is found by both, and read alone."""
    try:
        rows = csv.reader(io.StringIO(text, newline=""), delimiter=";" if _semicolons(text) else between)
        header = next(rows, [])
        for row in rows:
            cells = [*zip(header, row, strict=False), *(("", one) for one in row[len(header) :])]
            line = "; ".join(_cell(key, value) for key, value in cells if value.strip())
            if line:
                yield f"{line}\n\n"
    except csv.Error as error:
        raise UserError(f"{name}: cannot be read as a table: {error}") from error


def _semicolons(text: str) -> bool:
    """Whether a table has ; between its columns, as spreadsheets write it where , is in numbers."""
    first = text.partition("\n")[0]
    return ";" in first and "," not in first and "\t" not in first


def _cell(key: str, value: str) -> str:
    flat = " ".join(value.split())
    return f"{key.strip()}: {flat}" if key.strip() else flat


def _pdf(name: str, data: bytes) -> tuple[str, tuple[int, ...]]:
    """The text of its pages, and where each begins."""
    try:
        from pypdf import PdfReader
        from pypdf.errors import PyPdfError
    except ImportError as error:
        raise UserError(f"{name}: reading PDF needs a library: pip install 'remit[documents]'") from error
    text, starts = "", list[int]()
    try:
        reader = PdfReader(io.BytesIO(data))
        if len(reader.pages) > PAGES:
            raise UserError(f"{name}: has more than {PAGES:,} pages; part it")
        for page in reader.pages:
            starts.append(len(text))
            text += _plain(page.extract_text) + "\n\n"
            if len(text) > LONGEST:
                break
    except (PyPdfError, ValueError, KeyError, OSError, RecursionError) as error:
        raise UserError(f"{name}: this PDF cannot be read: {error}") from error
    if not text.strip():
        raise UserError(f"{name}: this PDF holds no text, perhaps scanned pages")
    return text, tuple(starts)


def _plain(extract: Callable[[], str]) -> str:
    """What a PDF may hold and PostgreSQL does not take is replaced."""
    text = extract().replace("\0", "\ufffd").replace("\f", "\n")
    return text.encode("utf-8", "replace").decode().strip()
