"""An SMS is charged by parts: how many there are is what the operators count."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from remit.channels.segments import parts_of


@pytest.mark.parametrize(
    ("text", "count", "odd"),
    [
        ("", 1, ""),
        ("a" * 160, 1, ""),
        ("a" * 161, 2, ""),
        ("a" * 306, 2, ""),
        ("a" * 307, 3, ""),
        ("€" * 80, 1, ""),
        ("€" * 81, 2, ""),
        ("a" * 152 + "€" + "a" * 152, 3, ""),  # what takes two is not parted
        ("ä" * 160, 1, ""),
        ("ą" + "a" * 69, 1, "ą"),
        ("ą" + "a" * 70, 2, "ą"),
        ("😀" * 35, 1, "😀"),
        ("😀" * 36, 2, "😀"),
        ("😀" * 67, 3, "😀"),  # 33 a part: the 67th unit of each is left empty
    ],
)
def test_a_text_has_as_many_parts_as_operators_charge(text: str, count: int, odd: str) -> None:
    found = parts_of(text)
    assert (found.count, found.odd) == (count, odd)


@given(st.text(max_size=400), st.text(max_size=50))
def test_more_words_are_never_fewer_parts(text: str, more: str) -> None:
    assert parts_of(text + more).count >= parts_of(text).count
