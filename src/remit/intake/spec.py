"""An intake as data: from where events come, which of them concern people, and what of each goes where in the graph."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    StrictBool,
    StrictFloat,
    StrictInt,
    field_validator,
    model_validator,
)

from remit.agents.yaml import read_as
from remit.cron import parse_zone
from remit.errors import UserError
from remit.graph.identifiers import KIND
from remit.graph.rows import Row
from remit.intake.mapping import INSIDE, compiled, pointer

Json = Any
NAME = re.compile(r"[a-z][a-z0-9_-]{0,40}")
OURS = ("source", "verified")  # fields of a row that the intake itself says
Kind = Literal["standard", "hmac", "token"]


class Computed(BaseModel):
    """A value that is worked out of an event."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    cel: str


Value = Computed | str | StrictInt | StrictFloat | StrictBool
Values = dict[str, Value]
Filled = Annotated[Value | Values, Field(union_mode="left_to_right")]


class Intake(BaseModel):
    """What comes in by a webhook, or is read from a database, and the rows that it means."""

    model_config = ConfigDict(frozen=True, extra="forbid", str_strip_whitespace=True)

    name: str = Field(description="Also the source of the rows that come of it.")
    webhook: Kind | None = Field(None, description="How the sender shows who it is.")
    each: str = Field("", description="Where the events lie in a delivery; empty: it is one.")
    database: str = Field("", description="A connection of the workspace.")
    query: str = Field("", description="A SELECT; its rows are the events.")
    cursor: str = Field("", description="The column that grows with what is new or has changed.")
    key: str = Field("", description="The column that tells rows apart whose cursor is the same.")
    again: Annotated[int, Field(ge=0, le=86_400 * 30)] = Field(
        60,
        description="How far each look reads once more, in seconds or numbers, for what was committed late.",
    )
    every: Annotated[int, Field(ge=10, le=86_400)] = Field(300, description="Seconds between two looks.")
    zone: str = Field("UTC", description="Of times that the database has without one.")
    when: str = Field("", description="CEL: which events concern people; empty: all.")
    verified: tuple[str, ...] = Field((), description="Kinds of identifiers that the sender has checked.")
    row: dict[str, Filled] = Field(description="What of an event goes into which field of a row.")

    @field_validator("name")
    @classmethod
    def _named(cls, name: str) -> str:
        if not NAME.fullmatch(name):
            raise ValueError(f"{name!r} is no name: a small letter, then small letters, digits, - and _")
        return name

    @field_validator("zone")
    @classmethod
    def _zoned(cls, zone: str) -> str:
        _checked(parse_zone, zone)
        return zone

    @field_validator("when")
    @classmethod
    def _readable(cls, text: str) -> str:
        return _checked(compiled, text) if text else text

    @field_validator("each")
    @classmethod
    def _pointing(cls, text: str) -> str:
        return _checked(pointer, text) if text else text

    @field_validator("verified")
    @classmethod
    def _kinds(cls, kinds: tuple[str, ...]) -> tuple[str, ...]:
        for kind in kinds:
            if not KIND.fullmatch(kind):
                raise ValueError(f"{kind!r} is no kind of identifier: email, phone, customer, …")
        return kinds

    @field_validator("row")
    @classmethod
    def _fields(cls, row: dict[str, Filled]) -> dict[str, Filled]:
        for field, value in row.items():
            if field in OURS or field not in Row.model_fields:
                near = difflib.get_close_matches(field, Row.model_fields, n=1, cutoff=0.6)
                hint = f"did you mean {near[0]}?" if near else "what is your own goes into properties"
                raise ValueError(f"a row has no field {field!r} to be filled; {hint}")
            if isinstance(value, dict) != (field in INSIDE):
                what = "fields of its own" if field in INSIDE else "one value"
                raise ValueError(f"{field} has {what}")
            for one in value.values() if isinstance(value, dict) else (value,):
                if isinstance(one, Computed):
                    _checked(compiled, one.cel, f"{field}: ")
        if "kind" not in row:
            raise ValueError("says not what happened: give it a kind, as purchase")
        return row

    @model_validator(mode="after")
    def _whole(self) -> Intake:
        if bool(self.webhook) == bool(self.database):
            raise ValueError("either `webhook` says how a sender signs, or `database` what is read")
        of_database = {"query": self.query, "cursor": self.cursor}
        if self.webhook and (given := [name for name, value in of_database.items() if value]):
            raise ValueError(f"a webhook has no {given[0]}")
        if self.database:
            if missing := [name for name, value in of_database.items() if not value]:
                raise ValueError(f"say which {missing[0]}: rows are read on from where the last look ended")
            if self.each:
                raise ValueError("a database has rows, and nothing in them to look for: leave `each` out")
            if missing := [name for name in ("id", "at") if name not in self.row]:
                raise ValueError(f"row.{missing[0]}: a row of a database has to say it")
        return self

    @property
    def kind(self) -> Literal["webhook", "database"]:
        return "webhook" if self.webhook else "database"

    def data(self) -> dict[str, Json]:
        return self.model_dump(mode="json", exclude_defaults=True)


def read_intake(path: Path) -> Intake:
    """Raises SpecError with the line of what is wrong."""
    return read_as(Intake, path)


def intake_of(name: str, data: Mapping[str, Json]) -> Intake:
    """Raises pydantic.ValidationError."""
    return Intake.model_validate({**data, "name": name})


def _checked(read: Callable[[str], object], text: str, where: str = "") -> str:
    try:
        read(text)
    except UserError as error:
        raise ValueError(f"{where}{error}") from error
    return text
