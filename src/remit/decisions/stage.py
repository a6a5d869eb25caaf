"""How far a version of a playbook goes: decide and log only, do it for a share of people, do it for all; and what takes it back. Pure.

It goes up a step at a time, on what it has shown. It comes down by itself when a guardrail is broken beyond chance: what follows what was done
too often (Wilson's interval, 1927, so that one complaint of three decisions is no evidence and forty of a thousand are), or less value
than where nothing was done.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal, get_args

from remit.decisions.aim import Guardrail
from remit.decisions.choose import held_out
from remit.decisions.offpolicy import Z95

Stage = Literal["off", "shadow", "ramp", "live"]
STAGES: tuple[Stage, ...] = get_args(Stage)
SHADOWED = 100  # decisions in shadow before anything is done
DONE = 200  # decisions that were done and whose window has closed, before it is done for all
TELLING = 3  # times that something must have followed before it can break a guardrail


@dataclass(frozen=True, slots=True)
class Values:
    """Of n decisions: how many, what they brought less what they cost, and the squares of it."""

    count: int = 0
    total: float = 0.0
    squares: float = 0.0

    @property
    def mean(self) -> float:
        return self.total / self.count if self.count else math.nan

    @property
    def error(self) -> float:
        """Of the mean."""
        if self.count < 2:
            return math.inf
        variance = max(self.squares / self.count - self.mean**2, 0.0) * self.count / (self.count - 1)
        return math.sqrt(variance / self.count)

    def over(self, other: Values) -> tuple[float, float, float]:
        """How much more a decision brings than one of the others, with a 95 % interval; nan where either has none."""
        more, error = self.mean - other.mean, math.hypot(self.error, other.error)
        return more, more - Z95 * error, more + Z95 * error


@dataclass(frozen=True, slots=True)
class Shown:
    """What a version has shown: decisions that were only logged, that were done, such of them as are closed, after how many of those
    something of each guardrail's followed, and what was brought beside those held out."""

    shadowed: int = 0
    done: int = 0
    closed: int = 0
    followed: Mapping[str, int] = field(default_factory=dict)
    chosen: Values = Values()
    holdout: Values = Values()


def in_ramp(person: str, playbook: str, share: float) -> bool:
    """The same answer for a person always; who is in a small share is in every larger one."""
    return held_out(person, share, f"ramp {playbook}")


def obstacle(now: Stage, wanted: Stage, shown: Shown, broken: Iterable[str] = ()) -> str:
    """Why a version may not go there yet; empty: it may. Down is always free."""
    if STAGES.index(wanted) <= STAGES.index(now):
        return ""
    if wanted == "live" and now != "ramp":
        return "ramp comes before live: let it act for a share of people first"
    if wanted == "ramp" and now != "shadow":
        return "shadow comes before ramp: let it decide without acting first"
    if wanted == "ramp" and shown.shadowed < SHADOWED:
        return f"{shown.shadowed} decisions were made in shadow, and at least {SHADOWED} should be looked at before it acts"
    if wanted == "live" and shown.closed < DONE:
        return f"of {shown.closed} decisions that were done it is known what came of them, and at least {DONE} should be before all have it"
    return next((f"a guardrail is broken: {one}" for one in broken), "") if wanted != "shadow" else ""


def broken(guardrails: Iterable[Guardrail], shown: Shown) -> list[str]:
    """Each guardrail that is broken beyond chance, in words."""
    found = []
    for one in guardrails:
        times = shown.followed.get(one.name, 0)
        if times >= TELLING and least(times, shown.done) > one.most:
            found.append(f"{one.name} followed {times} of {shown.done} decisions, at most {one.most:.2%}")
    more, _, most = shown.chosen.over(shown.holdout)
    if shown.chosen.count >= DONE and most < 0:
        found.append(f"value is {more:.4g} a decision beside those held out, and at best {most:.4g}")
    return found


def least(times: int, of: int) -> float:
    """The lower end of the 95 % interval of a share."""
    if not of:
        return 0.0
    share, z2 = times / of, Z95**2
    centre = share + z2 / (2 * of)
    spread = Z95 * math.sqrt(share * (1 - share) / of + z2 / (4 * of**2))
    return (centre - spread) / (1 + z2 / of)
