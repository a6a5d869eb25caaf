"""The airline's operations, with the semantics of tau2-bench's airline tools: what is checked there is checked here, and no more.
The rest of the policy stands in the agent's rules.

Each runs in the caller's transaction and either does the whole thing or raises Mend and has done nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from psycopg.types.json import Json as AsJson

from remit.errors import Mend
from remit.library.airline import store
from remit.library.airline.store import NOW
from remit.library.desk import Connection

Json = Any
BAG, INSURANCE = 50, 30  # US dollars, for each
_CLOSED = ("landed", "flying", "cancelled", "delayed", "on time")


@dataclass(frozen=True, slots=True)
class Done:
    """What an operation did: the reservation, and what is taken from the customer, in US dollars; less than nothing goes back."""

    reservation: str
    charge: float = 0
    words: str = ""


async def book(connection: Connection, who: str, asked: Mapping[str, Json]) -> Done:
    owner = await store.customer(connection, who)
    flights, seats = [], len(asked["passengers"])
    for leg in asked["flights"]:
        flights.append(await _leg(connection, leg, asked["cabin"], seats))
    each = sum(leg["price"] for leg in flights) + (INSURANCE if asked["insurance"] == "yes" else 0)
    total = each * seats + BAG * asked["nonfree_baggages"]
    for part in asked["payments"]:
        _covers(owner, part["payment_id"], part["amount"])
    if round(sum(part["amount"] for part in asked["payments"]), 2) != total:
        raise Mend(f"the booking costs ${total}: let the payments add up to that")
    for part in asked["payments"]:
        _take(owner, part["payment_id"], part["amount"])
    await connection.execute(
        "lock table airline.reservations in exclusive mode"
    )  # so that a number is given once
    row = await (await connection.execute("select count(*) as n from airline.reservations")).fetchone()
    number = f"N{(row or {})['n']:05d}"
    doc = {
        "reservation_id": number,
        "user_id": who,
        **{key: asked[key] for key in ("origin", "destination", "flight_type", "cabin")},
        "flights": flights,
        "passengers": list(asked["passengers"]),
        "payment_history": list(asked["payments"]),
        "created_at": NOW.isoformat(),
        **{key: asked[key] for key in ("total_baggages", "nonfree_baggages", "insurance")},
    }
    await connection.execute(
        "insert into airline.reservations values (%s, %s, %s)", (number, who, AsJson(doc))
    )
    await store.keep(connection, "customers", who, owner | {"reservations": [*owner["reservations"], number]})
    return Done(number, total, f"reservation {number} is booked for ${total}")


async def change_flights(
    connection: Connection, number: str, cabin: str, legs: Sequence[Mapping[str, str]], payment: str
) -> Done:
    """All flights of the trip, those that stay too, which keep their price; the whole in one cabin."""
    doc = await store.reservation(connection, number, lock=True)
    seats, flights = len(doc["passengers"]), []
    for leg in legs:
        same = [old for old in doc["flights"] if cabin == doc["cabin"] and _same(old, leg)]
        flights.append(dict(same[0]) if same else await _leg(connection, leg, cabin, seats))
    charge = (
        sum(leg["price"] for leg in flights) * seats - sum(leg["price"] for leg in doc["flights"]) * seats
    )
    doc = await _pay(connection, doc, payment, charge)
    await store.keep(
        connection, "reservations", doc["reservation_id"], doc | {"cabin": cabin, "flights": flights}
    )
    return Done(
        doc["reservation_id"], charge, f"reservation {doc['reservation_id']} is changed; ${charge} to pay"
    )


async def change_baggage(connection: Connection, number: str, total: int, nonfree: int, payment: str) -> Done:
    doc = await store.reservation(connection, number, lock=True)
    charge = BAG * max(0, nonfree - doc["nonfree_baggages"])
    doc = await _pay(connection, doc, payment, charge)
    bags = {"total_baggages": total, "nonfree_baggages": nonfree}
    await store.keep(connection, "reservations", doc["reservation_id"], doc | bags)
    return Done(doc["reservation_id"], charge, f"{total} bags, {nonfree} of them paid; ${charge} to pay")


async def change_passengers(connection: Connection, number: str, passengers: Sequence[Json]) -> Done:
    doc = await store.reservation(connection, number, lock=True)
    if len(passengers) != len(doc["passengers"]):
        raise Mend(f"there are {len(doc['passengers'])} passengers; their number can't be changed, by nobody")
    await store.keep(
        connection, "reservations", doc["reservation_id"], doc | {"passengers": list(passengers)}
    )
    return Done(doc["reservation_id"], 0, "the passengers are changed")


async def cancel(connection: Connection, number: str) -> Done:
    """The refund goes to what paid, in five to seven business days."""
    doc = await store.reservation(connection, number, lock=True)
    if doc.get("status") == "cancelled":
        raise Mend(f"{number} is cancelled already")
    back = [{"payment_id": p["payment_id"], "amount": -p["amount"]} for p in doc["payment_history"]]
    gone = {"payment_history": [*doc["payment_history"], *back], "status": "cancelled"}
    await store.keep(connection, "reservations", doc["reservation_id"], doc | gone)
    refund = sum(p["amount"] for p in doc["payment_history"])
    return Done(doc["reservation_id"], -refund, f"{doc['reservation_id']} is cancelled; ${refund} go back")


async def certify(connection: Connection, number: str, amount: int) -> Done:
    """A certificate for whom the reservation is."""
    doc = await store.reservation(connection, number)
    owner = await store.customer(connection, doc["user_id"])
    name = f"certificate_{number.strip().lower()}"
    methods = owner["payment_methods"] | {name: {"source": "certificate", "id": name, "amount": amount}}
    await store.keep(connection, "customers", doc["user_id"], owner | {"payment_methods": methods})
    return Done(doc["reservation_id"], -amount, f"a certificate of ${amount} is in the customer's profile")


# --- parts -------------------------------------------------------------------------------------------


def _same(old: Mapping[str, Json], leg: Mapping[str, str]) -> bool:
    return bool(old["flight_number"] == leg["flight_number"] and old["date"] == leg["date"])


async def _leg(connection: Connection, leg: Mapping[str, str], cabin: str, seats: int) -> dict[str, Json]:
    """A flight as a reservation has it, at today's price. Raises Mend where it can't be booked."""
    number, date = leg["flight_number"], leg["date"]
    found = await store.flight(connection, number, date)
    if found["status"] in _CLOSED:
        raise Mend(f"{number} on {date} is {found['status']}: it can't be booked")
    if found["available_seats"][cabin] < seats:
        raise Mend(
            f"{number} on {date} has {found['available_seats'][cabin]} seats left in {cabin}, not {seats}"
        )
    places = {key: found[key] for key in ("origin", "destination")}
    return {**places, "flight_number": number, "date": date, "price": found["prices"][cabin]}


def _covers(owner: Mapping[str, Json], payment: str, amount: float) -> None:
    """Raises Mend where it is not the customer's, or not enough."""
    method = owner["payment_methods"].get(payment)
    if method is None:
        raise Mend(f"{payment} is not in the customer's profile: {', '.join(owner['payment_methods'])}")
    if method["source"] != "credit_card" and method["amount"] < amount:
        raise Mend(f"{payment} has ${method['amount']} left, not ${amount}")


def _take(owner: dict[str, Json], payment: str, amount: float) -> None:
    """Off a gift card; a certificate is used up, whatever is left of it."""
    method = owner["payment_methods"][payment]
    if method["source"] == "gift_card":
        method["amount"] = round(method["amount"] - amount, 2)
    elif method["source"] == "certificate":
        del owner["payment_methods"][payment]


async def _pay(connection: Connection, doc: dict[str, Json], payment: str, charge: float) -> dict[str, Json]:
    """The reservation with what is paid for a change, or goes back."""
    owner = await store.customer(connection, doc["user_id"])
    _covers(owner, payment, charge)
    if owner["payment_methods"][payment]["source"] == "certificate":
        raise Mend("a change can't be paid with a certificate, only with one gift card or credit card")
    if not charge:
        return doc
    _take(owner, payment, charge)
    await store.keep(connection, "customers", doc["user_id"], owner)
    paid = {"payment_id": payment, "amount": charge}
    return doc | {"payment_history": [*doc["payment_history"], paid]}
