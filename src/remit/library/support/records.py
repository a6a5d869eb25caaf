"""What the rules of the support agent may look at before a call: whose order it is, the customer's own places, and what the
call would do and move in money, found out by doing it and rolling it back."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping

from remit.errors import Mend
from remit.library.desk import Connection, customer_of
from remit.library.support import match, operations, orders, shop, words
from remit.library.support.operations import Done
from remit.library.support.shop import url_of
from remit.library.support.wanted import leads_to, part_of, read_products, spoken_of
from remit.tools.tool import Json, ToolContext

Work = Callable[[Connection, str], Awaitable[Done]]


async def order_of(context: ToolContext, args: Mapping[str, Json]) -> Json:
    """Whose order it is. For an order that does not exist: nobody's."""
    number = orders.order_number(str(args.get("order_id", "")))
    async with shop.connect(url_of(context)) as connection:
        found = await connection.execute(
            "select customer_id, status from shop.orders where id = %s", (number,)
        )
        row = await found.fetchone()
    if row is None:
        return {"id": number, "user_id": "", "status": "unknown"}
    return {"id": number, "user_id": row["customer_id"], "status": row["status"]}


async def own_place(context: ToolContext, args: Mapping[str, Json]) -> Json:
    """Whether the address is, in all its parts, one that the shop has of the person already (`theirs`): the default one, or of those of
    orders, which whoever sends a present fills in, one that their words lead to. And whether its state and its country are among
    their words, or go without saying (`region`)."""
    parts = "address1, address2, city, state, zip, country"
    query = f"""select {parts}, '' as id from shop.customers where id = %(id)s
                union select {parts}, id from shop.orders where customer_id = %(id)s"""
    async with shop.connect(url_of(context)) as connection:
        found = await connection.execute(query.encode(), {"id": str(context.person.get("id") or "")})
        rows = await found.fetchall()
    wanted = _address(args)
    meant = [row for row in rows if not row["id"] or leads_to(context.goal, row["city"], row["id"])]
    theirs = any(words.address_of(**{name: row[name] or "" for name in wanted}) == wanted for row in meant)
    return {"theirs": theirs, "region": words.in_region(context.goal, wanted)}


def quoted(name: str) -> Callable[[ToolContext, Mapping[str, Json]], Awaitable[Json]]:
    """A record: what the call would do and move in money. It is done, looked at, and rolled back."""

    async def quote(context: ToolContext, args: Mapping[str, Json]) -> Json:
        try:
            customer = customer_of(context)
            async with shop.connect(url_of(context)) as connection:
                less, _ = await narrowed(connection, customer, name, args, context.goal)
                done = await work(name, less, context.goal)(connection, customer)
                await connection.rollback()
        except Mend as problem:  # the call itself will say so to the model
            return {"does": "", "refund": 0.0, "charge": 0.0, "problem": str(problem)}
        return {"does": done.words, "refund": float(done.refund), "charge": float(done.charge), "problem": ""}

    return quote


async def narrowed(
    connection: Connection, customer: str, tool: str, args: Mapping[str, Json], said: str
) -> tuple[Mapping[str, Json], str]:
    """The call without items that the customer's own words do not name where they speak of such an act; and what was left out, in
    words. Narrowing is free."""
    key = "items" if "items" in args else "changes"
    texts = [part if isinstance(part, str) else part["item"] for part in args.get(key, [])]
    if not texts or not said:
        return args, ""
    order = await orders.read_order(connection, customer, str(args["order_id"]))
    touched = match.find_items(order.items, texts)
    if key == "changes" and len(touched) != len(texts):
        return args, ""
    mine = await orders.read_orders(connection, customer)
    part = part_of(tool, said, mine, await read_products(connection))
    named = spoken_of(part, said, touched, [change["to"] for change in args.get("changes", ())])
    rest = [item.name for item in touched if item not in named]
    if not rest:
        return args, ""
    kept: list[Json] = [item.id for item in named]
    if key == "changes":
        kept = [change for change, item in zip(args[key], touched, strict=True) if item in named]
    return {**args, key: kept}, f" (left out, since the customer did not ask for it: {', '.join(rest)})"


def _pairs(changes: list[Json]) -> list[tuple[str, str]]:
    return [(change["item"], change["to"]) for change in changes]


def _address(args: Mapping[str, Json]) -> orders.Address:
    return words.address_of(
        args["address1"],
        args.get("address2", ""),
        args["city"],
        args["state"],
        args["zip"],
        args.get("country", "USA"),
    )


def work(name: str, args: Mapping[str, Json], said: str = "") -> Work:
    """The operation behind the write tool `name`, for a connection and a customer. `said`: the customer's own words,
    which settle what the arguments leave open. Raises KeyError for no write."""
    a, payment = args, args.get("payment", "")
    return {
        "cancel_pending_order": lambda c, who: operations.cancel(c, who, a["order_id"], a["reason"]),
        "modify_pending_order_address": lambda c, who: operations.change_address(
            c, who, a["order_id"], _address(a)
        ),
        "modify_pending_order_items": lambda c, who: operations.change_items(
            c, who, a["order_id"], _pairs(a["changes"]), payment, said
        ),
        "modify_pending_order_payment": lambda c, who: operations.change_payment(
            c, who, a["order_id"], payment
        ),
        "return_delivered_order_items": lambda c, who: operations.give_back(
            c, who, a["order_id"], a["items"], payment
        ),
        "exchange_delivered_order_items": lambda c, who: operations.exchange(
            c, who, a["order_id"], _pairs(a["changes"]), payment, said
        ),
        "modify_user_address": lambda c, who: operations.change_home(c, who, _address(a)),
    }[name]
