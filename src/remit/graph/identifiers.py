"""Whatever identifies somebody, in one form: an address, a phone, a device, a number of another system. Pure.

Kinds are open: any small word. Those of which a person has one only (`customer`, `user`, `crm`, `national`, and whatever ends in
`_id`) are given out by a system that keeps its own people apart, so two different ones are two different people.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass, field
from functools import lru_cache

from remit.gate import addresses, numbers
from remit.gate.unseen import has_unseen

KIND = re.compile(r"[a-z][a-z0-9_]{0,39}")
LONGEST = 300  # characters of a value
# Of an address that is in its form as it is, as most are; told many times as fast
PLAIN = re.compile(
    r"[a-z0-9]{1,20}(?:[._+-][a-z0-9]{1,20}){0,2}@(?:[a-z0-9]{1,30}(?:-[a-z0-9]{1,30})?\.){1,3}[a-z]{2,10}"
)
GIVEN = ("customer", "crm", "user", "national")  # that systems give out; with those that end in _id
ORDER = (
    *GIVEN,
    "email",
    "phone",
    "handle",
    "device",
)  # what an interaction hangs on: the first of these that it names
# Addresses that stand for an office and not for a person
OFFICES = frozenset(
    [
        "abuse",
        "accounting",
        "accounts",
        "admin",
        "administrator",
        "admissions",
        "billing",
        "booking",
        "bookings",
        "careers",
        "contact",
        "customerservice",
        "enquiries",
        "enquiry",
        "finance",
        "frontdesk",
        "hello",
        "help",
        "helpdesk",
        "hi",
        "hostmaster",
        "hr",
        "info",
        "inquiries",
        "invoice",
        "invoices",
        "it",
        "jobs",
        "kontakt",
        "legal",
        "mail",
        "mailer-daemon",
        "marketing",
        "media",
        "news",
        "newsletter",
        "no-reply",
        "noreply",
        "office",
        "order",
        "orders",
        "postmaster",
        "press",
        "privacy",
        "purchasing",
        "reception",
        "recruiting",
        "reservations",
        "root",
        "sales",
        "security",
        "service",
        "shop",
        "store",
        "support",
        "team",
        "tech",
        "verkauf",
        "vertrieb",
        "webmaster",
        "welcome",
    ]
)
COUNTED = ("email", "phone", "handle")  # of which many stand for many people; so do those that are given out
MEETS_GIVEN = 3  # different numbers of a system that one identifier may come with before it is many people's
MEETS_VERIFIED = 3  # different verified ones of another kind
MEETS = 10  # different ones of a kind, verified or not


@dataclass(frozen=True, slots=True)
class Identifier:
    kind: str
    value: str
    verified: bool = False  # whoever sends it has checked that it is theirs
    rank: tuple[bool, int, str, str] = field(
        default=(False, 0, "", ""), compare=False, repr=False
    )  # the strongest first
    key: tuple[str, str] = field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "key", (self.kind, self.value))


def given_out(kind: str) -> bool:
    """Whether a person has one of that kind only."""
    return kind in GIVEN or kind.endswith("_id")


@lru_cache(maxsize=200_000)
def identifier(kind: str, value: str, verified: bool = False) -> Identifier:
    """In its one form. Raises ValueError, which says what is wrong with it."""
    if not KIND.fullmatch(kind):
        raise ValueError(
            f"{kind[:60]!r} is no kind of identifier: a small letter, then small letters, digits and _"
        )
    value = normal(kind, value)
    place = ORDER.index(kind) if kind in ORDER else len(GIVEN) if given_out(kind) else len(ORDER)
    rank = (shared_by_name(kind, value), place, kind, value)
    return Identifier(kind, value, verified or given_out(kind), rank)


def normal(kind: str, value: str) -> str:
    """Two that mean the same come to the same. Raises ValueError."""
    value = value.strip() if value.isascii() else unicodedata.normalize("NFC", value.strip())
    if not value or len(value) > LONGEST or has_unseen(value):
        raise ValueError(f"{value[:60]!r} is no {kind}: 1 to {LONGEST} characters, each of which can be seen")
    if kind == "email":
        made = value if PLAIN.fullmatch(value) else addresses.email(value)
    elif kind == "phone":
        made = numbers.phone(value)
    else:
        made = value.casefold() if kind == "handle" else value
    if not made:
        raise ValueError(
            f"{value[:60]!r} is no {'e-mail address' if kind == 'email' else 'telephone number'}"
        )
    return made


def shared_by_name(kind: str, value: str) -> bool:
    """Whether it is told from the value alone that several people may have it: an office's address, and a telephone number of
    which nobody knows the country."""
    if kind == "email":
        return value.partition("@")[0].partition("+")[0] in OFFICES
    return kind == "phone" and not value.startswith("+")


def meant(text: str) -> Identifier | None:
    """What somebody types to find a person by: `kind:value`, an address, a telephone number. None for anything else."""
    kind, colon, value = text.partition(":")
    try:
        if colon and KIND.fullmatch(kind):
            return identifier(kind, value)
        if "@" in text.strip()[1:]:
            return identifier("email", text)
        if text.strip().startswith(("+", "00")):
            return identifier("phone", text)
    except ValueError:
        return None
    return None
