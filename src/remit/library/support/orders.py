"""Reading the shop: customers, their orders, the catalogue.

The customer is always given by the caller, never by a model: another customer's order is an order that does not
exist.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from remit.errors import Mend
from remit.library.desk import Connection
from remit.library.support.match import Item, Method
from remit.library.support.shop import ADDRESS
from remit.library.support.variants import Variant

Address = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Order:
    """An order with its items and payments. `total` is what was paid at first."""

    id: str
    customer_id: str
    status: str
    address: Address
    items: tuple[Item, ...]
    payments: tuple[tuple[str, Decimal, str], ...]  # kind, amount, method
    tracking: tuple[str, ...]
    note: str = ""  # what was asked for already: cancelled why, returned or exchanged what

    @property
    def total(self) -> Decimal:
        return sum((amount for kind, amount, _ in self.payments[:1] if kind == "payment"), Decimal(0))

    @property
    def original(self) -> str:
        """The id of the payment method that paid it."""
        return self.payments[0][2]


@dataclass(frozen=True, slots=True)
class Customer:
    id: str
    name: str
    email: str
    address: Address
    methods: tuple[Method, ...]


def one_line(address: Address) -> str:
    street = ", ".join(address[part] for part in ("address1", "address2", "city") if address[part])
    return f"{street}, {address['state']} {address['zip']}, {address['country']}"


def order_number(text: str) -> str:
    """`#W1234567` from `w1234567`, `1234567`, `order #W1234567`; what is no number stays as it is."""
    found = re.search(r"(\d{5,})", text)
    return f"#W{found[1]}" if found else text.strip()


async def read_customer(connection: Connection, customer_id: str) -> Customer:
    """Raises Mend where there is no such customer."""
    found = await connection.execute("select * from shop.customers where id = %s", (customer_id,))
    row = await found.fetchone()
    if row is None:
        raise Mend("the person who wrote is no customer that the shop knows: transfer to a human")
    methods = await (
        await connection.execute(
            "select * from shop.payment_methods where customer_id = %s order by id", (row["id"],)
        )
    ).fetchall()
    return Customer(
        row["id"],
        f"{row['first_name']} {row['last_name']}",
        row["email"],
        {part: row[part] for part in ADDRESS},
        tuple(Method(m["id"], m["kind"], m["brand"], m["last_four"], m["balance"]) for m in methods),
    )


async def read_orders(
    connection: Connection, customer_id: str, order_id: str | None = None, *, lock: bool = False
) -> list[Order]:
    """The customer's orders, or the one of them with this id. `lock`: until the transaction ends."""
    locking = "for update" if lock else ""
    query = f"""select * from shop.orders
        where customer_id = %(customer)s and (%(order)s::text is null or id = %(order)s) order by place {locking}"""
    rows = await (
        await connection.execute(query.encode(), {"customer": customer_id, "order": order_id})
    ).fetchall()
    ids = [row["id"] for row in rows]
    items = await _group(
        connection,
        """select i.*, p.name from shop.order_items i join shop.products p on p.id = i.product_id
           where order_id = any(%s) order by line""",
        ids,
    )
    payments = await _group(
        connection, "select * from shop.order_payments where order_id = any(%s) order by line", ids
    )
    sent = await _group(
        connection, "select * from shop.fulfillments where order_id = any(%s) order by line", ids
    )
    return [
        _order(row, items.get(row["id"], []), payments.get(row["id"], []), sent.get(row["id"], []))
        for row in rows
    ]


async def _group(connection: Connection, query: str, ids: Sequence[str]) -> dict[str, list[dict[str, Any]]]:
    out: dict[str, list[dict[str, Any]]] = {}
    for row in await (await connection.execute(query.encode(), (list(ids),))).fetchall():
        out.setdefault(row["order_id"], []).append(row)
    return out


def _order(
    row: dict[str, Any],
    items: list[dict[str, Any]],
    payments: list[dict[str, Any]],
    sent: list[dict[str, Any]],
) -> Order:
    lines = tuple(
        Item(i["line"], i["variant_id"], i["product_id"], i["name"], dict(i["options"]), i["price"])
        for i in items
    )
    notes = [f"cancelled: {row['cancel_reason']}"] if row["cancel_reason"] else []
    notes += [f"returning {i['name']}" for i in items if i["returned"]]
    notes += [f"exchanging {i['name']} for {i['exchanged_for']}" for i in items if i["exchanged_for"]]
    return Order(
        row["id"],
        row["customer_id"],
        row["status"],
        {part: row[part] for part in ADDRESS},
        lines,
        tuple((p["kind"], p["amount"], p["payment_method_id"]) for p in payments),
        tuple(number for f in sent for number in f["tracking_ids"]),
        ", ".join(notes),
    )


async def read_order(connection: Connection, customer_id: str, order_id: str, *, lock: bool = False) -> Order:
    """Raises Mend, with the customer's own order numbers, where it is not one of theirs."""
    found = await read_orders(connection, customer_id, order_number(order_id), lock=lock)
    if found:
        return found[0]
    rows = await connection.execute(
        "select id, status from shop.orders where customer_id = %s order by place", (customer_id,)
    )
    own = ", ".join(f"{row['id']} ({row['status']})" for row in await rows.fetchall())
    raise Mend(f"{order_number(order_id)} is no order of this customer; theirs are: {own or 'none'}")


async def variants_of(connection: Connection, product_id: str) -> list[Variant]:
    rows = await connection.execute(
        "select * from shop.variants where product_id = %s order by id", (product_id,)
    )
    return [Variant(r["id"], dict(r["options"]), r["available"], r["price"]) for r in await rows.fetchall()]
