"""Secrets at rest: each sealed by AES-256-GCM, bound to its name, under a key that is never in the database.

The key is REMIT_SECRET_KEY, or the file `secret.key` in the data folder, made when the first secret is set and readable
by its owner only. Whoever has a copy of the database alone has nothing.
"""

from __future__ import annotations

import base64
import binascii
import contextlib
import hashlib
import hmac
import os
import re
import stat
import sys
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import LiteralString

from remit.access.audit import record
from remit.errors import UnknownName, UserError
from remit.settings import Settings
from remit.store.guest import DEFAULT
from remit.store.store import Store

NAME = re.compile(r"[A-Za-z][A-Za-z0-9_.-]{0,63}")
SHORTEST = 6  # characters; a shorter one could not be told from other text where it has to be hidden
LONGEST = 64_000  # characters
FILE = "secret.key"
_MARK, _NONCE = 8, 12  # bytes


@dataclass(frozen=True, slots=True)
class Kept:
    """A secret that is there, without its value. `readable`: the key of this process opens it."""

    name: str
    by: str
    set_at: datetime
    readable: bool


async def set_secret(store: Store, name: str, value: str, by: str) -> None:
    """Keep it, in place of the one of that name. Raises UserError for a name or value that cannot be one."""
    if not NAME.fullmatch(name):
        raise UserError(
            f"{name!r} is no name for a secret: a letter, then letters, digits, _ . or -, at most 64"
        )
    if not SHORTEST <= len(value) <= LONGEST or "\0" in value:
        raise UserError(
            f"the value of a secret has {SHORTEST} to {LONGEST:,} characters (none of them NUL): a shorter one could not be "
            "told from other text where it must be hidden"
        )
    sealed = seal(key_of(store.settings, make=True), bound_to(store.workspace, name), value)
    query = """
        insert into secrets (workspace, name, sealed, by) values (%s, %s, %s, %s)
        on conflict (workspace, name) do update set sealed = excluded.sealed, by = excluded.by, set_at = now()
    """
    async with store.pool.connection() as connection, connection.transaction():
        await connection.execute(query, (store.workspace, name, sealed, by))
        await record(connection, by, "secret.set", name)


async def list_secrets(store: Store) -> list[Kept]:
    async with store.pool.connection() as connection:
        query = "select name, by, set_at, sealed from secrets where workspace = %s order by name"
        rows = await (await connection.execute(query, (store.workspace,))).fetchall()
    mark = b""
    with contextlib.suppress(UserError):  # no key here: then none is readable
        mark = _mark(key_of(store.settings)) if rows else b""
    return [Kept(name, by, at, bytes(sealed[:_MARK]) == mark) for name, by, at, sealed in rows]


async def remove_secret(store: Store, name: str, by: str) -> None:
    """Raises UnknownName where there is none of that name."""
    async with store.pool.connection() as connection, connection.transaction():
        query: LiteralString = "delete from secrets where workspace = %s and name = %s"
        if (await connection.execute(query, (store.workspace, name))).rowcount:
            await record(connection, by, "secret.removed", name)
            return
        query = "select name from secrets where workspace = %s"
        rows = await (await connection.execute(query, (store.workspace,))).fetchall()
    raise UnknownName("secret", name, [row[0] for row in rows])


async def sealed_secrets(store: Store, names: Collection[str]) -> dict[str, bytes]:
    """Those of the names that are there, as they are kept."""
    query = "select name, sealed from secrets where workspace = %s and name = any(%s)"
    async with store.pool.connection() as connection:
        rows = await (await connection.execute(query, (store.workspace, list(names)))).fetchall()
    return {name: bytes(sealed) for name, sealed in rows}


def bound_to(workspace: str, name: str) -> str:
    """What a sealed value opens for: put into the row of another name, or of another workspace, it does not."""
    return name if workspace == DEFAULT else f"{workspace}/{name}"


def seal(key: bytes, name: str, value: str) -> bytes:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    nonce = os.urandom(_NONCE)
    return _mark(key) + nonce + AESGCM(key).encrypt(nonce, value.encode(), name.encode())


def unseal(key: bytes, name: str, sealed: bytes) -> str:
    """The value. Raises UserError where it was sealed under another key, or is not what was kept."""
    from cryptography.exceptions import InvalidTag
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    if sealed[:_MARK] != _mark(key):
        raise UserError(
            f"secret {name!r} was set under another key than this machine's: bring its {FILE} to the data folder, give "
            f"REMIT_SECRET_KEY, or set it again: remit secrets set {name}"
        )
    nonce, body = sealed[_MARK : _MARK + _NONCE], sealed[_MARK + _NONCE :]
    try:
        return AESGCM(key).decrypt(nonce, body, name.encode()).decode()
    except InvalidTag as error:
        raise UserError(
            f"secret {name!r} is damaged, or is not the one of that name: remit secrets set {name}"
        ) from error


def key_of(settings: Settings, make: bool = False) -> bytes:
    """The 32 bytes that secrets are sealed under; made where `make` and there are none. Raises UserError."""
    if settings.secret_key is not None:
        return _decoded(settings.secret_key.get_secret_value(), "REMIT_SECRET_KEY")
    path = settings.data_dir / FILE
    if make and not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        new = path.with_name(f"{FILE}.{os.getpid()}.{os.urandom(4).hex()}")
        handle = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "wb") as file:
            file.write(base64.b64encode(os.urandom(32)) + b"\n")
            file.flush()
            os.fsync(handle)
        try:
            with contextlib.suppress(FileExistsError):  # another process was first: its key holds
                os.link(new, path)
        finally:
            new.unlink()
    try:
        text = path.read_text("ascii", "replace")
        mode = path.stat().st_mode
    except FileNotFoundError as error:
        raise UserError(
            f"there is no key for secrets on this machine: {path} is missing. Copy it from the machine where they were "
            "set, give its content as REMIT_SECRET_KEY, or set them again with `remit secrets set`"
        ) from error
    except OSError as error:
        raise UserError(f"the key for secrets, {path}, cannot be read: {error.strerror}") from error
    if sys.platform != "win32" and stat.S_IMODE(mode) & 0o077:
        raise UserError(f"{path} can be read by others than its owner: chmod 600 {path}")
    return _decoded(text, str(path))


def derived(settings: Settings, use: str) -> bytes:
    """A key for another use than sealing, from the same: the same on every machine that has it. Raises UserError."""
    return hmac.new(key_of(settings, make=True), f"remit {use}".encode(), hashlib.sha256).digest()


def _decoded(text: str, where: str) -> bytes:
    try:
        key = base64.b64decode(text.strip().replace("-", "+").replace("_", "/"), validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if len(key) != 32:
        raise UserError(
            f"{where} is no key: it is 32 random bytes in base64, as `openssl rand -base64 32` gives"
        )
    return key


def _mark(key: bytes) -> bytes:
    """Which key it is, told without telling the key."""
    return hashlib.sha256(b"remit secret key " + key).digest()[:_MARK]
