"""The page on settings names every variable that Remit reads, in the words of settings.py."""

from __future__ import annotations

import re
import runpy
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
MADE = runpy.run_path(str(ROOT / "scripts/settings_page.py"))["made"]()
NAMED = set(re.findall(r"^\| `(REMIT_\w+)` \|", MADE, re.MULTILINE))


def test_the_page_is_what_settings_say() -> None:
    page = (ROOT / "docs/settings.md").read_text(encoding="utf-8")
    assert page == MADE, "run `python scripts/settings_page.py`"


def test_each_variable_is_described() -> None:
    assert not re.findall(r"^\| `REMIT_\w+` \| *\|", MADE, re.MULTILINE)


def test_no_variable_is_read_that_the_page_does_not_name() -> None:
    sources = "\n".join(path.read_text(encoding="utf-8") for path in (ROOT / "src/remit").rglob("*.py"))
    assert set(re.findall(r"\bREMIT_[A-Z]+(?:_[A-Z]+)*\b(?!_)", sources)) <= NAMED
