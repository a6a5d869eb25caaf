from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest

from remit.errors import Mend, ToolFault
from remit.library.support import shop
from remit.library.support.tools import TOOLS
from remit.tools.tool import ToolContext

Context = Callable[..., ToolContext]
TOOL = {tool.name: tool for tool in TOOLS}
SANTOS = "raj_santos_9079"
RETURN = {"order_id": "#W4680753", "items": ["keyboard"], "payment": ""}


async def effects(url: str) -> list[dict[str, Any]]:
    async with shop.connect(url) as connection:
        return await (await connection.execute("select * from shop.effects order by at")).fetchall()


async def test_the_same_key_twice_is_one_effect_and_the_same_result(shop_url: str, context: Context) -> None:
    this = context(shop_url, SANTOS, key="k1")
    first = await TOOL["return_delivered_order_items"].call(this, RETURN)
    after = await shop.snapshot(shop_url)
    second = await TOOL["return_delivered_order_items"].call(this, RETURN)
    assert first == second == (await effects(shop_url))[0]["result"]
    assert "$236.51 goes back to paypal_2417743" in first
    assert await shop.snapshot(shop_url) == after
    assert len(await effects(shop_url)) == 1


async def test_a_cancellation_in_doubt_does_not_refund_twice(shop_url: str, context: Context) -> None:
    this = context(shop_url, "emma_smith_8564", key="k1")
    args = {"order_id": "#W2417020", "reason": "no longer needed"}
    for _ in range(3):
        await TOOL["cancel_pending_order"].call(this, args)
    state = (await shop.snapshot(shop_url))["emma_smith_8564"]
    assert state["payment_methods"]["gift_card_8541487"]["balance"] == "2736.40"  # 62.00 and 2,674.40


async def test_the_same_key_at_the_same_time_is_one_effect(shop_url: str, context: Context) -> None:
    this = context(shop_url, SANTOS, key="k1")
    results = await asyncio.gather(
        *(TOOL["return_delivered_order_items"].call(this, RETURN) for _ in range(6))
    )
    assert len(set(results)) == 1
    assert len(await effects(shop_url)) == 1


async def test_two_calls_for_one_order_at_the_same_time_happen_one_after_the_other(
    shop_url: str, context: Context
) -> None:
    async def go(key: str) -> str:
        try:
            return str(
                await TOOL["return_delivered_order_items"].call(context(shop_url, SANTOS, key=key), RETURN)
            )
        except Mend as problem:
            return str(problem)

    said = await asyncio.gather(go("k1"), go("k2"))
    assert sorted("can't be returned" in text for text in said) == [False, True]
    assert len(await effects(shop_url)) == 1


async def test_a_refused_call_leaves_nothing_behind_and_its_key_free(shop_url: str, context: Context) -> None:
    before = await shop.snapshot(shop_url)
    this = context(shop_url, SANTOS, key="k1")
    with pytest.raises(Mend, match="no item 'sofa'"):
        await TOOL["return_delivered_order_items"].call(this, {**RETURN, "items": ["keyboard", "sofa"]})
    assert await shop.snapshot(shop_url) == before
    assert await effects(shop_url) == []
    await TOOL["return_delivered_order_items"].call(this, RETURN)
    assert len(await effects(shop_url)) == 1


async def test_the_quote_says_what_would_happen_and_does_nothing(shop_url: str, context: Context) -> None:
    tool = TOOL["return_delivered_order_items"]
    before = await shop.snapshot(shop_url)
    quote = await tool.records["quote"](context(shop_url, SANTOS), RETURN)
    assert (quote["refund"], quote["charge"], quote["problem"]) == (236.51, 0.0, "")
    assert "Mechanical Keyboard" in quote["does"]
    wrong = await tool.records["quote"](context(shop_url, SANTOS), {**RETURN, "items": ["sofa"]})
    assert "no item 'sofa'" in wrong["problem"]
    assert await shop.snapshot(shop_url) == before


async def test_the_account_has_everything_in_few_words(shared_shop: str, context: Context) -> None:
    text = await TOOL["my_account"].call(context(shared_shop, "yusuf_rossi_9620"), {})
    assert "763 Broadway, Suite 135, Philadelphia, PA 19122, USA" in text
    assert "credit_card_9513926 (mastercard 2478)" in text
    assert "#W2378156 delivered, total $1819.92" in text
    assert "- Mechanical Keyboard (linear, RGB, full size) $272.33" in text
    assert len(text) < 1400  # five orders with ten items: some 450 tokens


async def test_an_order_shows_ids_options_and_tracking(shared_shop: str, context: Context) -> None:
    text = await TOOL["get_order"].call(context(shared_shop, "yusuf_rossi_9620"), {"order_id": "w2378156"})
    assert (
        "1151293680 Mechanical Keyboard (switch type: linear, backlight: RGB, size: full size) $272.33"
        in text
    )
    assert "tracking 843053632392" in text


async def test_a_product_lists_what_is_available_with_the_wanted_options(
    shared_shop: str, context: Context
) -> None:
    this = context(shared_shop, "yusuf_rossi_9620")
    text = await TOOL["find_product"].call(this, {"product": "tshirts", "options": ""})
    assert "T-Shirt: 10 of 12 variants are available" in text
    some = await TOOL["find_product"].call(this, {"product": "keyboard", "options": "clicky, full size"})
    assert [line.split(" ")[0] for line in some.splitlines()[1:]] == ["6342039236", "7706410293"]
    with pytest.raises(Mend, match="there is: Action Camera"):
        await TOOL["find_product"].call(this, {"product": "submarine", "options": ""})


async def test_a_customer_is_found_by_email_or_by_name_and_zip(shared_shop: str, context: Context) -> None:
    this = context(shared_shop, "yusuf_rossi_9620")
    by_mail = {"email": "Yusuf.Rossi7301@example.com", "first_name": "", "last_name": "", "zip": ""}
    by_name = {"email": "", "first_name": "yusuf", "last_name": "rossi", "zip": "19122"}
    assert await TOOL["find_customer"].call(this, by_mail) == "yusuf_rossi_9620 Yusuf Rossi"
    assert await TOOL["find_customer"].call(this, by_name) == "yusuf_rossi_9620 Yusuf Rossi"
    with pytest.raises(Mend, match="no such customer"):
        await TOOL["find_customer"].call(this, {**by_name, "zip": "00000"})


async def test_nothing_is_shown_or_done_for_a_sender_whom_nobody_vouches_for(
    shop_url: str, context: Context
) -> None:
    before = await shop.snapshot(shop_url)
    this = context(shop_url, SANTOS, verified=False)
    for name, args in (
        ("my_account", {}),
        ("get_order", {"order_id": "#W4680753"}),
        ("return_delivered_order_items", RETURN),
    ):
        with pytest.raises(Mend, match="not verified"):
            await TOOL[name].call(this, args)
    assert await shop.snapshot(shop_url) == before


async def test_a_request_left_to_people_is_kept_once_even_from_an_unknown_sender(
    shop_url: str, context: Context
) -> None:
    run = uuid4()
    for _ in range(2):
        await TOOL["transfer_to_human"].call(
            context(shop_url, "", key="k", run=run, verified=False), {"summary": "help"}
        )
    await TOOL["transfer_to_human"].call(context(shop_url, SANTOS), {"summary": "x" * 10_000})
    async with shop.connect(shop_url) as connection:
        rows = await (await connection.execute("select * from shop.handovers order by id")).fetchall()
    assert [(row["customer_id"], row["run"] == run, len(row["summary"])) for row in rows] == [
        (None, True, 4),
        (SANTOS, False, 4000),
    ]


async def test_a_state_is_written_as_its_code_and_the_country_as_the_shop_has_it(
    shop_url: str, context: Context
) -> None:
    args = {
        "address1": " 1 Main St ",
        "address2": "",
        "city": "Boston",
        "state": "Massachusetts",
        "zip": "02101",
        "country": "United States",
    }
    await TOOL["modify_user_address"].call(context(shop_url, SANTOS), args)
    state = await shop.snapshot(shop_url, [SANTOS])
    assert state[SANTOS]["address"] == {
        "address1": "1 Main St",
        "address2": "",
        "city": "Boston",
        "state": "MA",
        "zip": "02101",
        "country": "USA",
    }


async def test_without_the_shops_address_the_developer_is_told_what_to_set(context: Context) -> None:
    with pytest.raises(ToolFault, match="resources"):
        await TOOL["my_account"].call(context("", SANTOS), {})


def test_every_write_is_settled_by_its_key_and_lets_the_gate_see_whose_order_it_is() -> None:
    writes = [tool for tool in TOOLS if tool.effect == "destroy"]
    assert len(writes) == 7
    assert all(tool.settle.how == "key" for tool in writes)
    assert all("order" in tool.records for tool in TOOLS if "order_id" in tool.schema["properties"])
    assert all(tool.integrity == "system" for tool in TOOLS)
