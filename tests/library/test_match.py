from __future__ import annotations

from contextlib import suppress
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from remit.errors import Mend
from remit.library.support.match import Item, Method, find_item, find_items, find_method, names, tokens
from remit.library.support.variants import Variant, find_variant, requested


def item(line: int, id: str, name: str, **options: str) -> Item:
    return Item(line, id, "p", name, options, Decimal(10))


def variant(id: str, price: str = "10", available: bool = True, **options: str) -> Variant:
    return Variant(id, options, available, Decimal(price))


ORDER = [
    item(1, "1000000001", "Desk Lamp", color="black"),
    item(2, "1000000002", "Electric Toothbrush", color="blue", battery="AA batteries"),
    item(3, "1000000003", "Electric Toothbrush", color="black", battery="rechargeable"),
    item(4, "1000000004", "Hiking Boots", size="10"),
    item(5, "1000000005", "T-Shirt", size="S", color="black"),
]
SHIRT = ORDER[4]
SHIRTS = [
    variant("2000000001", "12", color="black", size="S"),
    variant("2000000002", "11", color="red", size="S"),
    variant("2000000003", "15", color="red", size="L"),
    variant("2000000004", "10", color="blue", size="S", available=False),
    variant("2000000005", "14", color="white", size="XL"),
]


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("1000000003", 3),
        ("the desk lamp", 1),
        ("lamp", 1),
        ("Lamps", 1),
        ("tshirt", 5),
        ("hiking boot", 4),
        ("the rechargeable toothbrush", 3),
        ("Electric Toothbrush (blue, AA batteries)", 2),
        ("item 1000000002", 2),
    ],
)
def test_an_item_is_found_by_its_id_or_its_name_with_options(text: str, line: int) -> None:
    assert find_item(ORDER, text).line == line


def test_an_ambiguous_name_is_answered_with_the_candidates() -> None:
    with pytest.raises(Mend, match=r"1000000002 .*1000000003"):
        find_item(ORDER, "electric toothbrush")


def test_a_name_that_is_not_in_the_order_is_answered_with_what_is() -> None:
    with pytest.raises(Mend, match=r"no item 'sofa'.*Desk Lamp"):
        find_item(ORDER, "sofa")


@pytest.mark.parametrize(
    "texts", [["both toothbrushes"], ["electric toothbrushes"], ["toothbrush", "toothbrush"]]
)
def test_two_of_a_name_are_returned_where_both_are_meant(texts: list[str]) -> None:
    assert [i.line for i in find_items(ORDER, texts)] == [2, 3]


def test_one_of_two_is_not_guessed() -> None:
    with pytest.raises(Mend, match="may be any of"):
        find_items(ORDER, ["toothbrush"])


def test_the_same_item_twice_is_one_too_many() -> None:
    with pytest.raises(Mend, match="more often"):
        find_items(ORDER, ["lamp", "desk lamp"])


@pytest.mark.parametrize(
    ("to", "id"),
    [
        ("red", "2000000002"),
        ("in red please", "2000000002"),
        ("color: red, size: large", "2000000003"),
        ("red instead of black", "2000000002"),
        ("extra large, white", "2000000005"),
        ("2000000003", "2000000003"),
        ("most expensive", "2000000003"),
        ("the cheapest", "2000000002"),
        ("cheapest in L", "2000000003"),
    ],
)
def test_a_variant_is_found_by_the_options_that_change(to: str, id: str) -> None:
    assert find_variant("T-Shirt", SHIRTS, SHIRT, to).id == id


def test_what_is_not_mentioned_is_not_changed_silently() -> None:
    with pytest.raises(Mend, match=r"with the rest unchanged.*2000000005"):
        find_variant("T-Shirt", SHIRTS, SHIRT, "white")


def test_what_is_not_on_sale_is_not_taken() -> None:
    with pytest.raises(Mend, match="no available T-Shirt is 'blue'"):
        find_variant("T-Shirt", SHIRTS, SHIRT, "blue")
    with pytest.raises(Mend, match="not available"):
        find_variant("T-Shirt", SHIRTS, SHIRT, "2000000004")


def test_another_product_is_no_variant() -> None:
    with pytest.raises(Mend, match="is not a T-Shirt"):
        find_variant("T-Shirt", SHIRTS, SHIRT, "9999999999")


def test_an_unknown_wish_is_answered_with_the_options() -> None:
    with pytest.raises(Mend, match=r"color: black \| red"):
        find_variant("T-Shirt", SHIRTS, SHIRT, "something nicer")


HELMETS = [
    variant("3000000001", color="red", size="M", ventilation="high"),
    variant("3000000002", color="red", size="L", ventilation="medium"),
]
EARBUDS = [
    variant("4000000001", resistance="not resistant", life="4 hours"),
    variant("4000000002", resistance="IPX4", life="8 hours"),
]
KEYBOARDS = [
    variant("5000000001", backlight="none", size="full size"),
    variant("5000000002", backlight="RGB", size="80%"),
]
CAMERAS = [variant("6000000001", waterproof="yes"), variant("6000000002", waterproof="no")]


@pytest.mark.parametrize(
    ("variants", "text", "asked"),
    [
        (
            HELMETS,
            "medium sized, red, high ventilation",
            {"size": "M", "color": "red", "ventilation": "high"},
        ),
        (HELMETS, "size L with medium ventilation", {"size": "L", "ventilation": "medium"}),
        (EARBUDS, "not resistant, 4 hours", {"resistance": "not resistant", "life": "4 hours"}),
        (KEYBOARDS, "no backlight, full size", {"backlight": "none", "size": "full size"}),
        (KEYBOARDS, "80%", {"size": "80%"}),
        (CAMERAS, "a waterproof one", {"waterproof": "yes"}),
        (CAMERAS, "not waterproof", {"waterproof": "no"}),
        (CAMERAS, "{'waterproof': 'no'}", {"waterproof": "no"}),
    ],
)
def test_options_are_read_from_words(variants: list[Variant], text: str, asked: dict[str, str]) -> None:
    found = {key: values for keys, values in requested(variants, text, {}) for key in keys}
    assert found == {key: frozenset({value}) for key, value in asked.items()}


@given(st.text(max_size=80))
def test_any_words_give_a_right_variant_or_a_message(text: str) -> None:
    found = SHIRTS[0]
    with suppress(Mend):
        found = find_variant("T-Shirt", SHIRTS, SHIRT, text)
    assert found.available


@given(st.text(max_size=80))
def test_tokens_of_tokens_are_the_same(text: str) -> None:
    once = tokens(text)
    assert all(token == token.lower() and token.strip() for token in once)


METHODS = [
    Method("paypal_1", "paypal"),
    Method("gift_card_2", "gift_card", balance=Decimal("17.00")),
    Method("credit_card_3", "credit_card", "visa", "1234"),
    Method("credit_card_4", "credit_card", "mastercard", "8484"),
]


@pytest.mark.parametrize(
    ("text", "id"),
    [
        ("", "credit_card_3"),
        ("original payment method", "credit_card_3"),
        ("PayPal", "paypal_1"),
        ("my gift card", "gift_card_2"),
        ("visa", "credit_card_3"),
        ("the card ending in 8484", "credit_card_4"),
        ("credit_card_4", "credit_card_4"),
    ],
)
def test_a_payment_method_is_found_by_what_people_call_it(text: str, id: str) -> None:
    assert find_method(METHODS, "credit_card_3", text).id == id


@pytest.mark.parametrize("text", ["credit card", "bitcoin", "credit_card_9999999", "paypal_77"])
def test_an_unclear_or_foreign_payment_method_is_answered_with_the_customers(text: str) -> None:
    with pytest.raises(Mend, match=r"gift_card_2 \(\$17.00\)"):
        find_method(METHODS, "credit_card_3", text)


@pytest.mark.parametrize(
    ("words", "product", "named"),
    [
        ("please return the lamp", "Desk Lamp", True),
        ("please return the lamp", "Espresso Machine", False),
        ("return everything", "Desk Lamp", True),
        ("everything except the desk lamp, please", "Desk Lamp", False),
        ("everything but the lamp", "Espresso Machine", True),
    ],
)
def test_a_product_is_named_by_its_last_word_or_by_all_of_it_but_what_is_left_out(
    words: str, product: str, named: bool
) -> None:
    assert names(words, product) is named
