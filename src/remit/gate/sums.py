"""Rolling sums and counts in conditions: found in them before they are compiled, checked against the tools. Pure.

`sum("refund.amount", "24h")` becomes a look-up in a variable of its own, so that what a rule set asks about the past is
known when it is loaded, is read before the gate is asked, and is a fact like any other to it.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from decimal import Decimal
from typing import Any, Protocol, cast, get_args

from remit.errors import SpecError
from remit.gate.schema import choices, fields, kinds, parts
from remit.gate.values import canonical
from remit.journal.rolling import UNITS, Scope, Sum

Json = Any
SUMS = "__sums__"  # the variable that holds them, by their names
WHY = "__why__"  # beside it, no variable: why one of them is not known
LONGEST = 366 * 86_400  # seconds of a window
SUMMED = frozenset({"number", "integer", "string"})
MOST = 100  # characters of what may be an amount
_TOKEN = re.compile(
    r"//[^\n]*"
    r'|[bB]?[rR](?:"""[\s\S]*?"""|\'\'\'[\s\S]*?\'\'\'|"[^"\n]*"|\'[^\'\n]*\')'
    r'|[bB]?(?:"""(?:\\[\s\S]|[^\\])*?"""|\'\'\'(?:\\[\s\S]|[^\\])*?\'\'\'|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\')'
    r"|[A-Za-z_]\w*|\s+|[\s\S]"
)
_CALL = re.compile(r"""\(\s*(?:"[^"\\\n]*"|'[^'\\\n]*')\s*(?:,\s*(?:"[^"\\\n]*"|'[^'\\\n]*')\s*){1,2}\)""")
_QUOTED = re.compile(r"""["']([^"'\\\n]*)["']""")


class Declared(Protocol):
    """What a tool says of itself, as far as sums go by it."""

    @property
    def schema(self) -> Mapping[str, Json]: ...
    @property
    def effect(self) -> str: ...
    @property
    def sinks(self) -> Mapping[str, str]: ...


def find(condition: str) -> tuple[str, dict[str, Sum]]:
    """The condition with each sum in it as a look-up, and the sums by what stands in their place. Raises SpecError."""
    if SUMS in condition:
        raise SpecError(f'{SUMS!r} is not to be written; write sum("tool.argument", "24h")')
    if "sum" not in condition and "count" not in condition:
        return condition, {}
    made, found, end, before = [], dict[str, Sum](), 0, ""
    for token in _TOKEN.finditer(condition):
        if token.start() < end:
            continue
        text = token[0]
        follows = condition[token.end() :].lstrip()[:1]
        if text in ("sum", "count") and follows == "(" and before != ".":
            one, end = _read(text, condition, token.end())
            text = f"{SUMS}[{_quoted(one.name)}]"
            found[text] = one
        made.append(text)
        before = text if text.strip() else before
    return "".join(made), found


def as_written(message: str, found: Mapping[str, Sum]) -> str:
    """A message about the condition with the sums as people write them."""
    for text, one in found.items():
        message = message.replace(text, one.name)
    return message


def named(text: str) -> Sum:
    """The sum that somebody writes by itself. Raises SpecError."""
    rest, found = find(text.strip())
    if rest not in found:
        raise SpecError(f'{text!r} is no sum; write it as the rule does: sum("refund.amount", "24h")')
    return found[rest]


def resolve(one: Sum, tools: Mapping[str, Declared] | None) -> Sum:
    """The sum with its tool and argument. Raises SpecError for what no tool has, where the tools are known."""
    if tools is None:
        tool, _, argument = one.of.partition(".") if one.what == "sum" else (one.of, "", "")
        return replace(one, tool=tool, argument=argument)
    effects = {name: tool for name, tool in tools.items() if tool.effect in ("egress", "destroy")}
    name = one.of
    if one.what == "sum" and name not in tools:
        name = max((t for t in tools if one.of.startswith(f"{t}.")), key=len, default="")
    if name not in tools:
        raise SpecError(f"{one.name}: {_unknown(one, effects)}")
    if name not in effects:
        raise SpecError(
            f"{one.name}: {name} changes nothing (its effect is {tools[name].effect}), {_of(effects)}"
        )
    argument = one.of[len(name) + 1 :]
    if one.what == "count":
        return replace(one, tool=name)
    whole = _number(one, name, argument, tools[name])
    return replace(one, tool=name, argument=argument, whole=whole)


def measured(args: Mapping[str, Json], sums: Iterable[Sum]) -> dict[str, dict[str, str]]:
    """What a call adds to sums: each of its arguments that reads as an amount, and those that are asked for whether or not.
    What is below nothing makes no room for more: it counts as 0."""
    looked: dict[str, Json] = {
        name: value
        for name, value in args.items()
        if isinstance(value, int | float | str) and not isinstance(value, bool)
    }
    found = {name: amount for name, value in looked.items() if (amount := measure(value))}
    for one in sums:
        if one.argument:
            found[one.argument] = measure(_at(args, one.argument)) or {}
    return found


def measure(value: Json) -> dict[str, str] | None:
    """A number, or money in words, as `{"n": "40.5", "unit": "EUR"}`; None where it is neither."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    form = canonical("amount", value) if not isinstance(value, str) or len(value) <= MOST else None
    if form is None:
        return None
    number, _, unit = form.partition(" ")
    return {"n": "0" if number.startswith("-") else number, "unit": unit}


def amount(value: Json) -> float:
    """For conditions: money in words as a number. Raises ValueError."""
    form = canonical("amount", value)
    if form is None:
        raise ValueError(f"{value!r} cannot be read as an amount")
    return float(form.partition(" ")[0])


def total(
    one: Sum, number: int, sum_: Decimal, unread: int, units: Iterable[str], own: Mapping[str, str] | None
) -> int | float | str:
    """The fact, from what was read; a str says why it is not known. `own`: what the call itself would add to it."""
    if one.what == "count":
        return number
    if unread:
        return f"{unread} of {number} calls have no {one.argument} that can be read as a number"
    several = sorted({*units, *([own["unit"]] if own and own.get("unit") else [])})
    if len(several) > 1:
        return f"{' and '.join(several)} cannot be added up"
    return int(sum_) if one.whole and sum_ == int(sum_) else float(sum_)


def nothing(one: Sum) -> int | float:
    """The sum where nothing was done."""
    return 0 if one.whole or one.what == "count" else 0.0


def facts(sums: Mapping[str, Json]) -> dict[str, Json]:
    """What a condition is evaluated over: the sums that are known, and why others are not."""
    known = {name: value for name, value in sums.items() if not isinstance(value, str)}
    return {SUMS: known, WHY: {name: value for name, value in sums.items() if isinstance(value, str)}}


def _read(what: str, condition: str, at: int) -> tuple[Sum, int]:
    """The call that begins after `what`, and where it ends."""
    call = _CALL.match(condition, at + len(condition[at:]) - len(condition[at:].lstrip()))
    if call is None:
        of = "refund.amount" if what == "sum" else "refund"
        raise SpecError(
            f'{what}() takes, in quotes, what to {what}, the time, and perhaps "agent" or "workspace": '
            f'{what}("{of}", "24h")'
        )
    of, window, *rest = _QUOTED.findall(call[0])
    scope = rest[0] if rest else "person"
    if scope not in get_args(Scope):
        raise SpecError(f"{what}(): {scope!r} is nobody's runs{_near(scope, get_args(Scope))}")
    if not re.fullmatch(rf"[1-9][0-9]{{0,7}}[{''.join(UNITS)}]", window):
        raise SpecError(f"{what}(): {window!r} is no time{_nearest_window(window)}")
    one = Sum("sum" if what == "sum" else "count", of, window, cast(Scope, scope))
    if one.seconds > LONGEST:
        raise SpecError(f"{what}(): {window!r} is longer than a year, which is as far as sums go back")
    return one, call.end()


def _nearest_window(window: str) -> str:
    """`1 day` and `24 hours` are `1d` and `24h`."""
    said = re.fullmatch(r"\s*([1-9][0-9]{0,7})\s*([a-zA-Z])[a-zA-Z]*\s*", window)
    if said and said[2].lower() in UNITS:
        return f"; did you mean '{said[1]}{said[2].lower()}'?"
    return "; write a number and s, m, h, d or w, as 24h"


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '\\"') + '"'


def _unknown(one: Sum, effects: Mapping[str, Declared]) -> str:
    tool, dot, argument = one.of.rpartition(".")
    if one.what == "count" and tool in effects:
        return f'the calls of a tool are counted: count("{tool}", "{one.window}")'
    near = difflib.get_close_matches(tool if one.what == "sum" and dot else one.of, effects, n=1, cutoff=0.5)
    if not near:
        return f"the agent has no such tool; {_of(effects)}"
    right = near[0]
    if one.what == "sum":
        known = [name for name in fields(effects[right].schema, ()) if _adds_up(effects[right], name)]
        closest = difflib.get_close_matches(argument, known, n=1, cutoff=0.0)
        right = f"{right}.{closest[0]}" if closest else right
    return f"the agent has no tool {tool if one.what == 'sum' and dot else one.of!r}; did you mean {right!r}?"


def _of(effects: Mapping[str, Declared]) -> str:
    return f"what can be summed up or counted is {', '.join(sorted(effects)) or 'nothing: no tool has an effect'}"


def _number(one: Sum, name: str, argument: str, tool: Declared) -> bool:
    """Whether the argument is a whole number. Raises SpecError where it is no number."""
    known = [field for field in fields(tool.schema, ()) if _adds_up(tool, field)]
    if not argument:
        example = f', as "{name}.{known[0]}"' if known else f"; {name} has no argument that is a number"
        raise SpecError(f"{one.name}: a sum is of an argument{example}")
    declared = parts(tool.schema, argument.split("."))
    if not declared or "[]" in argument:
        raise SpecError(f"{one.name}: {name} has no argument {argument!r}{_near(argument, known)}")
    said = kinds(declared)
    if said and not said & SUMMED:
        raise SpecError(
            f"{one.name}: {argument} is {' or '.join(sorted(said))}, no number{_near(argument, known)}"
        )
    kind = tool.sinks.get(argument, "amount")
    texts = [value for value in choices(declared) if measure(value) is None]
    if ("string" in said and kind != "amount") or texts:
        what = f"one of {', '.join(map(str, texts))}" if texts else f"of the kind {kind}"
        raise SpecError(f"{one.name}: {argument} is {what}, no number{_near(argument, known)}")
    return said == {"integer"}


def _adds_up(tool: Declared, field: str) -> bool:
    return (
        bool(kinds(parts(tool.schema, (field,))) & {"number", "integer"}) or tool.sinks.get(field) == "amount"
    )


def _near(name: str, known: Iterable[str]) -> str:
    known = list(known)
    close = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
    if close:
        return f"; did you mean {close[0]!r}?"
    return f"; there is {', '.join(known)}" if known else ""


def _at(value: Json, argument: str) -> Json:
    for step in argument.split("."):
        value = value.get(step) if isinstance(value, Mapping) else None
    return value


def asked(found: Mapping[str, Sum]) -> Iterator[str]:
    """The names of the sums."""
    return (one.name for one in found.values())
