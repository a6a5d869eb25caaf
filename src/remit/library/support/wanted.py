"""What of a call the customer's own words ask for: the act, and where they speak of it which order, which of its items, which
options, which means of payment. Positive evidence for the rules: what the words do not name there, nobody asked for. Pure, but for
`wanted`.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from remit.errors import Mend
from remit.library.desk import Connection, customer_of
from remit.library.support import match, operations, orders, shop
from remit.library.support.match import Item, Method, find_method, tokens
from remit.library.support.orders import Order
from remit.library.support.shop import url_of
from remit.library.support.speaking import Act, about
from remit.library.support.variants import Variant, fits, news, requested
from remit.tools.tool import Json, ToolContext

# All there is of theirs, but for `all items in that order` and `everything that I mention`; and all of an order that was spoken of.
_EVERY = re.compile(
    r"\b(everything|(all|every|each)\b(\W+\w+){0,3}?\W+(things?|orders?|items?|products?|purchases?))\b"
    r"(?!\W+(on|in|from|of)\W+(it|that|this|the|my|your)\b)"
    r"(?!\W+(not\W+)?(?!ordered|purchased|received)\w+ed\W+(with|to|for|by)\b)"
    r"(?!\W+((that|which)\W+)?(i|you|we)\W+(want|wish|would|need|mention|name|list)\w*\b)(.{0,40})",
    re.I | re.S,
)
_WHOLE = re.compile(
    r"\b((whole|entire|complete|full|rest)\b(\W+\w+){0,3}?\W+(order|purchase)"
    r"|(everything|items?|things?|all)\W+(on|in|from|of)\W+(it|that|this|the|my|your)\b)",
    re.I,
)
_STATE = {
    "pending": re.compile(r"\b(pending|not (yet )?shipped)\b", re.I),
    "delivered": re.compile(r"\b(delivered|received|got)\b", re.I),
}
# Who would have money back for what has not been sent means that it is cancelled.
ACTS: Mapping[str, tuple[Act, ...]] = {
    "cancel_pending_order": ("cancel", "return"),
    "return_delivered_order_items": ("return",),
    "modify_pending_order_items": ("change",),
    "exchange_delivered_order_items": ("change",),
    "modify_pending_order_payment": ("pay",),
    "modify_pending_order_address": ("send",),
}
_CHEAP = re.compile(r"\b(cheap\w*|lowest|least expensive|less expensive|save)\b", re.I)
_DEAR = re.compile(r"\b(most expensive|highest|priciest|dearest)\b", re.I)
# More than one of things that are alike; and one of them.
_SEVERAL = re.compile(r"\b(both|all|each|every|everything|whole|entire|(sets|pairs) of)\b", re.I)
_SINGLE = re.compile(r"\b((more|less|most|least) expensive|cheap(er|est)|(only|just|the \w+) one)\b", re.I)
# A thing that only says which is meant: `the hose that came with the lamp`.
_BESIDE = re.compile(
    r"\b(received|came|comes|got|bought|ordered|delivered|arrived|sent)\W+((along|together)\W+)?with\W+"
    r"((the|my|a|an|that)\W+)?\w+(\s+\w+)?",
    re.I,
)
_MEANS = {"paypal": ("paypal",), "gift_card": ("gift", "gc"), "credit_card": ("credit",)}
_OTHER_MEANS = re.compile(r"\b(an)?other (card|payment|method)\b", re.I)
# Who has another mind by now means what is said after that; and what somebody says no to, they do not name.
_NEW_MIND = re.compile(r"\bchang\w+\W+(?:my|your|our|his|her|their)\W+minds?\b", re.I)
_NOT_BY = re.compile(
    r"(?:\b(?:not|never|without|instead of|rather than)|n.t)\b(?:(?!\b(?:and|but|or|so|then)\b)[^.,;:!?\n]){0,40}?"
    r"\b(?:paypal|gift|gc|credit|visa|mastercard|amex)\b",
    re.I,
)
_NUMBER = re.compile(r"#?\bW?(\d{7})\b", re.I)


def numbers(said: str) -> frozenset[str]:
    """The orders that the words name."""
    return frozenset(f"#W{number}" for number in _NUMBER.findall(said))


def leads_to(said: str, city: str, order: str) -> bool:
    """Whether the words name the order that went somewhere, or the city: `New York`, `NYC`, `NY`."""
    words = re.findall(r"\w+", city)
    short = "".join(word[0] for word in words) if len(words) > 1 else ""
    spoken = re.search(rf"\b{re.escape(city)}\b", said, re.I) if city else None
    return bool(order in numbers(said) or spoken or (short and re.search(rf"\b{short}C?\b", said)))


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
    """Whether no other order of theirs has such a thing, or the words speak of all of these: else they may mean the other. `The
    pending boots` are no other's than of a pending order."""
    states = _states(said)
    others = [one for one in mine if one.id != order.id and _among(one, states) >= _among(order, states)]
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


def every(part: str, order: Order) -> bool:
    """Whether the words speak of all there is, the order among it: `all pending orders` are not those that came."""
    return any(_among(order, _states(found[0])) for found in _EVERY.finditer(part))


def _states(words: str) -> list[str]:
    return [state for state, spoken in _STATE.items() if spoken.search(words)]


def _among(order: Order, states: Sequence[str]) -> bool:
    """Whether it is in one of the states, where any is spoken of."""
    return not states or _state(order) in states


def _state(order: Order) -> str:
    """As it was before anybody asked for something: what a run has done with one order must not make another the only one."""
    if order.status == "cancelled" or order.status.startswith("pending"):
        return "pending"
    return "delivered" if order.status.endswith("requested") else order.status


def order_meant(part: str, said: str, order: Order, mine: Sequence[Order], products: Sequence[str]) -> bool:
    """By its number; where they name none of the customer's orders, by what is in it, as the only one in its state, or with all."""
    if spoken := _spoken(part, said, mine):
        return order.id in spoken
    alone = sum(_state(one) == _state(order) for one in mine) == 1
    return (
        any(named(part, item.name, products) and only_here(part, item, order, mine) for item in order.items)
        or bool(alone and re.search(r"\border\b", part, re.I))
        or every(part, order)
    )


def _spoken(part: str, said: str, mine: Sequence[Order]) -> frozenset[str]:
    """The customer's orders that are named where they speak of it, or else anywhere."""
    own = {one.id for one in mine}
    return numbers(part) & own or numbers(said) & own


def items_meant(
    part: str,
    said: str,
    order: Order,
    mine: Sequence[Order],
    touched: Sequence[Item],
    products: Sequence[str],
) -> bool:
    """Each by its name or id; with everything; all of an order that is meant, where none of its items is named; or as the only
    one of such an order."""
    spoken = _spoken(part, said, mine)
    if spoken and order.id not in spoken:
        return False
    if every(part, order) or all(_item_meant(part, item, order, mine, products, spoken) for item in touched):
        return True
    if len(order.items) == 1 or _WHOLE.search(part):
        return order_meant(part, said, order, mine, products)
    return order.id in spoken and not any(named(part, item.name, products) for item in order.items)


def _item_meant(
    part: str,
    item: Item,
    order: Order,
    mine: Sequence[Order],
    products: Sequence[str],
    spoken: frozenset[str],
) -> bool:
    """An id may be that of what another becomes, where they have such a thing twice."""
    here = bool(spoken) or only_here(part, item, order, mine)
    return here and (item.id in part or named(_BESIDE.sub("", part), item.name, products))


def several_meant(part: str, touched: Sequence[Item]) -> bool:
    """Whether the words speak of more than one where more than one of a name is taken: `both lamps`, `the lamps`, each by its id.
    `The lamp` is one, and so is `the cheaper one` of two."""
    if re.search(r"\b(everything|(whole|entire) (order|purchase))\b", part, re.I):
        return True
    for name, count in Counter(item.name for item in touched).items():
        alike = {item.id for item in touched if item.name == name}
        if count == 1 or all(one in part for one in alike):
            continue
        if _SINGLE.search(part) or not (_SEVERAL.search(part) or _more(name).search(part)):
            return False
    return True


def _more(name: str) -> re.Pattern[str]:
    """Its last word as a plural (shelf, shelves) or after a number. What the shop itself calls by a plural (boots) tells nothing
    by it."""
    last = re.findall(r"[a-z]+", name.lower())[-1]
    counted = rf"\b(two|three|four|five|[2-5])(\W+\w+){{0,2}}?\W+\w*{last}"
    if last.endswith("s"):
        return re.compile(counted, re.I)
    many = re.sub(r"fe?$", "ves", last) if last.endswith(("f", "fe")) else f"{last}e?s"
    return re.compile(rf"{many}\b|{counted}", re.I)


def options_meant(said: str, old: Item, new: Variant, variants: Sequence[Variant]) -> bool:
    """By its id, by every option in which it differs, as the cheapest or dearest there is, or as what is nearest to the item of all
    that have what is asked for."""
    heard = set(tokens(said))
    if new.id in said or all(set(tokens(value)) <= heard for value in news(new, old)):
        return True
    there = [variant for variant in variants if variant.available]
    prices = [variant.price for variant in there]
    return bool(
        (new.price == min(prices) and _CHEAP.search(said))
        or (new.price == max(prices) and _DEAR.search(said))
        or new.id in {variant.id for variant in nearest(said, old, there)}
    )


def nearest(said: str, old: Item, variants: Sequence[Variant]) -> list[Variant]:
    """Of those that have all options that the words ask for, those which differ least in what they do not speak of."""
    asked = requested(variants, said, old.options)
    free = set(old.options) - {key for keys, _ in asked for key in keys}
    fitting = [variant for variant in variants if asked and all(fits(variant, *one) for one in asked)]
    apart = [sum(variant.options.get(key) != old.options[key] for key in free) for variant in fitting]
    return [variant for variant, far in zip(fitting, apart, strict=True) if far == min(apart)]


def payment_meant(said: str, order: Order, methods: Sequence[Method], payment: str) -> bool:
    """As the words name it, and after a change of mind where they do: by its id, its kind, its brand or number, or as the other of two;
    where they name none of theirs, what paid the order, unless they say no to that."""
    try:
        meant = find_method(methods, order.original, payment)
    except Mend:  # the call itself will say so to the model
        return True
    plain, spoken = _NOT_BY.sub("", said), {order.original}
    if named := _named(_NEW_MIND.split(plain)[-1], methods) or _named(plain, methods):
        spoken = named
    elif len(methods) == 2 and _OTHER_MEANS.search(said):
        spoken = {one.id for one in methods} - spoken
    return meant.id in spoken - (_named(said, methods) - named)


def _named(words: str, methods: Sequence[Method]) -> set[str]:
    """The ids of those that the words name."""
    heard = set(tokens(words))

    def called(one: Method) -> bool:
        return bool(heard & {*_MEANS[one.kind], one.brand, one.last_four})

    return {one.id for one in methods if one.id in words or called(one)}


@dataclass(frozen=True, slots=True)
class Call:
    """What a call is about: the items that it takes, and what they become with what else there is of the kind."""

    order: Order
    items: tuple[Item, ...] = ()
    pairs: tuple[tuple[Item, Variant, Sequence[Variant]], ...] = ()
    payment: str = ""


def judged(
    tool: str,
    said: str,
    call: Call,
    mine: Sequence[Order],
    methods: Sequence[Method],
    products: Sequence[str],
) -> dict[str, bool]:
    """What of it the words ask for, each part where they speak of such an act."""
    part = part_of(tool, said, mine, products)
    touched = [item for item, new, _ in call.pairs if new.id not in part]
    if call.items:
        touched = spoken_of(part, said, call.items)
    return {
        "act": bool(part),
        "order": order_meant(part, said, call.order, mine, products),
        "items": items_meant(part, said, call.order, mine, touched, products)
        and several_meant(part, touched),
        "options": all(options_meant(part, item, new, kinds) for item, new, kinds in call.pairs),
        "payment": payment_meant(said, call.order, methods, call.payment),
    }


def spoken_of(part: str, said: str, items: Sequence[Item], become: Sequence[str] = ()) -> list[Item]:
    """Of the items of a call those that the words name where they speak of such an act, or else anywhere, by name or id, or by the
    id of what they are to become; all where they name none. The others are left out of the call."""
    pairs = list(zip(items, become or [""] * len(items), strict=True))
    for words in (_BESIDE.sub("", part), said):
        if named := [one for one, to in pairs if match.names(words, one.name) or _by_id(words, one.id, to)]:
            return named
    return list(items)


def _by_id(words: str, *ids: str) -> bool:
    return any(re.fullmatch(r"\d{10}", one.strip()) and one.strip() in words for one in ids)


def part_of(tool: str, said: str, mine: Sequence[Order], products: Sequence[str]) -> str:
    """The words that speak of what the tool does."""
    own = {item.name for order in mine for item in order.items}

    def names(words: str) -> bool:
        return bool(numbers(words)) or any(named(words, name, products) for name in own)

    return about(said, ACTS[tool], names)


def wanted(tool: str) -> Callable[[ToolContext, Mapping[str, Json]], Awaitable[Json]]:
    """A record: whether the customer's words speak of what the tool does, and mean this order, these items, these options and this
    payment. Where the call can't be done, its own words say why."""

    async def read(context: ToolContext, args: Mapping[str, Json]) -> Json:
        said = context.goal
        async with shop.connect(url_of(context)) as connection:
            products, mine = await read_products(connection), list[Order]()
            try:
                customer = await orders.read_customer(connection, customer_of(context))
                mine = await orders.read_orders(connection, customer.id)
                call = await _call(connection, customer.id, args, said)
            except Mend:
                nothing = dict.fromkeys(("order", "items", "options", "payment"), False)
                return {"act": bool(part_of(tool, said, mine, products))} | nothing
        return judged(tool, said, call, mine, customer.methods, products)

    return read


async def _call(connection: Connection, customer: str, args: Mapping[str, Json], said: str) -> Call:
    order = await orders.read_order(connection, customer, str(args.get("order_id", "")))
    payment = str(args.get("payment", ""))
    items = match.find_items(order.items, [str(text) for text in args.get("items", ())])
    if "changes" not in args:
        return Call(order, tuple(items), payment=payment)
    changes = [(str(change["item"]), str(change["to"])) for change in args["changes"]]
    pairs = [
        (item, new, await orders.variants_of(connection, item.product_id))
        for item, new in await operations.matched(connection, order, changes, said)
    ]
    return Call(order, pairs=tuple(pairs), payment=payment)


async def read_products(connection: Connection) -> list[str]:
    """What the shop sells, by name."""
    rows = await connection.execute("select name from shop.products")
    return [row["name"] for row in await rows.fetchall()]
