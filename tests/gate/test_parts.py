"""What leads somewhere in a text is found as it stands there, and what only looks like it is left alone."""

from __future__ import annotations

import pytest

from remit.gate.parts import parts_of


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("call +49 30 1234567 now", "+49 30 1234567"),
        ("+1234567 is it", "+1234567"),
        ("+49 30 1234567 or 030 1234567", "+49 30 1234567"),  # the other may be anything
        ("+123456 is it", None),
        ("1+1 is 2, 030 1234567", None),
        ("+1 and more", None),
    ],
)
def test_a_number_is_called_where_it_is_international_and_long_enough(text: str, number: str | None) -> None:
    assert parts_of(text) == ([("phone", number)] if number else [])


@pytest.mark.parametrize(
    ("text", "link"),
    [
        ("see ms-word:ofe|u|x", "ms-word:ofe|u|x"),
        ("web-tel:12", "web-tel:12"),
        ("x-javascript:go()", "x-javascript:go()"),
        ("java script:go()", "script:go()"),
        ("java\nscript:go()", "java\nscript:go()"),
        ("go vb\tscript:x", "vb\tscript:x"),
        ("a note: tel:5", "tel:5"),
        (f"{'a' * 45}-tel:5", f"{'a' * 36}-tel:5"),
        (f"{'x' * 39} tel:99", "tel:99"),
        ("a note:this, and that", None),
    ],
)
def test_a_scheme_that_opens_something_needs_no_host(text: str, link: str | None) -> None:
    assert parts_of(text) == ([("url", link)] if link else [])


@pytest.mark.parametrize(
    ("text", "card"),
    [
        ("4222222222222", "4222222222222"),
        ("no 4012 8888 8888 1881 x", "4012 8888 8888 1881"),
        ("4012-8888-8888-1881", "4012-8888-8888-1881"),
        ("4012 8888 8888 1882", None),  # by its check digit none
        ("4222222222223", None),
        ("card 4000.0000.0002", None),  # of twelve digits, though the last would be right
    ],
)
def test_a_card_has_thirteen_digits_and_the_last_checks_the_others(text: str, card: str | None) -> None:
    assert parts_of(text) == ([("account", card)] if card else [])


@pytest.mark.parametrize("wallet", [f"bc1{'q' * 22}", f"aB1{'c' * 30}"])
@pytest.mark.parametrize("text", ["{}", "please pay to {} today.", "to: {}"])
def test_a_wallet_is_found_though_it_has_few_digits(text: str, wallet: str) -> None:
    assert parts_of(text.format(wallet)) == [("account", wallet)]


def test_long_words_in_prose_are_no_wallets() -> None:
    assert parts_of(f"an internationalization, donaudampfschifffahrt: {'a' * 24} and so on.") == []


def test_a_number_of_four_digits_is_an_account_where_a_word_says_so() -> None:
    assert parts_of("my account 1234.") == [("account", "1234")]
    assert parts_of("my account 123.") == []


def test_what_nobody_sees_in_an_address_hides_it_from_nobody() -> None:
    assert parts_of("write to e\x00ve@z.example now") == [("email", "eve@z.example"), ("hidden", "U+0000")]
