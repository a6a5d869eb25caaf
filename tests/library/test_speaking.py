"""What a customer's words ask for: an act and a thing go together where one clause has both, and nowhere else."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest

from remit.library.support.match import Item, Method
from remit.library.support.orders import Order
from remit.library.support.speaking import Act, about
from remit.library.support.variants import Variant
from remit.library.support.wanted import (
    leads_to,
    nearest,
    only_here,
    order_meant,
    payment_meant,
    several_meant,
)

THINGS = ("lamp", "boots", "#W1")


def names(words: str) -> bool:
    return any(thing in words for thing in THINGS)


@pytest.mark.parametrize(
    ("said", "act", "there", "absent"),
    [
        ("Cancel the boots and exchange the lamp.", "cancel", "boots", "lamp"),
        ("Cancel the boots and exchange the lamp.", "change", "lamp", "boots"),
        ("Return or exchange the lamp. Keep the boots.", "return", "lamp", ""),
        ("I have the lamp. If it flickers, return it.", "return", "lamp", ""),
        ("Exchange the lamp. If that can't be, return it. Cancel the boots.", "return", "lamp", "boots"),
        ("Exchange the lamp. In black, please.", "change", "black", ""),
        ("Cancel the boots, in black they are ugly. I want the lamp in red.", "change", "red", "boots"),
        ("I want to cancel the boots.", "cancel", "boots", ""),
        ("Send the lamp to my new address.", "send", "lamp", ""),
        ("Change the address of #W1.", "send", "#W1", ""),
        ("Change how #W1 is paid: by gift card.", "pay", "#W1", ""),
        ("Return everything but the lamp.", "return", "everything but the lamp", ""),
        ("- return the lamp\n- cancel #W1", "cancel", "#W1", "lamp"),
    ],
)
def test_an_act_has_the_things_of_its_clause_or_those_before_it(
    said: str, act: Act, there: str, absent: str
) -> None:
    part = about(said, (act,), names)
    assert there in part, part
    assert not absent or absent not in part, part


@pytest.mark.parametrize(
    ("said", "act"),
    [
        ("I do not want to reveal my address.", "cancel"),
        ("You'd prefer the visa card as refund method.", "return"),
        ("I want to cancel the boots.", "change"),
        ("Change the address of #W1.", "change"),
        ("I have another order.", "change"),
        ("Take the lamp back.", "send"),
        ("What does #W1 cost?", "return"),
        ("See whether you can return the lamp, but I am not sure yet.", "return"),
        ("Return the lamp to you, which she isn't sure yet of.", "return"),
        ("I have not quite decided yet to cancel the boots.", "cancel"),
        ("", "cancel"),
    ],
)
def test_words_that_are_of_something_else_speak_of_no_such_act(said: str, act: Act) -> None:
    assert about(said, (act,), names) == ""


@pytest.mark.parametrize(
    "said", ["Send the lamp back.", "The lamp needs to go back.", "I want my money back for the lamp."]
)
def test_people_return_things_in_other_words_too(said: str) -> None:
    assert "lamp" in about(said, ("return",), names)


VISA = Method("credit_card_1", "credit_card", "visa", "1234")
GIFT = Method("gift_card_2", "gift_card", balance=Decimal(20))
PAYPAL = Method("paypal_3", "paypal")
ORDER = Order("#W1", "ann_1", "delivered", {}, (), (("payment", Decimal(9), VISA.id),), ())


@pytest.mark.parametrize(
    ("payment", "said", "methods", "meant"),
    [
        ("", "Return it.", (VISA, GIFT), True),
        ("credit_card_1", "Return it.", (VISA, GIFT), True),  # it paid
        ("", "Return it onto the Visa card.", (VISA, GIFT), True),
        ("", "Return it onto my gift card.", (VISA, GIFT), False),  # it paid, and they name another
        ("", "Return it onto my other card.", (VISA, GIFT), False),
        ("", "I want another one, not the other lamp.", (VISA, GIFT), True),
        ("gift_card_2", "Exchange it for the other one.", (VISA, GIFT), False),
        ("gift_card_2", "Return it.", (VISA, GIFT), False),
        ("gift_card_2", "Return it onto my gift card.", (VISA, GIFT), True),
        ("gift_card_2", "Return it onto my other card.", (VISA, GIFT), True),
        ("gift_card_2", "Return it onto my other card.", (VISA, GIFT, PAYPAL), False),
        ("gift_card_2", "Return it, refund to paypal_3.", (VISA, GIFT, PAYPAL), False),
        ("paypal_3", "Return it, refund to paypal_3.", (VISA, GIFT, PAYPAL), True),
        ("gift_card_9", "Return it.", (VISA, GIFT), True),  # nobody's: the tool says so
        ("gift_card_2", "Gift card. Or no, I change my mind to PayPal.", (VISA, GIFT, PAYPAL), False),
        ("paypal_3", "Gift card. Or no, I change my mind to PayPal.", (VISA, GIFT, PAYPAL), True),
        ("gift_card_2", "Onto my gift card. I changed my mind on the size.", (VISA, GIFT), True),
        ("gift_card_2", "Please don't refund it onto my gift card.", (VISA, GIFT), False),
        ("gift_card_2", "Use PayPal rather than the gift card.", (VISA, GIFT, PAYPAL), False),
        ("paypal_3", "Use PayPal rather than the gift card.", (VISA, GIFT, PAYPAL), True),
        ("", "I would never have it on the Visa card.", (VISA, GIFT), False),  # though it paid
        ("gift_card_2", "I do not need it, so refund it to my gift card.", (VISA, GIFT), True),
    ],
)
def test_money_goes_where_it_came_from_or_where_the_words_say(
    payment: str, said: str, methods: tuple[Method, ...], meant: bool
) -> None:
    assert payment_meant(said, ORDER, methods, payment) is meant


def test_an_option_that_is_not_named_stays_where_that_can_be() -> None:
    lamp = Item(1, "0000000001", "p", "Lamp", {"color": "black", "size": "S", "plug": "USB"}, Decimal(9))
    kinds = [
        Variant(f"000000010{number}", dict(zip(lamp.options, values, strict=True)), True, Decimal(9))
        for number, values in enumerate(
            [("red", "S", "USB"), ("red", "L", "USB"), ("blue", "L", "USB"), ("white", "L", "AC")]
        )
    ]
    assert [one.id for one in nearest("the lamp in red", lamp, kinds)] == ["0000000100"]
    assert [one.id for one in nearest("the lamp in L", lamp, kinds)] == ["0000000101", "0000000102"]
    assert [one.id for one in nearest("the lamp in white", lamp, kinds)] == ["0000000103"]
    assert nearest("another lamp", lamp, kinds) == []
    assert nearest("a red one with AC", lamp, kinds) == []


def test_what_was_exchanged_since_still_counts_among_what_was_delivered() -> None:
    hose = Item(1, "0000000002", "h", "Garden Hose", {}, Decimal(9))
    pending, came = replace(ORDER, id="#W2", status="pending", items=(hose,)), replace(ORDER, items=(hose,))
    assert only_here("the pending hose", hose, pending, [pending, came])
    assert not only_here("the pending hose", hose, came, [pending, came])
    assert not only_here("the hose I received, as that which is pending", hose, pending, [pending, came])
    changed = replace(came, status="exchange requested")
    assert not only_here("the hose I received, as that which is pending", hose, pending, [pending, changed])


def test_an_order_is_not_the_only_one_because_the_other_was_just_dealt_with() -> None:
    lamp = Item(1, "0000000003", "l", "Lamp", {}, Decimal(9))
    for status, after in (("pending", "cancelled"), ("delivered", "return requested")):
        one = replace(ORDER, id="#W2", status=status, items=(lamp,))
        said = f"my {status} order"
        assert order_meant(said, said, one, [one], ["Lamp"])
        assert not order_meant(said, said, one, [one, replace(one, id="#W3", status=after)], ["Lamp"])
        assert not only_here("the lamp", lamp, one, [one, replace(one, id="#W3", status=after)])


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        ("Return the tablet.", False),
        ("Return both tablets.", True),
        ("Return the tablets.", True),
        ("Return the tablet within 3 days.", False),
        ("Return the tablet. What did the remaining items in the order cost?", False),
        ("Return all of that order, everything.", True),
        ("Return my two of the Tablet.", True),
        ("I got two tablets. Return the more expensive one.", False),
        ("Return the tablet 0000000004.", False),
        ("Return the tablet 0000000004, and 0000000005.", True),
    ],
)
def test_of_two_alike_both_are_meant_only_where_the_words_speak_of_several(said: str, meant: bool) -> None:
    pair = [Item(line, f"000000000{line}", "t", "Tablet", {}, Decimal(9)) for line in (4, 5)]
    assert several_meant(said, pair) is meant
    assert several_meant(said, pair[:1])


def test_a_name_that_is_a_plural_itself_does_not_speak_of_several() -> None:
    def pair(name: str) -> list[Item]:
        return [Item(line, f"000000000{line}", "t", name, {}, Decimal(9)) for line in (4, 5)]

    assert not several_meant("Return the boots.", pair("Hiking Boots"))
    assert several_meant("Return both pairs of boots.", pair("Hiking Boots"))
    assert several_meant("Return the bookshelves.", pair("Bookshelf"))


@pytest.mark.parametrize(
    ("said", "leads"),
    [
        ("to New York", True),
        ("my NYC address", True),
        ("as #W0000001", True),
        ("Newark", False),
        ("nyc", False),
        ("", False),
    ],
)
def test_words_lead_to_a_city_by_its_name_its_initials_or_an_order(said: str, leads: bool) -> None:
    assert leads_to(said, "New York", "#W0000001") is leads
    assert not leads_to(said, "", "")
