"""One row of what is taken in: an object as it comes, and the interaction that it is. Pure.

Nothing is guessed: a field that is not known, a time without its zone, an amount without its currency are said to be so, and
the row is set aside.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Annotated, Any, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError
from pydantic_core import to_json

from remit.graph.accounts.said import Account, Belongs, Relation, Stands, account_of, relations_of
from remit.graph.identifiers import Identifier, identifier
from remit.journal.body import unkept

Json = Any
# What has a meaning here; any other word is kept and counted as well
KINDS = (
    "message", "call", "page_view", "open", "click", "purchase", "refund", "reply", "delivered", "bounced", "unsubscribed",
    "complained", "consent_given", "consent_withdrawn", "signup", "login", "visit", "record",
)  # fmt: skip
SHORTHANDS = (
    "email",
    "phone",
    "device",
    "customer",
    "user",
    "crm",
    "handle",
)  # identifiers that are fields of their own
OWN = (
    "properties.",
    "attributes.",
    "id.",
    "relations.",
)  # how a table of columns says what an object has inside
ACCOUNT = "account."  # and what the account has, which has such columns of its own
FIRST = datetime(1970, 1, 1, tzinfo=UTC)
AHEAD = timedelta(days=1)  # that a clock elsewhere may be ahead of ours
LONGEST, ABOUT = 200_000, 50  # characters of a row as JSON; attributes
PLAIN = 1_000  # characters; in fewer no number is too long, and no nesting too deep for the decoder
_NUL = re.compile(r"(?<!\\)(?:\\\\)*\\u0000")

Word = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,39}$")]


class Named(BaseModel):
    """An identifier with its kind, as a row lists it."""

    model_config = ConfigDict(extra="forbid", coerce_numbers_to_str=True)
    kind: str
    value: str
    verified: bool = False


class Row(BaseModel):
    """What happened: who, when, on which channel, and what."""

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True, coerce_numbers_to_str=True)
    id: Annotated[str, Field(min_length=1, max_length=200)] = Field(
        description="By which its source knows it; taken in once."
    )
    source: Annotated[str, Field(max_length=100)] = Field(
        "", description="Whose it is: shop, crm, newsletter."
    )
    at: AwareDatetime = Field(description="When it happened, with its zone: 2026-05-01T10:00:00Z.")
    kind: Word = Field(description=f"What happened: {', '.join(KINDS[:8])}, … or a word of your own.")
    channel: Word = Field("other", description="Where: email, web, phone, sms, chat, store, app, …")
    direction: Literal["in", "out"] = Field("in", description="From the person, or to them.")
    email: str | None = None
    phone: str | None = None
    device: str | None = None
    customer: str | None = None
    user: str | None = None
    crm: str | None = None
    handle: str | None = None
    identifiers: dict[str, str] | list[Named] = Field(
        default_factory=dict, description="By kind, where they are others."
    )
    verified: bool | list[str] = Field(
        False,
        description="Which kinds of identifiers the source has checked to be theirs: true for all of them.",
    )
    name: Annotated[str, Field(max_length=200)] = ""
    attributes: Annotated[dict[str, Json], Field(max_length=ABOUT)] = Field(
        default_factory=dict, description="What is said of the person: city, plan, birthday, …"
    )
    account: Belongs | None = Field(None, description="To what they belong: a company, a household, a team.")
    relations: dict[str, str] | Annotated[list[Stands], Field(max_length=ABOUT)] = Field(
        default_factory=dict,
        description="To whom they stand how: reports_to, household, referred_by, buys_for, …",
    )
    conversation: Annotated[str, Field(max_length=300)] = Field("", description="Of which it is a part.")
    subject: Annotated[str, Field(max_length=1_000)] = ""
    text: str = ""
    value: Annotated[Decimal, Field(allow_inf_nan=False, max_digits=18, decimal_places=4)] | None = None
    currency: Annotated[str, Field(pattern=r"^[A-Z]{3}$")] | None = Field(None, description="ISO 4217: EUR.")
    properties: dict[str, Json] = Field(default_factory=dict, description="Whatever else.")


@dataclass(frozen=True, slots=True)
class Interaction:
    """What happened, as it is kept. The first of `whom` is what it hangs on."""

    source: str
    event: str
    at: datetime
    channel: str
    direction: str
    kind: str
    whom: tuple[Identifier, ...]
    name: str = ""
    attributes: Mapping[str, Json] = field(default_factory=dict)
    conversation: str = ""
    subject: str = ""
    text: str = ""
    value: Decimal | None = None
    currency: str = ""
    properties: Mapping[str, Json] = field(default_factory=dict)
    account: Account | None = None
    relations: tuple[Relation, ...] = ()


@dataclass(frozen=True, slots=True)
class Wrong:
    """Why a row is none; `field`: where; `text`: as it came, where it could not even be read."""

    field: str
    why: str
    text: str = ""


def read(
    row: Json, source: str, now: datetime, verified: frozenset[str] = frozenset()
) -> Interaction | Wrong:
    """What a row says. `source`: whose it is where it does not say so itself; `verified`: the kinds of identifiers that this
    source has checked; `now`: what is later by more than a day has not happened."""
    if not isinstance(row, Mapping):
        return Wrong("", f"is no object with fields, but {type(row).__name__}")
    if why := _unkept(row):
        return Wrong("", why)
    try:
        told = Row.model_validate(row)
        whom = _whom(told, verified)
    except ValidationError as error:
        return _wrong(error)
    except ValueError as error:
        return Wrong("identifiers", str(error))
    try:
        account = account_of(told.account) if told.account is not None else None
    except ValueError as error:
        return Wrong("account", str(error))
    try:
        relations = relations_of(told.relations, whom) if told.relations else ()
    except ValueError as error:
        return Wrong("relations", str(error))
    at = (
        told.at.astimezone(UTC) if 1 < told.at.year < 9999 else told.at
    )  # at either end of time there is no other zone
    if not FIRST <= at <= now + AHEAD:
        return Wrong("at", f"{told.at.isoformat()} is before 1970, or has not happened yet")
    if (told.value is None) != (told.currency is None):
        return Wrong("value", "a value comes with its currency, and a currency with its value")
    if not (source := told.source or source):
        return Wrong("source", "nobody says whose it is: give it a source")
    if not whom:
        return Wrong(
            "identifiers",
            "names nobody: give an email, a phone, a customer, or identifiers of your own kinds",
        )
    return Interaction(
        source, told.id, at, told.channel, told.direction, told.kind, whom, told.name, told.attributes,
        told.conversation, told.subject, told.text, told.value, told.currency or "", told.properties, account, relations,
    )  # fmt: skip


def _unkept(row: Json) -> str:
    """Why the database could not give a row back; empty where it could."""
    try:
        text = to_json(row, inf_nan_mode="constants")
    except ValueError:  # the encoder's own errors are
        return unkept(row)
    if (len(text) > PLAIN or b"NaN" in text or b"Infinity" in text) and (why := unkept(row)):
        return why
    if len(text) > LONGEST:
        return f"has {len(text):,} characters; {LONGEST:,} are the most"
    return (
        "there is a character in it that is none (NUL)"
        if b"u0000" in text and _NUL.search(text.decode())
        else ""
    )


def of_columns(cells: Mapping[str, str]) -> dict[str, Json]:
    """A row of a table as an object: empty cells are left out, and `properties.x`, `attributes.x`, `id.x`, `relations.x` and `account.x` go inside."""
    made: dict[str, Json] = {}
    if ours := {name.removeprefix(ACCOUNT): cell for name, cell in cells.items() if name.startswith(ACCOUNT)}:
        cells = {name: cell for name, cell in cells.items() if not name.startswith(ACCOUNT)}
        if account := of_columns(ours):
            made["account"] = account
    for column, cell in cells.items():
        if not cell.strip():
            continue
        inside = next((one for one in OWN if column.startswith(one)), "")
        if inside:
            outer = "identifiers" if inside == "id." else inside[:-1]
            made.setdefault(outer, {})[column.removeprefix(inside)] = cell
        elif column == "verified":
            made[column] = (
                True
                if cell.strip().lower() == "true"
                else []
                if cell.strip().lower() == "false"
                else cell.split()
            )
        else:
            made[column] = cell
    return made


def _whom(told: Row, checked: frozenset[str]) -> tuple[Identifier, ...]:
    """Raises ValueError."""
    if isinstance(told.identifiers, list):
        given = [(one.kind, one.value, one.verified) for one in told.identifiers]
    else:
        given = [(kind, value, False) for kind, value in told.identifiers.items()]
    given += [(kind, value, False) for kind in SHORTHANDS if (value := getattr(told, kind)) is not None]
    sure = checked.union(told.verified) if isinstance(told.verified, list) else checked
    found: dict[tuple[str, str], Identifier] = {}
    for kind, value, verified in given:
        made = identifier(kind, str(value), verified or told.verified is True or kind in sure)
        if made.key not in found or made.verified:
            found[made.key] = made
    return (
        tuple(sorted(found.values(), key=lambda one: one.rank)) if len(found) > 1 else tuple(found.values())
    )


def _wrong(error: ValidationError) -> Wrong:
    first = error.errors(include_url=False, include_context=False)[0]
    where = ".".join(str(part) for part in first["loc"] if part not in ("str", "int"))
    if first["type"] == "extra_forbidden" and where.startswith(ACCOUNT):
        return Wrong(where, "there is no such field: what is your own goes into account.attributes")
    if first["type"] == "extra_forbidden":
        near = difflib.get_close_matches(where, Row.model_fields, n=1, cutoff=0.6)
        return Wrong(where, f"there is no such field; did you mean {near[0]}?" if near else
                     "there is no such field: what is your own goes into properties")  # fmt: skip
    if first["type"] == "timezone_aware":
        return Wrong(where, "has no time zone: 2026-05-01T10:00:00Z, or 2026-05-01T12:00:00+02:00")
    if first["type"] == "string_pattern_mismatch":
        what = (
            "three capital letters, as EUR"
            if where == "currency"
            else "a small letter, then small letters, digits and _"
        )
        return Wrong(where, f"{str(first['input'])[:60]!r} is none: {what}")
    return Wrong(where, first["msg"].removeprefix("Value error, "))
