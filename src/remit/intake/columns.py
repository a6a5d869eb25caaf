"""A table of somebody's own making as rows of the graph: what its columns likely are, by their names, and as somebody has settled it. Pure.

What a table lacks is said once for all its rows: what happened, in which currency, in which zone its times are. A row without an id is known
again by all that stands in it.
"""

from __future__ import annotations

import csv
import hashlib
import io
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal
from zoneinfo import ZoneInfo

from remit.errors import UserError
from remit.graph.files import rows_in
from remit.graph.rows import Wrong

Json = Any
FIELDS: Mapping[str, str] = {  # of a row, as somebody chooses them
    "email": "E-mail address", "phone": "Telephone number", "customer": "Customer number", "crm": "Number in the CRM", "user": "User or login",
    "handle": "Handle", "device": "Device or cookie", "name": "Their name", "id": "What happened: its own number", "at": "When it happened",
    "kind": "What happened", "channel": "On which channel", "direction": "In or out", "subject": "Subject", "text": "What was written",
    "conversation": "Conversation", "value": "Amount", "currency": "Currency",
}  # fmt: skip
MEANT: Mapping[str, str] = {  # names that columns have elsewhere
    **{one: one for one in FIELDS},
    **dict.fromkeys(("mail", "emailaddress", "customeremail", "contactemail", "useremail"), "email"),
    **dict.fromkeys(("tel", "telephone", "mobile", "mobilephone", "phonenumber", "customerphone", "cell"), "phone"),
    **dict.fromkeys(("customerid", "customernumber", "customerno", "clientid", "accountid", "kundennummer"), "customer"),
    **dict.fromkeys(("crmid", "contactid", "leadid"), "crm"),
    **dict.fromkeys(("userid", "username", "login"), "user"),
    **dict.fromkeys(("deviceid", "cookieid", "anonymousid", "visitorid"), "device"),
    **dict.fromkeys(("fullname", "customername", "contactname", "displayname"), "name"),
    **dict.fromkeys(("eventid", "orderid", "ordernumber", "messageid", "transactionid", "invoiceid"), "id"),
    **dict.fromkeys(("time", "timestamp", "date", "datetime", "created", "createdat", "occurredat", "orderedat", "sentat", "datum"), "at"),
    **dict.fromkeys(("event", "eventtype", "eventname", "type", "action"), "kind"),
    **dict.fromkeys(("amount", "total", "totalprice", "price", "revenue", "sum"), "value"),
    **dict.fromkeys(("message", "body", "comment", "note"), "text"),
    **dict.fromkeys(("threadid", "conversationid", "ticketid"), "conversation"),
}  # fmt: skip
INSIDE = {
    "attributes": "Said of the person",
    "properties": "Said of what happened",
    "id": "A number of its own kind",
}
SAMPLES = 3  # cells of a column that are shown


@dataclass(frozen=True, slots=True)
class Column:
    """A column as it stands in the file: what it is called, what it says in the first rows, and what it likely is."""

    name: str
    cells: Sequence[str]
    likely: str


@dataclass(frozen=True, slots=True)
class Laying:
    """What goes where. `into`: a field for each column in their order, empty where it is left out; `always`: what every row says that
    does not say it itself; `zone`: of times that have none."""

    into: Sequence[str] = ()
    always: Mapping[str, str] = field(default_factory=dict)
    zone: str = ""


def format_of(name: str) -> Literal["jsonl", "csv"]:
    """By the file's name. Raises UserError."""
    if name.lower().endswith((".csv", ".txt", ".tsv")):
        return "csv"
    if name.lower().endswith((".jsonl", ".ndjson")):
        return "jsonl"
    raise UserError(
        f"{name[:80]!r} is no table: send .csv with a line of names, or .jsonl with an object a line"
    )


def columns_of(text: str) -> list[Column]:
    """Raises UserError where there are none."""
    rows = [row for _, row in zip(range(1 + SAMPLES), _read(text), strict=False)]
    if not rows or not any(rows[0]):
        raise UserError("there is nothing in it: a table begins with a line of names, as email,name,city")
    names = [name.strip() for name in rows[0]]
    return [
        Column(name, [row[at] for row in rows[1:] if at < len(row)], likely)
        for at, (name, likely) in enumerate(zip(names, guesses(names), strict=True))
    ]


def guesses(names: Sequence[str], inner: str = "") -> list[str]:
    """What columns or places likely are; each field once. What has no field is said of what happened, or, where no time is told, of a person."""
    found: list[str] = []
    plain = [_plain(name) for name in names]
    inner = inner or ("properties" if any(MEANT.get(one) == "at" for one in plain) else "attributes")
    for name, one in zip(names, plain, strict=True):
        meant = MEANT.get(one, "")
        if not meant or meant in found:
            meant = f"{inner}.{slug(name)}"
        found.append("" if meant in found else meant)
    return found


def called(place: str) -> str:
    """A place of an event as a column would be called: `/data/customer/id` is customer id, where that means something."""
    steps = place.split("/")
    whole = " ".join(steps[-2:])
    return whole if _plain(whole) in MEANT else steps[-1]


def slug(name: str) -> str:
    return re.sub(r"[^a-z0-9]+", "_", name.casefold()).strip("_")[:40] or "column"


def laid(text: str, laying: Laying) -> Iterator[tuple[int, Json]]:
    """Its rows, each with its line. Raises UserError for a mapping that cannot be."""
    lines = io.BytesIO(text.encode())
    for line, row in rows_in(lines, "csv", laying.into, delimiter_of(text)):
        yield line, row if isinstance(row, Wrong) else _whole(row, laying)


def delimiter_of(text: str) -> str:
    """By the line of names."""
    first = text.partition("\n")[0]
    return max(",;\t", key=first.count)


def _read(text: str) -> Iterator[list[str]]:
    try:
        yield from csv.reader(io.StringIO(text.removeprefix("\ufeff")), delimiter=delimiter_of(text))
    except csv.Error as error:
        raise UserError(f"it is no table: {error}") from error


def _whole(row: dict[str, Json], laying: Laying) -> dict[str, Json]:
    known = "\n".join(f"{key} {value}" for key, value in sorted(row.items()))
    made = {**laying.always, **row}
    made.setdefault("id", hashlib.sha256(known.encode()).hexdigest()[:32])
    if laying.zone and isinstance(at := made.get("at"), str):
        made["at"] = _zoned(at, laying.zone)
    if "value" not in made:
        made.pop("currency", None)
    return made


def _zoned(text: str, zone: str) -> str:
    """A time that has no zone of its own with this one; what is no time stays as it is, to be told so."""
    try:
        at = datetime.fromisoformat(text.strip())
    except ValueError:
        return text
    return text if at.tzinfo else at.replace(tzinfo=ZoneInfo(zone)).isoformat()


def _plain(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.casefold())
