"""Identifiers one below the other and the evidence between them as arcs: a graph that reads on a phone as well. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import chain

from remit.graph.accounts.look import Belonging
from remit.graph.accounts.relations import Related
from remit.graph.people import Evidence, Person

ROW, LEFT, MOST = 32, 96, 40  # pixels of a row, and of the arcs beside; identifiers that are drawn
CUT = 34  # characters of an identifier


@dataclass(frozen=True, slots=True)
class Dot:
    y: int
    label: str
    whole: str
    tone: str  # sure, open or other


@dataclass(frozen=True, slots=True)
class Arc:
    path: str
    tone: str  # sure, seen, or held back
    link: int | str  # the evidence that it draws, or the tie
    ends: str


@dataclass(frozen=True, slots=True)
class Drawing:
    height: int
    left: int
    dots: tuple[Dot, ...]
    arcs: tuple[Arc, ...]


def drawn(person: Person, others: Mapping[int, str]) -> Drawing:
    """`others`: whoever is beyond a link that joins nobody, by number."""
    own = {one.id: one for one in person.profiles}
    order = list(chain(own, (one for one in others if one not in own)))[:MOST]
    at = {one: _row(row) for row, one in enumerate(order)}
    names = {one: own[one].key if one in own else others[one] for one in order}
    dots = []
    for one in order:
        whole = names[one]
        tone = ("sure" if own[one].verified else "open") if one in own else "other"
        dots.append(Dot(at[one], _cut(whole), whole, tone))
    arcs = [
        _arc(link, at, f"{names[link.a]} and {names[link.b]}")
        for link in person.evidence
        if link.a in at and link.b in at and link.how != "apart"
    ]
    return Drawing(ROW * len(order), LEFT, tuple(dots), tuple(arcs))


def tied(person: Person, belongs: Sequence[Belonging], relations: Sequence[Related]) -> Drawing:
    """Somebody, and below them to whom and what they belong, in the order of both lists; an arc that a person has said is sure."""
    ties = [(f"account-{one.account}", one.called, one.tie) for one in belongs]
    ties += [
        (f"{one.way}-{one.kind}-{one.person}", f"{one.called} ({_kind(one)})", one.tie) for one in relations
    ]
    names = [person.called, *(called for _, called, _ in ties)][:MOST]
    own = "sure" if any(one.verified for one in person.profiles) else "open"
    dots = [Dot(_row(at), _cut(one), one, "other" if at else own) for at, one in enumerate(names)]
    arcs = [
        Arc(
            _path(_row(0), _row(at)),
            "sure" if tie and tie.last.by else "seen",
            name,
            f"{names[0]} and {called}",
        )
        for at, (name, called, tie) in enumerate(ties[: MOST - 1], 1)
    ]
    return Drawing(ROW * len(dots), LEFT, tuple(dots), tuple(arcs))


def _kind(one: Related) -> str:
    kind = one.kind.replace("_", " ")
    return kind if one.way == "to" else f"{kind} them"


def _row(at: int) -> int:
    return ROW * at + ROW // 2


def _cut(whole: str) -> str:
    return whole if len(whole) <= CUT else f"{whole[: CUT - 1]}…"


def _arc(link: Evidence, at: Mapping[int, int], ends: str) -> Arc:
    tone = "held" if link.held or link.withdrawn_at else "seen" if link.how == "seen" else "sure"
    return Arc(_path(*sorted((at[link.a], at[link.b]))), tone, link.id, ends)


def _path(top: int, bottom: int) -> str:
    x, out = LEFT - 8, min(LEFT - 16, 14 + (bottom - top) // 3)
    return f"M {x} {top} C {x - out} {top}, {x - out} {bottom}, {x} {bottom}"
