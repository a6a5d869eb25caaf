"""What people say of a connection in a browser: an address, a key, and which of a server's tools may be used.

A browser is a weaker door than a shell (decision 0012): it starts no program, reads no file of the server, and sends a key
nowhere but where it was given for. So a key is typed together with the address, is kept as a secret of this connection alone,
and is asked for again when the address changes."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from urllib.parse import urlsplit

from pydantic import ValidationError

from remit.agents.lock import Lock
from remit.channels.line import API as API_OF_LINES
from remit.channels.mailbox import ADDRESS, Mailbox
from remit.channels.slack import API
from remit.connections.kept import CALLED, Linked, linked_of, list_connections, literal, set_connection
from remit.connections.pinning import Seen
from remit.connections.reaching import told
from remit.errors import FieldError, UserError
from remit.store.secrets import set_secret
from remit.store.store import Store
from remit.tools.linked import WAYS
from remit.tools.mcp.definition import Declaration, Definition

# What a connection to a number says of itself -> the field of the form
PLACES = {
    "account": "user",
    "number": "number",
    "whatsapp": "whatsapp",
    "callback": "callback",
    "leave": "leave",
}
EFFECTS = {  # what a person says that a tool does, in words
    "destroy": "changes something there",
    "egress": "looks, at a system of somebody else",
    "read": "looks, at a system of ours",
}


@dataclass(frozen=True, slots=True)
class Form:
    """What was typed. `key` is never shown again."""

    name: str = ""
    kind: str = "mcp"
    address: str = ""
    header: str = "Authorization"
    key: str = ""
    role: str = ""
    person: str = ""
    smtp: str = ""
    imap: str = ""
    user: str = ""
    trusts: str = ""
    sent: str = "remit"
    unsubscribe: str = ""
    signing: str = ""  # never shown again, as the key
    number: str = ""
    whatsapp: str = ""
    callback: str = ""
    rate: str = ""  # as `60/m, 1000/d`; "none": as fast as it goes; "": as its kind has it
    track: str = ""  # as `opens, clicks`
    leave: str = ""


def form_of(name: str, linked: Linked) -> Form:
    """What a form begins from; without the key."""
    one = linked.connection
    header = next(iter(one.headers), "Authorization")
    address = "" if linked.url.startswith("secret:") else linked.where
    rate = "" if one.rate is None else ", ".join(one.rate) or "none"
    made = Form(name, linked.kind, address, header, "", one.role, one.person, rate=rate)
    if one.twilio is not None:
        line = one.twilio
        numbers = {
            "number": line.number,
            "whatsapp": line.whatsapp,
            "callback": line.callback,
            "leave": line.leave,
        }
        return replace(made, address=line.api, user=line.account, **numbers)
    if one.mail is None:
        return made
    names = ("address", "smtp", "imap", "user", "trusts", "sent", "unsubscribe")
    track = ", ".join(one.mail.track)
    return replace(made, track=track, **{name: getattr(one.mail, name) for name in names})


async def keep(store: Store, form: Form, who: str, within: bool) -> Linked:
    """Keep the connection that a form says, and its key as a secret. `within`: whoever says it may have the server reach into
    its own network. Raises FieldError."""
    before = next((row.linked for row in await list_connections(store) if row.name == form.name), None)
    if form.kind not in CALLED:
        raise FieldError("kind", f"one of {', '.join(CALLED)}")
    if before is not None and before.kind != form.kind:
        raise FieldError(
            "name", f"is the name of a connection of another kind already: {CALLED[before.kind]}"
        )
    data, given = _said(form, before)
    if form.rate.strip() and form.kind in WAYS:
        data["rate"] = form.rate
    try:
        linked = linked_of(form.name, data)
    except UserError as error:
        whole = (one for one in ("rate", "mail.track") if str(error).startswith(one))
        field = next((one for one in PLACES if str(error).startswith(f"{form.kind}.{one}")), "address")
        field = next(whole, field).removeprefix("mail.")
        field = PLACES.get(field, field)
        raise FieldError("name" if "no name for" in str(error) else field, str(error)) from error
    if not within:
        _require_outside(form, linked)
    if before is not None and before.where == linked.where:  # the same server: what was read of it stays read
        kept = {name: getattr(before.connection, name) for name in ("declare", "server", "pinned")}
        linked = linked.model_copy(update={"connection": linked.connection.model_copy(update=kept)})
    for field, value in given.items():
        try:
            await set_secret(store, secret_of(form.name, form.kind, field), value, who)
        except UserError as error:
            raise FieldError(field, str(error)) from error
    await set_connection(store, form.name, linked, who)
    return linked


def secret_of(name: str, kind: str, field: str = "key") -> str:
    """What a secret of a connection is kept as."""
    return f"{name}.{'url' if kind == 'sql' else field}"


def _said(form: Form, before: Linked | None) -> tuple[dict[str, object], dict[str, str]]:
    """The data of the connection, and the secrets to keep, by field. Raises FieldError."""
    if form.kind == "mail":
        return _mail(form, before)
    if form.kind == "twilio":
        return _line(form, before)
    if form.kind == "slack" and not form.address:
        form = replace(form, address=API)
    data, key = _database(form, before) if form.kind == "sql" else _service(form, before)
    given = {"key": key} if key else {}
    if form.kind != "slack":
        return data, given
    if form.signing or (before is not None and before.connection.signing):
        data["signing"] = f"secret:{secret_of(form.name, form.kind, 'signing')}"
    return data, given | ({"signing": form.signing} if form.signing else {})


def _require_outside(form: Form, linked: Linked) -> None:
    """Whoever is no owner has the server reach nothing of its own network. Raises FieldError."""
    if form.kind == "sql":
        raise FieldError("address", "a database is for an owner to add")
    for url in linked.servers:
        if literal(url):
            field = "imap" if url == form.imap else "smtp" if url == form.smtp else "address"
            raise FieldError(field, "is in the server's own network: an owner can add that")


def _mail(form: Form, before: Linked | None) -> tuple[dict[str, object], dict[str, str]]:
    """Of a mailbox: the data of the connection, and its password."""
    for field, url in (("smtp", form.smtp), ("imap", form.imap)):
        try:
            Mailbox(address="desk@shop.example", **{field: url}) if url else None
        except ValidationError as error:
            raise FieldError(field, error.errors()[0]["msg"].partition(": ")[2]) from error
    if not ADDRESS.fullmatch(form.address.rpartition("<")[2].rstrip("> ")):
        raise FieldError("address", "write the mailbox's own address, as desk@shop.example")
    if not form.smtp and not form.imap:
        raise FieldError("smtp", "say where it sends, or where it reads, or both")
    was = before.connection.mail if before is not None else None
    moved = was is not None and (was.smtp, was.imap) != (form.smtp, form.imap)
    if not form.key and (was is None or moved):
        why = (
            "the password of the mailbox"
            if was is None
            else "the servers are others: give the password again"
        )
        raise FieldError("key", why)
    names = ("address", "smtp", "imap", "user", "trusts", "sent", "unsubscribe")
    said: dict[str, object] = {name: getattr(form, name) for name in names}
    said["password"] = f"secret:{secret_of(form.name, form.kind)}"
    said["track"] = [one.strip() for one in form.track.split(",") if one.strip()]
    return {"mail": said}, {"key": form.key} if form.key else {}


def _line(form: Form, before: Linked | None) -> tuple[dict[str, object], dict[str, str]]:
    """Of a number: the data of the connection, and the account's token."""
    was = before.connection.twilio if before is not None else None
    api = form.address or API_OF_LINES
    moved = was is not None and (was.api, was.account) != (api, form.user)
    if not form.user:
        raise FieldError("user", "the account's id, AC and 32 digits")
    if not form.number and not form.whatsapp:
        raise FieldError("number", "say by which number it writes SMS, or WhatsApp, or both")
    if not form.key and (was is None or moved):
        raise FieldError(
            "key", "the account's auth token" + ("; the account is another one" if moved else "")
        )
    said: dict[str, object] = {"account": form.user, "api": api}
    said |= {"number": form.number, "whatsapp": form.whatsapp, "callback": form.callback}
    said |= {"leave": form.leave} if form.leave.strip() else {}
    said["token"] = f"secret:{secret_of(form.name, form.kind)}"
    return {"twilio": said}, {"key": form.key} if form.key else {}


def _service(form: Form, before: Linked | None) -> tuple[dict[str, object], str]:
    """Of an API or a server of tools: the data of the connection, and the key to keep."""
    parts = urlsplit(form.address)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise FieldError(
            "address", "write an address with https://; a program is started by `remit connections add` only"
        )
    if parts.username or parts.password:
        raise FieldError("address", "has a password in it: give it as the key")
    moved = before is not None and before.where != form.address
    had = bool(before and before.connection.headers)
    if moved and had and not form.key:
        raise FieldError("key", "the address is another one: give the key again, which is sent there")
    if form.kind == "slack" and not form.key and not had:
        raise FieldError("key", "the bot's token, as xoxb-…")
    if not form.key and not had:
        return {form.kind: form.address}, ""
    if not form.header.strip():
        raise FieldError("header", "say in which header the key is sent: Authorization")
    bearer = "Bearer " if form.header.strip().lower() == "authorization" else ""
    headers = {form.header.strip(): f"{bearer}secret:{secret_of(form.name, form.kind)}"}
    return {form.kind: form.address, "headers": headers}, form.key


def _database(form: Form, before: Linked | None) -> tuple[dict[str, object], str]:
    """Of a database: its address has its password in it, and is the key."""
    secret = f"secret:{secret_of(form.name, form.kind)}"
    more = {"role": form.role, "person": form.person}
    if not form.address and before is not None and before.url == secret:
        return {"url": secret, **more}, ""  # as it is
    if not urlsplit(form.address).hostname:
        raise FieldError(
            "address", "write it as postgresql://user:password@host/name; a file is named by a shell only"
        )
    return {"url": secret, **more}, form.address


async def pin(
    store: Store,
    name: str,
    linked: Linked,
    seen: Seen,
    given: Mapping[str, str],
    who: str,
) -> int:
    """Let the tools that a person has read be used, as a form says: `tool:NAME` is the hash of what was shown, `effect:NAME` what it does,
    and `reach:NAME` with what belongs to it whom it reaches. Raises UserError where the server says something else by now."""
    read = {key.removeprefix("tool:"): sha for key, sha in given.items() if key.startswith("tool:")}
    if other := [
        tool for tool, sha in read.items() if tool not in seen.now.tools or seen.now.tools[tool].sha256 != sha
    ]:
        raise UserError(f"the server has changed {_listed(other)} since you read it; look again")
    tools = {tool: seen.now.tools[tool] for tool in read}
    declare = {
        name: _declared(tool, given, linked.connection.declare.get(name)) for name, tool in tools.items()
    }
    lock = Lock(server=seen.now.server, tools=tools)
    changes = {"server": lock.server, "pinned": lock.tools, "declare": declare}
    made = linked.model_copy(update={"connection": linked.connection.model_copy(update=changes)})
    await set_connection(store, name, made, who)
    return len(tools)


def _declared(tool: Definition, given: Mapping[str, str], before: Declaration | None) -> Declaration:
    """What a form says of a tool; what it does not speak of stays as it was. Raises UserError."""
    was = before or Declaration()
    effect = given.get(f"effect:{tool.name}", was.effect)
    if effect not in EFFECTS:
        raise UserError(f"{tool.name}: say what it does: {', '.join(EFFECTS)}")
    says = was.model_copy(update={"effect": effect})
    return says.model_copy(update={"reaches": told(tool, given, says)})


def _listed(names: Collection[str]) -> str:
    shown = sorted(names)[:3]
    return ", ".join(shown) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
