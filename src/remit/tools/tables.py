"""Rows of spreadsheets, in and out, whatever the format: xlsx by openpyxl (imported when used), csv by hand.

A workbook is a zip of XML that a stranger made: its unpacked size is looked at first, no formula is computed
(cached values are read), and rows come one at a time.
"""

from __future__ import annotations

import contextlib
import csv
import io
import re
import zipfile
import zlib
from collections.abc import Generator, Iterator, Sequence
from datetime import date, datetime, time
from typing import Any, BinaryIO

from remit.errors import Mend
from remit.tools.result import text_of

UNPACKED = 300_000_000  # bytes that a workbook may have unpacked
COLUMNS = 500  # of a row that are read
CELL = 32_767  # characters of a cell: Excel's own limit
Cell = str | int | float | bool | date | datetime | time | None
# openpyxl checks little: a damaged file shows itself as any of these (a broken XML as SyntaxError).
_DAMAGED = (
    zipfile.BadZipFile,
    zlib.error,
    EOFError,
    KeyError,
    IndexError,
    ValueError,
    TypeError,
    AttributeError,
    SyntaxError,
    NotImplementedError,
    OverflowError,
)
_NUMBER = re.compile(r"-?(?:0|[1-9]\d{0,14})(?:\.\d{1,15})?")
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}(?:[T ]\d{2}:\d{2}(?::\d{2})?)?")
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
_PLAIN_NUMBER = re.compile(r"[+-]?\d+(?:[.,]\d+)*%?")
_ILLEGAL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")


def kind_of(path: str) -> str:
    """`xlsx` or `csv` by the name. Raises Mend for any other."""
    ending = path.rpartition(".")[2].lower()
    if ending in ("xlsx", "xlsm"):
        return "xlsx"
    if ending in ("csv", "tsv", "txt"):
        return "csv"
    raise Mend(f"{path!r} is no spreadsheet that can be used; its name must end in .xlsx or .csv")


@contextlib.contextmanager
def opened(
    file: BinaryIO, path: str, sheet: str
) -> Iterator[tuple[list[str], str, Iterator[tuple[Cell, ...]]]]:
    """The names of the sheets, the one chosen (the first where `sheet` is empty), and its rows.
    A csv has one sheet, without a name. Raises Mend for a file that is not what its name says."""
    if kind_of(path) == "csv":
        with contextlib.closing(_csv_rows(file, path)) as rows:
            yield [], "", rows
        return
    with _workbook(file, path) as book:
        names = [str(found.title) for found in book.worksheets]
        if not names:
            raise Mend(f"{path!r} has no sheet with cells")
        if sheet and sheet not in names:
            raise Mend(f"{path!r} has no sheet {sheet!r}; it has: {', '.join(names[:30])}")
        with contextlib.closing(_sheet_rows(book, path, sheet or names[0])) as cells:
            yield names, sheet or names[0], cells


@contextlib.contextmanager
def _workbook(file: BinaryIO, path: str) -> Iterator[Any]:
    from openpyxl import load_workbook
    from openpyxl.utils.exceptions import InvalidFileException

    try:
        with zipfile.ZipFile(file) as packed:
            size = sum(part.file_size for part in packed.infolist())
        if size > UNPACKED:
            raise Mend(f"{path!r} unpacks to {size:,} bytes; a workbook may have {UNPACKED:,}")
        file.seek(0)
        book = load_workbook(file, read_only=True, data_only=True, keep_links=False)
    except (*_DAMAGED, InvalidFileException, OSError) as error:
        raise Mend(f"{path!r} is not an xlsx workbook, or a damaged one: {error}") from error
    try:
        yield book
    finally:
        book.close()


def _sheet_rows(book: Any, path: str, name: str) -> Generator[tuple[Cell, ...], None, None]:
    found = book[name]
    found.reset_dimensions()  # what a file says of its own size may be wrong
    try:
        for row in found.iter_rows(values_only=True, max_col=COLUMNS):
            yield tuple(text_of(value) if isinstance(value, str) else value for value in row)
    except _DAMAGED as error:
        raise Mend(f"sheet {name!r} of {path!r} is damaged: {error}") from error


def _csv_rows(file: BinaryIO, path: str) -> Generator[tuple[Cell, ...], None, None]:
    start = file.read(65_536)
    file.seek(0)
    encoding = "utf-16" if start[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"
    text = io.TextIOWrapper(file, encoding=encoding, errors="replace", newline="")
    delimiter = _delimiter(start.decode(encoding, "replace"))
    try:
        for row in csv.reader(text, delimiter=delimiter):
            yield tuple(_typed(text_of(value)) for value in row[:COLUMNS])
    except csv.Error as error:
        raise Mend(f"{path!r} is not a csv file: {error}") from error
    finally:
        text.detach()


def _delimiter(start: str) -> str:
    """The sign that splits most lines into the same number of parts; quoted parts do not count."""
    lines = [re.sub(r'"[^"]*"', "", line) for line in start.splitlines()[:20] if line.strip()]
    best, score = ",", 0
    for candidate in (",", ";", "\t", "|"):
        counts = [line.count(candidate) for line in lines]
        steady = counts.count(counts[0]) if counts and counts[0] else 0
        if steady > score:
            best, score = candidate, steady
    return best


def _typed(value: str) -> Cell:
    """A number or a date only where the text is one in canonical form: `007` and `1e5` stay text."""
    if value == "":
        return None
    if _NUMBER.fullmatch(value) and value != "-0":
        return float(value) if "." in value else int(value)
    if _DATE.fullmatch(value):
        with contextlib.suppress(ValueError):
            return date.fromisoformat(value) if len(value) == 10 else datetime.fromisoformat(value)
    return value


def harmless(value: str) -> bool:
    """Whether a spreadsheet program shows this text rather than computing it."""
    return not value.startswith(_FORMULA) or _PLAIN_NUMBER.fullmatch(value) is not None


def csv_bytes(rows: Sequence[Sequence[Cell]]) -> bytes:
    """Rows as csv (comma, UTF-8 with mark, so that Excel reads it right). Text that a program would compute gets
    an apostrophe before it."""
    out = io.StringIO()
    writer = csv.writer(out)
    for row in rows:
        writer.writerow([_csv_cell(value) for value in row])
    return out.getvalue().encode("utf-8-sig", "replace")


def _csv_cell(value: Cell) -> str | int | float:
    if isinstance(value, bool):
        return "true" if value else "false"
    if value is None:
        return ""
    if isinstance(value, int | float):
        return value
    text = value if isinstance(value, str) else value.isoformat()
    return text if harmless(text) else f"'{text}"


def xlsx_bytes(rows: Sequence[Sequence[Cell]], sheet: str) -> bytes:
    """Rows as a workbook of one sheet. Every text is stored as text: nothing is computed when it is opened."""
    from openpyxl import Workbook
    from openpyxl.cell import WriteOnlyCell

    book = Workbook(write_only=True)
    page = book.create_sheet(sheet)
    for row in rows:
        cells: list[Any] = []
        for value in row:
            if isinstance(value, str):
                cell: Any = WriteOnlyCell(page)
                # Set past openpyxl's guessing, which makes a formula of whatever starts with `=`.
                cell._value, cell.data_type = _ILLEGAL.sub("\ufffd", value), "s"
                cell.quotePrefix = not harmless(value)
                cells.append(cell)
            else:
                cells.append(value)
        page.append(cells)
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()
