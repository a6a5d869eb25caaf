"""What vouches for a value that is about to enter a sink, and in words where a value comes from that nothing vouches for.

The levels, strongest first:

- `grant`: the person's own words or the trusted trigger hold it
- `person`: it belongs to the person for whom the run acts
- `directory`: a trusted source said it in this run, as a whole value; not enough for an account number in free text
- `record`: it stands in a record that the gate itself has read for this call
- `endorsed`: a person who was asked about the call wrote it into this argument, in place of what was there; for this call alone
- `composed`: a short free text of words that all stand in the goal or were said by a trusted source
- `written`: free text of the model's own in which nothing leads anywhere, or only where something vouches for
- `found`: the address of a page to be fetched, as a member of the workspace wrote it in what was read (`Known.choice`)
- `unvouched`: none of these

Free text that is a passage of the goal in other grammar (`wording.restates`) is the goal's.

Values are compared in the canonical form of the sink's kind; what is no value of that kind is unvouched.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, field
from typing import Any

from remit.gate.glance import may_hold, written
from remit.gate.known import Known
from remit.gate.parts import parts_of
from remit.gate.proposal import Facts, Proposal
from remit.gate.scalars import Group, certain, group, leaves
from remit.gate.unseen import shown
from remit.gate.values import canonical, stands
from remit.gate.wording import worded
from remit.journal.refs import Pointer

Json = Any
Pointed = Sequence[tuple[Json, bool]]  # leaves taken by reference, and whether a trusted source says each
LEVELS = (
    "unvouched",
    "found",
    "written",
    "composed",
    "endorsed",
    "record",
    "directory",
    "person",
    "grant",
)  # weakest first
RANKS = {level: rank for rank, level in enumerate(LEVELS)}
ADDRESSES = ("email", "url", "phone", "account")  # kinds that lead somewhere
NAMES = (
    "person",
    "text",
)  # kinds for which it counts what the person is called: anybody may call themselves eve@evil.example
UNNAMED = "person, but for the name"
CHOICE = 16.0  # bits that a run may tell the world by choosing among the addresses that others have named
_TOLD = 3  # values of one argument that are told of


@dataclass(slots=True)
class Witness:
    """The facts, with what was worked out of them: several sinks ask the same."""

    facts: Facts
    groups: dict[str, Group] = field(default_factory=dict)
    parts: dict[str, list[tuple[str, str]]] = field(default_factory=dict)  # of each text
    _records: Mapping[str, Json] | None = None
    _written: tuple[str | None] | None = None  # the records as one text, where that tells all

    @property
    def records(self) -> Mapping[str, Json]:
        """Those of the facts, with nothing in place of what is no value: few calls need any."""
        if self._records is None:
            self._records = certain(self.facts.records)
        return self._records

    def level(self, kind: str, value: Json, pointed: Pointed = ()) -> str:
        """The evidence for one value, or the weakest of several. `pointed`: what was taken by reference."""
        if isinstance(value, str):
            if not value or value.isspace():
                return "grant"  # nothing is passed
        elif isinstance(value, Mapping | list | tuple):
            return weakest(self.level(kind, leaf, pointed) for leaf in leaves(value))
        elif value is None:
            return "grant"
        return self._level(kind, value, _said(kind, value, pointed) if pointed else None)

    def _level(self, kind: str, value: Json, said: bool | None) -> str:
        """Of a scalar. `said`: whether the very place that it was taken from is a trusted source's; None: it was spelled out,
        and any place will do."""
        form = canonical(kind, value) if kind != "hidden" else None
        if form is None:
            several = _several(kind, value) if not said else ()
            if several:
                return weakest(self._level(kind, one, said) for one in several)
            return "directory" if said else "unvouched"
        facts = self.facts
        if stands(kind, form, facts.goal) or self._has("inputs", facts.inputs, kind, form):
            return "grant"
        if self._has("person" if kind in NAMES else UNNAMED, facts.person, kind, form):
            return "person"
        if said or (said is None and facts.known is not None and facts.known.vouches(kind, form)):
            return "directory"
        return "record" if facts.records and self._recorded(kind, form) else "unvouched"

    def pointed(self, kind: str, pointers: Iterable[Pointer]) -> Pointed:
        """What references point to, leaf by leaf, and whether a trusted source says it."""
        known = self.facts.known
        return [leaf for one in pointers for leaf in known.pointed(kind, one)] if known is not None else ()

    def free(self, value: Json, pointed: Pointed = ()) -> str:
        """The evidence for free text: as a whole, or that of the weakest of what leads somewhere in it."""
        whole = self.level("text", value, pointed)
        if whole not in ("unvouched", "directory"):
            return whole
        leads = self._parts(value)
        if whole == "unvouched" and not leads:
            return self._wording(value)
        parts = [(kind, self.part(kind, part)) for kind, part in leads]
        if whole == "directory":
            return "unvouched" if ("account", "unvouched") in parts else whole
        levels = [level for _, level in parts]
        return "unvouched" if "unvouched" in levels else weakest([self._wording(value), *levels])

    def _wording(self, value: Json) -> str:
        """The evidence for the words of the texts of a value, whatever leads somewhere in them."""
        goal, known = self.facts.goal, self.facts.known
        says = known.says if known is not None else _nobody
        if isinstance(value, str):
            return worded(value, goal, says)
        levels: set[str] = set()
        for text in _texts(value):
            level = worded(text, goal, says)
            if level == "written":
                return level
            levels.add(level)
        return weakest(levels or {"written"})

    def fetched(self, kind: str, value: Json) -> str:
        """The evidence for what is only fetched from where it leads: what a member named will do, a few times."""
        level, known = self.level(kind, value), self.facts.known
        form = canonical(kind, value)
        if level != "unvouched" or known is None or form is None or self.facts.beside is None:
            return level
        bits = known.choice(kind, form, self.facts.beside)
        return "found" if bits is not None and bits <= CHOICE else level

    def part(self, kind: str, value: Json) -> str:
        """The evidence for what leads somewhere in free text. That a directory knows an account or a card says that it is
        real, not that others may be told of it: the goal must hold it, or a record."""
        level = self.level(kind, value)
        if kind != "account" or level != "directory":
            return level
        form = canonical(kind, value)
        there = form is not None and self._recorded(kind, form)
        return "record" if there else "unvouched"

    def told(self, kind: str, value: Json, free: bool, pointed: Pointed = ()) -> str:
        """In words, the values of an unvouched argument that nothing vouches for, and where each was read."""
        if free:
            doubtful = [(k, one) for k, one in self._parts(value) if self.part(k, one) == "unvouched"]
        elif not pointed and not isinstance(value, Mapping | list | tuple) and not _several(kind, value):
            doubtful = [(kind, value)]
        else:
            items = leaves(value) if isinstance(value, Mapping | list | tuple) else (value,)
            doubtful = [
                (kind, one)
                for item in items
                if self.level(kind, item, pointed) == "unvouched"
                for one in _several(kind, item) or (item,)
                if self._level(kind, one, _said(kind, item, pointed)) == "unvouched"
            ]
        told = list(dict.fromkeys([self._words(k, one) for k, one in doubtful]))
        more = [f"and {len(told) - _TOLD} more"] if len(told) > _TOLD else []
        return "; ".join(told[:_TOLD] + more)

    def _words(self, kind: str, value: Json) -> str:
        text = shown(" ".join(str(value).split()))
        name = f"{text[:99]}…" if len(text) > 100 else text
        if kind == "hidden":
            return f"characters that a reader does not see ({name})"
        form = canonical(kind, value)
        if form is None:
            return f"{name}, which is no plain {kind}"
        if self.facts.known is None:
            return name
        if said := self.facts.known.named(kind, form):
            return f"{name}, found in {' and '.join(said)}"
        return f"{name}, read nowhere in this run"

    def _has(self, name: str, values: Mapping[str, Json], kind: str, form: str) -> bool:
        """Whether a value (canonical) stands among what is known beforehand."""
        if not values:
            return False
        known = self.groups.get(name)
        if known is None:
            known = self.groups[name] = self._group(name, values)
        return known.has(kind, form)

    def _recorded(self, kind: str, form: str) -> bool:
        """Whether it stands in a record. Most are in none, which is seen in all of them as one text."""
        if self._written is None:
            self._written = (written(self.facts.records),)
        (text,) = self._written
        if text is not None and not may_hold(text, kind, form):
            return False
        return self._has("records", self.records, kind, form)

    def _group(self, name: str, values: Mapping[str, Json]) -> Group:
        """The person, and what came with the goal, are the same for all of a run: their forms are kept with what it has read."""
        if self.facts.known is None or name == "records":
            return _grouped(name, values)
        before = self.facts.known.beforehand.get(name)
        if before is None or before[0] is not values:
            before = self.facts.known.beforehand[name] = values, _grouped(name, values)
        return before[1]

    def _parts(self, value: Json) -> list[tuple[str, str]]:
        """What leads somewhere in the texts of a value."""
        if isinstance(value, str):
            parts = self.parts.get(value)
            if parts is None:
                parts = self.parts[value] = parts_of(value)
            return parts
        return [part for text in _texts(value) for part in self._parts(text)]

    def evidence(self, proposal: Proposal) -> tuple[dict[str, str], dict[str, str]]:
        """The level of each sink argument that is given, and in words where the unvouched ones come from."""
        levels: dict[str, str] = {}
        told: dict[str, str] = {}
        fetches = "url" in proposal.sinks.values() and fetches_only(proposal)
        for name, kind in proposal.sinks.items():
            if name not in proposal.args:
                continue
            value, free = proposal.args[name], kind == "text" and proposal.effect == "egress"
            if name in self.facts.amended:
                levels[name], words = self._changed(proposal, name, free)
                if levels[name] == "unvouched" and words:
                    told[name] = words
                continue
            refs = proposal.refs.get(name)
            pointed = self.pointed(kind, refs) if refs else ()
            if free:
                levels[name] = self.free(value, pointed)
            elif fetches:
                levels[name] = self.fetched(kind, value)
            else:
                levels[name] = self.level(kind, value, pointed)
            if levels[name] == "unvouched" and (words := self.told(kind, value, free, pointed)):
                told[name] = words
        return levels, told

    def _changed(self, proposal: Proposal, name: str, free: bool) -> tuple[str, str]:
        """The level of an argument that a person changed, and in words what in it nothing vouches for. What they wrote is
        endorsed; what stood there before keeps its own level, in a text each thing that leads somewhere. What has no
        canonical form is not what it looks like, whoever writes it."""
        kind, before = proposal.sinks[name], self.facts.amended[name]
        refs = proposal.refs.get(name, ())
        pointed = self.pointed(kind, refs) if refs else ()
        fetches, levels, told = fetches_only(proposal), list[str](), list[str]()
        for leaf in _scalars(proposal.args[name]):
            if self._stood(kind, leaf, before) or not self._plain(kind, leaf):
                fetched = fetches and not free
                level = (
                    self.free(leaf, pointed) if free else self.fetched(kind, leaf) if fetched
                    else self.level(kind, leaf, pointed)
                )  # fmt: skip
                levels.append(level)
                told += [self.told(kind, leaf, free, pointed)] if level == "unvouched" else []
                continue
            levels.append("endorsed")
            if kind == "text":
                kept = [(one, part) for one, part in self._parts(leaf) if self._led(one, part, before)]
                levels += [self.part(*one) for one in kept]
                told += [self._words(*one) for one in kept if self.part(*one) == "unvouched"]
        return weakest(levels), "; ".join(dict.fromkeys(one for one in told[:_TOLD] if one))

    def _plain(self, kind: str, leaf: Json) -> bool:
        return canonical(kind, leaf) is not None or bool(_several(kind, leaf))

    def _stood(self, kind: str, leaf: Json, before: Json) -> bool:
        """Whether a value stood in the argument before a person changed it."""
        return leaf in (None, "") or any(_same(kind, one, leaf) for one in _scalars(before))

    def _led(self, kind: str, part: Json, before: Json) -> bool:
        """Whether what leads somewhere stood in the argument before, or is no such thing at all."""
        form = canonical(kind, part) if kind != "hidden" else None
        if form is None:
            return True
        return any(
            kind == k and form == canonical(k, p)
            for k, p in self._parts([*_scalars(before)])
            if k != "hidden"
        )

    def unheard(self, proposal: Proposal, name: str) -> bool:
        """Whether an address or an account among the values of an argument was named by nobody at all: the model made it up."""
        kind, value, known = proposal.sinks[name], proposal.args[name], self.facts.known
        if known is None or (kind not in ADDRESSES and kind != "text"):
            return False
        found = self._parts(value) if kind == "text" else [(kind, one) for one in leaves(value)]
        if name in self.facts.amended:  # what a person wrote somebody has named
            before = self.facts.amended[name]
            found = [(k, v) for k, v in found if (self._led if kind == "text" else self._stood)(k, v, before)]
        doubtful = [(k, one) for k, one in found if k in ADDRESSES and self.level(k, one) == "unvouched"]
        return any(not _heard(k, one, self.facts.goal, known) for k, one in doubtful)


def _scalars(value: Json) -> Iterable[Json]:
    return leaves(value) if isinstance(value, Mapping | list | tuple) else (value,)


def evidence(proposal: Proposal, facts: Facts) -> tuple[dict[str, str], dict[str, str]]:
    """The level of each sink argument that is given, and in words where the unvouched ones come from."""
    return Witness(facts).evidence(proposal)


def _heard(kind: str, value: Json, goal: str, known: Known) -> bool:
    form = canonical(kind, value)
    if (
        form is None
    ):  # a name in place of an account, or something odd: then the person must have written it so
        return isinstance(value, str) and stands("text", canonical("text", value) or "", goal)
    return bool(known.who(kind, form).untrusted)


def _grouped(name: str, values: Mapping[str, Json]) -> Group:
    return group({key: one for key, one in values.items() if key != "name"} if name == UNNAMED else values)


def _nobody(several: Set[str]) -> bool:
    """Where nothing was read, nobody said anything."""
    return not several


def fetches_only(proposal: Proposal) -> bool:
    """Whether all that leaves is the address of what is fetched."""
    return proposal.effect in ("read", "egress") and all(kind == "url" for kind in proposal.sinks.values())


def vouch(value: Json, facts: Facts, kind: str = "text") -> str:
    """The evidence for one value of a kind: grant, person, directory, record or unvouched."""
    return Witness(facts).level(kind, value)


def mentions(text: str, value: str) -> bool:
    """Whether `value` (canonical text) stands in `text` as a whole word."""
    return stands("text", value, text)


def weakest(levels: Iterable[str]) -> str:
    return min(levels, key=RANKS.__getitem__, default="grant")


def _said(kind: str, value: Json, pointed: Pointed) -> bool | None:
    """Whether every place that a value was taken from by reference is a trusted source's; None where it was not taken."""
    taken = [trusted for leaf, trusted in pointed if _same(kind, leaf, value)]
    return all(taken) if taken else None


def _same(kind: str, leaf: Json, value: Json) -> bool:
    """Whether a value is a leaf, or what the tool's own check made of it."""
    if leaf == value:
        return isinstance(leaf, bool) == isinstance(value, bool)
    form = canonical(kind, value)
    return form is not None and form == canonical(kind, leaf)


def _several(kind: str, value: Json) -> list[str]:
    """The addresses of a list of them that is written as one text; none where one of them is no address."""
    if kind not in ("email", "phone") or not isinstance(value, str) or not re.search("[,;\n]", value):
        return []
    items = [item for item in re.split(r"[,;\n]", value) if item.strip()]
    return items if all(canonical(kind, item) is not None for item in items) else []


def _texts(value: Json) -> Iterable[str]:
    if isinstance(value, str):
        return (value,)
    items = leaves(value) if isinstance(value, Mapping | list | tuple) else (value,)
    return (item for item in items if isinstance(item, str))
