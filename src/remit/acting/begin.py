"""Doing what was decided: a run for each decision of a version that acts, begun once whoever dies meanwhile; and what follows where nobody answers."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from psycopg import AsyncConnection

from remit.acting.due import MOST, Act, answered, claim, decision_of, follow, later, settle
from remit.acting.given import BY_PEOPLE, given, named
from remit.acting.summary import summary_of
from remit.app import App
from remit.catalogue.find import find_named
from remit.decisions import standing
from remit.decisions.action import Action, together
from remit.decisions.alone import alone
from remit.decisions.choose import Decision, Option
from remit.decisions.eligible import refusals
from remit.decisions.kept import Version, version_of
from remit.decisions.log import Kept, Made, used, write
from remit.decisions.meant import for_use
from remit.errors import Busy, ModelError, RemitError, StaleWriter, StoreError
from remit.graph.people import Person, consent_of, person_of
from remit.graph.purposes import limits_of
from remit.journal.events import Began

LOG = logging.getLogger(__name__)
FULL = 900.0  # seconds after which it is looked again whether a team has time
AT_ONCE = 20  # that a process takes up
Connection = AsyncConnection[Any]
HandOn = Callable[[UUID], Awaitable[None]]  # to whoever advances runs


async def look(app: App, hand_on: HandOn, now: datetime | None = None) -> int:
    """Once; how many it had to do with."""
    claimed = await claim(app.root.store, AT_ONCE, now)
    for act in claimed:
        try:
            await _follow_up(app, act, now) if act.follows else await _begin(app, hand_on, act)
        except Busy as error:
            await later(app.root.store, act, error.retry_after, str(error))
        except ModelError as error:
            await _again(app, act, error) if error.retryable else await _leave(app, act, "failed", str(error))
        except StoreError:
            raise
        except RemitError as error:
            await _leave(app, act, "failed", str(error))
    return len(claimed)


async def _again(app: App, act: Act, error: ModelError) -> None:
    await later(app.root.store, act, error.retry_after or 30.0, str(error))


async def _leave(app: App, act: Act, state: str, why: str) -> None:
    async with app.root.store.pool.connection() as connection:
        await settle(connection, act, state, why)


async def _found(app: App, act: Act) -> tuple[Kept, Version, Action] | None:
    """What is to be done, if it still is: else why not is written down."""
    here = app.within(act.workspace)
    async with here.store.pool.connection() as connection:
        one = await decision_of(connection, act.workspace, act.decision)
    if one is None:
        await _leave(app, act, "skipped", "the decision is gone")
        return None
    version = await version_of(here.store, one.playbook, one.version)
    if not version.acts:
        await _leave(app, act, "skipped", f"version {one.version} of {one.playbook} does not act any more")
        return None
    return one, version, named(version.book, one.action)


async def _begin(app: App, hand_on: HandOn, act: Act) -> None:
    """Each step may be the last that this process does."""
    if act.attempts > MOST:
        await _leave(app, act, "failed", f"{MOST} tries to begin it have failed")
        return
    found = await _found(app, act)
    if found is None:
        return
    one, version, action = found
    here = app.within(act.workspace)
    person = await person_of(here.store, one.person)
    consent = await consent_of(here.store, person)
    person = for_use(person, (await limits_of(here.store)).allowing(consent), action)
    asks = action.does in BY_PEOPLE and action.what not in version.book.templates
    summary = await summary_of(here.store, person, datetime.now(UTC)) if asks else ""
    told = given(version.book, action, one, person, consent, summary)
    began = Began(trigger=one.playbook, kind="decision", at=one.at)
    try:
        agent, number = told.agent, None
        if agent is None:
            kept = await find_named(here.store, action.what)
            agent, number = kept.agent, kept.version
        await here.start(
            agent,
            told.goal,
            person=told.person,
            inputs=told.inputs,
            quoted=told.quoted,
            run=act.run,
            version=number,
            began=began,
        )
    except StaleWriter:
        LOG.debug("run %s has begun before; whoever began it died, or was slow", act.run)
    await hand_on(act.run)
    async with app.root.store.pool.connection() as connection, connection.transaction():
        if await settle(connection, act, "begun", "", act.run) and action.follow_up is not None:
            await follow(connection, act, action.follow_up.after)


async def _follow_up(app: App, act: Act, now: datetime | None = None) -> None:
    """Decide what follows, where nobody has answered: a decision of its own, which the rules may rule out."""
    found = await _found(app, act)
    if found is None or (up := found[2].follow_up) is None:
        return
    one, version, action = found
    here, now = app.within(act.workspace), now or datetime.now(UTC)
    person = await person_of(here.store, one.person)
    async with app.root.store.pool.connection() as connection, connection.transaction():
        if by := await answered(connection, act.workspace, person.ids, one.at, up.unless):
            await settle(connection, act, "skipped", f"answered by {by}")
            return
        then = named(version.book, up.then)
        stands = await standing.read(connection, act.workspace, [person.id], now)
        rules = together(await standing.rules_within(connection, act.workspace), version.book.rules)
        if out := refusals(then, stands[person.id], rules, now):
            await settle(
                connection, act, "skipped", "; ".join(f"{rule.rule}: {rule.because}" for rule in out)
            )
            return
        await alone(connection, act.workspace, one.playbook)
        if await _full(connection, act, version, then, now):
            await later(app.root.store, act, FULL, f"all that can be done of {then.name} is done for now")
            return
        if await settle(connection, act, "done"):
            made = _following(one, version, person, action, then, now)
            await write(connection, act.workspace, [made])


async def _full(connection: Connection, act: Act, version: Version, then: Action, now: datetime) -> bool:
    """Whether a team has done all that it can of it; `alone` with this playbook."""
    if then.capacity is None:
        return False
    counts = await used(connection, act.workspace, [version], now)
    return counts[version.key][then.name] >= then.capacity.count


def _following(
    one: Kept, version: Version, person: Person, action: Action, then: Action, now: datetime
) -> Made:
    assert action.follow_up is not None
    why = f"{action.name} was not answered by {', '.join(action.follow_up.unless)} since {one.at:%Y-%m-%d %H:%M %Z}"
    decision = Decision(str(person.id), now, then.name, 1.0, (Option(then.name, 0.0, 1.0),), (), why)
    return Made(version, then, decision, one.features[1:], one.id)
