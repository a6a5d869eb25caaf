"""What the airline's agent can do, as labelled tools.

The tools check what the airline's own system checks, and no more: whose reservation it is and what the policy allows stands in the
agent's rules. Every write is one transaction together with its idempotency key: the same call twice has one effect.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from psycopg.types.json import Json as AsJson
from pydantic import BaseModel, ConfigDict

from remit.library.airline import store
from remit.library.airline.facts import (
    WORK,
    booking_of,
    payment_of,
    people_of,
    quoted,
    reservation_of,
    trip_of,
)
from remit.library.airline.store import url_of
from remit.library.desk import customer_of
from remit.tools.decorate import tool
from remit.tools.tool import Json, ToolContext

Cabin = Literal["basic_economy", "economy", "business"]
# Whoever books writes passengers' names; everything else is the airline's own.
_NAMES = {"first_name": "untrusted", "last_name": "untrusted"}
_RESERVATION: Any = {"*": "system"} | {f"passengers[].{name}": says for name, says in _NAMES.items()}
_PROFILE: Any = {"*": "system"} | {f"saved_passengers[].{name}": says for name, says in _NAMES.items()}
_ID = {"reservation_id": "id:reservation"}
_PAID = {"payment": "id:payment"}
_MINE = {"reservation": reservation_of}
_SHARED: dict[str, Any] = {"effect": "destroy", "integrity": "system", "settle": "key"}


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Leg(_Part):
    """One flight of a trip."""

    flight_number: str
    date: str


class Passenger(_Part):
    first_name: str
    last_name: str
    dob: str


class Payment(_Part):
    payment_id: str
    amount: float


async def _once(context: ToolContext, name: str, args: Mapping[str, Json]) -> Json:
    """Do it and remember the result under the call's key, in one transaction; the second time, only read the result."""
    who = customer_of(context)
    async with store.connect(url_of(context)) as connection:
        claimed = await connection.execute(
            "insert into airline.effects (key, tool, run) values (%s, %s, %s) on conflict do nothing returning key",
            (context.key, name, context.run),
        )
        if await claimed.fetchone() is None:
            found = await connection.execute(
                "select result from airline.effects where key = %s", (context.key,)
            )
            row = await found.fetchone()
            return row["result"] if row else {}
        done = await WORK[name](connection, who, args)
        result = {"reservation_id": done.reservation, "done": done.words}
        await connection.execute(
            "update airline.effects set reservation_id = %s, result = %s where key = %s",
            (done.reservation, AsJson(result), context.key),
        )
        return result


# --- reading -----------------------------------------------------------------------------------------


@tool(effect="read", integrity=_PROFILE)
async def my_profile(context: ToolContext) -> Any:
    """The customer who wrote: membership, payment methods, saved passengers, reservation numbers. Call this first."""
    async with store.connect(url_of(context)) as connection:
        return await store.customer(connection, customer_of(context))


@tool(effect="read", integrity=_RESERVATION, sinks=_ID, records=_MINE)
async def get_reservation(context: ToolContext, reservation_id: str) -> Any:
    """A reservation in full: flights, passengers, payments, bags, insurance.

    Args:
        reservation_id: as in 4WQ150
    """
    async with store.connect(url_of(context)) as connection:
        doc = await store.reservation(connection, reservation_id)
        legs = [await store.flight(connection, leg["flight_number"], leg["date"]) for leg in doc["flights"]]
    return doc | {"flight_status": [leg["status"] for leg in legs]}


@tool(effect="read", integrity="system")
async def search_flights(
    context: ToolContext, origin: str, destination: str, date: str
) -> list[dict[str, Any]]:
    """Direct flights that can be booked on a day, with seats and prices. Search each part of a trip with a stop.

    Args:
        origin: the airport's code, as in JFK
        destination: the airport's code
        date: as in 2024-05-20
    """
    query = """select number, doc ->> 'scheduled_departure_time_est' as departs,
        doc ->> 'scheduled_arrival_time_est' as arrives, doc -> 'dates' -> %(date)s as day
        from airline.flights where doc ->> 'origin' = %(origin)s and doc ->> 'destination' = %(destination)s
        and doc -> 'dates' -> %(date)s ->> 'status' = 'available' order by number"""
    values = {"origin": origin.upper(), "destination": destination.upper(), "date": date}
    async with store.connect(url_of(context)) as connection:
        rows = await (await connection.execute(query, values)).fetchall()
    return [
        {
            "flight_number": row["number"],
            "departs": row["departs"],
            "arrives": row["arrives"],
            "seats": row["day"]["available_seats"],
            "prices": row["day"]["prices"],
        }
        for row in rows
    ]


# --- writing -----------------------------------------------------------------------------------------


@tool(**_SHARED, records={"booking": booking_of, "quote": quoted("book_flight")})
async def book_flight(
    context: ToolContext,
    origin: str,
    destination: str,
    flight_type: Literal["one_way", "round_trip"],
    cabin: Cabin,
    flights: list[Leg],
    passengers: list[Passenger],
    payments: list[Payment],
    total_baggages: int,
    nonfree_baggages: int,
    insurance: Literal["yes", "no"],
) -> Any:
    """Book a trip for the customer.

    Args:
        flights: all of them, in order
        payments: from the customer's profile; the amounts add up to the price
        nonfree_baggages: how many of the bags are paid for
    """
    return await _once(
        context,
        "book_flight",
        {
            "origin": origin,
            "destination": destination,
            "flight_type": flight_type,
            "cabin": cabin,
            "flights": [leg.model_dump() for leg in flights],
            "passengers": [one.model_dump() for one in passengers],
            "payments": [one.model_dump() for one in payments],
            "total_baggages": total_baggages,
            "nonfree_baggages": nonfree_baggages,
            "insurance": insurance,
        },
    )


@tool(
    **_SHARED,
    sinks=_ID | _PAID,
    records=_MINE | {"trip": trip_of, "paid": payment_of, "quote": quoted("change_flights")},
)
async def change_flights(
    context: ToolContext, reservation_id: str, cabin: Cabin, flights: list[Leg], payment: str
) -> Any:
    """Change flights or cabin of a reservation.

    Args:
        flights: all flights of the trip, those that stay too
        payment: a gift card or credit card of the customer, for what is to pay or goes back
    """
    legs = [leg.model_dump() for leg in flights]
    args = {"reservation_id": reservation_id, "cabin": cabin, "flights": legs, "payment": payment}
    return await _once(context, "change_flights", args)


@tool(**_SHARED, sinks=_ID | _PAID, records=_MINE | {"paid": payment_of, "quote": quoted("change_baggage")})
async def change_baggage(
    context: ToolContext, reservation_id: str, total_baggages: int, nonfree_baggages: int, payment: str
) -> Any:
    """Add checked bags to a reservation.

    Args:
        total_baggages: how many there are then
        nonfree_baggages: how many of them are paid for then
        payment: a gift card or credit card of the customer
    """
    bags = {"total_baggages": total_baggages, "nonfree_baggages": nonfree_baggages}
    return await _once(
        context, "change_baggage", {"reservation_id": reservation_id, **bags, "payment": payment}
    )


@tool(**_SHARED, sinks=_ID, records=_MINE | {"people": people_of, "quote": quoted("change_passengers")})
async def change_passengers(context: ToolContext, reservation_id: str, passengers: list[Passenger]) -> Any:
    """Change who flies; not how many.

    Args:
        passengers: all of them, those who stay too
    """
    people = [one.model_dump() for one in passengers]
    return await _once(context, "change_passengers", {"reservation_id": reservation_id, "passengers": people})


@tool(**_SHARED, sinks=_ID, records=_MINE | {"quote": quoted("cancel_reservation")})
async def cancel_reservation(context: ToolContext, reservation_id: str) -> Any:
    """Cancel a whole reservation; what was paid goes back to what paid it."""
    return await _once(context, "cancel_reservation", {"reservation_id": reservation_id})


@tool(**_SHARED, sinks=_ID | {"amount": "amount"}, records=_MINE | {"quote": quoted("send_certificate")})
async def send_certificate(context: ToolContext, reservation_id: str, amount: int) -> Any:
    """A travel certificate as compensation for a cancelled or delayed flight, only where the customer asks for one.

    Args:
        amount: US dollars: 100 a passenger where a flight was cancelled, 50 after changing or cancelling a delayed one
    """
    return await _once(context, "send_certificate", {"reservation_id": reservation_id, "amount": amount})


# `self`: it asks the airline's own people, as a question to the inbox would; no customer's data change
@tool(effect="self", integrity="system", settle="key")
async def transfer_to_human(context: ToolContext, summary: str) -> str:
    """Leave the request to the airline's people. Only for what no other tool can do, never for what policy refuses.

    Args:
        summary: what the customer wants
    """
    customer = str(context.person.get("id") or "") if context.person.get("verified") is True else ""
    async with store.connect(url_of(context)) as connection:
        claimed = await connection.execute(
            """insert into airline.effects (key, tool, run) values (%s, 'transfer_to_human', %s)
               on conflict do nothing returning key""",
            (context.key, context.run),
        )
        if await claimed.fetchone() is not None:
            await connection.execute(
                "insert into airline.handovers (customer_id, summary, run) values (%s, %s, %s)",
                (customer or None, summary[:4000], context.run),
            )
    return "left to the airline's people; they will answer the customer"


TOOLS = (
    my_profile,
    get_reservation,
    search_flights,
    book_flight,
    change_flights,
    change_baggage,
    change_passengers,
    cancel_reservation,
    send_certificate,
    transfer_to_human,
)
