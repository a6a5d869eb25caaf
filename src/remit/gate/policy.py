"""Rules against what the tools say of themselves: what can never be right is an error, what is doubtful a warning. Pure."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping, Sequence
from fnmatch import fnmatchcase
from re import fullmatch
from typing import Any, Protocol

from remit.errors import SpecError
from remit.gate.condition import Node, conjuncts, constant, path, paths, walk
from remit.gate.purposes import NAME
from remit.gate.rules import Compiled, Rules
from remit.gate.schema import alike, choices, fields, kind_of, kinds, parts
from remit.gate.sums import SUMS
from remit.gate.sums import Declared as Summed
from remit.journal.events import Person

Json = Any
LABELS = "labels"
OF_LABELS = ("read", "args", "purposes")
SAID = ("person", "secret")  # labels that conditions meet; and `person:` with whose
COMPARED = ("_==_", "_!=_", "_<_", "_<=_", "_>_", "_>=_")
WORDS = ("matches", "startsWith", "endsWith", "contains")  # what only a string can be asked
FACTS: Mapping[str, Json] = {
    "person": {**Person.model_json_schema(), "additionalProperties": False},
    "run": {
        "type": "object",
        "properties": {
            "untrusted": {"type": "boolean"},
            "goal": {"type": "string"},
            "purposes": {"type": "array", "items": {"type": "string"}},
            "counts": {"type": "object", "additionalProperties": {"type": "integer"}},
        },
        "additionalProperties": False,
    },
}


class Declared(Summed, Protocol):
    """What a tool says of itself, as far as rules may rely on it."""

    @property
    def records(self) -> Mapping[str, Json]: ...


Tools = Mapping[str, Declared]


def check(rules: Rules, tools: Tools, inherited: int = 0) -> None:
    """Raises SpecError for the first rule that cannot be meant as it stands: it names what is not there, compares what can
    never be equal, can never hold, or can never be reached. The first `inherited` rules are another agent's, written for
    other tools: they are only counted as coming before the own ones."""
    for number, compiled in enumerate(rules.compiled[inherited:], 1):
        for wrong in _wrong(compiled, _of(compiled, tools)):
            raise SpecError(f"rule {number} ({compiled.rule.name}): {wrong}")
    for number, earlier in shadowed(rules, tools, inherited):
        rule, first = (
            rules.compiled[inherited + number - 1].rule,
            rules.compiled[inherited + earlier - 1].rule,
        )
        raise SpecError(
            f"rule {number} ({rule.name}): is never reached, since rule {earlier} ({first.name}) decides for all its "
            "tools before; move it up, or leave one of the two out"
        )


def warnings(rules: Rules, tools: Tools, autonomy: str = "ask", inherited: int = 0) -> list[str]:
    """What is doubtful, one line each."""
    said = []
    for number, compiled in enumerate(rules.compiled[inherited:], 1):
        said += [
            f"rule {number} ({compiled.rule.name}): {doubt}"
            for doubt in _doubts(compiled, _of(compiled, tools))
        ]
    for compiled in rules.workspace:
        about = _of(compiled, tools)
        for doubt in dict.fromkeys((*_wrong(compiled, about), *_doubts(compiled, about))):
            holds = "" if "it holds" in doubt else ": it holds, whatever the call is"
            said.append(f"the workspace's rule ({compiled.rule.name}): {doubt}{holds}")
    what = "denied" if autonomy in ("act", "shadow", "draft") else "asked about"
    for name, tool in tools.items():
        if tool.effect not in ("egress", "destroy"):
            continue
        decisions = {compiled.rule.decision for compiled in rules.for_tool(name)}
        if not decisions:
            said.append(f"{name} ({tool.effect}): no rule speaks of it, so that it is always {what}")
        elif decisions == {"deny"}:
            said.append(f"{name} ({tool.effect}): rules only deny it; whenever none does, it is {what}")
    return said


def shadowed(rules: Rules, tools: Tools, inherited: int = 0) -> Iterator[tuple[int, int]]:
    """Own rules that are never reached, each with the last of the rules that decide before, by their numbers from 1.
    Inherited rules shadow nothing here: what they stop is for whoever delegates to say."""
    decided: dict[str, int] = {}  # tool -> the rule after which nothing is open
    for number, compiled in enumerate(rules.compiled[inherited:], 1):
        names = list(_of(compiled, tools))
        before = [decided[name] for name in names if name in decided]
        if names and len(before) == len(names):
            yield number, max(before)
        elif compiled.tree is not None and constant(compiled.tree) is True:
            decided |= {name: number for name in names if name not in decided}


def _of(compiled: Compiled, tools: Tools) -> Tools:
    """The tools that a rule is about."""
    return {name: t for name, t in tools.items() if any(fnmatchcase(name, p) for p in compiled.rule.tools)}


def _wrong(compiled: Compiled, tools: Tools) -> Iterator[str]:
    tree = compiled.tree
    if tree is None:
        return
    if constant(tree) is False or any(constant(part) is False for part in conjuncts(tree)):
        yield "the condition can never hold; leave the rule out, or correct it"
    for found, _ in paths(tree):
        yield from _missing(found, tools)
    for node, bound in walk(tree):
        if node.kind == "call" and not any((path(part) or ("",))[0] in bound for part in node.parts):
            yield from _mismatch(node, tools)


def _missing(found: tuple[str, ...], tools: Tools) -> Iterator[str]:
    """A name that is in none of the tools' declarations, or among no facts."""
    root, *rest = found
    if root == "evidence" and rest:
        arguments = sorted({name for tool in tools.values() for name in fields(tool.schema, ())})
        if arguments and rest[0] not in arguments:
            yield f"evidence.{rest[0]}: {_lack(tools, 'argument', rest[0])}{_near(rest[0], arguments)}"
    elif root == LABELS:
        yield from _unlabelled(rest, tools)
    elif root in FACTS or root == "args":
        schemas = [FACTS[root]] if root in FACTS else [tool.schema for tool in tools.values()]
        for depth in range(1, len(rest) + 1):
            if not any(parts(schema, rest[:depth]) for schema in schemas):
                known = sorted({name for schema in schemas for name in fields(schema, rest[: depth - 1])})
                owner = ".".join((root, *rest[: depth - 1]))
                name = rest[depth - 1]
                lack = _lack(tools, "argument", name) if owner == "args" else f"{owner} has no field {name!r}"
                yield f"{lack}{_near(name, known)}"
                return
    elif (
        root not in ("inputs", "past", SUMS)
        and tools
        and not any(root in tool.records for tool in tools.values())
    ):
        offered = sorted({name for tool in tools.values() for name in tool.records})
        yield f"{_lack(tools, 'record', root)}{_near(root, offered)}"


def _unlabelled(rest: Sequence[str], tools: Tools) -> Iterator[str]:
    """What there is no label of."""
    arguments = sorted({name for tool in tools.values() for name in fields(tool.schema, ())})
    if rest and rest[0] not in OF_LABELS:
        yield f"{LABELS} has no field {rest[0]!r}{_near(rest[0], OF_LABELS)}"
    elif rest[0:1] in (["args"], ["purposes"]) and len(rest) > 1 and arguments and rest[1] not in arguments:
        yield f"{LABELS}.{rest[0]}.{rest[1]}: {_lack(tools, 'argument', rest[1])}{_near(rest[1], arguments)}"


def _mismatch(node: Node, tools: Tools) -> Iterator[str]:
    """A comparison that can never come out true, or that CEL cannot make."""
    if node.name in COMPARED:
        for one, other in (node.parts, node.parts[::-1]):
            if other.kind == "const":
                yield from _never(one, other.value, tools, ordered=node.name not in ("_==_", "_!=_"))
    elif node.name == "@in" and (path(node.parts[1]) or ("",))[:2] == (LABELS, "purposes"):
        word = node.parts[0].value if node.parts[0].kind == "const" else None
        if isinstance(word, str) and word != "*" and not fullmatch(NAME, word):
            yield f"{'.'.join(path(node.parts[1]) or ())} never has {word!r}: a purpose is a small word, as marketing"
    elif node.name == "@in" and (path(node.parts[1]) or ("",))[0] == LABELS:
        word = node.parts[0].value if node.parts[0].kind == "const" else None
        if isinstance(word, str) and word not in SAID and not word.startswith("person:"):
            asked = ".".join(path(node.parts[1]) or ())
            yield f"{asked} never has {word!r}{_near(word, [*SAID, 'person:<id>'])}"
    elif node.name == "@in" and node.parts[1].kind == "list":
        for item in node.parts[1].parts:
            if item.kind == "const":
                yield from _never(node.parts[0], item.value, tools)
    elif node.name in WORDS and node.parts:
        where = path(node.parts[0])
        declared = _declared(where, tools)
        said = kinds(declared) if where else frozenset()
        if where and said and "string" not in said:
            yield f"{'.'.join(where)} is {_a(said)}, and {node.name}() asks a string"


def _never(node: Node, value: Json, tools: Tools, ordered: bool = False) -> Iterator[str]:
    """What says that the value of `node` can never be compared with this one."""
    where = path(node)
    if where is None or not (declared := _declared(where, tools)):
        return
    name, said, kind = ".".join(where), kinds(declared), kind_of(value)
    if said and not any(alike(one, kind) for one in said):
        shown = (
            {"true": "true", "false": "false"}.get(str(value).lower(), repr(value))
            if kind != "null"
            else "null"
        )
        hint = f"; whether it is given is asked by has({name})" if kind == "null" else ""
        yield f"{name} is {_a(said)}, and is compared with {shown}, {_a({kind})}{hint}"
    elif not ordered and (few := choices(declared)) and value not in few:
        yield f"{name} is never {value!r}{_near(str(value), [str(one) for one in few])}"


def _declared(where: tuple[str, ...] | None, tools: Tools) -> list[Mapping[str, Json]]:
    if not where or len(where) < 2:
        return []
    if where[0] in FACTS:
        return parts(FACTS[where[0]], where[1:])
    if where[0] != "args":
        return []
    return [part for tool in tools.values() for part in parts(tool.schema, where[1:])]


def _doubts(compiled: Compiled, tools: Tools) -> Iterator[str]:
    """What holds for some of the tools only, or is not decided for any."""
    tree = compiled.tree
    if tree is None:
        return
    looked = list(paths(tree))
    guarded = {found for found, asks in looked if asks}
    unknown = (
        "it is passed over there"
        if compiled.rule.decision == "allow"
        else "it holds there, whatever the call is"
    )
    for found in dict.fromkeys(found[:2] for found, asks in looked if not asks and len(found) > 1):
        if found[0] not in ("args", "evidence") or found in guarded:
            continue
        argument = found[0] == "args"
        without = [
            name
            for name, tool in tools.items()
            if found[1] not in (fields(tool.schema, ()) if argument else tool.sinks)
        ]
        if without:
            what = "an argument" if argument else "a sink, with evidence,"
            yield f"{found[1]!r} is not {what} of {_list(without)}: {unknown}"


def _lack(tools: Tools, what: str, name: str) -> str:
    if len(tools) == 1:
        return f"{next(iter(tools))} has no {what} {name!r}"
    return f"none of {_list(list(tools))} has the {what} {name!r}"


def _near(name: str, known: Sequence[str]) -> str:
    close = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
    if close:
        return f"; did you mean {close[0]!r}?"
    return f"; there is {', '.join(known[:20])}" if known else ""


def _a(said: frozenset[str] | set[str]) -> str:
    return " or ".join(
        kind if kind == "null" else f"an {kind}" if kind[0] in "aeio" else f"a {kind}"
        for kind in sorted(said)
    )


def _list(items: Sequence[str]) -> str:
    return ", ".join(items[:5]) + (f" and {len(items) - 5} more" if len(items) > 5 else "")
