"""What the support agent can do in the shop, as labelled tools.

Every write is one transaction in the shop's database, together with its idempotency key: the same call twice has
one effect and the same result. The customer comes from the run's person and is no argument, so no words can
reach another customer's account; the rules in agent.yaml say the same a second time, before the call.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from remit.errors import Mend
from remit.library.desk import customer_of
from remit.library.support import orders, shop, words
from remit.library.support.match import tokens
from remit.library.support.records import narrowed, order_of, own_place, quoted, work
from remit.library.support.shop import url_of
from remit.library.support.variants import requested
from remit.library.support.wanted import wanted
from remit.tools.decorate import Record, tool
from remit.tools.tool import Json, ToolContext


class Change(BaseModel):
    """One item and what it should become."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    item: str = Field(description="name or id of the item in the order")
    to: str = Field(description="the new options in words, cheapest, or an item id")


async def _once(context: ToolContext, name: str, args: Mapping[str, Json]) -> str:
    """Do it and remember the result under the call's key, in one transaction; the second time, only read the result."""
    customer = customer_of(context)
    async with shop.connect(url_of(context)) as connection:
        claimed = await connection.execute(
            """insert into shop.effects (key, tool, run, result) values (%s, %s, %s, '')
               on conflict (key) do nothing returning key""",
            (context.key, name, context.run),
        )
        if await claimed.fetchone() is None:
            found = await connection.execute("select result from shop.effects where key = %s", (context.key,))
            row = await found.fetchone()
            return str(row["result"]) if row else ""
        less, left_out = await narrowed(connection, customer, name, args, context.goal)
        done = await work(name, less, context.goal)(connection, customer)
        result = done.words + left_out
        await connection.execute(
            "update shop.effects set result = %s, order_id = %s where key = %s",
            (result, done.order_id or None, context.key),
        )
        return result


_ORDER = {"order_id": "id:order"}
_PLACE = {"address1": "address", "address2": "address", "city": "address", "zip": "address"}


def _looks(tool: str) -> dict[str, Record]:
    """The records for a change of an order: whose it is, what of the call the customer's words ask for."""
    return {"order": order_of, "wanted": wanted(tool)}


# What a customer's own words and data change stays in the shop's database, where their data stand already.
_SHARED: dict[str, Any] = {
    "effect": "destroy",
    "integrity": "system",
    "confidentiality": "own",
    "clearance": "person",
    "settle": "key",
}


# --- reading -----------------------------------------------------------------------------------------


@tool(effect="read", integrity="system", confidentiality="own")
async def my_account(context: ToolContext) -> str:
    """The customer who wrote: address, payment methods, all orders with status and items. Call this first."""
    async with shop.connect(url_of(context)) as connection:
        customer = await orders.read_customer(connection, customer_of(context))
        return words.account_text(customer, await orders.read_orders(connection, customer.id))


@tool(effect="read", integrity="system", confidentiality="own", sinks=_ORDER, records={"order": order_of})
async def get_order(context: ToolContext, order_id: str) -> str:
    """One order in full, with item ids. Only where my_account is not enough.

    Args:
        order_id: as in #W1234567
    """
    async with shop.connect(url_of(context)) as connection:
        return words.order_text(await orders.read_order(connection, customer_of(context), order_id))


@tool(effect="read", integrity="system", confidentiality="public")
async def find_product(context: ToolContext, product: str, options: str = "") -> str:
    """What the shop sells of a product: how many variants, their options, ids and prices.

    Args:
        product: name, as in T-Shirt
        options: only variants with these, as in black cotton
    """
    async with shop.connect(url_of(context)) as connection:
        found = await connection.execute("select id, name from shop.products order by name")
        products = {row["name"]: row["id"] for row in await found.fetchall()}
        name = _product_name(list(products), product)
        variants = await orders.variants_of(connection, products[name])
    asked = requested(variants, options, {})
    fitting = [
        v
        for v in variants
        if v.available and all(any(v.options.get(k) in ok for k in keys) for keys, ok in asked)
    ]
    return words.product_text(name, variants, fitting)


def _product_name(names: list[str], text: str) -> str:
    said = set(tokens(text))
    squashed = "".join(tokens(text))
    exact = [name for name in names if "".join(tokens(name)) == squashed]
    if exact:
        return exact[0]
    near = [
        name for name in names if said & set(tokens(name)) or (squashed and squashed in "".join(tokens(name)))
    ]
    if len(near) == 1:
        return near[0]
    raise Mend(
        f"no product {text!r}; " + (f"near: {', '.join(near)}" if near else f"there is: {', '.join(names)}")
    )


@tool(effect="read", integrity="system", confidentiality="person", sinks={"email": "email"})
async def find_customer(
    context: ToolContext, email: str = "", first_name: str = "", last_name: str = "", zip: str = ""
) -> str:
    """The customer id for an email, or for first name, last name and zip. my_account tells more."""
    query = """select id, first_name, last_name from shop.customers where lower(email) = lower(%(email)s)
               or (lower(first_name) = lower(%(first)s) and lower(last_name) = lower(%(last)s) and zip = %(zip)s)"""
    values = {
        "email": email.strip(),
        "first": first_name.strip(),
        "last": last_name.strip(),
        "zip": zip.strip(),
    }
    async with shop.connect(url_of(context)) as connection:
        rows = await (await connection.execute(query, values)).fetchall()
    if not rows:
        raise Mend("no such customer; an email, or first name, last name and zip together, find one")
    return "; ".join(f"{row['id']} {row['first_name']} {row['last_name']}" for row in rows)


# --- writing -----------------------------------------------------------------------------------------


@tool(
    **_SHARED,
    sinks=_ORDER,
    records=_looks("cancel_pending_order") | {"quote": quoted("cancel_pending_order")},
)
async def cancel_pending_order(
    context: ToolContext, order_id: str, reason: Literal["no longer needed", "ordered by mistake"]
) -> str:
    """Cancel a whole pending order; single items can't be cancelled."""
    return await _once(context, "cancel_pending_order", {"order_id": order_id, "reason": reason})


@tool(**_SHARED, sinks=_ORDER | _PLACE, records=_looks("modify_pending_order_address") | {"own": own_place})
async def modify_pending_order_address(
    context: ToolContext,
    order_id: str,
    address1: str,
    city: str,
    state: str,
    zip: str,
    address2: str = "",
    country: str = "USA",
) -> str:
    """Send a pending order to another address.

    Args:
        address1: street and number
        address2: suite or apartment
    """
    place = {
        "address1": address1,
        "address2": address2,
        "city": city,
        "state": state,
        "zip": zip,
        "country": country,
    }
    return await _once(context, "modify_pending_order_address", {"order_id": order_id, **place})


@tool(
    **_SHARED,
    sinks=_ORDER,
    records=_looks("modify_pending_order_items") | {"quote": quoted("modify_pending_order_items")},
)
async def modify_pending_order_items(
    context: ToolContext, order_id: str, changes: list[Change], payment: str = ""
) -> str:
    """Change items of a pending order to other options. Only once an order: all its changes in one call.

    Args:
        changes: item: its name; to: the new options in words, or cheapest, or an id
        payment: for the price difference; empty is the original payment
    """
    args = {"order_id": order_id, "changes": [c.model_dump() for c in changes], "payment": payment}
    return await _once(context, "modify_pending_order_items", args)


@tool(**_SHARED, sinks=_ORDER, records=_looks("modify_pending_order_payment"))
async def modify_pending_order_payment(context: ToolContext, order_id: str, payment: str) -> str:
    """Pay a pending order by another of the customer's payment methods.

    Args:
        payment: the new method, as in paypal
    """
    return await _once(context, "modify_pending_order_payment", {"order_id": order_id, "payment": payment})


@tool(
    **_SHARED,
    sinks=_ORDER,
    records=_looks("return_delivered_order_items") | {"quote": quoted("return_delivered_order_items")},
)
async def return_delivered_order_items(
    context: ToolContext, order_id: str, items: list[str], payment: str = ""
) -> str:
    """Return items of a delivered order for a refund. Only once an order: all its items in one call.

    Args:
        items: names or ids of the items to return
        payment: where the refund goes; empty is the original payment
    """
    args = {"order_id": order_id, "items": items, "payment": payment}
    return await _once(context, "return_delivered_order_items", args)


@tool(
    **_SHARED,
    sinks=_ORDER,
    records=_looks("exchange_delivered_order_items") | {"quote": quoted("exchange_delivered_order_items")},
)
async def exchange_delivered_order_items(
    context: ToolContext, order_id: str, changes: list[Change], payment: str = ""
) -> str:
    """Exchange items of a delivered order for other options. Only once an order: all its changes in one call.

    Args:
        changes: item: its name; to: the new options in words, or cheapest, or an id
        payment: for the price difference; empty is the original payment
    """
    args = {"order_id": order_id, "changes": [c.model_dump() for c in changes], "payment": payment}
    return await _once(context, "exchange_delivered_order_items", args)


@tool(**_SHARED, sinks=_PLACE, records={"own": own_place})
async def modify_user_address(
    context: ToolContext,
    address1: str,
    city: str,
    state: str,
    zip: str,
    address2: str = "",
    country: str = "USA",
) -> str:
    """Change the customer's default address. Orders keep theirs.

    Args:
        address1: street and number
        address2: suite or apartment
    """
    place = {
        "address1": address1,
        "address2": address2,
        "city": city,
        "state": state,
        "zip": zip,
        "country": country,
    }
    return await _once(context, "modify_user_address", place)


# `self`: it asks the shop's own people, as a question to the inbox would; no customer's data change
@tool(effect="self", integrity="system", settle="key")
async def transfer_to_human(context: ToolContext, summary: str) -> str:
    """Leave the request to the shop's people. Only for what no other tool can do, never for what policy refuses.

    Args:
        summary: what the customer wants
    """
    customer = str(context.person.get("id") or "") if context.person.get("verified") is True else ""
    async with shop.connect(url_of(context)) as connection:
        claimed = await connection.execute(
            """insert into shop.effects (key, tool, run, result) values (%s, 'transfer_to_human', %s, %s)
               on conflict (key) do nothing returning key""",
            (context.key, context.run, "left to the shop's people"),
        )
        if await claimed.fetchone() is not None:
            await connection.execute(
                "insert into shop.handovers (customer_id, summary, run) values (%s, %s, %s)",
                (customer or None, summary[:4000], context.run),
            )
    return "left to the shop's people; they will answer the customer"


TOOLS = (
    my_account,
    get_order,
    find_product,
    find_customer,
    cancel_pending_order,
    modify_pending_order_address,
    modify_pending_order_items,
    modify_pending_order_payment,
    return_delivered_order_items,
    exchange_delivered_order_items,
    modify_user_address,
    transfer_to_human,
)
