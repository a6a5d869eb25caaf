"""What the shop knows, in as few words as a model needs. Every token is paid for in time."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from remit.library.support.match import describe, show
from remit.library.support.orders import Customer, Order, one_line
from remit.library.support.variants import Variant, choices, prices

_STATES = """AL Alabama, AK Alaska, AZ Arizona, AR Arkansas, CA California, CO Colorado, CT Connecticut, DE Delaware,
    DC District of Columbia, FL Florida, GA Georgia, HI Hawaii, ID Idaho, IL Illinois, IN Indiana, IA Iowa, KS Kansas,
    KY Kentucky, LA Louisiana, ME Maine, MD Maryland, MA Massachusetts, MI Michigan, MN Minnesota, MS Mississippi,
    MO Missouri, MT Montana, NE Nebraska, NV Nevada, NH New Hampshire, NJ New Jersey, NM New Mexico, NY New York,
    NC North Carolina, ND North Dakota, OH Ohio, OK Oklahoma, OR Oregon, PA Pennsylvania, RI Rhode Island,
    SC South Carolina, SD South Dakota, TN Tennessee, TX Texas, UT Utah, VT Vermont, VA Virginia, WA Washington,
    WV West Virginia, WI Wisconsin, WY Wyoming"""
_CODES = {name.split(" ", 1)[1].lower(): name.split(" ", 1)[0] for name in map(str.strip, _STATES.split(","))}
_USA = {"", "us", "usa", "u.s.", "u.s.a.", "united states", "united states of america"}


def account_text(customer: Customer, orders: Sequence[Order]) -> str:
    """The customer with all orders, an item a line, without item ids (items are found by name)."""
    lines = [
        f"{customer.name} <{customer.email}>, default address: {one_line(customer.address)}",
        f"payment methods: {'; '.join(show(m) for m in customer.methods)}",
    ]
    for order in orders:
        where = "default address" if order.address == customer.address else one_line(order.address)
        lines.append(f"{_head(order)}, to {where}:")
        lines += [f"- {item.name} ({describe(item.options)}) ${item.price}" for item in order.items]
    return "\n".join(lines)


def order_text(order: Order) -> str:
    """An order in full: with item ids and the names of all options."""
    lines = [f"{_head(order)}, to {one_line(order.address)}:"]
    for item in order.items:
        options = ", ".join(f"{key}: {value}" for key, value in item.options.items())
        lines.append(f"- {item.id} {item.name} ({options}) ${item.price}")
    lines += [f"{kind} ${amount} {method}" for kind, amount, method in order.payments[1:]]
    return "\n".join(lines)


def _head(order: Order) -> str:
    sent = f", tracking {' '.join(order.tracking)}" if order.tracking else ""
    note = f" ({order.note})" if order.note else ""
    return f"{order.id} {order.status}{note}, total ${order.total}, paid by {order.original}{sent}"


def product_text(name: str, variants: Sequence[Variant], found: Sequence[Variant]) -> str:
    """What of a product is on sale: how many, the options, and the variants that were asked for."""
    there = [v for v in variants if v.available]
    head = f"{name}: {len(there)} of {len(variants)} variants are available. Options: {choices(there)}"
    if not found:
        return f"{head}\nNone with these options."
    cheapest_first = sorted(found, key=lambda v: v.price)
    return "\n".join([head, *(prices([v]) for v in cheapest_first)])


def in_region(said: str, address: Mapping[str, str]) -> bool:
    """Whether words name the state of an address, by code or by name, and its country, where that is not the usual one."""
    names = [name for name, code in _CODES.items() if code == address["state"]]
    named = re.search(rf"\b{re.escape(address['state'])}\b", said) if address["state"] else None
    spelled = any(re.search(rf"\b{name}\b", said, re.I) for name in names)
    country = address["country"]
    abroad = country != "USA" and not re.search(rf"\b{re.escape(country)}\b", said, re.I)
    return bool(named or spelled) and not abroad


def address_of(
    address1: str, address2: str, city: str, state: str, zip: str, country: str
) -> Mapping[str, str]:
    """The parts as the shop writes them: state by its code, the country as USA."""
    state, country = state.strip(), country.strip()
    return {
        "address1": address1.strip(),
        "address2": address2.strip(),
        "city": city.strip(),
        "state": _CODES.get(state.lower(), state.upper() if len(state) == 2 else state),
        "zip": zip.strip(),
        "country": "USA" if country.lower() in _USA else country,
    }
