"""The decisions of a playbook at a glance, all its versions together, read from its own log: what each action brought beside those held out, how much was tried out, how
likely what was chosen had been, and whether the world has changed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from typing import LiteralString

from remit.decisions.stage import Values
from remit.store.store import Store

LATEST = 50_000  # decisions that are looked at
DAYS = 28
BOUNDS = (0.02, 0.05, 0.1, 0.25, 0.5, 0.75, 0.95)  # between how likely choices were
SOME: LiteralString = """
    with latest as materialized (
        select * from decisions where workspace = %(here)s and playbook = %(playbook)s
            and (%(version)s::integer is null or version = %(version)s) order by at desc, id desc limit %(latest)s
    )
"""
ACTIONS: LiteralString = """
    select action, holdout, stage = 'shadow' as shadow, count(*), avg(propensity), count(value),
        coalesce(sum(value - cost), 0), coalesce(sum((value - cost) ^ 2), 0)
    from latest d left join lateral (
        select value from decision_credits c where c.workspace = d.workspace and c.decision = d.id order by n desc limit 1
    ) as came on d.stage <> 'shadow'
    where chosen or holdout group by 1, 2, 3 order by 4 desc, 1
"""
CHANCES: LiteralString = """
    select width_bucket(propensity, %(bounds)s::float8[]), count(*),
        count(*) filter (where exists (
            select from jsonb_array_elements(options) as best
            where (best ->> 1)::float8 > (select max((own ->> 1)::float8) from jsonb_array_elements(options) as own where own ->> 0 = action)
        ))
    from latest where chosen and not holdout group by 1
"""
BY_DAY: LiteralString = """
    select date_trunc('day', at at time zone 'UTC') at time zone 'UTC', action, count(*) from latest
    where at > %(since)s and not holdout group by 1, 2
"""


@dataclass(frozen=True, slots=True)
class Chosen:
    """What was decided so. `values`: of such decisions as are closed; `chance`: how likely it was on average."""

    action: str
    times: int
    chance: float
    values: Values


@dataclass(frozen=True, slots=True)
class Learned:
    """What a version knows. `trust`: how often it chooses by person."""

    version: int
    told: int
    trust: float
    alarms: int
    alarmed_at: datetime | None


@dataclass(frozen=True, slots=True)
class Overview:
    """Of the last decisions, at most LATEST of them."""

    done: Sequence[Chosen]
    shadowed: Sequence[Chosen]
    holdout: Values
    held: int  # people's decisions that were held out, closed or not
    chances: Sequence[tuple[str, int]]
    tried: int  # choices of what was not expected to be best
    choices: int
    days: Mapping[datetime, Mapping[str, int]]
    learned: Sequence[Learned]

    @property
    def acting(self) -> Values:
        """All that was done, together."""
        return Values(
            sum(one.values.count for one in self.done),
            sum(one.values.total for one in self.done),
            sum(one.values.squares for one in self.done),
        )


async def overview_of(store: Store, playbook: str, now: datetime, version: int | None = None) -> Overview:
    """Of all its versions, or of one."""
    asked = {
        "here": store.workspace, "playbook": playbook, "version": version, "latest": LATEST, "bounds": list(BOUNDS),
        "since": now - timedelta(days=DAYS),
    }  # fmt: skip
    knows = """
        select version, told, trust, alarms, alarmed_at from playbook_learned
        where workspace = %(here)s and playbook = %(playbook)s order by version desc
    """
    async with store.pool.connection() as connection:
        actions = await (await connection.execute(SOME + ACTIONS, asked)).fetchall()
        chances = await (await connection.execute(SOME + CHANCES, asked)).fetchall()
        by_day = await (await connection.execute(SOME + BY_DAY, asked)).fetchall()
        learned = [Learned(*row) for row in await (await connection.execute(knows, asked)).fetchall()]
    made = [
        (held, shadow, Chosen(name, times, chance, Values(*rest)))
        for name, held, shadow, times, chance, *rest in actions
    ]
    out = [one.values for held, shadow, one in made if held and not shadow]
    days: dict[datetime, dict[str, int]] = {}
    for day, action, count in sorted(by_day):
        days.setdefault(day, {})[action] = count
    return Overview(
        done=[one for held, shadow, one in made if not held and not shadow],
        shadowed=[one for held, shadow, one in made if not held and shadow],
        holdout=Values(
            sum(one.count for one in out), sum(one.total for one in out), sum(one.squares for one in out)
        ),
        held=sum(one.times for held, _, one in made if held),
        chances=_counted({bucket: count for bucket, count, _ in chances}),
        tried=sum(row[2] for row in chances),
        choices=sum(row[1] for row in chances),
        days=days,
        learned=learned,
    )


def _counted(found: Mapping[int, int]) -> list[tuple[str, int]]:
    """How many were chosen with what probability: `5 % to 10 %`."""
    edges = (0.0, *BOUNDS, 1.0)
    return [
        (f"{100 * low:g} to {100 * high:g} %", found.get(at, 0))
        for at, (low, high) in enumerate(pairwise(edges))
    ]
