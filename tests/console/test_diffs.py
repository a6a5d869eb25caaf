"""What changed, line by line: nothing of a line is lost, and of two lines that are alike the words that differ are marked."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from remit.console.diffs import marked

LINE = st.builds(
    lambda sign, text: sign + text, st.sampled_from([" ", "+", "-", "@@ "]), st.text(max_size=40)
)


def test_the_words_that_differ_between_two_lines_are_marked() -> None:
    less, more = marked(["-Refunds up to 20 dollars alone.", "+Refunds up to 50 dollars alone."])
    assert (less.tone, more.tone) == ("less", "more")
    assert [text for text, differs in less.pieces if differs] == ["20"]
    assert [text for text, differs in more.pieces if differs] == ["50"]


def test_lines_that_have_nothing_in_common_are_not_taken_apart() -> None:
    for line in marked(["-Answers mails.", "+Spends at most $2, 40 steps."]):
        assert [differs for _, differs in line.pieces] == [False]


@given(st.lists(LINE, max_size=12))
def test_nothing_of_any_line_is_lost_and_no_line_changes_its_side(lines: list[str]) -> None:
    shown = ["".join(text for text, _ in line.pieces) for line in marked(lines)]
    assert sorted(shown) == sorted(lines)
    for sign in "+-@ ":
        assert [one for one in shown if one[:1] == sign] == [one for one in lines if one[:1] == sign]
