"""The rules of one tool, asked in as few evaluations as can be: handing facts over to CEL is what takes time. Pure.

Conditions stand in each other as `a ? 0 : b ? 1 : -1`. Before that, those are left out that cannot hold, whatever else is so: a
condition of parts joined by `&&` is false where one part is, even where another cannot be decided, and true where all
are. Looked at are the parts that need no evaluation: `has(args.…)`, `run.untrusted`, the evidence of an argument beside
a word or in a list of words, and each of them with a `!` before it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from remit.gate.condition import Node, conjuncts, names, path, paths

Json = Any
SHAPES = 16  # of calls of one tool that are remembered: each has a program of its own
Shape = tuple[bool | None, ...]  # what is known of each guard; None: it is no yes or no
# A variable, a name in it, and of evidence the words that it may be one of
Part = tuple[str, str, frozenset[str]]
Need = tuple[int, bool]  # the place of a guard, and how it must be
NO_WORDS: frozenset[str] = frozenset()


class Asked(Protocol):
    """A rule's condition, compiled."""

    @property
    def condition(self) -> str: ...
    @property
    def tree(self) -> Node | None: ...


@dataclass(frozen=True, slots=True)
class Way:
    """How the rules are asked of one shape of call. `otherwise`: the place of the first that always holds, else their number.
    A program is None that is too deep for CEL."""

    programs: tuple[Any, ...]
    otherwise: int


@dataclass(slots=True)
class Chain:
    rules: Sequence[Asked]
    env: Any  # that they were compiled in; None: each is asked in its turn
    guards: tuple[Part, ...] = ()
    needs: tuple[tuple[Need, ...], ...] = ()  # of each rule: the guards that must be so
    whole: tuple[bool, ...] = ()  # of each rule: whether it holds where they are
    _ways: dict[Shape, Way] = field(default_factory=dict)

    def __post_init__(self) -> None:
        told = [
            list(map(_guard, conjuncts(one.tree))) if one.tree is not None else [None] for one in self.rules
        ]
        found = [[guard for guard in guards if guard is not None] for guards in told]
        self.guards = tuple(dict.fromkeys(part for guards in found for part, _ in guards))
        places = {part: place for place, part in enumerate(self.guards)}
        self.needs = tuple(tuple((places[part], wanted) for part, wanted in guards) for guards in found)
        self.whole = tuple(None not in guards for guards in told)

    def first(self, facts: Mapping[str, Json]) -> int | None:
        """The place of the first rule whose condition holds, their number where none does; None where one before it could not
        be decided. As if each were asked in turn."""
        if self.env is None:
            return None
        shape = tuple([_is(part, facts) for part in self.guards])
        way = self._ways.get(shape)
        if way is None:
            way = self._way(shape)
        for program in way.programs:
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
        left, otherwise = [], len(self.rules)
        for place, (one, needs) in enumerate(zip(self.rules, self.needs, strict=True)):
            if any(shape[guard] is (not wanted) for guard, wanted in needs):
                continue
            sure = self.whole[place] and all(shape[guard] is wanted for guard, wanted in needs)
            if sure or (one.tree is not None and one.tree.kind == "const" and one.tree.value is True):
                otherwise = place
                break
            left.append((place, one))
        way = self._ways[shape] = Way(tuple(self._compiled(left)) if left else (), otherwise)
        return way

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


def _is(part: Part, facts: Mapping[str, Json]) -> bool | None:
    root, name, words = part
    if root == "args":
        return name in facts["args"]
    if root == "evidence":
        level = facts["evidence"].get(name) if root in facts else None
        return level in words if isinstance(level, str) else None
    value = facts["run"].get(name)
    return value if isinstance(value, bool) else None
