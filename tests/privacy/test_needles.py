"""What tells of a person is found however it is spelled, and nothing that only looks like it."""

from __future__ import annotations

import json
import re
import string
from fnmatch import fnmatchcase
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from remit.privacy.needles import SMALL, Needles, needles

ANN = (
    ("email", "ann@shop.example"),
    ("phone", "+491701234567"),
    ("customer", "C1042"),
    ("crm", "17"),
    ("handle", "жанна"),
)
MARK = "[erased t]"


def ann() -> Needles:
    return needles(ANN, ["Ann Lee", "Ann"], "t")


@pytest.mark.parametrize(
    "text",
    [
        "Ann@Shop.example", "x ann@shop.example. Bye", "a%20ann%40shop.example", r"\nann@shop.example", "<ann@shop.example>",
        "0170 / 123 45 67", "+49 (0)170 1234567", "0049170-1234567", "C1042", "(c1042)", "crm:17", r'{\"crm\":\"17\"}', "@Жанна",
        json.dumps("жанна"), quote("жанна"),
    ],
)  # fmt: skip
def test_it_is_found_however_it_is_spelled(text: str) -> None:
    assert ann().may_stand_in(text)
    assert ann().stand_in(text)
    made = ann().out_of(text)
    assert MARK in made
    assert not ann().stand_in(made)


@pytest.mark.parametrize(
    "text", [r'"Ann@Shop.example\n', r"\u201cann@shop.example", r"\"crm\":\n 17", "C1042", "@Жанна", "@ЖАННА"]
)
def test_the_database_knows_no_capitals_but_plain_ones_and_finds_it_all_the_same(text: str) -> None:
    small = text.translate(SMALL)
    assert any(fnmatchcase(small, like.replace("%", "*")) for like in ann().rough)
    assert re.search(ann().close, small, re.DOTALL)


def test_the_database_gives_out_little_that_only_looks_like_it() -> None:
    for text in (
        "joann@shop.example",
        "ann7@shop.example",
        "ann@shop.examples",
        "C10421",
        "AC1042",
        "crm:171",
        "scrm:17",
        "17",
    ):
        assert not re.search(ann().close, text.lower(), re.DOTALL)


@pytest.mark.parametrize(
    "text",
    [
        "joann@shop.example",
        "ann@shop.example.org",
        "ann@shop.examples",
        "C10421",
        "AC1042",
        "crm:171",
        "17",
        "Ann",
        "1701234567890",
    ],
)
def test_what_only_looks_like_it_stays(text: str) -> None:
    assert ann().out_of(text) == text


def test_a_name_goes_where_something_else_says_that_it_is_this_person() -> None:
    assert ann().out_of("Ann Lee, of Ann") == f"{MARK}, of Ann"
    assert ann().out_of("Ann Lee", named=False) == "Ann Lee"


def test_json_stays_json_and_what_is_of_others_stays_byte_for_byte() -> None:
    text = '{ "crm": 17, "n": 17,\n "ann@shop.example": ["\\n\\u0416", 1.50, "to ann@shop.example"], "deep": "{\\"crm\\": \\"17\\"}"}'
    made = ann().out_of_json(text)
    assert made == (
        f'{{ "crm": "{MARK}", "n": 17,\n "{MARK}": ["\\n\\u0416", 1.50, "to {MARK}"], "deep": "{{\\"crm\\": \\"{MARK}\\"}}"}}'
    )
    assert json.loads(made)["deep"] == json.dumps({"crm": MARK})


words = st.text(string.ascii_letters + string.digits + ".-+_", min_size=1, max_size=12)


@given(words, words, st.text(max_size=8), st.text(max_size=8))
def test_the_database_is_asked_for_every_text_that_tells_of_somebody(
    local: str, host: str, before: str, after: str
) -> None:
    looked = needles([("email", f"{local}@{host}.example".lower())], [], "t")
    for form in (f"{local}@{host}.example", quote(f"{local}@{host}.example", safe="")):
        text = f"{before} {form} {after}"
        assert looked.may_stand_in(text)
        for kept in (text, json.dumps(text), json.dumps(json.dumps({"a": text}))):  # as columns have it
            assert any(fnmatchcase(kept.lower(), like.replace("%", "*")) for like in looked.rough)
            assert re.search(looked.close, kept.lower(), re.DOTALL)
        assert not looked.may_stand_in("") or looked.rough
        assert json.loads(looked.out_of_json(json.dumps({"a": text}))) == {"a": looked.out_of(text)}
