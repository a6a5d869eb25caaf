"""What a person said yes to and wants to be asked no more: for one agent and one tool, where the same rule asks, with the same
values. Pure.

A remembered yes is a narrow allow. It stands after every deny, and never in the place of two people. A value that it
names must be the same, in the canonical form of its kind, or an amount up to the one named; any other sink must be
vouched for by itself. What cannot be decided is still asked.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from remit.errors import UnknownName, UserError
from remit.gate.proposal import Proposal, Verdict
from remit.gate.unseen import shown
from remit.gate.values import canonical

Json = Any
UNDECIDED = "could not be decided"  # what a reason says where a rule's condition could not be
_AT_MOST = re.compile(r"\s*([A-Za-z_]\w*)\s*<=\s*(\d{1,15}(?:\.\d{1,9})?)\s*")


@dataclass(frozen=True, slots=True)
class Bound:
    """What an argument must be: the same value, or a number up to `most`."""

    argument: str
    value: str = ""  # in canonical form, or as JSON
    most: str = ""  # a number, in decimal

    @property
    def words(self) -> str:
        return f"{self.argument} <= {self.most}" if self.most else f"{self.argument} = {shown(self.value)}"

    def holds(self, args: Mapping[str, Json], sinks: Mapping[str, str]) -> bool:
        if self.argument not in args:
            return False
        if self.most:
            number = _number(args[self.argument])
            return number is not None and 0 <= number <= Decimal(self.most)
        return form(args[self.argument], sinks.get(self.argument, "")) == self.value


@dataclass(frozen=True, slots=True)
class Remembered:
    """One remembered yes, until it is revoked."""

    id: int
    agent: str
    tool: str
    rule: str  # that asked, by its name
    bounds: tuple[Bound, ...]
    by: str
    at: datetime
    run: UUID
    ask: str

    @property
    def words(self) -> str:
        return f"{self.tool} with {' and '.join(bound.words for bound in self.bounds)}"

    @property
    def name(self) -> str:
        """As a verdict names it."""
        return f"remembered {self.id}: {self.words}"

    def allows(self, proposal: Proposal, verdict: Verdict) -> bool:
        """Whether it speaks for a call that is to be asked about."""
        if (proposal.tool, verdict.rule) != (self.tool, self.rule) or not self.bounds or not alone(verdict):
            return False
        named = {bound.argument for bound in self.bounds}
        rest = (level for name, level in verdict.evidence.items() if name not in named)
        return "unvouched" not in rest and all(b.holds(proposal.args, proposal.sinks) for b in self.bounds)


def alone(verdict: Verdict) -> bool:
    """Whether one person may say yes for good to what is asked: not where two must look, nor where nothing was decided."""
    two = verdict.terms is not None and verdict.terms.persons > 1
    return not two and not any(UNDECIDED in reason for reason in verdict.reasons)


def recalled(proposal: Proposal, verdict: Verdict, remembered: Sequence[Remembered]) -> Verdict | None:
    """The verdict that a remembered yes makes of an ask; None where none speaks for the call."""
    for one in remembered:
        if one.allows(proposal, verdict):
            why = f"{shown(one.by)} said so on {one.at:%d %B %Y}, in run {str(one.run)[:8]} to {one.ask}"
            return Verdict("allow", one.name, (why,), verdict.evidence)
    return None


def bind(
    wanted: Sequence[str],
    args: Mapping[str, Json],
    sinks: Mapping[str, str],
    evidence: Mapping[str, str],
) -> tuple[Bound, ...]:
    """The bounds that a person names, of the call that they say yes to: an argument as `to`, or `amount<=50`. Raises
    UserError for what the call does not fit itself, and where a value is left out that nothing vouches for."""
    bounds = []
    for text in wanted:
        at_most = _AT_MOST.fullmatch(text)
        name = at_most[1] if at_most else text.strip()
        if name not in args:
            raise UnknownName("argument", name, args, "--remember")
        value = form(args[name], sinks.get(name, ""))
        if at_most is None and value is None:
            raise UserError(
                f"--remember {name}: {name} is no plain {sinks[name]}, and is asked about each time"
            )
        bound = Bound(name, most=at_most[2]) if at_most else Bound(name, value or "")
        if not bound.holds(args, sinks):
            raise UserError(
                f"--remember {text}: the call itself has {name} = {shown(json.dumps(args[name]))}"
            )
        bounds.append(bound)
    if not bounds:
        raise UserError("--remember names at least one argument of the call")
    left = [
        n for n, level in evidence.items() if level == "unvouched" and n not in {b.argument for b in bounds}
    ]
    if left:
        raise UserError(
            f"nothing vouches for {left[0]} either: name it too, as --remember {left[0]}, or say yes without --remember"
        )
    return tuple(bounds)


def form(value: Json, kind: str) -> str | None:
    """What is compared: of a sink its canonical form, of anything else its JSON. None where a sink has none."""
    if kind and not isinstance(value, list | dict):
        return canonical(kind, value)
    return json.dumps(value, sort_keys=True, ensure_ascii=False)


def _number(value: Json) -> Decimal | None:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return None
    return Decimal(str(value))
