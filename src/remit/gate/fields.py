"""What a tool says of the parts of its result: paths to fields, and the label of each leaf by them. Pure.

Labels of one sort make a scale: integrity (who vouches for it) is one, confidentiality (who may have it) another.

A path is names of fields with dots between them, `[]` for every item of a list and `*` for a field of any name:
`subject`, `messages[].from`, `[].owner`, `prices.*.seller`. It speaks of what stands there and of all beneath. A `*`
alone speaks of all that no other path does; without it that is untrusted. Where several paths speak of the same leaf
the weakest word holds, so that nesting never strengthens. Where a result has another shape than a path leads through,
as a text in place of a list, what stands there is no better than what the path says of its end.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Generic, TypeVar

from remit.journal.refs import part

Json = Any
LADDER = ("untrusted", "member", "person", "system")  # weakest first
NAMED = "member"  # whose writer has an account of the workspace, and whose words nobody vouches for
TRUSTED = ("system", "person")
REST = "*"
UNREAD = "?"  # the word where a declaration cannot be read: the worst that a scale knows
_NAME = r"(?:\*|[^\s.\[\]*](?:[^.\[\]*]*[^\s.\[\]*])?)(?:\[\])*"
_PATH = re.compile(rf"(?:\[\])+(?:\.{_NAME})*|{_NAME}(?:\.{_NAME})*")
_STEP = re.compile(r"\[\]|[^.\[\]]+")

L = TypeVar("L")
L_co = TypeVar("L_co", covariant=True)
Steps = tuple[str, ...]
Going = tuple[Steps, str]  # the steps of a path that are left, and what it says of its end
Around = tuple[tuple[Mapping[str, Json], Steps], ...]  # objects, outermost first, and where each stands


@dataclass(frozen=True, slots=True)
class Scale(Generic[L_co]):
    """Labels of one sort. `weaker`: the one that holds where several speak of the same value; `says`: what the word of a
    path comes to where it ends, given the objects there; `scoped`: whether that depends on them."""

    weaker: Callable[..., L_co]
    says: Callable[[str, Around], L_co]
    unspoken: str  # the word for what no path speaks of
    scoped: bool = False


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


INTEGRITY: Scale[str] = Scale(weaker, lambda word, around: weaker(word), LADDER[0])


def useless(fields: Mapping[str, str], weaker: Callable[..., str] = weaker) -> str | None:
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
    return scaled(value, fields, (), INTEGRITY)


def at(value: Json, fields: Mapping[str, str], steps: Sequence[str]) -> Iterator[tuple[Json, str]]:
    """The same of the part that stands at `steps`, keys of objects and places in lists. Raises LookupError where there is
    none."""
    return scaled(value, fields, steps, INTEGRITY)


def scaled(
    value: Json, fields: Mapping[str, str], steps: Sequence[str], scale: Scale[L]
) -> Iterator[tuple[Json, L]]:
    """The same, with labels of whichever scale."""
    going, word = _begun(fields, scale.unspoken)
    around, place = _and(value, (), (), scale), Steps()
    rest = scale.says(word, around)
    label: L | None = None
    for step in steps:
        going, label = _fitting(value, going, label, rest, scale)
        name = step if isinstance(value, Mapping) else "[]"
        value, place = part(value, step), (*place, step)
        around = _and(value, around, place, scale)
        going, label = _into(name, going, label, scale, around)
    return _walk(value, going, label, rest, scale, around, place)


@dataclass(frozen=True, slots=True)
class Spot:
    """A place in a result. `says`: the integrity of what stands there; where it is not `settled`, what stands beneath may
    have another."""

    value: Json
    says: str
    settled: bool
    _going: Sequence[Going]
    _label: str | None
    _rest: str

    def items(self) -> Iterator[tuple[str, str, Spot]]:
        """What an object or a list holds: name, integrity of the name, place."""
        if isinstance(self.value, Mapping):
            for key, item in self.value.items():
                inner, its = _into(key, self._going, self._label, INTEGRITY, ())
                said = weaker(self.says, its or self._rest, *(INTEGRITY.says(word, ()) for _, word in inner))
                yield key, said, _spot(item, inner, its, self._rest)
        elif isinstance(self.value, list):
            inner, its = _into("[]", self._going, self._label, INTEGRITY, ())
            for place, item in enumerate(self.value):
                yield str(place), "system", _spot(item, inner, its, self._rest)


def spot(value: Json, fields: Mapping[str, str]) -> Spot:
    """A result, to be gone through place by place: `labelled` with where each value stands."""
    going, word = _begun(fields, INTEGRITY.unspoken)
    return _spot(value, going, None, INTEGRITY.says(word, ()))


def _spot(value: Json, going: Sequence[Going], label: str | None, rest: str) -> Spot:
    going, label = _fitting(value, going, label, rest, INTEGRITY)
    return Spot(value, label or rest, not going, going, label, rest)


def _walk(
    value: Json,
    going: Sequence[Going],
    label: L | None,
    rest: L,
    scale: Scale[L],
    around: Around,
    place: Steps,
) -> Iterator[tuple[Json, L]]:
    going, label = _fitting(value, going, label, rest, scale)
    if isinstance(value, Mapping):
        for key, item in value.items():
            there = (*place, str(key)) if scale.scoped else place
            near = _and(item, around, there, scale)
            inner, its = _into(key, going, label, scale, near)
            yield key, scale.weaker(label or rest, its or rest, *(scale.says(word, ()) for _, word in inner))
            yield from _walk(item, inner, its, rest, scale, near, there)
    elif isinstance(value, list | tuple):
        inner, its = _into("[]", going, label, scale, around)
        for index, item in enumerate(value):
            if scale.scoped:
                there = (*place, str(index))
                near = _and(item, around, there, scale)
                inner, its = _into("[]", going, label, scale, near)
                yield from _walk(item, inner, its, rest, scale, near, there)
            else:
                yield from _walk(item, inner, its, rest, scale, around, place)
    elif value is not None:
        yield value, label or rest


def _and(value: Json, around: Around, place: Steps, scale: Scale[L]) -> Around:
    return (*around, (value, place)) if scale.scoped and isinstance(value, Mapping) else around


def _fitting(
    value: Json, going: Sequence[Going], label: L | None, rest: L, scale: Scale[L]
) -> tuple[Sequence[Going], L | None]:
    """The paths that lead on from a value, and its label: the ends of those that cannot lead on weaken it."""
    if not going:
        return going, label
    of_list, of_object = isinstance(value, list | tuple), isinstance(value, Mapping)
    fit = [one for one in going if (of_list if one[0][0] == "[]" else of_object)]
    if len(fit) == len(going):
        return going, label
    lost = (scale.says(word, ()) for steps, word in going if (steps, word) not in fit)
    return fit, scale.weaker(label or rest, *lost)


def _into(
    name: str, going: Sequence[Going], label: L | None, scale: Scale[L], around: Around
) -> tuple[list[Going], L | None]:
    """The paths that go through a field, or an item, and its label: that of what it is a part of, and of those that end."""
    through = [(steps[1:], word) for steps, word in going if _covers(steps[0], name)]
    ended = [scale.says(word, around) for steps, word in through if not steps]
    if ended:
        label = scale.weaker(*ended) if label is None else scale.weaker(label, *ended)
    return [one for one in through if one[0]], label


def _covers(step: str, name: str) -> bool:
    return step == name or (step == "*" and name != "[]")


def _begun(fields: Mapping[str, str], unspoken: str) -> tuple[Sequence[Going], str]:
    try:
        return _compiled(tuple(fields.items()), unspoken)
    except ValueError:  # of newer code: it cannot be read, so it says nothing good
        return (), UNREAD


@lru_cache(maxsize=512)
def _compiled(fields: Iterable[tuple[str, str]], unspoken: str) -> tuple[Sequence[Going], str]:
    given = dict(fields)
    rest = given.get(REST, unspoken)
    return tuple((steps_of(path), word) for path, word in given.items() if path != REST), rest
