"""What an agent's tools are given by name: databases, folders, addresses; secrets among them as references."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from remit.agents.spec import Agent
from remit.errors import UserError
from remit.store.guest import DEFAULT
from remit.store.sibling import sibling
from remit.store.store import Store


async def resources_of(agent: Agent, given: Mapping[str, Any], store: Store) -> dict[str, Any]:
    """The agent's resources by name; those `given` go before. `$NAME` becomes the reference `env:NAME`, so that no secret is
    journaled; `remit:name` is a database of that name beside Remit's own; `A or B` is B where A's variable is not set."""
    found: dict[str, Any] = {"http_allow": agent.remit.destinations, **given}
    for name, wanted in agent.resources.items():
        if name in found:
            continue
        for choice in (part.strip() for part in wanted.split(" or ")):
            kept = f"env:{choice[1:]}" if os.environ.get(choice[1:]) else ""
            value = kept if choice.startswith("$") else choice
            if value:
                local = value.removeprefix("remit:")
                found[name] = await beside(store, local) if local != value else value
                break
        else:
            raise UserError(f"agent {agent.name}: resource {name!r} needs {wanted} in the environment")
    return found


async def beside(store: Store, name: str) -> str:
    """The URL of a database of that name on Remit's own server, made where it is missing. Each workspace has its own: no
    name of the first one's is one of another's."""
    within = "remit_" if store.workspace == DEFAULT else f"remit-{store.workspace}_"
    return await sibling(store.as_owner(), within + name)
