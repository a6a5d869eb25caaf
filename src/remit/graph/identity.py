"""Which profiles are one person: a function of the links between them, whatever the order in which they came. Pure.

What a source has checked, and what people say, joins: each such link in turn, the earliest first, unless both sides would then
have different numbers of a system that keeps its own people apart, or a person has said that they are two. What was only seen
together joins no more than two: somebody known and what is loose around them, each for itself, or two that are loose and have nobody
else. So what is weak is never a step to what is further away, and two known persons are never made one by it: that is asked.

Between the two stands what was found to be alike (`match.py`): the likeliest first, it joins those of whom each is alike with each, so that
one who is between two never makes them one; where it does not join, people are asked.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, NamedTuple

from remit.graph.identifiers import given_out

How = Literal["verified", "alike", "seen", "same", "apart"]
Held = Literal["", "shared", "conflict", "doubtful", "several", "chain", "refused", "unlike", "many"]
STRONG = 0.9  # how likely two that are alike must be one person to be made one
CORES = 6  # that are made one by being alike; more are no person
CONFIDENCE: dict[str, float] = {"same": 1.0, "apart": 1.0, "verified": 0.99, "seen": 0.6}
# Why a link joins nobody, in words
WHY: dict[str, str] = {
    "": "joins them",
    "shared": "one of them is many people's",
    "conflict": "they would then have two different numbers of one system",
    "doubtful": "both are known already, and were only seen together",
    "several": "it was seen with several people, so it is nobody's",
    "chain": "neither is known for sure, and one of them was seen with others too",
    "refused": "a person said that these are two people",
    "unlike": "one of them is already one with somebody who is not so much like the other",
    "many": "so many are alike that they are hardly one person",
}


class Node(NamedTuple):
    id: int
    kind: str
    value: str
    verified: bool = False
    shared: bool = False


class Link(NamedTuple):
    id: int
    a: int
    b: int
    how: How
    at: datetime
    source: str = ""
    event: str = ""
    confidence: float = 1.0


@dataclass(frozen=True, slots=True)
class Standing:
    """What became of a link. `asks`: the two about whom people are asked because of it."""

    held: Held = ""
    asks: tuple[int, int] | None = None


@dataclass(frozen=True, slots=True)
class Resolved:
    person: Mapping[int, int]  # profile -> the smallest one of its person
    links: Mapping[int, Standing]


class _People:
    """Sets of profiles that only grow, with what may never be in one."""

    def __init__(self, nodes: Mapping[int, Node], apart: Iterable[tuple[int, int]]) -> None:
        self.of = {id_: id_ for id_ in nodes}
        self.members = {id_: [id_] for id_ in nodes}
        self.numbers: dict[int, dict[str, int]] = {
            id_: {one.kind: id_} if given_out(one.kind) and one.verified else {} for id_, one in nodes.items()
        }
        self.apart: dict[int, set[int]] = {}
        for a, b in apart:
            self.apart.setdefault(a, set()).add(b)
            self.apart.setdefault(b, set()).add(a)

    def clash(self, a: int, b: int) -> tuple[int, int] | None:
        """Two numbers of one system that they would have together."""
        ours, theirs = self.numbers[self.of[a]], self.numbers[self.of[b]]
        kinds = sorted(kind for kind in ours.keys() & theirs.keys() if ours[kind] != theirs[kind])
        return (ours[kinds[0]], theirs[kinds[0]]) if kinds else None

    def told_apart(self, a: int, b: int) -> bool:
        ours, theirs = self.members[self.of[a]], self.of[b]
        return any(self.of[other] == theirs for one in ours for other in self.apart.get(one, ()))

    def join(self, a: int, b: int) -> None:
        keep, lose = self.of[a], self.of[b]
        if keep == lose:
            return
        if len(self.members[keep]) < len(self.members[lose]):
            keep, lose = lose, keep
        for one in self.members.pop(lose):
            self.of[one] = keep
            self.members[keep].append(one)
        self.numbers[keep] = {**self.numbers.pop(lose), **self.numbers[keep]}


def resolve(nodes: Mapping[int, Node], links: Iterable[Link]) -> Resolved:
    """`links`: those that hold, between these nodes."""
    ordered = sorted(links, key=lambda one: _turn(one, nodes))
    people = _People(nodes, [(one.a, one.b) for one in ordered if one.how == "apart"])
    found = {one.id: Standing() for one in ordered}
    said = [one for one in ordered if one.how == "same"]
    for link in said:
        if people.of[link.a] != people.of[link.b] and people.told_apart(link.a, link.b):
            found[link.id] = Standing("refused")
        else:
            people.join(link.a, link.b)
    checked = [one for one in ordered if one.how == "verified"]
    _check(nodes, checked, people, found)
    known = _known(nodes, people)
    alike = sorted(
        (one for one in ordered if one.how == "alike"), key=lambda one: (-one.confidence, _ends(one, nodes))
    )
    _alike(nodes, alike, people, found)
    known = {people.of[one] for one in known}
    _loosely(nodes, [one for one in ordered if one.how == "seen"], known, people, found)
    for link in alike:
        asks = found[link.id].asks
        if asks and people.of[asks[0]] == people.of[asks[1]]:
            found[link.id] = Standing()  # they are one by what was seen together
    person = {one: min(members) for members in people.members.values() for one in members}
    return Resolved(person, found)


def _check(nodes: Mapping[int, Node], links: list[Link], people: _People, found: dict[int, Standing]) -> None:
    """Join by what sources have checked."""
    met: dict[
        int, dict[str, dict[int, int]]
    ] = {}  # profile -> kind -> person -> the number that it came with
    for link in links:
        for one, other in ((link.a, link.b), (link.b, link.a)):
            kind = nodes[other].kind
            if given_out(kind):
                met.setdefault(one, {}).setdefault(kind, {}).setdefault(people.of[other], other)
    torn = {one: by for one, kinds in met.items() for by in kinds.values() if len(by) > 1}
    for link in links:
        a, b = link.a, link.b
        pair = people.clash(a, b) or next((_pair(torn[one].values()) for one in (a, b) if one in torn), None)
        if people.of[a] == people.of[b]:
            continue
        if nodes[a].shared or nodes[b].shared:
            found[link.id] = Standing("shared")
        elif people.told_apart(a, b) or (pair and people.told_apart(*pair)):
            found[link.id] = Standing("refused")
        elif pair:
            found[link.id] = Standing("conflict", _pair(pair))
        else:
            people.join(a, b)


def _known(nodes: Mapping[int, Node], people: _People) -> set[int]:
    """Those of whom more than one thing is known, or one for sure."""
    return {
        root
        for root, members in people.members.items()
        if len(members) > 1 or any(nodes[one].verified for one in members)
    }


def _alike(nodes: Mapping[int, Node], links: list[Link], people: _People, found: dict[int, Standing]) -> None:
    """Join those of whom each is alike with each, the likeliest first."""
    core = dict(people.of)
    alike = {frozenset((core[one.a], core[one.b])) for one in links if one.confidence >= STRONG}
    within: dict[int, set[int]] = {}  # by what is one by now, what it was before
    for link in links:
        if people.of[link.a] == people.of[link.b]:
            continue
        ours, theirs = (within.get(people.of[one], {core[one]}) for one in (link.a, link.b))
        each = all(frozenset((one, other)) in alike for one in ours for other in theirs)
        held = _apart(nodes, link, people) or _unlike(link, each, len(ours) + len(theirs))
        if held:
            asks = None if held in ("shared", "refused", "many") else _pair((link.a, link.b))
            found[link.id] = Standing(held, asks)
        else:
            people.join(link.a, link.b)
            within[people.of[link.a]] = ours | theirs


def _apart(nodes: Mapping[int, Node], link: Link, people: _People) -> Held:
    """What says that two who are alike are two."""
    if nodes[link.a].shared or nodes[link.b].shared:
        return "shared"
    if people.told_apart(link.a, link.b):
        return "refused"
    return "conflict" if people.clash(link.a, link.b) else ""


def _unlike(link: Link, each: bool, many: int) -> Held:
    """Why two who are alike are not alike enough."""
    if link.confidence < STRONG:
        return "doubtful"
    if many > CORES:
        return "many"
    return "" if each else "unlike"


def _loosely(
    nodes: Mapping[int, Node],
    links: list[Link],
    known: set[int],
    people: _People,
    found: dict[int, Standing],
) -> None:
    """Join by what was only seen together: never further than one step."""
    core = dict(people.of)
    near: dict[int, set[int]] = {}
    open_: list[Link] = []
    for link in links:
        a, b = core[link.a], core[link.b]
        if a == b:
            continue
        if nodes[link.a].shared or nodes[link.b].shared:
            found[link.id] = Standing("shared")
        elif people.told_apart(link.a, link.b):
            found[link.id] = Standing("refused")
        else:
            near.setdefault(a, set()).add(b)
            near.setdefault(b, set()).add(a)
            open_.append(link)
    for link in open_:
        a, b = core[link.a], core[link.b]
        if a in known and b in known:
            clash = people.clash(link.a, link.b)
            found[link.id] = Standing("several") if clash else Standing("doubtful", _pair((link.a, link.b)))
        elif a in known or b in known:
            loose = b if a in known else a
            alone = len(near[loose] & known) == 1
            _or(found, link, people, "" if alone else "several")
        else:
            _or(found, link, people, "" if near[a] == {b} and near[b] == {a} else "chain")


def _or(found: dict[int, Standing], link: Link, people: _People, held: Held) -> None:
    """Join the two, unless something holds it back."""
    if not held and people.of[link.a] != people.of[link.b] and people.told_apart(link.a, link.b):
        held = "refused"
    if held:
        found[link.id] = Standing(held)
    else:
        people.join(link.a, link.b)


def _pair(two: Iterable[int]) -> tuple[int, int]:
    first, second, *_ = sorted(two)
    return first, second


def _turn(link: Link, nodes: Mapping[int, Node]) -> tuple[object, ...]:
    """Which comes first; by nothing that depends on when it was taken in."""
    return link.at, link.source, link.event, _ends(link, nodes)


def _ends(link: Link, nodes: Mapping[int, Node]) -> list[tuple[str, str]]:
    return sorted((nodes[one].kind, nodes[one].value) for one in (link.a, link.b))
