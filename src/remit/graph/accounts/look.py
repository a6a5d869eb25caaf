"""Looking at accounts: finding one, what is known of it, and who belongs to it, now or at another moment."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from typing import Any, LiteralString

from psycopg.rows import class_row

from remit.errors import UserError
from remit.graph.accounts.said import account_meant
from remit.graph.accounts.ties import Said, Tie, tie
from remit.graph.identifiers import ORDER, Identifier
from remit.graph.people import EVENT, PAGE, Event, Person, is_number, last_said, listed
from remit.graph.people import Found as FoundPerson
from remit.store.store import Store

Json = Any


class NoSuchAccount(UserError):
    """No account is known by that."""


@dataclass(frozen=True, slots=True)
class Name:
    """An identifier of an account, and what was said of whatever has it."""

    id: int
    account: int
    kind: str
    value: str
    verified: bool
    shared: str
    about: Mapping[str, list[Json]]

    @property
    def key(self) -> str:
        return f"{self.kind}:{self.value}"


@dataclass(frozen=True, slots=True)
class Evidence:
    """Why two identifiers are one account's. `held`: why they are not; empty: they are."""

    id: int
    a: int
    b: int
    how: str
    source: str
    event: str
    at: datetime
    seen: int
    by: str
    held: str
    withdrawn_at: datetime | None
    withdrawn_by: str | None


@dataclass(frozen=True, slots=True)
class Account:
    """What is one account, as far as is known. `id` is that of its first identifier."""

    id: int
    names: tuple[Name, ...]
    evidence: tuple[Evidence, ...]

    @property
    def about(self) -> dict[str, list[Json]]:
        """Of each attribute what was said last: [what, when, source]."""
        return last_said(one.about for one in self.names)

    @property
    def name(self) -> str:
        """As last said by whom; empty where nobody said one."""
        return str(self.about.get("name", [""])[0])

    @property
    def called(self) -> str:
        return self.name or self.names[0].value


@dataclass(frozen=True, slots=True)
class Member:
    """A person who belongs to an account, with the last that was heard of them."""

    person: int
    called: str
    by: str
    last: datetime | None
    tie: Tie


@dataclass(frozen=True, slots=True)
class Belonging:
    """An account to which somebody belongs; `tie` none: it is only proposed, or a person said that they do not. `said`: all of it."""

    account: int
    called: str
    by: str
    tie: Tie | None
    said: tuple[Said, ...]


@dataclass(frozen=True, slots=True)
class Found:
    """An account in a list; `people`: who belong to it."""

    id: int
    called: str
    by: str
    people: int


NAME: LiteralString = "id, account, kind, value, verified, shared, about"
SAID: LiteralString = "m.how, m.at, m.since, m.until, m.role, m.source, m.event, m.by, m.id"
EVIDENCE: LiteralString = "id, a, b, how, source, event, at, seen, by, held, withdrawn_at, withdrawn_by"
# Persons who belong to the account %(account)s at %(at)s: `ties.tie` in SQL
MEMBERS: LiteralString = """
    select person from (
        select distinct on (p.person) p.person, m.until from graph_accounts a
        join graph_memberships m on m.account = a.id join graph_profiles p on p.id = m.profile
        where a.account = %(account)s and m.withdrawn_at is null and m.how in ('said', 'yes') and m.since <= %(at)s
        order by p.person, m.at desc, m.source collate "C" desc, m.event collate "C" desc, m.id desc
    ) as last where (until is null or until > %(at)s) and not exists (
        select from graph_accounts a join graph_memberships m on m.account = a.id join graph_profiles p on p.id = m.profile
        where a.account = %(account)s and p.person = last.person and m.how = 'no' and m.withdrawn_at is null
    )
"""


async def find_account(store: Store, text: str) -> Account:
    """By its number, or any identifier: `crm:A-77`, `shop.example`. Raises NoSuchAccount."""
    text = text.strip().replace("\0", "")
    if is_number(text):
        found = await _whole(
            store,
            "(select account from graph_accounts where id = %s and workspace = %s)",
            (int(text), store.workspace),
        )
        if found is None:
            raise NoSuchAccount(f"there is no account {text}")
        return found
    who = meant_in(text)
    query: LiteralString = (
        "(select account from graph_accounts where workspace = %s and kind = %s and value = %s)"
    )
    found = await _whole(store, query, (store.workspace, who.kind, who.value))
    if found is None:
        raise NoSuchAccount(f"no account is known by the {who.kind} {who.value!r}")
    return found


def meant_in(text: str) -> Identifier:
    """Raises NoSuchAccount."""
    who = account_meant(text)
    if who is None:
        raise NoSuchAccount(
            f"{text[:60]!r} is no number of an account and no domain; other identifiers are written with their kind, as crm:A-77"
        )
    return who


async def _whole(store: Store, which: LiteralString, values: tuple[object, ...]) -> Account | None:
    query = f"select {NAME} from graph_accounts where account = {which}"
    async with store.pool.connection() as connection:
        async with connection.cursor(row_factory=class_row(Name)) as cursor:
            names = await (await cursor.execute(query, values)).fetchall()
        if not names:
            return None
        ids = [one.id for one in names]
        query = f"""
            select {EVIDENCE} from graph_account_links where a = any(%s)
            union select {EVIDENCE} from graph_account_links where b = any(%s) order by at, id limit 500
        """
        async with connection.cursor(row_factory=class_row(Evidence)) as links:
            evidence = await (await links.execute(query, (ids, ids))).fetchall()
    first = (*ORDER, "domain").index
    names.sort(
        key=lambda one: (bool(one.shared), first(one.kind) if one.kind in (*ORDER, "domain") else 99, one.id)
    )
    return Account(names[0].account, tuple(names), tuple(evidence))


async def keys_of(store: Store, names: Iterable[int]) -> dict[int, str]:
    """Identifiers of accounts with their kinds, by number."""
    query = "select id, kind || ':' || value from graph_accounts where id = any(%s) and workspace = %s"
    async with store.pool.connection() as connection:
        return dict(await (await connection.execute(query, (list(names), store.workspace))).fetchall())


async def members(
    store: Store, account: Account, at: datetime, after: int = 0, limit: int = PAGE
) -> list[Member]:
    """Who belongs to it at a moment, by their numbers."""
    some = f"{MEMBERS} and person > %(after)s order by person limit %(limit)s"
    query = f"""
        select p.person, {SAID} from ({some}) as who join graph_profiles p on p.person = who.person
        join graph_memberships m on m.profile = p.id join graph_accounts a on a.id = m.account
        where a.account = %(account)s and m.withdrawn_at is null order by p.person
    """
    values = {"account": account.id, "at": at, "after": after, "limit": limit}
    async with store.pool.connection() as connection:
        rows = await (await connection.execute(query, values)).fetchall()
    ties: dict[int, Tie] = {}
    for person, said in groupby(rows, key=lambda row: int(row[0])):
        if (stands := tie((Said(*row[1:]) for row in said), at)) is not None:
            ties[person] = stands
    found = await listed(store, dict.fromkeys(ties, ""))
    return [Member(one.id, one.called, one.by, one.last, ties[one.id]) for one in found]


async def proposed(store: Store, account: Account, limit: int = PAGE) -> list[FoundPerson]:
    """People whose address says that they may belong to it, of whom nobody has said whether they do."""
    query = """
        select p.person from graph_accounts a join graph_memberships m on m.account = a.id join graph_profiles p on p.id = m.profile
        where a.account = %s and m.withdrawn_at is null group by p.person having bool_and(m.how = 'proposed') order by p.person limit %s
    """
    async with store.pool.connection() as connection:
        rows = await (await connection.execute(query, (account.id, limit))).fetchall()
    return await listed(store, {person: "" for (person,) in rows})


async def accounts_of(store: Store, person: Person, at: datetime) -> list[Belonging]:
    """Of each account that was ever said to be theirs, how it stands at a moment; those to which they belong first."""
    query = f"""
        select a.account, {SAID} from graph_memberships m join graph_accounts a on a.id = m.account
        where m.profile = any(%s) and m.withdrawn_at is null order by a.account, m.at, m.id
    """
    async with store.pool.connection() as connection:
        rows = await (await connection.execute(query, (person.ids,))).fetchall()
    said = {
        account: tuple(Said(*row[1:]) for row in group)
        for account, group in groupby(rows, key=lambda row: int(row[0]))
    }
    called = {one.id: one for one in await list_of(store, said)} if said else {}
    found = [
        Belonging(account, called[account].called, called[account].by, tie(all_, at), all_)
        for account, all_ in said.items()
    ]
    return sorted(found, key=lambda one: (one.tie is None, one.called, one.account))


async def search_accounts(store: Store, text: str = "", limit: int = PAGE) -> list[Found]:
    """Accounts whose name, or one of whose identifiers, begins so; the latest where nothing is asked."""
    text = text.strip().replace("\0", "")
    who = account_meant(text) if text else None
    query = """
        select account from (
            (select account from graph_accounts where workspace = %(here)s and %(text)s = '' order by id desc limit %(many)s)
            union all (select account from graph_accounts where workspace = %(here)s and %(text)s <> '' and name <> ''
                and search >= %(name)s collate "C" and search < (%(name)s || chr(1114111)) collate "C" limit %(limit)s)
            union all (select account from graph_accounts a, unnest(%(begins)s::text[]) as b (text)
                where workspace = %(here)s and %(text)s <> '' and value >= b.text collate "C" and value < (b.text || chr(1114111)) collate "C"
                limit %(limit)s)
        ) as found group by account order by account desc limit %(limit)s
    """
    values = {
        "here": store.workspace, "text": text, "name": text.lower(), "limit": limit, "many": 4 * limit,
        "begins": list(dict.fromkeys([text, text.lower()] + ([who.value] if who else []))),
    }  # fmt: skip
    async with store.pool.connection() as connection:
        rows = await (await connection.execute(query, values)).fetchall()
    return await list_of(store, (account for (account,) in rows))


async def list_of(store: Store, accounts: Iterable[int]) -> list[Found]:
    """In the same order, with how many belong to each now."""
    asked = list(accounts)
    those = MEMBERS.replace("%(account)s", "x.account").replace("%(at)s", "now()")
    query = f"""
        select x.account, coalesce((array_agg(name order by about -> 'name' ->> 1 desc) filter (where name <> ''))[1],
                                   (array_agg(value order by shared, kind <> 'domain', x.id))[1]),
               (array_agg(kind || ':' || value order by shared, kind = 'domain', x.id))[1], (select count(*) from ({those}) as who)
        from graph_accounts x where x.account = any(%s) group by x.account
    """
    async with store.pool.connection() as connection:
        rows = await (await connection.execute(query, (asked,))).fetchall()
    found = {row[0]: Found(*row) for row in rows}
    return [found[one] for one in asked if one in found]


async def happened_across(store: Store, people: Iterable[int], limit: int = PAGE) -> list[tuple[int, Event]]:
    """What happened to any of these, the last first, with whose it is."""
    query = f"""
        select p.person, i.* from graph_profiles p cross join lateral (
            select {EVENT} from graph_interactions where profile = p.id and kind <> 'record' order by at desc limit %(limit)s
        ) as i where p.person = any(%(people)s) order by i.at desc, i.id desc limit %(limit)s
    """
    async with store.pool.connection() as connection:
        rows = await (await connection.execute(query, {"people": list(people), "limit": limit})).fetchall()
    return [(person, Event(*one)) for person, *one in rows]
