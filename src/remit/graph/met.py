"""Identifiers of people whom we are about to reach: known to the graph, or made known."""

from __future__ import annotations

from collections.abc import Sequence

from remit.graph.identifiers import Identifier, shared_by_name
from remit.graph.ingest import enter
from remit.store.store import Store


async def met(store: Store, whom: Sequence[Identifier], make: bool = True) -> dict[tuple[str, str], int]:
    """The profile of each, by kind and value. Of whom nobody has heard, one is made where `make` says so: nothing is known of them."""
    found = await _known(store, whom)
    missing = [one for one in whom if one.key not in found]
    if missing and make:
        query = """
            insert into graph_profiles (id, workspace, kind, value, person, shared)
            select id, %s, kind, value, id, shared from (
                select nextval('graph_profiles_id_seq') as id, c.* from unnest(%s::text[], %s::text[], %s::text[]) as c (kind, value, shared)
            ) as one on conflict (workspace, kind, value) do nothing
        """
        kinds, values = [one.kind for one in missing], [one.value for one in missing]
        shared = ["by name" if shared_by_name(*one.key) else "" for one in missing]
        async with store.pool.connection() as connection, connection.transaction():
            await enter(connection, store.workspace)
            await connection.execute(query, (store.workspace, kinds, values, shared))
        found = await _known(store, whom)
    return found


async def _known(store: Store, whom: Sequence[Identifier]) -> dict[tuple[str, str], int]:
    query = """
        select p.kind, p.value, p.id from unnest(%s::text[], %s::text[]) as c (kind, value)
        join graph_profiles p on p.workspace = %s and p.kind = c.kind and p.value = c.value collate "C"
    """
    values = ([one.kind for one in whom], [one.value for one in whom], store.workspace)
    async with store.pool.connection() as connection:
        rows = await (await connection.execute(query, values)).fetchall()
    return {(kind, value): profile for kind, value, profile in rows}
