"""What the rules of the airline's agent may look at before a call: the reservation as the policy sees it, what the policy says of this
call, and what the customer's own words mean. Nothing in it is a model's word."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime
from itertools import pairwise
from typing import Any

from remit.errors import Mend
from remit.library.airline import operations, store
from remit.library.airline.operations import Done
from remit.library.airline.store import NOW, url_of
from remit.library.desk import Connection, customer_of
from remit.tools.tool import ToolContext

Json = Any
_FREE = {
    "basic_economy": 0,
    "economy": 1,
    "business": 2,
}  # bags for each passenger, and one more for each rank
_RANK = {"regular": 0, "silver": 1, "gold": 2}
_NAMES = {
    "SFO": ("San Francisco",),
    "JFK": ("New York",),
    "LGA": ("LaGuardia", "New York"),
    "EWR": ("Newark", "New York"),
    "LAX": ("Los Angeles", "LA"),
    "ORD": ("Chicago",),
    "DFW": ("Dallas",),
    "DEN": ("Denver",),
    "SEA": ("Seattle",),
    "ATL": ("Atlanta",),
    "MIA": ("Miami",),
    "BOS": ("Boston",),
    "PHX": ("Phoenix",),
    "IAH": ("Houston",),
    "LAS": ("Las Vegas",),
    "MCO": ("Orlando",),
    "CLT": ("Charlotte",),
    "MSP": ("Minneapolis",),
    "DTW": ("Detroit",),
    "PHL": ("Philadelphia",),
}
_CABINS = {
    "business": r"\bbusiness\b",
    "economy": r"(?<!basic )\beconomy\b",
    "basic_economy": r"\bbasic economy\b",
}
_MEANS = {"credit_card": r"\bcredit\b", "gift_card": r"\bgift", "certificate": r"\b(certificate|voucher)"}
_WORDS = ("one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")
_COUNT = {"another": 1} | {word: number for number, word in enumerate(_WORDS, 1)}
_DOLLARS = re.compile(r"\$\s?(\d[\d,]*(?:\.\d+)?)")
_SENTENCE = re.compile(r"(?<=[.!?;])\s+|\n+")
_NUMBER = re.compile(r"\b(?!HAT\d{3}\b)(?=\d*[A-Z])[A-Z0-9]{6}\b")  # of a reservation
_CLAUSE = re.compile(r",\s*(?:(?:and|but|then|while)\s+)?|\s+(?:and|but|then|while)\s+", re.I)
# Says something, beside naming a reservation
_SAYS = re.compile(
    r"\b(?!(?:and|or|also|both|as|well|too|the|my|reservations?|bookings?|numbers?)\b)[a-z\d]+", re.I
)
_BOOKS = re.compile(r"\bbook", re.I)
_BAGS = re.compile(r"\b(bag|baggage|luggage|suitcase)s?\b", re.I)
_A_BAG = re.compile(r"\ba (\w+ )?(bag|suitcase)\b", re.I)
_NO_BAGS = re.compile(r"(\b(no|not|without)|n't)( \w+){0,3}? (bag|baggage|luggage|suitcase)s?\b", re.I)
# before a cabin: that it is not the one to have, or the one that there is
_UNWANTED = re.compile(
    r"((\b(not|no|never|without|from|instead of|rather than)|n't)\s+"
    r"((want|like|need|book|take|fly|go|be|to|in|on|with|for|a|an|any|my|the)\s+){0,4}"
    r"|\b(reservations?|flights?|tickets?|it|they|that)\s+(is|are|was|were)\s+)\Z",
    re.I,
)
_ALL = re.compile(
    r"\b(all|any|every|both)\b(\W+\w+){0,4}?\W+(flights?|reservations?|trips?|bookings?)\b", re.I
)
_LAST = re.compile(r"\b(most )?(recent|latest|last)\b", re.I)


def speaks_of(said: str, airport: str) -> bool:
    """Whether the words name an airport: by its code, or by a name of it or its city."""
    return any(re.search(rf"\b{name}\b", said) for name in (airport, *_NAMES.get(airport, ())))


def meant(said: str, doc: Mapping[str, Json], mine: Sequence[Mapping[str, Json]]) -> bool:
    """Whether the words mean this reservation: by its number; where they name none of the customer's, by where it goes, as the
    last one, or with all."""
    spoken = {one["reservation_id"] for one in mine if re.search(rf"\b{one['reservation_id']}\b", said, re.I)}
    if spoken:
        return doc["reservation_id"] in spoken
    ends = any(
        speaks_of(said, leg["origin"]) and speaks_of(said, leg["destination"])
        for leg in (doc, *doc["flights"])
    )
    newest = max((one["created_at"] for one in mine), default="") == doc["created_at"]
    return ends or bool(_ALL.search(said)) or bool(newest and _LAST.search(said))


async def reservation_of(context: ToolContext, args: Mapping[str, Json]) -> Json:
    """The reservation as the policy sees it. One that does not exist is nobody's."""
    async with store.connect(url_of(context)) as connection:
        try:
            doc = await store.reservation(connection, str(args.get("reservation_id", "")))
        except Mend:
            return {"user_id": ""}
        owner = await store.customer(connection, doc["user_id"])
        legs = [await store.flight(connection, leg["flight_number"], leg["date"]) for leg in doc["flights"]]
        mine = await store.reservations_of(connection, str(context.person.get("id") or ""))
        changed = await _changed(connection, doc["reservation_id"])
    states = {leg["status"] for leg in legs}
    eligible = owner["membership"] != "regular" or doc["insurance"] == "yes" or doc["cabin"] == "business"
    late = 50 if "delayed" in states and changed & {"cancel_reservation", "change_flights"} else 0
    each = 100 if "cancelled" in states else late
    given = "send_certificate" in changed
    return {
        "user_id": doc["user_id"],
        "cabin": doc["cabin"],
        "insured": doc["insurance"] == "yes",
        "hours": (NOW - datetime.fromisoformat(doc["created_at"])).total_seconds() / 3600,
        "flown": bool(states & {"landed", "flying"}),
        "cancelled_by_airline": "cancelled" in states,
        "bags": doc["total_baggages"],
        "paid_bags": doc["nonfree_baggages"],
        "free_bags": (_FREE[doc["cabin"]] + _RANK[owner["membership"]]) * len(doc["passengers"]),
        "compensation": each * len(doc["passengers"]) if eligible and not given else 0,
        "meant": meant(context.goal, doc, mine),
        "about": about(context.goal, doc["reservation_id"]),
    }


async def _changed(connection: Connection, number: str) -> set[str]:
    """What this agent has done with a reservation before."""
    rows = await connection.execute("select tool from airline.effects where reservation_id = %s", (number,))
    return {row["tool"] for row in await rows.fetchall()}


def about(said: str, number: str = "") -> str:
    """The sentences of the words that may speak of a reservation, or of a new booking: not those that name others alone, and of
    those that name others too only what is said of it."""
    kept = []
    for sentence in _SENTENCE.split(said):
        named = set(_NUMBER.findall(sentence))
        if number in named and len(named) > 1:
            kept.append(_said_of(number, sentence))
        elif not named or number in named or (not number and _BOOKS.search(sentence)):
            kept.append(sentence)
    return "\n".join(kept)


def _said_of(number: str, sentence: str) -> str:
    """The clauses of a sentence that are about a reservation. One that names none goes on about the last that was named, and
    the first ones are about the first; one that only names another says of it what was said before."""
    told: list[tuple[set[str], str]] = []
    for clause in _CLAUSE.split(sentence):
        named = set(_NUMBER.findall(clause))
        before, words = told[-1] if told else (set(), "")
        if told and (not named or not before or not _SAYS.search(_NUMBER.sub("", clause))):
            told[-1] = (before | named, f"{words}, {clause}")
        else:
            told.append((named, clause))
    return "; ".join(words for named, words in told if number in named)


def names_cabin(said: str, cabin: str) -> bool:
    """Whether the words want it. Basic economy is no economy."""
    return any(
        not _UNWANTED.search(said[max(0, one.start() - 60) : one.start()])
        for one in re.finditer(_CABINS[cabin], said, re.I)
    )


def counts_of_bags(said: str) -> frozenset[int]:
    """How many bags the words may mean: a number in a sentence about bags; none where they speak of none."""
    told = [sentence for sentence in _SENTENCE.split(said) if _BAGS.search(sentence)]
    found = {number for sentence in told for number in counted(sentence)}
    found |= {1 for sentence in told if _A_BAG.search(sentence)}
    return frozenset(found | ({0} if not told or any(map(_NO_BAGS.search, told)) else set()))


def least_amount(said: str) -> float:
    """The smallest amount in dollars that the words name; a great one where they name none. More than that is not what they ask."""
    return min((float(amount.replace(",", "")) for amount in _DOLLARS.findall(said)), default=1e9)


async def trip_of(context: ToolContext, args: Mapping[str, Json]) -> Json:
    """What of the trip a change of flights would change, and what the customer's words say of cabin and price."""
    said = about(context.goal, str(args.get("reservation_id", "")))
    words = {
        "cabin_named": names_cabin(said, args["cabin"]),
        "other_named": any(names_cabin(said, cabin) for cabin in _CABINS if cabin != args["cabin"]),
        "limit": least_amount(context.goal),
    }
    async with store.connect(url_of(context)) as connection:
        try:
            doc = await store.reservation(connection, str(args.get("reservation_id", "")))
            legs = [
                await store.flight(connection, leg["flight_number"], leg["date"]) for leg in args["flights"]
            ]
        except Mend:  # the call itself will say so to the model
            return {"flights": False, "cabin": False, "places": False} | words
    before = [(leg["flight_number"], leg["date"]) for leg in doc["flights"]]
    after = [(leg["flight_number"], leg["date"]) for leg in args["flights"]]
    return words | {
        "flights": before != after,
        "cabin": doc["cabin"] != args["cabin"],
        "places": not leads(legs, doc),
    }


def leads(legs: Sequence[Mapping[str, Json]], trip: Mapping[str, Json]) -> bool:
    """Whether flights go, one from where the one before ended, from the trip's origin to its destination, and back where it is a
    round trip."""
    ends = [(leg["origin"], leg["destination"]) for leg in legs]
    if not ends or ends[0][0] != trip["origin"] or any(a[1] != b[0] for a, b in pairwise(ends)):
        return False
    far = trip["destination"]
    if trip["flight_type"] != "round_trip":
        return bool(ends[-1][1] == far)
    return bool(ends[-1][1] == trip["origin"]) and far in {end for _, end in ends}


async def booking_of(context: ToolContext, args: Mapping[str, Json]) -> Json:
    """What the policy says of a booking, and whether the customer's words speak of where it goes and who flies."""
    async with store.connect(url_of(context)) as connection:
        try:
            owner = await store.customer(connection, customer_of(context))
        except Mend:
            return {"policy": "the person is no customer", "meant": False, "known": False}
        try:
            legs = [
                await store.flight(connection, leg["flight_number"], leg["date"]) for leg in args["flights"]
            ]
        except Mend:  # the call itself will say so to the model
            legs = None
    methods = owner["payment_methods"]
    paying = [part["payment_id"] for part in args["payments"]]
    kinds = [methods.get(id, {}).get("source") for id in paying]
    free = (_FREE[args["cabin"]] + _RANK[owner["membership"]]) * len(args["passengers"])
    wrong = [
        words
        for words, is_so in (
            ("a payment method is not in the customer's profile", None in kinds),
            ("at most one certificate, one credit card and three gift cards pay", _too_many(kinds)),
            ("the flights do not go where the booking says", legs is not None and not leads(legs, args)),
            ("at most five passengers fly on a reservation", len(args["passengers"]) > 5),
            (
                "bags beyond the free ones are paid, and no others",
                args["nonfree_baggages"] != max(0, args["total_baggages"] - free),
            ),
        )
        if is_so
    ]
    said = context.goal.casefold()
    own = {(owner["name"]["first_name"], owner["name"]["last_name"])}
    own |= {(one["first_name"], one["last_name"]) for one in owner["saved_passengers"]}
    return {
        "policy": "; ".join(wrong),
        "meant": speaks_of(context.goal, args["origin"]) and speaks_of(context.goal, args["destination"]),
        "bags": args["total_baggages"] in counts_of_bags(about(context.goal)),
        "paid": all(means_meant(context.goal, methods[id]) for id in paying if id in methods),
        "known": all(
            (one["first_name"], one["last_name"]) in own
            or f"{one['first_name']} {one['last_name']}".casefold() in said
            for one in args["passengers"]
        ),
    }


def _too_many(kinds: Sequence[str | None]) -> bool:
    return kinds.count("certificate") > 1 or kinds.count("credit_card") > 1 or kinds.count("gift_card") > 3


def means_meant(said: str, method: Mapping[str, Json]) -> bool:
    """Whether the words name a means of payment: by its id, its kind, its brand or its last digits."""
    if method["id"] in said:
        return True
    if method["source"] != "credit_card":
        return bool(re.search(_MEANS[method["source"]], said, re.I))
    brand = method["brand"].replace("mastercard", r"master\s?card")
    return bool(re.search(rf"{_MEANS['credit_card']}|\b({brand}|{method['last_four']})\b", said, re.I))


async def payment_of(context: ToolContext, args: Mapping[str, Json]) -> Json:
    """Whether what is to pay for a change, or to get money back, has paid the reservation, is named by the words, or is the only
    one there is. And of bags, whether the words say how many."""
    async with store.connect(url_of(context)) as connection:
        try:
            doc = await store.reservation(connection, str(args.get("reservation_id", "")))
            methods = (await store.customer(connection, customer_of(context)))["payment_methods"]
        except Mend:  # the call itself, or the rule about whose it is, will say so
            return {"meant": False, "bags": False}
    method = methods.get(args["payment"])
    able = [one for one in methods.values() if one["source"] != "certificate"]
    paid = {part["payment_id"] for part in doc["payment_history"]}
    total = args.get("total_baggages", 0)
    bags = counts_of_bags(about(context.goal, doc["reservation_id"]))
    return {
        "meant": method is None
        or args["payment"] in paid
        or len(able) == 1
        or means_meant(context.goal, method),
        "bags": bool(bags & {total, total - doc["total_baggages"]}),
    }


def counted(said: str) -> frozenset[int]:
    """The small numbers that the words name: `two bags`, `one more`, `another bag`. Not those in the number of a reservation."""
    heard = re.findall(r"\b(?:[a-z]+|\d+)\b", said.lower())
    return frozenset(
        int(word) if word.isdigit() else _COUNT[word]
        for word in heard
        if word in _COUNT or (word.isdigit() and len(word) < 3)
    )


async def people_of(context: ToolContext, args: Mapping[str, Json]) -> Json:
    """Whether each passenger is on the reservation already, is the customer, or is named by their words."""
    async with store.connect(url_of(context)) as connection:
        try:
            doc = await store.reservation(connection, str(args.get("reservation_id", "")))
            owner = await store.customer(connection, customer_of(context))
        except Mend:
            return {"known": False}
    there = {(one["first_name"], one["last_name"], one["dob"]) for one in doc["passengers"]}
    there.add((owner["name"]["first_name"], owner["name"]["last_name"], owner["dob"]))
    said = context.goal.casefold()
    return {
        "known": all(
            (one["first_name"], one["last_name"], one["dob"]) in there
            or f"{one['first_name']} {one['last_name']}".casefold() in said
            for one in args["passengers"]
        )
    }


Work = Callable[[Connection, str, Mapping[str, Json]], Awaitable[Done]]
WORK: Mapping[str, Work] = {
    "book_flight": lambda c, who, a: operations.book(c, who, a),
    "change_flights": lambda c, who, a: operations.change_flights(
        c, a["reservation_id"], a["cabin"], a["flights"], a["payment"]
    ),
    "change_baggage": lambda c, who, a: operations.change_baggage(
        c, a["reservation_id"], a["total_baggages"], a["nonfree_baggages"], a["payment"]
    ),
    "change_passengers": lambda c, who, a: operations.change_passengers(
        c, a["reservation_id"], a["passengers"]
    ),
    "cancel_reservation": lambda c, who, a: operations.cancel(c, a["reservation_id"]),
    "send_certificate": lambda c, who, a: operations.certify(c, a["reservation_id"], a["amount"]),
}


def quoted(name: str) -> Callable[[ToolContext, Mapping[str, Json]], Awaitable[Json]]:
    """A record: what the call would take from the customer. It is done, looked at, and rolled back."""

    async def quote(context: ToolContext, args: Mapping[str, Json]) -> Json:
        try:
            who = customer_of(context)
            async with store.connect(url_of(context)) as connection:
                done = await WORK[name](connection, who, args)
                await connection.rollback()
        except Mend as problem:  # the call itself will say so to the model
            return {"charge": 0.0, "problem": str(problem)}
        return {"charge": float(done.charge), "problem": ""}

    return quote
