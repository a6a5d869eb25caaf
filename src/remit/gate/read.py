"""One result that a run has read, as the gate keeps it: who says what in it, gone through when somebody asks."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from remit.gate.fields import NAMED, TRUSTED, labelled
from remit.gate.held import Secrecy
from remit.gate.scalars import leaves, scalars

Json = Any
LONG = 2_000  # characters; a leaf that is longer is no value, though values may stand in it


@dataclass(slots=True)
class Read:
    result: Json
    trusted: bool
    named: (
        str | Callable[[], str]
    )  # its source in words: few are ever told of, so they may be put together then
    given: Json  # what the model gave to the call
    fields: Mapping[str, str]  # path -> integrity, where it is not the same for all of the result
    call: str  # its number, by which references name it
    member: bool  # all of it is of somebody with an account of the workspace
    secrecy: Secrecy  # who may have what is in it
    _parted: list[tuple[Json, bool]] | None = None  # worked out once, since who speaks of it is asked often
    _told: tuple[Json, ...] | None = None
    _vouched: tuple[Json, ...] | None = None

    @property
    def source(self) -> str:
        if not isinstance(self.named, str):
            self.named = self.named()
        return self.named

    def told(self) -> tuple[Json, ...]:
        """Every scalar that the model gave to the call, names of arguments included."""
        if self._told is None:
            self._told = scalars(self.given)
        return self._told

    def vouched(self) -> tuple[Json, ...]:
        """Every scalar in the result that a trusted source says, but long texts."""
        if self._vouched is None:
            if not self.trusted and not self.fields:
                return ()
            said = [leaf for leaf, trusted in self.leaves() if trusted] if self.fields else self.result
            every = [one for one in scalars(said) if one.__class__ is not str or len(one) <= LONG]
            self._vouched = tuple(every)
        return self._vouched

    def leaves(self) -> Iterable[tuple[Json, bool]]:
        """Every scalar in the result, and whether a trusted source says it."""
        if not self.fields:
            return ((leaf, self.trusted) for leaf in leaves(self.result))
        if self._parted is None:
            self._parted = [(leaf, says in TRUSTED) for leaf, says in labelled(self.result, self.fields)]
        return self._parted

    def of_members(self) -> Iterable[Json]:
        """Every scalar that somebody with an account of the workspace wrote."""
        if not self.fields:
            return leaves(self.result) if self.member else ()
        return (leaf for leaf, says in labelled(self.result, self.fields) if says == NAMED)
