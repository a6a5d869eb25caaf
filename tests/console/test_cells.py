"""What goes into a spreadsheet is what it says."""

from __future__ import annotations

import csv
import io

import pytest

from remit.console.cells import row


@pytest.mark.parametrize("sign", ["=", "+", "-", "@", "\t=", "\r=", "\n=", "＝", "＋", "－", "＠"])
def test_what_a_spreadsheet_would_compute_is_text_in_whatever_width_it_is_written(sign: str) -> None:
    (cells,) = csv.reader(io.StringIO(row(["Ann", f"{sign}1+1", "a, b"]), newline=""))
    assert cells == ["Ann", f"'{sign}1+1", "a, b"]
