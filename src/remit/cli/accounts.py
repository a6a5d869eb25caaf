"""`remit graph`, as far as it is of accounts: what people belong to, and how they stand to each other."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any

import typer
from rich.text import Text

from remit.cli.common import Json, console, group, listing, me, perform, print_json
from remit.cli.here import open_here
from remit.cli.joined import Who
from remit.errors import UserError
from remit.gate.unseen import shown
from remit.graph.accounts.look import Account, accounts_of, find_account, members, proposed, search_accounts
from remit.graph.accounts.propose import propose
from remit.graph.accounts.relations import relate, relations_of, unrelate
from remit.graph.accounts.sums import sums_of
from remit.graph.accounts.word import belongs, found_or_made, hold_link, say_accounts, take_back
from remit.graph.accounts.words import because, belonging, related, summed
from remit.graph.people import PAGE, find

accounts = group(help="What people belong to.")
Which = Annotated[str, typer.Argument(help="A domain, kind:value (crm:A-77), or an account's number.")]
Day = Annotated[datetime | None, typer.Option(help="Only as of that time: 2026-05-01.")]
Since = Annotated[datetime | None, typer.Option(help="From when on: 2026-05-01; left out: from now on.")]
Until = Annotated[datetime | None, typer.Option(help="Until when.")]
Number = Annotated[int, typer.Argument(min=1, max=2**63 - 1, help="Its number, as --json shows it.")]


@accounts.command("account")
def account_(
    account: Which,
    at: Day = None,
    limit: Annotated[int, typer.Option(min=1, max=1000, help="People at most.")] = PAGE,
    as_json: Json = False,
) -> None:
    """What an account is, who belongs to it, and what its people come to together.

    Example: remit graph account shop.example
    """
    perform(_account(account, at, limit, as_json))


@accounts.command("accounts")
def accounts_(
    text: Annotated[
        str, typer.Argument(help="How its name or an identifier begins; empty: the latest.")
    ] = "",
    limit: Annotated[int, typer.Option(min=1, max=1000, help="Accounts at most.")] = PAGE,
    as_json: Json = False,
) -> None:
    """Find accounts: companies, households, teams, whatever several people belong to.

    Example: remit graph accounts acme
    """
    perform(_accounts(text, limit, as_json))


@accounts.command("belongs")
def belongs_(
    who: Who,
    account: Which,
    role: Annotated[str, typer.Option(help="As what: buyer, owner, child.")] = "",
    since: Since = None,
    until: Until = None,
    no: Annotated[bool, typer.Option("--not", help="They do not, whatever comes in.")] = False,
    as_json: Json = False,
) -> None:
    """Say that somebody belongs to an account, or does not. It is your word, with your name, and `remit graph unsay` takes it back.

    Example: remit graph belongs ann@shop.example shop.example --role buyer
    """
    perform(_belongs(who, account, role, since, until, no, as_json))


@accounts.command("unsay")
def unsay(number: Number, as_json: Json = False) -> None:
    """Let a statement of who belongs to what count for nothing, whoever made it; `remit graph person WHO --json` has their numbers.

    Example: remit graph unsay 42
    """
    perform(_unsay(number, as_json))


@accounts.command("same-account")
def same_account(
    account: Which,
    other: Which,
    apart: Annotated[bool, typer.Option("--apart", help="Say that they are two instead.")] = False,
    as_json: Json = False,
) -> None:
    """Say that these two are one account, or are two. It is your word, and the other one takes it back.

    Example: remit graph same-account crm:A-77 shop.example
    """
    perform(_same(account, other, apart, as_json))


@accounts.command("account-link")
def account_link(
    number: Number,
    restore: Annotated[bool, typer.Option("--restore", help="Let it count again instead.")] = False,
    as_json: Json = False,
) -> None:
    """Let the link between two identifiers of an account count for nothing: what it alone joined are two again.

    Example: remit graph account-link 7
    """
    perform(_link(number, restore, as_json))


@accounts.command("propose")
def propose_(as_json: Json = False) -> None:
    """Propose to the accounts that have a domain whoever has an address of it. That counts for nothing until somebody says
    `remit graph belongs`; with --not it is not proposed again.

    Example: remit graph propose
    """
    perform(_propose(as_json))


@accounts.command("relate")
def relate_(
    who: Who,
    kind: Annotated[
        str,
        typer.Argument(
            help="How: reports_to, household, referred_by, buys_for, or a small word of your own."
        ),
    ],
    other: Who,
    since: Since = None,
    until: Until = None,
    no: Annotated[bool, typer.Option("--not", help="They do not, whatever comes in.")] = False,
    as_json: Json = False,
) -> None:
    """Say how somebody stands to somebody else. It is your word, with your name, and `remit graph unrelate` takes it back.

    Example: remit graph relate ann@acme.example reports_to bo@acme.example
    """
    perform(_relate(who, kind, other, since, until, no, as_json))


@accounts.command("unrelate")
def unrelate_(number: Number, as_json: Json = False) -> None:
    """Let a statement of how two stand to each other count for nothing, whoever made it.

    Example: remit graph unrelate 42
    """
    perform(_unrelate(number, as_json))


async def _propose(as_json: bool) -> None:
    async with open_here() as app:
        made = await propose(app.store, me())
    if as_json:
        print_json({"proposed": made})
    else:
        console.print(f"{made:,} new proposals; `remit graph account A` has those of one.")


async def _relate(
    who: str, kind: str, other: str, since: datetime | None, until: datetime | None, no: bool, as_json: bool
) -> None:
    async with open_here() as app:
        person, second = await find(app.store, who), await find(app.store, other)
        number = await relate(
            app.store,
            person,
            kind,
            second,
            me(),
            no=no,
            since=since and since.astimezone(UTC),
            until=until and until.astimezone(UTC),
        )
        found = await relations_of(app.store, person, datetime.now(UTC))
    if as_json:
        print_json({"statement": number, "person": person.id, "relations": found})
        return
    console.print(Text(f"{shown(person.called)}: statement {number}"))
    for one in found:
        console.print(Text(f"  {shown(related(one))}"))


async def _unrelate(number: int, as_json: bool) -> None:
    async with open_here() as app:
        await unrelate(app.store, number, me())
    if as_json:
        print_json({"statement": number, "withdrawn": True})
    else:
        console.print(f"statement {number} counts for nothing")


async def _account(text: str, at: datetime | None, limit: int, as_json: bool) -> None:
    now = datetime.now(UTC)
    moment = at.astimezone(UTC) if at else now
    async with open_here() as app:
        found = await find_account(app.store, text)
        people = await members(app.store, found, moment, limit=limit)
        may = await proposed(app.store, found)
        sums = None if at else await sums_of(app.store, found, now)
    if as_json:
        print_json(account_data(found) | {"state": sums, "members": people, "proposed": may})
        return
    console.print(Text(f"{shown(found.called)}  (account {found.id})", "bold"))
    for line in summed(sums, now) if sums else []:
        console.print(Text(f"  {shown(line)}"))
    for key, (value, when, source) in sorted(found.about.items()):
        said = f"  {shown(key)}: {shown(str(value))}  "
        console.print(Text(said).append(f"{shown(source)}, {when[:10]}", "dim"))
    for one in found.names:
        console.print(Text(f"  {shown(one.key)}").append("  verified" * one.verified, "dim"))
    keys = {one.id: one.key for one in found.names}
    for link in found.evidence:
        if link.a in keys and link.b in keys and not link.withdrawn_at:
            console.print(
                Text(
                    f"  {link.id}  {shown(keys[link.a])} and {shown(keys[link.b])}: {shown(because(link))}",
                    "dim",
                )
            )
    _tell_members(people)
    for each in may:
        console.print(Text(f"  {shown(each.called)} ({each.id}) may belong to it, by their address", "dim"))


def _tell_members(people: list[Any]) -> None:
    if not people:
        console.print("Nobody belongs to it.")
        return
    table = listing("person", "called", "role", "since", "last heard of")
    for one in people:
        last = f"{one.last:%Y-%m-%d}" if one.last else ""
        table.add_row(
            str(one.person),
            Text(shown(one.called)),
            Text(shown(one.tie.role)),
            f"{one.tie.since:%Y-%m-%d}",
            last,
        )
    console.print(table)


async def _accounts(text: str, limit: int, as_json: bool) -> None:
    async with open_here() as app:
        found = await search_accounts(app.store, text, limit)
    if as_json:
        print_json(found)
        return
    if not found:
        console.print(
            "No account was found."
            if text
            else "No account is known yet: rows that `remit graph ingest` takes in may have account.crm and account.name."
        )
        return
    table = listing("account", "called", "by", "people")
    for one in found:
        table.add_row(str(one.id), Text(shown(one.called)), Text(shown(one.by)), f"{one.people:,}")
    console.print(table)


async def _belongs(
    who: str, which: str, role: str, since: datetime | None, until: datetime | None, no: bool, as_json: bool
) -> None:
    async with open_here() as app:
        person = await find(app.store, who)
        account = await (find_account if no else found_or_made)(app.store, which)
        number = await belongs(
            app.store, person, account, me(), role=role, no=no,
            since=since and since.astimezone(UTC), until=until and until.astimezone(UTC),
        )  # fmt: skip
        found = await accounts_of(app.store, person, datetime.now(UTC))
    if as_json:
        print_json({"statement": number, "person": person.id, "account": account.id, "accounts": found})
        return
    console.print(Text(f"{shown(person.called)}: statement {number}"))
    for one in found:
        console.print(Text(f"  {shown(belonging(one))}"))


async def _unsay(number: int, as_json: bool) -> None:
    async with open_here() as app:
        await take_back(app.store, number, me())
    if as_json:
        print_json({"statement": number, "withdrawn": True})
    else:
        console.print(f"statement {number} counts for nothing")


async def _same(account: str, other: str, apart: bool, as_json: bool) -> None:
    async with open_here() as app:
        a, b = await find_account(app.store, account), await find_account(app.store, other)
        if not apart and a.id == b.id:
            raise UserError("these are one account already")
        await say_accounts(app.store, a, b, "apart" if apart else "same", me())
        found = await find_account(app.store, account)
    if as_json:
        print_json(account_data(found))
        return
    console.print(Text(f"account {found.id} is {shown(', '.join(one.key for one in found.names))}"))


async def _link(number: int, restore: bool, as_json: bool) -> None:
    async with open_here() as app:
        await hold_link(app.store, number, me(), withdrawn=not restore)
    if as_json:
        print_json({"link": number, "withdrawn": not restore})
    else:
        console.print(f"link {number} {'counts again' if restore else 'counts for nothing'}")


def account_data(found: Account) -> dict[str, Any]:
    """An account as JSON."""
    about = {
        key: {"value": value, "at": at, "source": source} for key, (value, at, source) in found.about.items()
    }
    names = [
        {"id": one.id, "kind": one.kind, "value": one.value, "verified": one.verified} for one in found.names
    ]
    return {"id": found.id, "name": found.name, "about": about, "names": names, "links": list(found.evidence)}
