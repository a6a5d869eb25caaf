"""OpenID providers by which people of a workspace sign in: who they are, as what they let people in, and their secrets, which are
only ever written. One more may be set by whoever runs the server (`REMIT_OIDC_*`)."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace
from urllib.parse import urlsplit

from psycopg.rows import class_row

from remit.access.audit import record
from remit.access.roles import ROLES
from remit.errors import FieldError, UnknownName, UserError
from remit.settings import Settings
from remit.store.guest import DEFAULT
from remit.store.secrets import key_of, seal, unseal
from remit.store.store import Store

NAME = re.compile(r"[a-z][a-z0-9-]{0,39}")
DOMAIN = re.compile(r"(?=.{1,253}$)([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z0-9][a-z0-9-]{0,61}[a-z0-9]")
OURS = "server"  # the name of the one that the environment sets
RESERVED = (OURS, "new", "second")
MAY_GIVE = tuple(role for role in ROLES if role != "owner")
FIELDS = "workspace, name, title, issuer, client, sealed, domains, role, required, inner_net, by"


@dataclass(frozen=True, slots=True)
class Provider:
    """One that says who somebody is, and what Remit makes of that."""

    workspace: str
    name: str
    title: str
    issuer: str
    client: str
    domains: Sequence[str] = ()
    role: str | None = None  # of new people of these domains; None: nobody new
    required: bool = False
    inner_net: bool = False
    by: str = ""
    sealed: bytes | None = field(default=None, repr=False)

    @property
    def whole_server(self) -> bool:
        """Whether whoever runs the server has set it: it speaks for people of all workspaces."""
        return self.name == OURS

    @property
    def source(self) -> tuple[str, bool]:
        """What it says of itself comes from there, and is kept by that."""
        return self.issuer, self.inner_net

    @property
    def reaches(self) -> tuple[str, ...]:
        """Which hosts may be asked: those of the public internet, and the issuer's own where somebody has said so."""
        host = (urlsplit(self.issuer).hostname or "").lower()
        return (host, "*") if self.inner_net else ("*",)

    @property
    def how(self) -> str:
        """By what a session began."""
        return f"oidc {self.name}"


def of_environment(settings: Settings) -> Provider | None:
    """Raises UserError where only a part of it is set."""
    if not settings.oidc_issuer:
        return None
    if not settings.oidc_client_id:
        raise UserError("REMIT_OIDC_ISSUER is set and REMIT_OIDC_CLIENT_ID is not: both are needed")
    made = Provider(
        DEFAULT,
        OURS,
        settings.oidc_title,
        settings.oidc_issuer,
        settings.oidc_client_id,
        settings.oidc_domains,
        settings.oidc_role,
        settings.oidc_required,
        settings.oidc_inner,
        "the environment",
    )
    return checked(made)


async def list_providers(store: Store, workspace: str) -> list[Provider]:
    """Those by which people of a workspace sign in; that of the environment last."""
    query = f"select {FIELDS} from providers where workspace = %s order by title, name"
    async with (
        store.keeper.pool.connection() as connection,
        connection.cursor(row_factory=class_row(Provider)) as cursor,
    ):
        found = await (await cursor.execute(query.encode(), (workspace.replace("\x00", ""),))).fetchall()
    ours = of_environment(store.settings)
    return [*found, ours] if ours else found


async def provider_of(store: Store, workspace: str, name: str) -> Provider:
    """Raises UnknownName."""
    found = {one.name: one for one in await list_providers(store, workspace)}
    if name not in found:
        raise UnknownName("provider", name, found)
    return found[name]


async def any_provider(store: Store) -> bool:
    """Whether anybody can sign in by one."""
    if of_environment(store.settings):
        return True
    async with store.keeper.pool.connection() as connection:
        return await (await connection.execute("select true from providers limit 1")).fetchone() is not None


async def passwords_off(store: Store, who: str) -> bool:
    """Whether a password signs them in no more, since a provider does."""
    if (ours := of_environment(store.settings)) and ours.required:
        return True
    query = """
        select true from people join providers on providers.workspace = people.home and required
        where lower(people.name) = lower(%s) limit 1
    """
    async with store.keeper.pool.connection() as connection:
        return await (await connection.execute(query, (who,))).fetchone() is not None


def secret_of(store: Store, provider: Provider) -> str:
    """The client's secret; empty where it has none. Raises UserError where the key that opens it is not here."""
    if provider.whole_server:
        given = store.settings.oidc_client_secret
        return given.get_secret_value() if given else ""
    if provider.sealed is None:
        return ""
    return unseal(key_of(store.settings), _bound(provider), bytes(provider.sealed))


def sealed_token(store: Store, provider: Provider, who: str, token: str) -> bytes | None:
    """What the provider said of somebody, as it is kept for it alone; None where there is nothing to keep, or no key for it."""
    if not token:
        return None
    try:
        return seal(key_of(store.settings, make=True), f"{_bound(provider)} {who}", token)
    except UserError:  # signing in does not hang on it
        return None


def token_of(store: Store, provider: Provider, who: str, sealed: bytes | None) -> str:
    """The same again; empty where it was said by another provider than this is now, or to another client."""
    try:
        return unseal(key_of(store.settings), f"{_bound(provider)} {who}", bytes(sealed)) if sealed else ""
    except UserError:
        return ""


async def keep(
    store: Store,
    by: str,
    provider: Provider,
    secret: str = "",
    *,
    ask: Callable[[Provider], Awaitable[None]],
) -> None:
    """Add or change one, after `ask` found that it answers. Without a secret it keeps the one that it has, but not where it goes elsewhere with it. Raises FieldError."""
    checked(provider)
    if provider.name in RESERVED or not NAME.fullmatch(provider.name):
        raise FieldError(
            "name", "A small letter, then small letters, digits and dashes; not new, second or server."
        )
    before = {one.name: one for one in await list_providers(store, provider.workspace)}.get(provider.name)
    sealed = before.sealed if before else None
    if secret:
        sealed = seal(key_of(store.settings, make=True), _bound(provider), secret)
    elif before and sealed and _bound(before) != _bound(provider):
        raise FieldError(
            "secret", "The secret belongs to the issuer and client that it was given for: give it again."
        )
    if provider.required and not (before and before.required):
        await _require_tried(store, provider)
    await ask(provider)
    query = """
        insert into providers (workspace, name, title, issuer, client, sealed, domains, role, required, inner_net, by)
        values (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)
        on conflict (workspace, name) do update set title = excluded.title, issuer = excluded.issuer,
            client = excluded.client, sealed = excluded.sealed, domains = excluded.domains, role = excluded.role,
            required = excluded.required, inner_net = excluded.inner_net, by = excluded.by, at = clock_timestamp()
    """
    one = replace(provider, sealed=sealed, by=by)
    values = (
        one.workspace,
        one.name,
        one.title,
        one.issuer,
        one.client,
        one.sealed,
        list(one.domains),
        one.role,
    )
    detail: dict[str, object] = {
        "issuer": one.issuer,
        "client": one.client,
        "domains": list(one.domains),
        "role": one.role,
    }
    detail |= {"required": one.required, "own network": one.inner_net}
    async with store.keeper.pool.connection() as connection, connection.transaction():
        await connection.execute(query, (*values, one.required, one.inner_net, by))
        if one.required:
            await connection.execute(_END_PASSWORDS, (one.workspace,))
        await record(connection, by, "provider.changed" if before else "provider.added", one.name, detail)


async def remove_provider(store: Store, by: str, workspace: str, name: str) -> None:
    """Nobody signs in by it any more, and whoever did is signed out. Raises UnknownName."""
    one = await provider_of(store, workspace, name)
    if one.whole_server:
        raise UserError("It is set by REMIT_OIDC_ISSUER, in the environment of whoever runs the server.")
    query = """
        update sessions set revoked_at = clock_timestamp(), id_token = null
        where how = %s and revoked_at is null and provided_by = %s
    """
    async with store.keeper.pool.connection() as connection, connection.transaction():
        await connection.execute(
            "delete from providers where workspace = %s and name = %s", (workspace, name)
        )
        await connection.execute(query, (one.how, workspace))
        await record(connection, by, "provider.removed", name)


def checked(provider: Provider) -> Provider:
    """Raises FieldError for what cannot be one."""
    if not provider.title.strip() or len(provider.title) > 60 or not provider.title.isprintable():
        raise FieldError("title", "What people call it, in at most 60 characters.")
    require_sealed(provider, provider.issuer, "issuer")
    parts = urlsplit(provider.issuer)
    if parts.query or parts.fragment or len(provider.issuer) > 500 or not provider.issuer.isprintable():
        raise FieldError("issuer", "An address without ? and #, as the provider's own pages name it.")
    if not provider.client.strip() or len(provider.client) > 500 or not provider.client.isprintable():
        raise FieldError("client", "The id that the provider has given to this client.")
    for domain in provider.domains:
        if not DOMAIN.fullmatch(domain):
            raise FieldError(
                "domains", f"{domain[:100]!r} is no domain: write shop.example, without @ and without stars."
            )
    if provider.role is not None and provider.role not in MAY_GIVE:
        raise FieldError("role", f"New people come as one of {', '.join(MAY_GIVE)}.")
    if bool(provider.domains) != bool(provider.role):
        raise FieldError("domains", "Whom to let in and as what belong together: give both, or neither.")
    return provider


def require_sealed(provider: Provider, url: str, where: str) -> None:
    """Raises FieldError for an address that would be asked in the clear: only what is on this very machine may be."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    try:
        loopback = host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        loopback = False
    if (
        not host
        or parts.username
        or not (parts.scheme == "https" or (parts.scheme == "http" and loopback and provider.inner_net))
    ):
        raise FieldError(where, f"{url[:200]!r} is no address that begins with https:// and names a host.")


async def _require_tried(store: Store, provider: Provider) -> None:
    """Else nobody might be left who can sign in and take it back."""
    query = """
        select true from identities join people on people.id = identities.person
        join members on members.person = people.id and members.workspace = %(workspace)s
            and members.role = 'owner' and members.disabled_at is null
        where identities.workspace = %(workspace)s and issuer = %(issuer)s limit 1
    """
    values = {"workspace": provider.workspace, "issuer": provider.issuer}
    async with store.keeper.pool.connection() as connection:
        if await (await connection.execute(query, values)).fetchone() is None:
            raise FieldError(
                "required", "No owner has signed in by it yet: do that first, so that nobody is shut out."
            )


def _bound(provider: Provider) -> str:
    """What a sealed secret opens for: it is sent to nobody else."""
    return f"provider/{provider.workspace}/{provider.name}/{provider.client}/{provider.issuer}"


_END_PASSWORDS = """
    update sessions set revoked_at = clock_timestamp()
    where revoked_at is null and split_part(how, ' ', 1) in ('password', 'invitation')
      and lower(who) in (select lower(name) from people where home = %s)
"""
