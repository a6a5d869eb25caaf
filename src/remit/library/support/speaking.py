"""Which part of a customer's words speaks of an act: an act and a thing go together where one clause has both. Pure.

`Cancel the boots and exchange the lamp` asks for two things, not for four. What speaks of no thing goes with what was spoken of
before (`if that is not possible, return it`), and what speaks of no act with the act before it (`in black, please`).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal

Act = Literal["cancel", "return", "change", "pay", "send"]
Names = Callable[[str], bool]  # whether words name a thing or an order
_ACTS: dict[Act, re.Pattern[str]] = {
    "cancel": re.compile(
        r"\bcancel|\b(no longer|not|n.t) (need|want)(ed)?\b(?! to\b)|\bremov|\bmistake|\bunwanted", re.I
    ),
    "return": re.compile(
        r"\breturn|\brefund(?!\s+(method|to|onto|on)\b)|\bmoney back|\b(send|sent|give|bring|take|go|goes|going)\w*\b(\W+\w+){0,4}?\W+back\b",
        re.I,
    ),
    "change": re.compile(r"\bexchang|\bswap|\breplac|\b(up|down)grad", re.I),
    "pay": re.compile(r"\b(re)?pa(y|id)|\bcharg(e|ed|ing)\b", re.I),
    "send": re.compile(r"\baddress|\bmov(e|ed|ing)\b|\bship(ped|ping)?\b|\bsent\b|\bsend\b(?!\W+(\w+\W+){0,4}?back)|\bdeliver\b", re.I),
}  # fmt: skip
# What is changed says which act it is.
_ALTER = re.compile(r"\bchang|\bmodif|\bswitch|\badjust|\bupdat", re.I)
_PLACE, _MEANS = (
    re.compile(r"\baddress", re.I),
    re.compile(r"\bpayment|\b(credit|gift|debit) ?card|\bpaypal", re.I),
)
# They speak of another thing where nothing else is spoken of.
_WISH = re.compile(
    r"\b(want|prefer|need|like)(s|ed)?\b(?! (to|not)\b)|\binstead|\bdifferent|\b(an)?other\b(?! order)|\brather|\bmake it\b|\bshould be\b",
    re.I,
)
# What somebody has yet to make up their mind about they do not ask for.
_UNDECIDED = re.compile(
    r"\bundecided\b|(\bnot|n.t)\W+(\w+\W+)?(sure|certain|decided)\W+yet\b"
    r"|(\bnot|n.t)\W+(process|do|change)\W+(it|them|anything)\W+yet\b",
    re.I,
)
_SENTENCE = re.compile(r"(?<=[.!?;])\s+|\n\s*\n|\n(?=\s*(?:[-*•]|\d+[.)])\s)")
_JOINT = re.compile(r"(\s*,\s*(?:and|but|or|then|so|also)?\b\s*|\s+(?:and|but|or|then|while)\s+)", re.I)
_BEFORE = re.compile(r"\b(it|its|them|they|that|this|these|those|one|ones|both|order|instead)\b", re.I)


@dataclass(frozen=True, slots=True)
class Clause:
    words: str
    acts: frozenset[Act]
    names: bool  # a thing or an order

    def joined(self, other: Clause, joint: str) -> Clause:
        return Clause(f"{self.words}{joint}{other.words}", self.acts | other.acts, self.names or other.names)


def about(said: str, acts: Sequence[Act], names: Names) -> str:
    """What of the words speaks of any of the acts; empty where nothing does."""
    found = list(clauses(said, names))
    taken: set[int] = set()
    for place, clause in enumerate(found):
        if clause.acts.isdisjoint(acts):
            continue
        taken.add(place)
        if not clause.names:
            taken |= set(_before(found, place))
        taken |= set(_after(found, place))
    return "\n".join(found[place].words for place in sorted(taken))


def _before(found: Sequence[Clause], place: int) -> Iterator[int]:
    """The nearest clause before it that names something."""
    for earlier in range(place - 1, -1, -1):
        if found[earlier].names:
            yield earlier
            return


def _after(found: Sequence[Clause], place: int) -> Iterator[int]:
    """Those after it up to the next that speaks of an act."""
    for later in range(place + 1, len(found)):
        if found[later].acts:
            return
        yield later


def clauses(said: str, names: Names) -> Iterator[Clause]:
    """In their order. Acts that share what they are about (`return or exchange the lamp`) are in one. Without what is undecided."""
    for sentence in _SENTENCE.split(said):
        parts: list[Clause] = []
        pieces = ["", *_JOINT.split(sentence)]  # in turn what joins, and what is joined
        for joint, words in zip(pieces[::2], map(str.strip, pieces[1::2]), strict=True):
            if not words:
                continue
            clause = Clause(words, acts_of(words), names(words))
            if parts and (not clause.acts or not parts[-1].acts or _open(parts[-1])):
                clause = parts.pop().joined(clause, joint)
            parts.append(clause)
        for part in parts:
            if _UNDECIDED.search(part.words):
                continue
            wish = not part.acts and _WISH.search(part.words)
            yield replace(part, acts=frozenset({"change"})) if wish else part


def _open(clause: Clause) -> bool:
    """Whether it waits for what it is about."""
    return not clause.names and not _BEFORE.search(clause.words)


def acts_of(words: str) -> frozenset[Act]:
    found: set[Act] = {act for act, spoken in _ACTS.items() if spoken.search(words)}
    if _ALTER.search(words):
        found.add("send" if _PLACE.search(words) else "pay" if _MEANS.search(words) else "change")
    return frozenset(found)
