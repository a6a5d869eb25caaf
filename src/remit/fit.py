"""What an agent must have before a run of it begins, so that what cannot work is said then and not on the way."""

from __future__ import annotations

from collections.abc import Collection

from remit.agents.spec import Agent
from remit.agents.workspace import Workspace
from remit.connections.kept import resolved
from remit.errors import UnknownName
from remit.knowledge.search import require_sources
from remit.outfit import outfit, require_forms, require_groups, sources_of
from remit.secrets import require_secrets
from remit.store.store import Store


async def fitted(agent: Agent, workspace: Workspace, store: Store, grant: Collection[str] = ()) -> Agent:
    """The agent as it begins: under the workspace's rules, with its connections, and without triggers. `grant`: tools that it
    should be let use. Raises UserError for what it names and is not there, or cannot be used."""
    agent = workspace.over(await resolved(agent, store))
    agent = agent.model_copy(update={"triggers": ()}) if agent.triggers else agent
    tools = outfit(agent).tools
    if unknown := set(grant) - set(tools):
        raise UnknownName("tool", min(unknown), tools, "grant")
    require_forms(agent)
    require_groups(agent, workspace.groups)
    await require_secrets(agent, store)
    await require_sources(store.whole, sources_of(agent), f"agent {agent.name}: knowledge")
    return agent
