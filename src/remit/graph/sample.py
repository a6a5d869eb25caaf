"""A town of made people and what a year of them comes to, as rows: to look around in before one's own data is there, and for pictures.

The same seed makes the same people. Nobody in it exists: names are drawn apart from each other, addresses end in `.example`, and telephone
numbers are those that are kept free for films.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from random import Random
from typing import Any

Json = Any
FIRST = (
    "Ada", "Amir", "Anna", "Ben", "Carla", "Chen", "Clara", "David", "Elif", "Emil", "Fatima", "Finn", "Greta", "Hana", "Ines", "Ivo",
    "Jana", "Jonas", "Kofi", "Lea", "Lena", "Liam", "Mara", "Marek", "Mia", "Nina", "Noah", "Olga", "Omar", "Paul", "Priya", "Rosa",
    "Sam", "Sofia", "Tara", "Theo", "Tom", "Vera", "Yuki", "Zoe",
)  # fmt: skip
LAST = (
    "Acker", "Baum", "Costa", "Dietz", "Ekberg", "Farah", "Grimm", "Haddad", "Ito", "Jansen", "Kaya", "Lind", "Moreau", "Novak",
    "Okafor", "Petrov", "Quist", "Rossi", "Schön", "Tanaka", "Ulrich", "Vogel", "Weiss", "Young", "Zeman",
)  # fmt: skip
CITIES = (("Berlin", "DE"), ("Bonn", "DE"), ("Wien", "AT"), ("Zürich", "CH"), ("Lyon", "FR"), ("Leeds", "GB"))
WAYS = ("regular", "browser", "fading", "gone", "back", "new")
SHARES = (30, 20, 15, 15, 8, 12)
ASKED = {
    "Where is my order?": "It was due on Tuesday and I have heard nothing since.",
    "Pricing for a team": "We would be twelve people. What does the larger plan cost, and can we pay yearly?",
    "Help with the set-up": "How long does the implementation take, and who of you would help us with it?",
    "I want to cancel": "I do not use it any more. Please end my subscription.",
    "Wrong size": "The shoes are too small. How do I send them back?",
}
ANSWERED = "Thank you for writing. I have looked into it, and here is what we can do."
LETTERS = ("Autumn is here", "Three things you may have missed", "What is new", "For you, until Sunday")
PAGES = ("/", "/shoes", "/shoes/runner-3", "/jackets", "/pricing", "/help/returns")


@dataclass(frozen=True, slots=True)
class Made:
    """One of them: what they are like decides how often they come, and from when until when (days before now)."""

    number: int
    name: str
    email: str
    phone: str
    city: tuple[str, str]
    way: str
    joined: float
    left: float

    @property
    def customer(self) -> str:
        return f"C{1000 + self.number}"


def town(people: int, now: datetime, seed: int = 7) -> Iterator[Json]:
    """Rows as `remit graph ingest` takes them, person by person; each says its source and what that has checked."""
    for number in range(people):
        chance = Random(f"{seed}/{number}")
        one = _made(number, chance)
        rows = [*_known(one, chance), *_letters(one, chance)]
        for visit, day in enumerate(_days(one, chance)):
            rows += _visit(one, day, chance, visit)
        for at, row in enumerate(sorted(rows, key=lambda each: -float(each["days"]))):
            when = now - timedelta(days=max(0.002, row.pop("days")))
            yield row | {"id": f"{one.customer}-{at}", "at": when.isoformat()}


def _made(number: int, chance: Random) -> Made:
    first, last = chance.choice(FIRST), chance.choice(LAST)
    mail = f"{first}.{last}{number}".lower().replace("ö", "oe") + "@post.example"
    way = chance.choices(WAYS, SHARES)[0]
    joined = chance.uniform(4, 25) if way == "new" else chance.uniform(200, 364)
    left = {"fading": chance.uniform(32, 80), "gone": chance.uniform(95, 190)}.get(way, 0.0)
    phone = f"+4420794600{number % 100:02}" if chance.random() < 0.4 and number < 100 else ""
    return Made(number, f"{first} {last}", mail, phone, chance.choice(CITIES), way, joined, left)


def _days(one: Made, chance: Random) -> Iterator[float]:
    """When they come by: days before now."""
    every = {"regular": 9.0, "browser": 6.0, "fading": 12.0, "gone": 14.0, "back": 11.0, "new": 4.0}[one.way]
    day = one.joined
    while day > one.left + 0.05:
        if not (one.way == "back" and 15 < day < 170):  # silent for months, and here again
            yield day
        day -= chance.expovariate(1 / every) + 0.2


def _known(one: Made, chance: Random) -> Iterator[Json]:
    """Who they are, and what they said of being written to."""
    at = {"source": "shop", "channel": "web", "customer": one.customer, "email": one.email}
    plan = chance.choices(("free", "plus", "team"), (60, 30, 10))[0]
    about = {"city": one.city[0], "country": one.city[1], "plan": plan}
    checked = {"verified": ["customer", "email"]}
    yield at | checked | {"days": one.joined, "kind": "signup", "name": one.name, "attributes": about}
    if one.phone:
        crm = {"source": "crm", "channel": "phone", "customer": one.customer, "phone": one.phone}
        yield crm | {"days": one.joined - 1, "kind": "record", "verified": ["customer", "phone"]}
    if chance.random() < 0.7:
        purpose = {"purpose": "marketing", "channel": "email"}
        yield at | {"days": one.joined - 0.01, "kind": "consent_given", "properties": purpose}
    if one.phone and chance.random() < 0.5:
        said = {"purpose": "marketing", "channel": "phone"}
        kind = chance.choice(("consent_given", "consent_withdrawn"))
        yield at | {"days": one.joined - 2, "kind": kind, "properties": said}


def _letters(one: Made, chance: Random) -> Iterator[Json]:
    """A newsletter every other week, until they have had enough."""
    at = {"source": "newsletter", "channel": "email", "email": one.email}
    liking = chance.betavariate(2, 4)
    day = one.joined - 3
    while day > 0:
        letter = {"subject": chance.choice(LETTERS), "conversation": ""}
        yield at | letter | {"days": day, "kind": "delivered", "direction": "out"}
        if day > one.left and chance.random() < liking:
            yield at | {"days": day - chance.uniform(0.01, 0.6), "kind": "open"}
            if chance.random() < 0.35:
                yield at | {"days": day - 0.61, "kind": "click", "properties": {"url": chance.choice(PAGES)}}
        if chance.random() < 0.006:
            yield at | {"days": day - 0.7, "kind": "unsubscribed"}
            return
        day -= 14


def _visit(one: Made, day: float, chance: Random, visit: int) -> Iterator[Json]:
    """A way through the pages, from a device that is known once they have signed in there; and what comes of it."""
    device = {"device": f"d-{one.number}-{'phone' if chance.random() < 0.4 else 'laptop'}"}
    web = {"source": "web", "channel": "web"}
    signed = chance.random() < 0.7
    whom = device | ({"customer": one.customer} if signed else {})
    for step in range(chance.randint(1, 4)):
        page = {"url": chance.choice(PAGES)}
        yield web | whom | {"days": day - step * 0.002, "kind": "page_view", "properties": page}
    if signed:
        yield web | whom | {"days": day - 0.009, "kind": "login"}
    buys = {"regular": 0.3, "new": 0.2, "back": 0.2, "fading": 0.2, "gone": 0.15, "browser": 0.03}[one.way]
    if chance.random() < buys:
        yield from _bought(one, day, chance)
    if chance.random() < 0.06:
        yield from _asked(one, day, chance, visit)


def _bought(one: Made, day: float, chance: Random) -> Iterator[Json]:
    store = chance.random() < 0.2
    at = {
        "source": "shop", "channel": "store" if store else "web", "customer": one.customer, "currency": "EUR",
        "verified": ["customer"],
    }  # fmt: skip
    value = f"{chance.choice((19, 29, 49, 79, 119, 240)) * chance.uniform(0.9, 1.1):.2f}"
    yield at | {"days": day - 0.012, "kind": "purchase", "value": value}
    if chance.random() < 0.08:
        yield at | {"days": day - chance.uniform(5, 12), "kind": "refund", "value": value}


def _asked(one: Made, day: float, chance: Random, visit: int) -> Iterator[Json]:
    """A conversation with the desk: asked, answered, and sometimes asked again."""
    subject = chance.choice(list(ASKED))
    at = {"source": "desk", "conversation": f"{one.customer}-{visit}", "subject": subject}
    by: Json = {"channel": "email", "email": one.email}
    if one.phone and chance.random() < 0.3:
        by = {"channel": "chat", "customer": one.customer}
    yield at | by | {"days": day - 0.02, "kind": "message", "text": ASKED[subject]}
    yield at | by | {"days": day - 0.3, "kind": "reply", "direction": "out", "text": ANSWERED}
    if chance.random() < 0.5:
        yield at | by | {"days": day - 0.8, "kind": "message", "text": "Thank you, that helps."}
