"""The shop's own database: its schema, its data, and pictures of its state to compare.

It is a schema named `shop` in the database behind a URL, apart from Remit's own tables. The data are those of
tau2-bench's retail domain (see data/LICENSE).
"""

from __future__ import annotations

import gzip
import hashlib
import json
from collections.abc import Collection, Iterator
from contextlib import AbstractAsyncContextManager
from decimal import Decimal
from importlib.resources import files
from typing import Any

from psycopg.types.json import Json as AsJson

from remit.library import desk
from remit.library.desk import Connection
from remit.tools.tool import ToolContext

Json = Any
ADDRESS = ("address1", "address2", "city", "state", "zip", "country")
_LOCK = 7_305_809_114  # any number: two loads at once take turns


def url_of(context: ToolContext) -> str:
    """The database that the agent was given for its shop."""
    return desk.url_of(context, "shop")


def connect(url: str) -> AbstractAsyncContextManager[Connection]:
    """A connection in one transaction. Raises StoreError where the shop cannot be reached."""
    return desk.connect(url, "shop")


async def load(url: str) -> None:
    """Create the shop and fill it. A shop that an earlier load made is replaced.

    Raises UserError where the database has a schema `shop` that is not ours: it is left alone.
    """
    data = json.loads(gzip.decompress(_file("shop.json.gz").read_bytes()), parse_float=Decimal)
    async with connect(url) as connection:
        await connection.execute("select pg_advisory_xact_lock(%s)", (_LOCK,))
        await desk.make_room(connection, "shop", "Remit demo shop")
        await connection.execute(_file("schema.sql").read_text())
        for table, columns, rows in _tables(data):
            copy = f"copy shop.{table} ({columns}) from stdin"
            async with connection.cursor() as cursor, cursor.copy(copy.encode()) as sink:
                for row in rows:
                    await sink.write_row(row)
    async with connect(url) as connection:
        await connection.execute("analyze shop.customers, shop.orders, shop.order_items, shop.variants")


async def reset(url: str) -> None:
    """Put the shop back as it was before any agent worked in it."""
    await load(url)


async def loaded(url: str) -> bool:
    """Whether the shop is there."""
    async with connect(url) as connection:
        row = await (
            await connection.execute("select to_regclass('shop.effects') is not null as yes")
        ).fetchone()
        return bool(row and row["yes"])


def _file(name: str) -> Any:
    return files("remit.library.support") / "data" / name


def _tables(data: Json) -> Iterator[tuple[str, str, Iterator[tuple[Any, ...]]]]:
    """Table, columns and rows, in the order that the foreign keys need."""
    address = ", ".join(ADDRESS)
    yield "customers", f"id, first_name, last_name, email, {address}", _customers(data)
    yield "payment_methods", "id, customer_id, kind, brand, last_four, balance", _payment_methods(data)
    yield "products", "id, name", ((p["product_id"], p["name"]) for p in data["products"].values())
    yield "variants", "id, product_id, options, available, price", _variants(data)
    yield "orders", f"id, place, customer_id, status, {address}", _orders(data)
    orders = data["orders"].values()
    yield (
        "order_items",
        "order_id, line, product_id, variant_id, options, price",
        (
            (o["order_id"], line, i["product_id"], i["item_id"], AsJson(i["options"]), i["price"])
            for o in orders
            for line, i in enumerate(o["items"], 1)
        ),
    )
    yield (
        "order_payments",
        "order_id, line, kind, amount, payment_method_id",
        (
            (o["order_id"], line, p["transaction_type"], p["amount"], p["payment_method_id"])
            for o in orders
            for line, p in enumerate(o["payment_history"], 1)
        ),
    )
    yield (
        "fulfillments",
        "order_id, line, tracking_ids, item_ids",
        (
            (o["order_id"], line, f["tracking_id"], f["item_ids"])
            for o in orders
            for line, f in enumerate(o["fulfillments"], 1)
        ),
    )


def _customers(data: Json) -> Iterator[tuple[Any, ...]]:
    for user in data["users"].values():
        name = user["name"]
        where = (user["address"][part] for part in ADDRESS)
        yield (user["user_id"], name["first_name"], name["last_name"], user["email"], *where)


def _payment_methods(data: Json) -> Iterator[tuple[Any, ...]]:
    for user in data["users"].values():
        for way in user["payment_methods"].values():
            yield (
                way["id"],
                user["user_id"],
                way["source"],
                way.get("brand"),
                way.get("last_four"),
                way.get("balance"),
            )


def _variants(data: Json) -> Iterator[tuple[Any, ...]]:
    for product in data["products"].values():
        for item in product["variants"].values():
            yield (
                item["item_id"],
                product["product_id"],
                AsJson(item["options"]),
                item["available"],
                item["price"],
            )


def _orders(data: Json) -> Iterator[tuple[Any, ...]]:
    place = {order: n for user in data["users"].values() for n, order in enumerate(user["orders"], 1)}
    for order in data["orders"].values():
        where = (order["address"][part] for part in ADDRESS)
        yield (order["order_id"], place[order["order_id"]], order["user_id"], order["status"], *where)


# --- pictures of the state ---------------------------------------------------------------------------


async def snapshot(url: str, customers: Collection[str] | None = None) -> dict[str, Json]:
    """The shop's state: customer id -> profile, payment methods, orders,
    number of handovers to people. `customers`: only these; None: all.

    Canonical: two states that mean the same are equal (of two equal items in an order it does not matter which
    one was returned; a price difference of zero is no payment). Money as strings with two decimals.
    """
    async with connect(url) as connection:
        return await picture(connection, customers)


async def picture(connection: Connection, customers: Collection[str] | None = None) -> dict[str, Json]:
    """`snapshot` as this connection's transaction sees it."""
    only = None if customers is None else list(customers)

    async def rows(query: str) -> list[dict[str, Any]]:
        return await (await connection.execute(query.encode(), {"only": only})).fetchall()

    mine = "where %(only)s::text[] is null or customer_id = any(%(only)s)"
    out: dict[str, Json] = {}
    for row in await rows(
        f"select *, id as customer_id from shop.customers {mine.replace('customer_id', 'id')}"
    ):
        out[row["id"]] = {
            "name": f"{row['first_name']} {row['last_name']}",
            "email": row["email"],
            "address": {part: row[part] for part in ADDRESS},
            "payment_methods": {},
            "orders": {},
            "handovers": 0,
        }
    for row in await rows(f"select * from shop.payment_methods {mine}"):
        balance = None if row["balance"] is None else str(row["balance"])
        out[row["customer_id"]]["payment_methods"][row["id"]] = {"kind": row["kind"], "balance": balance}
    orders: dict[str, Json] = {}
    for row in await rows(f"select * from shop.orders {mine}"):
        orders[row["id"]] = out[row["customer_id"]]["orders"][row["id"]] = _order_picture(row)
    joined = f"join shop.orders o on o.id = order_id {mine}"
    for row in await rows(
        f"select i.*, p.name from shop.order_items i join shop.products p on p.id = i.product_id {joined} order by line"
    ):
        orders[row["order_id"]]["items"].append(
            {
                "id": row["variant_id"],
                "name": row["name"],
                "options": dict(row["options"]),
                "price": str(row["price"]),
                "returned": row["returned"],
                "exchanged_for": row["exchanged_for"],
            }
        )
    for row in await rows(f"select x.* from shop.order_payments x {joined} order by line"):
        if row["amount"]:
            entry = [row["kind"], str(row["amount"]), row["payment_method_id"]]
            orders[row["order_id"]]["payments"].append(entry)
    for row in await rows(f"select customer_id, count(*) as n from shop.handovers {mine} group by 1"):
        if row["customer_id"]:
            out[row["customer_id"]]["handovers"] = row["n"]
    for order in orders.values():
        order["items"].sort(key=lambda i: (i["id"], i["returned"], i["exchanged_for"] or ""))
        order["payments"].sort()
    return out


def _order_picture(row: dict[str, Any]) -> dict[str, Json]:
    difference = row["exchange_difference"]
    return {
        "status": row["status"],
        "address": {part: row[part] for part in ADDRESS},
        "items": [],
        "payments": [],
        "cancel_reason": row["cancel_reason"],
        "return_payment": row["return_payment_id"],
        "exchange_payment": row["exchange_payment_id"],
        "exchange_difference": None if difference is None else str(difference),
    }


def digest(state: Json) -> str:
    """SHA-256 of a snapshot, or of a part of one."""
    return hashlib.sha256(json.dumps(state, sort_keys=True, separators=(",", ":")).encode()).hexdigest()
