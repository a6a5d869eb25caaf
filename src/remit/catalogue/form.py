"""A form over an agent's YAML: its fields, what each of them shows, and at which of them something that is wrong is told. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from remit.agents.yaml import plain
from remit.catalogue.offer import Offer, Use
from remit.catalogue.offered import Loc
from remit.catalogue.plain import Choice, blocks
from remit.catalogue.text import written

Json = Any
Sent = Mapping[str, Sequence[str]]
Kind = Literal["line", "lines", "names", "list", "number", "choice", "yes"]
NONE = "none"  # what is typed for no limit


@dataclass(frozen=True, slots=True)
class Field:
    """One place of the spec that one input shows. `default`: what holds where nothing is said."""

    name: str
    path: tuple[str, ...]
    kind: Kind = "line"
    default: str = ""


FIELDS = (
    Field("description", ("description",)),
    Field("instructions", ("instructions",), "lines"),
    Field("purpose", ("purpose",), "names"),
    Field("model", ("model",), "names", "auto"),
    Field("autonomy", ("remit", "autonomy"), "choice", "ask"),
    Field("money", ("remit", "budget", "money"), "number"),
    Field("tokens", ("remit", "budget", "tokens"), "number"),
    Field("steps", ("remit", "budget", "steps"), "number"),
    Field("wall", ("remit", "budget", "wall")),
    Field("deadline", ("remit", "deadline")),
    Field("destinations", ("remit", "destinations"), "list"),
    Field("grant", ("grant",), "choice", "tools"),
    Field("reading", ("reading",), "choice", "open"),
    Field("airlock_names", ("airlock", "names"), "list"),
    Field("watch", ("guardian", "watch")),
    Field("saves", ("saves",)),
    Field("plan", ("plan",), "yes", "yes"),
    Field("reflect", ("reflect",), "yes", "yes"),
    Field("limit_runs", ("limits", "runs"), "number"),
    Field("limit_starts", ("limits", "starts")),
    Field("limit_queue", ("limits", "queue"), "number"),
)
TRIGGER = (
    "name",
    "schedule",
    "zone",
    "webhook",
    "after",
    "mail",
    "slack",
    "sms",
    "goal",
    "when",
    "purpose",
)  # what its fields show of a trigger
BY_PATH = {field.path: field.name for field in FIELDS}


def shown(data: Mapping[str, Json], offer: Offer) -> dict[str, list[str]]:
    """What the fields show of a document."""
    data = plain(data)
    found = {field.name: [_text(field, value_at(data, field.path))] for field in FIELDS}
    found["guardian"] = ["yes"] if "guardian" in data and data["guardian"] is not None else []
    entries = strings(data.get("tools"))
    found["tools"] = list(dict.fromkeys(name for entry in entries for name in offer.stands_for(entry)))
    found["entries"] = [entry for entry in entries if not offer.stands_for(entry)]
    found["knowledge"] = strings(data.get("knowledge"))
    found["team"] = [member_name(one) for one in listed(data.get("team"))]
    found["systems"] = [name for name, one in offer.systems.items() if _uses(data, one.use)]
    found["output"] = [json.dumps(data["output"], indent=2) if data.get("output") is not None else ""]
    known = blocks(listed(data.get("rules")))
    taken = {place for block in known.values() for place in block.places}
    for name in offer.tools:
        choice = known[name].choice if name in known else Choice()
        found[f"may:{name}"], found[f"by:{name}"] = [choice.may], [choice.argument]
        found[f"most:{name}"], found[f"above:{name}"] = [choice.most], [choice.above or "ask"]
        rules = [data["rules"][place] for place in known[name].places] if name in known else []
        found[f"cel:{name}"] = [written(rules).strip() if rules else ""]
    for place, rule in enumerate(listed(data.get("rules"))):
        if place not in taken and isinstance(rule, Mapping):
            then = next((key for key in ("allow", "ask", "deny") if rule.get(key) is not None), "ask")
            found[f"rule:{place}:tool"] = [", ".join(strings(rule.get("tool")))]
            found[f"rule:{place}:then"], found[f"rule:{place}:if"] = (
                [then],
                [str(rule.get(then) or "").strip()],
            )
            found[f"rule:{place}:because"] = [str(rule.get("because") or "")]
    for place, check in enumerate(listed(data.get("checks"))):
        if isinstance(check, Mapping):
            found[f"check:{place}:name"] = [str(check.get("name") or "")]
            found[f"check:{place}:text"] = [str(check.get(check_kind(check)) or "").strip()]
    for place, trigger in enumerate(listed(data.get("triggers"))):
        if isinstance(trigger, Mapping):
            for part in TRIGGER:
                said = trigger.get(part) or ""
                several = isinstance(said, list | tuple)
                found[f"trigger:{place}:{part}"] = [
                    ", ".join(map(str, said)) if several else clean(str(said))
                ]
    return found


def _uses(data: Mapping[str, Json], use: Use) -> bool:
    return bool(value_at(data, ("connections", use.name, "use")) == use.of)


def check_kind(check: Mapping[str, Json]) -> str:
    """Which kind of check it is: rubric, python, sql, schema or code."""
    return next(
        (kind for kind in ("rubric", "python", "sql", "schema", "code") if check.get(kind) is not None),
        "rubric",
    )


def member_name(member: Json) -> str:
    return str(member.get("name", "")) if isinstance(member, Mapping) else str(member)


def clean(text: str) -> str:
    return "\n".join(line.rstrip() for line in text.replace("\r\n", "\n").split("\n")).strip()


def value_at(data: Json, path: Sequence[str]) -> Json:
    """What stands at a path; `...`: nothing does."""
    for part in path:
        if not isinstance(data, Mapping) or part not in data:
            return ...
        data = data[part]
    return data


def _text(field: Field, value: Json) -> str:
    """A value as its field shows it. `...`: nothing is said."""
    if value is ...:
        return field.default
    if value is None:
        return NONE if field.path[-1] in ("money", "tokens") else field.default
    if field.kind == "yes":
        return "yes" if value else "no"
    if isinstance(value, list | tuple):
        return ", ".join(map(str, value)) if field.kind == "names" else "\n".join(map(str, value))
    return clean(str(value))


def strings(value: Json) -> list[str]:
    return [value] if isinstance(value, str) else [one for one in listed(value) if isinstance(one, str)]


def listed(value: Json) -> list[Json]:
    return list(value) if isinstance(value, list | tuple) else []


def field_of(where: Loc, data: Mapping[str, Json]) -> str:
    """The field at which something that is wrong is told; empty: at the head of the form."""
    path = tuple(part for part in where if isinstance(part, str))
    for length in range(len(path), 0, -1):
        if path[:length] in BY_PATH:
            return BY_PATH[path[:length]]
    match where:
        case ("may", str(name)):
            return f"may:{name}"
        case ("rules", int(place), *_):
            for name, block in blocks(listed(plain(data).get("rules"))).items():
                if place in block.places:
                    return f"may:{name}"
            return f"rule:{place}"
        case ("checks", int(place), *_):
            return f"check:{place}"
        case ("triggers", int(place), *_):
            return f"trigger:{place}"
        case ("words" | "tools" | "knowledge" | "team" | "output" | "guardian" | "airlock" as one, *_):
            return {"airlock": "reading"}.get(one, one)
    return ""
