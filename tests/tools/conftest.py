from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from remit.tools import ToolContext


@pytest.fixture
def make_context(tmp_path: Path) -> Callable[..., ToolContext]:
    """A context whose folder is `tmp_path/run`; resources by keyword."""

    def make(**resources: Any) -> ToolContext:
        return ToolContext(
            run=uuid4(),
            call_id="call_1",
            key="key-1",
            root=tmp_path / "run",
            person={},
            inputs={},
            resources=resources,
        )

    return make


@pytest.fixture
def context(make_context: Callable[..., ToolContext]) -> ToolContext:
    return make_context()
