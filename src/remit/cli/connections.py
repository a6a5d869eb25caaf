"""`remit connections`: outside systems that the workspace's agents may be connected to, by name."""

from __future__ import annotations

from typing import Annotated, Any

import typer
from rich.text import Text

from remit.channels.line import API as API_OF_LINES
from remit.channels.slack import API
from remit.cli.common import Json, console, group, listing, me, perform, print_json
from remit.cli.here import open_here
from remit.connections.kept import (
    CALLED,
    Row,
    connection_of,
    linked_of,
    list_connections,
    remove_connection,
    set_connection,
)
from remit.connections.pace import paces_of
from remit.connections.trial import Trial, try_out
from remit.gate.unseen import shown

connections = group(
    help="Outside systems that agents may be connected to: MCP servers, HTTP APIs, databases, mailboxes, Slack, numbers. An agent's file names one as "
    "`connections: {crm: {use: crm}}`. Each prints JSON with --json.\n\n"
    "Example: remit connections add crm --mcp https://crm.example/mcp --header 'Authorization=Bearer secret:CRM_KEY'",
)
Name = Annotated[str, typer.Argument(help="What it is called: crm.")]
Pairs = Annotated[
    list[str], typer.Option("--header", help="NAME=VALUE that goes along; a key as secret:NAME.")
]


@connections.command("add")
def add(
    name: Name,
    mcp: Annotated[
        str, typer.Option("--mcp", help="An MCP server: its address, or the command that starts it.")
    ] = "",
    openapi: Annotated[
        str, typer.Option("--openapi", help="An API that describes itself: the address of its description.")
    ] = "",
    http: Annotated[str, typer.Option("--http", help="Any other HTTP API: its origin.")] = "",
    sql: Annotated[
        str, typer.Option("--sql", help="A database: its address; with a password: secret:NAME.")
    ] = "",
    header: Pairs = [],  # noqa: B006
    env: Annotated[list[str], typer.Option("--env", help="NAME=VALUE for a command.")] = [],  # noqa: B006
    network: Annotated[
        bool, typer.Option("--network", help="Of a command: it may use the network, all of it.")
    ] = False,
    read: Annotated[list[str], typer.Option(help="Of a command: what it reads beside its program.")] = [],  # noqa: B006
    folder: Annotated[
        str, typer.Option(help="Of a command: where it writes; else what it writes is gone.")
    ] = "",
    role: Annotated[str, typer.Option(help="Of a database: the role as which statements run.")] = "",
    mail: Annotated[str, typer.Option("--mail", help="A mailbox: its address, as desk@shop.example.")] = "",
    smtp: Annotated[str, typer.Option(help="Of a mailbox: where it sends, as smtps://mail.example.")] = "",
    imap: Annotated[str, typer.Option(help="Of a mailbox: where it reads, as imaps://mail.example.")] = "",
    user: Annotated[str, typer.Option(help="Of a mailbox: as whom to sign in, if not by its address.")] = "",
    password: Annotated[str, typer.Option(help="Of a mailbox: its password, as secret:NAME.")] = "",
    trusts: Annotated[
        str, typer.Option(help="Of a mailbox: the mail host whose word on who a sender is counts.")
    ] = "",
    server_keeps: Annotated[
        bool, typer.Option("--server-keeps", help="Of a mailbox: its host itself keeps what is sent.")
    ] = False,
    unsubscribe: Annotated[
        str, typer.Option(help="Of a mailbox: where readers of marketing leave, as https://….")
    ] = "",
    plain: Annotated[bool, typer.Option("--plain", help="Of a mailbox: without TLS.")] = False,
    slack: Annotated[
        bool, typer.Option("--slack", help="Slack; its token as --header 'Authorization=Bearer secret:NAME'.")
    ] = False,
    slack_api: Annotated[str, typer.Option(help="Of Slack: where its API is.")] = API,
    signing: Annotated[str, typer.Option(help="Of Slack: by what it signs events, as secret:NAME.")] = "",
    twilio: Annotated[str, typer.Option(help="SMS and WhatsApp: Twilio's account, AC and 32 digits.")] = "",
    token: Annotated[str, typer.Option(help="Of Twilio: the auth token, as secret:NAME.")] = "",
    number: Annotated[str, typer.Option(help="Of Twilio: by which SMS are written, as +4915112345678.")] = "",
    whatsapp: Annotated[str, typer.Option(help="Of Twilio: the sender for WhatsApp.")] = "",
    callback: Annotated[
        str, typer.Option(help="Of Twilio: where it tells this server what came, as it was told.")
    ] = "",
    twilio_api: Annotated[str, typer.Option(help="Of Twilio: where its API is.")] = API_OF_LINES,
    leave: Annotated[str, typer.Option(help="Of Twilio: how marketing by SMS says that it ends.")] = "",
    rate: Annotated[
        str, typer.Option(help="Of what sends: how fast, as '60/m, 1000/d'; none: as fast as it goes.")
    ] = "",
    track: Annotated[
        str, typer.Option(help="Of a mailbox: what is heard of marketing, as 'opens, clicks'.")
    ] = "",
    person: Annotated[
        str, typer.Option(help="Of a database: `id` or `email`, whose rows its policies show.")
    ] = "",
    as_json: Json = False,
) -> None:
    """Describe an outside system, in place of the one of that name. It is tried at once; it is kept either way.

    Example: remit connections add crm --mcp https://crm.example/mcp --header 'Authorization=Bearer secret:CRM_KEY'

    Example: remit connections add files --mcp 'npx -y @modelcontextprotocol/server-filesystem /srv/shop' --network --read /srv/shop --folder /srv/npx

    Example: remit connections add shop --sql secret:SHOP_URL --role remit_reader

    Example: remit connections add desk --mail desk@shop.example --smtp smtps://mail.example --imap imaps://mail.example --password secret:DESK --trusts mx.mail.example

    Example: remit connections add chat --slack --header 'Authorization=Bearer secret:SLACK_TOKEN' --signing secret:SLACK_SIGNING

    Example: remit connections add line --twilio AC0123456789abcdef0123456789abcdef --token secret:TWILIO --number +4915112345678 --callback https://remit.example/hooks/default/~line
    """
    mailbox: dict[str, Any] = {
        "address": mail,
        "smtp": smtp,
        "imap": imap,
        "user": user,
        "password": password,
        "trusts": trusts,
    }
    mailbox |= {"sent": "server" if server_keeps else "remit", "unsubscribe": unsubscribe, "plain": plain}
    ways = {"mail": mailbox if mail else None, "slack": slack_api if slack else "", "signing": signing}
    line = {"account": twilio, "token": token, "number": number, "whatsapp": whatsapp, "callback": callback}
    line |= {"leave": leave} if leave else {}
    mailbox |= {"track": [one.strip() for one in track.split(",") if one.strip()]}
    ways["twilio"] = {**line, "api": twilio_api} if twilio else None
    ways["rate"] = rate
    given = {"mcp": mcp, "openapi": openapi, "http": http, "url": sql, "role": role, "person": person}
    needs = {"network": network, "read": read, "folder": folder} if network or read or folder else {}
    pairs = {"headers": _pairs(header), "env": _pairs(env)}
    perform(_add(name, {**given, **ways, **pairs, "needs": needs}, as_json))


@connections.command("list")
def list_(as_json: Json = False) -> None:
    """The connections, and whether they worked when they were last tried.

    Example: remit connections list
    """
    perform(_list(as_json))


@connections.command("try")
def try_(name: Name, as_json: Json = False) -> None:
    """Reach the system as a run would; exit code 1 where that does not work.

    Example: remit connections try crm
    """
    perform(_try(name, as_json))


@connections.command("rm")
def rm(name: Name, as_json: Json = False) -> None:
    """Forget a connection. Runs that have begun keep it; new ones of agents that use it are refused.

    Example: remit connections rm crm
    """
    perform(_rm(name, as_json))


def _pairs(given: list[str]) -> dict[str, str]:
    found = {}
    for one in given:
        name, equals, value = one.partition("=")
        if not equals or not name.strip():
            raise typer.BadParameter(f"{one!r}: write NAME=VALUE")
        found[name.strip()] = value.strip()
    return found


async def _add(name: str, given: dict[str, Any], as_json: bool) -> None:
    linked = linked_of(name, given)
    async with open_here() as app:
        await set_connection(app.store, name, linked, me())
        trial = await try_out(app, name, linked)
    _say(name, trial, as_json)


async def _try(name: str, as_json: bool) -> None:
    async with open_here() as app:
        trial = await try_out(app, name, (await connection_of(app.store, name)).linked)
    _say(name, trial, as_json)
    if not trial.works:
        raise typer.Exit(1)


def _say(name: str, trial: Trial, as_json: bool) -> None:
    if as_json:
        print_json({"name": name, "works": trial.works, "words": trial.words})
    else:
        mark, style = ("✓", "green") if trial.works else ("✗", "red")
        console.print(Text.assemble((f"{mark} ", style), f"{name}: {shown(trial.words)}"))


async def _list(as_json: bool) -> None:
    async with open_here() as app:
        found = await list_connections(app.store)
        paces = {one.name: await paces_of(app.root.store, app.store.workspace, one) for one in found}
    if as_json:
        print_json([_data(one) | {"pace": [pace.words for pace in paces[one.name]]} for one in found])
        return
    if not found:
        console.print("There are no connections; `remit connections add` describes one.")
        return
    table = listing("name", "what", "where", "works", "sends", "last used", whole=("name",))
    for one in found:
        words = ("a run got what it asked for" if one.worked else one.went) if one.by_run else one.tried
        works = "not tried" if one.healthy is None else f"{'✓' if one.healthy else '✗'} {shown(words)}"
        used = f"{one.used_at.astimezone():%d %b %H:%M} by {one.used_by}" if one.used_at else "never"
        where = Text(shown(one.linked.where))
        sends = Text(shown("\n".join(pace.words for pace in paces[one.name])))
        table.add_row(one.name, CALLED[one.linked.kind], where, Text(works), sends, Text(used))
    console.print(table)


def _data(one: Row) -> dict[str, object]:
    kept = {"name": one.name, "kind": one.linked.kind, "where": one.linked.where, "by": one.by, "at": one.at}
    tried = {"works": one.works, "tried": one.tried, "tried_at": one.tried_at}
    used = {"used_at": one.used_at, "used_by": one.used_by, "used_run": one.used_run}
    return {**kept, **tried, **used, "healthy": one.healthy, "worked_at": one.worked_at, "went": one.went}


async def _rm(name: str, as_json: bool) -> None:
    async with open_here() as app:
        await remove_connection(app.store, name, me())
    if as_json:
        print_json({"name": name})
    else:
        console.print(Text(f"gone: {name}"))
