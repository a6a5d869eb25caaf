"""What people say of accounts: who belongs to them and who does not, and which two are one. Nothing is rewritten: each word is
kept beside what sources said, and can be taken back."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Literal

from remit.access.audit import record
from remit.errors import UserError
from remit.graph.accounts.kept import made, settle
from remit.graph.accounts.look import Account, NoSuchAccount, find_account, meant_in
from remit.graph.ingest import enter
from remit.graph.people import Person
from remit.store.store import Store

LONGEST = 100  # characters of a role


async def found_or_made(store: Store, text: str) -> Account:
    """The account of that identifier; a new one where there is none yet. Raises NoSuchAccount for what is no identifier."""
    try:
        return await find_account(store, text)
    except NoSuchAccount:
        if text.strip().isdigit():
            raise
        who = meant_in(text)
    if who.rank[0]:
        raise UserError(f"{who.value} has mailboxes of everybody: it is no account")
    async with store.pool.connection() as connection, connection.transaction():
        await enter(connection, store.workspace)
        await made(connection, store.workspace, [who])
    return await find_account(store, text)


async def belongs(
    store: Store,
    person: Person,
    account: Account,
    by: str,
    *,
    role: str = "",
    since: datetime | None = None,
    until: datetime | None = None,
    no: bool = False,
) -> int:
    """That somebody belongs to it, or (`no`) does not, whatever comes in; the number of that word. Raises UserError."""
    now = datetime.now(UTC)
    if len(role) > LONGEST:
        raise UserError(f"role: {LONGEST} characters at most")
    since = since or min(now, until or now)
    if until is not None and until < since:
        raise UserError("until: it ends before it has begun")
    query = """
        insert into graph_memberships (workspace, profile, account, how, role, since, until, at, by)
        values (%s, %s, %s, %s, %s, %s, %s, %s, %s) returning id
    """
    how = "no" if no else "yes"
    values = (
        store.workspace,
        person.profiles[0].id,
        account.names[0].id,
        how,
        role.strip(),
        since,
        until,
        now,
        by,
    )
    taken_back = """
        update graph_memberships m set withdrawn_at = clock_timestamp(), withdrawn_by = %s
        from graph_accounts a where a.id = m.account and a.account = %s and m.profile = any(%s) and m.how = 'no' and m.withdrawn_at is null
    """
    async with store.pool.connection() as connection, connection.transaction():
        await enter(connection, store.workspace)
        await connection.execute(taken_back, (by, account.id, person.ids))
        row = await (await connection.execute(query, values)).fetchone()
        assert row is not None
        await record(
            connection, by, f"account.{how}", str(row[0]), {"person": person.id, "account": account.id}
        )
    return int(row[0])


async def take_back(store: Store, number: int, by: str) -> None:
    """Let a statement of who belongs to what count for nothing, whoever made it. Raises UserError."""
    query = """
        update graph_memberships set withdrawn_at = clock_timestamp(), withdrawn_by = %s
        where id = %s and workspace = %s and withdrawn_at is null returning id
    """
    async with store.pool.connection() as connection, connection.transaction():
        if (await (await connection.execute(query, (by, number, store.workspace))).fetchone()) is None:
            raise UserError(
                "there is no such statement that counts; `remit graph person WHO --json` lists those of a person"
            )
        await record(connection, by, "account.withdrawn", str(number), {})


async def say_accounts(store: Store, a: Account, b: Account, said: Literal["same", "apart"], by: str) -> None:
    """That two accounts are one, or are two, whatever else speaks for or against it. Raises UserError."""
    first, second = sorted((a.names[0].id, b.names[0].id))
    if first == second:
        raise UserError("these are one and the same already: name two")
    query = """
        insert into graph_account_links (workspace, a, b, how, source, event, at, last_at, by)
        values (%s, %s, %s, %s, '', '', clock_timestamp(), clock_timestamp(), %s)
        on conflict (a, b, how) do update set by = excluded.by, at = excluded.at, last_at = excluded.at, withdrawn_at = null, withdrawn_by = null
    """
    taken_back = """
        update graph_account_links set withdrawn_at = clock_timestamp(), withdrawn_by = %s
        where a = %s and b = %s and how = %s and withdrawn_at is null
    """
    other = "apart" if said == "same" else "same"
    async with store.pool.connection() as connection, connection.transaction():
        await enter(connection, store.workspace)
        await connection.execute(query, (store.workspace, first, second, said, by))
        await connection.execute(taken_back, (by, first, second, other))
        await settle(connection, (first, second))
        await record(connection, by, f"account.{said}", f"{first} {second}", {})


async def hold_link(store: Store, link: int, by: str, *, withdrawn: bool) -> None:
    """Let a link between identifiers of accounts count for nothing, or again. Raises UserError."""
    query = """
        update graph_account_links set withdrawn_at = case when %(gone)s then clock_timestamp() end, withdrawn_by = case when %(gone)s then %(by)s end
        where id = %(link)s and workspace = %(here)s and (withdrawn_at is null) = %(gone)s returning a, b
    """
    values = {"gone": withdrawn, "by": by, "link": link, "here": store.workspace}
    async with store.pool.connection() as connection, connection.transaction():
        await enter(connection, store.workspace)
        ends = await (await connection.execute(query, values)).fetchone()
        if ends is None:
            there = "that counts" if withdrawn else "that was withdrawn"
            raise UserError(
                f"there is no link {link} {there} between accounts; `remit graph account A --json` lists those of one"
            )
        await settle(connection, ends)
        await record(
            connection, by, f"account.{'withdrawn' if withdrawn else 'restored'}", f"link {link}", {}
        )
