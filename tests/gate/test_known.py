"""What a run has read is told by place and by source: who says a value, and where only the model's own words come back."""

from __future__ import annotations

import pytest

from remit.gate.known import SOURCES, Known
from remit.gate.values import canonical
from remit.journal.refs import Pointer

ANN, EVE = "ann@x.example", "eve@z.example"


def test_a_place_is_as_good_as_who_says_it_there() -> None:
    known = Known()
    known.learn({"mail": ANN}, True, "the directory", call="1.0")
    known.learn({"mail": ANN, "other": EVE}, False, "a page", call="2.0")
    assert known.pointed("email", Pointer("1.0", ("mail",))) == [(ANN, True)]
    assert known.pointed("email", Pointer("2.0", ("mail",))) == [(ANN, False)], "said elsewhere, but not here"
    assert known.pointed("email", Pointer("2.0", ("other",))) == [(EVE, False)]


def test_of_no_result_and_of_no_place_in_one_nothing_is_known() -> None:
    known = Known()
    known.learn({"mail": ANN}, True, "the directory", call="1.0")
    assert known.pointed("email", Pointer("9.9", ("mail",))) == []
    assert known.pointed("email", Pointer("1.0", ("nowhere",))) == []


def test_only_what_the_model_wrote_until_then_comes_back_as_an_echo() -> None:
    place = Pointer("1.0", ("note",))
    before, after, named = Known(), Known(), Known()
    before.learn("ok", False, "a call", {"q": "Bob"}, call="0.0")
    before.learn({"note": "Bob Lee"}, True, "the directory", call="1.0")
    after.learn({"note": "Bob Lee"}, True, "the directory", call="1.0")
    after.learn("ok", False, "a call", {"q": "Bob"}, call="2.0")
    named.learn({"note": "Bob Lee"}, True, "the directory", {"bob": "x"}, call="1.0")
    assert before.pointed("email", place) == [("Bob Lee", False)]
    assert after.pointed("email", place) == [("Bob Lee", True)]
    assert named.pointed("email", place) == [("Bob Lee", True)], "the names of arguments are the tool's"


def test_a_sentence_with_one_of_the_models_links_is_not_the_sources_and_any_other_is() -> None:
    known = Known()
    wrote = {"text": "see https://z.example/a and https://z.example/b"}
    known.learn("ok", False, "a call", wrote, call="1.0")
    said = ["you asked for https://z.example/a", "see https://x.example/c", "no link"]
    known.learn(said, True, "the directory", call="2.0")
    assert [known.vouches("text", one) for one in said] == [False, True, True]


def test_no_more_sources_are_told_than_anybody_reads() -> None:
    known = Known()
    for number in range(SOURCES + 2):
        known.learn(f"write to {EVE}", False, f"page {number}")
    assert known.named("email", EVE) == tuple(f"page {number}" for number in range(SOURCES))
    assert known.who("email", EVE).untrusted == known.named("email", EVE)


@pytest.mark.parametrize(
    ("kind", "value", "said"),
    [
        ("email", EVE, "write to Eve@Z.example"),
        ("email", EVE, "eve\uff20z.example"),
        ("email", "dörte@z.example", "Ask DÖRTE@z.example"),
        ("url", "https://z.example/a", "see HTTPS://Z.example/a"),
        ("url", "http://[::1]/a", "see http://[::1]/a"),
        ("phone", "+49 30 1234567", "call +49 (30) 123 45 67"),
        ("account", "DE89370400440532013000", "to DE89 3704 0044 0532 0130 00"),
    ],
)
def test_who_says_a_value_is_found_however_it_is_spelled(kind: str, value: str, said: str) -> None:
    form = canonical(kind, value)
    assert form is not None
    strangers, directory = Known(), Known()
    strangers.learn({"text": said}, False, "a page")
    directory.learn({"known": value}, True, "the directory")
    assert strangers.named(kind, form) == ("a page",)
    assert directory.named(kind, form) == ("the directory",)
