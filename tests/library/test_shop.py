from __future__ import annotations

import asyncio

import psycopg
import pytest

from remit.errors import StoreError, UserError
from remit.library.support import shop
from remit.library.support.orders import read_orders


async def count(url: str, table: str) -> int:
    async with shop.connect(url) as connection:
        row = await (await connection.execute(f"select count(*) as n from shop.{table}".encode())).fetchone()
        assert row is not None
        return int(row["n"])


async def test_the_shop_has_every_customer_order_and_variant(shared_shop: str) -> None:
    assert [await count(shared_shop, table) for table in ("customers", "orders", "products", "variants")] == [
        500,
        1000,
        50,
        591,
    ]


async def test_loading_again_puts_everything_back(shop_url: str) -> None:
    before = await shop.snapshot(shop_url)
    async with shop.connect(shop_url) as connection:
        await connection.execute("update shop.orders set status = 'cancelled'")
        await connection.execute("delete from shop.fulfillments")
    assert shop.digest(await shop.snapshot(shop_url)) != shop.digest(before)
    await shop.reset(shop_url)
    assert shop.digest(await shop.snapshot(shop_url)) == shop.digest(before)


async def test_two_loads_at_once_leave_one_whole_shop(empty_database_url: str) -> None:
    await asyncio.gather(shop.load(empty_database_url), shop.load(empty_database_url))
    assert await count(empty_database_url, "orders") == 1000


async def test_a_schema_that_is_not_ours_is_left_alone(empty_database_url: str) -> None:
    async with shop.connect(empty_database_url) as connection:
        await connection.execute("create schema shop")
        await connection.execute("create table shop.precious (id int)")
    with pytest.raises(UserError, match="did not make"):
        await shop.load(empty_database_url)
    assert await count(empty_database_url, "precious") == 0


async def test_whether_the_shop_is_there_can_be_asked(empty_database_url: str) -> None:
    assert not await shop.loaded(empty_database_url)
    await shop.load(empty_database_url)
    assert await shop.loaded(empty_database_url)


async def test_a_shop_that_cannot_be_reached_is_said_so() -> None:
    with pytest.raises(StoreError, match="cannot be reached"):
        async with shop.connect("postgresql://nobody@127.0.0.1:1/none"):
            pass


async def test_an_order_cannot_be_refunded_to_somebody_elses_card(shared_shop: str) -> None:
    with pytest.raises(psycopg.errors.ForeignKeyViolation):
        async with shop.connect(shared_shop) as connection:
            await connection.execute(
                "update shop.orders set return_payment_id = 'credit_card_3677959' where id = '#W5056519'"
            )


async def test_an_exchange_stays_within_the_product(shared_shop: str) -> None:
    with pytest.raises(psycopg.errors.ForeignKeyViolation):
        async with shop.connect(shared_shop) as connection:
            await connection.execute(
                "update shop.order_items set exchanged_for = '9612497925' where order_id = '#W2378156' and line = 1"
            )


async def test_a_snapshot_of_one_customer_is_that_part_of_the_whole(shared_shop: str) -> None:
    whole = await shop.snapshot(shared_shop)
    part = await shop.snapshot(shared_shop, ["yusuf_rossi_9620"])
    assert part == {"yusuf_rossi_9620": whole["yusuf_rossi_9620"]}
    assert len(part["yusuf_rossi_9620"]["orders"]) == 5


async def test_which_of_two_equal_items_comes_back_makes_no_difference(shared_shop: str) -> None:
    states = []
    for line in (1, 2):
        async with shop.connect(shared_shop) as connection:
            [order] = await read_orders(connection, "aarav_anderson_8794", "#W4316152")
            assert order.items[0].id == order.items[1].id
            await connection.execute(
                "update shop.order_items set returned = true where order_id = %s and line = %s",
                (order.id, line),
            )
            states.append(await shop.picture(connection, ["aarav_anderson_8794"]))
            await connection.rollback()
    assert states[0] == states[1] != await shop.snapshot(shared_shop, ["aarav_anderson_8794"])
