"""What workers do for it: go on with erasures whose process died or that waited, and seal what was written."""

from __future__ import annotations

import asyncio
import logging
from typing import LiteralString

import psycopg

from remit.app import App
from remit.errors import RemitError
from remit.privacy.chain import AT_ONCE, seal
from remit.privacy.erase import go_on

EVERY = 20.0  # seconds between looks
LOG = logging.getLogger(__name__)
# Whoever dies at it is followed by the next in ten minutes.
CLAIM: LiteralString = """
    update erasures set due_at = clock_timestamp() + interval '10 minutes'
    where id = (select id from erasures where done_at is null and due_at <= clock_timestamp()
                order by due_at limit 1 for update skip locked)
    returning id, workspace
"""


async def keep(app: App, stop: asyncio.Event) -> None:
    """Until `stop`, for all workspaces. As many processes as like do so at once. `app`: the installation's."""
    while not stop.is_set():
        more = False
        try:
            more = await look(app)
        except (RemitError, psycopg.Error, OSError) as error:
            LOG.warning("erasures and the chain could not be gone on with now: %s", error)
        try:
            await asyncio.wait_for(stop.wait(), 0.1 if more else EVERY)
        except TimeoutError:
            continue


async def look(app: App) -> bool:
    """Go on with one erasure, and seal some of each workspace; whether there is more to do."""
    async with app.store.pool.connection() as connection:
        row = await (await connection.execute(CLAIM)).fetchone()
        places = await (await connection.execute("select name from workspaces")).fetchall()
    if row is not None:
        id_, workspace = row
        own = app.within(workspace)
        await go_on(own.store, id_, own.cancel)
    sealed = [await seal(app.store.as_owner(name)) for (name,) in places]
    return row is not None or any(count >= AT_ONCE for count in sealed)
