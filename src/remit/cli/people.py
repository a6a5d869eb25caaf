"""`remit people`: who may come to the console and the API, and as what. Whoever has this shell is an owner."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer
from rich.text import Text

from remit import settings
from remit.access import people as kept
from remit.access.factor import require, required, take_off
from remit.access.invitations import invite, set_password
from remit.access.passwords import LONGEST
from remit.access.roles import MEANS, OF_AGENT
from remit.catalogue.find import require_known
from remit.cli.common import Json, console, errors, group, hidden, listing, me, perform, print_json
from remit.cli.here import open_here

LOCAL = "http://127.0.0.1:7700"  # where remit up answers where nothing else is said

people = group(
    help="Who may come to the console and the API, and as what. Each prints JSON with --json, and what it changes is in the "
    "audit log.\n\nExample: remit people add bo@shop.example --role approver\n\nRoles:\n\n"
    + "\n\n".join(f"{role}: {what}" for role, what in MEANS.items()),
)
Name = Annotated[str, typer.Argument(help="A login name or an e-mail: bo@shop.example.")]


@people.command()
def add(
    name: Name,
    role: Annotated[str, typer.Option(help=f"One of {', '.join(MEANS)}.")] = "viewer",
    shown: Annotated[str, typer.Option("--called", help="How they are called: 'Bo Lind'.")] = "",
    as_json: Json = False,
) -> None:
    """Let somebody come.

    Examples:

    remit people add bo@shop.example --role approver --called "Bo Lind"

    remit people add cleo --role builder
    """
    perform(_add(name, role, shown, as_json))


@people.command("list")
def list_(as_json: Json = False) -> None:
    """Everybody who was ever added, and as what.

    Example: remit people list
    """
    perform(_list(as_json))


@people.command()
def role(
    name: Name,
    role: Annotated[str, typer.Argument(help=f"One of {', '.join(MEANS)}; with --agent none, too.")],
    agent: Annotated[
        list[str] | None,
        typer.Option(
            help=f"For this agent alone, beside the workspace: {', '.join(OF_AGENT)} or none; repeatable."
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Change what somebody may do, at once; their tokens can do no more than that either.

    Examples:

    remit people role bo@shop.example operator

    remit people role bo@shop.example approver --agent support

    remit people role bo@shop.example none --agent support
    """
    perform(_role(name, role, agent or [], as_json))


@people.command()
def disable(name: Name, as_json: Json = False) -> None:
    """Let somebody come no more: their sessions end, and their tokens hold no longer. Their name stays on what they did.

    Example: remit people disable bo@shop.example
    """
    perform(_allow(name, False, as_json))


@people.command()
def enable(name: Name, as_json: Json = False) -> None:
    """Let somebody come again who was disabled, as what they were.

    Example: remit people enable bo@shop.example
    """
    perform(_allow(name, True, as_json))


@people.command()
def password(
    name: Name,
    link: Annotated[
        bool,
        typer.Option(
            "--link", help="Print a link instead, with which they choose it, once, within three days."
        ),
    ] = False,
    as_json: Json = False,
) -> None:
    """Set somebody's password: typed here, or piped in. Whoever is signed in as them is signed in no longer.

    Examples:

    remit people password ann

    remit people password bo@shop.example --link
    """
    perform(_password(name, link, as_json))


@people.command("no-code")
def no_code(name: Name, as_json: Json = False) -> None:
    """Ask somebody for no code after the password any more: they have lost phone and recovery codes.

    Example: remit people no-code bo@shop.example
    """
    perform(_no_code(name, as_json))


@people.command("second-factor")
def second_factor(
    required: Annotated[
        bool | None,
        typer.Option(
            "--require/--leave", help="Ask one of everybody who signs in by a password, or of nobody."
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Whether everybody must have a second factor beside the password, and who has one. Who lacks it sets it up at their next
    request, before anything else.

    Examples:

    remit people second-factor

    remit people second-factor --require
    """
    perform(_second_factor(required, as_json))


async def _no_code(name: str, as_json: bool) -> None:
    async with open_here() as app:
        one = await kept.known(app.store, name)
        await take_off(app.store, me(), one, anywhere=True)
        _told(await kept.known(app.store, name), as_json)


async def _second_factor(wanted: bool | None, as_json: bool) -> None:
    async with open_here() as app:
        if wanted is not None:
            await require(app.store, me(), wanted)
        now, found = await required(app.store), await kept.list_members(app.store)
    have = [one.name for one in found if one.factor]
    if as_json:
        print_json({"required": now, "have": have})
        return
    asked = (
        "Everybody who signs in by a password must have one."
        if now
        else "Everybody may have one; nobody must."
    )
    console.print(Text(f"{asked} It has: {', '.join(have) or 'nobody'}."))


async def _password(name: str, link: bool, as_json: bool) -> None:
    chosen = settings.load()
    if link:
        async with open_here() as app:
            token = await invite(app.store, me(), name, anywhere=True)
        address = f"{chosen.public_url or LOCAL}/join?key={token}"
        if as_json:
            print_json({"name": name, "link": address})
        else:
            errors.print(Text("It works once, for three days. Send it to them and to nobody else."))
            print(address)
        return
    typed = hidden(f"password of {name}", LONGEST)
    async with open_here() as app:
        one = await kept.known(app.store, name)
        await set_password(app.store, me(), one, typed)
        _told(await kept.known(app.store, name), as_json)


async def _add(name: str, role: str, shown: str, as_json: bool) -> None:
    async with open_here() as app:
        by = await kept.arrive(app.store, me())
        _told(await kept.add_member(app.store, by.name, name, role, shown), as_json)


async def _role(name: str, role: str, agents: list[str], as_json: bool) -> None:
    async with open_here() as app:
        if not agents:
            _told(await kept.set_role(app.store, me(), name, role), as_json)
            return
        if role != "none":
            await require_known(app.store, agents)
        for agent in agents:
            changed = await kept.set_agent_role(app.store, me(), name, agent, "" if role == "none" else role)
        _told(changed, as_json)


async def _allow(name: str, yes: bool, as_json: bool) -> None:
    async with open_here() as app:
        change = kept.enable if yes else kept.disable
        _told(await change(app.store, me(), name), as_json)


def _told(one: kept.Member, as_json: bool) -> None:
    if as_json:
        print_json(asdict(one))
    else:
        how = "disabled" if one.disabled_at else f"{one.role}. {MEANS[one.role]}"
        console.print(Text(f"{one.name}: {how}"))
        for agent, role in one.agents.items():
            console.print(Text(f"  {role} for {agent}"))


def _may(one: kept.Member) -> str:
    return ", ".join([one.role, *(f"{role} for {agent}" for agent, role in one.agents.items())])


async def _list(as_json: bool) -> None:
    async with open_here() as app:
        found = await kept.list_members(app.store)
    if as_json:
        print_json([asdict(one) for one in found])
        return
    if not found:
        console.print("Nobody has come yet: remit up lets you in, as owner.")
        return
    table = listing("name", "called", "may", "since", "", whole=("name", "may", "since"))
    for one in found:
        note = (
            "disabled" if one.disabled_at else "code" if one.factor else "" if one.password else "no password"
        )
        table.add_row(
            Text(one.name), Text(one.shown), Text(_may(one)), f"{one.added_at.astimezone():%d %b %Y}", note
        )
    console.print(table)
