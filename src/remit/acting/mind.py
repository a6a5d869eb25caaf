"""Beside all else that a worker does: have done what was decided, see how that ended and what came of it, learn from it, and take back what breaks a
guardrail."""

from __future__ import annotations

import asyncio
import logging
from datetime import UTC, datetime

import psycopg

from remit.acting import ended
from remit.acting.begin import HandOn, look
from remit.app import App
from remit.decisions.credited import credit
from remit.decisions.deciding import decide_heard
from remit.decisions.kept import standing_of, take_back
from remit.decisions.learned import learn
from remit.decisions.rounds import begin_due, drop, go_on
from remit.decisions.shown import shown_of
from remit.decisions.stage import broken
from remit.decisions.sums import fold
from remit.decisions.tracked import tell
from remit.errors import RemitError, StoreError, UserError
from remit.store.store import Store

LOG = logging.getLogger(__name__)
EVERY = 1.0  # seconds between looks for what is to be done
MINDED = 30.0  # seconds between looks for what came of it
SOME = 500  # people of a round who are decided at once: runs are advanced beside


async def see_to_decisions(app: App, hand_on: HandOn, stop: asyncio.Event) -> None:
    """Until `stop`, of all workspaces. As many processes as like do so at once."""
    clock = asyncio.get_running_loop().time
    minded = clock() - MINDED
    while not stop.is_set():
        try:
            while await look(app, hand_on) or await decide_on(app.root.store):
                if stop.is_set():
                    return
            if clock() >= minded + MINDED:
                minded = clock()
                await tell(app.root.store)
                while await ended.look(app):
                    pass
                await mind_all(app.root.store)
        except (RemitError, psycopg.Error, OSError) as error:
            LOG.debug("decisions cannot be seen to now: %s", error)
        try:
            await asyncio.wait_for(stop.wait(), EVERY)
        except TimeoutError:
            continue


async def decide_on(store: Store) -> bool:
    """Go on with a round that somebody has left to workers, by some people; whether there was one. For the owner of the tables."""
    query = """
        select workspace, id, playbook from decision_rounds where done_at is null and by_workers order by begun_at limit 1 for update skip locked
    """
    async with store.pool.connection() as connection:
        row = await (await connection.execute(query)).fetchone()
    if row is None:
        return False
    here = store.as_owner(row[0])
    try:
        await go_on(here, row[1], many=SOME)
    except UserError as error:
        LOG.warning("a round of %s in %s cannot go on, and is ended: %s", row[2], row[0], error)
        await drop(here, row[2])
    return True


async def mind_all(store: Store, now: datetime | None = None) -> None:
    """Once, of all workspaces; one that cannot be minded keeps no other from it. For the owner of the tables."""
    query = "select distinct workspace, playbook from playbook_versions where stage <> 'off' order by 1, 2"
    async with store.pool.connection() as connection:
        found = await (await connection.execute(query)).fetchall()
    for workspace, playbook in found:
        try:
            await mind(store.as_owner(workspace), playbook, now or datetime.now(UTC))
        except StoreError:
            raise
        except RemitError as error:
            LOG.warning("the playbook %s of %s cannot be minded now: %s", playbook, workspace, error)


async def mind(store: Store, playbook: str, now: datetime) -> None:
    """What came of its decisions, what is learned from it, whether it may go on, and for whom it decides."""
    heard = 0
    while came := await credit(store, playbook, now):
        heard += came
    for one in (await standing_of(store, playbook)).values():
        while await learn(store, one):
            pass
        if heard and one.acts and (why := broken(one.book.guardrails, await shown_of(store, one))):
            async with store.pool.connection() as connection, connection.transaction():
                await take_back(connection, store.workspace, one, "; ".join(why))
            LOG.warning(
                "version %s of the playbook %s was taken back: %s", one.version, playbook, "; ".join(why)
            )
    while await decide_heard(store, playbook, now):
        pass
    await begin_due(store, playbook, now)
    await fold(store, playbook)
