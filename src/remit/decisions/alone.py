"""Who decides alone, so that nobody has two decisions at once, and none once they are gone."""

from __future__ import annotations

from typing import Any, LiteralString

from psycopg import AsyncConnection

Connection = AsyncConnection[Any]
LOCK: LiteralString = "select pg_advisory_xact_lock(hashtextextended(%s, 0))"


async def alone(connection: Connection, workspace: str, playbook: str) -> None:
    """Wait until nobody else decides by this playbook, for as long as the transaction lasts: of two who saw that no choice holds for
    somebody, both would make one. Whom to decide for is to be read after it: they may be gone."""
    await connection.execute(LOCK, (f"decide {workspace} {playbook}",))


async def nobody_decides(connection: Connection, workspace: str) -> None:
    """Wait until nobody decides by any playbook, nor says what came of it, for as long as the transaction lasts: what is taken away of somebody
    is then all that there is."""
    query = "select name from playbooks where workspace = %s order by name for no key update"
    for (playbook,) in await (await connection.execute(query, (workspace,))).fetchall():
        await alone(connection, workspace, playbook)
