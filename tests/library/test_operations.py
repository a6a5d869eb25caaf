"""The operations against the reference: what state each training task's gold actions lead to."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from remit.errors import Mend
from remit.library.support import shop, tools

Json = Any
TASKS = json.loads((Path(__file__).parent / "reference.json").read_text())
ROSSI = "yusuf_rossi_9620"


def as_reference(state: Json) -> Json:
    """A customer's state in the shape that was hashed: the reference keeps sorted lists of ids."""
    orders = {}
    for number, order in state["orders"].items():
        swapped = [item for item in order["items"] if item["exchanged_for"]]
        orders[number] = {
            **order,
            "returned": sorted(item["id"] for item in order["items"] if item["returned"]),
            "exchanged": [sorted(i["id"] for i in swapped), sorted(i["exchanged_for"] for i in swapped)],
            "items": [{k: item[k] for k in ("id", "name", "options", "price")} for item in order["items"]],
        }
    return {**state, "orders": orders}


@pytest.mark.parametrize("task", TASKS, ids=[f"task {task['task']}" for task in TASKS])
async def test_gold_actions_lead_to_the_references_state(shared_shop: str, task: Json) -> None:
    async with shop.connect(shared_shop) as connection:
        await connection.execute("select 1")  # so that the transactions below are savepoints in this one
        for action in task["actions"]:
            work = tools.work(action["tool"], action["args"])
            if "refused" in action:
                with pytest.raises(Mend):
                    async with connection.transaction():
                        await work(connection, task["customer"])
            else:
                await work(connection, task["customer"])
        state = (await shop.picture(connection, [task["customer"]]))[task["customer"]]
        await connection.rollback()
    assert shop.digest(as_reference(state)) == task["digest"]


async def refused(url: str, tool: str, customer: str = ROSSI, **args: Json) -> str:
    with pytest.raises(Mend) as caught:
        async with shop.connect(url) as connection:
            await tools.work(tool, args)(connection, customer)
    return str(caught.value)


async def test_a_delivered_order_is_not_cancelled_but_the_way_to_return_it_is_shown(shared_shop: str) -> None:
    said = await refused(shared_shop, "cancel_pending_order", order_id="W2378156", reason="no longer needed")
    assert "#W2378156 is delivered" in said
    assert "return_delivered_order_items" in said


async def test_an_exchange_of_a_pending_order_points_to_the_right_tool(shared_shop: str) -> None:
    changes = [{"item": "t-shirt", "to": "purple"}]
    said = await refused(shared_shop, "exchange_delivered_order_items", order_id="#W4776164", changes=changes)
    assert "is pending" in said
    assert "modify_pending_order_items" in said


async def test_somebody_elses_order_is_as_one_that_does_not_exist(shared_shop: str) -> None:
    said = [
        await refused(shared_shop, "cancel_pending_order", order_id=number, reason="no longer needed")
        for number in ("#W5056519", "#W0000000")
    ]
    assert said[0].replace("5056519", "0000000") == said[1]
    assert "#W6247578 (pending)" in said[0]


async def test_a_missing_item_is_answered_with_the_items_that_are_there(shared_shop: str) -> None:
    said = await refused(
        shared_shop, "return_delivered_order_items", order_id="#W2378156", items=["1234567890"]
    )
    assert "1234567890 isn't in this order" in said
    assert "9408160950 Smart Watch" in said


async def test_an_item_is_not_returned_more_often_than_the_order_has_it(shared_shop: str) -> None:
    said = await refused(
        shared_shop, "return_delivered_order_items", order_id="#W2378156", items=["watch", "smart watch"]
    )
    assert "more often" in said


async def test_a_refund_goes_to_what_paid_or_to_a_gift_card_only(shared_shop: str) -> None:
    said = await refused(
        shared_shop,
        "return_delivered_order_items",
        "sofia_li_9219",
        order_id="#W4689314",
        items=["camera"],
        payment="paypal",
    )
    assert "credit_card_8105988" in said
    assert "paypal_8194385" in said


async def test_a_gift_card_that_does_not_cover_the_difference_is_refused_with_the_alternatives(
    shared_shop: str,
) -> None:
    said = await refused(
        shared_shop,
        "exchange_delivered_order_items",
        "ivan_hernandez_6923",
        order_id="#W5838674",
        changes=[{"item": "laptop", "to": "most expensive"}],
        payment="gift card",
    )
    assert "gift_card_9368765 ($85.00) does not cover" in said
    assert "credit_card_7455506" in said


async def test_the_payment_of_a_pending_order_moves_between_gift_card_and_other_means(
    shared_shop: str,
) -> None:
    async with shop.connect(shared_shop) as connection:
        args = {"order_id": "#W5782623", "payment": "paypal"}
        done = await tools.work("modify_pending_order_payment", args)(connection, "ivan_khan_7475")
        state = (await shop.picture(connection, ["ivan_khan_7475"]))["ivan_khan_7475"]
        with pytest.raises(Mend, match="changed already"):
            await tools.work("modify_pending_order_payment", args)(connection, "ivan_khan_7475")
        await connection.rollback()
    assert "paypal_7729105" in done.words
    assert state["payment_methods"]["gift_card_1711656"]["balance"] == "554.20"  # 62.00 and the 492.20 back
    assert ["payment", "492.20", "paypal_7729105"] in state["orders"]["#W5782623"]["payments"]


async def test_several_changes_report_everything_that_is_wrong_at_once(shared_shop: str) -> None:
    said = await refused(
        shared_shop,
        "exchange_delivered_order_items",
        order_id="#W2378156",
        changes=[{"item": "keyboard", "to": "clicky"}, {"item": "thermostat", "to": "bigger"}],
    )
    assert "no available Mechanical Keyboard" in said
    assert "no option of a Smart Thermostat in 'bigger'" in said
