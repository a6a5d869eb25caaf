"""`remit tokens`: who may call the API, and for what. A token is shown once; the database has only its hash."""

from __future__ import annotations

import re
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from typing import Annotated

import typer
from rich.text import Text

from remit.access.people import arrive
from remit.access.roles import RIGHTS
from remit.api.tokens import Token, add_token, list_tokens, revoke_token
from remit.catalogue.find import require_known
from remit.cli.common import Json, console, errors, group, listing, me, perform, print_json
from remit.cli.here import open_here
from remit.errors import UserError

LONGEST = 3650  # days
tokens = group(
    help="Who may call the API under /api/v1, and for what. A token calls in its owner's name: whoever makes it. Each prints "
    "JSON with --json.\n\nExample: remit tokens add crm --scope runs:read --scope runs:write\n\nScopes:\n\n"
    + "\n\n".join(f"{name}: {what}" for name, what in RIGHTS.items()),
)
Name = Annotated[str, typer.Argument(help="What it is called: crm.")]


@tokens.command()
def add(
    name: Name,
    scope: Annotated[list[str] | None, typer.Option(help="What it is for: runs:read, …; repeatable.")] = None,
    expires: Annotated[str, typer.Option(help="When it stops to hold: 90d, 12h, or never.")] = "90d",
    agent: Annotated[
        list[str] | None, typer.Option(help="Only for this agent and its runs; repeatable. Else for all.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Make a token that calls in your name, and show it, this once. `remit tokens --help` lists the scopes.

    Examples:

    remit tokens add crm --scope runs:read --scope runs:write

    remit tokens add desk --scope runs:read --scope runs:write --agent support

    export REMIT_TOKEN=$(remit tokens add ci --scope runs:read --expires 12h --json | jq -r .token)
    """
    perform(_add(name, scope or [], expires, agent or [], as_json))


@tokens.command("list")
def list_(as_json: Json = False) -> None:
    """The tokens that are not revoked: whose they are, what for, when they were last used; never what is sent.

    Example: remit tokens list
    """
    perform(_list(as_json))


@tokens.command()
def revoke(name: Name, as_json: Json = False) -> None:
    """End a token, at once and everywhere.

    Example: remit tokens revoke crm
    """
    perform(_revoke(name, as_json))


async def _add(name: str, scopes: list[str], expires: str, agents: list[str], as_json: bool) -> None:
    lasts = _lasts(expires)
    async with open_here() as app:
        owner = await arrive(app.store, me())
        await require_known(app.store, agents)
        made, secret = await add_token(app.store, name, owner.name, scopes, lasts, agents=agents)
    if as_json:
        print_json({**asdict(made), "token": secret})
        return
    until = f"until {made.expires_at.astimezone():%d %b %Y}" if made.expires_at else "for ever"
    errors.print(Text(f"It calls in the name of {made.who}, {until}. It is not shown again."))
    print(secret)


def _lasts(expires: str) -> timedelta | None:
    if expires == "never":
        return None
    found = re.fullmatch(r"(\d{1,6})([dh])", expires, re.ASCII)
    if found is None:
        raise UserError(f"--expires {expires!r}: write 90d, 12h or never")
    lasts = timedelta(days=int(found[1])) if found[2] == "d" else timedelta(hours=int(found[1]))
    if lasts > timedelta(days=LONGEST):
        raise UserError(f"--expires {expires}: {LONGEST} days at most, or never")
    return lasts


async def _list(as_json: bool) -> None:
    async with open_here() as app:
        found = await list_tokens(app.store)
    if as_json:
        print_json([asdict(one) for one in found])
        return
    if not found:
        console.print("There are no tokens: nobody calls the API but the console's own pages.")
        return
    table = listing("name", "calls as", "for", "holds until", "last used", whole=("name", "holds until"))
    for one in found:
        used = f"{one.used_at.astimezone():%d %b %Y %H:%M}" if one.used_at else "never"
        table.add_row(Text(one.name), Text(one.who), Text(_what_for(one)), _until(one), used)
    console.print(table)


def _what_for(token: Token) -> str:
    return " ".join(token.scopes) + (f" with {', '.join(token.agents)}" if token.agents else "")


def _until(token: Token) -> str:
    if token.expires_at is None:
        return "for ever"
    gone = " (expired)" if token.expires_at < datetime.now(UTC) else ""
    return f"{token.expires_at.astimezone():%d %b %Y}{gone}"


async def _revoke(name: str, as_json: bool) -> None:
    async with open_here() as app:
        gone = await revoke_token(app.store, name, me())
    if as_json:
        print_json({"name": gone.name, "revoked": True})
    else:
        console.print(Text(f"revoked: {gone.name}"))
