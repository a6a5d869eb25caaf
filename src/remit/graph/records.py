"""What is known of a person in one place, as a record that can be laid beside others: columns told by their names, values
brought into one spelling.
"""

from __future__ import annotations

import csv
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Final

from remit.errors import UserError

# What a column may be, and what it is called by others. The first name is ours.
ROLES: Final[Mapping[str, tuple[str, ...]]] = {
    "given_name": ("first_name", "forename", "firstname", "givenname"),
    "surname": ("last_name", "family_name", "lastname", "familyname"),
    "born": ("date_of_birth", "dob", "birth_date", "birthday", "birthdate"),
    "email": ("e_mail", "mail", "email_address"),
    "phone": ("telephone", "mobile", "phone_number", "tel", "cell"),
    "national_id": ("soc_sec_id", "ssn", "social_security_number", "tax_id", "nino"),
    "house": ("street_number", "house_number"),
    "street": ("address_1", "address", "street_address", "address_line_1"),
    "city": ("suburb", "town", "locality"),
    "postcode": ("zip", "zip_code", "postal_code"),
}
DATES: Final = ("%Y-%m-%d", "%Y%m%d", "%Y/%m/%d")  # the year first: what else may be read in two ways


@dataclass(frozen=True)
class Record:
    """One description of a person: its own id, the source it is from, and its values by role, in one spelling."""

    id: str
    values: Mapping[str, str]
    source: str = ""


@dataclass(frozen=True)
class Columns:
    """Which column says what. `roles`: role to column; `ignored`: columns that say nothing of who it is."""

    roles: Mapping[str, str]
    ignored: Sequence[str] = field(default=())


def told(names: Iterable[str]) -> Columns:
    """Columns known by their names, whatever their case and whether words are joined by blanks or lines."""
    roles: dict[str, str] = {}
    ignored: list[str] = []
    for name in names:
        plain = "_".join(name.strip().casefold().replace("-", " ").replace("_", " ").split())
        role = next((role for role, others in ROLES.items() if plain == role or plain in others), None)
        if role is None or role in roles:
            ignored.append(name)
        else:
            roles[role] = name
    return Columns(roles, tuple(ignored))


@dataclass(frozen=True)
class Table:
    """A file's records, in its order, with the rows they were read from."""

    records: Sequence[Record]
    rows: Sequence[Mapping[str, str]]
    columns: Columns


def read(path: Path, *, id: str = "", source: str = "") -> Table:
    """A CSV file with a header. `id`: the column that numbers its records; without, they are numbered by line.

    Raises UserError for a file that is no such table, with its line, and for an `id` that is missing or said twice.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as wrong:
        raise UserError(f"{path} cannot be read as text: {wrong}") from wrong
    lines = csv.reader(text.splitlines(keepends=True))
    header = [name.strip() for name in next(lines, [])]
    if len(set(header)) != len(header) or not any(header):
        raise UserError(
            f"{path}:1: the first line must name the columns, each once; it says {', '.join(header) or 'nothing'}"
        )
    if id and id not in header:
        raise UserError(f"{path}: there is no column {id!r}. Columns: {', '.join(header)}")
    columns, rows, records = told(name for name in header if name != id), [], []
    for values in lines:
        if not values:
            continue
        if len(values) != len(header):
            raise UserError(
                f"{path}:{lines.line_num}: {len(values)} values, where the header has {len(header)}"
            )
        row = dict(zip(header, (value.strip() for value in values), strict=True))
        rows.append(row)
        records.append(record(row[id] if id else str(lines.line_num), row, columns, source))
    once = {one.id for one in records}
    if len(once) < len(records):
        raise UserError(
            f"{path}: {len(records) - len(once)} rows have an {id} that another has too; each must have its own"
        )
    return Table(records, rows, columns)


def record(id: str, row: Mapping[str, str | None], columns: Columns, source: str = "") -> Record:
    """A row as a record. What cannot be read (a date without a year) is left out, as if it were not said."""
    values = {role: spelled(role, row.get(column) or "") for role, column in columns.roles.items()}
    return Record(id, {role: value for role, value in values.items() if value}, source)


def spelled(role: str, value: str) -> str:
    """A value in its role's one spelling; empty where it says nothing."""
    match role:
        case "born":
            return _date(value.strip())
        case "email":
            return value.strip().casefold()
        case "phone" | "national_id":
            return "".join(c for c in value.casefold() if c.isalnum())
        case _:
            return _letters(value)


def _letters(value: str) -> str:
    """Letters and digits alone, without case and accents: `D'Alembert-Müller` is `dalembertmuller`."""
    plain = unicodedata.normalize("NFKD", value.casefold())
    return "".join(c for c in plain if c.isalnum())


def _date(value: str) -> str:
    for form in DATES:
        try:
            return datetime.strptime(value, form).date().isoformat()
        except ValueError:
            continue
    return ""
