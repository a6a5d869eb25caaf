"""What becomes of an agent's YAML by what was typed into its form. What is not touched stays as it was written, also what the form
has no field for. What cannot be used is put into the text as it was typed, and the same validation that files pass says where it is
wrong. Pure.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from remit.agents.triggers import KINDS
from remit.agents.yaml import read
from remit.catalogue.form import (
    FIELDS,
    NONE,
    TRIGGER,
    Field,
    Sent,
    check_kind,
    clean,
    listed,
    member_name,
    shown,
    strings,
    value_at,
)
from remit.catalogue.offer import Offer, Use
from remit.catalogue.offered import Wrong
from remit.catalogue.plain import KNOWN, Choice, about, blocks, set_choice
from remit.catalogue.text import lines
from remit.errors import SpecError

Json = Any


def apply(data: dict[str, Json], sent: Sent, offer: Offer) -> list[Wrong]:
    """Put into a document what was typed where it differs from what was shown. Fields that were not sent stay; of ticks, `has`
    says which were there to be ticked. Returns what could not even be put there."""
    before = shown(data, offer)
    has = set(sent.get("has", ()))
    for field in FIELDS:
        if field.kind == "yes":
            if (
                field.name in has
                and (now := ["yes"] if sent.get(field.name) else ["no"]) != before[field.name]
            ):
                _put(data, field.path, now == ["yes"])
        elif field.name in sent and (typed := clean(sent[field.name][0])) != before[field.name][0]:
            _put(data, field.path, _value(field, typed))
    if "guardian" in has and bool(sent.get("guardian")) != bool(before["guardian"]):
        if sent.get("guardian"):
            data.setdefault("guardian", {})
        else:
            data.pop("guardian", None)
    if data.get("guardian") is not None and "guardian" in has and not sent.get("guardian"):
        data.pop("guardian", None)  # words of what to look for were typed, and nobody is to look
    if value_at(data, ("reading",)) in (..., "open") and before["reading"] != ["open"]:
        data.pop("airlock", None)
    _special(data, sent, before)  # first: by the places at which rules were shown
    if "tools" in has:
        _tools(data, sent, before, offer)
    if "systems" in has:
        ticked = sent.get("systems", ())
        _connect(data, [one.use for name, one in offer.systems.items() if name in ticked], offer.systems)
    if "knowledge" in has and set(sent.get("knowledge", ())) != set(before["knowledge"]):
        wanted = dict.fromkeys(sent.get("knowledge", ()))
        kept = [name for name in before["knowledge"] if name in wanted]
        _put(data, ("knowledge",), [*kept, *(name for name in wanted if name not in kept)] or ...)
    if "team" in has:
        _team(data, sent, before)
    wrong = _choices(data, sent, before, offer)
    _checks(data, sent, before)
    _triggers(data, sent, before)
    return [*wrong, *_output(data, sent, before)]


def _value(field: Field, typed: str) -> Json:
    """What is put into the document; `...`: nothing is said any more."""
    if not typed:
        return ...
    match field.kind:
        case "lines":
            return lines(typed)
        case "names":
            names = [name.strip() for name in typed.split(",")]
            return names if len(names) > 1 else typed
        case "list":
            return [part for part in re.split(r"[\s,]+", typed) if part]
        case "number":
            return None if typed.lower() == NONE else _number(typed)
    return typed


def _number(typed: str) -> Json:
    """A number where it is one; else what was typed, of which the validation says what it should be."""
    text = typed.replace(",", "").replace("_", "").removeprefix("$").strip()
    if re.fullmatch(r"\d{1,15}", text):
        return int(text)
    return float(text) if re.fullmatch(r"\d{1,12}\.\d{1,6}", text) else typed


def _put(data: dict[str, Json], path: Sequence[str], value: Json) -> None:
    """Set what stands at a path, with what it stands in; `...` takes it out, and what is empty then."""
    *above, last = path
    nodes = [data]
    for part in above:
        node = nodes[-1].get(part)
        if not isinstance(node, dict):
            if value is ...:
                return
            node = nodes[-1][part] = {}
        nodes.append(node)
    if value is not ...:
        nodes[-1][last] = value
        return
    nodes[-1].pop(last, None)
    for node, part in zip(reversed(nodes[:-1]), reversed(above), strict=True):
        if not node[part]:
            del node[part]


def _tools(data: dict[str, Json], sent: Sent, before: Sent, offer: Offer) -> None:
    """Entries that still stand for ticked tools only are kept as they are written."""
    wanted = [name for name in dict.fromkeys(sent.get("tools", ())) if name in offer.tools]
    kept = set(sent.get("entries", ()))
    if set(wanted) == set(before["tools"]) and kept == set(before["entries"]):
        return
    made: list[str] = []
    for entry in strings(data.get("tools")):
        names = offer.stands_for(entry)
        if not names:
            made += [entry] if entry in kept else []
        elif set(names) <= set(wanted):
            made.append(entry)
        else:
            made += [offer.entries[name] for name in names if name in wanted]
    there = {name for entry in made for name in offer.stands_for(entry)}
    data["tools"] = [*made, *(offer.entries[name] for name in wanted if name not in there)]
    for name in wanted:
        for key, resource in offer.needs.get(name, {}).items() if name not in before["tools"] else ():
            data.setdefault("resources", {}).setdefault(key, resource)
    _connect(
        data,
        [offer.connects[name] for name in wanted if name in offer.connects],
        {use.name for use in offer.connects.values()},
    )
    gone = set(before["tools"]) - set(wanted)
    rules = data.get("rules")
    if isinstance(rules, list):
        for block in sorted(
            (block for name, block in blocks(rules).items() if name in gone), key=lambda b: -b.places[0]
        ):
            for place in reversed(block.places):
                del rules[place]
        if not rules:
            del data["rules"]


def _connect(data: dict[str, Json], wanted: Sequence[Use], known: Collection[str]) -> None:
    """Give the agent these connections of the workspace, and of those `known` no others."""
    names = {use.name for use in wanted}
    given = data.get("connections")
    for name in [name for name in known if name not in names and isinstance(given, dict) and name in given]:
        if given is not None and set(given[name]) == {"use"}:  # what else is said of it was not said here
            del given[name]
    for use in wanted:
        data.setdefault("connections", {}).setdefault(use.name, {"use": use.of})
    if data.get("connections") == {}:
        del data["connections"]


def _team(data: dict[str, Json], sent: Sent, before: Sent) -> None:
    wanted = list(dict.fromkeys(sent.get("team", ())))
    if set(wanted) == set(before["team"]):
        return
    members = [one for one in listed(data.get("team")) if member_name(one) in wanted]
    data["team"] = [*members, *(name for name in wanted if name not in map(member_name, members))]
    if not data["team"]:
        del data["team"]


def _special(data: dict[str, Json], sent: Sent, before: Sent) -> None:
    rules = data.get("rules")
    for place in reversed(_places(before, "rule")):
        rule = rules[place]  # type: ignore[index]
        if sent.get(f"rule:{place}:drop"):
            del rules[place]  # type: ignore[union-attr]
            continue
        _edit_rule(
            rule,
            {
                part: _typed(sent, before, f"rule:{place}:{part}")
                for part in ("tool", "then", "if", "because")
            },
        )
    if (tool := _new(sent, "rule:new:tool")) or _new(sent, "rule:new:if"):
        rule = {
            "tool": _names(tool),
            _new(sent, "rule:new:then") or "ask": _new(sent, "rule:new:if") or "true",
        }
        if because := _new(sent, "rule:new:because"):
            rule["because"] = because
        data.setdefault("rules", []).insert(_before_choices(data["rules"]), rule)


def _before_choices(rules: Sequence[Json]) -> int:
    """Special rules come before what is decided by a choice, or they would never be reached."""
    return min((block.places[0] for block in blocks(rules).values()), default=len(rules))


def _edit_rule(rule: dict[str, Json], typed: Mapping[str, str | None]) -> None:
    if typed["tool"] is not None:
        rule["tool"] = _names(typed["tool"])
    then = next((key for key in ("allow", "ask", "deny") if rule.get(key) is not None), "ask")
    if typed["then"] is not None and typed["then"] in ("allow", "ask", "deny"):
        rule[typed["then"]] = rule.pop(then, "true")
        then = typed["then"]
    if typed["if"] is not None:
        rule[then] = lines(typed["if"])
    if typed["because"] is not None:
        _put(rule, ("because",), typed["because"] or ...)


def _choices(data: dict[str, Json], sent: Sent, before: Sent, offer: Offer) -> list[Wrong]:
    """A choice is that of a tool that is ticked; its rules may be written instead."""
    wrong: list[Wrong] = []
    has = {name for entry in strings(data.get("tools")) for name in offer.stands_for(entry)}
    known = blocks(listed(data.get("rules")))
    for name in offer.tools:
        may = _new(sent, f"may:{name}")
        if name in has and (rules := _typed(sent, before, f"cel:{name}")) is not None:
            wrong += _written_rules(data, name, rules)
            continue
        if (
            name not in has
            or f"may:{name}" not in sent
            or may not in ("", "alone", "ask", "never", "upto", "known")
        ):
            continue
        choice = Choice(may)  # type: ignore[arg-type]
        if may == "known":
            if name not in KNOWN or (name in known and known[name].choice.may == "known"):
                continue
            choice = Choice("known", above="ask")
        if may == "upto":
            above: Any = _new(sent, f"above:{name}") or "ask"
            most = _new(sent, f"most:{name}").removeprefix("$").strip()
            choice = Choice(
                "upto", _new(sent, f"by:{name}"), most, above if above in ("ask", "never") else "ask"
            )
        if choice != (known[name].choice if name in known else Choice()):
            set_choice(data.setdefault("rules", []), offer.tools[name], choice)
    if data.get("rules") == []:
        del data["rules"]
    return wrong


def _written_rules(data: dict[str, Json], name: str, typed: str) -> list[Wrong]:
    """Rules of a tool as they were typed, in place of those that its choice was."""
    try:
        made = read(typed, "the rules") if typed else []
    except SpecError as error:
        return [Wrong(("may", name), str(error))]
    if not isinstance(made, list) or not all(isinstance(one, dict) and about(one, name) for one in made):
        return [Wrong(("may", name), f"write a list of rules of {name}, each with `tool: {name}`")]
    rules = data.setdefault("rules", [])
    block = blocks(rules).get(name)
    place = block.places[0] if block else len(rules)
    for old in reversed(block.places if block else ()):
        del rules[old]
    for number, rule in enumerate(made):
        rules.insert(place + number, rule)
    return []


def _checks(data: dict[str, Json], sent: Sent, before: Sent) -> None:
    checks = data.get("checks")
    for place in reversed(_places(before, "check")):
        check = checks[place]  # type: ignore[index]
        if sent.get(f"check:{place}:drop"):
            del checks[place]  # type: ignore[union-attr]
            continue
        kind = check_kind(check)
        if (name := _typed(sent, before, f"check:{place}:name")) is not None:
            check["name"] = name
        if (text := _typed(sent, before, f"check:{place}:text")) is not None and kind in (
            "rubric",
            "python",
            "sql",
        ):
            check[kind] = lines(text)
    if text := _new(sent, "check:new:text"):
        kind = _new(sent, "check:new:kind")
        name = _new(sent, "check:new:name") or text.splitlines()[0][:60]
        data.setdefault("checks", []).append(
            {"name": name, kind if kind in ("rubric", "python") else "rubric": lines(text)}
        )
    if data.get("checks") == []:
        del data["checks"]


def _triggers(data: dict[str, Json], sent: Sent, before: Sent) -> None:
    triggers = data.get("triggers")
    for place in reversed(_places(before, "trigger")):
        trigger = triggers[place]  # type: ignore[index]
        if sent.get(f"trigger:{place}:drop"):
            del triggers[place]  # type: ignore[union-attr]
            continue
        for part in TRIGGER:
            if (typed := _typed(sent, before, f"trigger:{place}:{part}")) is None:
                continue
            if typed:
                trigger[part] = lines(typed)
            else:
                trigger.pop(part, None)
    new = {part: typed for part in TRIGGER if (typed := _new(sent, f"trigger:new:{part}"))}
    kind = _new(sent, "trigger:new:kind")
    if {"name", "goal", "schedule", "after", "when", "mail", "slack", "sms"} & set(new):
        others = {*KINDS, *(["zone"] if kind != "schedule" else [])} - {kind}
        made = {part: lines(typed) for part, typed in new.items() if part not in others}
        data.setdefault("triggers", []).append(made)
    if data.get("triggers") == []:
        del data["triggers"]


def _output(data: dict[str, Json], sent: Sent, before: Sent) -> list[Wrong]:
    typed = _typed(sent, before, "output")
    if typed is None:
        return []
    try:
        _put(data, ("output",), json.loads(typed) if typed else ...)
    except ValueError as error:
        data["output"] = typed
        return [Wrong(("output",), f"is not JSON: {error}")]
    return []


def _typed(sent: Sent, before: Sent, name: str) -> str | None:
    """What was typed, where it is another than was shown."""
    if name not in sent:
        return None
    typed = clean(sent[name][0])
    return None if typed == clean(before[name][0]) else typed


def _new(sent: Sent, name: str) -> str:
    return clean(sent[name][0]) if sent.get(name) else ""


def _names(text: str) -> str | list[str]:
    names = [part for part in re.split(r"[\s,]+", text) if part]
    return names if len(names) > 1 else "".join(names)


def _places(before: Iterable[str], kind: str) -> list[int]:
    return sorted({int(name.split(":")[1]) for name in before if name.startswith(f"{kind}:")})
