"""A market that is made up: what Remit's decisions bring where customers hide what they like, answer late or not at all, tire of being reached,
have seasons, and change their minds.

    python -m bench.market --people 2000 --days 90
    python -m bench.market --calls 15 --days 84                a team with so many calls a day, and people who cannot wait

Each policy lives in a market of its own, with the same people. Every day some of them come up, and one of four things is done: three messages on
two channels, or nothing. Who likes which depends on age and region and on what nobody sees. A yes comes within five days, one in ten is never heard of,
and decisions are learned from when their window closes, since a yes is heard before a no. Each message of the last seven days makes a yes a quarter less
likely; all goes up and down by three tenths within a month; half-way through, the messages' tastes change places.

`of oracle` is the sum of the true chances of what was done over that of who knows all chances of that day. Caps and consent are looked at a
second time for all that was sent.

With `--calls` a team calls people who come up on Mondays, and half of whom can wait for three days, the others for fourteen; whoever is not called by
then is lost. There are a fifth more calls in a week than people, and Mondays bring them all at once. Each line lives with the same people: with urgency
(the nearer the end, up to three times), without, and by chance; `gained` is the sum of what calls truly bring over nothing.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from time import process_time
from typing import Any

import numpy as np

from bench import figures
from remit.decisions.action import Action, Cap, Playbook, Rules
from remit.decisions.arrays import Floats, Ints
from remit.decisions.choose import Decision, Left, People, choose
from remit.decisions.eligible import Contact, Standing, refusals
from remit.decisions.learn import Learner, Manner, Policy
from remit.decisions.logged import Column
from remit.decisions.urgency import Facts, Pressing, pressing
from remit.decisions.whom import NAMES
from remit.graph.consent import Consent, Word

BOOK = Playbook(
    actions=(
        Action(name="news", does="send", channel="email"),
        Action(name="offer", does="offer", channel="email"),
        Action(name="text", does="send", channel="sms"),
        Action(name="nothing", does="nothing"),
    ),
    rules=Rules(
        caps=(Cap(name="week", count=2, days=7), Cap(name="texts", count=1, days=7, channels=("sms",)))
    ),
    holdout=0.0,
)
BEGAN = datetime(2026, 3, 2, 12, tzinfo=UTC)
LATEST = 6  # days until the window of a decision closes
SILENT = 0.1  # answers that never arrive
TIRED = 0.75  # a yes becomes so much less likely by each message of the last seven days
NO = Consent((Word(1, BEGAN - timedelta(days=9), "no", "email", "", "unsubscribed", "bench"),))
YES = Consent((Word(1, BEGAN - timedelta(days=9), "yes", "", "", "consent_given", "bench"),))


@dataclass
class Market:
    """People, and what they like: `tastes` (n, 4) by action; the fourth is what happens anyway."""

    people: int
    seed: int
    columns: tuple[Column, ...] = ()
    tastes: Floats = field(default_factory=lambda: np.zeros((0, 4)))
    contacts: list[list[Contact]] = field(default_factory=list)

    def __post_init__(self) -> None:
        chance = np.random.default_rng(self.seed)
        old, region = chance.normal(size=self.people), chance.integers(0, 3, self.people).astype(float)
        hidden = 0.02 * chance.normal(size=(self.people, 4))
        likes = np.stack(
            [0.15 + 0.06 * old, 0.16 - 0.06 * old, 0.08 + 0.16 * (region == 2), 0.05 + 0 * old], axis=1
        )
        self.tastes = np.clip(likes + hidden, 0.005, 0.6)
        self.columns = (Column("age", 45 + 15 * old), Column("region", region, ("east", "north", "west")))
        self.contacts = [[] for _ in range(self.people)]

    def consent(self, person: int) -> Consent:
        return NO if person % 10 == 0 else YES

    def standing(self, person: int, now: datetime) -> Standing:
        lately = tuple(one for one in self.contacts[person] if one.at > now - timedelta(days=8))
        return Standing("Europe/Berlin", "DE", self.consent(person), lately)

    def chances(self, rows: Ints, day: int, days: int) -> Floats:
        """(n, 4): of a yes, today."""
        tastes = self.tastes[rows]
        if day >= days // 2:
            tastes = tastes[:, [1, 2, 0, 3]]
        now = BEGAN + timedelta(days=day)
        week = np.array([sum(one.at > now - timedelta(days=7) for one in self.contacts[row]) for row in rows])
        season = 1 + 0.3 * np.sin(2 * np.pi * day / 30)
        fresh = np.stack([TIRED**week] * 3 + [np.ones(len(rows))], axis=1)
        return np.asarray(tastes * season * fresh)


@dataclass
class Played:
    """What came of a policy."""

    brought: float = 0.0
    oracle: float = 0.0
    answers: float = 0.0
    decisions: int = 0
    sent: int = 0
    violated: int = 0
    weeks: dict[int, tuple[float, float]] = field(default_factory=dict)


def lived(market: Market, learner: Learner | None, days: int, a_day: int, best: bool = False) -> Played:
    """`learner` None: by chance among what is allowed, or, with `best`, by the oracle's knowledge."""
    chance, played = np.random.default_rng(market.seed + 1), Played()
    waiting: dict[int, tuple[Ints, Ints, Floats, Floats]] = {}
    even = Policy(np.eye(4)[:, :, None], np.zeros((4, 1)), np.zeros(4), 0.0)
    for day in range(days):
        if learner is not None and day in waiting:
            rows, taken, reward, propensity = waiting.pop(day)
            learner.told([one.at(rows) for one in market.columns], taken, reward, propensity)
        rows, now = chance.choice(market.people, a_day, replace=False), BEGAN + timedelta(days=day)
        some = People(
            [str(row) for row in rows],
            [one.at(rows) for one in market.columns],
            [market.standing(row, now) for row in rows.tolist()],
        )
        true = market.chances(rows, day, days)
        made = choose(BOOK, learner.policy if learner else even, some, now, Left(), chance)
        open_to = possible(made)
        taken = (
            np.where(open_to, true, -1).argmax(axis=1)
            if best
            else np.array([[one.name for one in BOOK.actions].index(one.action) for one in made])
        )
        said = (chance.uniform(size=a_day) < true[np.arange(a_day), taken]) & (
            chance.uniform(size=a_day) > SILENT
        )
        tally(played, market, rows, taken, now, true, open_to)
        played.answers += float(said.sum())
        propensity = np.array([one.propensity for one in made])
        waiting[day + LATEST] = (rows, taken, said.astype(float), propensity)
    return played


TEAM = Playbook.model_validate(
    {
        "actions": [
            {"name": "call", "does": "call", "channel": "phone", "capacity": {"count": 1}},
            {"name": "nothing", "does": "nothing"},
        ],
        "urgency": [{"by": "date", "key": "ends", "within": 14, "most": 3}],
        "holdout": 0,
    }
)
ANYWAY = 0.05  # of a yes without a call


@dataclass
class Line:
    """People who wait for a call: `ends` by person, on which day it is too late."""

    market: Market
    ends: dict[int, int] = field(default_factory=dict)
    gained: float = 0.0
    called: int = 0
    lost: int = 0
    lost_soon: int = 0  # of those who could wait for three days only

    def come(self, week: int, many: int) -> None:
        for row in range(week * many, (week + 1) * many):
            self.ends[row] = 7 * week + (3 if row % 2 else 14)

    def pressing(self, rows: Sequence[int], now: datetime) -> list[dict[str, Pressing]]:
        unknown = [None] * len(NAMES)
        facts = [Facts(unknown, {}, {"ends": BEGAN + timedelta(days=self.ends[row])}) for row in rows]
        return [pressing(TEAM.urgency, [("call", "")], one, now) for one in facts]


def in_line(market: Market, manner: str, days: int, calls: int) -> Line:
    """`manner`: with urgency, without, by chance."""
    line, chance = Line(market), np.random.default_rng(market.seed + 2)
    learner, heard = Learner(np.zeros(2), seed=market.seed), dict[int, tuple[Ints, Ints, Floats, Floats]]()
    many = round(calls * 7 / 1.2)
    for day in range(days):
        if day in heard and manner != "by chance":
            rows, taken, reward, propensity = heard.pop(day)
            learner.told([one.at(rows) for one in market.columns], taken, reward, propensity)
        if day % 7 == 0:
            line.come(day // 7, many)
        over = [row for row, end in line.ends.items() if end <= day]
        line.lost, line.lost_soon = line.lost + len(over), line.lost_soon + sum(row % 2 for row in over)
        line.ends = {row: end for row, end in line.ends.items() if end > day}
        waiting = list(line.ends)
        if not waiting:
            continue
        now, rows = BEGAN + timedelta(days=day), np.array(waiting)
        some = People(
            [str(row) for row in waiting],
            [one.at(rows) for one in market.columns],
            [Standing("Europe/Berlin", "DE", YES)] * len(waiting),
            line.pressing(waiting, now) if manner == "with urgency" else (),
        )
        made = choose(TEAM, learner.policy, some, now, Left({"call": calls}), chance)
        taken = np.array([0 if one.action == "call" else 1 for one in made])
        true = np.where(taken == 0, market.tastes[rows, 2] + ANYWAY, ANYWAY)
        said = (chance.uniform(size=len(rows)) < true).astype(float)
        heard[day + LATEST] = (rows, taken, said, np.array([one.propensity for one in made]))
        for row in rows[taken == 0].tolist():
            line.gained += float(market.tastes[row, 2])
            line.called += 1
            del line.ends[row]
    return line


def lines(args: argparse.Namespace) -> None:
    rows = []
    for manner in ("with urgency", "without", "by chance"):
        began, people = process_time(), round(args.calls * 7 / 1.2) * (args.days // 7 + 1)
        line = in_line(Market(people, args.seed), manner, args.days, args.calls)
        rows.append(
            {
                "calls are given": manner,
                "gained": round(line.gained, 1),
                "called": line.called,
                "too late": line.lost,
                "too late, of three days": line.lost_soon,
                "CPU s": round(process_time() - began, 1),
            }
        )
    figures.show(args.json, "calls that are short", figures.machine(), rows)


def possible(made: Sequence[Decision]) -> Any:
    return np.array(
        [
            [any(option.action == action.name for option in one.options) for action in BOOK.actions]
            for one in made
        ]
    )


def tally(
    played: Played, market: Market, rows: Ints, taken: Ints, now: datetime, true: Floats, open_to: Any
) -> None:
    """Count, look again whether each message was allowed, and remember it."""
    at = np.arange(len(rows))
    brought, most = float(true[at, taken].sum()), float(np.where(open_to, true, 0).max(axis=1).sum())
    played.brought, played.oracle = played.brought + brought, played.oracle + most
    played.decisions += len(rows)
    week = (now - BEGAN).days // 7
    before = played.weeks.get(week, (0.0, 0.0))
    played.weeks[week] = (before[0] + brought, before[1] + most)
    for row, place in zip(rows.tolist(), taken.tolist(), strict=True):
        action = BOOK.actions[place]
        if action.channel:
            whole = Standing("Europe/Berlin", "DE", market.consent(row), tuple(market.contacts[row]))
            played.violated += bool(refusals(action, whole, BOOK.rules, now))
            played.sent += 1
            market.contacts[row].append(Contact(now, action.name, action.channel, action.purpose))


def main(args: argparse.Namespace) -> None:
    rows = []
    for name in ("Remit", "Remit, baseline alone", "by chance", "oracle"):
        began = process_time()
        manner = Manner(trust=(0.0, 0.0), waves=0) if "baseline" in name else Manner()
        learner = Learner(np.zeros(4), manner, args.seed) if "Remit" in name else None
        played = lived(Market(args.people, args.seed), learner, args.days, args.a_day, name == "oracle")
        middle, last = args.days // 14, args.days // 7 - 1
        rows.append(
            {
                "policy": name,
                "of oracle": f"{played.brought / played.oracle:.1%}",
                "week before change": share(played, middle - 1),
                "week of change": share(played, middle),
                "last week": share(played, last),
                "yes": int(played.answers),
                "sent": played.sent,
                "rules broken": played.violated,
                "alarms": learner.alarms if learner else None,
                "CPU s": round(process_time() - began, 1),
            }
        )
        figures.note(str(rows[-1]))
    figures.show(args.json, "a market of its own for each policy", figures.machine(), rows)


def share(played: Played, week: int) -> str:
    brought, most = played.weeks.get(week, (0.0, 0.0))
    return f"{brought / most:.1%}" if most else "–"


if __name__ == "__main__":
    parser = figures.arguments(__doc__ or "")
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--people", type=int, default=2000)
    parser.add_argument("--days", type=int, default=90)
    parser.add_argument("--a-day", type=int, default=300)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--calls", type=int, default=0, help="instead: a team with so many calls a day")
    given = parser.parse_args()
    lines(given) if given.calls else main(given)
