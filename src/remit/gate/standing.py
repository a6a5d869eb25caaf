"""Who may speak for whom, and how far each person's yes goes. Pure.

- Who hands a question over, or all of theirs for a time, lets another speak for them; that one may hand it on, a few times.
  What is handed over is never more than its owner had: every limit on the way holds.
- Where more than one person must say yes, whoever speaks and all whom they could speak for count as one.
- A limit is a condition over the call (`args.amount <= 500`), for one name, for a group, or for everybody else (`*`). It
  bounds a yes; anybody who may decide may say no.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from fnmatch import fnmatchcase
from typing import Any, TypeVar

from remit.gate.condition import paths
from remit.gate.quiet import Quiet
from remit.gate.rules import Compiled

Json = Any
GROUP = "group:"  # before the name of a group of people
EVERYBODY = "*"
MOST_HANDS = 3  # that a question may go through, from whom it was put to


@dataclass(frozen=True, slots=True)
class Handover:
    """`by` lets `to` decide in their place; of one question, or of all from `since` to `until`."""

    by: str
    to: str
    since: datetime | None = None
    until: datetime | None = None

    def holds(self, now: datetime) -> bool:
        return (self.since is None or self.since <= now) and (self.until is None or now < self.until)


@dataclass(frozen=True, slots=True)
class Limit:
    """Of the people in `who`: calls of these tools where `may` holds are theirs to say yes to."""

    who: tuple[str, ...]  # names, EVERYBODY, and groups by their members
    named: bool  # by name: then it counts in place of what is said of their groups, and that in place of EVERYBODY
    tools: tuple[str, ...] = ("*",)
    may: Compiled | None = None  # None: always

    def allows(self, tool: str, facts: Mapping[str, Json]) -> bool:
        if not any(fnmatchcase(tool, pattern) for pattern in self.tools):
            return False
        return self.may is None or self.may.holds(facts) is True

    @property
    def words(self) -> str:
        tools = "" if self.tools == ("*",) else f"to {', '.join(self.tools)}"
        condition = f"where {self.may.rule.condition}" if self.may else ""
        return f"{tools} {condition}".strip()


@dataclass(frozen=True, slots=True)
class Hours:
    """When the people in `who` are not asked."""

    who: tuple[str, ...]
    named: bool
    quiet: Quiet


Said = TypeVar("Said", Limit, Hours)


def said_of(name: str, every: Sequence[Said]) -> list[Said]:
    """What is said of a person, by any name that may be theirs: by name, else of their groups, else of everybody."""
    own = [one for one in every if one.named and any(same(name, who) for who in one.who)]
    shared = [one for one in every if not one.named and any(same(name, who) for who in one.who)]
    return own or shared or [one for one in every if EVERYBODY in one.who]


def quiet_of(names: Iterable[str], hours: Sequence[Hours]) -> list[Quiet | None]:
    """The quiet hours of each of these people; None of one who has none."""
    return [found[0].quiet if (found := said_of(name, hours)) else None for name in names]


@dataclass(frozen=True, slots=True)
class Circle:
    """What is known of the people who may decide about one call."""

    handovers: Sequence[Handover] = ()
    limits: Sequence[Limit] = ()
    tool: str = ""
    facts: Mapping[str, Json] = field(default_factory=dict)  # of the call, as conditions ask about them

    def stands_for(self, name: str, now: datetime) -> dict[str, tuple[str, ...]]:
        """Everybody for whom somebody may speak, each with those on the way from them to the one who speaks, both left
        out."""
        found: dict[str, tuple[str, ...]] = {}
        edge: dict[str, tuple[str, ...]] = {key(name): ()}
        for _ in range(MOST_HANDS):
            nearer = {
                one.by: (*((key(one.to),) if key(one.to) != key(name) else ()), *edge[key(one.to)])
                for one in self.handovers
                if key(one.to) in edge and one.holds(now)
            }
            edge = {}
            for by, way in nearer.items():
                if key(by) != key(name) and key(by) not in map(key, found):
                    found[by] = edge[key(by)] = way
        return found

    def over(self, name: str) -> str:
        """In words, how far a person's yes goes, where it does not go as far as this call; empty where it does."""
        mine = self.limits_of(name)
        if not mine or not self.tool or any(one.allows(self.tool, self.facts) for one in mine):
            return ""
        return f"{name} may say yes only {', or '.join(one.words or 'to nothing' for one in mine)}"

    def limits_of(self, name: str) -> list[Limit]:
        """What is said of a person, by any name that may be theirs; none: no limit."""
        return said_of(name, self.limits)

    def within(self, names: Iterable[str]) -> list[str]:
        """Those of the names whose yes goes far enough."""
        return [name for name in names if not self.over(name)]


def loops(by: str, to: str, others: Sequence[Handover], now: datetime) -> str:
    """Why somebody may not hand over to another, given what holds or will hold; empty where they may."""
    if same(by, to):
        return f"{to} is yourself"
    lasting = [Handover(one.by, one.to) for one in others if one.until is None or one.until > now]
    reach = Circle(lasting)
    if any(same(to, one) for one in reach.stands_for(by, now)):
        return f"{to} has handed theirs to you"
    above = max((len(way) + 1 for way in reach.stands_for(by, now).values()), default=0)
    below, edge = 0, {key(to)}
    while edge and below <= MOST_HANDS:
        edge = {key(one.to) for one in lasting if key(one.by) in edge}
        below += bool(edge)
    if above + 1 + below > MOST_HANDS:
        return f"it would go through more than {MOST_HANDS} hands"
    return ""


def asked_about(limit: Limit) -> set[tuple[str, ...]]:
    """What a limit's condition asks about: `("args", "amount")`."""
    tree = limit.may.tree if limit.may else None
    return {path[:2] for path, _ in paths(tree)} if tree is not None else set()


def same(one: str, other: str) -> bool:
    """Whether two names may be one person's."""
    (a, at_a), (b, at_b) = _parted(one), _parted(other)
    return bool(a) and a == b and (at_a == at_b or not at_a or not at_b)


def key(by: str) -> str:
    """What names are compared by."""
    return by.strip().casefold()


def _parted(by: str) -> tuple[str, str]:
    """The name before the @, without what is added to it, and what follows the @."""
    local, _, domain = key(by).partition("@")
    return local.partition("+")[0], domain
