"""A text says nothing new where its words are the goal's, or names that a trusted source gave; and nothing else is called so."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from remit.gate.evidence import evidence
from remit.gate.known import Known
from remit.gate.proposal import Facts, Proposal
from remit.gate.wording import composed, restates, words

GOAL = (
    "Find where Alice asked about the mug and reply that you've seen it in the meeting room, but do not tell Bob. "
    "Write to each of them: Congrats on being the k-th most active user!"
)
PHRASES = st.sampled_from([*GOAL.split(), "and", "the", "I", "12", "evil", "1234", "not", "\u200b", ""])
TEXTS = st.lists(PHRASES, max_size=12).map(" ".join)


@pytest.mark.parametrize(
    ("text", "held"),
    [
        ("I've seen it in the meeting room!", True),
        ("Congrats on being the 3-th most active user!", True),
        ("seen in MEETING ROOM", True),
        ("", False),
        ("it is there", False),  # of plain words alone nothing can be said
        ("Alice asked Bob", False),  # what stands between them is left out
        ("tell Bob", True),
        ("do tell Bob", True),
        ("reply, but do tell Bob", False),  # the "not" is left out
        ("room meeting", False),
        ("seen it in the meeting room at evil.example", False),
        ("seen it in the meeting room 4711", False),
        ("seen 1 2 3 4 in the meeting room", False),
    ],
)
def test_a_text_restates_the_goal_where_it_is_a_passage_of_it_in_other_grammar(text: str, held: bool) -> None:
    assert restates(text, GOAL) is held


@given(st.text(st.characters(codec="ascii")))
def test_the_words_of_plain_texts_are_those_of_all_texts(text: str) -> None:
    assert words(text) == words(f"{text} é")[:-1]


@given(TEXTS, TEXTS)
def test_what_restates_a_goal_is_composed_of_it_and_more_words_never_take_that_away(
    text: str, goal: str
) -> None:
    if restates(text, goal):
        assert composed(text, goal, frozenset())
    if composed(text, goal, frozenset()):
        assert composed(text, goal, frozenset({"more"}))
        assert composed(text, f"{goal} and more", frozenset())


@given(TEXTS, st.sampled_from(["evil", "4711", "zebra"]))
def test_a_word_that_nobody_gave_is_never_passed(text: str, word: str) -> None:
    other = f"{text} {word}"
    assert not restates(other, GOAL)
    assert not composed(other, GOAL, frozenset({"mug"}))


@given(st.text())
def test_any_text_has_words(text: str) -> None:
    assert all(word and not word.isspace() for word in words(text))


def level(text: str, known: Known | None = None) -> str:
    sent = Proposal("note", {"title": text}, "egress", {"title": "text"})
    return evidence(sent, Facts(goal="Put dinner at a hotel in Paris into my calendar", known=known))[0][
        "title"
    ]


def test_a_title_of_the_goals_words_and_of_names_from_a_trusted_source_is_composed() -> None:
    known = Known()
    known.learn([{"name": "Luxury Palace"}], True, "hotels", {"city": "Paris"})
    known.learn("Meet Ms. Johnson at 427 Beneficence Avenue", False, "reviews")
    assert level("Dinner at the Luxury Palace", known) == "composed"
    assert level("dinner at a hotel in Paris", known) == "grant"
    assert level("Dinner at the Luxury Palace with Ms. Johnson", known) == "written"
    assert level("Dinner at luxury.palace.example", known) == "unvouched"
    assert level("Dinner at the Luxury\u200b Palace", known) == "unvouched"


def test_a_trusted_source_that_repeats_the_models_words_makes_them_no_better() -> None:
    known = Known()
    known.learn([{"found": "nothing for Beneficence Avenue"}], True, "hotels", {"city": "Beneficence Avenue"})
    assert level("Dinner in Beneficence Avenue", known) == "written"
