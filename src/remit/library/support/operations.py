"""The shop's operations as SQL, with the semantics of tau2-bench's retail tools.

Each runs in the caller's transaction and either does the whole thing or raises Mend and has done nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal

from remit.errors import Mend
from remit.library.desk import Connection
from remit.library.support.match import Item, Method, describe, find_item, find_items, find_method, show
from remit.library.support.orders import (
    Address,
    Customer,
    Order,
    one_line,
    read_customer,
    read_order,
    variants_of,
)
from remit.library.support.variants import Variant, find_variant

CANCEL_REASONS = ("no longer needed", "ordered by mistake")


@dataclass(frozen=True, slots=True)
class Done:
    """What an operation did, in words; money in US dollars that goes back to, or is taken from, the customer."""

    words: str
    order_id: str = ""
    refund: Decimal = field(default=Decimal(0))
    charge: Decimal = field(default=Decimal(0))


async def cancel(connection: Connection, customer_id: str, order_id: str, reason: str) -> Done:
    order = await read_order(connection, customer_id, order_id, lock=True)
    _require(order, ("pending",), "cancelled")
    if reason not in CANCEL_REASONS:
        raise Mend(f"the reason must be one of: {', '.join(CANCEL_REASONS)}")
    customer = await read_customer(connection, customer_id)
    back = []
    for _, amount, method_id in order.payments:
        method = next(m for m in customer.methods if m.id == method_id)
        await _pay(connection, order, "refund", amount, method_id)
        await _move(connection, method, amount)
        back.append(_back(amount, method))
    await connection.execute(
        "update shop.orders set status = 'cancelled', cancel_reason = %s where id = %s", (reason, order.id)
    )
    refund = sum((amount for _, amount, _ in order.payments), Decimal(0))
    return Done(f"order {order.id} is cancelled ({reason}); {', '.join(back)}", order.id, refund)


async def change_address(connection: Connection, customer_id: str, order_id: str, address: Address) -> Done:
    order = await read_order(connection, customer_id, order_id, lock=True)
    _require(order, ("pending", "pending (item modified)"), "changed")
    await connection.execute(
        """update shop.orders set address1 = %(address1)s, address2 = %(address2)s, city = %(city)s,
           state = %(state)s, zip = %(zip)s, country = %(country)s where id = %(id)s""",
        {**address, "id": order.id},
    )
    return Done(f"order {order.id} now goes to {one_line(address)}", order.id)


async def change_home(connection: Connection, customer_id: str, address: Address) -> Done:
    customer = await read_customer(connection, customer_id)
    await connection.execute(
        """update shop.customers set address1 = %(address1)s, address2 = %(address2)s, city = %(city)s,
           state = %(state)s, zip = %(zip)s, country = %(country)s where id = %(id)s""",
        {**address, "id": customer.id},
    )
    return Done(f"the default address is now {one_line(address)}; addresses of orders are as they were")


async def change_payment(connection: Connection, customer_id: str, order_id: str, payment: str) -> Done:
    order = await read_order(connection, customer_id, order_id, lock=True)
    _require(order, ("pending", "pending (item modified)"), "changed")
    customer = await read_customer(connection, customer_id)
    if not payment.strip():
        raise Mend(f"say which payment method; the customer's are: {'; '.join(map(show, customer.methods))}")
    method = find_method(customer.methods, order.original, payment)
    if len(order.payments) != 1:
        raise Mend(f"the payment of {order.id} was changed already; it can't be changed again")
    _, amount, before = order.payments[0]
    if before == method.id:
        raise Mend(f"{order.id} is paid by {method.id} already")
    _cover(customer, method, amount)
    await _pay(connection, order, "payment", amount, method.id)
    await _pay(connection, order, "refund", amount, before)
    await _move(connection, method, -amount)
    old = next(m for m in customer.methods if m.id == before)
    await _move(connection, old, amount)
    return Done(f"order {order.id} is now paid by {method.id}; {_back(amount, old)}", order.id)


async def change_items(
    connection: Connection,
    customer_id: str,
    order_id: str,
    changes: Sequence[tuple[str, str]],
    payment: str,
    said: str = "",
) -> Done:
    """Each item of a pending order becomes another variant of its product, once.

    Unlike the reference, which gives every item the price and options of the last one, each item gets its own.
    """
    order = await read_order(connection, customer_id, order_id, lock=True)
    _require(order, ("pending",), "changed", "modify_pending_order_items", "exchange_delivered_order_items")
    pairs = await matched(connection, order, changes, said)
    for item, variant in pairs:
        if item.id == variant.id:
            raise Mend(f"{item.name} {item.id} is that already; leave it out")
    customer = await read_customer(connection, customer_id)
    difference = sum((variant.price - item.price for item, variant in pairs), Decimal(0))
    method = find_method(customer.methods, order.original, payment)
    _cover(customer, method, difference)
    await _pay(connection, order, "payment" if difference > 0 else "refund", abs(difference), method.id)
    await _move(connection, method, -difference)
    for item, variant in pairs:
        await connection.execute(
            """update shop.order_items i set variant_id = v.id, price = v.price, options = v.options
               from shop.variants v where v.id = %s and i.order_id = %s and i.line = %s""",
            (variant.id, order.id, item.line),
        )
    await connection.execute(
        "update shop.orders set status = 'pending (item modified)' where id = %s", (order.id,)
    )
    words = f"order {order.id}: {_swaps(pairs)}; {_money(difference, method)}"
    return Done(words, order.id, max(-difference, Decimal(0)), max(difference, Decimal(0)))


async def exchange(
    connection: Connection,
    customer_id: str,
    order_id: str,
    changes: Sequence[tuple[str, str]],
    payment: str,
    said: str = "",
) -> Done:
    order = await read_order(connection, customer_id, order_id, lock=True)
    _require(
        order, ("delivered",), "exchanged", "exchange_delivered_order_items", "modify_pending_order_items"
    )
    pairs = await matched(connection, order, changes, said)
    customer = await read_customer(connection, customer_id)
    difference = sum((variant.price - item.price for item, variant in pairs), Decimal(0))
    method = find_method(customer.methods, order.original, payment)
    _cover(customer, method, difference)
    for item, variant in pairs:
        await connection.execute(
            "update shop.order_items set exchanged_for = %s where order_id = %s and line = %s",
            (variant.id, order.id, item.line),
        )
    await connection.execute(
        """update shop.orders set status = 'exchange requested', exchange_payment_id = %s, exchange_difference = %s
           where id = %s""",
        (method.id, difference, order.id),
    )
    words = f"order {order.id}, exchange requested: {_swaps(pairs)}; {_money(difference, method)}"
    return Done(words, order.id, max(-difference, Decimal(0)), max(difference, Decimal(0)))


async def give_back(
    connection: Connection, customer_id: str, order_id: str, items: Sequence[str], payment: str
) -> Done:
    order = await read_order(connection, customer_id, order_id, lock=True)
    _require(order, ("delivered",), "returned", "return_delivered_order_items", "cancel_pending_order")
    customer = await read_customer(connection, customer_id)
    method = find_method(customer.methods, order.original, payment)
    if method.kind != "gift_card" and method.id != order.original:
        cards = ", ".join(m.id for m in customer.methods if m.kind == "gift_card")
        other = f" or a gift card of the customer ({cards})" if cards else "; the customer has no gift card"
        raise Mend(f"a refund goes to what paid the order, {order.original}{other}; not to {method.id}")
    if not items:
        raise Mend("name at least one item")
    taken = find_items(order.items, items)
    lines = [item.line for item in taken]
    await connection.execute(
        "update shop.order_items set returned = true where order_id = %s and line = any(%s)",
        (order.id, lines),
    )
    await connection.execute(
        "update shop.orders set status = 'return requested', return_payment_id = %s where id = %s",
        (method.id, order.id),
    )
    refund = sum((item.price for item in taken), Decimal(0))
    names = ", ".join(item.name for item in taken)
    return Done(f"order {order.id}, return requested: {names}; {_back(refund, method)}", order.id, refund)


# --- parts -------------------------------------------------------------------------------------------


def _require(order: Order, statuses: tuple[str, ...], verb: str, this: str = "", other: str = "") -> None:
    """Raises Mend that says what is possible instead, where the order's status is none of `statuses`."""
    if order.status in statuses:
        return
    if order.status == "delivered":
        hint = "use return_delivered_order_items or exchange_delivered_order_items"
        if other.startswith("exchange"):
            hint = f"to swap items use {other} with the same arguments; to get the money back return_delivered_order_items"
    elif order.status == "pending":
        hint = "use cancel_pending_order or a modify_pending_order tool"
        if other.startswith("modify"):
            hint = f"use {other} instead, with the same arguments"
    elif order.status == "pending (item modified)":
        hint = "its items were changed once already; now only its address and payment can be changed"
    else:
        hint = "nothing can be changed in it any more; tell the customer"
    raise Mend(f"order {order.id} is {order.status}, so it can't be {verb}: {hint}")


def _lines(order: Order, texts: Sequence[str]) -> list[Item]:
    """Exactly one line for each text. Raises Mend where one is not there, or not so often."""
    left, taken = list(order.items), []
    for text in texts:
        wanted = find_item(order.items, text)
        same = [item for item in left if item.id == wanted.id]
        if not same:
            raise Mend(f"{wanted.name} {wanted.id} is listed more often than the order has it")
        left.remove(same[0])
        taken.append(same[0])
    return taken


async def matched(
    connection: Connection, order: Order, changes: Sequence[tuple[str, str]], said: str
) -> list[tuple[Item, Variant]]:
    if not changes:
        raise Mend("name at least one item and what it should become")
    items = _lines(order, [item for item, _ in changes])
    pairs, wrong = [], []
    for item, (_, wanted) in zip(items, changes, strict=True):
        try:
            variants = await variants_of(connection, item.product_id)
            pairs.append((item, find_variant(item.name, variants, item, wanted, said)))
        except Mend as problem:
            wrong.append(str(problem))
    if wrong:
        raise Mend("\n".join(wrong))
    return pairs


def _cover(customer: Customer, method: Method, amount: Decimal) -> None:
    if method.balance is not None and method.balance < amount:
        others = ", ".join(show(m) for m in customer.methods if m.id != method.id)
        raise Mend(
            f"{show(method)} does not cover ${amount:.2f}; the customer also has: {others or 'nothing else'}"
        )


async def _pay(connection: Connection, order: Order, kind: str, amount: Decimal, method_id: str) -> None:
    await connection.execute(
        """insert into shop.order_payments (order_id, line, kind, amount, payment_method_id)
           select %(order)s, coalesce(max(line), 0) + 1, %(kind)s, %(amount)s, %(method)s
           from shop.order_payments where order_id = %(order)s""",
        {"order": order.id, "kind": kind, "amount": amount, "method": method_id},
    )


async def _move(connection: Connection, method: Method, amount: Decimal) -> None:
    """Onto a gift card at once (off it, if negative); other methods are settled outside the shop."""
    if method.kind == "gift_card":
        await connection.execute(
            "update shop.payment_methods set balance = balance + %s where id = %s", (amount, method.id)
        )


def _back(amount: Decimal, method: Method) -> str:
    when = "at once" if method.kind == "gift_card" else "in 5 to 7 business days"
    return f"${amount:.2f} goes back to {method.id} {when}"


def _money(difference: Decimal, method: Method) -> str:
    if difference > 0:
        return f"${difference:.2f} more is charged to {method.id}"
    return _back(-difference, method) if difference else "no difference in price"


def _swaps(pairs: Sequence[tuple[Item, Variant]]) -> str:
    return ", ".join(
        f"{i.name} ({describe(i.options)}) becomes {v.id} ({describe(v.options)})" for i, v in pairs
    )
