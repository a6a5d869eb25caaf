"""The scalars of a JSON value, names of fields included, and which of them may be a value of a kind. Pure.

All of what a run has read, and each record that a call is judged by, is gone through here.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from remit.gate.values import canonical, spellings
from remit.journal.body import DEEPEST, unkept

Json = Any
TEXTUAL = ("email", "url")  # kinds that no number is one of
BRIEF = 60  # characters; of texts that are longer few records have any
OF_NUMBERS = "0123456789.-"
GROWS = 20  # times as long as a text its form is, at the most


@dataclass(slots=True)
class Group:
    """The scalars of a value: the forms of each kind are worked out when one is asked for."""

    texts: list[str]  # each once: names of fields come again and again
    others: list[Json]
    forms: dict[str, frozenset[str]] = field(default_factory=dict)
    longest: int = -1  # as `longest` of the texts says; not worked out yet

    def has(self, kind: str, form: str) -> bool:
        """Whether a value (canonical) is one of them."""
        found = self.forms.get(kind)
        if found is None:
            if (
                kind == "text" and len(form) > BRIEF and form.strip(OF_NUMBERS)
            ):  # no number, and few are as long
                if self.longest < 0:
                    self.longest = longest(self.texts)
                if len(form) > self.longest:
                    return False
                longer = [one for one in self.texts if len(one) >= len(form) or not one.isascii()]
                return any(canonical(kind, one) == form for one in longer)
            every = self.worth(kind)
            found = self.forms[kind] = frozenset(form for leaf in every for form in spellings(kind, leaf))
        return form in found and form != ""

    def worth(self, kind: str) -> Sequence[Json]:
        """Those in which a value of the kind may stand, where that is seen at once."""
        return worth(kind, self.texts if kind in TEXTUAL else [*self.texts, *self.others])


def group(value: Json) -> Group:
    found: dict[Json, Json] = {}
    others: list[Json] = []
    _gather(value, found, others)
    texts = [one for one in found if isinstance(one, str)]
    if len(texts) < len(found):
        others += [one for one in found if not isinstance(one, str)]
    return Group(texts, others)


def longest(texts: Sequence[str]) -> int:
    """How many characters the form of one of several texts may have at the most."""
    most = max(map(len, texts), default=0)
    return most if "".join(texts).isascii() else GROWS * most


def scalars(value: Json) -> tuple[Json, ...]:
    """Every scalar of a value, each text once. Kept for each result of a run: a tuple of scalars costs the collector of
    cycles nothing."""
    found: dict[Json, Json] = {}
    others: list[Json] = []
    _gather(value, found, others)
    return (*found, *others)


def worth(kind: str, every: Sequence[Json]) -> Sequence[Json]:
    """Of several scalars those in which a value of the kind may stand, where that is seen at once."""
    if kind == "email":
        return [
            one
            for one in every
            if (one.__class__ is str or isinstance(one, str)) and ("@" in one or not one.isascii())
        ]
    if kind == "url":
        return [
            one
            for one in every
            if (one.__class__ is str or isinstance(one, str)) and ("." in one or ":" in one)
        ]
    return every


def certain(records: Mapping[str, Json]) -> Mapping[str, Json]:
    """Records with nothing in place of what is no value, so that whatever compares it cannot be decided: NaN is neither above
    a limit nor below."""
    if not any(map(unkept, records.values())):
        return records
    return {name: _certain(record, 0) for name, record in records.items()}


def leaves(value: Json) -> Iterator[Json]:
    """Every scalar in a JSON value, keys of objects included."""
    if isinstance(value, Mapping):
        for key, item in value.items():
            yield key
            yield from leaves(item)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from leaves(item)
    elif value is not None:
        yield value


def _certain(value: Json, depth: int) -> Json:
    if depth <= DEEPEST and isinstance(value, Mapping):
        return {name: _certain(item, depth + 1) for name, item in value.items() if not unkept(name)}
    if depth <= DEEPEST and isinstance(value, list | tuple):
        return [_certain(item, depth + 1) for item in value]
    return None if unkept(value) else value


def _gather(value: Json, texts: dict[Json, Json], others: list[Json]) -> None:
    """What is commonest comes first."""
    if isinstance(value, dict):
        texts |= value  # for its names
        value = value.values()
    elif not isinstance(value, list):
        value = leaves(value)
    for item in value:
        its = item.__class__
        if its is str:
            texts[item] = None
        elif its is dict or its is list:
            _gather(item, texts, others)
        elif its is float or its is int or its is bool:
            others.append(item)
        elif isinstance(item, Mapping | list | tuple):
            _gather(item, texts, others)
        elif isinstance(item, str):
            texts[str(item)] = None
        elif item is not None:
            others.append(item)
