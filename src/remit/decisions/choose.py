"""Which action, for whom, now: the most that can be had under what is allowed, what a team can do and what may be spent.

The value of an action is what is expected of it × worth × the weight of its goal × the person's urgency, less its cost; doing nothing is one of
the actions, so that what would have happened anyway counts for none of them. Where capacity or budget is short, whoever stands to gain most comes
first (most for its cost, where there is a budget), and whoever comes later chooses among what is left. The propensity is the one under
exactly what was left, so what is logged stays good for estimates.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

import numpy as np

from remit.decisions.action import Action, Playbook
from remit.decisions.arrays import Bools, Floats, Ints
from remit.decisions.eligible import Refusal, Standing, refusals
from remit.decisions.learn import Policy
from remit.decisions.logged import Column

NOTHING = Action(name="nothing", does="nothing")


@dataclass(frozen=True, slots=True)
class Option:
    """What could have been done: what it was expected to be worth, and how likely it was taken."""

    action: str
    expected: float
    chance: float


@dataclass(frozen=True, slots=True)
class Decision:
    """The record of a choice. `ruled_out`: each action that was not possible, by which rules."""

    person: str
    at: datetime
    action: str
    propensity: float
    options: tuple[Option, ...]
    ruled_out: tuple[tuple[str, tuple[Refusal, ...]], ...]
    reason: str
    holdout: bool = False


@dataclass(frozen=True)
class People:
    """Whom a round is about: n names, what is known of them, how the rules see them, and how urgent it is (n,)."""

    names: Sequence[str]
    columns: Sequence[Column]
    standings: Sequence[Standing]
    urgency: Floats


@dataclass
class Left:
    """What a team can still do of each action, and what may still be spent; counted down as it is given out."""

    counts: dict[str, int] = field(default_factory=dict)
    budget: float | None = None

    def covers(self, action: Action) -> bool:
        affordable = self.budget is None or action.cost <= max(self.budget, 0)
        return self.counts.get(action.name, 1) > 0 and (affordable or action.cost <= 0)

    def take(self, action: Action) -> None:
        if action.name in self.counts:
            self.counts[action.name] -= 1
        if self.budget is not None:
            self.budget -= action.cost


def actions_of(playbook: Playbook) -> tuple[Action, ...]:
    """All that is chosen among, as the policy counts them: doing nothing is always one."""
    has = any(action.does == "nothing" for action in playbook.actions)
    return playbook.actions if has else (*playbook.actions, NOTHING)


def left_of(playbook: Playbook, used: Mapping[str, int] = {}) -> Left:
    """What is left at the beginning of a round, when so much of it was used within the window of each capacity."""
    limits = {one.name: one.capacity.count for one in playbook.actions if one.capacity}
    return Left({name: max(count - used.get(name, 0), 0) for name, count in limits.items()}, playbook.budget)


def held_out(person: str, share: float, salt: str = "") -> bool:
    """The same answer for the same person always: a holdout is left alone for good, or it shows nothing."""
    drawn = hashlib.sha256(f"{salt}\0{person}".encode()).digest()[:8]
    return int.from_bytes(drawn, "big") < share * 2**64


def choose(
    playbook: Playbook, policy: Policy, people: People, now: datetime, left: Left, chance: np.random.Generator
) -> list[Decision]:
    """A decision for each of them, in their order. `left` is counted down. The policy's K actions are those of `actions_of`."""
    among = actions_of(playbook)
    ruled = [_ruled(among, standing, playbook, now) for standing in people.standings]
    allowed = np.array([[action.name not in out for action in among] for out in ruled])
    aims = np.array([playbook.aim(action) for action in among])
    base, personal, expected = policy.parts(
        people.columns, len(people.names), np.outer(people.urgency, aims), allowed
    )
    chances = policy.mixed(base, personal, allowed)
    found: dict[int, Decision] = {}
    drawn = chance.uniform(size=len(ruled))
    for row in _turns(among, expected, allowed, playbook).tolist():
        view = (people.names[row], now, among, expected[row].tolist(), ruled[row])
        if held_out(people.names[row], playbook.holdout):
            found[row] = _nothing(*view)
        else:
            found[row] = _drawn(*view, chances[row].tolist(), left, float(drawn[row]))
    return [found[row] for row in range(len(ruled))]


def _ruled(
    among: Sequence[Action], standing: Standing, playbook: Playbook, now: datetime
) -> dict[str, tuple[Refusal, ...]]:
    found = {
        action.name: refusals(action, standing, playbook.rules, now)
        for action in among
        if action.does != "nothing"
    }
    return {name: why for name, why in found.items() if why}


def _turns(among: Sequence[Action], expected: Floats, allowed: Bools, playbook: Playbook) -> Ints:
    """Who comes first. It depends on what is expected and on no chance."""
    idle = next(place for place, action in enumerate(among) if action.does == "nothing")
    value = np.where(allowed, expected, -np.inf)
    best = value.argmax(axis=1)
    gains = value[np.arange(len(value)), best] - expected[:, idle]
    if playbook.budget is not None:
        gains = gains / np.maximum(np.array([action.cost for action in among])[best], 1e-9)
    return np.argsort(-gains, kind="stable")


def _nothing(
    person: str,
    now: datetime,
    among: Sequence[Action],
    expected: Sequence[float],
    ruled: dict[str, tuple[Refusal, ...]],
) -> Decision:
    place = next(place for place, action in enumerate(among) if action.does == "nothing")
    only = (Option(among[place].name, expected[place], 1.0),)
    return Decision(
        person,
        now,
        among[place].name,
        1.0,
        only,
        tuple(ruled.items()),
        "held out, to know what doing brings",
        True,
    )


def _drawn(
    person: str,
    now: datetime,
    among: Sequence[Action],
    expected: Sequence[float],
    ruled: dict[str, tuple[Refusal, ...]],
    chances: Sequence[float],
    left: Left,
    at: float,
) -> Decision:
    """`at`: where in the row of probabilities, 0 to 1, the choice falls."""
    open_to = {
        place: chances[place] for place, one in enumerate(among) if one.name not in ruled and left.covers(one)
    }
    short = [one.name for place, one in enumerate(among) if one.name not in ruled and place not in open_to]
    whole = sum(open_to.values())
    at, pick = at * whole, next(iter(open_to))
    for place, likely in open_to.items():
        pick = place if likely > 0 else pick
        at -= likely
        if at < 0:
            break
    left.take(among[pick])
    options = tuple(
        Option(among[place].name, expected[place], likely / whole) for place, likely in open_to.items()
    )
    out = (
        *ruled.items(),
        *((name, (Refusal("capacity", "none of it, or of the budget, is left"),)) for name in short),
    )
    best = max(open_to, key=lambda place: expected[place])
    reason = (
        f"worth most of what was possible: {expected[pick]:.4g}"
        if pick == best
        else f"tried: expected {expected[pick]:.4g}, {among[best].name} {expected[best]:.4g}"
    )
    return Decision(person, now, among[pick].name, open_to[pick] / whole, options, out, reason)
