"""`remit sign-in`: the OpenID providers by which people of the workspace sign in."""

from __future__ import annotations

import sys
from dataclasses import asdict, replace
from typing import Annotated, Any

import typer
from rich.text import Text

from remit.access.oidc import Issuers, NotTrusted, document_of
from remit.access.providers import MAY_GIVE, Provider, keep, list_providers, remove_provider
from remit.cli.common import Json, console, group, listing, me, perform, print_json
from remit.cli.here import open_here
from remit.errors import UserError

sign_in = group(
    help="OpenID providers by which people of the workspace sign in. Each prints JSON with --json, and what it changes is in the "
    "audit log.\n\nExample: remit sign-in list",
)
Name = Annotated[str, typer.Argument(help="A short name, which stands in addresses: corp.")]


@sign_in.command("list")
def list_(as_json: Json = False) -> None:
    """Which there are, and whom they let in.

    Example: remit sign-in list
    """
    perform(_list(as_json))


@sign_in.command()
def add(
    name: Name,
    issuer: Annotated[str, typer.Option(help="As its own pages name it: https://login.shop.example.")],
    client_id: Annotated[str, typer.Option(help="The id that it has given to Remit.")],
    title: Annotated[str, typer.Option(help="What people call it: they read 'Sign in with …'.")] = "",
    domain: Annotated[
        list[str] | None,
        typer.Option(help="Everybody with an address of this domain may come; again for more."),
    ] = None,
    role: Annotated[str | None, typer.Option(help=f"As what those come: {', '.join(MAY_GIVE)}.")] = None,
    required: Annotated[
        bool, typer.Option("--required", help="Passwords are off for whoever is at home in the workspace.")
    ] = False,
    inner: Annotated[
        bool,
        typer.Option(
            "--inner", help="It is in your own network: its host may have an address that is not public."
        ),
    ] = False,
    as_json: Json = False,
) -> None:
    """Add one, or change it. Its secret is piped in or typed; empty keeps the one that there is, or means none. There, register
    Remit as a web application, with <public url>/sign-in/back/<workspace>/<name> to send people back to.

    Example: remit sign-in add corp --issuer https://login.shop.example --client-id remit --title "Shop" < secret
    """
    secret = (
        typer.prompt("Client secret", hide_input=True, default="")
        if sys.stdin.isatty()
        else sys.stdin.read(10_000)
    )
    one = Provider(
        "",
        name,
        title or name,
        issuer,
        client_id,
        tuple(each.lower() for each in domain or ()),
        role,
        required,
        inner,
    )
    perform(_add(one, secret.strip(), as_json))


@sign_in.command()
def remove(name: Name, as_json: Json = False) -> None:
    """Let nobody in by it any more; whoever came by it is signed out.

    Example: remit sign-in remove corp
    """
    perform(_remove(name, as_json))


async def _list(as_json: bool) -> None:
    async with open_here() as app:
        found = await list_providers(app.store, app.store.workspace)
    if as_json:
        print_json([_said(one) for one in found])
        return
    if not found:
        console.print("People sign in by a password; there is no provider.")
        return
    table = listing("name", "called", "issuer", "new people", "passwords", whole=("name",))
    for one in found:
        new = f"{', '.join(one.domains)} as {one.role}" if one.role else "none"
        table.add_row(
            one.name, Text(one.title), Text(one.issuer), Text(new), "off" if one.required else "as well"
        )
    console.print(table)


async def _add(one: Provider, secret: str, as_json: bool) -> None:
    async with open_here() as app:
        one = replace(one, workspace=app.store.workspace, by=me())
        await keep(app.store, me(), one, secret, ask=_ask)
    if as_json:
        print_json(_said(one))
    else:
        console.print(Text(f"{one.name}: people sign in with {one.title}, at {one.issuer}"))


async def _remove(name: str, as_json: bool) -> None:
    async with open_here() as app:
        await remove_provider(app.store, me(), app.store.workspace, name)
    if as_json:
        print_json({"removed": name})
    else:
        console.print(Text(f"{name} is removed"))


async def _ask(one: Provider) -> None:
    try:
        await document_of(Issuers(), one)
    except NotTrusted as error:
        raise UserError(f"{one.issuer} does not answer as an OpenID provider: {error}") from error


def _said(one: Provider) -> dict[str, Any]:
    return {name: value for name, value in asdict(one).items() if name != "sealed"}
