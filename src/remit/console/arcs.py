"""Identifiers one below the other and the evidence between them as arcs: a graph that reads on a phone as well. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import chain

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
    link: int  # the evidence that it draws
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
    at = {one: ROW * row + ROW // 2 for row, one in enumerate(order)}
    names = {one: own[one].key if one in own else others[one] for one in order}
    dots = []
    for one in order:
        whole = names[one]
        tone = ("sure" if own[one].verified else "open") if one in own else "other"
        dots.append(Dot(at[one], whole if len(whole) <= CUT else f"{whole[: CUT - 1]}…", whole, tone))
    arcs = [
        _arc(link, at, f"{names[link.a]} and {names[link.b]}")
        for link in person.evidence
        if link.a in at and link.b in at and link.how != "apart"
    ]
    return Drawing(ROW * len(order), LEFT, tuple(dots), tuple(arcs))


def _arc(link: Evidence, at: Mapping[int, int], ends: str) -> Arc:
    top, bottom = sorted((at[link.a], at[link.b]))
    x, out = LEFT - 8, min(LEFT - 16, 14 + (bottom - top) // 3)
    tone = "held" if link.held or link.withdrawn_at else "seen" if link.how == "seen" else "sure"
    return Arc(f"M {x} {top} C {x - out} {top}, {x - out} {bottom}, {x} {bottom}", tone, link.id, ends)
