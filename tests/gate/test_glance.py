"""What is seen at once of all that was read: what it says is so, and what it is not sure of it leaves to who looks closely."""

from __future__ import annotations

from typing import Any

import pytest

from remit.gate.glance import MOST, MOST_WORDS, REMEMBERED, Glance, Strangers, Texts, may_hold, written
from remit.gate.known import Known
from remit.gate.read import Read

Json = Any
ANN = "ann@x.example"
MIXED = {"*": "untrusted", "mine": "system"}  # a result of which a trusted source says one field


def reads(*results: Json, trusted: bool = True, given: Json = None, **more: Json) -> list[Read]:
    known = Known()
    for result in results:
        known.learn(result, trusted, "a source", given, **more)
    return known._reads


def seen(*results: Json, **more: Json) -> Glance:
    return Glance().learn(reads(*results, **more))


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (["Ann", 5, None, {"B": True}], '["ann",5,null,{"b":true}]'),
        ('a tab\t, a line\n, a "word"', '"a tab\\t, a line\\n, a \\"word\\""'),
        ("an e-mail", '"an e-mail"'),
        (0.5, "0.5"),
        (float("nan"), "nan"),
        ("é", None),
        ("\x7f", None),
        ("\x08", None),
        ("\x0c", None),
        ("\x00", None),
        ("\x1f", None),
        ("\ud800", None),
        (1e-7, None),
        ("1E-7", None),
    ],
)
def test_what_is_plain_is_one_text_in_small_letters_and_what_is_not_is_none(
    value: Json, text: str | None
) -> None:
    assert written(value) == text


@pytest.mark.parametrize(
    ("kind", "value", "may"),
    [
        ("email", "ann@x.example", True),
        ("email", "bo@x.example", False),
        ("text", "main street", True),
        ("text", "street main", True),  # one word after the other: who looks closely knows
        ("text", "main road", False),
        ("text", "wide street", False),
        ("text", "road", False),
        ("text", "12-3.5", True),  # a number is written in many ways
        ("text", 'zz "word"', False),
        ("text", '"word"', True),
        ("text", "back\\slash", True),
        ("id:order", "nowhere", True),
    ],
)
def test_a_value_may_be_said_where_all_of_its_words_are(kind: str, value: str, may: bool) -> None:
    assert may_hold('{"to":"ann@x.example","at":"main street"}', kind, value) is may


@pytest.mark.parametrize(
    ("result", "vouched"),
    [
        ({"mail": ANN}, True),
        ({"mail": "Ann@X.example"}, True),
        ([ANN, 1], True),
        ([1, ANN], True),
        ({ANN: 1}, True),
        (ANN, True),
        ({"says": f"write to {ANN}"}, None),
        ({"says": f"{ANN} is mine"}, None),
        ({"says": f'"{ANN}"'}, None),
        ({"mail": "bo@x.example"}, False),
        ({"mail": "ann\uff20x.example"}, None),
        ({"mail": "ann\ufe6bx.example"}, None),
        ({"mail": ANN, "name": "café", "number": 5}, True),
        ({"mail": ANN, "name": "café", "least": "1e-7"}, True),
        ({"mail": "bo@x.example", "least": f"1e-7 {ANN}"}, None),
        ({"mail": "bo@x.example", "name": "café"}, False),
        ({"mail": ANN, "name": "a\x00b"}, True),
        ({"mail": ANN, "name": "a@\x00b"}, None),
    ],
)
def test_an_address_is_vouched_for_where_it_is_all_of_a_field(result: Json, vouched: bool | None) -> None:
    assert seen(result).vouches(ANN) is vouched


def test_strangers_vouch_for_nothing_and_a_trusted_field_only_for_itself() -> None:
    assert seen({"mail": ANN}, trusted=False).vouches(ANN) is False
    mixed = seen({"mine": ANN, "other": "bo@x.example"}, trusted=False, fields=MIXED)
    assert (mixed.vouches(ANN), mixed.vouches("bo@x.example")) == (True, False)


def test_letters_beyond_ascii_are_not_looked_at_in_one_go() -> None:
    assert written(["CAFÉ"]) is None
    assert written(["CAFE"]) == '["cafe"]'


def test_what_a_sentence_ends_in_is_not_all_of_it() -> None:
    assert seen({"note": f'write to "{ANN}'}).vouches(ANN) is None
    assert seen({"note": f'write to "{ANN}', "mail": ANN}).vouches(ANN) is True


def test_what_the_model_had_told_is_looked_at_closely_and_what_was_vouched_for_before_stays_so() -> None:
    assert seen({"mail": ANN}, given={"q": f"who is {ANN}"}).vouches(ANN) is None
    assert seen({"mail": ANN}, given={"q": f"é {ANN}"}).vouches(ANN) is None
    assert seen({"mail": ANN}, given={"q": "é"}).vouches(ANN) is True, "no address stands in other letters"
    assert seen({"mail": ANN}, given={"q": "é", "to": ANN}).vouches(ANN) is None
    known = reads({"mail": ANN})
    glance = Glance().learn(known)
    assert glance.vouches(ANN) is True
    known += reads({"mail": "bo@x.example"}, given={"q": ANN})
    assert glance.learn(known).vouches(ANN) is True
    assert glance.vouches("bo@x.example") is True


@pytest.mark.parametrize("beside", ["1e-7", "\x08", "\ud800", 1e-7, float("nan"), "é"])
def test_no_word_beside_it_hides_what_the_model_had_told(beside: Json) -> None:
    known = Known()
    known.learn({"mail": ANN}, True, "a directory that tells what it was asked", {"q": ANN, "more": beside})
    assert not known.vouches("email", ANN)


def test_once_an_address_may_stand_in_other_letters_it_may_for_good() -> None:
    known = reads({"mail": "ann\uff20x.example"}, {"name": "café"}, {"mail": "bo@x.example"})
    glance = Glance()
    for upto in range(1, 4):
        assert glance.learn(known[:upto]).vouches("bo@x.example") is None


def test_what_was_learned_is_not_learned_again() -> None:
    known = reads({"mail": ANN}, given=["x"])
    glance = Glance().learn(known)
    said, told = glance.said, glance.told
    assert glance.learn(known) is glance
    assert (glance.said, glance.told) == (said, told) == ('[{"mail":"ann@x.example"}]', '[["x"]]')
    known += reads("more")
    assert glance.learn(known).said == said + '["more"]'


@pytest.mark.parametrize("more", [0, 1])
def test_of_more_than_is_searched_nothing_is_seen_at_once(more: int) -> None:
    long = "a" * (MOST - len(f'[["{ANN}",""]]') + more)
    glance = seen([ANN, long])
    assert glance.vouches(ANN) is (None if more else True)
    assert glance.has_text("nowhere") is bool(more)
    told = seen({"mail": ANN}, given="a" * (MOST - len('[""]') + more))
    assert told.vouches(ANN) is (None if more else True)


def test_a_text_may_have_been_said_where_its_words_were_or_something_was_not_plain() -> None:
    assert [seen({"at": "Main Street"}).has_text(one) for one in ("main street", "main", "road")] == [
        True,
        True,
        False,
    ]
    odd = seen({"at": "café"})
    odd.know()
    assert odd.has_text("road")
    assert not seen({"at": "café"}, trusted=False).has_text("road")


def test_a_word_may_be_new_until_the_words_are_known() -> None:
    known = reads({"at": "Main Street"})
    glance = Glance().learn(known)
    assert [glance.has_word(one) for one in ("main", "road")] == [True, False]
    glance.know()
    assert not glance.has_word("main")
    known += reads("a road")
    assert [glance.learn(known).has_word(one) for one in ("main", "road")] == [False, True]
    known += reads("ü")
    assert glance.learn(known).has_word("anything")
    glance.know()
    assert not glance.has_word("anything")


@pytest.mark.parametrize("more", [-1, 0])
def test_of_many_words_nobody_tells_at_once(more: int) -> None:
    long = "a" * (MOST_WORDS - len('[""]') + more)
    known = reads(long)
    glance = Glance().learn(known)
    assert glance.has_word("nowhere") is (more == 0)
    glance.know()
    assert not glance.has_word("nowhere")
    known += reads(long)
    assert glance.learn(known).has_word("nowhere") is (more == 0)


@pytest.mark.parametrize(
    ("value", "vouched"),
    [
        ("main street", True), ("main", False), ("5", True), ("7", False), ("-1.5", True), ("true", True), ("false", True), ("none", False),
        ("a text that is longer than any that was said", False),
    ],
)  # fmt: skip
def test_texts_are_known_by_their_forms_and_so_are_numbers(value: str, vouched: bool) -> None:
    texts = Texts().learn(reads({"a": "Main  Street", "n": [5, -1.5], "yes": True, "no": False}))
    assert texts.may_vouch(value) is vouched
    assert texts.may_vouch(value) is vouched


def test_no_stranger_vouches_and_a_form_may_have_more_letters_than_what_was_written() -> None:
    assert not Texts().learn(reads({"n": 5}, trusted=False)).may_vouch("5")
    assert Texts().learn(reads("ß" * 9)).may_vouch("s" * 18)


def test_texts_that_are_said_later_are_known_too() -> None:
    known = reads("one", 1)
    texts = Texts().learn(known)
    assert [texts.may_vouch(one) for one in ("one", "1", "two", "2")] == [True, True, False, False]
    known += reads("two", 2, False)
    assert texts.learn(known) is texts.learn(known) is texts
    assert [texts.may_vouch(one) for one in ("one", "1", "two", "2", "false")] == [True] * 5


def test_a_piece_may_stand_in_those_results_of_strangers_that_have_it() -> None:
    known = reads({"a": "See SHOP.example"}, {"a": "nothing"}, {"a": "ü"}, {"a": 7}, trusted=False)
    known += reads({"a": "shop.example"})
    known += reads({"mine": "shop.example", "its": "no"}, {"mine": "no", "its": "shop.example"}, fields=MIXED)
    strangers = Strangers()
    assert [known.index(one) for one in strangers.saying("shop.example", known)] == [0, 2, 6]
    assert [known.index(one) for one in strangers.saying("shop.example", known)] == [0, 2, 6]
    known += reads("shop.example and more", "a\x00", trusted=False)
    assert [known.index(one) for one in strangers.saying("shop.example", known)] == [0, 2, 6, 7, 8]
    assert [known.index(one) for one in strangers.saying("more", known)] == [2, 7, 8]


def test_of_what_was_asked_about_no_more_is_remembered_than_can_be_asked_soon_again() -> None:
    known, strangers = reads("piece 7", trusted=False), Strangers()
    for number in range(3 * REMEMBERED):
        assert strangers.saying(f"piece {number}", known) == (known if number == 7 else [])
        assert len(strangers.asked) <= REMEMBERED + 1
    assert f"piece {number}" in strangers.asked
