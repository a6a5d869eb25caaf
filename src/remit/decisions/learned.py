"""What versions of a playbook have learned, kept: told of each decision of which it is known what came of it, and of each correction, once and
in the order in which it became known.

Every version learns from all that the playbook has done, also by others of its versions, as far as it has their actions. Who was held out
teaches nothing: they are what the rest is compared with.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from typing import Any, LiteralString

import numpy as np
from psycopg import AsyncConnection
from psycopg.rows import class_row
from psycopg.types.json import Jsonb

from remit.decisions import featured
from remit.decisions.choose import actions_of
from remit.decisions.kept import SELF, Version
from remit.decisions.learn import Learner, Policy
from remit.decisions.packed import pack, unpack
from remit.store.store import Store

Json = Any
Connection = AsyncConnection[Any]
AT_ONCE = 2_000  # credits that are read in one transaction
CREDITS: LiteralString = """
    select c.n, c.decision, c.value, c.was, d.action, d.propensity, d.features
    from (select * from decision_credits where workspace = %s and playbook = %s and n > %s order by n limit %s) as c
    left join lateral (
        select * from decisions where workspace = c.workspace and id = c.decision and chosen and not holdout offset 0
    ) as d on true order by c.n
"""


@dataclass(frozen=True, slots=True)
class Credit:
    """What came of a decision, as it became known. Without an action it is of one that teaches nothing."""

    n: int
    decision: int
    value: float
    was: float | None
    action: str | None
    propensity: float
    features: list[Json]


@dataclass(frozen=True, slots=True)
class Learned:
    """What a version knows. `told`: of so many decisions; `trust`: how often it chooses by person; `alarms`: how often the world had changed, and
    it began anew."""

    version: int
    told: int
    trust: float
    alarms: int
    alarmed_at: datetime | None


async def learned_of(store: Store, playbook: str) -> list[Learned]:
    """Of each version, the newest first."""
    query = """
        select version, told, trust, alarms, alarmed_at from playbook_learned where workspace = %s and playbook = %s order by version desc
    """
    async with store.pool.connection() as connection:
        rows = await (await connection.execute(query, (store.workspace, playbook))).fetchall()
    return [Learned(*row) for row in rows]


async def policy_of(connection: Connection, workspace: str, one: Version) -> Policy:
    """By which a version decides now."""
    return (await policies_of(connection, workspace, [one]))[one.key]


async def policies_of(
    connection: Connection, workspace: str, versions: Collection[Version]
) -> dict[tuple[str, int], Policy]:
    """The same of several, by playbook and version. What one has learned is read where it has learned more since."""
    query = "select playbook, version, upto from playbook_learned where workspace = %s and playbook = any(%s)"
    rows = await connection.execute(query, (workspace, [one.playbook for one in versions]))
    upto = {(playbook, version): last for playbook, version, last in await rows.fetchall()}
    known = {of: _POLICIES.get((workspace, *of), (-1, None)) for of in upto}
    found = {of: policy for of, (last, policy) in known.items() if policy is not None and last == upto[of]}
    wanted = [one for one in versions if one.key in upto and one.key not in found]
    if wanted:
        query = """
            select l.playbook, l.version, l.upto, l.state from unnest(%s::text[], %s::integer[]) as of (playbook, version)
            join playbook_learned l on l.workspace = %s and l.playbook = of.playbook and l.version = of.version
        """
        keys = [one.playbook for one in wanted], [one.version for one in wanted], workspace
        states = {row[:2]: row[2:] for row in await (await connection.execute(query, keys)).fetchall()}
        for one in wanted:
            last, state = states[one.key]
            found[one.key] = _fresh(one).policy if state is None else unpack(state).policy
            _keep((workspace, *one.key), last, found[one.key])
    return {one.key: found[one.key] if one.key in found else _fresh(one).policy for one in versions}


def _keep(of: tuple[str, str, int], upto: int, policy: Policy) -> None:
    while len(_POLICIES) >= KNOWN:
        _POLICIES.pop(next(iter(_POLICIES)))
    _POLICIES[of] = (upto, policy)


KNOWN = 64
_POLICIES: dict[tuple[str, str, int], tuple[int, Policy]] = {}  # by version, as of which credit


async def learn(store: Store, one: Version) -> int:
    """Take in what has become known since, some of it; how much it was. Whoever dies meanwhile has changed nothing."""
    of = (store.workspace, one.playbook, one.version)
    async with store.pool.connection() as connection, connection.transaction():
        add = "insert into playbook_learned (workspace, playbook, version) values (%s, %s, %s) on conflict do nothing"
        await connection.execute(add, of)
        query = """
            select upto, told, alarms, state from playbook_learned
            where workspace = %s and playbook = %s and version = %s for update skip locked
        """
        row = await (await connection.execute(query, of)).fetchone()
        if row is None:
            return 0
        async with connection.cursor(row_factory=class_row(Credit)) as cursor:
            found = await (await cursor.execute(CREDITS, (*of[:2], row[0], AT_ONCE))).fetchall()
        if not found:
            return 0
        learner = _fresh(one) if row[3] is None else unpack(row[3])
        told = row[1] + tell(learner, [action.name for action in actions_of(one.book)], found)
        if learner.alarms > row[2]:
            await _alarmed(connection, store.workspace, one, learner.alarms)
        write = """
            update playbook_learned set upto = %s, told = %s, trust = %s, alarms = %s, state = %s, at = clock_timestamp(),
                   alarmed_at = case when alarms < %s then clock_timestamp() else alarmed_at end
            where workspace = %s and playbook = %s and version = %s
        """
        state = (found[-1].n, told, learner.policy.trust, learner.alarms, pack(learner), learner.alarms)
        await connection.execute(write, (*state, *of))
    return len(found)


def tell(learner: Learner, actions: Sequence[str], credits: Sequence[Credit]) -> int:
    """Tell a learner in this order, as far as it has these actions and knows these features; how many decisions were new to it."""
    place: dict[str | None, int] = {name: number for number, name in enumerate(actions)}
    usable = [one for one in credits if one.action in place and featured.knows(one.features)]
    told = 0
    for first, some in groupby(usable, key=lambda one: one.was is None):
        rows = list(some)
        ids = np.array([one.decision for one in rows])
        columns = featured.columns([featured.read(one.features) for one in rows])
        taken = np.array([place[one.action] for one in rows])
        reward = np.array([one.value for one in rows])
        if first:
            learner.told(columns, taken, reward, np.array([one.propensity for one in rows]), ids)
            told += len(rows)
        else:
            learner.corrected(ids, columns, taken, np.array([one.was or 0.0 for one in rows]), reward)
    return told


async def _alarmed(connection: Connection, workspace: str, one: Version, alarms: int) -> None:
    query = "insert into audit (workspace, who, what, about, detail) values (%s, %s, 'playbook.began_anew', %s, %s)"
    detail = {
        "version": one.version,
        "times": alarms,
        "why": "rewards are no longer what was expected: the baseline decides",
    }
    await connection.execute(query, (workspace, SELF, one.playbook, Jsonb(detail)))


def _fresh(one: Version) -> Learner:
    return Learner(np.array([action.cost for action in actions_of(one.book)]), seed=one.version)
