"""The rows that are a person's own. They go; of what must be kept for a time (a hold) stays what happened, when and for how much,
under a number that is nobody's."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Sequence
from typing import Any

from psycopg import AsyncConnection
from psycopg.sql import SQL, Composed, Identifier

from remit.decisions.sums import fold_all
from remit.graph.intents import LONGEST
from remit.privacy.held import ALONG, THEIRS
from remit.privacy.whom import Whom

Json = Any
Connection = AsyncConnection[Any]
NOBODY = "erased"  # the kind of what is in the place of a person


async def counted(connection: Connection, workspace: str, of: Whom) -> dict[str, int]:
    """How many rows of each table are theirs."""
    found = {}
    for table, columns in THEIRS.items():
        query = SQL("select count(*) from {} t where t.workspace = %(here)s and ({})").format(
            Identifier(table), _mine(columns, "t")
        )
        row = await (
            await connection.execute(query, {"ids": list(of.profiles), "here": workspace})
        ).fetchone()
        found[table] = int(row[0]) if row else 0
    return {table: count for table, count in found.items() if count}


async def rows_of(connection: Connection, workspace: str, of: Whom) -> dict[str, list[Json]]:
    """What is theirs beside the graph, by table; without what is only a hash."""
    found = {}
    for table in (one for one in (*THEIRS, *ALONG) if not one.startswith("graph_")):
        query = SQL("""
            select to_jsonb(t) - 'workspace' - array(
                select attname::text from pg_attribute where attrelid = t.tableoid and atttypid = 'bytea'::regtype)
            from {} t where t.workspace = %(here)s and {}
        """).format(Identifier(table), _whose(table))
        rows = await connection.execute(query, {"ids": list(of.profiles), "here": workspace})
        found[table] = [row for (row,) in await rows.fetchall()]
    return {table: rows for table, rows in found.items() if rows}


def _whose(table: str) -> Composed:
    """Of a row `t`, whether it is theirs, or goes with one that is."""
    if table in THEIRS:
        return SQL("({})").format(_mine(THEIRS[table], "t"))
    column, of_what = ALONG[table]
    return SQL("exists (select from {} o where o.workspace = t.workspace and o.id = t.{} and ({}))").format(
        Identifier(of_what), Identifier(column), _mine(THEIRS[of_what], "o")
    )


async def held(connection: Connection, workspace: str, of: Whom) -> dict[str, int]:
    """By the name of a hold, how many of their interactions it keeps."""
    query = """
        select h.name, count(*) from graph_interactions i join holds h on h.workspace = i.workspace and i.kind = any(h.kinds)
        where i.workspace = %s and i.profile = any(%s) and i.at > clock_timestamp() - h.lasts group by h.name
    """
    return dict(await (await connection.execute(query, (workspace, list(of.profiles)))).fetchall())


async def forget(
    connection: Connection, workspace: str, of: Whom, tag: str, but: Collection[str] = ()
) -> dict[str, int]:
    """Delete them, `but` of some tables; how many of each. The caller holds the graph (`ingest.enter`), and has nobody decide
    (`alone.nobody_decides`)."""
    ids = list(of.profiles)
    gone: dict[str, int] = {}
    gone["graph_examples"] = await _examples(connection, workspace, ids)
    values = {"ids": ids, "here": workspace}
    for table, (column, of_what) in ALONG.items():
        query = SQL(
            "delete from {} t using {} o where t.workspace = %(here)s and o.workspace = t.workspace and t.{} = o.id and ({})"
        ).format(Identifier(table), Identifier(of_what), Identifier(column), _mine(THEIRS[of_what], "o"))
        gone[table] = (await connection.execute(query, values)).rowcount
    await _keep(connection, workspace, ids, tag)
    asked = "update graph_links set ask_a = null, ask_b = null where ask_a = any(%s) or ask_b = any(%s)"
    await connection.execute(asked, (ids, ids))
    belonged = "select a.account from graph_memberships m join graph_accounts a on a.id = m.account where m.profile = any(%s)"
    accounts = [account for (account,) in await (await connection.execute(belonged, (ids,))).fetchall()]
    for table, columns in THEIRS.items():
        if table in but:
            continue
        query = SQL("delete from {} t where t.workspace = %(here)s and ({})").format(
            Identifier(table), _mine(columns, "t")
        )
        gone[table] = (await connection.execute(query, values)).rowcount
    await fold_all(connection, workspace)
    gone["graph_accounts"] = await _accounts(connection, workspace, accounts, of)
    return {table: count for table, count in gone.items() if count}


async def _accounts(connection: Connection, workspace: str, accounts: list[int], of: Whom) -> int:
    """Accounts of theirs to which nobody belongs any more go, where they are called by their name or known by an identifier of theirs; any
    other is a company, and stays."""
    query = """
        with empty as (
            select account from graph_accounts where workspace = %(here)s and account = any(%(accounts)s)
            group by account having not exists (
                select from graph_memberships m join graph_accounts o on o.id = m.account where o.account = graph_accounts.account)
            and bool_or(value = any(%(values)s) or exists (select from unnest(%(names)s::text[]) n where strpos(search, lower(n)) > 0))
        ), gone as (
            delete from graph_accounts a using empty where a.account = empty.account returning a.id
        ), links as (
            delete from graph_account_links l using gone where gone.id in (l.a, l.b)
        )
        select count(*) from gone
    """
    values = {
        "here": workspace, "accounts": accounts, "values": [value for _, value in of.identifiers], "names": list(of.names),
    }  # fmt: skip
    row = await (await connection.execute(query, values)).fetchone()
    return int(row[0]) if row else 0


def _mine(columns: Sequence[str], table: str) -> Composed:
    return SQL(" or ").join(SQL("{} = any(%(ids)s)").format(Identifier(table, column)) for column in columns)


async def _keep(connection: Connection, workspace: str, ids: list[int], tag: str) -> None:
    """What holds keep becomes nobody's: no words, no number by which another system knows it."""
    query = """
        with due as (
            select i.id from graph_interactions i where i.workspace = %(here)s and i.profile = any(%(ids)s) and exists (
                select from holds h where h.workspace = i.workspace and i.kind = any(h.kinds) and i.at > clock_timestamp() - h.lasts)
        ), nobody as (
            insert into graph_profiles (id, workspace, kind, value, person)
            select n, %(here)s, %(kind)s, %(tag)s, n from (select nextval('graph_profiles_id_seq') as n where exists (select from due)) as one
            returning id
        )
        update graph_interactions i set profile = nobody.id, event = %(tag)s || '-' || i.id, conversation = '', subject = '', body = '',
            properties = null
        from due, nobody where i.workspace = %(here)s and i.id = due.id
    """
    await connection.execute(query, {"here": workspace, "ids": ids, "kind": NOBODY, "tag": tag})


async def _examples(connection: Connection, workspace: str, ids: list[int]) -> int:
    """What they wrote and people made an example of; with what others' messages are said to be like because of it."""
    query = "select concat_ws(' ', nullif(subject, ''), body) from graph_interactions where profile = any(%s) and body <> ''"
    texts = [
        " ".join(text.split())[:LONGEST]
        for (text,) in await (await connection.execute(query, (ids,))).fetchall()
    ]
    digests = [hashlib.sha256(text.encode()).digest() for text in texts]
    query = "delete from graph_examples where workspace = %s and digest = any(%s) returning text"
    gone = [text for (text,) in await (await connection.execute(query, (workspace, digests))).fetchall()]
    if gone:
        query = """
            update graph_inferred f set alike = '[]' where workspace = %s
                and exists (select from unnest(%s::text[]) as t (said) where strpos(f.alike::text, to_json(t.said)::text) > 0)
        """
        await connection.execute(query, (workspace, gone))
    return len(gone)
