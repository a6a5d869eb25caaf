"""Spreadsheets in the run's folder: xlsx and csv, in and out."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import islice
from typing import Annotated, Any

from pydantic import Field

from remit.errors import Mend
from remit.tools import folder
from remit.tools.decorate import tool
from remit.tools.tables import CELL, COLUMNS, Cell, csv_bytes, kind_of, opened, xlsx_bytes
from remit.tools.tool import Json, ToolContext

ROWS = 50_000  # that one write takes
READ = 1_000_000  # rows that a description looks at
SHOWN = 100_000  # characters of the cells that one read returns
DISTINCT = 1_000  # values of a column that are told apart

Value = str | int | float | bool | None


@tool(effect="read", timeout=60)
def sheet_read(
    context: ToolContext,
    path: str,
    sheet: str = "",
    offset: Annotated[int, Field(ge=0)] = 0,
    limit: Annotated[int, Field(ge=1, le=1_000)] = 100,
    header: bool = True,
) -> Json:
    """Read rows of a spreadsheet (xlsx or csv) of the run's folder. `next` is the offset of the next page.

    Args:
        path: The file.
        sheet: Which sheet of a workbook; empty for the first.
        offset: Rows to leave out at the start, not counting the header.
        limit: Rows to return at most.
        header: Whether the first row names the columns.
    """
    with folder.open_file(context.root, path) as file, opened(file, path, sheet) as (names, chosen, rows):
        columns = _columns(next(rows, ())) if header else []
        shown: list[Json] = []
        spent, more = 0, False
        for row in islice(rows, offset, None):
            values = [_json(value) for value in _trimmed(row)]
            spent += sum(len(value) if isinstance(value, str) else 8 for value in values)
            if len(shown) == limit or (shown and spent > SHOWN):
                more = True
                break
            shown.append(values)
    answer: dict[str, Json] = {
        "columns": columns,
        "rows": shown,
        "next": offset + len(shown) if more else None,
    }
    return answer | ({"sheet": chosen, "sheets": names} if names else {})


@tool(effect="read", timeout=90)
def sheet_describe(context: ToolContext, path: str, sheet: str = "") -> Json:
    """Describe a spreadsheet of the run's folder: its sheets, and for each column type, counts, min, max, sum.

    Args:
        path: The file.
        sheet: Which sheet of a workbook; empty for the first.
    """
    with folder.open_file(context.root, path) as file, opened(file, path, sheet) as (names, chosen, rows):
        columns = [_Column(name) for name in _columns(next(rows, ()))]
        count, more = 0, False
        for row in _filled(rows):
            if count == READ:
                more = True
                break
            count += 1
            for index, value in enumerate(row):
                if index == len(columns):
                    columns.append(_Column(_letter(index)))
                columns[index].add(value)
    answer: dict[str, Json] = {"rows": count, "columns": [column.told(count) for column in columns]}
    answer |= {"truncated": f"only the first {READ:,} rows were read"} if more else {}
    return answer | ({"sheet": chosen, "sheets": names} if names else {})


@tool(effect="self", settle="key", timeout=60)
def sheet_write(
    context: ToolContext,
    path: str,
    rows: list[list[Value] | dict[str, Value]],
    columns: list[str] = [],  # noqa: B006
    sheet: str = "Sheet1",
) -> Json:
    """Write rows to a new spreadsheet in the run's folder (xlsx or csv by its name); what was there is replaced.
    Text is stored as text: a formula is not computed.

    Args:
        path: The file, ending in .xlsx or .csv.
        rows: The rows, each a list of values or an object by column.
        columns: Names for the first row; left out, the keys of the objects.
        sheet: Name of the sheet in a workbook.
    """
    kind = kind_of(path)
    names, table = _table(rows, columns)
    for number, row in enumerate(table, 1):
        if len(row) > COLUMNS:
            raise Mend(f"rows: row {number} has {len(row)} cells; {COLUMNS} are the limit")
        if any(isinstance(value, str) and len(value) > CELL for value in row):
            raise Mend(f"rows: row {number} has a cell of more than {CELL:,} characters")
    if re.search(r"[\[\]:*?/\\]", sheet) or not 0 < len(sheet) <= 31:
        raise Mend(r"sheet: use 1 to 31 characters without [ ] : * ? / \ ")
    whole: list[Sequence[Cell]] = [names, *table] if names else list(table)
    data = xlsx_bytes(whole, sheet) if kind == "xlsx" else csv_bytes(whole)
    folder.write(context.root, path, data)
    return {"path": path, "rows": len(table), "columns": names, "bytes": len(data)}


def _table(rows: Sequence[Any], columns: list[str]) -> tuple[list[str], list[list[Cell]]]:
    if len(rows) > ROWS:
        raise Mend(f"rows: {len(rows):,} are too many for one file; {ROWS:,} are the limit")
    by_name = [row for row in rows if isinstance(row, dict)]
    if by_name and len(by_name) != len(rows):
        raise Mend("rows: give all as lists, or all as objects")
    if not by_name:
        return columns, [[_finite(value) for value in row] for row in rows]
    names = columns or list(dict.fromkeys(key for row in by_name for key in row))
    if extra := [key for row in by_name for key in row if key not in names]:
        raise Mend(f"rows: {extra[0]!r} is not one of the columns: {', '.join(names)}")
    return names, [[_finite(row.get(name)) for name in names] for row in by_name]


def _finite(value: Value) -> Cell:
    return None if isinstance(value, float) and not math.isfinite(value) else value


@dataclass(slots=True)
class _Column:
    """What is known of a column after some of its rows."""

    name: str
    kinds: Counter[str] = field(default_factory=Counter)
    values: Counter[str] = field(default_factory=Counter)
    numbers: list[float] = field(default_factory=lambda: [math.inf, -math.inf])
    parts: list[float] = field(default_factory=list)  # of the sum, summed exactly now and then
    dates: list[str] = field(default_factory=list)  # first and last
    more: bool = False  # there were more than DISTINCT values

    def add(self, value: Cell) -> None:
        if value is None or value == "":
            return
        kind = _kind(value)
        self.kinds[kind] += 1
        if isinstance(value, int | float) and not isinstance(value, bool):
            self.numbers = [min(self.numbers[0], value), max(self.numbers[1], value)]
            self.parts.append(value)
            if len(self.parts) > 10_000:
                self.parts = [math.fsum(self.parts)]
        elif kind == "date":
            text = str(_json(value))
            self.dates = [min([*self.dates[:1], text]), max([*self.dates[1:], text])]
        key = str(_json(value))[:80]
        if key in self.values or len(self.values) < DISTINCT:
            self.values[key] += 1
        else:
            self.more = True

    def told(self, rows: int) -> Json:
        filled = sum(self.kinds.values())
        kind = next(iter(self.kinds)) if len(self.kinds) == 1 else "mixed" if self.kinds else "empty"
        if set(self.kinds) == {"integer", "number"}:
            kind = "number"
        told: dict[str, Json] = {"name": self.name, "type": kind, "filled": filled, "empty": rows - filled}
        told["distinct"] = f"more than {DISTINCT}" if self.more else len(self.values)
        if self.parts:
            total = math.fsum(self.parts)
            told |= {"min": self.numbers[0], "max": self.numbers[1], "sum": total}
            told["mean"] = total / (self.kinds["integer"] + self.kinds["number"])
        elif self.dates:
            told |= {"min": self.dates[0], "max": self.dates[-1]}
        told["examples"] = [text for text, _ in self.values.most_common(3)]
        return told


def _kind(value: Cell) -> str:
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, int):
        return "integer"
    if isinstance(value, float):
        return "number"
    return "text" if isinstance(value, str) else "date"


def _columns(row: Sequence[Cell]) -> list[str]:
    return [
        _letter(index) if value is None else str(_json(value)) for index, value in enumerate(_trimmed(row))
    ]


def _letter(index: int) -> str:
    """A, B … Z, AA: the name of a column that has none."""
    name = ""
    while index >= 0:
        name, index = chr(65 + index % 26) + name, index // 26 - 1
    return name


def _trimmed(row: Sequence[Cell]) -> Sequence[Cell]:
    end = len(row)
    while end and row[end - 1] is None:
        end -= 1
    return row[:end]


def _filled(rows: Iterator[Sequence[Cell]]) -> Iterator[Sequence[Cell]]:
    return (row for row in map(_trimmed, rows) if row)


def _json(value: Cell) -> Json:
    """A midnight is a day to a spreadsheet: its date alone."""
    if isinstance(value, datetime) and (value.hour, value.minute, value.second) == (0, 0, 0):
        return value.date().isoformat()
    return value if value is None or isinstance(value, str | int | float) else value.isoformat()


TOOLS = (sheet_read, sheet_describe, sheet_write)
