"""How often somebody may try to sign in: counted in the database, so that all servers agree.

Each try is written down before it is looked at. Guesses from elsewhere do not shut out a browser in which the person has
signed in before, and a try that comes too soon makes the wait no longer.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping, Sequence
from datetime import timedelta

from remit.errors import Busy
from remit.store.store import Store

WINDOW = timedelta(minutes=15)
OF_ACCOUNT = 10  # wrong tries in the window from browsers that are not known to it, or from one that is
OF_ADDRESS = 50


async def try_once(store: Store, account: str, browser: str, address: str) -> list[int]:
    """Write a try down; by what it gives it is taken back when it succeeds. `browser`: the mark of one that the account is
    known to, else empty. Raises Busy where there were too many."""
    bounds = {
        f"browser {browser}" if browser else f"account {account.strip().casefold()[:200]}": OF_ACCOUNT,
        f"address {network(address)}": OF_ADDRESS,
    }
    return await _counted(store, bounds)


async def try_from(store: Store, address: str) -> list[int]:
    """As `try_once`, where nobody has said yet who they are."""
    return await _counted(store, {f"address {network(address)}": OF_ADDRESS})


async def try_word(store: Store, address: str) -> None:
    """Count somebody who came with a link that is none. Raises Busy where there were too many."""
    await _counted(store, {f"word {network(address)}": OF_ADDRESS})


async def _counted(store: Store, bounds: Mapping[str, int]) -> list[int]:
    async with store.keeper.pool.connection() as connection, connection.transaction():
        for key in sorted(bounds):  # tries side by side wait for each other, and count each other
            await connection.execute("select pg_advisory_xact_lock(hashtextextended(%s, 20))", (key,))
        await connection.execute("delete from tries where at < clock_timestamp() - %s", (WINDOW,))
        query = """
            select key, count(*), extract(epoch from min(at) + %s - clock_timestamp()) from tries
            where key = any(%s) group by key
        """
        found = await (await connection.execute(query, (WINDOW, list(bounds)))).fetchall()
        if waits := [float(wait) for key, count, wait in found if count >= bounds[key]]:
            raise Busy("There were too many tries to sign in.", max(1.0, *waits))
        query = "insert into tries (key) select unnest(%s::text[]) returning id"
        rows = await (await connection.execute(query, (list(bounds),))).fetchall()
    return [int(row[0]) for row in rows]


async def forgive(store: Store, ids: Sequence[int]) -> None:
    async with store.keeper.pool.connection() as connection:
        await connection.execute("delete from tries where id = any(%s)", (list(ids),))


def network(address: str) -> str:
    """What counts as one address: of IPv6 the part that a provider gives out."""
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return address[:100]
    return str(ipaddress.ip_network((found, 64), strict=False)) if found.version == 6 else str(found)
