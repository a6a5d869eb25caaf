"""Which action, for whom, now: the most that can be had under what is allowed, what a team can do and what may be spent.

The score of an action is what it is expected to gain over doing nothing × worth × the weight of its goal × how urgent it is, less its cost. Where
capacity or budget is short, whoever loses most without what is short comes first (most for its cost, where there is a budget), and whoever
comes later chooses among what is left. The propensity is the one under exactly what was left and was urgent, and what is logged as
expected is what is expected: so estimates from the log stay right.
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
from remit.decisions.score import Press
from remit.decisions.urgency import Pressing

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
    tried: bool = False  # something else had the highest score
    pressing: Mapping[str, Pressing] = field(default_factory=dict)  # by action, where something does


@dataclass(frozen=True)
class People:
    """Whom a round is about: n names, what is known of them, how the rules see them, what presses by action, and by which keys they are
    in a holdout. Without `pressing` nothing is urgent, without `keys` names are keys."""

    names: Sequence[str]
    columns: Sequence[Column]
    standings: Sequence[Standing]
    pressing: Sequence[Mapping[str, Pressing]] = ()
    keys: Sequence[str] = ()

    def press(self, among: Sequence[Action]) -> Press | None:
        if not any(self.pressing):
            return None
        times = np.ones((len(self.names), len(among)))
        for row, some in enumerate(self.pressing):
            for place, action in enumerate(among):
                if action.name in some:
                    times[row, place] = some[action.name].times
        return Press(times, idle_of(among))


@dataclass
class Left:
    """What a team can still do of each action, and what may still be spent; counted down as it is given out."""

    counts: dict[str, int] = field(default_factory=dict)
    budget: float | None = None

    def covers(self, action: Action) -> bool:
        affordable = self.budget is None or action.cost <= max(self.budget, 0)
        return self.counts.get(action.name, 1) > 0 and (affordable or action.cost <= 0)

    def short(self, action: Action) -> bool:
        """Whether it may run out."""
        return action.name in self.counts or (self.budget is not None and action.cost > 0)

    def take(self, action: Action) -> None:
        if action.name in self.counts:
            self.counts[action.name] -= 1
        if self.budget is not None:
            self.budget -= action.cost


def actions_of(playbook: Playbook) -> tuple[Action, ...]:
    """All that is chosen among, as the policy counts them: doing nothing is always one."""
    has = any(action.does == "nothing" for action in playbook.actions)
    return playbook.actions if has else (*playbook.actions, NOTHING)


def left_of(playbook: Playbook, used: Mapping[str, int] = {}, spent: float = 0.0) -> Left:
    """What is left, when so much of it was used within the window of each capacity, and spent within that of the budget."""
    limits = {one.name: one.capacity.count for one in playbook.actions if one.capacity}
    counts = {name: max(count - used.get(name, 0), 0) for name, count in limits.items()}
    return Left(counts, None if playbook.budget is None else max(playbook.budget - spent, 0.0))


def held_out(person: str, share: float, salt: str = "") -> bool:
    """The same answer for the same person always: a holdout is left alone for good, or it shows nothing."""
    drawn = hashlib.sha256(f"{salt}\0{person}".encode()).digest()[:8]
    return int.from_bytes(drawn, "big") < share * 2**64


def idle_of(among: Sequence[Action]) -> int:
    """The place of doing nothing."""
    return next(place for place, action in enumerate(among) if action.does == "nothing")


def choose(
    playbook: Playbook, policy: Policy, people: People, now: datetime, left: Left, chance: np.random.Generator
) -> list[Decision]:
    """A decision for each of them, in their order. `left` is counted down. The policy's K actions are those of `actions_of`."""
    among, rows = actions_of(playbook), len(people.names)
    ruled = [_ruled(among, standing, playbook, now) for standing in people.standings]
    allowed = np.array([[action.name not in out for action in among] for out in ruled])
    press, scale = people.press(among), np.array([[playbook.aim(action) for action in among]])
    gone = np.array([not left.covers(action) for action in among])
    chances, expected = _odds(policy, people.columns, scale, allowed & ~gone, press)
    score = expected if press is None else press.on(expected + policy.costs) - policy.costs
    found: dict[int, Decision] = {}
    drawn, order = chance.uniform(size=rows), _turns(among, score, allowed & ~gone, left)
    for turn, row in enumerate(order.tolist()):
        over = np.array([not left.covers(action) for action in among])
        if (over != gone).any():  # those who are yet to come choose among what is left
            gone, rest = over, order[turn:]
            columns = [column.at(rest) for column in people.columns]
            later = None if press is None else press.at(rest)
            chances[rest], _ = _odds(policy, columns, scale, allowed[rest] & ~gone, later)
        pressing = people.pressing[row] if people.pressing else {}
        one = _One(
            people.names[row], now, among, expected[row].tolist(), score[row].tolist(), ruled[row], pressing
        )
        if held_out(people.keys[row] if people.keys else people.names[row], playbook.holdout):
            found[row] = _nothing(one)
        else:
            found[row] = _drawn(one, chances[row].tolist(), left, float(drawn[row]))
    return [found[row] for row in range(rows)]


def _odds(
    policy: Policy, columns: Sequence[Column], scale: Floats, open_: Bools, press: Press | None
) -> tuple[Floats, Floats]:
    """(n, K) each: how likely each action is, and what is expected of it."""
    rows = len(open_)
    base, personal, expected = policy.parts(columns, rows, np.repeat(scale, rows, axis=0), open_, press)
    return policy.mixed(base, personal, open_), expected


def _ruled(
    among: Sequence[Action], standing: Standing, playbook: Playbook, now: datetime
) -> dict[str, tuple[Refusal, ...]]:
    found = {
        action.name: refusals(action, standing, playbook.rules, now)
        for action in among
        if action.does != "nothing"
    }
    return {name: why for name, why in found.items() if why}


def _turns(among: Sequence[Action], score: Floats, allowed: Bools, left: Left) -> Ints:
    """Who comes first: whoever loses most where what is short is gone. It depends on what is expected and urgent, and on no chance."""
    short = np.array([left.short(action) for action in among])
    value = np.where(allowed, score, -np.inf)
    best = value.argmax(axis=1)
    loses = value[np.arange(len(value)), best] - np.where(short, -np.inf, value).max(axis=1)
    if left.budget is not None:
        loses = loses / np.maximum(np.array([action.cost for action in among])[best], 1e-9)
    return np.argsort(-loses, kind="stable")


@dataclass(frozen=True, slots=True)
class _One:
    """A person as they are chosen for: what is expected of each action, its score, and what rules it out."""

    person: str
    now: datetime
    among: Sequence[Action]
    expected: Sequence[float]
    score: Sequence[float]
    ruled: dict[str, tuple[Refusal, ...]]
    pressing: Mapping[str, Pressing]


def _nothing(one: _One) -> Decision:
    place = idle_of(one.among)
    name = one.among[place].name
    only = (Option(name, one.expected[place], 1.0),)
    why = "held out, to know what doing brings"
    return Decision(one.person, one.now, name, 1.0, only, tuple(one.ruled.items()), why, True)


def _drawn(one: _One, chances: Sequence[float], left: Left, at: float) -> Decision:
    """`at`: where in the row of probabilities, 0 to 1, the choice falls."""
    may = [place for place, action in enumerate(one.among) if action.name not in one.ruled]
    open_to = {place: chances[place] for place in may if left.covers(one.among[place])}
    whole = sum(open_to.values())
    at, pick = at * whole, next(iter(open_to))
    for place, likely in open_to.items():
        pick = place if likely > 0 else pick
        at -= likely
        if at < 0:
            break
    left.take(one.among[pick])
    options = tuple(
        Option(one.among[place].name, one.expected[place], likely / whole)
        for place, likely in open_to.items()
    )
    gone = Refusal("capacity", "none of it, or of the budget, is left")
    out = (*one.ruled.items(), *((one.among[place].name, (gone,)) for place in may if place not in open_to))
    best = max(open_to, key=lambda place: one.score[place])
    tried = one.score[pick] < one.score[best]
    pressing = {
        option.action: one.pressing[option.action] for option in options if option.action in one.pressing
    }
    return Decision(
        one.person,
        one.now,
        one.among[pick].name,
        open_to[pick] / whole,
        options,
        out,
        _reason(one, pick, best if tried else pick, len(open_to) == 1),
        False,
        tried,
        pressing,
    )


def _reason(one: _One, pick: int, best: int, alone: bool) -> str:
    said = one.pressing.get(one.among[best].name)
    urgent = f"; {said.times:.2g} times as urgent: {said.because}" if said else ""
    if alone:
        return f"nothing else is possible now{urgent}"
    if pick == best:
        return f"worth most of what was possible: {one.expected[pick]:.4g}{urgent}"
    name = one.among[best].name
    return f"tried: expected {one.expected[pick]:.4g}, {name} {one.expected[best]:.4g}{urgent}"
