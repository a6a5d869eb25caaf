"""Rules that a person reads and sets by a choice: of one tool, alone, asked first, never, or alone up to a limit. All other rules
are told as they stand. The choices are the rules: they are read from the document, and written into it, where they stood. Pure.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, MutableSequence, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any, Literal

from remit.gate.schema import kinds, parts
from remit.tools.tool import Tool

Json = Any
May = Literal["", "alone", "ask", "never", "upto", "known"]
KEYS = {"tool", "allow", "ask", "deny", "because"}
DECISION: Mapping[str, May] = {"allow": "alone", "ask": "ask", "deny": "never"}
WRITTEN = {"alone": "allow", "ask": "ask", "never": "deny"}
NUMBER = r"\d{1,12}(?:\.\d{1,4})?"
LIMIT = re.compile(rf"\s*(?:args\.([A-Za-z_]\w*)|amount\(args\.([A-Za-z_]\w*)\))\s*<=\s*({NUMBER})\s*")


VOUCHED = '["grant", "person", "endorsed"]'
# What goes to people: when it goes to somebody, and says something, that the run has leave for; and that in words
KNOWN: Mapping[str, tuple[str, str]] = {
    "mail_send": (
        f"evidence.to in {VOUCHED} && (args.cc.size() == 0 || evidence.cc in {VOUCHED})"
        f" && (args.bcc.size() == 0 || evidence.bcc in {VOUCHED}) && args.files.size() == 0"
        ' && evidence.subject != "unvouched" && evidence.text != "unvouched"',
        "to whom the goal names, without files",
    ),
    "mail_reply": (
        'mail.verified && evidence.message == "grant" && args.files.size() == 0 && evidence.text != "unvouched"',
        "to the verified sender of its mail, without files",
    ),
    "sms_send": (
        f'evidence.to in {VOUCHED} && evidence.text != "unvouched"',
        "to whom the goal names",
    ),
    "sms_reply": (
        'evidence.message == "grant" && evidence.text != "unvouched"',
        "to the sender of the message that began it",
    ),
    "whatsapp_send": (
        f'evidence.to in {VOUCHED} && evidence.text != "unvouched" && args.template == ""',
        "to whom the goal names, without a template",
    ),
    "whatsapp_reply": (
        'evidence.message == "grant" && evidence.text != "unvouched"',
        "to the sender of the message that began it",
    ),
    "chat_reply": (
        'evidence.chat == "grant" && evidence.text != "unvouched"',
        "in the chat that began it",
    ),
    "slack_post": (
        'evidence.channel == "grant" && evidence.text != "unvouched"',
        "to the channel of its goal",
    ),
    "slack_reply": (
        'evidence.channel == "grant" && evidence.message == "grant" && evidence.text != "unvouched"',
        "to the message that began it",
    ),
}


@dataclass(frozen=True, slots=True)
class Choice:
    """What an agent may do with one tool. Empty: no such rule is there."""

    may: May = ""
    argument: str = ""  # of `upto`: what is limited
    most: str = ""  # to how much it may go alone
    above: Literal["", "ask", "never"] = ""  # what becomes of all else, of `upto` and `known`


@dataclass(frozen=True, slots=True)
class Block:
    """A choice as it stands among the rules."""

    choice: Choice
    places: tuple[int, ...]  # of its rules, from 0


def limited(tool: Tool) -> dict[str, bool]:
    """The arguments by which a limit can be set -> whether it is money in words, as `40 USD`."""
    found: dict[str, bool] = {}
    for name in tool.schema.get("properties", {}):
        said = kinds(parts(tool.schema, (name,)))
        if said and said <= {"number", "integer"}:
            found[name] = False
        elif said == {"string"} and tool.sinks.get(name) == "amount":
            found[name] = True
    return found


def blocks(rules: Sequence[Json]) -> dict[str, Block]:
    """The choices that stand among the rules, by tool. Rules of one tool that do not make a choice are none of them."""
    by_tool: dict[str, list[int]] = {}
    for place, rule in enumerate(rules):
        if isinstance(rule, Mapping) and isinstance(rule.get("tool"), str) and not _pattern(rule["tool"]):
            by_tool.setdefault(rule["tool"], []).append(place)
    found = {}
    for tool, places in by_tool.items():
        if (choice := _choice([rules[place] for place in places])) is not None:
            found[tool] = Block(choice, tuple(places))
    return found


def _pattern(name: str) -> bool:
    return any(mark in name for mark in "*?[")


def _choice(rules: Sequence[Mapping[str, Json]]) -> Choice | None:
    if any(set(rule) - KEYS for rule in rules):
        return None  # somebody else is to be asked, or within a time: more than a choice says
    said = [
        next(((key, rule[key]) for key in DECISION if rule.get(key) is not None), ("", "")) for rule in rules
    ]
    if not said or said[-1][0] == "" or str(said[-1][1]).strip() != "true":
        return None
    last = DECISION[said[-1][0]]
    if len(said) == 1:
        return Choice(last)
    then: Literal["ask", "never"] = "ask" if last == "ask" else "never"
    known = KNOWN.get(rules[0]["tool"], ("", ""))[0]
    if len(said) == 2 and said[0] == ("allow", known) and last != "alone":
        return Choice("known", above=then)
    found = LIMIT.fullmatch(str(said[0][1])) if len(said) == 2 and said[0][0] == "allow" else None
    if found is None or last == "alone":
        return None
    return Choice("upto", found[1] or found[2], found[3], then)


def set_choice(rules: MutableSequence[Json], tool: Tool, choice: Choice) -> None:
    """Put a choice in place of the one that stands there, at its place; a new one comes last."""
    before = blocks(rules).get(tool.name)
    because: dict[str, Json] = {}
    place = len(rules)
    if before is not None:
        for old in reversed(before.places):
            rule = rules[old]
            if rule.get("because"):
                because |= {key: rule["because"] for key in ("ask", "deny") if key in rule}
            del rules[old]
        place = before.places[0]
    for number, rule in enumerate(written(tool, choice)):
        (key,) = rule.keys() & {"allow", "ask", "deny"}
        rules.insert(place + number, {**rule, **({"because": because[key]} if key in because else {})})


def written(tool: Tool, choice: Choice) -> list[dict[str, Json]]:
    """The rules that a choice is."""
    if choice.may == "":
        return []
    if choice.may not in ("upto", "known"):
        return [{"tool": tool.name, WRITTEN[choice.may]: "true"}]
    if choice.may == "known":
        last = {"tool": tool.name, WRITTEN[choice.above or "ask"]: "true"}
        return [{"tool": tool.name, "allow": KNOWN[tool.name][0]}, last]
    what = f"args.{choice.argument}"
    value = f"amount({what})" if limited(tool).get(choice.argument) else what
    return [
        {"tool": tool.name, "allow": f"{value} <= {choice.most}"},
        {"tool": tool.name, WRITTEN[choice.above or "ask"]: "true"},
    ]


def about(rule: Mapping[str, Json], tool: str) -> bool:
    """Whether a rule of the document is about a tool."""
    named = rule.get("tool")
    names = [named] if isinstance(named, str) else named if isinstance(named, list | tuple) else []
    return any(isinstance(one, str) and fnmatchcase(tool, one) for one in names)
