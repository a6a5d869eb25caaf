"""What a batch says of those who are new by itself, so that most of it need not be decided around what is in the database. Pure.

Who came with nobody that is known is decided among those who came along, which is all that there is of them. Who came with one alone
that is known for sure is theirs, since that changes nothing else. Everybody else is decided by `join.py`; so are those around whom
more has changed than that, with them.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from remit.graph.identifiers import COUNTED, MEETS_GIVEN, MEETS_VERIFIED, given_out
from remit.graph.identity import Link, Node, Standing, resolve

MOST = min(MEETS_GIVEN, MEETS_VERIFIED) + 1  # so few meet too few to be many people's


@dataclass(frozen=True, slots=True)
class Decided:
    """`person`: of newcomers, of whom else nothing is decided but that they are one for themselves; `links`: that need no other look."""

    person: Mapping[int, int]
    links: Mapping[int, Standing]


def decide(nodes: Mapping[int, Node], persons: Mapping[int, int], links: Sequence[Link]) -> Decided:
    """`persons`: of those who were there before; whoever else is among `nodes` is new. `links`: all that the batch has of newcomers, each
    once."""
    met: dict[int, list[Link]] = {}
    for link in links:
        for end in (link.a, link.b):
            if end not in persons:
                met.setdefault(end, []).append(link)
    person: dict[int, int] = {}
    found: dict[int, Standing] = {}
    seen: set[int] = set()
    for one in met:
        if one in seen:
            continue
        group, known = _group(one, met, persons)
        seen |= group
        if not known and len(group) <= MOST:
            theirs = {link.id: link for each in group for link in met[each]}
            made = resolve({each: nodes[each] for each in group}, theirs.values())
            person |= made.person
            found |= made.links
        elif len(group) == len(known) == len(met[one]) == 1:
            (other,) = known
            if _theirs(nodes[one], nodes[other], met[one][0]):
                person[one] = persons[other]
                found[met[one][0].id] = Standing()
    return Decided(person, found)


def _group(start: int, met: Mapping[int, list[Link]], persons: Collection[int]) -> tuple[set[int], set[int]]:
    """The newcomers who hang together, and who of the others they came with."""
    group, known, open_ = {start}, set[int](), [start]
    while open_:
        one = open_.pop()
        for link in met[one]:
            other = link.b if link.a == one else link.a
            if other in persons:
                known.add(other)
            elif other not in group:
                group.add(other)
                open_.append(other)
    return group, known


def _theirs(new: Node, known: Node, link: Link) -> bool:
    """Whether what is new is theirs, whoever else they are: as `identity.py` and `join.py` would have it."""
    sure = known.verified and not known.shared and not new.shared and not given_out(new.kind)
    uncounted = new.kind not in COUNTED or given_out(known.kind)
    return sure and uncounted and (link.how == "verified" or not new.verified)
