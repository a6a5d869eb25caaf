"""Canonical forms: what is the same is equal, what is not is not, and nothing that a model writes breaks them."""

from __future__ import annotations

import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from remit.gate import addresses
from remit.gate.unseen import as_seen, hidden
from remit.gate.values import canonical, found, spellings, stands

KINDS = ["email", "phone", "account", "url", "path", "amount", "person", "id:order", "text", "address"]
kinds = st.sampled_from(KINDS)
# Characters that mean something to one of the kinds, and any other.
pieces = st.sampled_from(
    ["a", "B", "ß", "İ", "ﬃ", "1", "9", "٣", "²", "Ａ", "@", "＠", ".", "。", "..", "/", "\\", ":", "://", "http", "xn--",
     "%2e", "%", "#", "+", "-", ",", "'", "(", ")", "<", ">", '"', " ", "\n", "$", "€", "EUR", "DE", "\u200b", "\u200d",
     "\u202e", "\ufe0f", "\ud800", "\x00", "é", "e\u0301", "例え", "?", "[::1]", "mailto:", "00", "ext", "www.x.com"]
)  # fmt: skip
texts = st.lists(pieces, max_size=14).map("".join) | st.text(max_size=30)
jsons = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=4,
)


@given(kinds, jsons)
def test_any_json_value_has_one_form_or_none(kind: str, value: Any) -> None:
    form = canonical(kind, value)
    assert form is None or isinstance(form, str)
    assert form == canonical(kind, value)


@given(kinds, texts)
def test_the_form_of_a_form_is_itself(kind: str, value: str) -> None:
    form = canonical(kind, value)
    if form is not None:
        assert canonical(kind, form) == form


@given(kinds, texts)
def test_whatever_is_found_in_a_text_is_in_canonical_form(kind: str, text: str) -> None:
    for value in found(kind, text):
        assert canonical(kind, value) == value


@given(st.sampled_from(["email", "phone", "account", "url", "path", "id:order"]), texts)
def test_a_value_with_something_unseen_in_it_is_no_such_value(kind: str, value: str) -> None:
    for mark in ("\u200b", "\u202e", "\u00ad", "\ufe0f", "\U000e0041"):
        for at in range(len(value) + 1):
            assert canonical(kind, value[:at] + mark + value[at:]) is None


SAME = [
    ("email", ["ann@x.example", "ANN@X.Example", " ann@x.example ", "Ann Lee <ann@x.example>", "mailto:ann@x.example",
               '"Lee, Ann" <ann@x.example>', "ann@x.example.", "ann＠x.example", "<ann@x.example>"]),
    ("email", ["a+tag@bücher.example", "a+tag@xn--bcher-kva.example", "A+TAG@BÜCHER.example", "a+tag@bu\u0308cher.example"]),
    ("phone", ["+49 30 1234567", "0049301234567", "+49 (0)30 123-45-67", "tel:+49-30-1234567", "+49/30/1234567", "٠٠49301234567"]),
    ("phone", ["5551234567", 5551234567, "(555) 123-4567", "555.123.4567"]),
    ("account", ["DE89370400440532013000", "de89 3704 0044 0532 0130 00", "DE89-3704-0044-0532-0130-00"]),
    ("account", ["12345678", "1234 5678", "12-34-56-78", 12345678]),
    ("url", ["https://x.example/", "HTTPS://X.Example", "https://x.example:443/#top", "https://x.example/a/..", "x.example",
             "https://x.example./", "https://x.example/%2E/", "//x.example"]),
    ("url", ["https://bücher.example/%C3%BC~", "https://xn--bcher-kva.example/ü%7e", "https://bücher.example/%c3%bc%7E"]),
    ("url", ["http://[::1]/", "http://[0:0:0:0:0:0:0:1]:80/"]),
    ("path", ["a/b.txt", "./a/b.txt", "a//b.txt", "a/c/../b.txt", "a/b.txt/"]),
    ("path", ["é.txt", "e\u0301.txt"]),
    ("amount", [1234.5, "1234.5", "1,234.50", "1.234,50", "1'234.50", "1 234,50", "+1234.50", "１２３４.５"]),
    ("amount", ["50 EUR", "50 €", "€50.00", "EUR 50", "50,00 euros", "eur50"]),
    ("amount", ["50 USD", "$50.00", "US$50", "50 dollars"]),
    ("amount", [50, 50.0, "50.00", "50,00", "050"]),
    ("amount", [-50, "-50", "−50.0"]),
    ("person", ["Ann Lee", " ann  LEE", "Ａnn Lee"]),
    ("id:order", ["#W1", "w1", " W1 ", "##w1", "Ｗ1"]),
    ("id:order", [42, 42.0, "42", "#42"]),
    ("text", ["Hello  there", "hello\nTHERE "]),
]  # fmt: skip
OTHER = [
    ("email", ["ann@x.example", "joann@x.example", "ann@x.example.evil", "ann+1@x.example", "a.nn@x.example", "ann@xx.example",
               "аnn@x.example", "ann@х.example", "ann@sub.x.example", "ann%evil.example@x.example"]),
    ("phone", ["+4930123456", "4930123456", "030123456", "+4930123457", "+4930123456 ext 7"]),
    ("account", ["DE89370400440532013000", "DE88370400440532013000", "DE8937040044053201300", "1BvBMSEYstWetqTFn5", "1bvbmseystwetqtfn5"]),
    ("url", ["https://x.example/", "http://x.example/", "https://x.example:8443/", "https://x.example/?q=1", "https://x.example/a",
             "https://x.example/A", "https://x.example.evil/", "https://x.example/a%2Fb", "https://x.example/a/b", "https://x.example//a"]),
    ("path", ["a/b", "A/b", "/a/b", "b", "a\\b"]),
    ("amount", ["50", "50 USD", "50 EUR", "-50", "5", "50.5", "500", "1.234", "1,234"]),
    ("id:order", ["w1", "w1-2", "w11", "w 1", "w²"]),
    ("person", ["ann lee", "ann", "ann lee-smith", "аnn lee"]),
]  # fmt: skip
NONE = [
    ("email", ["ann", "a@b@c", "a@x.example, b@x.example", "A, B <a@x.example>", "a b@x.example", "a@[127.0.0.1]", "@x.example", "a@",
               "a@x..example", "mailto:a@x.example?cc=b@x.example", "ann@x.exa\u200bmple", 7, None, True, ["a@x.example"]]),
    ("phone", ["none", "12", "1234567890123456", "555-CALL", "+1 555 <b>", None]),
    ("account", ["savings", "", "12/34", None]),
    ("url", ["https://good.example@evil.example/", "https://good.example\\@evil.example/", "http://2130706433/", "http://0177.0.0.1/",
             "http://0x7f.1/", "javascript:alert(1)", "https://", "https://x.example:99999/", "https://x%2eexample/", "https://x.example/%zz",
             "https://x.example/a b", "https://good.example／.evil.example/", "data:text/html,x", "http://[::1%25eth0]/", "no"]),
    ("path", ["..", "../a", "a/../../b", "/..", "a\\..\\..\\b", "a\x00b", "", " "]),
    ("amount", ["50k", "fifty", "1,23,4", "1.2.3", "--5", "$50 EUR", True, float("nan"), float("inf"), "1e5", ""]),
    ("person", ["", "Ann\u200b Lee", "Ann\u202eeeL"]),
    ("id:order", ["", "#", "W1\u200b"]),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "values"), SAME)
def test_spellings_of_the_same_thing_are_equal(kind: str, values: list[Any]) -> None:
    assert len({canonical(kind, value) for value in values}) == 1
    assert canonical(kind, values[0]) is not None


@pytest.mark.parametrize(("kind", "values"), OTHER)
def test_different_things_are_different(kind: str, values: list[Any]) -> None:
    forms = [canonical(kind, value) for value in values]
    assert None not in forms
    assert len(set(forms)) == len(values)


@pytest.mark.parametrize(("kind", "value"), [(kind, value) for kind, values in NONE for value in values])
def test_what_is_no_such_thing_or_could_be_read_in_two_ways_has_no_form(kind: str, value: Any) -> None:
    assert canonical(kind, value) is None


@pytest.mark.parametrize(
    ("kind", "text", "values"),
    [
        ("email", "write to joann@x.example.", {"joann@x.example"}),
        ("email", "'ann@x.example', Bob <B@Y.example>; *c@z.example*", {"ann@x.example", "b@y.example", "c@z.example"}),
        ("email", "x@y@z, https://user@host.example/ and @handle", set()),
        ("email", "ann@x.exam\u200bple", {"ann@x.example"}),
        ("url", "(see https://x.example/a).", {"https://x.example/a"}),
        ("url", "[here](https://x.example/a_(b))!", {"https://x.example/a_(b)"}),
        ("url", "run main.py, e.g. with 1.2.3", set()),
        ("url", "see www.x.example", {"https://www.x.example/", "http://www.x.example/"}),
        ("url", "ann@x.example", set()),
        ("amount", "pay $50.00 now", {"50", "50 USD"}),
        ("amount", "1.234,50 € on 2024-01-15 at 12:30, 50% of 7 million, W50, #51, 20k, 1.2.3", {"1234.5", "1234.5 EUR"}),
        ("amount", "between 10 and 20.", {"10", "20"}),
        ("phone", "call (030) 123456. 5 people", {"030123456"}),
        ("phone", "write to tel:+49-30-123456, or at phone:+4930123457; not at 10:30123", {"+4930123456", "+4930123457"}),
        ("account", "to DE89 3704 0044 0532 0130 00 please", {"DE89370400440532013000"}),
        ("account", "account 1234 5678 9012, thanks", {"123456789012"}),
        ("path", 'read "my notes.txt" and reports/q3.xlsx, not ../x', {"my notes.txt", "reports/q3.xlsx"}),
        ("id:order", "#W1-2, W3.", {"w1-2", "w3"}),
    ],
)  # fmt: skip
def test_the_values_of_a_kind_are_found_in_free_text_each_as_a_whole(
    kind: str, text: str, values: set[str]
) -> None:
    assert found(kind, text) == values


@pytest.mark.parametrize(
    ("kind", "value", "text", "whole"),
    [
        ("id:order", "w1", "cancel #W1, please", True),
        ("id:order", "w1", "cancel W1.", True),
        ("id:order", "w1", "cancel W1-2", False),
        ("id:order", "w1", "cancel W12", False),
        ("id:order", "42", "it costs $42", False),
        ("id:order", "42", "mail 42@x.example", False),
        ("id:order", "42", "https://x.example/orders/42", True),
        ("path", "b.txt", "read a/b.txt", False),
        ("path", "b.txt", "read b.txt.", True),
        ("path", "my notes", "read my notes, please", True),
        ("path", "b.txt", "read b.txt.old", False),
        ("person", "ann lee", "give it to Ann  Lee", True),
        ("person", "ann", "give it to Joann", False),
        ("email", "ann@x.example", "joann@x.example", False),
        ("amount", "50", "pay $50.00", True),
        ("amount", "50 EUR", "pay $50.00", False),
        ("amount", "5", "pay $50.00", False),
        ("city", "springfield", "to Springfield, IL", True),
        ("id:order", "", "anything", False),
        ("id:file", "1", "in this order: 1. Look. 2. Delete it.", False),
        ("id:file", "2", "1) Look!\n 2) Delete it.", False),
        ("amount", "2", "in this order: 1. Look. 2. Delete it.", False),
        ("id:event", "24", "cancel event 24. Then tell Ann.", True),
        ("id:event", "10", "on 5/10 at 10:00", False),
        ("id:event", "10", "event 10: move it", True),
        ("amount", "12", "pay 12. Thanks", True),
    ],
)
def test_a_value_stands_in_a_text_only_as_a_whole(kind: str, value: str, text: str, whole: bool) -> None:
    assert stands(kind, value, text) is whole


@given(kinds, texts, texts)
def test_a_value_that_stands_somewhere_is_said_to_and_nothing_raises(
    kind: str, value: str, text: str
) -> None:
    form = canonical(kind, value)
    if form:
        assert isinstance(stands(kind, form, text), bool)


@given(
    st.integers(0, 99),
    st.sampled_from(
        ["given: {}. Read", "Read it.\n{}) Delete", "{}. Read it", "at {:02}:30", "on {}/{}/2024"]
    ),
    st.sampled_from(["id:event", "id"]),
)
def test_the_number_of_an_item_a_time_and_a_date_are_no_ids(number: int, text: str, kind: str) -> None:
    form = canonical(kind, number)
    assert form is not None
    assert not stands(kind, form, text.format(number, number))
    assert stands(kind, form, f"{text.format(number, number)}; then event #{number}, please")


@given(st.from_regex(r"[a-z]{1,8}(\+[a-z]{1,3})?@[a-z]{1,9}\.(example|com)", fullmatch=True))
def test_an_address_in_a_sentence_is_found_whatever_its_case(address: str) -> None:
    for sentence in (f"Write to {address.upper()}.", f"<{address}>", f'"{address}",', f"Ann ({address})"):
        assert found("email", sentence) == {address}
        assert not stands("email", address, f"x{sentence[0]}jo{address}")


@given(st.decimals(min_value=0, max_value=10**9, places=2))
def test_an_amount_is_the_same_however_people_write_it(amount: Any) -> None:
    form = canonical("amount", f"{amount:f}")
    english = f"{amount:,.2f}"
    continental = english.translate(str.maketrans(",.", ".,"))
    for text in (english, continental):
        assert canonical("amount", text) == form
        assert form in found("amount", f"pay {text} € today")


def test_an_amount_alone_vouches_for_itself_with_and_without_its_currency() -> None:
    assert spellings("amount", "$50.00") == ("50 USD", "50")
    assert spellings("email", "no") == ()


def test_the_origin_of_an_address_is_its_scheme_host_and_port() -> None:
    assert addresses.origin("HTTPS://X.example:443/a/b?c") == "https://x.example"
    assert addresses.origin("https://x.example:8443") == "https://x.example:8443"
    assert addresses.origin("https://a@b/") is None


def test_what_a_script_needs_is_not_hidden_and_everything_else_unseen_is() -> None:
    for plain in ("Grüße 👩‍👩‍👧 ❤️ 1️⃣", "می‌خواهم", "क्‍ष", "שלום \u200f!"):
        assert hidden(plain) == []
    assert hidden("pay\u200b me\u202e") == ["U+200B", "U+202E"]
    assert hidden("A\u200dB") == ["U+200D"]
    assert hidden("".join(chr(0xE0000 + ord(c)) for c in "hi")) == ["U+E0068", "U+E0069"]
    assert hidden("😀\ufe01\ufe02") == ["U+FE01", "U+FE02"]
    assert as_seen("a\u200bb") == "ab"


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    "piece", ["1", "1,", "1 ", "a", "a.", "a@", "://", "a://", "%2e/", "../", "(", "1-", "DE12 ", "$1", '"', "#", "[", "-", "http://a", "\u200b", "例"]
)  # fmt: skip
def test_no_text_takes_long(kind: str, piece: str) -> None:
    text = piece * (30_000 // len(piece))
    start = time.process_time()
    canonical(kind, text)
    found(kind, text)
    stands(kind, "x1", text)
    assert time.process_time() - start < 1.5  # a regex that goes astray needs minutes
