"""What a run holds that not everybody may have: each value that it read from a labelled place, found again in what goes out.

Nothing weakens a label. A value keeps the one that it was first read with, wherever the run has written it since: what
comes back from a file, from a note or out of another's record after the model had written it there is still what it was. What a
tool that says nothing of confidentiality makes of values given to it, or of a file that they were written to, is as
confidential as they are. Only a source that is trusted, and that the model had not told, gives a value a second owner.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

from remit.gate.confidentiality import PUBLIC, SECRET, WORKSPACE, Label, resolved, scale, strictest
from remit.gate.fields import TRUSTED, Steps, at, labelled, scaled
from remit.gate.purposes import common
from remit.gate.spelled import LETTERS, ROW, Form, disguised, forms, readings, words_of
from remit.gate.values import canonical, found
from remit.journal.refs import Pointer

Json = Any
_DIGIT = re.compile(r"\d")
_PLAIN = re.compile("[A-Za-z_]+")
FEW = 4  # letters of a text to each value, from which on values are looked for one by one
NAME = 200  # characters of what may be the name of a file


class Read(Protocol):
    """A result, as `Known` keeps it."""

    @property
    def result(self) -> Json: ...
    @property
    def trusted(self) -> bool: ...
    @property
    def source(self) -> str: ...
    @property
    def given(self) -> Json: ...
    @property
    def fields(self) -> Mapping[str, str]: ...
    @property
    def call(self) -> str: ...
    @property
    def secrecy(self) -> Secrecy: ...


@dataclass(frozen=True, slots=True)
class Secrecy:
    """What the journal says of the confidentiality of one result."""

    declared: Mapping[str, str] = field(
        default_factory=dict
    )  # path -> word; empty: the tool says nothing of it
    values: Mapping[str, str] = field(
        default_factory=dict
    )  # form of a value in it -> label, beside the declared
    refs: Sequence[Pointer] = ()  # what was given to the call by reference
    had: Sequence[str] = ()  # labels that whoever handed this over had read
    inside: bool = (
        False  # the call stayed within the run or only looked: what it gives back may be made of what it got
    )
    wrote: bool = False  # it kept something for the run
    anything: bool = False  # it could read and change all that the run has kept, whatever it was given
    person: Mapping[str, Json] = field(default_factory=dict)  # for whom the run acts


UNSAID = Secrecy()


@dataclass(slots=True)
class Value:
    """Something that was read from a labelled place."""

    form: Form
    place: int  # among all that were read, the first first
    # It may go where any of them may: each is of a source of its own. A secret has no other.
    labels: dict[Label, None]
    firm: bool  # the labels are of trusted sources
    source: str
    stood: tuple[Json, Json]  # a result, and the scalar in it, where it stood first
    written: bool = False  # the model has written it into a call since

    @property
    def name(self) -> str:
        """Of the field in which it stood; empty where it was the whole result."""
        return _field_of(*self.stood)

    @property
    def label(self) -> Label:
        return strictest(*self.labels)


@dataclass(slots=True)
class Held:
    """`all_`: values of the workspace too, where something is to go to everybody."""

    all_: bool = False
    upto: int = 0
    read: dict[Label, None] = field(default_factory=dict)  # labels above workspace that were read
    limited: bool = False  # to purposes, some of it
    _values: dict[Form, Value] = field(default_factory=dict)
    _words: dict[str, list[Value]] = field(default_factory=dict)
    _phrases: dict[str, list[Value]] = field(default_factory=dict)
    _letters: dict[str, list[tuple[str, Value]]] = field(default_factory=dict)  # by their first LETTERS
    _runs: dict[str, Value] = field(default_factory=dict)
    _numbers: dict[str, Value] = field(default_factory=dict)
    _things: dict[str, Label] = field(
        default_factory=dict
    )  # name of a file or note -> what was written to it
    _made: dict[str, Label] = field(default_factory=dict)  # call -> what its result was made of
    _mixed: Label = (
        PUBLIC  # since a call that could read and change anything: how confidential any kept thing may be
    )

    def learn(self, reads: Sequence[Read]) -> None:
        """Take in what came since the last time."""
        for read in reads[self.upto :]:
            self._take(read, reads)
        self.upto = len(reads)

    def within(self, value: Json) -> list[Value]:
        """The values that stand in a value, however they are spelled, in the order in which they were read."""
        if not self._values:
            return []
        texts = [leaf if isinstance(leaf, str) else str(leaf) for leaf, _ in labelled(value, {})]
        joined = [*texts, " ".join(texts)] if len(texts) > 1 else texts
        hits = (hit for text in joined for one in readings(text) for hit in self._in(one))
        return sorted({hit.place: hit for hit in hits}.values(), key=lambda hit: hit.place)

    def pointed(self, pointer: Pointer, reads: Sequence[Read]) -> Label:
        """The label of what a reference points to."""
        read = next((one for one in reads if one.call and one.call == pointer.call), None)
        if read is None:
            return WORKSPACE
        try:
            labels = [label for _, label in _labels(read, pointer.steps)]
        except LookupError:
            labels = []
        made = self._made.get(pointer.call)
        return strictest(*labels, *([made] if made else ())) if labels else WORKSPACE

    def carried(self, value: Json) -> dict[str, str]:
        """The values that stand in it as the journal keeps them, to be known elsewhere."""
        return {" ".join(one.form): one.label.written for one in self.within(value)}

    def _take(self, read: Read, reads: Sequence[Read]) -> None:
        told = self.within(read.given)
        for value in told:
            value.written = True
        says = read.secrecy
        for text, word in says.values.items():
            kind, _, key = text.partition(" ")
            self._hold((kind, key), resolved(word, {}), read, None, firm=False)
        for word in says.had:
            had = resolved(word, {})
            self.read[had] = None
            self.limited = self.limited or had.purposes is not None
        names = set(_field_names(read.result))
        if says.declared:
            for leaf, label in _labels(read):
                if leaf not in names:
                    self._hold_all(leaf, label, read)
            return
        made = self._given(read, told, reads) if says.inside else PUBLIC
        if made.rank > WORKSPACE.rank:
            self._made[read.call] = made
            if says.anything:
                self._mixed = strictest(made, self._mixed)
            if says.wrote:
                for name in _names(read):
                    self._things[name] = strictest(made, self._things.get(name, PUBLIC))
        if made.rank > WORKSPACE.rank or self.all_:
            # What only repeats an argument that held nothing, as the path of a file that was written, is nothing new.
            names |= {leaf for leaf in _given_to(read) if not self.within(leaf)}
            for leaf, _ in labelled(read.result, {}):
                if leaf not in names:
                    self._hold_all(leaf, strictest(made, WORKSPACE), read)

    def _given(self, read: Read, told: Iterable[Value], reads: Sequence[Read]) -> Label:
        """How confidential that is which a call was given: values, references, and the names of what the run has written."""
        labels = [value.label for value in told]
        labels += [self.pointed(pointer, reads) for pointer in read.secrecy.refs]
        labels += [self._mixed, *(self._things.values() if read.secrecy.anything else ())]
        if self._things:
            labels += [self._things[name] for name in _names(read) if name in self._things]
        return strictest(*labels)

    def _hold_all(self, leaf: Json, label: Label, read: Read) -> None:
        strict = label.word == "secret"
        if label.rank > WORKSPACE.rank:
            self.read[label] = None
        firm: bool | None = None
        for form in forms(leaf, strict):
            if firm is None:
                firm = _firm(leaf, read)
            self._hold(form, label, read, leaf, firm)

    def _hold(self, form: Form, label: Label, read: Read, leaf: Json, firm: bool) -> None:
        if label.rank > WORKSPACE.rank:
            self.read[label] = None
            self.limited = self.limited or label.purposes is not None
        before = self._values.get(form)
        if before is not None:
            _also(before, label, firm)
        elif label.rank > (PUBLIC.rank if self.all_ else WORKSPACE.rank) or firm:
            value = Value(form, len(self._values), {label: None}, firm, read.source, (read.result, leaf))
            self._values[form] = value
            self._look_for(form, value)

    def _look_for(self, form: Form, value: Value) -> None:
        kind, key = form
        if kind == "run":
            self._runs[key] = value
        elif kind == "number":
            self._numbers[key] = value
        for one in disguised(form) if kind in ("letters", "words") else ():
            if kind == "letters":
                self._letters.setdefault(one[:LETTERS], []).append((one, value))
            else:
                plain = one.isascii() and " " not in one
                (self._words if plain else self._phrases).setdefault(one, []).append(value)

    def _in(self, text: str) -> Iterator[Value]:
        words = words_of(text)
        for word in self._words.keys() & set(words):
            yield from self._words[word]
        if self._phrases:
            spaced = f" {' '.join(words)} "
            for phrase, values in self._phrases.items():
                if (f" {phrase} " if phrase.isascii() else phrase) in spaced:
                    yield from values
        letters, index = "".join(words), self._letters
        if len(index) * FEW < len(letters):  # one by one is faster
            yield from (value for there in index.values() for key, value in there if key in letters)
        elif index:
            starts = {letters[here : here + LETTERS] for here in range(len(letters) - LETTERS + 1)}
            for start in index.keys() & starts:
                yield from (value for key, value in index[start] if key in letters)
        if self._runs:
            rows = {" ".join(words[here : here + ROW]) for here in range(len(words) - ROW + 1)}
            yield from (self._runs[row] for row in self._runs.keys() & rows)
        if self._numbers and _DIGIT.search(text):
            yield from (self._numbers[one] for one in self._numbers.keys() & found("amount", text))


def _labels(read: Read, steps: Steps = ()) -> Iterator[tuple[Json, Label]]:
    """The scalars of a result, or of the part that stands at `steps`, with what the tool says of each."""

    def trusted(place: Steps) -> bool:
        if not read.fields:
            return read.trusted
        return all(says in TRUSTED for _, says in at(read.result, read.fields, place))

    return scaled(read.result, read.secrecy.declared, steps, scale(read.secrecy.person, trusted))


def _firm(leaf: Json, read: Read) -> bool:
    """Whether a trusted source says it, and no stranger beside it in the same result."""
    if not read.fields:
        return read.trusted
    return all(says in TRUSTED for one, says in labelled(read.result, read.fields) if one == leaf)


def _also(value: Value, label: Label, firm: bool) -> None:
    """What becomes of a value that is read again, with another label."""
    limits = common([label.purposes, *(one.purposes for one in value.labels)])
    if limits is not None:  # of a value whatever is said of it holds, whoever else has it
        label = replace(label, purposes=limits)
        value.labels = {replace(one, purposes=limits): None for one in value.labels}
    if label.word == "secret" or any(one.word == "secret" for one in value.labels):
        value.labels = {replace(SECRET, purposes=limits): None}
    elif label in value.labels:
        value.firm |= firm and not value.written and len(value.labels) == 1
    elif firm and not value.written and value.firm:
        value.labels[label] = None
    elif not value.firm:
        value.labels = {strictest(*value.labels, label): None}


def _names(read: Read) -> Iterator[str]:
    """What may be the name of a file or of a note, among what a call was given and gave back."""
    for leaf in (*_given_to(read), *(leaf for leaf, _ in labelled(read.result, {}))):
        if isinstance(leaf, str) and 0 < len(leaf) <= NAME and "\n" not in leaf:
            yield canonical("path", leaf) or leaf


def _given_to(read: Read) -> Iterator[Json]:
    """What the model gave to a call; the names of the arguments are not its own."""
    for value in read.given.values() if isinstance(read.given, Mapping) else (read.given,):
        yield from (leaf for leaf, _ in labelled(value, {}))


def _field_names(value: Json) -> Iterator[str]:
    """Names of fields, which tell nothing: plain words. Other keys, as an address by which something is found, are data."""
    if isinstance(value, Mapping):
        for key, item in value.items():
            if _PLAIN.fullmatch(key):
                yield key
            yield from _field_names(item)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _field_names(item)


def _field_of(result: Json, leaf: Json, name: str = "") -> str:
    """The field in which a value stands; empty where it is the whole result."""
    if isinstance(result, Mapping):
        inner = (_field_of(item, leaf, str(key)) for key, item in result.items())
        return next((one for one in inner if one), "")
    if isinstance(result, list | tuple):
        return next((one for one in (_field_of(item, leaf, name) for item in result) if one), "")
    return name if result == leaf and type(result) is type(leaf) else ""
