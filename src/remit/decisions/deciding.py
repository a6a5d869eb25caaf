"""The next best action from the database: what is known of people, how the rules see them, and what the versions that stand would do.

Whoever is in the share of the version in ramp is decided by it, all others by the live one; the one in shadow decides for everybody beside
them. All of it is read and written in one transaction.
"""

from __future__ import annotations

import hashlib
from collections.abc import AsyncGenerator, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, LiteralString
from uuid import UUID

import numpy as np
from psycopg import AsyncConnection

from remit.decisions import featured, standing
from remit.decisions.action import Playbook, Rules, together
from remit.decisions.alone import alone
from remit.decisions.choose import Left, People, actions_of, choose, left_of
from remit.decisions.kept import Version, all_standing, standing_of
from remit.decisions.learn import Policy
from remit.decisions.learned import policies_of
from remit.decisions.log import Made, held, used, write
from remit.decisions.seen import Asks, Seen, read
from remit.decisions.stage import Stage, in_ramp
from remit.decisions.totals import spent_since
from remit.decisions.urgency import pressing
from remit.graph.purposes import limits_within
from remit.store.store import Store

Connection = AsyncConnection[Any]
MANY = 10_000  # interactions that are looked at in one transaction
# Up to the first message that came within a minute and of which workers who look at messages (`graph/understand.py`) have not said yet what it wants
HEARD: LiteralString = """
    select i.id, case when i.direction = 'in' and i.kind <> 'record' and w.shared = '' then p.person end from graph_interactions i
    join graph_profiles p on p.id = i.profile join graph_profiles w on w.id = p.person
    where i.workspace = %(here)s and i.id > %(looked)s and i.id < coalesce((
        select min(n.id) from graph_interactions n join graph_read r on r.workspace = n.workspace
        where n.workspace = %(here)s and n.id > greatest(r.upto, %(looked)s) and n.direction = 'in' and n.body <> ''
            and n.received > clock_timestamp() - interval '1 minute'), 9223372036854775807)
    order by i.id limit %(many)s
"""


@dataclass(frozen=True)
class Round:
    """By what some people are decided."""

    book: str
    versions: Mapping[Stage, Version]
    policies: Mapping[int, Policy]
    rules: Rules
    now: datetime

    def of(self, key: int) -> Version | None:
        """The version whose word counts for who has this key; None: nothing stands."""
        ramp = self.versions.get("ramp")
        if ramp is not None and in_ramp(str(key), self.book, ramp.share):
            return ramp
        return self.versions.get("live")

    def asks(self, only: Sequence[str] = ()) -> Asks:
        """What its versions must know of people."""
        return Asks.of([one.book for one in self.versions.values()], only)


async def begun(store: Store, connection: Connection, playbook: str, now: datetime) -> Round:
    """Raises UnknownName."""
    (one,) = await _begun(connection, store.workspace, {playbook: await standing_of(store, playbook)}, now)
    return one


async def _begun(
    connection: Connection, workspace: str, stands: Mapping[str, Mapping[Stage, Version]], now: datetime
) -> list[Round]:
    every = [one for versions in stands.values() for one in versions.values()]
    learned = await policies_of(connection, workspace, every)
    rules = await standing.rules_within(connection, workspace)
    return [
        Round(name, versions, {one.version: learned[one.key] for one in versions.values()}, rules, now)
        for name, versions in stands.items()
    ]


async def look(store: Store, playbook: str, person: int, now: datetime) -> list[Made]:
    """What each version that is concerned with a person would do for them now, whatever was decided before: the one that counts first,
    then the one in shadow. Nothing is written. Raises UnknownName."""
    async with store.pool.connection() as connection:
        by = await begun(store, connection, playbook, now)
        return (await _look(store, connection, [by], person))[playbook]


async def look_all(store: Store, person: int, now: datetime) -> dict[str, list[Made]]:
    """The same of each playbook that decides, by name, in as many queries however many there are."""
    stands = await all_standing(store)
    async with store.pool.connection() as connection:
        return await _look(store, connection, await _begun(connection, store.workspace, stands, now), person)


async def _look(
    store: Store, connection: Connection, rounds: Sequence[Round], person: int
) -> dict[str, list[Made]]:
    """What may be known of them for as much is read once."""
    limits = await limits_within(connection, store.workspace)
    alike: dict[frozenset[str], list[Round]] = {}
    for by in rounds:
        alike.setdefault(limits.hidden(by.asks().purposes), []).append(by)
    made: dict[str, list[Made]] = {by.book: [] for by in rounds}
    for some in alike.values():
        versions, now = [one for by in some for one in by.versions.values()], some[0].now
        open_ = await lefts(connection, store.workspace, versions, now)
        asks = Asks.of([one.book for one in versions])
        seen = await read(connection, store.workspace, [person], now, asks, limits)
        for by in some:
            for one in (by.of(seen.keys[person]), by.versions.get("shadow")):
                if one is not None and seen.fit(person, one.book.whom):
                    chance = _chance(by.book, one.version, person, now.date())
                    made[by.book] += decide(by, one, [person], seen, open_[one.key], chance)
    return made


async def take(store: Store, playbook: str, person: int, now: datetime) -> list[int]:
    """Decide for a person and keep it, where they are still there and no choice holds for them: the numbers of the decisions. Raises
    UnknownName."""
    there = "select from graph_profiles where id = %s and workspace = %s"
    async with store.pool.connection() as connection, connection.transaction():
        await alone(connection, store.workspace, playbook)
        if await (await connection.execute(there, (person, store.workspace))).fetchone() is None:
            return []
        by = await begun(store, connection, playbook, now)
        made = [
            one
            for one in (await _look(store, connection, [by], person))[playbook]
            if await free(connection, store.workspace, by, one.of, [person])
        ]
        return list((await write(connection, store.workspace, made)).values())


async def decide_heard(store: Store, playbook: str, now: datetime) -> int:
    """Decide for those from whom something came since it was last looked, by the versions that decide as it comes; how much came. As many
    processes as like may do so at once, and one of them does."""
    async with store.pool.connection() as connection, connection.transaction():
        lock = "select looked from playbooks where workspace = %s and name = %s for update skip locked"
        row = await (await connection.execute(lock, (store.workspace, playbook))).fetchone()
        if row is None or not any(one.book.at_once for one in (await standing_of(store, playbook)).values()):
            return 0
        values = {"here": store.workspace, "looked": row[0], "many": MANY}
        if not await (await connection.execute(HEARD, values | {"many": 1})).fetchone():
            return 0
        await alone(connection, store.workspace, playbook)
        rows = await (await connection.execute(HEARD, values)).fetchall()
        if not rows:
            return 0
        by = await begun(store, connection, playbook, now)
        versions = [one for one in by.versions.values() if one.book.at_once]
        persons = list(dict.fromkeys(person for _, person in rows if person is not None))
        async for one, mine, seen in turns(store, connection, by, versions, persons):
            chance = chance_of(UUID(int=0), rows[-1][0], one.version)
            open_ = await left(connection, store.workspace, by, one)
            await write(connection, store.workspace, decide(by, one, mine, seen, open_, chance))
        update = "update playbooks set looked = %s where workspace = %s and name = %s"
        await connection.execute(update, (rows[-1][0], store.workspace, playbook))
    return len(rows)


async def turns(
    store: Store,
    connection: Connection,
    by: Round,
    versions: Iterable[Version],
    persons: Sequence[int],
    only: Sequence[str] = (),
) -> AsyncGenerator[tuple[Version, list[int], Seen]]:
    """Of each version: for whom of these people it is to decide now, as they are seen. `only`: more conditions than its own. What is decided by one is
    to be written before the next has its turn, which shares what a team can do and what may be spent."""
    seen = await read(connection, store.workspace, persons, by.now, by.asks(only))
    for one in versions:
        wanted = [person for person in persons if seen.fit(person, (*only, *one.book.whom))]
        mine = wanted if one.stage == "shadow" else [each for each in wanted if by.of(seen.keys[each]) is one]
        yield one, await free(connection, store.workspace, by, one, mine), seen


async def left(
    connection: Connection, workspace: str, by: Round, one: Version, spent: float | None = None
) -> Left:
    """What a team can still do and what may still be spent. `spent`: where another counts it."""
    if spent is None or one.book.budget_days is not None:
        return (await lefts(connection, workspace, [one], by.now))[one.key]
    counts = await used(connection, workspace, [one], by.now)
    return left_of(one.book, counts[one.key], spent)


async def lefts(
    connection: Connection, workspace: str, versions: Sequence[Version], now: datetime
) -> dict[tuple[str, int], Left]:
    """The same of several, by playbook and version."""
    counts = await used(connection, workspace, versions, now)
    windows = {one.key: (one.playbook, one.book.budget_days or 1) for one in versions}
    budgets = {windows[one.key] for one in versions if one.book.budget is not None}
    spent = await spent_since(connection, workspace, budgets, now)
    return {one.key: left_of(one.book, counts[one.key], spent.get(windows[one.key], 0.0)) for one in versions}


def decide(
    by: Round,
    one: Version,
    persons: Sequence[int],
    seen: Seen,
    open_: Left,
    chance: np.random.Generator,
) -> list[Made]:
    """What a version does for these people. `open_` is counted down."""
    if not persons:
        return []
    book: Playbook = one.book.model_copy(update={"rules": together(by.rules, one.book.rules)})
    among = actions_of(book)
    goals = [(action.name, action.goal) for action in among if action.does != "nothing"]
    hurries = (
        [pressing(book.urgency, goals, seen.facts(each), by.now) for each in persons] if book.urgency else []
    )
    some = People(
        [str(person) for person in persons],
        featured.columns([seen.known[person] for person in persons]),
        [seen.stands[person] for person in persons],
        hurries,
        [str(seen.keys[person]) for person in persons],
    )
    named = {action.name: action for action in among}
    found = choose(book, by.policies[one.version], some, by.now, open_, chance)
    whose = zip(found, persons, strict=True)
    return [Made(one, named[each.action], each, seen.known[who], None, seen.keys[who]) for each, who in whose]


async def free(
    connection: Connection, workspace: str, by: Round, one: Version, persons: Sequence[int]
) -> list[int]:
    """Those for whom no choice holds."""
    since, shadow = by.now - one.book.rests, one.stage == "shadow"
    holding = await held(connection, workspace, one.playbook, persons, since, shadow)
    return [each for each in persons if each not in holding]


def chance_of(round: UUID, after: int, version: int) -> np.random.Generator:
    """The same for the same people of a round: whoever goes on with it decides as the one who died would have."""
    return np.random.default_rng([round.int % 2**64, after, version])


def _chance(*what: object) -> np.random.Generator:
    """The same all day: what somebody is shown is what would be done."""
    drawn = hashlib.sha256("\0".join(map(str, what)).encode()).digest()
    return np.random.default_rng(int.from_bytes(drawn[:8], "big"))
