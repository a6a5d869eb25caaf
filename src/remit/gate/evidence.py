"""What vouches for a value that is about to enter a sink, and in words where a value comes from that nothing vouches for.

The levels, strongest first:

- `grant`: the person's own words or the trusted trigger hold it
- `person`: it belongs to the person for whom the run acts
- `directory`: a trusted source said it in this run, as a whole value; not enough for an account number in free text
- `record`: it stands in a record that the gate itself has read for this call
- `composed`: a short free text of words that all stand in the goal or were said by a trusted source
- `written`: free text of the model's own in which nothing leads anywhere, or only where something vouches for
- `found`: the address of a page to be fetched, as a member of the workspace wrote it in what was read (`Known.choice`)
- `unvouched`: none of these

Free text that is a passage of the goal in other grammar (`wording.restates`) is the goal's.

Values are compared in the canonical form of the sink's kind; what is no value of that kind is unvouched.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from remit.gate.known import Known, flat, leaves
from remit.gate.parts import parts_of
from remit.gate.proposal import Facts, Proposal
from remit.gate.unseen import shown
from remit.gate.values import canonical, spellings, stands
from remit.gate.wording import worded
from remit.journal.refs import Pointer

Json = Any
Pointed = Sequence[tuple[Json, bool]]  # leaves taken by reference, and whether a trusted source says each
LEVELS = (
    "unvouched",
    "found",
    "written",
    "composed",
    "record",
    "directory",
    "person",
    "grant",
)  # weakest first
ADDRESSES = ("email", "url", "phone", "account")  # kinds that lead somewhere
CHOICE = 16.0  # bits that a run may tell the world by choosing among the addresses that others have named
_TOLD = 3  # values of one argument that are told of


@dataclass(slots=True)
class Witness:
    """The facts, with what was worked out of them: several sinks ask the same."""

    facts: Facts
    forms: dict[tuple[str, str], frozenset[str]] = field(default_factory=dict)
    flat: dict[str, list[Json]] = field(default_factory=dict)  # the leaves of each group

    def level(self, kind: str, value: Json, pointed: Pointed = ()) -> str:
        """The evidence for one value, or the weakest of several. `pointed`: what was taken by reference."""
        if isinstance(value, Mapping | list | tuple):
            return weakest(self.level(kind, leaf, pointed) for leaf in leaves(value))
        if value is None or (isinstance(value, str) and not value.strip()):
            return "grant"  # nothing is passed
        return self._level(kind, value, _said(kind, value, pointed))

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
        if form in self._forms("inputs", facts.inputs, kind) or stands(kind, form, facts.goal):
            return "grant"
        if form in self._forms("person", facts.person, kind):
            return "person"
        if said or (said is None and facts.known is not None and facts.known.vouches(kind, form)):
            return "directory"
        return "record" if form in self._forms("records", facts.records, kind) else "unvouched"

    def pointed(self, kind: str, pointers: Iterable[Pointer]) -> Pointed:
        """What references point to, leaf by leaf, and whether a trusted source says it."""
        known = self.facts.known
        return [leaf for one in pointers for leaf in known.pointed(kind, one)] if known is not None else ()

    def free(self, value: Json, pointed: Pointed = ()) -> str:
        """The evidence for free text: as a whole, or that of the weakest of what leads somewhere in it."""
        whole = self.level("text", value, pointed)
        if whole not in ("unvouched", "directory"):
            return whole
        parts = [(kind, self.part(kind, part)) for text in _texts(value) for kind, part in parts_of(text)]
        if whole == "directory":
            return "unvouched" if ("account", "unvouched") in parts else whole
        return weakest([self._wording(_texts(value)), *(level for _, level in parts)])

    def _wording(self, texts: Iterable[str]) -> str:
        """The evidence for the words of a text, whatever leads somewhere in it."""
        goal, known, levels = self.facts.goal, self.facts.known, set[str]()
        for text in texts:
            level = worded(text, goal, known.words if known is not None else frozenset)
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
        return (
            "record"
            if canonical(kind, value) in self._forms("records", self.facts.records, kind)
            else "unvouched"
        )

    def told(self, kind: str, value: Json, free: bool, pointed: Pointed = ()) -> str:
        """In words, the values of an argument that nothing vouches for, and where each was read."""
        if free:
            parts = (part for text in _texts(value) for part in parts_of(text))
            doubtful = [(k, one) for k, one in parts if self.part(k, one) == "unvouched"]
        else:
            items = leaves(value) if isinstance(value, Mapping | list | tuple) else (value,)
            doubtful = [
                (kind, one)
                for item in items
                if self.level(kind, item, pointed) == "unvouched"
                for one in _several(kind, item) or (item,)
                if self._level(kind, one, _said(kind, item, pointed)) == "unvouched"
            ]
        told = list(dict.fromkeys(self._words(k, one) for k, one in doubtful))
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
        who = self.facts.known.who(kind, form)
        if said := who.untrusted or who.trusted:
            return f"{name}, found in {' and '.join(said)}"
        return f"{name}, read nowhere in this run"

    def _forms(self, group: str, values: Json, kind: str) -> frozenset[str]:
        forms = self.forms.get((group, kind))
        if forms is None:
            if (found := self.flat.get(group)) is None:
                every = flat(values)
                texts = dict.fromkeys(
                    one for one in every if isinstance(one, str)
                )  # names of fields come again and again
                found = self.flat[group] = [*texts, *(one for one in every if not isinstance(one, str))]
            forms = frozenset(form for leaf in found for form in spellings(kind, leaf)) - {""}
            self.forms[group, kind] = forms
        return forms


def evidence(proposal: Proposal, facts: Facts) -> tuple[dict[str, str], dict[str, str]]:
    """The level of each sink argument that is given, and in words where the unvouched ones come from."""
    if not proposal.sinks:
        return {}, {}
    witness, levels, told = Witness(facts), {}, {}
    fetches = fetches_only(proposal)
    for name, kind in proposal.sinks.items():
        if name not in proposal.args:
            continue
        value, free = proposal.args[name], kind == "text" and proposal.effect == "egress"
        pointed = witness.pointed(kind, proposal.refs.get(name, ()))
        if free:
            levels[name] = witness.free(value, pointed)
        elif fetches:
            levels[name] = witness.fetched(kind, value)
        else:
            levels[name] = witness.level(kind, value, pointed)
        if levels[name] == "unvouched" and (words := witness.told(kind, value, free, pointed)):
            told[name] = words
    return levels, told


def unheard(proposal: Proposal, facts: Facts, name: str) -> bool:
    """Whether an address or an account among the values of an argument was named by nobody at all: the model made it up."""
    kind, value = proposal.sinks[name], proposal.args[name]
    if facts.known is None or (kind not in ADDRESSES and kind != "text"):
        return False
    given = _texts(value) if kind == "text" else leaves(value)
    found = (
        [part for text in given for part in parts_of(text)] if kind == "text" else [(kind, v) for v in given]
    )
    doubtful = [(k, one) for k, one in found if k in ADDRESSES and vouch(one, facts, k) == "unvouched"]
    return any(not _heard(k, one, facts.goal, facts.known) for k, one in doubtful)


def _heard(kind: str, value: Json, goal: str, known: Known) -> bool:
    form = canonical(kind, value)
    if (
        form is None
    ):  # a name in place of an account, or something odd: then the person must have written it so
        return isinstance(value, str) and stands("text", canonical("text", value) or "", goal)
    return bool(known.who(kind, form).untrusted)


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
    return min(levels, key=LEVELS.index, default="grant")


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


def _texts(value: Json) -> Iterator[str]:
    items = leaves(value) if isinstance(value, Mapping | list | tuple) else (value,)
    return (item for item in items if isinstance(item, str))
