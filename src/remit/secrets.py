"""Which secrets an agent may use: those that its spec names, and no others."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from remit.agents.spec import Agent
from remit.errors import UserError
from remit.store.secrets import bound_to, key_of, sealed_secrets, unseal
from remit.store.store import Store
from remit.tools.secrets import Secrets, references

KEPT = "secret:"


def named_in(agent: Agent) -> Iterator[str]:
    """The references in an agent's own spec, not in its team's."""
    for text in agent.resources.values():
        for choice in text.split(" or "):
            yield from references(choice.strip())
    for one in agent.connections.values():
        own = (one.mail.password if one.mail else "", one.twilio.token if one.twilio else "")
        for text in (*one.headers.values(), *one.env.values(), *own):
            yield from references(text)


async def open_secrets(agent: Agent, resources: Mapping[str, Any], store: Store | None) -> Secrets | None:
    """What the agent's tools may ask for, of the store's workspace; nothing is unsealed before they do. None: it names none.
    Without a store those that are kept in it are missing."""
    perhaps = {
        value for value in resources.values() if isinstance(value, str) and value.startswith("env:")
    } - set(named_in(agent))
    named = frozenset(named_in(agent)) | perhaps
    if not named:
        return None
    kept = [one.removeprefix(KEPT) for one in named if one.startswith(KEPT)]
    if store is None or not kept:
        return Secrets(named, perhaps=frozenset(perhaps))
    settings, workspace = store.settings, store.workspace

    def open_one(name: str, value: bytes) -> str:
        return unseal(key_of(settings), bound_to(workspace, name), value)

    return Secrets(named, await sealed_secrets(store, kept), open_one, frozenset(perhaps))


async def open_text(text: str, store: Store) -> str:
    """A text with the values in place of its references, for what no agent's tools may ask for. Raises UserError."""
    named = frozenset(references(text))
    kept = [one.removeprefix(KEPT) for one in named if one.startswith(KEPT)]
    sealed = await sealed_secrets(store, kept) if kept else {}

    def open_one(name: str, value: bytes) -> str:
        return unseal(key_of(store.settings), bound_to(store.workspace, name), value)

    return Secrets(named, sealed, open_one).expand(text)


async def require_secrets(agent: Agent, store: Store) -> None:
    """Raises UserError for a secret that the agent or its team names and nobody has set."""
    kept = [one.removeprefix(KEPT) for one in named_in(agent) if one.startswith(KEPT)]
    if kept and (missing := sorted(set(kept) - set(await sealed_secrets(store, kept)))):
        name = missing[0]
        raise UserError(f"agent {agent.name}: there is no secret {name!r}: remit secrets set {name}")
    for member in agent.team:
        await require_secrets(member, store)
