"""From a customer's words to the shop's ids: which item of an order, which payment. Variants are in `variants`.

Pure and deterministic, so that a small model need not copy ids and cannot pick a variant that nobody asked for:
what is not settled by the words raises Mend with the candidates to choose from. Ids are always accepted.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache

from remit.errors import Mend

Options = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Item:
    """One line of an order."""

    line: int
    id: str  # of the variant
    product_id: str
    name: str
    options: Options
    price: Decimal


@dataclass(frozen=True, slots=True)
class Method:
    """A customer's means of payment. `balance` of a gift card."""

    id: str
    kind: str  # credit_card, paypal, gift_card
    brand: str | None = None
    last_four: str | None = None
    balance: Decimal | None = None


_SPELLINGS = """small=s medium=m large=l gray=grey inches=inch foot=ft feet=ft liter=l liters=l litre=l litres=l
    two=2 three=3 four=4 five=5 six=6 seven=7 eight=8 nine=9 ten=10 gigabyte=gb gigabytes=gb"""
_SAME = dict(pair.split("=") for pair in _SPELLINGS.split())
YES_NO_NONE = {"yes", "no", "none"}


@lru_cache(4096)
def tokens(text: str) -> tuple[str, ...]:
    """Words and numbers, lower case, one spelling each: `15-inch` and `15 inches` are the same two."""
    text = re.sub(r"['’](s|m|d|ll|re|ve)\b", " ", text.lower())
    text = re.sub(r"\bextra[- ]large\b|\bx-large\b", "xl", text)
    text = re.sub(r"\bextra[- ]small\b|\bx-small\b", "xs", text)
    return tuple(_plain(word) for word in re.findall(r"[a-z]+|\d+(?:\.\d+)?|[%+]", text))


def _plain(word: str) -> str:
    if word in _SAME:
        return _SAME[word]
    if re.search(r"(sh|ch|x|ss)es$", word):
        return word[:-2]
    return word[:-1] if len(word) > 3 and word.endswith("s") and not word.endswith("ss") else word


def spans_of(words: Sequence[str], part: Sequence[str]) -> list[tuple[int, int]]:
    size = len(part)
    return [
        (i, i + size)
        for i in range(len(words) - size + 1)
        if size and list(words[i : i + size]) == list(part)
    ]


def describe(options: Options) -> str:
    """`black, S, v-neck`; yes, no and none with the option's name, since they say nothing alone."""
    return ", ".join(f"{key} {value}" if value in YES_NO_NONE else value for key, value in options.items())


# --- which item of an order --------------------------------------------------------------------------


def find_item(items: Sequence[Item], text: str) -> Item:
    """The item that `text` means: an id, a name, or a name with options. Raises Mend with the candidates."""
    found = candidates(items, text)
    if len({item.id for item in found}) > 1:
        raise Mend(f"{text.strip()!r} may be any of: {listing(found)}. Give the item's id.")
    return found[0]


def find_items(items: Sequence[Item], texts: Sequence[str]) -> list[Item]:
    """A different line for each text, all for `all`; several for `both lamps`, or for a name that is said as often as it is there.

    Raises Mend where a text means nothing, too many, or one thing more often than the order has it.
    """
    if [text.strip().lower() for text in texts] in (["all"], ["everything"], ["all items"]):
        return list(items)
    left, taken = list(items), []
    for text in texts:
        there = candidates(items, text)
        again = sum(1 for other in texts if candidates(items, other) == there)
        every = bool(re.search(r"\b(both|all)\b|\d{10}\D+\d{10}", text, re.I)) or _is_plural(text, there)
        if every or again == len(there):
            wanted = [item for item in there if item in left][: len(there) if every else 1]
        else:
            wanted = [item for item in left if item.id == find_item(there, text).id][:1]
        if not wanted:
            raise Mend(f"{there[0].name} {there[0].id} is listed more often than the order has it")
        taken += wanted
        left = [item for item in left if item not in wanted]
    return taken


def _is_plural(text: str, found: Sequence[Item]) -> bool:
    """`toothbrushes`, where the shop calls it a toothbrush."""
    words = re.findall(r"[a-z]+", text.lower())
    return (
        len(found) > 1 and bool(words) and words[-1].endswith("s") and not found[0].name.lower().endswith("s")
    )


def candidates(items: Sequence[Item], text: str) -> list[Item]:
    """All lines that `text` may mean, at least one. Raises Mend where there is none."""
    wanted = text.strip()
    if ids := re.findall(r"\b\d{10}\b", wanted):
        found = [item for item in items if item.id in ids]
        if not found:
            raise Mend(f"item {ids[0]} isn't in this order; its items are: {listing(items)}")
        return found
    found = _by_words(items, wanted)
    if not found:
        raise Mend(f"no item {wanted!r} in this order; its items are: {listing(items)}")
    return found


def _by_words(items: Sequence[Item], text: str) -> list[Item]:
    words = tokens(text)
    scored = [(_name_score(item.name, words), item) for item in items]
    best = max((score for score, _ in scored), default=0)
    named = [item for score, item in scored if score == best and best > 0]
    if len(named) <= 1:
        return named
    hits = [
        (sum(1 for value in item.options.values() if spans_of(words, tokens(value))), item) for item in named
    ]
    most = max(hit for hit, _ in hits)
    return [item for hit, item in hits if hit == most]


def _name_score(name: str, words: Sequence[str]) -> int:
    """3: the whole name is there; 2: the words are a part of it (`lamp`); 1: they share one; 0: nothing."""
    parts, said, squashed = tokens(name), set(words), "".join(words)
    if "".join(parts) in squashed:
        return 3
    if squashed and squashed in "".join(parts) and len(squashed) > 2:
        return 2
    return 1 if any(len(part) > 2 and part in said for part in parts) else 0


def listing(items: Iterable[Item]) -> str:
    """Items in words, with ids."""
    return "; ".join(f"{i.id} {i.name} ({describe(i.options)})" for i in items)


def names(words: str, product: str) -> bool:
    """Whether a customer's words name a product, by its last word (`lamp` of `Desk Lamp`), or speak of all; in
    `everything but the lamp` the lamp is what they do not mean."""
    said, last = tokens(words), tokens(product)[-1]
    if set(said) & {"all", "everything", "entire", "whole", "rest"}:
        spoken = rf"\b((all|everything|rest)( \S+){{0,3}} but|except|without|besides)\b(?: \S+){{0,4}} {re.escape(last)}\b"
        return not re.search(spoken, " ".join(said))
    return last in said


# --- which payment method ----------------------------------------------------------------------------


def find_method(methods: Sequence[Method], original: str, text: str) -> Method:
    """The customer's payment method that `text` means; empty or `original`: the one that paid the order.

    Raises Mend with the customer's methods.
    """
    wanted = text.strip().lower()
    if not wanted or "original" in wanted or "same" in tokens(wanted):
        return next(m for m in methods if m.id == original)
    exact = [m for m in methods if m.id.lower() in wanted]
    found = exact or [m for m in methods if _is_meant(m, wanted)]
    if len(found) == 1:
        return found[0]
    problem = f"{text!r} may be several" if found else f"the customer has no {text!r}"
    raise Mend(f"{problem}; the customer's payment methods are: {'; '.join(show(m) for m in methods)}")


def _is_meant(method: Method, wanted: str) -> bool:
    if re.search(r"_\d+", wanted):
        return False  # an id, but nobody's
    said = set(tokens(wanted))
    if method.last_four and method.last_four in said:
        return True
    brands = {"visa", "mastercard", "amex"} & said
    if brands:
        return method.brand in brands
    if method.kind == "credit_card":
        return "credit" in said or said == {"card"}
    return ("paypal" if method.kind == "paypal" else "gift") in said


def show(method: Method) -> str:
    """`credit_card_1 (visa 1234)`, `gift_card_2 ($17.00)`, `paypal_3`."""
    if method.balance is not None:
        return f"{method.id} (${method.balance})"
    return f"{method.id} ({method.brand} {method.last_four})" if method.brand else method.id
