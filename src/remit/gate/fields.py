"""Who vouches for which part of a tool's result: paths to its fields, and the integrity of each leaf by them. Pure.

A path is names of fields with dots between them, `[]` for every item of a list and `*` for a field of any name:
`subject`, `messages[].from`, `[].owner`, `prices.*.seller`. It speaks of what stands there and of all beneath. A `*`
alone speaks of all that no other path does; without it that is untrusted. Where several paths speak of the same leaf
the weakest word holds, so that nesting never strengthens. Where a result has another shape than a path leads through,
as a text in place of a list, what stands there is no better than what the path says of its end.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any

from remit.journal.refs import part

Json = Any
LADDER = ("untrusted", "member", "person", "system")  # weakest first
NAMED = "member"  # whose writer has an account of the workspace, and whose words nobody vouches for
TRUSTED = ("system", "person")
REST = "*"
_NAME = r"(?:\*|[^\s.\[\]*](?:[^.\[\]*]*[^\s.\[\]*])?)(?:\[\])*"
_PATH = re.compile(rf"(?:\[\])+(?:\.{_NAME})*|{_NAME}(?:\.{_NAME})*")
_STEP = re.compile(r"\[\]|[^.\[\]]+")

Steps = tuple[str, ...]
Going = tuple[Steps, str]  # the steps of a path that are left, and what it says of its end


def steps_of(path: str) -> Steps:
    """`messages[].from` as ("messages", "[]", "from"). Raises ValueError for what is no path."""
    if not _PATH.fullmatch(path):
        raise ValueError(
            f"{path!r} is no path of fields: write it as subject, messages[].from or prices.*.name"
        )
    return tuple(_STEP.findall(path))


def weaker(*labels: str) -> str:
    """The weakest; of none, system. What is not known is untrusted."""
    return LADDER[min((LADDER.index(one) if one in LADDER else 0 for one in labels), default=-1)]


def worst(fields: Mapping[str, str]) -> str:
    """What can be said of a result as a whole."""
    return weaker(fields.get(REST, "untrusted"), *fields.values())


def useless(fields: Mapping[str, str]) -> str | None:
    """In words, what is wrong with the first path that says nothing, since a shorter or wider one says less already."""
    paths = {path: steps_of(path) for path in fields if path != REST}
    for path, steps in paths.items():
        for other, wide in paths.items():
            covers = other != path and len(wide) <= len(steps) and all(map(_covers, wide, steps))
            if covers and weaker(fields[other], fields[path]) != fields[path]:
                return (
                    f"{path!r} cannot be {fields[path]}: it is a part of {other!r}, which is {fields[other]}"
                )
    return None


def labelled(value: Json, fields: Mapping[str, str]) -> Iterator[tuple[Json, str]]:
    """Every scalar in a result with its integrity, keys of objects included; a key is no better than what it leads to."""
    going, rest = _begun(fields)
    return _walk(value, going, None, rest)


def at(value: Json, fields: Mapping[str, str], steps: Sequence[str]) -> Iterator[tuple[Json, str]]:
    """The same of the part that stands at `steps`, keys of objects and places in lists. Raises LookupError where there is
    none."""
    going, rest = _begun(fields)
    label: str | None = None
    for step in steps:
        going, label = _fitting(value, going, label, rest)
        name = step if isinstance(value, Mapping) else "[]"
        value = part(value, step)
        going, label = _into(name, going, label)
    return _walk(value, going, label, rest)


def _walk(value: Json, going: Sequence[Going], label: str | None, rest: str) -> Iterator[tuple[Json, str]]:
    going, label = _fitting(value, going, label, rest)
    if isinstance(value, Mapping):
        for key, item in value.items():
            inner, its = _into(key, going, label)
            yield key, weaker(label or rest, its or rest, *(says for _, says in inner))
            yield from _walk(item, inner, its, rest)
    elif isinstance(value, list | tuple):
        inner, its = _into("[]", going, label)
        for item in value:
            yield from _walk(item, inner, its, rest)
    elif value is not None:
        yield value, label or rest


def _fitting(
    value: Json, going: Sequence[Going], label: str | None, rest: str
) -> tuple[Sequence[Going], str | None]:
    """The paths that lead on from a value, and its label: the ends of those that cannot lead on weaken it."""
    if not going:
        return going, label
    of_list, of_object = isinstance(value, list | tuple), isinstance(value, Mapping)
    fit = [one for one in going if (of_list if one[0][0] == "[]" else of_object)]
    if len(fit) == len(going):
        return going, label
    return fit, weaker(label or rest, *(says for steps, says in going if (steps, says) not in fit))


def _into(name: str, going: Sequence[Going], label: str | None) -> tuple[list[Going], str | None]:
    """The paths that go through a field, or an item, and its label: that of what it is a part of, and of those that end."""
    through = [(steps[1:], says) for steps, says in going if _covers(steps[0], name)]
    ended = [says for steps, says in through if not steps]
    if ended:
        label = weaker(*ended) if label is None else weaker(label, *ended)
    return [one for one in through if one[0]], label


def _covers(step: str, name: str) -> bool:
    return step == name or (step == "*" and name != "[]")


def _begun(fields: Mapping[str, str]) -> tuple[Sequence[Going], str]:
    try:
        return _compiled(tuple(fields.items()))
    except ValueError:  # of newer code: it cannot be read, so it says nothing good
        return (), "untrusted"


@lru_cache(maxsize=512)
def _compiled(fields: Iterable[tuple[str, str]]) -> tuple[Sequence[Going], str]:
    given = dict(fields)
    rest = weaker(given.get(REST, "untrusted"))
    return tuple((steps_of(path), says) for path, says in given.items() if path != REST), rest
