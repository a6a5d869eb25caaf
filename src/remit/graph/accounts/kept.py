"""What rows say of accounts, kept: by what each is known, what is said of it, and who belongs to it.

It comes after all else of a batch, in the same transaction, and only where a row has an account. Which identifiers are one account is decided
as it is of people (`graph/identity.py`), by what sources have checked and what people say: what was only seen together joins what nobody has
checked to the one account that it came with, and no two that are known.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from psycopg import AsyncConnection

from remit.graph.accounts.said import Account
from remit.graph.append import Met, Said, came_together, later, written
from remit.graph.identifiers import Identifier
from remit.graph.identity import Link, Node, resolve
from remit.graph.rows import Interaction

Json = Any
Connection = AsyncConnection[Any]
Key = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Named:
    """The account of an event."""

    at: datetime
    source: str
    event: str
    person: Key  # by which the person of it is known
    account: Account

    @property
    def whom(self) -> tuple[Identifier, ...]:
        return self.account.whom


async def keep_accounts(
    connection: Connection, workspace: str, fresh: Sequence[Interaction], ids: Mapping[Key, int]
) -> None:
    """`ids`: numbers of the people's identifiers. The caller holds the graph (`ingest.enter`)."""
    named = [
        Named(one.at, one.source, one.event, one.whom[0].key, one.account)
        for one in fresh
        if one.account is not None
    ]
    if not named:
        return
    known, surer = await made(connection, workspace, (who for one in named for who in one.whom))
    await _told(connection, named, known)
    touched = surer | await _links(connection, workspace, came_together(named, known))
    await settle(connection, touched)
    await _memberships(connection, workspace, named, ids, known)


async def made(
    connection: Connection, workspace: str, whom: Iterable[Identifier]
) -> tuple[dict[Key, int], set[int]]:
    """The numbers of identifiers of accounts, given to those that are new; and which are checked for the first time."""
    came: dict[Key, Identifier] = {}
    for one in whom:
        if one.key not in came or one.verified:
            came[one.key] = one
    rows = [
        {
            "kind": one.kind,
            "value": one.value,
            "sure": one.verified,
            "shared": "by name" if one.rank[0] else "",
        }
        for one in came.values()
    ]
    query = """
        insert into graph_accounts as a (id, workspace, kind, value, account, verified, shared)
        select n, %s, kind, value, n, sure, shared from (
            select nextval('graph_accounts_id_seq') as n, c.*
            from json_to_recordset(%s::json) as c (kind text, value text, sure boolean, shared text)
        ) as c
        on conflict (workspace, kind, value) do update set verified = true where excluded.verified and not a.verified
        returning id, xmax = 0
    """
    changed = await (await connection.execute(query, (workspace, written(rows)))).fetchall()
    query = """
        select a.kind, a.value, a.id from json_to_recordset(%s::json) as c (kind text, value text)
        join graph_accounts a on a.workspace = %s and a.kind = c.kind and a.value = c.value collate "C"
    """
    found = await (await connection.execute(query, (written(rows), workspace))).fetchall()
    ids = {(kind, value): id_ for kind, value, id_ in found}
    return ids, {id_ for id_, new in changed if not new}


async def _told(connection: Connection, named: Iterable[Named], ids: Mapping[Key, int]) -> None:
    """Of each attribute and the name what was said last."""
    said: dict[int, Said] = {}
    for one in named:
        told = dict(one.account.attributes) | ({"name": one.account.name} if one.account.name else {})
        if told:
            about = said.setdefault(ids[one.whom[0].key], {})
            later(about, {key: [value, one.at.isoformat(), one.source] for key, value in told.items()})
    if not said:
        return
    query = "select id, about from graph_accounts where id = any(%s)"
    known = await (await connection.execute(query, (list(said),))).fetchall()
    query = """
        update graph_accounts a set about = c.about, name = coalesce(c.about -> 'name' ->> 0, '')
        from json_to_recordset(%s::json) as c (id bigint, about jsonb) where a.id = c.id
    """
    rows = [{"id": id_, "about": later(dict(about), said[id_])} for id_, about in known]
    await connection.execute(query, (written(rows),))


async def _links(connection: Connection, workspace: str, met: Met) -> set[int]:
    """Keep the evidence; both ends of what is new."""
    if not met:
        return set()
    query = """
        insert into graph_account_links as l (workspace, a, b, how, source, event, at, last_at, seen)
        select %s, c.* from json_to_recordset(%s::json) as c
            (a bigint, b bigint, how text, source text, event text, at timestamptz, last_at timestamptz, seen bigint)
        on conflict (a, b, how) do update set
            seen = l.seen + excluded.seen, last_at = greatest(l.last_at, excluded.last_at),
            (at, source, event) = (select at, source, event from (values (l.at, l.source, l.event),
                (excluded.at, excluded.source, excluded.event)) as heard (at, source, event)
                order by at, source collate "C", event collate "C" limit 1)
        returning a, b, xmax = 0
    """
    rows = [
        {"a": a, "b": b, "how": how, "source": one.source, "event": one.event, "at": one.at, "last_at": one.last_at, "seen": one.seen}
        for (a, b, how), one in met.items()
    ]  # fmt: skip
    kept = await (await connection.execute(query, (workspace, written(rows)))).fetchall()
    return {end for a, b, new in kept if new for end in (a, b)}


async def settle(connection: Connection, touched: Iterable[int]) -> None:
    """Decide anew what is one account, of all that hangs together with these."""
    seeds = list(touched)
    if not seeds:
        return
    query = """
        with recursive near (id) as (
            select unnest(%s::bigint[])
            union
            select l.other from near n cross join lateral (
                select b as other, how from graph_account_links where a = n.id and withdrawn_at is null
                union all select a, how from graph_account_links where b = n.id and withdrawn_at is null
                offset 0
            ) as l
        )
        select a.id, kind, value, verified, shared <> '' from near join graph_accounts a on a.id = near.id
    """
    nodes = {row[0]: Node(*row) for row in await (await connection.execute(query, (seeds,))).fetchall()}
    query = """
        select id, a, b, how, at, source, event from graph_account_links
        where a = any(%s) and b = any(%s) and withdrawn_at is null
    """
    rows = await (await connection.execute(query, (list(nodes), list(nodes)))).fetchall()
    links = [Link(*row) for row in rows]
    unchecked = {one.id for one in links if one.how == "seen" and not _one_checked(one, nodes)}
    decided = resolve(nodes, [one for one in links if one.id not in unchecked])
    query = """
        update graph_accounts a set account = c.account
        from json_to_recordset(%s::json) as c (id bigint, account bigint) where a.id = c.id and a.account <> c.account
    """
    accounts = [{"id": one, "account": of} for one, of in decided.person.items()]
    await connection.execute(query, (written(accounts),))
    query = """
        update graph_account_links l set held = c.held
        from json_to_recordset(%s::json) as c (id bigint, held text) where l.id = c.id and l.held <> c.held
    """
    held = [{"id": id_, "held": one.held} for id_, one in decided.links.items()]
    held += [{"id": id_, "held": "doubtful"} for id_ in unchecked]
    await connection.execute(query, (written(held),))


def _one_checked(link: Link, nodes: Mapping[int, Node]) -> bool:
    return nodes[link.a].verified or nodes[link.b].verified


async def _memberships(
    connection: Connection,
    workspace: str,
    named: Iterable[Named],
    ids: Mapping[Key, int],
    known: Mapping[Key, int],
) -> None:
    query = """
        insert into graph_memberships (workspace, profile, account, how, role, since, until, at, source, event)
        select %s, profile, account, 'said', role, since, until, at, source, event from json_to_recordset(%s::json) as c
            (profile bigint, account bigint, role text, since timestamptz, until timestamptz, at timestamptz, source text, event text)
    """
    rows = [
        {"profile": ids[one.person], "account": known[one.whom[0].key], "role": one.account.role,
         "since": one.account.since or _begins(one), "until": one.account.until,
         "at": one.at, "source": one.source, "event": one.event}
        for one in named
    ]  # fmt: skip
    await connection.execute(query, (workspace, written(rows)))


def _begins(one: Named) -> datetime:
    """Where a row says only until when, it speaks of no time before that but of its end."""
    until = one.account.until
    return min(one.at, until) if until else one.at
