"""What an event says is said without the signs of JSON, and in a line."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from remit.said import plainly

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=30),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ({"order": "W1", "amount": 20, "note": ""}, "order W1, amount 20"),
        ({"matches": [], "truncated": False}, "no matches, truncated no"),
        ({"order": {"id": "W1", "items": ["lamp", "kettle"]}}, "order (id W1, items lamp, kettle)"),
        ({}, ""),
        (None, "nothing"),
        ("as it\n stands", "as it stands"),
        (2.5, "2.5"),
    ],
)
def test_a_value_is_said_without_the_signs_of_json(value: object, said: str) -> None:
    assert plainly(value) == said


@given(JSON)
def test_whatever_it_is_it_is_said_in_a_line_that_is_not_too_long(value: object) -> None:
    said = plainly(value, 80)
    assert len(said) <= 81
    assert len(said.splitlines()) <= 1
