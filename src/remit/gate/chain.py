"""The rules of one tool, asked in as few evaluations as can be: handing facts over to CEL is what takes time. Pure.

Conditions stand in each other as `a ? 0 : b ? 1 : -1`. Before that, those are left out that cannot hold, whatever else is so: a
condition of parts joined by `&&` is false where one part is, even where another cannot be decided, and true where all
are. Looked at are the parts that need no evaluation: `has(args.…)`, `run.untrusted`, the evidence of an argument beside
a word or in a list of words, and each of them with a `!` before it. Where what is left of the rules only compares
arguments with numbers and words, that is done here too, as far as the arguments are numbers and words.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import takewhile
from typing import Any, Protocol

from remit.gate.condition import Node, conjuncts, names, path, paths

Json = Any
SHAPES = 16  # of calls of one tool that are remembered: each has a program of its own
Shape = tuple[bool | None, ...]  # what is known of each guard; None: it is no yes or no
# A variable, a name in it, and of evidence the words that it may be one of
Part = tuple[str, str, frozenset[str]]
Need = tuple[int, bool]  # the place of a guard, and how it must be
NO_WORDS: frozenset[str] = frozenset()
INTS = 1 << 63
EXACT = 1 << 53  # whole numbers below are the same as floating ones
# An argument, how it is compared, and with what
Test = tuple[str, Callable[[Json, Json], bool], Json]
_ORDERED = {"_<_": operator.lt, "_<=_": operator.le, "_>_": operator.gt, "_>=_": operator.ge}
_COMPARISONS = {"_==_": operator.eq, "_!=_": operator.ne} | _ORDERED
_TURNED = {"_<_": "_>_", "_<=_": "_>=_", "_>_": "_<_", "_>=_": "_<=_"}  # with the constant first


class Asked(Protocol):
    """A rule's condition, compiled."""

    @property
    def condition(self) -> str: ...
    @property
    def tree(self) -> Node | None: ...


@dataclass(frozen=True, slots=True)
class Way:
    """How the rules are asked of one shape of call. `otherwise`: the place of the first that always holds, else their number."""

    left: Sequence[tuple[int, Asked]]  # those that are asked, with their places
    otherwise: int
    # What is compared in the first of them, up to one of which only CEL can tell
    tests: Sequence[Sequence[Test]]
    programs: dict[int, tuple[Any, ...]] = field(default_factory=dict)  # by how many are passed over


@dataclass(slots=True)
class Chain:
    rules: Sequence[Asked]
    env: Any  # that they were compiled in; None: each is asked in its turn
    guards: tuple[Part, ...] = ()
    needs: tuple[tuple[Need, ...], ...] = ()  # of each rule: the guards that must be so
    # Of each rule: what else must be; None: only CEL can tell
    tests: tuple[tuple[Test, ...] | None, ...] = ()
    _ways: dict[Shape, Way] = field(default_factory=dict)
    # By all that a shape follows from: the names of the arguments, the evidence, and whether the run is untrusted
    _known: dict[tuple[Json, ...], Way] = field(default_factory=dict)

    def __post_init__(self) -> None:
        told = [list(conjuncts(one.tree)) if one.tree is not None else [] for one in self.rules]
        found = [[guard for part in parts if (guard := _guard(part))] for parts in told]
        self.guards = tuple(dict.fromkeys(part for guards in found for part, _ in guards))
        places = {part: place for place, part in enumerate(self.guards)}
        self.needs = tuple(tuple((places[part], wanted) for part, wanted in guards) for guards in found)
        self.tests = tuple(map(_tests, told))

    def first(
        self, seen: Mapping[str, Json], whole: Callable[[], Mapping[str, Json]] | None = None
    ) -> int | None:
        """The place of the first rule whose condition holds, their number where none does; None where one before it could not
        be decided. As if each were asked in turn. `seen`: the arguments, whether the run is untrusted, and the evidence; `whole`:
        all that conditions may ask about, put together where CEL is asked. None: `seen` is all of it."""
        if self.env is None:
            return None
        key: tuple[Json, ...] = ()
        if whole is not None and (untrusted := seen["run"]["untrusted"]).__class__ is bool:
            key = (untrusted, *seen["args"], *seen["evidence"].items())
        way = self._known.get(key)
        if way is None:
            shape = tuple([_is(part, seen) for part in self.guards])
            way = self._ways.get(shape) or self._way(shape)
            if key and len(self._known) < SHAPES:
                self._known[key] = way
        if not way.left:
            return way.otherwise
        passed, holds = _compared(way, seen["args"]) if way.tests else (0, False)
        if holds:
            return way.left[passed][0]
        programs = self._programs(way, passed)
        facts = whole() if programs and whole is not None else seen
        for program in programs:
            if program is None:
                return None
            try:
                place = program.eval(data=facts).plain_value()
            except (RuntimeError, ValueError, TypeError):
                return None
            if not isinstance(place, int):
                return None
            if place >= 0:
                return place
        return way.otherwise

    def _way(self, shape: Shape) -> Way:
        if len(self._ways) >= SHAPES:  # a model makes calls up without end
            shape = (None,) * len(shape)
            if shape in self._ways:
                return self._ways[shape]
        left, tests, otherwise = list[tuple[int, Asked]](), list[tuple[Test, ...] | None](), len(self.rules)
        for place, (one, needs) in enumerate(zip(self.rules, self.needs, strict=True)):
            if any(shape[guard] is (not wanted) for guard, wanted in needs):
                continue
            more = self.tests[place] if all(shape[guard] is wanted for guard, wanted in needs) else None
            if more == ():
                otherwise = place
                break
            left.append((place, one))
            tests.append(more)
        first = takewhile(lambda one: one is not None, tests)
        way = self._ways[shape] = Way(left, otherwise, [one for one in first if one is not None])
        return way

    def _programs(self, way: Way, passed: int) -> tuple[Any, ...]:
        """What CEL is asked of those rules that are not passed over; None in it is too deep for CEL."""
        programs = way.programs.get(passed)
        if programs is None:
            left = way.left[passed:]
            programs = way.programs[passed] = tuple(self._compiled(left)) if left else ()
        return programs

    def _compiled(self, several: Sequence[tuple[int, Asked]]) -> Iterator[Any]:
        """As many conditions at a time as CEL lets stand in each other."""
        text = " : ".join(f"({one.condition}\n) ? {place}" for place, one in several) + " : -1"
        try:
            yield self.env.compile(text)
        except RuntimeError:
            if len(several) == 1:
                yield None
                return
            half = len(several) // 2
            yield from (*self._compiled(several[:half]), *self._compiled(several[half:]))


def asked(rules: Sequence[Asked]) -> frozenset[str] | None:
    """The variables that they ask about, and `run.<name>` for each name in `run` where none asks about all of it; None where
    nobody can tell."""
    found: set[str] = set()
    for one in rules:
        if one.tree is None:
            return None
        found |= names(one.tree)
        found |= {
            f"run.{path[1]}" if len(path) > 1 else "run.*" for path, _ in paths(one.tree) if path[0] == "run"
        }
    return frozenset(found)


def _guard(part: Node) -> tuple[Part, bool] | None:
    """What is asked by a part that is seen at once to be so or not, and how it must be; None for any other."""
    negated = part.kind == "call" and part.name == "!_"
    asks = part.parts[0] if negated else part
    if asks.kind == "call":
        return _worded(asks, not negated)
    if asks.kind not in ("has", "select") or asks.parts[0].kind != "ident":
        return None
    root = asks.parts[0].name
    if (asks.kind, root) != ("has", "args") and (asks.kind, root, asks.name) != (
        "select",
        "run",
        "untrusted",
    ):
        return None
    return (root, asks.name, NO_WORDS), not negated


def _worded(asks: Node, wanted: bool) -> tuple[Part, bool] | None:
    """The evidence of an argument beside a word, or in a list of words."""
    if asks.name not in ("_==_", "_!=_", "@in") or len(asks.parts) != 2:
        return None
    one, other = asks.parts
    if asks.name != "@in" and one.kind == "const":
        one, other = other, one
    place = path(one) if one.kind in ("select", "call") else None
    several = other.parts if asks.name == "@in" and other.kind == "list" else (other,)
    if place is None or len(place) != 2 or place[0] != "evidence":
        return None
    if not all(word.kind == "const" and isinstance(word.value, str) for word in several):
        return None
    words = frozenset(word.value for word in several)
    return ("evidence", place[1], words), wanted is (asks.name != "_!=_")


def _tests(parts: Sequence[Node]) -> tuple[Test, ...] | None:
    """What must be beside the guards among the parts of a condition; None where that is more than comparisons, or nobody
    knows the parts."""
    found = []
    for part in parts:
        if _guard(part) is None and not (part.kind == "const" and part.value is True):
            test = _test(part)
            if test is None:
                return None
            found.append(test)
    return tuple(found) if parts else None


def _test(part: Node) -> Test | None:
    """An argument beside a number or a word."""
    if part.kind != "call" or part.name not in _COMPARISONS or len(part.parts) != 2:
        return None
    (one, other), name = part.parts, part.name
    if one.kind == "const":
        one, other, name = other, one, _TURNED.get(name, name)
    place = path(one) if one.kind in ("select", "call") else None
    if place is None or len(place) != 2 or place[0] != "args" or other.kind != "const":
        return None
    if not _number(other.value) and (not isinstance(other.value, str) or name in _ORDERED):
        return None
    return place[1], _COMPARISONS[name], other.value


def _number(value: Json) -> bool:
    """Whether it is a number that compares here as it does in CEL."""
    return value.__class__ is float or (value.__class__ is int and -EXACT < value < EXACT)


def _given(value: Json) -> bool:
    """Whether CEL surely takes a value."""
    its = value.__class__
    return (
        its is str or its is float or its is bool or value is None or (its is int and -INTS <= value < INTS)
    )


def _compared(way: Way, args: Mapping[str, Json]) -> tuple[int, bool]:
    """How many of the first rules do not hold by what is compared in them, and whether the next holds. Nothing is taken for
    sure, (0, False), where an argument is not there, or is neither a number beside a number nor a word beside a word; and where
    one, asked about or not, is more than CEL can be given, which then decides nothing."""
    if not all(map(_given, args.values())):
        return 0, False
    for number, tests in enumerate(way.tests):
        for name, compare, other in tests:
            value = args.get(name)
            if not (value.__class__ is str if other.__class__ is str else _number(value)):
                return 0, False
            if not compare(value, other):
                break
        else:
            return number, True
    return len(way.tests), False


def _is(part: Part, facts: Mapping[str, Json]) -> bool | None:
    root, name, words = part
    if root == "args":
        return name in facts["args"]
    if root == "evidence":
        level = facts["evidence"].get(name) if root in facts else None
        return level in words if isinstance(level, str) else None
    value = facts["run"].get(name)
    return value if isinstance(value, bool) else None
