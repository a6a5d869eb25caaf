"""Whom an erasure is of: found once, and kept sealed until it is done, so that whoever goes on after a crash knows it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from pydantic_core import from_json, to_json

from remit.graph.people import Person
from remit.privacy.needles import Needles, needles
from remit.settings import Settings
from remit.store.secrets import key_of, seal, unseal

Key = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Whom:
    """A person, by all that is theirs alone: what is many people's is not looked for."""

    profiles: tuple[int, ...]
    identifiers: tuple[Key, ...]
    names: tuple[str, ...]

    @property
    def called(self) -> list[str]:
        """As runs name the person they are for."""
        return [name for kind, value in self.identifiers for name in (value, f"{kind}:{value}")]

    def looked_for(self, tag: str) -> Needles:
        return needles(self.identifiers, self.names, tag)


def whom(person: Person) -> Whom:
    own = [one for one in person.profiles if not one.shared]
    said = {str(one.about["name"][0]) for one in person.profiles if "name" in one.about}
    names = {one.name for one in person.profiles} | said
    return Whom(
        tuple(person.ids),
        tuple((one.kind, one.value) for one in own),
        tuple(sorted(name for name in names if name)),
    )


def sealed(settings: Settings, erasure: UUID, one: Whom) -> bytes:
    text = to_json([one.profiles, one.identifiers, one.names]).decode()
    return seal(key_of(settings, make=True), f"erasure {erasure}", text)


def opened(settings: Settings, erasure: UUID, kept: bytes) -> Whom:
    """Raises UserError where this machine has not the key."""
    said: list[list[Any]] = from_json(unseal(key_of(settings), f"erasure {erasure}", kept))
    profiles, identifiers, names = said
    return Whom(tuple(profiles), tuple((kind, value) for kind, value in identifiers), tuple(names))
