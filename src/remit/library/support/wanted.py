"""What of a call the customer's own words ask for: which order, which of its items, which options. Positive evidence for the
rules, where the words name no number: what they do not name, nobody asked for. Pure, but for `wanted_of`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence

from remit.errors import Mend
from remit.library.desk import Connection, customer_of
from remit.library.support import match, operations, orders, shop
from remit.library.support.match import Item, tokens
from remit.library.support.orders import Order
from remit.library.support.records import url_of
from remit.library.support.variants import Variant, news
from remit.tools.tool import Json, ToolContext

_EVERY = re.compile(
    r"\b(return|cancel|exchange|chang|modif|back)\w*\W+(\w+\W+){0,3}?everything\b|\ball (the )?things\b"
    r"|\b(all|every|whole|entire|rest)\b(\W+\w+){0,3}?\W+(orders?|items?|products?|purchases?)\b",
    re.I,
)
_CHEAP = re.compile(r"\b(cheap\w*|lowest|least expensive|less expensive|save)\b", re.I)
_DEAR = re.compile(r"\b(most expensive|highest|priciest|dearest)\b", re.I)
_NUMBER = re.compile(r"#?\bW?(\d{7})\b", re.I)


def numbers(said: str) -> frozenset[str]:
    """The orders that the words name."""
    return frozenset(f"#W{number}" for number in _NUMBER.findall(said))


def named(said: str, product: str, products: Iterable[str]) -> bool:
    """Whether the words name a product: by all of its name, by the last word of it or the end of that (a watch is a wristwatch),
    or by a word that only it has."""
    heard, parts = _heard(said), tokens(product)
    if "".join(parts) in "".join(tokens(said)):
        return True
    if any(parts[-1] == word or (len(word) > 3 and parts[-1].endswith(word)) for word in heard):
        return True
    others = {part for other in products if other != product for part in tokens(other)}
    return any(part in heard and part not in others and len(part) > 3 for part in parts)


def _heard(said: str) -> frozenset[str]:
    """The words, in the singular: shelves are a shelf."""
    return frozenset(word[:-2] + "f" if word.endswith("ve") else word for word in tokens(said)) | {
        *tokens(said)
    }


def only_here(said: str, item: Item, order: Order, mine: Sequence[Order]) -> bool:
    """Whether no other order of theirs has such a thing, or the words speak of all of these: else they may mean the other."""
    others = [one for one in mine if one.id != order.id and one.status != "cancelled"]
    twice = any(other.name == item.name for one in others for other in one.items)
    if not twice or _together(said, item, order, others):
        return True
    things = "|".join(map(re.escape, tokens(item.name)))
    return bool(re.search(rf"\b(all|both|every|each)\b(\W+\w+){{0,3}}?\W+({things})", said, re.I))


def _together(said: str, item: Item, order: Order, others: Sequence[Order]) -> bool:
    """Whether one sentence of the words names it beside another thing, and only this order has the two."""
    beside = {other.name for other in order.items} - {item.name}
    for sentence in re.split(r"[.!?\n]\s", said):
        heard = "".join(tokens(sentence))
        if "".join(tokens(item.name)) not in heard:
            continue
        for name in beside:
            both = "".join(tokens(name)) in heard
            if both and not any({item.name, name} <= {one.name for one in other.items} for other in others):
                return True
    return False


def order_meant(said: str, order: Order, mine: Sequence[Order], products: Sequence[str]) -> bool:
    """By its number; where they name none of the customer's orders, by what is in it, as the only one in its state, or with all."""
    if spoken := numbers(said) & {one.id for one in mine}:
        return order.id in spoken
    alone = sum(one.status == order.status for one in mine) == 1
    return (
        any(named(said, item.name, products) and only_here(said, item, order, mine) for item in order.items)
        or bool(alone and re.search(r"\border\b", said, re.I))
        or bool(_EVERY.search(said))
    )


def items_meant(
    said: str, order: Order, mine: Sequence[Order], touched: Sequence[Item], products: Sequence[str]
) -> bool:
    """Each by its name or id; with everything; all of an order that is named by number, where none of its items is; or as the
    only one of an order that is meant."""
    if (spoken := numbers(said) & {one.id for one in mine}) and order.id not in spoken:
        return False
    if _EVERY.search(said) or all(
        item.id in said
        or (named(said, item.name, products) and (bool(spoken) or only_here(said, item, order, mine)))
        for item in touched
    ):
        return True
    if len(order.items) == 1:
        return order_meant(said, order, mine, products)
    return order.id in spoken and not any(named(said, item.name, products) for item in order.items)


def options_meant(said: str, old: Item, new: Variant, variants: Sequence[Variant]) -> bool:
    """By its id, by every option in which it differs, or as the cheapest or dearest there is."""
    heard = set(tokens(said))
    if new.id in said or all(set(tokens(value)) <= heard for value in news(new, old)):
        return True
    prices = [variant.price for variant in variants if variant.available]
    return bool(
        (new.price == min(prices) and _CHEAP.search(said))
        or (new.price == max(prices) and _DEAR.search(said))
    )


async def wanted_of(context: ToolContext, args: Mapping[str, Json]) -> Json:
    """A record: whether the customer's words mean this order, these items and these options. Where the call can't be done, its own
    words say why."""
    try:
        customer = customer_of(context)
        async with shop.connect(url_of(context)) as connection:
            order = await orders.read_order(connection, customer, str(args.get("order_id", "")))
            mine = await orders.read_orders(connection, customer)
            products = await _products(connection)
            said = context.goal
            touched, options = await _touched(connection, order, args, said)
    except Mend:
        return {"order": False, "items": False, "options": False}
    return {
        "order": order_meant(said, order, mine, products),
        "items": items_meant(said, order, mine, touched, products),
        "options": options,
    }


async def _touched(
    connection: Connection, order: Order, args: Mapping[str, Json], said: str
) -> tuple[list[Item], bool]:
    """The items that the call takes, but for those whose new id the words name, and whether they ask for what each becomes."""
    if "items" in args:
        texts = [str(text) for text in args["items"]]
        taken = match.find_items(order.items, texts)
        return [item for item in taken if match.names(said, item.name)] or taken, True
    if "changes" not in args:
        return [], True
    changes = [(str(change["item"]), str(change["to"])) for change in args["changes"]]
    pairs = await operations.matched(connection, order, changes, said)
    options = [
        options_meant(said, item, new, await orders.variants_of(connection, item.product_id))
        for item, new in pairs
    ]
    return [item for item, new in pairs if new.id not in said], all(options)


async def _products(connection: Connection) -> list[str]:
    rows = await connection.execute("select name from shop.products")
    return [row["name"] for row in await rows.fetchall()]
