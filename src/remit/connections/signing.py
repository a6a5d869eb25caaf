"""By which secret Slack signs what it tells a trigger."""

from __future__ import annotations

from remit.catalogue.find import find_named
from remit.connections.kept import resolved
from remit.errors import UserError
from remit.secrets import open_text
from remit.store.store import Store


async def signing_of(store: Store, agent: str, connection: str) -> str:
    """Raises UserError where the connection has none."""
    found = await resolved((await find_named(store, agent)).agent, store)
    one = found.connections.get(connection)
    if one is None or not one.signing:
        raise UserError(f"the connection {connection!r} has no signing secret")
    return await open_text(one.signing, store)
