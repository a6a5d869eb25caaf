"""Tools that a test can hold in the middle, and an effect whose every happening is written down."""

from __future__ import annotations

import os
from pathlib import Path

from remit.tools import tool


@tool(effect="destroy", settle="ask")
def mark(text: str) -> str:
    """Write a line down."""
    with Path(os.environ["REMIT_TEST_MARKS"]).open("a") as marks:
        marks.write(f"{text}\n")
    return "written"


@tool(effect="destroy", settle="key")
def hold() -> str:
    """Wait until the test lets go: it opens the other end of a pipe when it wants to know that this waits. Its effect is
    that it waited, so that to do it again is to do it once."""
    return Path(os.environ["REMIT_TEST_PIPE"]).read_text()


TOOLS = (mark, hold)
