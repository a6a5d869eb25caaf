"""How a long text is cut to fit."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from remit.models.text import chunks, tokens, weight

texts = st.text(alphabet=st.sampled_from("ab .\né漢"), max_size=300) | st.text(max_size=100)


@given(texts, st.integers(1, 40))
def test_nothing_is_lost_and_every_piece_fits(text: str, limit: int) -> None:
    pieces = chunks(text, limit)
    assert "".join(pieces) == text
    assert all(weight(piece) <= 3 * limit for piece in pieces)
    assert all(tokens(piece) <= limit for piece in pieces)


@given(texts)
def test_what_fits_stays_whole(text: str) -> None:
    assert chunks(text, max(tokens(text), 1)) == [text]


def test_a_text_is_cut_between_paragraphs_before_it_is_cut_within_one() -> None:
    assert chunks("one. two\n\nthree. four\n\nfive", 8) == ["one. two\n\nthree. four\n\n", "five"]
    assert chunks("one. two three", 3) == ["one. ", "two three"]


def test_a_limit_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one token"):
        chunks("x", 0)
