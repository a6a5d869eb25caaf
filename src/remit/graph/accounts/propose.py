"""Who may belong to an account, by the domain of their address. It is never taken for so: people say yes, or no."""

from __future__ import annotations

from datetime import UTC, datetime

from remit.access.audit import record
from remit.graph.accounts.said import MAILBOXES
from remit.graph.ingest import enter
from remit.store.store import Store


async def propose(store: Store, by: str) -> int:
    """Propose to the accounts that have a domain whoever has an address of it, and of whom nothing is said of that account; how many were.
    What a person said no to is not proposed again."""
    query = """
        with domains as (
            select id, account, value from graph_accounts
            where workspace = %(here)s and kind = 'domain' and shared = '' and value <> all(%(everybodys)s)
        )
        insert into graph_memberships (workspace, profile, account, how, since, at)
        select %(here)s, p.id, d.id, 'proposed', %(now)s, %(now)s
        from graph_profiles p join domains d on d.value = split_part(p.value, '@', 2)
        where p.workspace = %(here)s and p.kind = 'email' and p.shared = '' and not exists (
            select from graph_profiles o join graph_memberships m on m.profile = o.id join graph_accounts a on a.id = m.account
            where o.person = p.person and a.account = d.account and (m.withdrawn_at is null or m.how = 'proposed'))
    """
    values = {"here": store.workspace, "everybodys": list(MAILBOXES), "now": datetime.now(UTC)}
    async with store.pool.connection() as connection, connection.transaction():
        await enter(connection, store.workspace)
        made = (await connection.execute(query, values)).rowcount
        await record(connection, by, "account.proposed", "", {"people": made})
    return made
