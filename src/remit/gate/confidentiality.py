"""Who may have a value: labels of confidentiality, and what a tool's words for them come to in a result. Pure.

`public` < `workspace` < `person` < `secret`. What nobody speaks of is `workspace`. `person` is the data of one person, and
has that person with it, under all the names by which a destination may be theirs. Two people's data at once, and data of a
person whom nobody can tell, are nobody's: stricter than anybody's, since no destination may have them.

A tool says whose with a field of the result: `person:owner` is the field `owner` of the object that the path leads to, or else
of the nearest around it; `person:id,email` names several, each of which is that person. The field counts only where
somebody trusted says it, or a stranger could make another's data their own. `own` is the data of the person for whom
the run acts, where that person is verified. `person=["bob"]`, as the journal may have it, names the person. A person's data may be limited to
purposes (`purposes.py`): `person:id for service`. Of labels that join, only what all of them allow is left.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from pydantic_core import from_json, to_json

from remit.gate.fields import Around, Scale, Steps
from remit.gate.purposes import Purposes, common, joined, parted

Json = Any
WORDS = ("public", "workspace", "person", "secret")  # weakest first: the last may go nowhere by itself
OWN = "own"
NOBODY = "person:?"
_FIELDS = re.compile(r"person:([^\s,:=]+(?:,[^\s,:=]+)*)")


@dataclass(frozen=True, slots=True)
class Label:
    word: str
    whose: tuple[str, ...] = ()  # of `person`: by each of these the person is known; empty: nobody's
    purposes: Purposes = None  # what it may be used for; None: everything

    @property
    def rank(self) -> int:
        return WORDS.index(self.word)

    @property
    def written(self) -> str:
        """As the journal keeps it; `resolved` reads it."""
        return joined(f"person={to_json(self.whose).decode()}" if self.whose else self.word, self.purposes)

    @property
    def said(self) -> tuple[str, ...]:
        """As rules see it: `person` and whose, so that both can be asked."""
        if self.word != "person":
            return (self.word,)
        return ("person", f"person:{self.whose[0]}" if self.whose else NOBODY)


PUBLIC, WORKSPACE, NOBODYS, SECRET = (Label(word) for word in WORDS)


def strictest(*labels: Label) -> Label:
    """The least label that is as strict as each; of none, public."""
    purposes = common(one.purposes for one in labels)
    found = _strictest(labels)
    return found if found.purposes == purposes else replace(found, purposes=purposes)


def _strictest(labels: tuple[Label, ...]) -> Label:
    highest = max((one.rank for one in labels), default=0)
    those = [one for one in labels if one.rank == highest]
    if not those:
        return PUBLIC
    first = those[0]
    if first.word != "person" or all(one.whose == first.whose for one in those):
        return first
    shared = [name for name in first.whose if all(knows(one.whose, name) for one in those)]
    return Label("person", tuple(shared))


def knows(whose: tuple[str, ...], name: str) -> bool:
    """Whether a person goes by that name, whatever its case."""
    return any(alike(one) == alike(name) for one in whose)


def alike(name: str) -> str:
    return " ".join(name.casefold().split())


def stricter(*words: str) -> str:
    """Of a tool's words for one value, the one that holds: the data of two persons are nobody's."""
    plain, purposes = zip(*map(parted, words), strict=True)
    ranks = [_rank(word) for word in plain]
    those = {word for word, rank in zip(plain, ranks, strict=True) if rank == max(ranks)}
    return joined(those.pop() if len(those) == 1 else "person", common(purposes))


def unscoped(words: Iterable[str]) -> str:
    """The strictest of a tool's words, where the fields that say whose it is are not there."""
    word, purposes = parted(stricter(*words))
    if _rank(word) == len(WORDS):  # of newer code
        return joined("secret", purposes)
    return joined(word if word in WORDS or word == OWN else "person", purposes)


def scopes(word: str) -> tuple[str, ...] | None:
    """The fields that say whose it is; none for a word without; None for what is no word of a declaration."""
    word, purposes = parted(word)
    if purposes is not None and _rank(word) != _rank(OWN):
        return None  # only what is somebody's is limited
    if word in WORDS or word == OWN:
        return ()
    found = _FIELDS.fullmatch(word)
    return tuple(found[1].split(",")) if found else None


def resolved(
    word: str, person: Mapping[str, Json], around: Around = (), trusted: Callable[[Steps], bool] | None = None
) -> Label:
    """The label that a word comes to. `around`: the objects in which the fields that it names are looked for; `trusted`: whether
    what stands somewhere is said by somebody trusted; None: nothing is. A word of newer code is secret."""
    plain, purposes = parted(word)
    found = _resolved(plain, person, around, trusted)
    return found if purposes is None else replace(found, purposes=purposes)


def _resolved(
    word: str, person: Mapping[str, Json], around: Around, trusted: Callable[[Steps], bool] | None
) -> Label:
    if word in WORDS:
        return Label(word)
    if word == OWN:
        return Label("person", own(person))
    if word.startswith("person="):
        return _named(word)
    names = scopes(word)
    if names is None:
        return SECRET
    for value, place in reversed(around):
        there = [name for name in names if name in value]
        if there:
            told = [
                str(value[n]) for n in there if trusted is not None and trusted((*place, n)) and _id(value[n])
            ]
            return Label("person", tuple(dict.fromkeys(told)))
    return NOBODYS


def own(person: Mapping[str, Json]) -> tuple[str, ...]:
    """By what the person for whom the run acts is known; nothing where nobody has verified them."""
    if person.get("verified") is not True:
        return ()
    return tuple(str(one) for one in (person.get("id"), person.get("email")) if one)


def scale(person: Mapping[str, Json], trusted: Callable[[Steps], bool] | None) -> Scale[Label]:
    """Labels of confidentiality, for one result."""
    return Scale(strictest, lambda word, around: resolved(word, person, around, trusted), "workspace", True)


def _named(word: str) -> Label:
    try:
        names = from_json(word.removeprefix("person="))
    except ValueError:
        return SECRET
    return Label("person", tuple(map(str, names))) if isinstance(names, list) else SECRET


def _id(value: Json) -> bool:
    return isinstance(value, str | int) and not isinstance(value, bool) and bool(str(value).strip())


def _rank(word: str) -> int:
    plain = "person" if word == OWN or word.startswith(("person:", "person=")) else word
    return WORDS.index(plain) if plain in WORDS else len(WORDS)
