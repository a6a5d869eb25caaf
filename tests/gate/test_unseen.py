"""Characters that a reader does not see: hidden, unless the script around them needs them where they stand."""

from __future__ import annotations

import pytest

from remit.gate.unseen import as_seen, has_unseen, hidden, shown

FAR = "a" * 39  # between a mark and the 40th character from it


@pytest.mark.parametrize(
    "text",
    [
        "\u2764\ufe0f",  # a heart in colour
        "\u2764\ufe0e",
        "1\ufe0f\u20e3",  # a number on a key
        "9\ufe0f",
        "0\ufe0f",
        "#\ufe0f",
        "*\ufe0f",
        "\U0001f469\u200d\U0001f4bb",  # a woman with a computer
        "\U0001f469\U0001f3fb\u200d\U0001f4bb",  # with a skin of each tone
        "\U0001f469\U0001f3fd\u200d\U0001f4bb",
        "\U0001f469\U0001f3ff\u200d\U0001f4bb",
        "\u2764\ufe0f\u200d\U0001f525",
        "\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645",  # Persian
        "\u0915\u094d\u200d\u0937",  # Hindi
        "\u0f00\u200c\u0f00",  # Tibetan
        "\u1820\u200d\u1820",  # Mongolian
        "\u05d0\u200f1",  # Hebrew
        "\u0627\u200e1",  # Arabic
        "\u0627\u061c1",
        "\u05d0 b\u200f",
        f"\u05d0{FAR}\u200e",
        f"\u200e{FAR}\u05d0",
        "plain",
        "",
        "a\tb\nc\rd",
    ],
)
def test_what_a_script_needs_where_it_stands_is_not_hidden(text: str) -> None:
    assert hidden(text) == []


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a\ufe0f", "FE0F"),
        ("~\ufe0f", "FE0F"),
        ("\ufe0f", "FE0F"),
        ("\ufe0e1", "FE0E"),
        ("\u2764\ufe0f\ufe0f", "FE0F"),
        ("\U0001f469\u200d", "200D"),
        ("\U0001f469\u200da", "200D"),
        ("a\u200d\U0001f4bb", "200D"),
        ("a\ufe0f\u200da", "FE0F 200D"),
        ("\U0001f469\u200c\U0001f4bb", "200C"),  # only the other one joins pictures
        ("a\u200cb", "200C"),
        ("\u0645\u200cb", "200C"),
        ("b\u200c\u0645", "200C"),
        ("\u0645\u200c", "200C"),
        ("\u0645\u200c\u200c\u0645", "200C"),  # the second in a row is never needed
        ("\u0967\u200c\u0967", "200C"),  # between numbers
        ("\u0e01\u200c\u0e01", "200C"),  # Thai has no joins
        ("\u18b0\u200c\u18b0", "200C"),
        ("\u05d0\u200c\u05d0", "200C"),
        ("abc\u200e", "200E"),
        ("12\u061c", "061C"),  # it has a direction of its own, and needs no script for that
        ("abc\u200f", "200F"),
        ("\u05d0\u200f\u200e", "200E"),
        (f"\u05d0a{FAR}\u200e", "200E"),
        (f"\u200e{FAR}a\u05d0", "200E"),
        ("\u05d0\u200b", "200B"),
        ("x\u200b\ufeff\u200by", "200B FEFF"),
        ("a\x00b", "0000"),
        ("a\x1bb", "001B"),
        ("\U000e0041", "E0041"),
    ],
)
def test_every_other_is_hidden_and_named_once_in_the_order_in_which_it_stands(text: str, said: str) -> None:
    assert hidden(text) == [f"U+{code}" for code in said.split()]
    assert has_unseen(text)


def test_a_text_as_it_is_seen_and_as_somebody_who_decides_should_see_it() -> None:
    assert as_seen("pay\u200b 5\x00") == "pay 5"
    assert shown("pay\u200b 5\x00\U000e0041") == "pay<U+200B> 5<U+0000><U+E0041>"
    assert as_seen("pl\u00e4in") == shown("pl\u00e4in") == "pl\u00e4in"
    assert not has_unseen("pl\u00e4in, \u05d0")
    assert not has_unseen("a\tb\n")
