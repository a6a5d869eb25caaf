"""An agent by its name: of the workspace, where it was published there, else of the library; by a path only where the caller
says files may be meant. A draft is never found."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Literal

from remit import library
from remit.agents.load import parse_agent
from remit.agents.spec import Agent
from remit.agents.yaml import line_of, read_file
from remit.catalogue.kept import Kept, find_kept, list_kept
from remit.catalogue.text import team_of
from remit.errors import SpecError, UnknownName, UserError
from remit.journal.search import agents_known
from remit.knowledge.search import unknown_sources
from remit.outfit import find_agent, sources_of
from remit.store.store import Store

Texts = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Found:
    """An agent, and where it is from."""

    agent: Agent
    source: Literal["file", "workspace", "library"]
    version: int | None = None


async def find_any(store: Store, name: str) -> Found:
    """By file, or by name as `find_named` has it. Raises UnknownName, SpecError."""
    if is_file(name):
        agent = find_agent(name)
        await _require_sources(store.whole, agent, Path(name))
        return Found(agent, "file")
    return await find_named(store, name)


async def _require_sources(store: Store, agent: Agent, file: Path) -> None:
    """Raises SpecError, with the line, for a source that the workspace does not have."""
    for name, error in (await unknown_sources(store, sources_of(agent))).items():
        own = name in agent.knowledge
        where = ("knowledge", agent.knowledge.index(name)) if own else ("team",)
        raise SpecError(f"{where[0]}: {error}", str(file), line_of(read_file(file), where)) from error


def is_file(name: str) -> bool:
    return name.endswith((".yaml", ".yml")) or os.sep in name


async def find_named(store: Store, name: str) -> Found:
    """The version that runs of the workspace's agent of that name; else the library's. Raises UnknownName, UserError for one
    that is archived or was never published, SpecError for one whose team cannot be used."""
    kept, ready = await find_kept(store, name), library_of(store)
    if kept is None and name not in ready:
        raise UnknownName("agent", name, {*ready, *await _names(store)})
    if kept is None or (kept.published is None and name in ready):
        return Found(of_library(name), "library")
    if kept.archived_at is not None:
        raise UserError(f"agent {name} is archived: `remit agents restore {name}` takes it back into use")
    if kept.published is None:
        raise UserError(f"agent {name} is a draft: `remit agents publish {name}` lets it run")
    texts = await texts_of(store.whole, team_of(kept.published))
    return Found(_assembled(kept.published, name, tuple(sorted(texts.items()))), "workspace", kept.version)


async def list_at_hand(store: Store) -> list[Found]:
    """Those that can be run by name: the workspace's that are published, and the library's. One that cannot be run now, since
    what it names is not there any more, is left out."""
    own = {one.name for one in await list_kept(store, archived=False) if runs(one)}
    found = []
    for name in sorted({*own, *library_of(store)}):
        with suppress(UserError):
            found.append(await find_named(store, name))
    return found


def library_of(store: Store) -> dict[str, Path]:
    """The library's agents with their files, as far as whoever has the store is there for them."""
    return {name: file for name, file in library.agents().items() if store.sees(name)}


async def names_known(store: Store) -> list[str]:
    """Of all agents that there are or were: kept here, in the library, or begun from a file."""
    kept = [one.name for one in await list_kept(store)]
    return sorted({*kept, *library_of(store), *await agents_known(store)})


async def require_known(store: Store, names: Iterable[str]) -> None:
    """Raises UnknownName."""
    if wanted := list(names):
        known = await names_known(store)
        for name in wanted:
            if name not in known:
                raise UnknownName("agent", name, known)


def of_library(name: str, others: Iterable[str] = ()) -> Agent:
    """Raises UnknownName; `others` are names that would have been right, too."""
    if name not in library.agents():
        raise UnknownName("agent", name, {*library.agents(), *others})
    return _of_library(name)


@lru_cache
def _of_library(name: str) -> Agent:
    """These files come with Remit and stay as they are while it runs."""
    return find_agent(name)


async def texts_of(store: Store, names: Iterable[str]) -> dict[str, str]:
    """The published texts of agents of the workspace that are named, and of all in their teams."""
    found: dict[str, str] = {}
    seen: set[str] = set()
    wanted = list(names)
    while wanted:
        name = wanted.pop()
        if name in seen:
            continue
        seen.add(name)
        kept = await find_kept(store, name)
        if kept is not None and kept.published is not None and kept.archived_at is None:
            found[name] = kept.published
            wanted += team_of(kept.published)
    return found


def finder(texts: Mapping[str, str], *above: str) -> Callable[[str], Agent]:
    """Finds the members of a team by name: among these texts, else in the library; never a file. `above`: in whose team they
    are. Raises UnknownName, SpecError."""

    def find(name: str) -> Agent:
        if name in above:
            raise SpecError(f"team: {name} would be in its own team, by {' and '.join(reversed(above))}")
        if name in texts:
            return parse_agent(texts[name], f"agent {name}", finder(texts, *above, name))
        return of_library(name, texts)

    return find


@lru_cache(maxsize=256)
def _assembled(text: str, name: str, texts: Texts) -> Agent:
    """Read once in a process, as long as nothing of it is published anew."""
    return parse_agent(text, f"agent {name}", finder(dict(texts), name))


async def _names(store: Store) -> list[str]:
    return [one.name for one in await list_kept(store, archived=False) if one.version is not None]


def runs(kept: Kept) -> bool:
    """Whether it can be begun by its name."""
    return kept.version is not None and kept.archived_at is None
