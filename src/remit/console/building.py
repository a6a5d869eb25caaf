"""An agent's form as a page shows it: what can be ticked, what each choice says, and what is wrong at which field."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from fastapi import Request
from pydantic import ValidationError

from remit.agents.triggers import KINDS, Trigger
from remit.agents.yaml import plain
from remit.app import App
from remit.catalogue.find import library_of, runs
from remit.catalogue.form import TRIGGER, check_kind, field_of, listed, member_name, shown
from remit.catalogue.kept import Kept, list_kept
from remit.catalogue.offer import Offer
from remit.catalogue.offered import Wrong
from remit.catalogue.plain import KNOWN, about, blocks, limited
from remit.catalogue.sentences import EFFECTS, in_words
from remit.catalogue.text import document
from remit.knowledge.kept import Source, list_sources
from remit.models.keys import environment_with
from remit.models.registry import ModelInfo, known_models
from remit.tools.tool import Tool
from remit.triggers.words import SENDERS, ahead, begins

Json = Any
FRESH = (
    60.0  # seconds for which the list of models is not asked for again: it looks for servers on this machine
)
WORDS = ("rubric", "python", "sql")  # kinds of checks that are written in one field


@dataclass(frozen=True, slots=True)
class Row:
    """A tool that can be ticked, with what the agent may do with it."""

    tool: Tool
    ticked: bool
    may: str
    by: str
    most: str
    above: str
    cel: str
    arguments: tuple[str, ...]  # by which a limit can be set
    special: tuple[str, ...]  # special rules that are about it

    @property
    def name(self) -> str:
        return self.tool.name

    @property
    def does(self) -> str:
        return EFFECTS[self.tool.effect]

    @property
    def acts(self) -> bool:
        return self.tool.effect in ("egress", "destroy")

    @property
    def known(self) -> str:
        """To whom it may go alone, where that can be chosen."""
        return KNOWN.get(self.name, ("", ""))[1]

    @property
    def says(self) -> str:
        return self.tool.description.split("\n", 1)[0]


@dataclass(frozen=True, slots=True)
class Special:
    """A rule that no choice says."""

    place: int
    tool: str
    then: str
    condition: str
    because: str
    sentence: str
    more: str  # what else stands in it, and stays


@dataclass(frozen=True, slots=True)
class Checked:
    place: int
    kind: str
    name: str
    text: str
    editable: bool


@dataclass(frozen=True, slots=True)
class Beginning:
    """A trigger as its fields show it, and in words where it can be used."""

    place: int
    kind: str
    parts: Mapping[str, str]
    says: str
    ahead: Sequence[datetime]


async def models(request: Request, app: App) -> Sequence[ModelInfo]:
    """Those that can be chosen, best first; asked for once a minute."""
    keys = await app.keys.of(app.store.workspace)
    kept: dict[tuple[str, ...], tuple[float, list[ModelInfo]]] = request.app.state.models
    at, found = kept.get(opens := tuple(sorted(keys)), (0.0, []))
    if time.monotonic() - at > FRESH or not found:
        found = await known_models(app.settings, environment=environment_with(keys))
        kept[opens] = (time.monotonic(), found)
    return list(found)


def told_at(wrong: Iterable[Wrong], data: Mapping[str, Json]) -> dict[str, str]:
    """What is wrong, by field; at the head of the form what belongs to none."""
    found: dict[str, str] = {}
    for one in wrong:
        name = field_of(one.where, data)
        where = "" if name or not one.where else ".".join(map(str, one.where)) + ": "
        found[name] = f"{found[name]}; {one.what}" if name in found else f"{where}{one.what}"
    return found


async def view(
    request: Request, app: App, name: str, kept: Kept | None, text: str, offer: Offer, wrong: Sequence[Wrong]
) -> dict[str, Any]:
    """What the form's template needs, of a text that need not be saved, nor right."""
    data = document(text)
    fields = shown(data, offer)
    rules = listed(plain(data).get("rules"))
    known = blocks(rules)
    taken = {place for block in known.values() for place in block.places}
    special = [
        _special(place, rule)
        for place, rule in enumerate(rules)
        if place not in taken and isinstance(rule, Mapping)
    ]
    rows = [
        (group.title, [_row(tool, fields, rules, taken) for tool in group.tools]) for group in offer.groups
    ]
    checks = [
        Checked(place, kind := check_kind(one), *_words(fields, place), kind in WORDS)
        for place, one in enumerate(listed(plain(data).get("checks")))
        if isinstance(one, Mapping)
    ]
    triggers = [
        _beginning(place, one, {part: fields[f"trigger:{place}:{part}"][0] for part in TRIGGER})
        for place, one in enumerate(listed(plain(data).get("triggers")))
        if isinstance(one, Mapping)
    ]
    others = [one.name for one in await list_kept(app.store, archived=False) if runs(one)]
    team = [member_name(one) for one in listed(plain(data).get("team"))]
    return {
        "name": name,
        "kept": kept,
        "text": text,
        "fields": {key: values[0] if values else "" for key, values in fields.items()},
        "entries": fields["entries"],
        "groups": rows,
        "systems": [(name, one.words, name in fields["systems"]) for name, one in offer.systems.items()],
        "knowledge": await _sources(app, fields["knowledge"]),
        "special": special,
        "checks": checks,
        "triggers": triggers,
        "senders": SENDERS,
        "team": team,
        "members": sorted({*others, *library_of(app.store), *team} - {name}),
        "models": await models(request, app),
        "wrong": told_at(wrong, data),
        "may_build": "agents:write" in request.state.rights,
    }


async def _sources(app: App, named: Sequence[str]) -> list[tuple[str, Source | None, bool]]:
    """What can be ticked to be looked up, and what is named though nobody has it: name, what it is, whether it is ticked."""
    known = {
        one.name: one
        for one in await list_sources(app.store.whole)
        if app.store.agents is None or one.name in named
    }
    return [(name, known.get(name), name in named) for name in sorted({*known, *named})]


def _row(tool: Tool, fields: Mapping[str, Sequence[str]], rules: Sequence[Json], taken: set[int]) -> Row:
    ticked = tool.name in fields["tools"]
    may = fields[f"may:{tool.name}"][0]
    acts = tool.effect in ("egress", "destroy")
    others = tuple(
        in_words(rule)
        for place, rule in enumerate(rules)
        if place not in taken and isinstance(rule, Mapping) and about(rule, tool.name)
    )
    by, most, above, cel = (fields[f"{part}:{tool.name}"][0] for part in ("by", "most", "above", "cel"))
    may = "ask" if acts and not ticked and not may else may  # who ticks it is asked, until they say otherwise
    return Row(tool, ticked, may, by, most, above, cel, tuple(limited(tool)), others)


def _special(place: int, rule: Mapping[str, Json]) -> Special:
    tools = rule.get("tool")
    names = ", ".join(map(str, tools)) if isinstance(tools, list | tuple) else str(tools or "")
    then = next((key for key in ("allow", "ask", "deny") if rule.get(key) is not None), "ask")
    more = {
        key: value for key, value in rule.items() if key not in ("tool", "allow", "ask", "deny", "because")
    }
    return Special(
        place,
        names,
        then,
        str(rule.get(then) or "").strip(),
        str(rule.get("because") or ""),
        in_words(rule),
        ", ".join(f"{key}: {value}" for key, value in more.items()),
    )


def _beginning(place: int, trigger: Mapping[str, Json], parts: Mapping[str, str]) -> Beginning:
    kind = next((one for one in KINDS if trigger.get(one) is not None), "schedule")
    try:
        made = Trigger.model_validate(trigger)
    except ValidationError:  # which is told at its field
        return Beginning(place, kind, parts, "", ())
    return Beginning(place, kind, parts, begins(made), ahead(made, datetime.now(UTC)))


def _words(fields: Mapping[str, Sequence[str]], place: int) -> tuple[str, str]:
    return fields[f"check:{place}:name"][0], fields[f"check:{place}:text"][0]
