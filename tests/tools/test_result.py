from __future__ import annotations

import enum
import json
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel

from remit.errors import ToolFault
from remit.tools.result import TooLarge, keep, safe


class Colour(enum.Enum):
    RED = "red"


class Thing(BaseModel):
    at: datetime
    cost: Decimal


scalars = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.decimals(allow_nan=True, allow_infinity=True)
    | st.text(st.characters())
    | st.binary()
    | st.datetimes()
    | st.dates()
    | st.times()
    | st.timedeltas()
    | st.uuids()
    | st.sampled_from(Colour)
)
values = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner)
        | st.tuples(inner, inner)
        | st.dictionaries(st.text(st.characters()) | st.integers() | st.none() | st.booleans(), inner)
    ),
    max_leaves=25,
)


@settings(deadline=None)
@given(values)
def test_whatever_a_tool_returns_becomes_json_that_can_be_stored(value: Any) -> None:
    made = safe(value)
    text = json.dumps(made, allow_nan=False, ensure_ascii=False)
    text.encode("utf-8")
    # After a backslash of its own it is six letters, and no NUL
    assert "\\u0000" not in text.replace("\\\\", "")
    assert json.loads(text) == made
    assert safe(made) == made


@settings(deadline=None)
@given(st.decimals(allow_nan=False, allow_infinity=False))
def test_a_decimal_keeps_its_exact_value(value: Decimal) -> None:
    made = safe(value)
    assert Decimal(made if isinstance(made, str) else repr(made)) == value


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (float("nan"), None),
        (float("-inf"), None),
        (Decimal("NaN"), None),
        (Decimal("12.50"), 12.5),
        (Decimal("3"), 3),
        (Decimal("0.1234567890123456789"), "0.1234567890123456789"),
        (2**80, str(2**80)),
        (datetime(2026, 1, 2, 3, tzinfo=UTC), "2026-01-02T03:00:00+00:00"),
        (date(2026, 1, 2), "2026-01-02"),
        (time(3, 4), "03:04:00"),
        (timedelta(minutes=2), 120.0),
        (UUID(int=1), "00000000-0000-0000-0000-000000000001"),
        (Path("a/b"), "a/b"),
        (Colour.RED, "red"),
        (b"plain", "plain"),
        ("a\udcffb\x00", "a\ufffdb\u2400"),
        ({1: (1, 2), None: {3}}, {"1": [1, 2], "None": [3]}),
        (Thing(at=datetime(2026, 1, 1), cost=Decimal("1.5")), {"at": "2026-01-01T00:00:00", "cost": 1.5}),
    ],
)
def test_each_type_has_its_json_form(value: Any, expected: Any) -> None:
    assert safe(value) == expected


def test_a_value_that_holds_itself_is_the_developers_mistake() -> None:
    ring: list[Any] = []
    ring.append(ring)
    with pytest.raises(ToolFault, match="holds itself"):
        safe(ring)


def test_the_limit_counts_what_a_value_holds() -> None:
    assert safe(["x" * 400], limit=1000)
    with pytest.raises(TooLarge):
        safe(["x" * 400] * 3, limit=1000)


@settings(deadline=None)
@given(values)
def test_what_is_kept_in_the_folder_is_the_same_json(
    tmp_path_factory: pytest.TempPathFactory, value: Any
) -> None:
    if isinstance(value, str | bytes):
        return
    root = tmp_path_factory.mktemp("run")
    marker = keep(value, root, "call")
    assert json.loads((root / marker["file"]).read_bytes()) == safe(value)
    assert marker["bytes"] == (root / marker["file"]).stat().st_size
