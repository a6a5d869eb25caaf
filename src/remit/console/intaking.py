"""An intake as a form that somebody fills in, and back: where each field of a row lies in what comes, drawn from an example of it. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from pydantic import ValidationError

from remit.console.sheets import Column, Filled, Sheet, filled, in_words, number, typed
from remit.errors import UserError
from remit.graph.rows import Interaction, Wrong, read
from remit.intake.columns import called, guesses
from remit.intake.mapping import Came, at, rows_of
from remit.intake.spec import Intake, intake_of

Json = Any
EXAMPLE = "example"  # the name of one that has none yet, so that it can be tried
DEEP, MANY = 6, 120  # of an example, that places are looked for in
SHOWN = 5  # events that are tried
SHEET = Sheet(
    "row", "What goes where", ("row",), (Column("field", "Field of the graph"), Column("lies", "Where it lies in the event")),
    "A place such as /customer/email, a word as it stands, or = and an expression, as = event.cents / 100.",
)  # fmt: skip
PLAIN = ("name", "webhook", "each", "database", "query", "cursor", "key", "every", "zone", "when")
INNER = {"properties": "properties.", "attributes": "attributes.", "identifiers": "id."}


@dataclass(frozen=True, slots=True)
class Draft:
    """What stands in the form. `sample`: an example of what comes, as JSON; `wrong`: what is wrong, by field; `intake`: what can be tried, and kept where nothing is wrong."""

    kind: str
    said: Mapping[str, str]
    verified: str = ""
    rows: Filled = field(default_factory=lambda: Filled(SHEET))
    sample: str = ""
    wrong: Mapping[str, str] = field(default_factory=dict)
    intake: Intake | None = None


def drawn(intake: Intake) -> Draft:
    """One that is kept, as a form shows it."""
    data = intake.model_dump(mode="json")
    said = {one: "" if data[one] is None else str(data[one]) for one in PLAIN}
    rows = [{"field": name, "lies": lies} for name, lies in _lines(data["row"])]
    verified = ", ".join(intake.verified)
    return Draft(intake.kind, said, verified, filled({"row": rows}, SHEET), "", {}, intake)


def given(kind: str, form: Mapping[str, str]) -> Draft:
    """What a form says, with the intake that it is, or with what is wrong."""
    said = {one: form.get(one, "").strip() for one in PLAIN}
    verified, sample = form.get("verified", ""), form.get("sample", "").strip()
    return checked(Draft(kind, said, verified, typed(form, SHEET), sample))


def checked(draft: Draft) -> Draft:
    kind, said = draft.kind, draft.said
    meant = (
        ("webhook", "each", "when")
        if kind == "webhook"
        else ("database", "query", "cursor", "key", "zone", "when")
    )
    data: dict[str, Json] = {one: said[one] for one in meant if said.get(one)}
    if kind == "database" and said.get("every"):
        data["every"] = number(said["every"])
    data["verified"] = [one.strip() for one in draft.verified.split(",") if one.strip()]
    data["row"] = _row(draft.rows)
    try:
        made = intake_of(said.get("name") or EXAMPLE, data)
    except ValidationError as error:
        wrong = {_place(one["loc"]): in_words(one) for one in error.errors()}
        return Draft(kind, said, draft.verified, draft.rows, draft.sample, wrong)
    unnamed = {} if said.get("name") else {"name": "give it a name, as orders"}
    return Draft(kind, said, draft.verified, draft.rows, draft.sample, unnamed, made)


def guessed(draft: Draft, event: Json) -> Draft:
    """With a line for each place of an example that likely means something; lines that say something already stay."""
    places = [place for place, _ in places_of(event)]
    inner = "properties" if draft.kind == "webhook" else ""
    likely = dict(zip(places, guesses([called(one) for one in places], inner), strict=True))
    kept = [row for row in draft.rows.rows if row.get("field")]
    have = {row["field"] for row in kept}
    new = [{"field": one, "lies": place} for place, one in likely.items() if one and one not in have]
    lacking = [] if {"kind"} & (have | set(likely.values())) else [{"field": "kind", "lies": "event"}]
    rows = filled({"row": [*kept, *lacking, *new]}, SHEET)
    return checked(Draft(draft.kind, draft.said, draft.verified, rows, draft.sample))


def events_in(text: str) -> list[Json]:
    """An example that somebody pasted. Raises UserError."""
    if not text:
        return []
    try:
        return [json.loads(text)]
    except ValueError as error:
        raise UserError(f"this is no JSON: {error}") from error


def first_of(draft: Draft, event: Json) -> Json:
    """The first event of a delivery of many."""
    if not draft.said.get("each", "").startswith("/"):
        return event
    found = at(event, draft.said["each"])
    return found[0] if isinstance(found, list) and found else event


def tried(intake: Intake, events: Sequence[Json]) -> list[Interaction | Wrong]:
    """What some events would come to."""
    now, made = datetime.now(UTC), list[Interaction | Wrong]()
    for event in events[:SHOWN]:
        for _, row in rows_of(intake, Came(event, "example", now)):
            made.append(
                row if isinstance(row, Wrong) else read(row, intake.name, now, frozenset(intake.verified))
            )
    return made


def places_of(event: Json, path: str = "") -> list[tuple[str, Json]]:
    """Where values lie in it, as JSON pointers, with what stands there."""
    return [*_leaves(event, path, 0)][:MANY]


def _leaves(value: Json, path: str, deep: int) -> Iterator[tuple[str, Json]]:
    if isinstance(value, Mapping) and deep < DEEP:
        for name, one in value.items():
            yield from _leaves(one, f"{path}/{str(name).replace('~', '~0').replace('/', '~1')}", deep + 1)
    elif isinstance(value, list) and deep < DEEP:
        for n, one in enumerate(value[:1]):
            yield from _leaves(one, f"{path}/{n}", deep + 1)
    elif path and not isinstance(value, Mapping | list):
        yield path, value


def _lines(row: Mapping[str, Json]) -> Iterator[tuple[str, str]]:
    for name, value in row.items():
        if isinstance(value, dict) and name in INNER:
            yield from ((f"{INNER[name]}{one}", _lies(inside)) for one, inside in value.items())
        else:
            yield name, _lies(value)


def _lies(value: Json) -> str:
    return f"= {value['cel']}" if isinstance(value, dict) else str(value)


def _row(rows: Filled) -> dict[str, Json]:
    row: dict[str, Json] = {}
    for one in rows.rows:
        name, lies = one.get("field", ""), one.get("lies", "")
        if not name or not lies:
            continue
        value = {"cel": lies[1:].strip()} if lies.startswith("=") else lies
        outer = next((outer for outer, start in INNER.items() if name.startswith(start)), "")
        if outer:
            row.setdefault(outer, {})[name.removeprefix(INNER[outer])] = value
        else:
            row[name] = value
    return row


def _place(where: Sequence[int | str]) -> str:
    first = str(where[0]) if where else ""
    return first if first in (*PLAIN, "row", "verified") else ""
