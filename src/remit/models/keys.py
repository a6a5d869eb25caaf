"""Keys of providers that a workspace has given in the browser or by `remit keys`, for where the environment has none.

They are sealed as secrets are, and are no secrets that an agent can name. The environment is the machine's and comes first.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
from collections.abc import Mapping, MutableMapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import psycopg

from remit.access.audit import record
from remit.errors import StoreError, UnknownName, UserError
from remit.models.model import Model
from remit.models.registry import AUTO, PROVIDERS, Provider, configured, open_model, split_names
from remit.settings import Settings
from remit.store.secrets import key_of, seal, unseal
from remit.store.store import Store

BELIEVED = 2.0  # seconds for which it is known who has which keys
SHORTEST, LONGEST = 8, 4000  # characters
KEYED = {one.name: one for one in PROVIDERS if "+" not in one.keys[0]}  # those that one key opens


@dataclass(frozen=True, slots=True)
class KeptKey:
    """A key that is there, without its value. `readable`: the key of this process opens it."""

    provider: str
    by: str
    set_at: datetime
    readable: bool


@dataclass
class Keys:
    """The keys of all workspaces, as this process uses them."""

    store: Store
    _sealed: dict[str, dict[str, bytes]] = field(default_factory=dict)  # workspace -> provider -> sealed
    _until: float = -1.0

    async def of(self, workspace: str) -> dict[str, str]:
        """By provider, those that the environment does not give. One that cannot be opened is left out. Raises StoreError."""
        clock = asyncio.get_running_loop().time
        if clock() >= self._until:
            self._sealed = await self._look()
            self._until = clock() + BELIEVED
        found: dict[str, str] = {}
        for name, sealed in self._sealed.get(workspace, {}).items():
            provider = KEYED.get(name)
            if provider and not provider.unlocked(os.environ):
                value = _opened(self.store.settings, workspace, name, sealed)
                found |= {name: value} if value is not None else {}
        return found

    def forget(self) -> None:
        """Look again at the next call."""
        self._until = -1.0

    async def _look(self) -> dict[str, dict[str, bytes]]:
        found: dict[str, dict[str, bytes]] = {}
        try:
            async with self.store.pool.connection() as connection:
                rows = await connection.execute("select workspace, provider, sealed from model_keys")
                for workspace, provider, sealed in await rows.fetchall():
                    found.setdefault(workspace, {})[provider] = bytes(sealed)
        except (psycopg.Error, OSError) as error:
            raise StoreError(
                f"keys could not be read: {str(error).strip() or type(error).__name__}"
            ) from error
        return found


async def model_of(
    models: MutableMapping[str, Model],
    keys: Keys,
    name: str | Sequence[str],
    workspace: str,
    settings: Settings,
    progress: Any,
) -> Model:
    """The model of that name as the workspace has it; opened once. Where a key of the workspace opens it, it is no other's."""
    key = name if isinstance(name, str) else ",".join(name)
    own = {
        provider: value
        for provider, value in (await keys.of(workspace)).items()
        if _concerns(name, provider, settings)
    }
    if own:
        mark = hashlib.sha256(repr(sorted(own.items())).encode()).hexdigest()[:16]
        key = f"{workspace} {mark} {key}"
    if key not in models:
        models[key] = await open_model(name, settings, progress=progress, keys=own)
    return models[key]


def environment_with(keys: Mapping[str, str]) -> dict[str, str]:
    """The environment as it were if these keys stood in it."""
    return {**{KEYED[name].keys[0]: value for name, value in keys.items()}, **os.environ}


def why_default(settings: Settings, keys: Mapping[str, str]) -> tuple[str, str] | None:
    """What `auto` is by settings and keys, and why that; None: what a server on this machine offers, or the local model."""
    chosen = configured(settings, environment_with(keys))
    if chosen is None or chosen[1] == "REMIT_MODEL":
        return chosen
    provider = chosen[0].partition(":")[0]
    return (chosen[0], "this workspace has a key of it") if provider in keys else chosen


async def list_keys(store: Store) -> list[KeptKey]:
    """Those of the workspace."""
    query = "select provider, by, set_at, sealed from model_keys where workspace = %s order by provider"
    async with store.pool.connection() as connection:
        rows = await (await connection.execute(query, (store.workspace,))).fetchall()
    return [
        KeptKey(
            provider, by, at, _opened(store.settings, store.workspace, provider, bytes(sealed)) is not None
        )
        for provider, by, at, sealed in rows
    ]


async def set_key(store: Store, provider: str, value: str, by: str) -> KeptKey:
    """Keep it, in place of the one that is there. Raises UserError."""
    name, value = _keyed(provider).name, value.strip()
    if (
        not SHORTEST <= len(value) <= LONGEST
        or not value.isprintable()
        or not value.isascii()
        or " " in value
    ):
        raise UserError(
            f"that is no key: {SHORTEST} to {LONGEST:,} letters, digits and signs, without a blank"
        )
    sealed = seal(key_of(store.settings, make=True), _bound(store.workspace, name), value)
    query = """
        insert into model_keys (workspace, provider, sealed, by) values (%s, %s, %s, %s)
        on conflict (workspace, provider) do update set sealed = excluded.sealed, by = excluded.by, set_at = clock_timestamp()
        returning set_at
    """
    async with store.pool.connection() as connection, connection.transaction():
        row = await (await connection.execute(query, (store.workspace, name, sealed, by))).fetchone()
        assert row is not None
        await record(connection, by, "model_key.set", name)
    return KeptKey(name, by, row[0], readable=True)


async def remove_key(store: Store, provider: str, by: str) -> None:
    """Forget it. Raises UnknownName where there is none."""
    query = "delete from model_keys where workspace = %s and provider = %s"
    async with store.pool.connection() as connection, connection.transaction():
        if not (await connection.execute(query, (store.workspace, provider))).rowcount:
            raise UnknownName("key of a provider", provider, [one.provider for one in await list_keys(store)])
        await record(connection, by, "model_key.removed", provider)


def _keyed(name: str) -> Provider:
    if name not in KEYED:
        raise UnknownName("provider", name, KEYED)
    return KEYED[name]


def _concerns(name: str | Sequence[str], provider: str, settings: Settings) -> bool:
    names = split_names(name)
    if names == [AUTO] and settings.model:
        names = split_names(settings.model)
    return names == [AUTO] or any(one.partition(":")[0] == provider for one in names)


def _bound(workspace: str, provider: str) -> str:
    return f"model key {workspace}/{provider}"


def _opened(settings: Settings, workspace: str, provider: str, sealed: bytes) -> str | None:
    try:
        return unseal(key_of(settings), _bound(workspace, provider), sealed)
    except UserError:  # set on another machine, under another key
        return None
