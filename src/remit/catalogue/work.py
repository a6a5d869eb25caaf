"""What people do to agents that are kept here, for the command line, the API and the pages alike: bring one in, save, publish.
Nothing is kept that was not examined, and what is published is examined again: what it names may have changed meanwhile."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from remit import library
from remit.agents.load import load_agent
from remit.agents.lock import with_locks
from remit.agents.spec import Agent
from remit.agents.yaml import plain
from remit.app import App
from remit.catalogue import kept as store_of
from remit.catalogue.examine import examine
from remit.catalogue.find import finder, of_library, texts_of
from remit.catalogue.kept import Kept, find_kept
from remit.catalogue.offered import Wrong, beyond
from remit.catalogue.text import document, team_of, written
from remit.connections.kept import known_connections, with_connections
from remit.errors import SpecError, UserError
from remit.knowledge.search import unknown_sources
from remit.outfit import find_agent, require_groups, sources_of
from remit.tools.registry import installed

Json = Any
LONGEST = 200_000  # characters of one agent


class Unusable(SpecError):
    """A text that no agent can be made of; each thing that is wrong with its place."""

    def __init__(self, wrong: Iterable[Wrong]) -> None:
        self.wrong = tuple(wrong)
        super().__init__("; ".join(said(one) for one in self.wrong[:3]))


def said(one: Wrong) -> str:
    where = ".".join(str(part + 1 if isinstance(part, int) else part) for part in one.where)
    return f"{where}: {one.what}" if where else one.what


async def judged(
    app: App, name: str, text: str, browser: bool = False, base: str | None = None
) -> tuple[Agent | None, list[Wrong]]:
    """The agent that a text makes, and all that is wrong with it. `browser`: it was written in one, over the text `base`, and
    names nothing that the server does not offer."""
    if len(text) > LONGEST:
        return None, [Wrong((), f"has {len(text):,} characters; {LONGEST:,} are the most")]
    try:
        team = team_of(text)
    except SpecError:
        team = ()
    find = finder(await texts_of(app.store.whole, (*team, *(team_of(base) if base else ()))), name)
    within = _within(app, name, base, team, find) if browser else _anything
    known = await known_connections(app.store)
    agent, wrong = examine(text, name, find, within, lambda made: with_connections(made, known))
    if agent is not None and not wrong:
        unknown = await unknown_sources(app.store.whole, sources_of(agent))
        wrong = [Wrong(_in(agent, one), str(error)) for one, error in unknown.items()]
    if agent is not None and not wrong:
        try:
            require_groups(agent, (await app.rules()).groups)
        except UserError as error:
            wrong = [Wrong(("rules",), str(error).removeprefix(f"agent {name}: "))]
    return agent, wrong


def _in(agent: Agent, source: str) -> tuple[str | int, ...]:
    """Where an agent names a source: itself, or somebody in its team."""
    return ("knowledge", agent.knowledge.index(source)) if source in agent.knowledge else ("team",)


def _anything(agent: Agent) -> Iterable[Wrong]:
    return ()


def _within(
    app: App, name: str, base: str | None, team: Iterable[str], find: Callable[[str], Agent]
) -> Callable[[Agent], Iterable[Wrong]]:
    """What a browser may name: of the library, of the agent as it was, of the agents in its team as they are published."""
    before, _ = examine(base, name, find) if base else (None, [])
    trusted = [before] if before else []
    return lambda agent: beyond_a_browser(app, agent, [*trusted, *map(find, team)])


def beyond_a_browser(app: App, agent: Agent, trusted: Iterable[Agent] = ()) -> Iterable[Wrong]:
    """What no browser can name, beside what is in `trusted` agents and the library's."""
    offered = [
        *(app.settings.model or "").split(","),
        *app.models,
    ]  # those that are open were named by others already
    return beyond(agent, [*map(of_library, library.agents()), *trusted], installed(), offered)


async def require_usable(
    app: App, name: str, text: str, browser: bool = False, base: str | None = None
) -> Agent:
    """Raises Unusable."""
    agent, wrong = await judged(app, name, text, browser, base)
    if wrong or agent is None:
        raise Unusable(wrong)
    return agent


async def save(app: App, name: str, text: str, who: str, base: int | None, browser: bool = False) -> Kept:
    """Keep a text as the draft of an agent, a new one where `base` is None. Raises Unusable, Overtaken."""
    now = await find_kept(app.store, name)
    await require_usable(app, name, text, browser, now.text if now else None)
    return await store_of.save_draft(app.store, name, text, who, base)


async def publish(app: App, name: str, who: str, base: int, note: str = "") -> Kept:
    """Let the draft run from now on. Raises Unusable, Overtaken, UserError."""
    now = await store_of.kept(app.store, name)
    if now.draft is not None and now.rev == base:
        await require_usable(app, name, now.draft)
    return await store_of.publish(app.store, name, who, base, note)


async def roll_back(app: App, name: str, version: int, who: str, base: int, note: str = "") -> Kept:
    """Let an old version run again. Raises Unusable, Overtaken, UserError."""
    old = await store_of.version_of(app.store, name, version)
    await require_usable(app, name, old.yaml)
    return await store_of.roll_back(app.store, name, version, who, base, note)


def read_file(path: Path) -> tuple[str, str]:
    """(name, text) of an agent's file. Its text stays as it is; what stands in other files (pinned tools, declarations,
    members of its team by file) comes along. Raises SpecError, UserError."""
    agent = load_agent(path, find_agent)
    text = path.read_text(encoding="utf-8")
    data = document(text, str(path))
    whole = with_locks(plain(data), path)
    moved = False
    if whole.get("connections") != plain(data).get("connections"):
        data["connections"], moved = whole["connections"], True
    for number, member in enumerate(data.get("team") or ()):
        if isinstance(member, str) and member.endswith((".yaml", ".yml")):
            spec = agent.team[number].model_dump(mode="json", by_alias=True, exclude_defaults=True)
            data["team"][number], moved = spec, True
    return agent.name, written(data) if moved else text
