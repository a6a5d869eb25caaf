"""References: in place of a value, an argument may say where it stands, as `{"$ref": "3.1#/messages/0/from"}`. Pure.

Before the `#` is the number of a call that has a result, after it a JSON pointer (RFC 6901) into that. The journal keeps the
reference as the model wrote it; what it stands for follows from the journal, so that it is the same whoever asks, after a
crash too. A call sees the results of earlier answers only: what its own answer will bring is not known when it is judged.
A `$ref` that begins with `#` is nobody's reference: JSON Schema has such, for a place in the same document.

The text that came with the goal is `0.0`. Of an object, `*0` is the field whose name sorts first, `*1` the next, where the
object has no field of that very name: so fields can be referred to by whoever does not know their names.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from pydantic_core import from_json

from remit.errors import Mend
from remit.journal.state import CallState, State

Json = Any
KEY = "$ref"
QUOTED = "0.0"  # by which what came with the goal is referred to
MOST = 50  # references in one call
TOLD = 12  # calls, or places in a result, that the model is told of
_WRITTEN = re.compile(r"([0-9]+\.[0-9]+)(?:#((?:/.*)?))?", re.DOTALL)
_AS_TEXT = re.compile(
    r'\s*\{\s*"\$ref"\s*:'
)  # where a tool's schema insists on text, a model writes it as text


@dataclass(frozen=True, slots=True)
class Pointer:
    """A place in the result of a call: `steps` are keys of objects and places in lists."""

    call: str
    steps: tuple[str, ...] = ()


Pointers = Mapping[str, tuple[Pointer, ...]]  # argument -> what it refers to


def arguments(state: State, call: CallState) -> tuple[Mapping[str, Json], Pointers]:
    """The arguments of a call with what they refer to in its place, and which argument refers to what. Raises Mend, telling
    what there is, for a reference to nothing."""
    args = call.call.args
    if _refers_to_nothing(args):
        return args, {}
    found: dict[str, list[Pointer]] = {name: [] for name in args}
    values = {name: _resolved(state, call, value, found[name]) for name, value in args.items()}
    if sum(map(len, found.values())) > MOST:
        raise Mend(
            f"too many references: at most {MOST} in one call; refer to a whole list or object at once"
        )
    return values, {name: tuple(pointers) for name, pointers in found.items() if pointers}


def _refers_to_nothing(args: Mapping[str, Json]) -> bool:
    """Surely: asked of every call, several times, so it must cost next to nothing."""
    for value in args.values():
        its = value.__class__
        if its is str:
            if KEY in value:
                return False
        elif its is not int and its is not bool and isinstance(value, str | dict | list):
            return False
    return True


def given(state: State, call: CallState) -> Mapping[str, Json]:
    """The same arguments, for whoever only looks: as they are written where a reference is to nothing."""
    if _refers_to_nothing(call.call.args):
        return call.call.args
    try:
        return arguments(state, call)[0]
    except Mend:
        return call.call.args


def proposed(state: State, call: CallState) -> Mapping[str, Json]:
    """The arguments as the model had them, where a person has changed them since."""
    return given(state, replace(call, call=call.proposed)) if call.proposed else given(state, call)


def has_reference(value: Json) -> bool:
    """Whether a reference stands anywhere in it."""
    if _reference(value) is not None:
        return True
    items = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return any(map(has_reference, items))


def refers(state: State, call: CallState) -> tuple[Pointer, ...]:
    """What its arguments refer to."""
    if _refers_to_nothing(call.call.args):
        return ()
    try:
        return tuple(one for pointers in arguments(state, call)[1].values() for one in pointers)
    except Mend:
        return ()


def part(value: Json, step: str) -> Json:
    """What stands there in an object or a list. Raises LookupError where nothing does."""
    if isinstance(value, Mapping):
        return value[step]
    if isinstance(value, list) and re.fullmatch("0|[1-9][0-9]{0,8}", step):
        return value[int(step)]
    raise LookupError(step)


def nth(value: Mapping[str, Json]) -> list[str]:
    """The names of an object's fields, in the order by which `*0`, `*1`, … count them."""
    return sorted(value)


def _in_full(value: Json, step: str) -> str:
    """The name of the field that a step leads to. Raises LookupError."""
    if isinstance(value, Mapping) and step not in value and re.fullmatch(r"\*(?:0|[1-9][0-9]{0,5})", step):
        return nth(value)[int(step[1:])]
    return step


def _resolved(state: State, call: CallState, value: Json, found: list[Pointer]) -> Json:
    written = _reference(value)
    if written is not None:
        pointer, there = _followed(state, call, written)
        found.append(pointer)
        return there
    if isinstance(value, dict):
        return {key: _resolved(state, call, item, found) for key, item in value.items()}
    if isinstance(value, list):
        return [_resolved(state, call, item, found) for item in value]
    return value


def _reference(value: Json) -> str | None:
    """What a reference says; None where the value is none."""
    if _is_text(value):
        try:
            value = from_json(value)
        except ValueError:
            return None
    if not isinstance(value, dict) or value.keys() != {KEY}:
        return None
    written = value[KEY]
    return written if isinstance(written, str) and not written.startswith("#") else None


def _is_text(value: Json) -> bool:
    return isinstance(value, str) and len(value) < 1_000 and _AS_TEXT.match(value) is not None


def _followed(state: State, call: CallState, written: str) -> tuple[Pointer, Json]:
    read = _WRITTEN.fullmatch(written)
    if read and read[1] == QUOTED and not read[2] and state.started and state.started.quoted:
        return Pointer(QUOTED), state.started.quoted
    target = state.calls.get(read[1]) if read else None
    if read is None or target is None or not _readable(target, call):
        wrong = f"there is no result {read[1]} to refer to" if read else f"{written[:100]!r} is no reference"
        known = [f"{id_} ({one.call.tool})" for id_, one in state.calls.items() if _readable(one, call)]
        there = f"results are {_some(known[-TOLD:], len(known))}" if known else "there are no results yet"
        raise Mend(f'{wrong}; write it as {{"{KEY}": "3.1#/messages/0/from"}}; {there}')
    assert target.acted is not None
    value = target.acted.result
    steps: tuple[str, ...] = ()
    try:
        for one in (read[2] or "").split("/")[1:]:
            step = _in_full(value, one.replace("~1", "/").replace("~0", "~"))
            value, steps = part(value, step), (*steps, step)
    except LookupError:
        places = list(_places(target.acted.result))
        there = (
            f"there is {_some(places[:TOLD], len(places))}"
            if places
            else "it is one value: refer to it whole"
        )
        raise Mend(f"the result {read[1]} has nothing at {(read[2] or '')[:100]}; {there}") from None
    return Pointer(read[1], steps), value


def _readable(target: CallState, call: CallState) -> bool:
    """Whether a call may refer to what came of another."""
    told = target.acted is not None and target.acted.status in ("ok", "simulated")
    return told and target.seq < call.seq and target.undoes is None


def _places(value: Json, here: str = "", most: int = TOLD * 8) -> Iterator[str]:
    """JSON pointers to the first values in a result."""
    items: Any = ()
    if isinstance(value, Mapping):
        items = value.items()
    elif isinstance(value, list):
        items = enumerate(value)
    elif here:
        yield here
    count = 0
    for key, item in items:
        name = str(key).replace("~", "~0").replace("/", "~1")
        for place in _places(item, f"{here}/{name}"[:200], most):
            yield place
            count += 1
            if count == most:
                return


def _some(names: list[str], all_: int) -> str:
    return ", ".join(names) + (f" and {all_ - len(names)} more" if all_ > len(names) else "")
