"""How good the decisions of a playbook are: what they bring beside people held out, how they explore, what guardrails say, and what each version
would have brought, from the playbook's own log.

Who was held out is compared with whoever was not, as they were drawn. What another version would have brought is estimated from decisions of which it
is known what came of them (IPS, SNIPS, DR), among what was possible for the person then.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, LiteralString

import numpy as np
from psycopg.rows import class_row

from remit.decisions import featured
from remit.decisions.arrays import Bools, Floats
from remit.decisions.choose import actions_of, idle_of
from remit.decisions.evaluate import FEWEST, cross_fitted
from remit.decisions.kept import Version, versions
from remit.decisions.learn import Policy
from remit.decisions.learned import Learned, learned_of, policy_of
from remit.decisions.logged import Logged
from remit.decisions.offpolicy import Z95, Estimate, Valued, valued
from remit.decisions.score import Press
from remit.decisions.shown import shown_of
from remit.decisions.stage import Values, broken, least
from remit.decisions.totals import totals_of
from remit.errors import UserError
from remit.store.store import Store

Json = Any
ROWS = 20_000  # of the log by which versions are compared, the newest; all other figures are of all of it
KNOWN: LiteralString = """
    select d.id, d.version, d.action, d.propensity, d.options, d.features, d.urgency, came.value from decisions d, lateral (
        select value from decision_credits c where c.workspace = d.workspace and c.decision = d.id order by n desc limit 1
    ) as came
    where d.workspace = %s and d.playbook = %s and d.chosen and not d.holdout and d.stage <> 'shadow' and (d.features ->> 0)::int <= %s
    order by d.id desc limit %s
"""


@dataclass(frozen=True, slots=True)
class Kept:
    """A decision of which it is known what came of it."""

    id: int
    version: int
    action: str
    propensity: float
    options: list[list[Json]]
    features: list[Json]
    urgency: dict[str, list[Json]]
    value: float


@dataclass(frozen=True, slots=True)
class Rail:
    """A guardrail: how often something of it followed what was done. `least`: the lower end of the share's interval."""

    name: str
    times: int
    of: int
    most: float
    least: float


@dataclass(frozen=True, slots=True)
class Candidate:
    """What a version would have brought a decision. `rows`: of the log; `worth` None: too few."""

    version: int
    stage: str
    rows: int
    worth: Valued | None


@dataclass(frozen=True, slots=True)
class Quality:
    """Of a version. Values are rewards less costs, a decision. `explored`: the share that did not take what was expected to be best."""

    playbook: str
    version: int
    stage: str
    shadowed: int
    done: int
    closed: int
    shares: Mapping[str, float]
    value: Estimate | None
    holdout: Estimate | None
    more: Estimate | None
    explored: float | None
    rarest: float | None  # the least propensity with which something was chosen
    rails: tuple[Rail, ...]
    broken: tuple[str, ...]
    learned: Learned
    candidates: tuple[Candidate, ...]


async def quality_of(store: Store, one: Version, others: Sequence[Version] = ()) -> Quality:
    """`others`: versions that are compared with it on the same log."""
    shown = await shown_of(store, one)
    made = [each for each in await totals_of(store, one.playbook, one.version) if each.choice]
    count = sum(each.times for each in made)
    chosen: dict[str, int] = {}
    for each in made:
        chosen[each.action] = chosen.get(each.action, 0) + each.times
    more = shown.chosen.over(shown.holdout)
    knows = next(
        (each for each in await learned_of(store, one.playbook) if each.version == one.version),
        Learned(one.version, 0, 0.0, 0, None),
    )
    return Quality(
        one.playbook, one.version, one.stage, shown.shadowed, shown.done, shown.closed,
        {action: times / count for action, times in sorted(chosen.items())},
        _mean(shown.chosen), _mean(shown.holdout), Estimate(*more) if math.isfinite(more[1]) else None,
        sum(each.tried for each in made) / count if count else None,
        min((each.rarest for each in made if each.rarest is not None), default=None),
        tuple(
            Rail(rail.name, times := shown.followed.get(rail.name, 0), shown.done, rail.most, least(times, shown.done))
            for rail in one.book.guardrails
        ),
        tuple(broken(one.book.guardrails, shown)),
        knows,
        await candidates(store, [one, *others]),
    )  # fmt: skip


def _mean(values: Values) -> Estimate | None:
    if values.count < 2:
        return None
    return Estimate(values.mean, values.mean - Z95 * values.error, values.mean + Z95 * values.error)


async def candidates(store: Store, some: Sequence[Version]) -> tuple[Candidate, ...]:
    """What each of these versions would have brought on the playbook's log."""
    found = await _known(store, some[0].playbook)
    logged, open_ = as_logged(found, some[0])
    if len(found) < FEWEST or len(logged.actions) < 2:
        return tuple(Candidate(one.version, one.stage, len(found), None) for one in some)
    _, _, expected = cross_fitted(logged)
    books = {each.version: each.book for each in await versions(store, some[0].playbook)}
    made = []
    async with store.pool.connection() as connection:
        for one in some:
            policy = await policy_of(connection, store.workspace, one)
            alike = {number for number, book in books.items() if book.urgency == one.book.urgency}
            pressed = [each.urgency if each.version in alike else {} for each in found]
            made.append(_worth(one, policy, logged, open_, pressed, expected))
    return tuple(made)


def _worth(
    one: Version,
    policy: Policy,
    logged: Logged,
    open_: Bools,
    pressed: Sequence[Mapping[str, list[Json]]],
    expected: Floats,
) -> Candidate:
    """What a version would have brought on the log. `pressed`: what was urgent then, as far as the version would have seen it so."""
    names = [action.name for action in actions_of(one.book)]
    places = [logged.actions.index(name) if name in logged.actions else -1 for name in names]
    allowed = np.array([[row[place] if place >= 0 else False for place in places] for row in open_])
    rows = np.flatnonzero(allowed.any(axis=1))
    times = np.array([[pressed[row].get(name, (1.0,))[0] for name in names] for row in rows.tolist()])
    press = Press(times, idle_of(actions_of(one.book))) if (times != 1).any() else None
    base, personal, _ = policy.parts(logged.at(rows).columns, len(rows), None, allowed[rows], press)
    mixed = policy.mixed(base, personal, allowed[rows])
    chances = np.zeros((len(rows), len(logged.actions)))
    for place, at in enumerate(places):
        if at >= 0:
            chances[:, at] += mixed[:, place]
    return Candidate(one.version, one.stage, len(rows), valued(logged.at(rows), chances, expected[rows]))


async def own_log(store: Store, one: Version) -> Logged:
    """A playbook's own decisions as `evaluate` takes them: those for whom everything was possible. Raises UserError."""
    found = await _known(store, one.playbook)
    logged, open_ = as_logged(found, one)
    rows = np.flatnonzero(open_.all(axis=1)) if len(found) else np.zeros(0, dtype=np.int64)
    if len(rows) < FEWEST:
        raise UserError(
            f"of {len(rows)} decisions of {one.playbook} where everything was possible it is known what came of them; at least {FEWEST} are needed"
        )
    left = len(found) - len(rows)
    kept = logged.at(rows)
    columns = tuple(
        column for column in kept.columns if len(np.unique(column.values[~np.isnan(column.values)])) > 1
    )
    notes = (f"{left} decisions left out, where something was ruled out",) if left else ()
    return Logged(columns, kept.actions, kept.taken, kept.reward, kept.propensity, kept.costs, True, notes)


def as_logged(found: Sequence[Kept], one: Version) -> tuple[Logged, Bools]:
    """(n, K): whether each action was possible. Pure. Costs are those of the version."""
    names = sorted({option[0] for kept in found for option in kept.options})
    place = {name: number for number, name in enumerate(names)}
    costs = {action.name: action.cost for action in actions_of(one.book)}
    open_ = np.zeros((len(found), len(names)), dtype=bool)
    for row, kept in enumerate(found):
        open_[row, [place[option[0]] for option in kept.options]] = True
    logged = Logged(
        featured.columns([featured.read(kept.features) for kept in found]),
        tuple(names),
        np.array([place[kept.action] for kept in found], dtype=np.int64),
        _floats([kept.value for kept in found]),
        _floats([kept.propensity for kept in found]),
        _floats([costs.get(name, 0.0) for name in names]),
    )
    return logged, open_


def _floats(values: Sequence[float]) -> Floats:
    return np.array(values, dtype=np.float64)


async def _known(store: Store, playbook: str) -> list[Kept]:
    values = (store.workspace, playbook, featured.VERSION, ROWS)
    async with (
        store.pool.connection() as connection,
        connection.cursor(row_factory=class_row(Kept)) as cursor,
    ):
        return await (await cursor.execute(KNOWN, values)).fetchall()
