"""Decisions as they are kept: written once, with all that was known and weighed, and read back for pages, proofs and learning."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, LiteralString

from psycopg import AsyncConnection
from psycopg.rows import class_row
from pydantic_core import to_json

from remit.decisions import featured
from remit.decisions.action import Action
from remit.decisions.choose import Decision
from remit.decisions.kept import Version
from remit.decisions.keys import keep
from remit.decisions.whom import Known
from remit.store.store import Store

Json = Any
Connection = AsyncConnection[Any]
IDLE = ("nothing", "wait")
FIELDS: LiteralString = """
    id, playbook, version, stage, person, at, action, does, propensity, holdout, chosen, cost, reason, options, ruled_out, features, after, urgency
"""
WRITE: LiteralString = """
    insert into decisions (workspace, playbook, version, stage, person, at, action, does, propensity, holdout, chosen, cost, reason,
                           options, ruled_out, features, after, urgency, tried)
    select %s, playbook, version, stage, person, at, action, does, propensity, holdout, chosen, cost, reason, options, ruled_out, features, after,
           urgency, tried
    from jsonb_to_recordset(%s::jsonb) as row (playbook text, version integer, stage text, person bigint, at timestamptz, action text, does text,
        propensity double precision, holdout boolean, chosen boolean, cost double precision, reason text, options jsonb, ruled_out jsonb,
        features jsonb, after bigint, urgency jsonb, tried boolean)
    returning id, person, version, does, holdout, stage
"""
ACTS: LiteralString = """
    insert into decision_acts (workspace, playbook, decision) select %s, %s, unnest(%s::bigint[])
"""


@dataclass(frozen=True, slots=True)
class Kept:
    """A decision as it was made. `options`: action, expected, chance; `ruled_out`: action, and each rule with why and until when; `urgency`: by
    action how many times as urgent, and why."""

    id: int
    playbook: str
    version: int
    stage: str
    person: int
    at: datetime
    action: str
    does: str
    propensity: float
    holdout: bool
    chosen: bool
    cost: float
    reason: str
    options: list[Json]
    ruled_out: list[Json]
    features: list[Json]
    after: int | None
    urgency: dict[str, list[Json]]

    @property
    def known(self) -> Known:
        """Nothing where it was logged by a version of features that is not known here."""
        return featured.read(self.features) if featured.knows(self.features) else ()


@dataclass(frozen=True, slots=True)
class Made:
    """A decision that is to be kept. `key`: by which the person is in a holdout or a ramp; None: their number."""

    of: Version
    action: Action
    decision: Decision
    known: Known
    after: int | None = None
    key: int | None = None

    @property
    def row(self) -> Mapping[str, Json]:
        """As JSON has it."""
        one = self.decision
        return {
            "playbook": self.of.playbook, "version": self.of.version, "stage": self.of.stage, "person": int(one.person), "at": one.at,
            "action": one.action, "does": self.action.does, "propensity": one.propensity, "holdout": one.holdout,
            "chosen": len(one.options) > 1, "cost": self.action.cost, "reason": one.reason, "after": self.after,
            "options": [(some.action, round(some.expected, 6), round(some.chance, 6)) for some in one.options],
            "ruled_out": [(name, [(why.rule, why.because, why.until) for why in rules]) for name, rules in one.ruled_out],
            "features": [featured.VERSION, *self.known], "tried": one.tried,
            "urgency": {name: (some.times, some.because) for name, some in one.pressing.items()},
        }  # fmt: skip


async def write(connection: Connection, workspace: str, made: Sequence[Made]) -> dict[tuple[int, int], int]:
    """Keep them, and have what they come to be done, in the caller's transaction: by person and version their numbers."""
    if not made:
        return {}
    text = to_json([one.row for one in made]).decode()
    rows = await (await connection.execute(WRITE, (workspace, text))).fetchall()
    keys = {int(one.decision.person): one.key for one in made if one.key is not None}
    await keep(connection, workspace, keys, made[0].decision.at)
    acting = [row[0] for row in rows if row[5] in ("ramp", "live") and row[3] not in IDLE and not row[4]]
    if acting:
        await connection.execute(ACTS, (workspace, made[0].of.playbook, acting))
    return {(row[1], row[2]): row[0] for row in rows}


async def decisions_of(
    store: Store, person: Iterable[int], *, before: int | None = None, limit: int = 20, playbook: str = ""
) -> list[Kept]:
    """What was decided for a person, by all numbers that they have, the last first."""
    query = f"""
        select {FIELDS} from decisions where workspace = %(here)s and person = any(%(person)s)
            and (%(playbook)s = '' or playbook = %(playbook)s) and id < coalesce(%(before)s::bigint, 9223372036854775807)
        order by id desc limit %(limit)s
    """
    values = {
        "here": store.workspace,
        "person": list(person),
        "playbook": playbook,
        "before": before,
        "limit": limit,
    }
    async with (
        store.pool.connection() as connection,
        connection.cursor(row_factory=class_row(Kept)) as cursor,
    ):
        return await (await cursor.execute(query.encode(), values)).fetchall()


async def held(
    connection: Connection,
    workspace: str,
    playbook: str,
    persons: Sequence[int],
    since: datetime,
    shadow: bool,
) -> set[int]:
    """For whom a choice was made since then; by a version in shadow, or by one that acts."""
    query = """
        select distinct of.who from unnest(%s::bigint[]) as of (who)
        cross join lateral (select id from graph_profiles where person = of.who and workspace = %s offset 0) as p
        cross join lateral (
            select from decisions where workspace = %s and playbook = %s and person = p.id and at > %s
                and (chosen or holdout) and (stage = 'shadow') = %s limit 1
        ) as d
    """
    values = (list(persons), workspace, workspace, playbook, since, shadow)
    return {person for (person,) in await (await connection.execute(query, values)).fetchall()}


async def used(
    connection: Connection, workspace: str, versions: Collection[Version], now: datetime
) -> dict[tuple[str, int], dict[str, int]]:
    """Of each version, how often each action of limited capacity was chosen within its days, by whichever version of its playbook."""
    limited = [
        (one, action.name, action.capacity.days * 86400.0)
        for one in versions
        for action in one.book.actions
        if action.capacity is not None
    ]
    found: dict[tuple[str, int], dict[str, int]] = {one.key: {} for one in versions}
    if not limited:
        return found
    query = """
        select (select count(*) from decisions where workspace = %s and playbook = of.playbook and action = of.action and stage <> 'shadow'
            and does not in ('nothing', 'wait') and at > %s::timestamptz - make_interval(secs => of.within))
        from unnest(%s::text[], %s::text[], %s::float8[]) with ordinality as of (playbook, action, within, n) order by of.n
    """
    actions, within = [name for _, name, _ in limited], [seconds for *_, seconds in limited]
    values = (workspace, now, [one.playbook for one, *_ in limited], actions, within)
    counts = await (await connection.execute(query, values)).fetchall()
    for (one, name, _), (count,) in zip(limited, counts, strict=True):
        found[one.key][name] = count
    return found
