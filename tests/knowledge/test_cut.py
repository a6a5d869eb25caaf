"""Passages are the text, cut where it has joints."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from remit.knowledge.cut import HEADING, MOST, cut, heading_of

PIECES = st.sampled_from(
    ["# One\n", "## Two #\n", "###### Six\n", "#no\n", "\n", "\n\n", "   \n", "word ", "A sentence. ", "x" * 900, "```\n",
     "a line\n", "\t", "e\u0301", "🙂", "# " + "#" * 50 + "x\n"]
)  # fmt: skip


@given(
    st.lists(PIECES, max_size=40).map("".join),
    st.booleans(),
    st.lists(st.integers(0, 3_000), max_size=4).map(sorted),
)
def test_passages_one_behind_the_other_are_the_text(text: str, headed: bool, pages: list[int]) -> None:
    found = cut(text, "T", headed=headed, pages=pages)
    assert "".join(one.text for one in found) == text
    assert [one.starts for one in found] == [sum(len(o.text) for o in found[:n]) for n in range(len(found))]
    assert all(0 < len(one.text) <= MOST and len(one.heading) <= HEADING for one in found)


def test_a_passage_begins_at_each_heading_and_knows_those_above_it() -> None:
    text = "# Handbook\n\nHello.\n\n## Returns\n\n### Late\n\nToo late.\n\n## Else\n\nNothing.\n```\n# no heading\n```\n"
    found = cut(text, "Handbook", headed=True)
    assert [one.heading for one in found] == ["Handbook", "Handbook › Returns › Late", "Handbook › Else"]
    assert found[1].text.startswith("## Returns\n")


def test_short_paragraphs_are_one_passage_and_a_long_one_is_cut_behind_a_sentence() -> None:
    assert len(cut("one\n\ntwo\n\nthree\n", "T")) == 1
    parts = cut("This is a sentence of some words. " * 100, "T")
    assert len(parts) > 1
    assert all(one.text.rstrip().endswith(".") for one in parts)


def test_a_page_of_a_pdf_is_named_where_there_are_no_headings() -> None:
    found = cut("first page\n\nsecond page\n\n", "Contract", pages=(0, 12))
    assert [one.heading for one in found] == ["Contract › page 1", "Contract › page 2"]


def test_a_heading_is_what_markdown_says() -> None:
    assert heading_of("## Late returns ##\n") == (2, "Late returns")
    assert heading_of("#5 is alive") is None
    assert heading_of("# ") is None


def test_a_line_made_to_be_slow_costs_no_more_than_others() -> None:
    assert cut("# " + "#" * 1_000_000 + "x\n", "T", headed=True)
    assert cut("#\n" * 500_000, "T", headed=True)
    assert cut("# a\n" * 300_000, "T", headed=True)
