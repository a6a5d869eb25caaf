"""Rows of CSV that a spreadsheet takes for what they say."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence

COMPUTED = "=+-@\t\r\n＝＋－＠"  # a spreadsheet takes a cell that begins with one of these for a formula


def row(cells: Sequence[str]) -> str:
    """A line. What would be computed begins with an apostrophe."""
    out = io.StringIO()
    safe = [f"'{cell}" if cell.startswith(tuple(COMPUTED)) else cell for cell in cells]
    csv.writer(out, lineterminator="\r\n").writerow(safe)
    return out.getvalue()
