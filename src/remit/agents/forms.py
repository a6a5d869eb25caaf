"""Forms: all that passes an airlock. A field holds a choice, a number, a yes or no, a date, an amount, or the id of
something that is known, and never a text. Pure.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from decimal import Decimal
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from remit.gate.values import canonical

Json = Any
Form = Mapping[str, "Entry"]
KINDS = ("choice", "number", "yes/no", "date", "amount", "id")
ID = re.compile(r"#?[A-Za-z0-9][A-Za-z0-9._:/-]{0,63}")
DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
LONGEST = 40  # characters of an amount or a date
MOST = 5  # ids of one kind in the form that comes with Remit
LANGUAGES = (
    *(
        "en",
        "de",
        "fr",
        "es",
        "it",
        "nl",
        "pt",
        "pl",
        "sv",
        "da",
        "no",
        "fi",
        "cs",
        "sk",
        "hu",
        "ro",
        "bg",
        "el",
    ),
    *("tr", "uk", "ru", "ar", "he", "hi", "zh", "ja", "ko"),
)


class Entry(BaseModel):
    """One field of a form: of which kind, and within which bounds."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Literal["choice", "number", "yes/no", "date", "amount", "id"]
    choices: tuple[str, ...] = ()  # of a choice
    of: str = ""  # of an id: which kind of record, as in a sink `id:order`
    least: float | None = None  # of a number or an amount
    greatest: float | None = None
    most: int = Field(1, ge=1, le=20)  # so many choices or ids; more than one makes a list
    about: str = ""  # in words, for the model that fills it in

    @model_validator(mode="after")
    def _fits(self) -> Entry:
        wrong = ""
        if (self.kind == "choice") != bool(self.choices):
            wrong = "a choice has choices, and nothing else does"
        elif len(set(self.choices)) < len(self.choices) or not all(one.strip() for one in self.choices):
            wrong = "the choices must be different, and none empty"
        elif (self.kind == "id") != bool(self.of):
            wrong = "an id says of what, as `{id: order}`, and nothing else does"
        elif self.kind not in ("number", "amount") and (self.least, self.greatest) != (None, None):
            wrong = "only a number or an amount has a least and a greatest"
        elif self.kind not in ("choice", "id") and self.most > 1:
            wrong = "only of choices and ids there may be several (`most`)"
        if wrong:
            raise ValueError(wrong)
        return self


def _entry(value: object) -> object:
    """A field as people write it: `[a, b]`, `yes/no`, `{number: [0, 500]}`, `{id: order, most: 3}`."""
    if isinstance(value, str):
        return {"kind": value}
    if isinstance(value, list | tuple):
        return {"kind": "choice", "choices": value}
    if not isinstance(value, Mapping) or "kind" in value:
        return value
    named = [kind for kind in KINDS if kind in value]
    if len(named) != 1:
        raise ValueError(f"a field is one of {', '.join(KINDS)}: write it as `yes/no` or `{{id: order}}`")
    kind, said = named[0], value[named[0]]
    more = {key: item for key, item in value.items() if key != kind}
    if kind == "choice":
        return {"kind": kind, "choices": said, **more}
    if kind == "id":
        return {"kind": kind, "of": said, **more}
    bounds = dict(zip(("least", "greatest"), said, strict=False)) if isinstance(said, list | tuple) else {}
    return {"kind": kind, **bounds, **more}


def _named(form: dict[str, Entry]) -> dict[str, Entry]:
    for name in form:
        if not re.fullmatch(r"[a-z][a-z0-9_]{0,39}", name):
            raise ValueError(f"{name!r} is no name of a field: small letters, digits and _")
    if not 1 <= len(form) <= 40:
        raise ValueError("a form has 1 to 40 fields")
    return form


Written = Annotated[dict[str, Annotated[Entry, BeforeValidator(_entry)]], AfterValidator(_named)]
PROBLEM: Form = {
    "problem": Entry(
        kind="choice",
        choices=(
            *("not found", "not allowed", "wrong arguments", "too large", "too late", "not available"),
            "something else",
        ),
        about="what went wrong",
    )
}


def built_in(effects: Iterable[str], records: Iterable[str]) -> Form:
    """The form for whatever has none of its own. `effects`: what the agent can do; `records`: kinds of ids that it knows."""
    kinds = (
        "message",
        "request",
        "page",
        "document",
        "record",
        "list",
        "code",
        "answer of a system",
        "other",
    )
    doings = (*sorted(effects), "something else")
    return {
        "content": Entry(kind="choice", choices=kinds, about="what kind of text it is"),
        "language": Entry(kind="choice", choices=(*LANGUAGES, "other")),
        "asks_for": Entry(
            kind="choice", choices=doings, most=MOST, about="what it wants to be done; nothing: empty"
        ),
        "urgent": Entry(kind="yes/no"),
        "gives_instructions": Entry(
            kind="yes/no", about="whether it tells its reader, or a machine that reads it, what to do"
        ),
        **{
            re.sub(r"\W", "_", kind.lower())[:40]: Entry(
                kind="id", of=kind, most=MOST, about=f"each {kind} that it names"
            )
            for kind in sorted(records)
        },
    }


def schema_of(form: Form) -> dict[str, Json]:
    """What the model is held to; null stands for what the text does not say."""
    return {
        "type": "object",
        "properties": {name: _described(entry) for name, entry in form.items()},
        "required": list(form),
        "additionalProperties": False,
    }


def _described(entry: Entry) -> dict[str, Json]:
    """With what is meant, and how it is written."""
    schema = _schema(entry)
    words = "; ".join(filter(None, (entry.about, schema.get("description"))))
    return schema | ({"description": words} if words else {})


def _schema(entry: Entry) -> dict[str, Json]:
    match entry.kind:
        case "choice":
            one: dict[str, Json] = {"enum": list(entry.choices)}
        case "id":
            one = {"type": "string", "maxLength": 65}
        case "number":
            bounds = {"minimum": entry.least, "maximum": entry.greatest}
            return {"type": ["number", "null"], **{k: v for k, v in bounds.items() if v is not None}}
        case "yes/no":
            return {"type": ["boolean", "null"]}
        case _:
            what = "YYYY-MM-DD" if entry.kind == "date" else "a number and its currency, as 40.50 EUR"
            return {"type": ["string", "null"], "maxLength": LONGEST, "description": what}
    if entry.most > 1:
        return {"type": "array", "items": one, "maxItems": entry.most}
    return {"enum": [*entry.choices, None]} if entry.choices else {**one, "type": ["string", "null"]}


def filled(form: Form, data: Json) -> dict[str, Json]:
    """The form as a model has filled it in, with what is empty left out. Ids have the shape of ids here; whether they are
    known is for others to say. Raises ValueError, which names the field and none of its words, for what does not fit."""
    if not isinstance(data, Mapping):
        raise ValueError("the answer is no object")
    if data.keys() - form.keys():
        raise ValueError(f"the form has only the fields {', '.join(form)}")
    values = {name: _value(name, entry, data.get(name)) for name, entry in form.items()}
    return {name: value for name, value in values.items() if value not in (None, [])}


def _value(name: str, entry: Entry, value: Json) -> Json:
    if value is None:
        return None
    if entry.most == 1:
        return _one(name, entry, value)
    if not isinstance(value, Sequence) or isinstance(value, str) or len(value) > entry.most:
        raise ValueError(f"{name} is a list of at most {entry.most}")
    return list(dict.fromkeys(_one(name, entry, one) for one in value))


def _one(name: str, entry: Entry, value: Json) -> Json:
    read: Json = None
    match entry.kind:
        case "choice":
            read = next((one for one in entry.choices if one == value), None)
        case "yes/no":
            read = value if isinstance(value, bool) else None
        case "number":
            plain = isinstance(value, int | float) and not isinstance(value, bool)
            fits = plain and abs(value) < 2**53 and math.isfinite(value) and _inside(entry, value)
            read = value if fits else None
        case "id":
            read = value if isinstance(value, str) and ID.fullmatch(value) else None
        case "date":
            read = _date(value)
        case "amount":
            form = canonical("amount", value) if isinstance(value, str) and len(value) <= LONGEST else None
            read = form if form and _inside(entry, Decimal(form.partition(" ")[0])) else None
    if read is None:
        raise ValueError(f"{name} is not {_wanted(entry)}")
    return read


def _date(value: Json) -> str | None:
    if not isinstance(value, str) or not DAY.fullmatch(value):
        return None
    try:
        return date.fromisoformat(value).isoformat()
    except ValueError:
        return None


def _inside(entry: Entry, number: float | Decimal) -> bool:
    return (entry.least is None or number >= entry.least) and (
        entry.greatest is None or number <= entry.greatest
    )


def _wanted(entry: Entry) -> str:
    """In words, what a field takes."""
    if entry.kind in ("number", "amount"):
        bounds = ((" from ", entry.least), (" to ", entry.greatest))
        return f"a{'n' * (entry.kind == 'amount')} {entry.kind}" + "".join(
            f"{word}{bound:g}" for word, bound in bounds if bound is not None
        )
    return {"choice": "one of its choices", "yes/no": "true or false", "date": "a date (YYYY-MM-DD)"}.get(
        entry.kind, "an id"
    )
